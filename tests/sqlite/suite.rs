//! The suite that judges buckets of every kind.

use tidegate::conformance::{Place, bucket_suite};
use tidegate::{Rate, SqliteBucket, SqliteBuilder};

fn ask(place: &Place, rates: &[Rate]) -> SqliteBuilder {
    let bucket = SqliteBucket::at(place.folder().join("bucket.db"));
    bucket.rates(rates.iter().copied())
}

fn by_hand(place: &Place, builder: SqliteBuilder) -> SqliteBucket {
    match place.clock() {
        Some(clock) => builder.clock(clock.clone()).open().unwrap(),
        None => builder.open().unwrap(),
    }
}

mod common {
    super::bucket_suite!(
        |place, rates| super::ask(place, rates).open().unwrap(),
        shared
    );
}

mod keyed {
    super::bucket_suite!(
        |place, rates| super::ask(place, rates).keyed().open().unwrap(),
        shared,
        keyed
    );
}

mod by_hand {
    super::bucket_suite!(
        |place, rates| super::by_hand(place, super::ask(place, rates)),
        shared,
        manual
    );
}

mod keyed_by_hand {
    super::bucket_suite!(
        |place, rates| super::by_hand(place, super::ask(place, rates).keyed()),
        shared,
        keyed,
        manual
    );
}

mod with_file_lock {
    super::bucket_suite!(
        |place, rates| super::ask(place, rates).file_lock().open().unwrap(),
        shared
    );
}

mod asynchronous {
    use tidegate::Offload;
    use tidegate::conformance::async_bucket_suite;

    async_bucket_suite!(
        |place, rates| Offload::new(super::ask(place, rates).open().unwrap()),
        shared
    );
}
