//! The clock of a Redis or Valkey server.

use super::fault::Fault;
use super::lines::Lines;
use super::node::Server;
use super::steer::read_time;
use crate::backends::by_process::ByProcess;
use crate::clock::{Clock, ClockError};
use crate::timestamp::Timestamp;
use redis::{Client, IntoConnectionInfo, RedisError, cmd};
use std::fmt;

/// The time of a Redis or Valkey server, since 1970: for a bucket of your own whose hosts share
/// that server. It is asked each time. A server that does not answer is an error, and the next
/// look finds it again.
///
/// ```no_run
/// use tidegate::{Clock, RedisClock};
///
/// let clock = RedisClock::at("redis://limits.internal/")?;
/// println!("{}", clock.now()?);
/// # Ok::<(), tidegate::ClockError>(())
/// ```
pub struct RedisClock {
    server: Server,
    lines: ByProcess<Lines>,
}

const NAME: &str = "Redis server's";

impl RedisClock {
    /// The clock of the server at that address. It is not asked yet.
    ///
    /// # Errors
    ///
    /// The address is none.
    pub fn at(address: impl IntoConnectionInfo) -> Result<Self, ClockError> {
        let client = Client::open(address).map_err(failed)?;
        Ok(Self {
            server: Server::new(client),
            lines: ByProcess::new(Lines::default()),
        })
    }
}

impl Clock for RedisClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let lines = self.lines.here(Lines::default);
        let answer = lines.ask(&self.server, &cmd("TIME"));
        let failed = |fault: Fault| ClockError::new(NAME, fault.into_error("tell the time"));
        answer.and_then(read_time).map_err(failed)
    }
}

fn failed(error: RedisError) -> ClockError {
    ClockError::new(NAME, error)
}

impl fmt::Debug for RedisClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address: there may be a password in it.
        f.debug_struct("RedisClock").finish_non_exhaustive()
    }
}
