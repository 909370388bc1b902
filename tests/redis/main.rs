//! Buckets in a real Redis server, which each test starts for itself.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/servers/mod.rs"]
mod servers;

mod asynchronous;
mod behaviour;
mod clocks;
mod cluster;
mod faults;
mod model;
mod processes;
mod suite;
mod terms;

use servers::RedisServer;
use std::any::type_name;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Item, Rate, RedisBucket};

/// Longer than any test takes.
const HOUR: Duration = Duration::from_secs(3600);

/// A server for the test that calls, if there is such a program.
fn server<T: Fn()>(test: T) -> Option<RedisServer> {
    server_with(test, &[])
}

fn server_with<T: Fn()>(_test: T, options: &[&str]) -> Option<RedisServer> {
    RedisServer::start(type_name::<T>(), options)
}

/// One bucket for all names.
fn bucket(server: &RedisServer, rates: &[Rate]) -> RedisBucket {
    let builder = RedisBucket::at(server.address(), "test");
    builder.rates(rates.iter().copied()).open().unwrap()
}

/// A bucket for each name.
fn keyed(server: &RedisServer, rates: &[Rate]) -> RedisBucket {
    let builder = RedisBucket::at(server.address(), "test");
    builder.rates(rates.iter().copied()).keyed().open().unwrap()
}

fn item(weight: u64) -> Item<'static> {
    Item { name: b"", weight }
}

/// Takes permits now, or never.
fn take(bucket: &RedisBucket, weight: u64) -> Result<Grant, AcquireError> {
    bucket.put(item(weight), Duration::ZERO)
}

fn retry_after<T: std::fmt::Debug>(result: Result<T, AcquireError>) -> (Duration, Rate) {
    match result {
        Err(AcquireError::Limited { retry_after, rate }) => (retry_after, rate),
        other => panic!("not limited: {other:?}"),
    }
}
