//! Buckets in a PostgreSQL server.

mod asynchronous;
mod builder;
mod clock;
mod fault;
mod keys;
mod reach;
mod schema;
mod terms;

use crate::bucket::words::*;
use crate::bucket::{Blocking, pass_on_as_bucket};
pub use builder::PostgresBuilder;
pub use clock::PostgresClock;
pub use fault::PostgresError;
use reach::Reach;
use schema::Sql;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use terms::Terms;
pub use tokio_postgres;

/// A bucket in a PostgreSQL server (14 or later), for processes of several hosts.
///
/// ```no_run
/// use std::time::Duration;
/// use tidegate::{Bucket, Item, PostgresBucket, Rate};
///
/// let bucket = PostgresBucket::at("host=db.internal user=app dbname=app", "api")
///     .rate(Rate::per_second(100))
///     .rate(Rate::per_hour(50_000))
///     .keyed() // each name has the whole of the rates for itself
///     .open()?;
///
/// let item = Item { name: b"example.com", weight: 1 };
/// let grant = bucket.put(item, Duration::ZERO)?;
/// assert_eq!(grant.wait, Duration::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What the server does
///
/// Each question is one statement, which calls a function in the bucket's schema: so it is one
/// step, which is done as a whole or not at all. To take permits is one question. The time
/// is the server's (`clock_timestamp()`, read when it is the question's turn), whatever the clocks
/// of its clients say. A grant is one row, whatever its weight, and each rate costs one search
/// in an index, in O(log n). Those who ask for one name take turns, first come, first served, by
/// advisory locks; those who ask for different names do not wait for each other. Who is refused
/// has written nothing.
///
/// If the server's clock is set back, the bucket's stands still until it has caught up: so
/// never is too much granted, and those who come meanwhile may wait for as long as it was set
/// back; [`flush`](Bucket::flush) ends that. If it is set forward, permits count for less long.
///
/// Schema, tables and functions are made by the first who opens a bucket. Where users may not do
/// that, have somebody do it who may, and grant them `USAGE` on the schema, and `SELECT, INSERT,
/// UPDATE, DELETE` on all tables in it. Old rows are deleted a few at a time as others are
/// written, those of names that nobody asks for any more among them, and by
/// [`leak`](Bucket::leak). To count permits reads each row;
/// [`usage`](Bucket::usage) does not.
///
/// A grant is remembered when the server crashes, at the cost of waiting for its disk. An
/// address with `options='-c synchronous_commit=off'` trades that for speed: then a crash of the
/// server forgets grants of the last moment.
///
/// # When it fails
///
/// A question is never sent twice, unless the server says that it has undone it. If the
/// connection is cut after it was sent, or no answer comes in time, the outcome is
/// [unknown](crate::Outcome::Unknown). Whatever error the server answers with, nothing was
/// changed. The source of the [`BackendError`](crate::BackendError) is a [`PostgresError`]. The
/// next question makes a new connection; one to a standby is refused, so that several hosts
/// may be named in the address. Forked children make connections of their own.
///
/// A pooler that hands one connection to many clients by turns (pgbouncer in transaction mode) is
/// not for this: connections are set up when they are made, and keep prepared statements.
///
/// # TLS
///
/// Connections are encrypted where the address says `sslmode=require`, by a connector that is
/// given to the [builder](PostgresBuilder::tls): that of `tokio-postgres-rustls` or of
/// `postgres-native-tls`. It decides which certificates are trusted. Without one, such an address
/// is an error. (Sockets of the same machine are never encrypted.)
///
/// # Threads
///
/// The server is asked in tasks on a small runtime of the bucket's own, in one thread, which
/// notices broken connections also while nobody asks. Code that is async itself asks a
/// [`PostgresAsyncBucket`] at less cost.
#[derive(Debug)]
pub struct PostgresBucket {
    bucket: PostgresAsyncBucket,
    blocking: Blocking,
}

/// The same for async code, on tokio's runtime.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tidegate::{AsyncBucket, Item, PostgresBucket, Rate};
///
/// let bucket = PostgresBucket::at("postgresql://app@db.internal/app", "api")
///     .rate(Rate::per_second(100))
///     .open_async()
///     .await?;
/// bucket.put(Item { name: b"", weight: 3 }, Duration::ZERO).await?;
/// # Ok(())
/// # }
/// ```
///
/// See [`PostgresBucket`] for the rest. A clone is the same handle.
#[derive(Clone)]
pub struct PostgresAsyncBucket(Arc<Core>);

struct Core {
    /// Its number in the schema.
    id: i32,
    lock: i64,
    reach: Reach,
    sql: Sql,
    name: String,
    queue: u64,
    is_keyed: bool,
    terms: RwLock<Arc<Terms>>,
}

impl PostgresBucket {
    /// The bucket of that name in the server at an address, such as `host=… user=… dbname=…` or
    /// `postgresql://user@host/database`: see [`tokio_postgres::Config`].
    pub fn at(address: impl AsRef<str>, name: impl Into<String>) -> PostgresBuilder {
        PostgresBuilder::over(address.as_ref().parse(), name.into())
    }

    /// The bucket of that name in a server that is described otherwise.
    pub fn over(server: tokio_postgres::Config, name: impl Into<String>) -> PostgresBuilder {
        PostgresBuilder::over(Ok(server), name.into())
    }

    /// The same bucket, for async code.
    pub fn to_async(&self) -> PostgresAsyncBucket {
        self.bucket.clone()
    }

    /// Removes the bucket from the server, with its rates and all that was granted. Others
    /// who have it open are told so.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn remove(&self) -> Result<(), BucketError> {
        let bucket = self.bucket.clone();
        self.blocking.wait(
            self.blocking
                .ask(move |_| async move { bucket.remove().await }),
        )
    }
}

pass_on_as_bucket!([] PostgresBucket, |this| this.blocking);

impl Core {
    fn terms(&self) -> Arc<Terms> {
        // Nobody leaves it half set.
        let terms = self.terms.read().unwrap_or_else(PoisonError::into_inner);
        terms.clone()
    }

    /// Keeps what has been learned, unless that is older.
    fn set_terms(&self, new: Terms) {
        let mut terms = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        if new.version > terms.version {
            *terms = Arc::new(new);
        }
    }
}

impl fmt::Debug for PostgresAsyncBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresAsyncBucket")
            .field("name", &self.0.name)
            .field("schema", &self.0.sql.schema)
            .finish_non_exhaustive()
    }
}
