//! Reading all counts: what the segment has seen, and who it was.

use super::line::{COUNTS, Count, Line};
use super::{Counts, Site, start_of};
use crate::segment::lock::lines_held;
use crate::segment::mapping::Mapping;
use crate::sync::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::process;

/// Each thing that is counted, by [`Count`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally([u64; COUNTS]);

impl Tally {
    pub fn get(&self, what: Count) -> u64 {
        self.0[what as usize]
    }

    fn of(words: &[AtomicU64; COUNTS]) -> Self {
        // Relaxed: statistics.
        Self(words.each_ref().map(|word| word.load(Ordering::Relaxed)))
    }

    /// Counts may be garbage.
    fn add(&mut self, other: Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }

    fn less(self, before: Self) -> Self {
        let mut rest = self;
        for (count, before) in rest.0.iter_mut().zip(before.0) {
            *count = count.saturating_sub(before);
        }
        rest
    }
}

/// What one process counts, by all its threads that have lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counter {
    pub pid: u64,
    /// When it was started, in the system's ticks since the boot.
    pub start: u64,
    pub tally: Tally,
    /// Its callers that wait.
    pub waiting: u64,
    pub last_use: u64,
}

/// What all lines say.
#[derive(Debug, Default)]
pub struct Account {
    /// Since the segment was made, those that are gone among them.
    pub total: Tally,
    /// Who has a line now.
    pub counters: Vec<Counter>,
    /// Buckets as they pack, and how often they were refused at most.
    pub refused: HashMap<u64, u64>,
}

impl Counts {
    /// What all lines say.
    pub fn read(&self) -> Account {
        let mapping = self.page.mapping();
        let lines = mapping.shape().lines();
        let held = match &self.site {
            Site::Memory => None,
            Site::File(inode, path) => {
                let held = inode.reopen_to_read(path);
                let held = held.and_then(|file| lines_held(&file, lines as u32));
                // It was removed: whoever uses it is about to leave.
                Some(held.unwrap_or_default())
            }
            Site::Unlocked => Some(Vec::new()),
        };
        let is_held = |index: u64, pid: u64| match &held {
            Some(held) => held.get(index as usize).is_some_and(|&held| held),
            // A child has a copy of what its parent's threads have counted.
            None => pid == u64::from(process::id()),
        };
        read(mapping, is_held)
    }
}

fn read(mapping: &Mapping, is_held: impl Fn(u64, u64) -> bool) -> Account {
    let mut account = Account::default();
    let mut counters = HashMap::<(u64, u64), (Counter, u64)>::new();
    for index in 0..mapping.shape().lines() {
        let record = mapping.record(index);
        let line = record.line();
        account.total.add(Tally::of(&line.counts));
        for (spot, refusals) in record.sketch().into_iter().flat_map(|sketch| sketch.read()) {
            let sum = account.refused.entry(spot).or_default();
            *sum = sum.saturating_add(refusals);
        }
        let Some((own, waiting)) = own(line).filter(|(own, _)| is_held(index, own.pid)) else {
            continue;
        };
        let (process, waits) = counters.entry((own.pid, own.start)).or_insert((
            Counter {
                tally: Tally::default(),
                last_use: 0,
                ..own
            },
            0,
        ));
        process.tally.add(own.tally);
        process.last_use = process.last_use.max(own.last_use);
        *waits = waits.wrapping_add(waiting);
    }
    let counters = counters.into_values().map(|(process, waits)| Counter {
        // Seen in between, or garbage: below zero.
        waiting: if waits < 1 << 63 { waits } else { 0 },
        ..process
    });
    account.counters = counters.collect();
    account
}

/// What a line's owner has counted on it, and how many of its callers wait.
fn own(line: &Line) -> Option<(Counter, u64)> {
    let owner = &line.owner;
    // Acquire, all: the first pairs with the Release in `pass_to`; the others keep the last
    // load behind them.
    let pid = owner.pid.load(Ordering::Acquire);
    let get = |word: &AtomicU64| word.load(Ordering::Acquire);
    let counts = Tally(line.counts.each_ref().map(get));
    let before = Tally(owner.before.each_ref().map(get));
    let (start, waiting, last_use) = (get(&owner.start), get(&line.waiting), get(&line.last_use));
    let is_steady = pid != 0 && owner.pid.load(Ordering::Relaxed) == pid;
    let counter = Counter {
        pid,
        start,
        tally: counts.less(before),
        waiting: 0,
        last_use,
    };
    is_steady.then_some((counter, waiting))
}

impl Counter {
    /// What the system calls the process, if it can be seen: it may be in another pid namespace.
    pub fn command(&self) -> Option<String> {
        let pid = self.pid.to_string();
        if start_of(&pid)? != self.start {
            return None;
        }
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = line
            .split(|&byte| byte == 0)
            .filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
        match words.is_empty() {
            false => Some(words.join(" ")),
            true => {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
                Some(name.trim_end().to_owned())
            }
        }
    }
}
