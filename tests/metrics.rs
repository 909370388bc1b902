//! What a recorder of the facade `metrics` is told.

use metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::collections::BTreeMap;
use std::time::Duration;
use tidegate::{Limiter, Rate, try_acquire_all};
use tokio::runtime::Runtime;
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3600);

const GRANTED: &str = "tidegate_permits_granted_total{segment=memory}";
const LIMITED: &str = "tidegate_requests_refused_total{segment=memory,reason=limited,rate=2/h}";
const WAITS: &str = "tidegate_waits_total{segment=memory}";
const SECONDS: &str = "tidegate_wait_seconds{segment=memory}";

fn hourly(limit: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).open().unwrap()
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().unwrap()
}

/// What is counted while `act` runs, under name and labels; of a histogram, all values.
fn counted(act: impl FnOnce()) -> BTreeMap<String, Vec<f64>> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    with_local_recorder(&recorder, act);
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    let entries = snapshot.map(|(key, _, _, value)| {
        let key = key.key();
        let labels = key.labels().map(|l| format!("{}={}", l.key(), l.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let values = match value {
            DebugValue::Counter(count) => vec![count as f64],
            DebugValue::Gauge(value) => vec![*value],
            DebugValue::Histogram(values) => values.into_iter().map(|v| *v).collect(),
        };
        (format!("{}{{{labels}}}", key.name()), values)
    });
    entries.collect()
}

/// The same as all there is to compare, in order.
fn lines(counted: &BTreeMap<String, Vec<f64>>) -> Vec<(&str, &[f64])> {
    let lines = counted.iter().map(|(key, values)| (&**key, &**values));
    lines.collect()
}

#[test]
fn permits_are_counted_that_were_granted_and_requests_that_were_refused_by_segment_and_reason() {
    let name = format!("test.metrics.{}", std::process::id());
    let told = counted(|| {
        let shared = Limiter::shared(&name)
            .rate(Rate::new(5, HOUR))
            .open()
            .unwrap();
        shared.try_acquire_n("", 3).unwrap();
        shared.try_acquire_n("", 2).unwrap();
        assert!(shared.try_acquire("").is_err());
        assert!(shared.try_acquire_n("", 6).is_err());
        assert!(shared.try_acquire("").is_err());
        let keyed = Limiter::in_memory().rate(Rate::new(2, HOUR)).keys(1);
        let keyed = keyed.open().unwrap();
        keyed.acquire("a key").unwrap();
        assert!(keyed.acquire("another").is_err());
        assert!(keyed.try_acquire([0; 100_000]).is_err());
    });
    tidegate::remove(&name).unwrap();
    let refused = "tidegate_requests_refused_total";
    let expected = [
        (GRANTED.to_owned(), 1.0),
        (
            format!("tidegate_permits_granted_total{{segment={name}}}"),
            5.0,
        ),
        (format!("{refused}{{segment=memory,reason=full}}"), 1.0),
        (
            format!("{refused}{{segment=memory,reason=key_too_long}}"),
            1.0,
        ),
        (
            format!("{refused}{{segment={name},reason=limited,rate=5/h}}"),
            2.0,
        ),
        (
            format!("{refused}{{segment={name},reason=weight_too_large,rate=5/h}}"),
            1.0,
        ),
    ];
    let expected = expected.map(|(key, count)| (key, vec![count]));
    assert_eq!(told, BTreeMap::from(expected));
}

#[test]
fn a_wait_is_counted_when_it_begins_and_its_time_when_it_ends() {
    let mut granted = 0.0;
    let told = counted(|| {
        let rate = Rate::new(1, Duration::from_millis(20));
        let limiter = Limiter::in_memory().rate(rate).open().unwrap();
        let runtime = runtime();
        let mut waits = 0;
        // Who comes late needs not wait, on a busy machine.
        while waits < 6 {
            let permit = match waits / 2 {
                0 => limiter.acquire(""),
                1 => limiter.reserve("", 1, HOUR).unwrap().wait(),
                _ => runtime.block_on(limiter.acquire_async("")),
            };
            waits += u32::from(permit.unwrap().sleeps() > 0);
            granted += 1.0;
        }
    });
    assert_eq!(told[GRANTED], [granted]);
    assert_eq!(told[WAITS], [6.0]);
    let seconds = &told[SECONDS];
    assert!(
        seconds.len() == 6 && seconds.iter().all(|&s| s > 0.0),
        "{seconds:?}"
    );
    assert_eq!(told.len(), 3);
}

#[test]
fn a_wait_that_is_given_up_is_counted_as_begun_and_grants_nothing() {
    let told = counted(|| {
        let limiter = hourly(2);
        limiter.try_acquire_n("", 2).unwrap();
        runtime().block_on(async {
            let wait = limiter.acquire_async("");
            assert!(timeout(Duration::from_millis(5), wait).await.is_err());
        });
    });
    assert_eq!(lines(&told), [(GRANTED, &[2.0][..]), (WAITS, &[1.0])]);
}

#[test]
fn a_wait_that_a_pause_makes_too_long_is_counted_as_refused() {
    let told = counted(|| {
        let rate = Rate::new(1, Duration::from_millis(20));
        for is_async in [false, true] {
            let limiter = Limiter::in_memory().rate(rate).open().unwrap();
            let place = loop {
                let _ = limiter.try_acquire("");
                let place = limiter.reserve("", 1, HOUR / 2).unwrap();
                if !place.waiting().is_zero() {
                    break place;
                }
            };
            limiter.pause("", HOUR).unwrap();
            let answer = match is_async {
                true => runtime().block_on(place.wait_async()),
                false => place.wait(),
            };
            assert!(answer.is_err());
        }
    });
    let refused: Vec<_> = (told.iter().filter(|(key, _)| key.contains("refused"))).collect();
    let [(key, count)] = refused[..] else {
        panic!("{told:?}");
    };
    assert!(key.contains("reason=limited,rate=1/20ms"), "{key}");
    assert_eq!(*count, [2.0]);
    assert!(!told.contains_key(SECONDS), "{told:?}");
}

#[test]
fn a_place_counts_as_granted_when_it_is_kept_and_not_when_it_is_given_back() {
    let told = counted(|| {
        let limiter = hourly(2);
        drop(limiter.reserve("", 2, Duration::ZERO).unwrap());
        limiter.reserve("", 2, Duration::ZERO).unwrap().keep();
        assert!(limiter.reserve("", 1, Duration::ZERO).is_err());
    });
    assert_eq!(lines(&told), [(GRANTED, &[2.0][..]), (LIMITED, &[1.0])]);
}

#[test]
fn each_request_is_counted_once_by_handle_and_together_with_others() {
    let told = counted(|| {
        let limiter = Limiter::in_memory().rate(Rate::new(2, HOUR)).keys(9);
        let limiter = limiter.open().unwrap();
        let handle = limiter.bucket("a");
        handle.try_acquire().unwrap();
        handle.try_acquire().unwrap();
        assert!(handle.try_acquire().is_err());
        let together =
            |a, b| try_acquire_all(&[limiter.request("b", a), limiter.request("c", b)]).is_ok();
        assert!(together(2, 1));
        assert!(!together(1, 1));
    });
    assert_eq!(lines(&told), [(GRANTED, &[5.0][..]), (LIMITED, &[2.0])]);
}

#[test]
fn a_dry_run_counts_what_it_would_have_refused() {
    let told = counted(|| {
        let limiter = Limiter::in_memory().rate(Rate::new(2, HOUR)).dry_run();
        let limiter = limiter.open().unwrap();
        limiter.reserve("", 1, HOUR).unwrap().keep();
        for _ in 0..3 {
            limiter.acquire("").unwrap();
        }
    });
    assert_eq!(lines(&told), [(GRANTED, &[2.0][..]), (LIMITED, &[2.0])]);
}
