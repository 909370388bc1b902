//! Buckets in a real PostgreSQL server, which the tests start for themselves.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/servers/mod.rs"]
mod servers;

mod behaviour;
mod clocks;
mod faults;
mod processes;
mod suite;
mod terms;
mod tls;

use servers::PostgresServer;
use std::any::type_name;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Item, PostgresBucket, PostgresBuilder, Rate};

/// Longer than any test takes.
const HOUR: Duration = Duration::from_secs(3600);

/// What a test has of a server: a bucket of its own.
struct Stage {
    server: Arc<PostgresServer>,
    test: &'static str,
}

/// The server that tests share which do nothing to it but ask. It ends with this process.
fn shared(test: &str) -> Option<Arc<PostgresServer>> {
    static SHARED: Mutex<Option<Arc<PostgresServer>>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap();
    if shared.is_none() {
        *shared = PostgresServer::start_for_all(test).map(Arc::new);
    }
    shared.clone()
}

/// A place at the shared server, if there is such a program.
fn stage<T: Fn()>(_test: T) -> Option<Stage> {
    let test = type_name::<T>();
    let server = shared(test)?;
    Some(Stage { server, test })
}

/// A server of the test's own.
fn own_server<T: Fn()>(_test: T, settings: &[&str]) -> Option<Stage> {
    let test = type_name::<T>();
    let server = Arc::new(PostgresServer::start(test, settings)?);
    Some(Stage { server, test })
}

impl Stage {
    fn builder(&self, rates: &[Rate]) -> PostgresBuilder {
        let builder = PostgresBucket::at(self.server.address(), self.test);
        builder.rates(rates.iter().copied()).connections(2)
    }

    /// One bucket for all names.
    fn bucket(&self, rates: &[Rate]) -> PostgresBucket {
        self.builder(rates).open().unwrap()
    }

    /// A bucket for each name.
    fn keyed(&self, rates: &[Rate]) -> PostgresBucket {
        self.builder(rates).keyed().open().unwrap()
    }

    /// Has the server carry out a statement; `MINE` stands for this bucket's names.
    fn tell(&self, statement: &str) -> String {
        let mine = format!(
            "(SELECT n.id FROM tidegate.names n JOIN tidegate.buckets b ON b.id = n.bucket \
             WHERE b.name = '{}')",
            self.test
        );
        self.server.tell(&statement.replace("MINE", &mine))
    }

    /// The same, for a number.
    fn number(&self, query: &str) -> u64 {
        self.tell(query).parse().unwrap()
    }
}

fn item(weight: u64) -> Item<'static> {
    Item { name: b"", weight }
}

/// Takes permits now, or never.
fn take(bucket: &PostgresBucket, weight: u64) -> Result<Grant, AcquireError> {
    bucket.put(item(weight), Duration::ZERO)
}

fn retry_after<T: std::fmt::Debug>(result: Result<T, AcquireError>) -> (Duration, Rate) {
    match result {
        Err(AcquireError::Limited { retry_after, rate }) => (retry_after, rate),
        other => panic!("not limited: {other:?}"),
    }
}
