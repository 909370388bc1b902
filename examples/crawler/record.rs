//! What a run leaves behind: the logs of its processes, and their sums.

use tidegate_judge::Grant;

use super::wire::Arrival;

/// The logs of a run.
#[derive(Default)]
pub struct Record {
    /// Every grant, as the crawlers logged it.
    pub grants: Vec<Granted>,
    /// Every arrival, as the server logged it.
    pub arrivals: Vec<Arrival>,
    /// Requests without an answer: path and error.
    pub failures: Vec<(String, String)>,
    /// What went wrong with the processes, one sentence each.
    pub troubles: Vec<String>,
}

/// A request that both limits let pass.
pub struct Granted {
    pub path: String,
    /// The host, by its number.
    pub host: usize,
    /// What the limit of that host granted.
    pub by_host: Grant,
    /// What the limit of all hosts granted.
    pub by_all: Grant,
}

/// What one crawler did.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub process: u32,
    /// Links it is through with: answers of any status, and failures.
    pub answers: u64,
    /// Answers of status 200.
    pub pages: u64,
    pub bytes: u64,
    pub links: u64,
}
