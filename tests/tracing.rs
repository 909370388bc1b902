//! What a subscriber of the facade `tracing` is told.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::{Limiter, Rate};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const HOUR: Duration = Duration::from_secs(3600);

/// Writes down each event of the crate as one line: its level, its message, its fields.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Notes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == "tidegate" {
            let mut line = Line(metadata.level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &match field.name() {
            "message" => format!(" {value:?}"),
            name => format!(" {name}={value:?}"),
        };
    }
}

/// What is told while `act` runs.
fn told(act: impl FnOnce()) -> Vec<String> {
    let notes = Notes::default();
    let subscriber = tracing_subscriber::registry().with(notes.clone());
    tracing::subscriber::with_default(subscriber, act);
    let told = notes.0.lock().unwrap();
    told.clone()
}

#[test]
fn who_is_granted_refused_or_paused_is_told_with_the_segment_and_without_the_key() {
    let name = format!("test.tracing.{}", std::process::id());
    let told = told(|| {
        let limiter = Limiter::shared(&name).rate(Rate::new(3, HOUR));
        let limiter = limiter.open().unwrap();
        limiter.try_acquire_n("secret", 3).unwrap();
        assert!(limiter.try_acquire("secret").is_err());
        limiter.pause("secret", HOUR).unwrap();
        limiter.pause_all(HOUR).unwrap();
    });
    tidegate::remove(&name).unwrap();
    let [granted, limited, paused, all_paused] = &told[..] else {
        panic!("{told:?}");
    };
    let segment = format!("segment=\"{name}\"");
    assert_eq!(*granted, format!("DEBUG granted {segment} permits=3"));
    let limited_by = format!("DEBUG limited {segment} reason=limited by 3/h: try again in ");
    assert!(limited.starts_with(&limited_by), "{limited}");
    for paused in [paused, all_paused] {
        let until = format!("DEBUG paused {segment} until=36");
        assert!(paused.starts_with(&until), "{paused}");
    }
    assert!(!told.concat().contains("secret"), "{told:?}");
}

#[test]
fn who_has_waited_is_told_how_long_before_the_grant() {
    let told = told(|| {
        let rate = Rate::new(1, Duration::from_millis(20));
        let limiter = Limiter::in_memory().rate(rate).open().unwrap();
        // Who comes late needs not wait, on a busy machine.
        while limiter.acquire("").unwrap().sleeps() == 0 {}
    });
    let [granted @ .., waited, last] = &told[..] else {
        panic!("{told:?}");
    };
    for line in granted.iter().chain([last]) {
        assert_eq!(line, "DEBUG granted segment=\"memory\" permits=1");
    }
    let seconds = waited.strip_prefix("DEBUG waited segment=\"memory\" seconds=");
    let seconds: f64 = seconds.unwrap().parse().unwrap();
    assert!(seconds > 0.0, "{waited}");
}

#[test]
fn nothing_is_told_above_debug() {
    let notes = Notes::default();
    let info = tracing_subscriber::filter::LevelFilter::from_level(Level::INFO);
    let subscriber = tracing_subscriber::registry().with(notes.clone().with_filter(info));
    tracing::subscriber::with_default(subscriber, || {
        let limiter = Limiter::in_memory()
            .rate(Rate::new(1, HOUR))
            .open()
            .unwrap();
        limiter.try_acquire("").unwrap();
        assert!(limiter.try_acquire("").is_err());
        limiter.pause("", HOUR).unwrap();
    });
    assert_eq!(*notes.0.lock().unwrap(), [""; 0]);
}
