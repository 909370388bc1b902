//! How a bucket in a PostgreSQL server is asked for.

use super::fault::{Fault, PostgresError};
use super::keys::lock;
use super::reach::{Reach, Server};
use super::schema::Sql;
use super::terms::{Terms, from_server, to_server};
use super::{Core, PostgresAsyncBucket, PostgresBucket};
use crate::bucket::{Blocking, default_queue};
use crate::error::{BackendError, OpenError};
use crate::rate::{Rate, interval_ticks, validate};
use deadpool_postgres::{ConfigConnectImpl, Connect};
use std::fmt;
use std::mem;
use std::panic;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;
use tokio::runtime;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Error, NoTls, Row, Socket};

const OPENING: &str = "open the bucket";

/// What is asked of a bucket in a PostgreSQL server; see [`PostgresBucket`].
#[must_use = "it makes no bucket before it is opened"]
pub struct PostgresBuilder {
    config: Result<Config, Error>,
    connect: Arc<dyn Connect>,
    name: String,
    schema: String,
    rates: Vec<Rate>,
    queue: Option<u64>,
    is_keyed: bool,
    adopt: bool,
    override_rates: bool,
    connections: usize,
    patience: Duration,
}

impl PostgresBuilder {
    pub(super) fn over(config: Result<Config, Error>, name: String) -> Self {
        Self {
            config,
            connect: Arc::new(ConfigConnectImpl { tls: NoTls }),
            name,
            schema: "tidegate".into(),
            rates: Vec::new(),
            queue: None,
            is_keyed: false,
            adopt: false,
            override_rates: false,
            connections: 4,
            patience: Duration::from_secs(10),
        }
    }

