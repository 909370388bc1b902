//! Rings, on the heap and in segments.

use tidegate::conformance::Place;
use tidegate::{Limiter, MemoryBucket, Rate, SharedBucket};

fn memory(_: &Place, rates: &[Rate]) -> MemoryBucket {
    let builder = Limiter::in_memory().rates(rates.iter().copied());
    builder.open_bucket().unwrap()
}

fn memory_with_keys(_: &Place, rates: &[Rate]) -> MemoryBucket {
    let builder = Limiter::in_memory().rates(rates.iter().copied()).keys(64);
    builder.open_bucket().unwrap()
}

fn segment(place: &Place, rates: &[Rate]) -> SharedBucket {
    let builder = Limiter::at(place.folder().join("segment")).rates(rates.iter().copied());
    builder.open_bucket().unwrap()
}

fn segment_with_keys(place: &Place, rates: &[Rate]) -> SharedBucket {
    let builder = Limiter::at(place.folder().join("segment")).rates(rates.iter().copied());
    builder.keys(64).open_bucket().unwrap()
}

mod in_memory {
    tidegate::conformance::bucket_suite!(super::memory);
}

mod in_memory_by_key {
    tidegate::conformance::bucket_suite!(super::memory_with_keys, keyed);
}

mod in_a_segment {
    tidegate::conformance::bucket_suite!(super::segment, shared);
}

mod in_a_segment_by_key {
    tidegate::conformance::bucket_suite!(super::segment_with_keys, shared, keyed);
}

mod offloaded {
    use tidegate::conformance::{Place, async_bucket_suite};
    use tidegate::{Offload, Rate};

    fn offloaded(place: &Place, rates: &[Rate]) -> Offload {
        Offload::new(super::segment(place, rates))
    }

    async_bucket_suite!(offloaded, shared);
}
