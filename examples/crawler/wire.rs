//! What the processes tell each other: one JSON object a line over a pipe.
//!
//! The other direction needs no format: a crawler reads one link a line, and every
//! child takes the end of its standard input as the order to stop. The kernel
//! closes that pipe when the parent dies, however it dies, so no child is left over.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A crawler's report.
#[derive(Debug, Serialize, Deserialize)]
pub enum Crawled {
    /// Both limits granted a permit for `path`; written before the request is sent, so a
    /// request without it is a request without a permit.
    Granted {
        path: String,
        /// The host that will be asked, by its number.
        host: usize,
        /// What the limit of that host granted.
        by_host: Permitted,
        /// What the limit of all hosts granted.
        by_all: Permitted,
    },
    /// The server answered.
    Fetched {
        path: String,
        status: u16,
        bytes: u64,
        /// Links on the page, to anywhere, repetitions included.
        links: u64,
        /// Those to this server that this crawler has not reported before.
        new: Vec<String>,
    },
    /// No answer, or none that could be read.
    Failed { path: String, error: String },
}

/// One permit. Times are in microseconds since the epoch of the limiter's segment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Permitted {
    /// The limiter's clock before the call.
    pub before: u64,
    /// The permit's own instant.
    pub at: u64,
    /// The limiter's clock after the call.
    pub after: u64,
    /// How often the call slept for it.
    pub sleeps: u32,
}

/// The server's report.
#[derive(Debug, Serialize, Deserialize)]
pub enum Served {
    /// Said once, when connections are accepted: the address of each host.
    Listening(Vec<SocketAddr>),
    /// A request arrived.
    Arrival(Arrival),
}

/// One line of the server's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arrival {
    /// When the request arrived, by [`super::clock`].
    pub at: u64,
    /// The host whose address it came to, by its number.
    pub host: usize,
    pub path: String,
    /// `None` if the client hung up before it was answered.
    pub status: Option<u16>,
}

/// Writes one report to the parent, whole and at once.
pub fn tell(report: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    io::stdout().lock().write_all(&line)
}

/// Waits for the order to stop: the end of standard input.
pub fn until_stopped() {
    // A pipe that cannot be read has no parent behind it either.
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
}
