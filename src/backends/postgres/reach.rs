//! How the server is reached: connections, by process, and questions that are asked through
//! them.

use super::fault::{Fault, PostgresError};
use crate::backends::by_process::ByProcess;
use crate::error::Outcome;
use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, Runtime, TimeoutType,
};
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row};

/// So often is tried again what others were in the way of.
const TRIES: u32 = 8;

/// What each connection is told first. A statement sees what was committed before it began:
/// without that, whoever has waited for a lock would not see what it has waited for. Plans
/// are made once, and never read a whole table where there is an index: a small table
/// grows.
const MANNERS: &str = "\
    SET default_transaction_isolation = 'read committed'; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off";

/// How a connection is made.
#[derive(Clone)]
pub struct Server {
    pub config: Config,
    pub connect: Arc<dyn Connect>,
    pub connections: usize,
    pub patience: Duration,
}

/// Connections to a server. A forked child makes its own.
pub struct Reach {
    server: Server,
    lines: ByProcess<Lines>,
}

struct Lines {
    process: u32,
    pool: Option<Pool>,
}

/// Connections that behave.
struct Mannered(Arc<dyn Connect>);

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Mannered {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, task) = self.0.connect(&config).await?;
            client.batch_execute(MANNERS).await?;
            Ok((client, task))
        })
    }
}

impl Lines {
    fn new(server: &Server) -> Self {
        let connect = Mannered(server.connect.clone());
        let manager =
            Manager::from_connect(server.config.clone(), connect, ManagerConfig::default());
        let patience = Some(server.patience);
        let pool = Pool::builder(manager)
            .max_size(server.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(patience)
            .create_timeout(patience)
            .recycle_timeout(patience)
            .build();
        Self {
            process: process::id(),
            // It fails only without a runtime for its timeouts.
            pool: pool.ok(),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // What a forked child has of its parent's may be locked by a thread that is not here.
        if self.process != process::id() {
            mem::forget(self.pool.take());
        }
    }
}

impl Reach {
    pub fn new(server: Server) -> Self {
        let lines = ByProcess::new(Lines::new(&server));
        Self { server, lines }
    }

    fn pool(&self) -> Result<&Pool, Fault> {
        let lines = self.lines.here(|| Lines::new(&self.server));
        lines.pool.as_ref().ok_or(Fault::Closed)
    }

    /// A connection of one's own.
    pub async fn line(&self) -> Result<Object, Fault> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(PostgresError::NoRuntime.into());
        }
        self.pool()?.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Fault::of_connecting(error),
            PoolError::Closed => Fault::Closed,
            PoolError::Timeout(TimeoutType::Wait) => PostgresError::Busy {
                connections: self.server.connections,
                patience: self.server.patience,
            }
            .into(),
            _ => self.silence(Outcome::Undone),
        })
    }

    /// Asks something in one statement, which is done as a whole, or not at all.
    pub async fn ask(
        &self,
        question: &str,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask_once(question, arguments).await {
                Err(fault) if fault.is_passing() && tries < TRIES => {}
                answer => return answer,
            }
        }
    }

    async fn ask_once(
        &self,
        question: &str,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        let line = self.line().await?;
        let patience = self.server.patience;
        let Ok(statement) = timeout(patience, line.prepare_cached(question)).await else {
            drop(Object::take(line));
            return Err(self.silence(Outcome::Undone));
        };
        let statement = statement.map_err(Fault::of_preparing)?;
        match timeout(patience, line.query(&statement, arguments)).await {
            Ok(answer) => answer.map_err(Fault::after_sending),
            Err(_) => {
                drop(Object::take(line));
                Err(self.silence(Outcome::Unknown))
            }
        }
    }

    fn silence(&self, outcome: Outcome) -> Fault {
        let patience = self.server.patience;
        Fault::Failed(PostgresError::Silent { patience }, outcome)
    }

    /// Lets go of this process's connections.
    pub fn close(&self) {
        if let Ok(pool) = self.pool() {
            pool.close();
        }
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("server", &self.server.config)
            .finish_non_exhaustive()
    }
}
