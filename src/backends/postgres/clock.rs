//! The clock of a PostgreSQL server.

use super::PostgresBucket;
use super::builder::PostgresBuilder;
use super::fault::Fault;
use super::reach::Reach;
use crate::bucket::Home;
use crate::clock::{Clock, ClockError};
use crate::error::{BackendError, OpenError, Outcome};
use crate::timestamp::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// The time of a PostgreSQL server, since 1970: for a bucket of your own whose hosts share that
/// server. It is asked each time, by a small runtime of the clock's own, in one thread; the
/// caller's thread waits. A server that does not answer is an error, and the next look finds
/// it again.
///
/// ```no_run
/// use tidegate::{Clock, PostgresClock};
///
/// let clock = PostgresClock::at("host=limits.internal user=api")?;
/// println!("{}", clock.now()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PostgresClock {
    reach: Arc<Reach>,
    home: Home,
}

const NAME: &str = "PostgreSQL server's";
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl PostgresClock {
    /// The clock of the server at that address. It is not asked yet.
    ///
    /// # Errors
    ///
    /// [`OpenError::Backend`]: the address is none.
    pub fn at(address: impl AsRef<str>) -> Result<Self, OpenError> {
        Self::by(PostgresBucket::at(address, ""))
    }

    /// The clock of the server that a builder of buckets reaches, in the way that it says:
    /// encrypted, say. Its other wishes do not matter.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub fn by(mut builder: PostgresBuilder) -> Result<Self, OpenError> {
        Ok(Self {
            reach: Arc::new(Reach::new(builder.server()?)),
            home: Home::own(),
        })
    }
}

impl Clock for PostgresClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let crew = self.home.crew().map_err(failed)?;
        let (tell, answer) = sync_channel(1);
        let reach = self.reach.clone();
        crew.spawn(async move {
            // Nobody else waits for it.
            let _ = tell.send(ask(&reach).await);
        });
        let answer = answer.recv().unwrap_or_else(|_| {
            let why = "its thread has panicked";
            Err(BackendError::new(
                "the clock's thread",
                "answer",
                Outcome::Undone,
                why,
            ))
        });
        answer.map_err(failed)
    }
}

async fn ask(reach: &Reach) -> Result<Timestamp, BackendError> {
    let told = async {
        let rows = reach.ask(NOW, &[]).await?;
        let strange = |why: String| Fault::damaged(why);
        let row = rows.first().ok_or_else(|| strange("no row".into()))?;
        let micros: i64 = row.try_get(0).map_err(|error| strange(error.to_string()))?;
        Ok(Timestamp::from_micros(u64::try_from(micros).unwrap_or(0)))
    };
    told.await
        .map_err(|fault: Fault| fault.into_backend_error("tell the time"))
}

fn failed(error: BackendError) -> ClockError {
    ClockError::new(NAME, error)
}
