//! A client's own log, and what can be said of it.

use std::fs;
use std::path::Path;

use nix::time::{ClockId, clock_gettime};
use tidegate::Limiter;
use tidegate_judge::{Grant, Rate};

/// One answer, as wrk's script wrote it down.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// When the request was written, in microseconds.
    pub sent: u64,
    /// When the answer had been read.
    pub received: u64,
    /// When it was granted, on the limiter's clock.
    pub granted: Option<u64>,
    pub worker: i32,
    pub retry_after: Option<u64>,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let &[status, sent, received, granted, worker, retry_after] = &words[..] else {
            return None;
        };
        Some(Self {
            status: status.parse().ok()?,
            sent: sent.parse().ok()?,
            received: received.parse().ok()?,
            granted: granted.parse().ok(),
            worker: worker.parse().ok()?,
            retry_after: retry_after.parse().ok(),
        })
    }
}

/// All that a client was answered so far, by all its threads.
pub fn read(folder: &Path, client: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == client) {
            let text = fs::read_to_string(path).unwrap();
            // The last line may be under way.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            answers.extend(whole.lines().map(|line| Answer::parse(line).expect(line)));
        }
    }
    answers
}

/// The grants, with the client's instants around them on the limiter's clock.
pub fn grants(answers: &[Answer], epoch: u64) -> Vec<Grant> {
    let passed = answers.iter().filter(|answer| answer.status == 200);
    let grant = |answer: &Answer| Grant {
        // Both clocks are rounded down to the microsecond.
        before: answer.sent.saturating_sub(epoch + 1),
        at: answer.granted.expect("the server says when"),
        after: answer.received.saturating_sub(epoch) + 1,
        weight: 1,
        worker: answer.worker as u32,
        sleeps: 0,
    };
    passed.map(grant).collect()
}

/// The most requests that were sent, granted and answered within any window of that rate, by
/// the client's clock alone. The client does not know when within a request it was
/// granted: only a request that is in the window as a whole was surely granted in it.
pub fn most_within(answers: &[Answer], rate: Rate) -> u64 {
    let mut passed: Vec<(u64, u64)> = (answers.iter())
        .filter(|answer| answer.status == 200)
        .map(|answer| (answer.sent, answer.received))
        .collect();
    passed.sort_unstable();
    let within = |start: usize| {
        let end = passed[start].0.saturating_add(rate.interval());
        let later = passed[start..].iter().take_while(|(sent, _)| *sent < end);
        later.filter(|(_, received)| *received < end).count() as u64
    };
    (0..passed.len()).map(within).max().unwrap_or(0)
}

/// When the limiter's clock began, on the one that wrk's script reads. This process may be
/// paused between the two readings: the nearest pair counts.
pub fn epoch(limiter: &Limiter) -> u64 {
    let micros = || {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap();
        now.tv_sec() as u64 * 1_000_000 + now.tv_nsec() as u64 / 1000
    };
    let pairs = (0..1000).map(|_| micros().saturating_sub(limiter.now().unwrap().as_micros()));
    pairs.max().unwrap()
}
