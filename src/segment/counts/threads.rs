//! Numbers for the threads of this process: small ones, no two that live have the same.

use crate::sync::{AtomicU64, Ordering};
use std::cell::Cell;

/// How many numbers there are. The last is that of all who have none.
pub const NUMBERS: usize = 256;
const NONE: usize = NUMBERS - 1;
const BITS: usize = 64;

/// A bit for each number that a thread has. A child inherits those of its parent's threads:
/// they are lost to it, but for the one that forked.
static TAKEN: [AtomicU64; NUMBERS / BITS] = [const { AtomicU64::new(0) }; NUMBERS / BITS];

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    static END: End = const { End };
}

/// Gives the thread's number back when the thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let number = NUMBER.replace(NONE);
        if number != NONE {
            let word = &TAKEN[number / BITS];
            // Release: pairs with the Acquire in `obtain`: what this thread has counted, the
            // next one adds to.
            word.fetch_and(!(1 << (number % BITS)), Ordering::Release);
        }
    }
}

/// The number of this thread: below [`NUMBERS`].
#[inline(always)]
pub fn number() -> usize {
    NUMBER.get() & (NUMBERS - 1)
}

/// The same for a thread that has none yet, or none left to have: then `None`.
pub fn obtain() -> Option<usize> {
    let here = number();
    if here != NONE {
        return Some(here);
    }
    // A thread that is about to end gets none any more.
    END.try_with(|_| ()).ok()?;
    for (index, word) in TAKEN.iter().enumerate() {
        // Relaxed: a hint.
        let mut seen = word.load(Ordering::Relaxed);
        while seen != u64::MAX {
            let bit = seen.trailing_ones() as usize;
            let number = index * BITS + bit;
            if number == NONE {
                return None;
            }
            // Acquire: pairs with the Release of the thread that had it before.
            match word.compare_exchange(seen, seen | 1 << bit, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => {
                    NUMBER.set(number);
                    return Some(number);
                }
                Err(now) => seen = now,
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn threads_that_live_together_have_different_numbers_and_give_them_back() {
        let crowd = |size: usize| {
            let barrier = Barrier::new(size);
            thread::scope(|scope| {
                let threads: Vec<_> = (0..size)
                    .map(|_| {
                        scope.spawn(|| {
                            let number = obtain();
                            assert_eq!(obtain(), number, "it keeps it");
                            barrier.wait();
                            number
                        })
                    })
                    .collect();
                let numbers = threads.into_iter().map(|thread| thread.join().unwrap());
                numbers.collect::<Vec<_>>()
            })
        };
        for _ in 0..20 {
            let numbers: Vec<usize> = crowd(40).into_iter().flatten().collect();
            let different: HashSet<&usize> = numbers.iter().collect();
            assert_eq!(different.len(), 40, "{numbers:?}");
        }
        let many = crowd(300);
        assert!(many.contains(&None), "there are not so many");
        assert!(crowd(40).iter().all(Option::is_some), "all were given back");
    }
}
