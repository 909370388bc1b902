//! Functions that take permits before each call: by the attribute macro, and wrapped.
//! What is refused is never called.
#![cfg(target_os = "linux")]
// What the macro writes must not set off a lint that its user has asked for.
#![warn(clippy::pedantic)]

mod asynchronous;
mod attribute;
#[path = "../common/mod.rs"]
#[allow(clippy::pedantic, reason = "no macro is in it")]
mod common;
mod wrapped;

use common::{Process, Scene};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate, rate_limited};

const HOUR: Duration = Duration::from_secs(3600);

fn hourly(limit: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).keys(16).open().unwrap()
}

/// One whose permits are back in a moment: so its callers wait.
fn brisk() -> Limiter {
    let rate = Rate::new(1, Duration::from_millis(30));
    let limiter = Limiter::in_memory().rate(rate).lateness(HOUR);
    limiter.open().unwrap()
}

/// An error of the caller's own.
#[derive(Debug)]
enum Failed {
    Limited(AcquireError),
    Itself,
}

impl From<AcquireError> for Failed {
    fn from(error: AcquireError) -> Self {
        Self::Limited(error)
    }
}

fn is_limited<T>(outcome: Result<T, AcquireError>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(AcquireError::Limited { .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

/// Set before a fork: the processes have one function, and one limit.
static SHARED: OnceLock<Limiter> = OnceLock::new();

#[rate_limited(limiter = SHARED.get().unwrap(), weight = 2, no_wait)]
fn shared(log: &mut Vec<u64>, worker: u64) -> Result<(), AcquireError> {
    log.push(worker);
    Ok(())
}

#[test]
fn two_processes_with_one_decorated_function_share_its_limit() {
    let Some(scene) = Scene::alone(two_processes_with_one_decorated_function_share_its_limit)
    else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(41, HOUR)).open().unwrap();
    SHARED.set(limiter.clone()).unwrap();
    let calls = |worker| {
        let mut log = Vec::new();
        while log.len() < 15 && shared(&mut log, worker).is_ok() {}
        std::fs::write(
            scene.file(&format!("calls of {worker}")),
            log.len().to_string(),
        )
        .unwrap();
        assert!(log.iter().all(|by| *by == worker));
    };
    let children: Vec<_> = (0..2).map(|n| Process::fork(|| calls(n))).collect();
    children.into_iter().for_each(Process::join);
    let counted: BTreeMap<u64, u64> = (0..2)
        .map(|n| {
            let file = scene.file(&format!("calls of {n}"));
            (n, std::fs::read_to_string(file).unwrap().parse().unwrap())
        })
        .collect();
    assert_eq!(counted.values().sum::<u64>(), 20, "{counted:?}");
    assert!(counted.values().all(|calls| *calls >= 5), "{counted:?}");
    assert_eq!(limiter.count().unwrap(), 40);
}
