//! A server whose clock is set.

use super::{HOUR, RedisServer, bucket, item, retry_after, take};
use crate::servers::SteppedClock;
use nix::sys::signal::Signal;
use std::any::type_name;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::{Bucket, Clock, Rate, RedisClock, Wall};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn stage<T: Fn()>(_test: T) -> Option<(RedisServer, SteppedClock, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let clock = SteppedClock::in_folder(folder.path());
    let environment = clock.environment();
    let server = RedisServer::start_with(folder.path(), type_name::<T>(), &[], &environment)?;
    Some((server, clock, folder))
}

#[test]
fn when_the_clock_is_set_back_instants_do_not_decrease_and_no_window_holds_too_much() {
    let Some((server, clock, _folder)) =
        stage(when_the_clock_is_set_back_instants_do_not_decrease_and_no_window_holds_too_much)
    else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(3, TEN_MINUTES)]);
    let before = take(&bucket, 2).unwrap();
    clock.set_behind(HOUR);
    assert!(bucket.now().unwrap() < before.at, "the clock was not set");
    // There is room for one more, at once: at an instant that others were given already.
    let after = take(&bucket, 1).unwrap();
    assert!(after.at >= before.at && after.wait == Duration::ZERO);
    // The clock has to come to where it was, and ten minutes further.
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait > HOUR && wait <= HOUR + TEN_MINUTES, "{wait:?}");
    let queued = bucket.put(item(1), 2 * HOUR).unwrap();
    assert!(queued.wait > HOUR && queued.at == before.at.saturating_add(TEN_MINUTES));
    // When it is set right again, all is as if nothing had happened.
    clock.set_behind(Duration::ZERO);
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait <= TEN_MINUTES, "{wait:?}");
}

#[test]
fn a_flush_ends_the_wait_for_a_clock_that_was_set_back() {
    let Some((server, clock, _folder)) = stage(a_flush_ends_the_wait_for_a_clock_that_was_set_back)
    else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(3, TEN_MINUTES)]);
    take(&bucket, 3).unwrap();
    clock.set_behind(HOUR);
    retry_after(take(&bucket, 1));
    bucket.flush().unwrap();
    take(&bucket, 3).unwrap();
    let (wait, _) = retry_after(take(&bucket, 1));
    assert!(wait <= TEN_MINUTES, "{wait:?}");
}

#[test]
fn when_the_clock_is_set_forward_permits_count_for_less_long() {
    let Some((server, clock, _folder)) =
        stage(when_the_clock_is_set_forward_permits_count_for_less_long)
    else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(3, HOUR)]);
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
    let Some((mut server, stepped, _folder)) = stage(test) else {
        return;
    };
    let clock = RedisClock::at(server.address()).unwrap();
    let before = clock.now().unwrap();
    let wall = Wall.now().unwrap();
    assert!(wall.duration_since(before) < TEN_MINUTES && before.duration_since(wall) < TEN_MINUTES);
    assert!(clock.now().unwrap() >= before);
    stepped.set_behind(HOUR);
    assert!(clock.now().unwrap() < before, "it is the server's");
    server.end(Signal::SIGKILL);
    let error = clock.now().unwrap_err();
    assert!(
        error.to_string().contains("Redis server's clock"),
        "{error}"
    );
    server.start_again();
    assert!(clock.now().is_ok());
}
