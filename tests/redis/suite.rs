//! The suite for buckets, on those in a server.

use super::servers::RedisServer;
use super::servers::redis::address_in;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;
use tidegate::conformance::{Place, async_bucket_suite, bucket_suite};
use tidegate::{AsyncBucket, Bucket, Limiter, Offload, Rate, RedisBucket, RedisBuilder};

/// Starts servers, in a thread that lives as long as this process does, and so do they.
static KEEPER: LazyLock<Mutex<(Sender<PathBuf>, Receiver<bool>)>> = LazyLock::new(|| {
    let (folders, ordered) = channel::<PathBuf>();
    let (started, answers) = channel();
    thread::spawn(move || {
        let mut servers = Vec::new();
        for folder in ordered {
            let server = RedisServer::start_in(&folder, "the suite for buckets", &[]);
            started.send(server.is_some()).unwrap();
            servers.push(server);
        }
    });
    Mutex::new((folders, answers))
});

/// The server of a place, started if need be; none if there is no such program.
fn bucket(place: &Place, rates: &[Rate], is_keyed: bool) -> Option<RedisBuilder> {
    let folder = place.folder();
    let keeper = KEEPER.lock().unwrap();
    if !folder.join("redis.sock").exists() {
        keeper.0.send(folder.to_owned()).unwrap();
        if !keeper.1.recv().unwrap() {
            return None;
        }
    }
    let builder = RedisBucket::at(address_in(folder), "suite").rates(rates.iter().copied());
    Some(if is_keyed { builder.keyed() } else { builder })
}

/// Who passes the suite where there is no server.
fn stand_in(place: &Place, rates: &[Rate], is_keyed: bool) -> impl Bucket + use<> {
    let path = place.folder().join("segment");
    let builder = Limiter::at(path).rates(rates.iter().copied());
    let builder = if is_keyed { builder.keys(64) } else { builder };
    builder.open_bucket().unwrap()
}

fn make(place: &Place, rates: &[Rate], is_keyed: bool) -> Box<dyn Bucket> {
    match bucket(place, rates, is_keyed) {
        Some(builder) => Box::new(builder.open().unwrap()),
        None => Box::new(stand_in(place, rates, is_keyed)),
    }
}

fn make_async(place: &Place, rates: &[Rate], is_keyed: bool) -> Box<dyn AsyncBucket> {
    let Some(builder) = bucket(place, rates, is_keyed) else {
        return Box::new(Offload::new(stand_in(place, rates, is_keyed)));
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    Box::new(runtime.block_on(builder.open_async()).unwrap())
}

mod one {
    use super::*;

    fn make(place: &Place, rates: &[Rate]) -> Box<dyn Bucket> {
        super::make(place, rates, false)
    }

    bucket_suite!(make, shared);
}

mod keyed {
    use super::*;

    fn make(place: &Place, rates: &[Rate]) -> Box<dyn Bucket> {
        super::make(place, rates, true)
    }

    bucket_suite!(make, shared, keyed);
}

mod one_asked_by_tasks {
    use super::*;

    fn make(place: &Place, rates: &[Rate]) -> Box<dyn AsyncBucket> {
        super::make_async(place, rates, false)
    }

    async_bucket_suite!(make, shared);
}

mod keyed_asked_by_tasks {
    use super::*;

    fn make(place: &Place, rates: &[Rate]) -> Box<dyn AsyncBucket> {
        super::make_async(place, rates, true)
    }

    async_bucket_suite!(make, shared, keyed);
}
