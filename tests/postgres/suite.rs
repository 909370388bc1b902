//! The suite for buckets, on those in a server.

use super::shared;
use std::fs;
use tidegate::conformance::{Place, async_bucket_suite, bucket_suite};
use tidegate::{AsyncBucket, Bucket, Limiter, Offload, PostgresBucket, PostgresBuilder, Rate};
use tokio::runtime;

/// A bucket in the server, which other processes find by the place; none if there is no such
/// program.
fn bucket(place: &Place, rates: &[Rate], is_keyed: bool) -> Option<PostgresBuilder> {
    let file = place.folder().join("server");
    let address = match fs::read_to_string(&file) {
        Ok(address) => address,
        Err(_) => {
            let address = shared("the suite for buckets")?.address();
            fs::write(&file, &address).unwrap();
            address
        }
    };
    let builder = PostgresBucket::at(address, place.name()).rates(rates.iter().copied());
    Some(if is_keyed { builder.keyed() } else { builder })
}

/// What takes its part then.
fn stand_in(place: &Place, rates: &[Rate], is_keyed: bool) -> impl Bucket + use<> {
    let builder = Limiter::at(place.folder().join("segment")).rates(rates.iter().copied());
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
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Box::new(runtime.unwrap().block_on(builder.open_async()).unwrap())
}

mod one {
    super::bucket_suite!(|place, rates| super::make(place, rates, false), shared);
}

mod keyed {
    super::bucket_suite!(
        |place, rates| super::make(place, rates, true),
        shared,
        keyed
    );
}

mod one_asked_by_tasks {
    super::async_bucket_suite!(
        |place, rates| super::make_async(place, rates, false),
        shared
    );
}

mod keyed_asked_by_tasks {
    super::async_bucket_suite!(
        |place, rates| super::make_async(place, rates, true),
        shared,
        keyed
    );
}
