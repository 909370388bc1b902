//! What can go wrong between here and the server.

use crate::error::{BackendError, BucketError, Outcome};
use std::error::Error as _;
use std::io;
use std::time::Duration;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Why a PostgreSQL server did not do what a bucket asked of it: the source of a
/// [`BackendError`].
///
/// ```no_run
/// use tidegate::{OpenError, PostgresBucket, PostgresError, Rate};
///
/// let opened = PostgresBucket::at("host=db.internal user=app password=secret", "api")
///     .rate(Rate::per_second(100))
///     .open();
/// if let Err(OpenError::Backend(error)) = &opened
///     && let Some(PostgresError::Login(_)) = error.source.downcast_ref()
/// {
///     eprintln!("look up the password");
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address cannot be read.
    #[error("the server's address makes no sense: {}", Words(.0))]
    Address(#[source] Error),
    /// The name of the schema is not one that may be used.
    #[error(
        "{schema:?} cannot name a schema: use 1 to 63 letters, digits and underscores, no digit first"
    )]
    Schema {
        /// The name.
        schema: String,
    },
    /// The server is not reached, or there is none.
    #[error("the server is not reached: {}", Words(.0))]
    Unreachable(#[source] Error),
    /// The server does not let this user in: the password is wrong, say.
    #[error("the server does not let this user in: {}", Words(.0))]
    Login(#[source] Error),
    /// There is no such database.
    #[error("{}: create it first", Words(.0))]
    NoDatabase(#[source] Error),
    /// The user may not do that.
    #[error(
        "{}: grant this user the right to create the schema, or that to use what is in it",
        Words(.0)
    )]
    NotAllowed(#[source] Error),
    /// The server does not write: it is a standby, say.
    #[error("the server is read-only: give the address of the primary one ({})", Words(.0))]
    ReadOnly(#[source] Error),
    /// The tables or functions of the schema are gone.
    #[error("what the bucket is kept in is gone ({}): open it anew", Words(.0))]
    NoTables(#[source] Error),
    /// Another version of this library has made the schema.
    #[error(
        "the schema {schema} has layout {found}, and this program reads layout {ours}: \
         choose another schema, or upgrade the older program"
    )]
    Layout {
        /// The schema.
        schema: String,
        /// The schema's layout.
        found: i32,
        /// This program's layout.
        ours: i32,
    },
    /// The bucket was removed.
    #[error("the bucket was removed: open it anew")]
    Removed,
    /// What is in the tables makes no bucket.
    #[error("the tables say {what}: remove the bucket, and open it anew")]
    Damaged {
        /// What they say.
        what: String,
    },
    /// The connection broke while an answer was waited for.
    #[error("the connection broke: {}", Words(.0))]
    Cut(#[source] Error),
    /// The server has not answered in time.
    #[error("there is no answer after {patience:?}")]
    Silent {
        /// For how long it was waited for.
        patience: Duration,
    },
    /// All connections are in use.
    #[error(
        "all {connections} connections are in use for {patience:?}: allow more, or ask for less at once"
    )]
    Busy {
        /// How many there may be.
        connections: usize,
        /// For how long one was waited for.
        patience: Duration,
    },
    /// There is no tokio runtime here.
    #[error("async buckets are asked inside of a tokio runtime, which is not here")]
    NoRuntime,
    /// A thread could not be started to open the bucket in.
    #[error("no thread or runtime could be started: {0}")]
    NoThread(#[source] io::Error),
    /// Somebody else was in the way, again and again.
    #[error("others were in the way, again and again: {}", Words(.0))]
    Contended(#[source] Error),
    /// The server has answered with an error.
    #[error("{}", Words(.0))]
    Refused(#[source] Error),
}

/// Why there is no answer, and what is known of it.
#[derive(Debug)]
pub enum Fault {
    Closed,
    Failed(PostgresError, Outcome),
}

impl From<PostgresError> for Fault {
    /// It was found before anything was sent.
    fn from(error: PostgresError) -> Self {
        Self::Failed(error, Outcome::Undone)
    }
}

impl Fault {
    /// No connection was made.
    pub fn of_connecting(error: Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            return Self::from(explain(answer.code().clone(), error));
        }
        // The client says such things in words only.
        let words = Words(&error).to_string();
        Self::from(if words.contains("does not allow writes") {
            PostgresError::ReadOnly(error)
        } else if words.contains("password") || words.contains("authentication") {
            PostgresError::Login(error)
        } else {
            PostgresError::Unreachable(error)
        })
    }

    /// There was an error instead of an answer, while nothing was asked for that changes
    /// anything.
    pub fn of_preparing(error: Error) -> Self {
        Self::from(match error.as_db_error() {
            Some(answer) => explain(answer.code().clone(), error),
            None => PostgresError::Cut(error),
        })
    }

    /// There was an error instead of an answer, after all had been sent. An error that leaves
    /// the connection as it is has undone what was begun. One that ends the connection, and a
    /// broken one, may have come between the commit and the answer.
    pub fn after_sending(error: Error) -> Self {
        match error.as_db_error().and_then(DbError::parsed_severity) {
            Some(Severity::Error) => Self::of_preparing(error),
            _ => Self::Failed(PostgresError::Cut(error), Outcome::Unknown),
        }
    }

    /// The answer, to what has been done, makes no sense.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Failed(
            PostgresError::Damaged { what: what.into() },
            Outcome::Unknown,
        )
    }

    /// Whether nothing was done because of others, so that it may be tried again.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Failed(PostgresError::Contended(_), Outcome::Undone)
        )
    }

    pub fn into_backend_error(self, doing: &'static str) -> BackendError {
        match self {
            Self::Closed => {
                BackendError::new("PostgreSQL", doing, Outcome::Undone, BucketError::Closed)
            }
            Self::Failed(error, outcome) => BackendError::new("PostgreSQL", doing, outcome, error),
        }
    }

    pub fn into_bucket_error(self, doing: &'static str) -> BucketError {
        match self {
            Self::Closed => BucketError::Closed,
            fault => fault.into_backend_error(doing).into(),
        }
    }
}

fn explain(code: SqlState, error: Error) -> PostgresError {
    match code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            PostgresError::Login(error)
        }
        SqlState::INVALID_CATALOG_NAME => PostgresError::NoDatabase(error),
        SqlState::INSUFFICIENT_PRIVILEGE => PostgresError::NotAllowed(error),
        SqlState::READ_ONLY_SQL_TRANSACTION => PostgresError::ReadOnly(error),
        SqlState::INVALID_SCHEMA_NAME
        | SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_FUNCTION => PostgresError::NoTables(error),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            PostgresError::Contended(error)
        }
        SqlState::CANNOT_CONNECT_NOW | SqlState::TOO_MANY_CONNECTIONS => {
            PostgresError::Unreachable(error)
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => PostgresError::Cut(error),
        _ => PostgresError::Refused(error),
    }
}

/// What the server says, or the client.
struct Words<'e>(&'e Error);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(answer) = self.0.as_db_error() else {
            write!(f, "{}", self.0)?;
            return match self.0.source() {
                Some(source) => write!(f, ": {source}"),
                None => Ok(()),
            };
        };
        f.write_str(answer.message())?;
        for more in [answer.detail(), answer.hint()].into_iter().flatten() {
            write!(f, " ({more})")?;
        }
        Ok(())
    }
}
