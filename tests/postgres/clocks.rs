//! A server whose clock is set.

use super::common::eventually;
use super::common::steered::{alone, steer};
use super::servers::{PostgresServer, SteppedClock};
use super::{HOUR, Stage, item, retry_after, take};
use nix::sys::signal::Signal;
use std::any::type_name;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::{Bucket, Clock, Item, PostgresClock, Rate, Wall};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A server with a clock of its own.
fn clock_stage<T: Fn()>(_test: T) -> Option<(Stage, SteppedClock, TempDir)> {
    let test = type_name::<T>();
    let folder = tempfile::tempdir().unwrap();
    let clock = SteppedClock::in_folder(folder.path());
    // The server is somebody else.
    for (_, file) in clock.environment() {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let environment = clock.environment();
    let server = PostgresServer::start_with(folder.path(), test, &[], &environment)?;
    let server = Arc::new(server);
    Some((Stage { server, test }, clock, folder))
}

#[test]
fn when_the_clock_is_set_back_instants_do_not_decrease_and_no_window_holds_too_much() {
    let test = when_the_clock_is_set_back_instants_do_not_decrease_and_no_window_holds_too_much;
    let Some((stage, clock, _folder)) = clock_stage(test) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(3, TEN_MINUTES)]);
    let before = take(&bucket, 2).unwrap();
    clock.set_behind(HOUR);
    assert!(bucket.now().unwrap() < before.at, "the clock was not set");
    // There is room for one more: now, which is an instant that was told before.
    let after = take(&bucket, 1).unwrap();
    assert!(after.at >= before.at && after.wait == Duration::ZERO);
    // The clock has an hour to go to where it was, and then ten minutes.
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait > HOUR && wait <= HOUR + TEN_MINUTES, "{wait:?}");
    let queued = bucket.put(item(1), 2 * HOUR).unwrap();
    assert!(queued.wait > HOUR && queued.at == before.at.saturating_add(TEN_MINUTES));
    // Set right again, it is as if nothing had been.
    clock.set_behind(Duration::ZERO);
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait <= TEN_MINUTES, "{wait:?}");
    // A flush lets time begin anew.
    clock.set_behind(HOUR);
    bucket.flush().unwrap();
    let anew = take(&bucket, 3).unwrap();
    assert!(anew.at < before.at);
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait <= TEN_MINUTES, "{wait:?}");
}

#[test]
fn a_name_that_was_forgotten_too_early_by_a_wrong_clock_is_not_granted_more() {
    let test = a_name_that_was_forgotten_too_early_by_a_wrong_clock_is_not_granted_more;
    let Some((stage, clock, _folder)) = clock_stage(test) else {
        return;
    };
    let bucket = stage.keyed(&[Rate::new(3, TEN_MINUTES)]);
    let put = |name| bucket.put(Item { name, weight: 3 }, Duration::ZERO);
    let before = put(b"a").unwrap();
    clock.set_ahead(HOUR);
    assert_eq!(bucket.leak().unwrap(), 3);
    let names = stage.number("SELECT count(*) FROM tidegate.names WHERE id IN MINE");
    assert_eq!(names, 0, "it is forgotten");
    clock.set_ahead(Duration::ZERO);
    // For the bucket, an hour has passed, and it stays passed.
    let after = put(b"a").unwrap();
    assert!(after.at >= before.at.saturating_add(TEN_MINUTES));
    let (wait, _) = retry_after(put(b"a"));
    assert!(wait > HOUR / 2, "{wait:?}");
}

#[test]
fn when_the_clock_is_set_forward_permits_count_for_less_long() {
    let test = when_the_clock_is_set_forward_permits_count_for_less_long;
    let Some((stage, clock, _folder)) = clock_stage(test) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(3, HOUR)]);
    let before = take(&bucket, 3).unwrap();
    clock.set_ahead(TEN_MINUTES);
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait <= HOUR - TEN_MINUTES, "{wait:?}");
    clock.set_ahead(3 * HOUR);
    let after = take(&bucket, 3).unwrap();
    assert!(after.at > before.at.saturating_add(2 * HOUR));
    retry_after(take(&bucket, 1));
}

#[test]
fn its_clock_is_told_to_others_and_is_an_error_while_the_server_is_gone() {
    let test = its_clock_is_told_to_others_and_is_an_error_while_the_server_is_gone;
    let Some((stage, stepped, _folder)) = clock_stage(test) else {
        return;
    };
    let clock = PostgresClock::at(stage.server.address()).unwrap();
    let before = clock.now().unwrap();
    let wall = Wall.now().unwrap();
    assert!(wall.duration_since(before) < TEN_MINUTES && before.duration_since(wall) < TEN_MINUTES);
    assert!(clock.now().unwrap() >= before);
    stepped.set_behind(HOUR);
    assert!(clock.now().unwrap() < before, "it is the server's");
    stepped.set_behind(Duration::ZERO);
    let mut server = Arc::into_inner(stage.server).unwrap();
    server.end(Signal::SIGKILL);
    // Its sessions outlive it by a moment.
    eventually("no answer", || clock.now().is_err());
    let error = clock.now().unwrap_err();
    assert!(
        error.to_string().contains("PostgreSQL server's clock"),
        "{error}"
    );
    server.start_again();
    assert!(clock.now().unwrap() > before);
    assert!(PostgresClock::at("host=/ port=none").is_err());
}

#[test]
fn an_async_limiter_is_steered_without_blocking_a_thread() {
    let Some(stage) = super::stage(an_async_limiter_is_steered_without_blocking_a_thread) else {
        return;
    };
    alone().block_on(async {
        let builder = stage.builder(&[Rate::new(5, HOUR)]).keyed();
        steer(builder.open_async().await.unwrap()).await;
    });
}