    /// Adds a rate; the narrowest first.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rates.push(rate);
        self
    }

    /// Adds rates; the narrowest first.
    pub fn rates(mut self, rates: impl IntoIterator<Item = Rate>) -> Self {
        self.rates.extend(rates);
        self
    }

    /// How many permits of one name may be waited for at once. By default 1,024, or the
    /// largest limit if that is more.
    pub fn queue(mut self, permits: u64) -> Self {
        self.queue = Some(permits);
        self
    }

    /// Gives each name the whole of the rates to itself. Without it, one bucket takes all names.
    pub fn keyed(mut self) -> Self {
        self.is_keyed = true;
        self
    }

    /// The schema that the tables are in, with those of other buckets: letters, digits and
    /// underscores. By default `tidegate`. It is made, with what belongs in it, by the first who
    /// opens a bucket there.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Takes the rates, the queue and the kind of a bucket that is there already, whatever they
    /// are. Without rates, there must be one.
    pub fn adopt(mut self) -> Self {
        self.adopt = true;
        self
    }

    /// Gives a bucket that is there already these rates, for everybody.
    pub fn override_rates(mut self) -> Self {
        self.override_rates = true;
        self
    }

    /// How many connections each process may have, at least 1; 4 by default. They are made
    /// when they are needed, and each serves one call at a time.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// For how long one waits, for a connection and then for an answer; 10 seconds by default.
    /// What was asked then may have been done or not.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Encrypts connections by that means: a connector of `tokio-postgres-rustls` or
    /// `postgres-native-tls`, say. Whether the server must do so is said in its address (`sslmode`).
    pub fn tls<T>(mut self, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.connect = Arc::new(ConfigConnectImpl { tls });
        self
    }

    /// Finds the bucket, or makes it, for those who block. It may be called anywhere, inside of
    /// a runtime, too.
    ///
    /// # Errors
    ///
    /// [`OpenError::Rates`] for rates that make no limit; [`OpenError::OtherRates`] and
    /// [`OpenError::OtherOption`] if the bucket is there, with other terms;
    /// [`OpenError::NoBucket`] if there is none to adopt; [`OpenError::Backend`], with a
    /// [`PostgresError`], for a server that is not reached, or that refuses.
    pub fn open(self) -> Result<PostgresBucket, OpenError> {
        let open = || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| failed(PostgresError::NoThread(error)))?;
            runtime.block_on(self.open_async())
        };
        // Not in this thread, which may be a runtime's.
        let bucket = thread::scope(|scope| {
            let opener = thread::Builder::new()
                .spawn_scoped(scope, open)
                .map_err(|error| failed(PostgresError::NoThread(error)))?;
            opener
                .join()
                .unwrap_or_else(|why| panic::resume_unwind(why))
        })?;
        Ok(PostgresBucket {
            blocking: Blocking::new(bucket.clone()),
            bucket,
        })
    }

    /// The same for async code.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_async(mut self) -> Result<PostgresAsyncBucket, OpenError> {
        let is_to_be_found = self.adopt && self.rates.is_empty();
        if !is_to_be_found {
            validate(&self.rates)?;
        }
        let sql = Sql::new(&self.schema).map_err(failed)?;
        let reach = Reach::new(self.server()?);
        let mut line = reach.line().await.map_err(failed)?;
        sql.install(&mut line).await.map_err(failed)?;
        drop(line);
        let find = async || -> Result<Option<Row>, OpenError> {
            let rows = reach.ask(&sql.find, &[&self.name]).await.map_err(failed)?;
            Ok(rows.into_iter().next())
        };
        let mut found = find().await?;
        if found.is_none() && !is_to_be_found {
            let (limits, intervals) = Terms::columns(&self.rates);
            let queue = to_server(self.queue.unwrap_or_else(|| default_queue(&self.rates)));
            reach
                .ask(
                    &sql.make,
                    &[&self.name, &limits, &intervals, &queue, &self.is_keyed],
                )
                .await
                .map_err(failed)?;
            found = find().await?;
        }
        let Some(row) = found else {
            let bucket = self.name;
            return Err(OpenError::NoBucket { bucket });
        };
        let terms = Terms::read(&row).map_err(failed)?;
        let strange = |error: Error| failed(Fault::damaged(error.to_string()));
        let queue = from_server(row.try_get(4).map_err(strange)?);
        let is_keyed = row.try_get(5).map_err(strange)?;
        let overrides = self.compare(&terms, queue, is_keyed)?;
        let parts = [self.schema.as_bytes(), self.name.as_bytes()];
        let core = Core {
            id: row.try_get(3).map_err(strange)?,
            lock: lock("bucket", &parts),
            reach,
            sql,
            name: self.name,
            queue,
            is_keyed,
            terms: RwLock::new(Arc::new(terms)),
        };
        if overrides {
            core.override_rates(self.rates).await.map_err(failed)?;
        }
        Ok(PostgresAsyncBucket(Arc::new(core)))
    }

    pub(super) fn server(&mut self) -> Result<Server, OpenError> {
        let config = mem::replace(&mut self.config, Ok(Config::new()));
        let mut config = config.map_err(|error| failed(PostgresError::Address(error)))?;
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("tidegate");
        }
        Ok(Server {
            config,
            connect: self.connect.clone(),
            connections: self.connections,
            patience: self.patience,
        })
    }

    /// Whether the bucket that is there has to be given other rates; an error if it is not
    /// what was asked for.
    fn compare(&self, found: &Terms, queue: u64, is_keyed: bool) -> Result<bool, OpenError> {
        if self.adopt {
            return Ok(false);
        }
        let differs = |what, asked: String, found: String| OpenError::OtherOption {
            bucket: self.name.clone(),
            what,
            asked,
            found,
        };
        if self.is_keyed != is_keyed {
            let kind = |is_keyed| if is_keyed { "keyed" } else { "one" }.to_owned();
            return Err(differs("kind", kind(self.is_keyed), kind(is_keyed)));
        }
        if let Some(asked) = self.queue
            && asked != queue
        {
            return Err(differs("queue", asked.to_string(), queue.to_string()));
        }
        let windows = |rates: &[Rate]| -> Vec<(u64, u64)> {
            let window = |rate: &Rate| (rate.limit(), interval_ticks(rate));
            rates.iter().map(window).collect()
        };
        if windows(&self.rates) == windows(&found.rates) {
            return Ok(false);
        }
        if self.override_rates {
            return Ok(true);
        }
        Err(OpenError::OtherRates {
            bucket: self.name.clone(),
            asked: self.rates.clone(),
            found: found.rates.clone(),
        })
    }
}

fn failed(fault: impl Into<Fault>) -> OpenError {
    let error: BackendError = fault.into().into_backend_error(OPENING);
    error.into()
}

impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBuilder")
            .field("config", &self.config)
            .field("name", &self.name)
            .field("schema", &self.schema)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}
