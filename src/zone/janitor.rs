//! One round of tidying a zone: forget what counts no more, finish and mend what is left
//! half done, evict keys that are idle, and take back buckets that were lost.

use crate::ring::Refusal;
use crate::segment::report::Tidied;
use crate::zone::Zone;
use crate::zone::bucket::Spot;
use crate::zone::denied::Denied;
use std::thread;
use std::time::Duration;

/// After so many buckets the janitor lets others go first.
const SLICE: u64 = 1024;
const REST: Duration = Duration::from_millis(1);

impl Zone {
    /// Tidies all buckets.
    pub fn tidy(&self) -> Result<Tidied, Denied> {
        let mut done = Tidied::default();
        if !self.has_keys() {
            let only = self.bucket(Spot::ONLY);
            done.leaked = only.leak()?;
            done.live = only.count()?;
            return Ok(done);
        }
        for index in 0..self.directory().used() {
            if index % SLICE == SLICE - 1 {
                thread::sleep(REST);
            }
            self.tidy_one(index, &mut done)?;
        }
        done.reclaimed = self.reclaim();
        Ok(done)
    }

    fn tidy_one(&self, index: u64, done: &mut Tidied) -> Result<(), Denied> {
        self.check()?;
        let _entered = self.enter();
        let directory = self.directory();
        let Some((place, key)) = directory.tenant(index) else {
            return Ok(());
        };
        let bucket = self.bucket(Spot {
            place,
            key: Some(key),
        });
        let tidied = bucket
            .leak()
            .and_then(|leaked| Ok((leaked, bucket.count()?)));
        let (leaked, live) = match tidied {
            // Taken from its key meanwhile.
            Err(Refusal::Closed) => return Ok(()),
            tidied => tidied?,
        };
        done.leaked.permits += leaked.permits;
        done.leaked.repairs += leaked.repairs;
        done.live += live;
        if directory.evict(index, self.plan(), self.clock())? {
            done.evicted += 1;
        } else {
            done.keys += 1;
        }
        Ok(())
    }

    /// Takes back buckets that were lost, if this process can tell that it is alone.
    fn reclaim(&self) -> u64 {
        let Some(segment) = self.segment().filter(|segment| segment.is_alone()) else {
            return 0;
        };
        let look = || {
            let _entered = self.enter();
            self.directory().strays()
        };
        match look() {
            Some(strays) if !strays.is_empty() && segment.is_alone() => {
                let _entered = self.enter();
                self.directory().reclaim(&strays)
            }
            _ => 0,
        }
    }
}
