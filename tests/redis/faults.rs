//! A server that fails, and the way to it.

use super::{HOUR, bucket, item, retry_after, server, server_with, take};
use crate::servers::Proxy;
use nix::sys::signal::Signal;
use std::error::Error;
use std::time::Duration;
use tidegate::redis::RedisError;
use tidegate::{AcquireError, Bucket, BucketError, Grant, OpenError, Outcome, Rate, RedisBucket};

/// What is known of a failure.
fn outcome(result: Result<Grant, AcquireError>) -> Outcome {
    match result {
        Err(AcquireError::Bucket(BucketError::Backend(error))) => error.outcome,
        other => panic!("no failure of the server: {other:?}"),
    }
}

fn words<T: std::fmt::Debug>(result: Result<T, AcquireError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let Some(server) = server(a_server_that_forgets_its_scripts_is_told_them_again) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(4, HOUR)]);
    for taken in 1..=4 {
        server.tell::<String>(&["SCRIPT", "FLUSH"]);
        take(&bucket, 1).unwrap();
        server.tell::<String>(&["SCRIPT", "FLUSH"]);
        assert_eq!(bucket.count().unwrap(), taken);
    }
    retry_after(take(&bucket, 1));
}

#[test]
fn a_server_that_keeps_its_log_goes_on_with_it_after_a_kill() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let test = a_server_that_keeps_its_log_goes_on_with_it_after_a_kill;
    let Some(mut server) = server_with(test, &options) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(3, HOUR)]);
    let first = take(&bucket, 2).unwrap();
    server.end(Signal::SIGKILL);
    assert_eq!(
        outcome(take(&bucket, 1)),
        Outcome::Undone,
        "there is nobody to take it"
    );
    server.start_again();
    let last = take(&bucket, 1).unwrap();
    assert!(last.at > first.at);
    retry_after(take(&bucket, 1));
    bucket.give_back(b"", &first, 2).unwrap();
    take(&bucket, 2).unwrap();
    server.end(Signal::SIGTERM);
    server.start_again();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_server_that_keeps_nothing_begins_anew_with_the_rates_that_are_known_last() {
    let test = a_server_that_keeps_nothing_begins_anew_with_the_rates_that_are_known_last;
    let Some(mut server) = server(test) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(2, HOUR)]);
    bucket.set_rates(&[Rate::new(3, HOUR)]).unwrap();
    let lost = take(&bucket, 3).unwrap();
    server.end(Signal::SIGTERM);
    server.start_again();
    take(&bucket, 3).unwrap();
    bucket.give_back(b"", &lost, 3).unwrap();
    assert_eq!(retry_after(take(&bucket, 1)).1, Rate::new(3, HOUR));
}

#[test]
fn a_wrong_password_is_told_and_takes_nothing() {
    let test = a_wrong_password_is_told_and_takes_nothing;
    let Some(server) = server_with(test, &["--requirepass", "right"]) else {
        return;
    };
    let at = |password: &str| {
        let address = format!("{}?pass={password}", server.address());
        RedisBucket::at(address, "test")
            .rate(Rate::new(3, HOUR))
            .open()
    };
    match at("wrong").unwrap_err() {
        OpenError::Backend(error) => {
            assert_eq!((error.backend, error.outcome), ("Redis", Outcome::Undone));
            let told = error
                .source()
                .unwrap()
                .downcast_ref::<RedisError>()
                .unwrap();
            assert!(
                error.to_string().to_lowercase().contains("password"),
                "{error}"
            );
            assert!(!told.is_io_error(), "{told:?}");
        }
        other => panic!("{other}"),
    }
    let none = RedisBucket::at(server.address(), "test")
        .rate(Rate::new(3, HOUR))
        .open();
    let none = none.unwrap_err().to_string();
    assert!(
        none.contains("Authentication required") || none.contains("NOAUTH"),
        "{none}"
    );
    take(&at("right").unwrap(), 3).unwrap();
}

#[test]
fn a_user_who_may_do_no_more_than_the_docs_say_may_do_all() {
    let test = a_user_who_may_do_no_more_than_the_docs_say_may_do_all;
    let Some(server) = server(test) else { return };
    let rights = "on >secret resetkeys ~{tidegate:* -@all +eval +evalsha +time +ping +get +set +setrange +mget \
                  +zadd +zrem +zrange +zrangebyscore +zrevrange +zremrangebyrank +zremrangebyscore \
                  +zscore +zcount +zcard +zscan +pexpire +unlink";
    let words: Vec<&str> = ["ACL", "SETUSER", "limiter"]
        .into_iter()
        .chain(rights.split_whitespace())
        .collect();
    server.tell::<String>(&words);
    let address = format!("{}?user=limiter&pass=secret", server.address());
    let rate = Rate::new(40, Duration::from_millis(5));
    let bucket = RedisBucket::at(address, "test")
        .rate(rate)
        .keyed()
        .open()
        .unwrap();
    let until = bucket.now().unwrap().saturating_add(HOUR);
    for round in 0..60 {
        let grant = bucket.put(item(2), HOUR).unwrap();
        if round % 3 > 0 {
            bucket.give_back(b"", &grant, round % 3).unwrap();
        }
    }
    bucket
        .look(item(1))
        .map_or_else(|error| assert!(error.to_string().contains("limited")), drop);
    bucket.peek(b"", 0).unwrap();
    bucket.usage(b"").unwrap();
    bucket.pause(Some(b"a"), until).unwrap();
    assert!(bucket.paused(b"a").unwrap() > HOUR / 2);
    bucket.pause(None, until).unwrap();
    bucket.resume(None).unwrap();
    super::common::eventually("the permits to count no more", || {
        bucket.count().unwrap() == 0
    });
    bucket.leak().unwrap();
    bucket.set_rates(&[Rate::new(2, HOUR)]).unwrap();
    bucket.flush().unwrap();
    bucket.dispose(b"a").unwrap();
    bucket.remove().unwrap();
}

#[test]
fn connections_that_were_cut_while_they_rested_are_no_error() {
    let test = connections_that_were_cut_while_they_rested_are_no_error;
    let Some(server) = server(test) else { return };
    let bucket = bucket(&server, &[Rate::new(9, HOUR)]);
    for _ in 0..3 {
        take(&bucket, 1).unwrap();
        server.tell::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        take(&bucket, 2).unwrap();
    }
    assert_eq!(bucket.count().unwrap(), 9);
}

#[test]
fn what_became_of_a_question_whose_answer_was_lost_is_unknown_and_it_is_not_asked_again() {
    let test = what_became_of_a_question_whose_answer_was_lost_is_unknown_and_it_is_not_asked_again;
    let Some(server) = server(test) else { return };
    let proxy = Proxy::before(server.socket());
    let builder = RedisBucket::at(proxy.redis_address(), "test");
    let bucket = builder.rate(Rate::new(3, HOUR)).open().unwrap();
    take(&bucket, 1).unwrap();
    assert_eq!(proxy.connections(), 1);
    proxy.drop_next_answer();
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Unknown);
    // This time it was taken, and once.
    assert_eq!(bucket.count().unwrap(), 2);
    assert_eq!(proxy.connections(), 2, "it makes a new connection");
    proxy.drop_next_request();
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Unknown);
    // And this time it was not.
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
    // Giving back twice does no harm.
    let bucket = &bucket;
    bucket.flush().unwrap();
    let grant = take(bucket, 3).unwrap();
    proxy.drop_next_answer();
    let error = bucket.give_back(b"", &grant, 1).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    bucket.give_back(b"", &grant, 1).unwrap();
    assert_eq!(bucket.count().unwrap(), 2);
}

#[test]
fn a_server_that_is_out_of_memory_says_so_and_takes_nothing_and_takes_back() {
    let test = a_server_that_is_out_of_memory_says_so_and_takes_nothing_and_takes_back;
    let Some(server) = server(test) else { return };
    let bucket = bucket(&server, &[Rate::new(3, HOUR)]);
    let grant = take(&bucket, 2).unwrap();
    server.tell::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = take(&bucket, 1);
    assert!(words(take(&bucket, 1)).contains("OOM"), "{refused:?}");
    assert_eq!(outcome(refused), Outcome::Undone);
    assert_eq!(bucket.count().unwrap(), 2);
    retry_after(bucket.look(item(2)));
    bucket.give_back(b"", &grant, 1).unwrap();
    assert_eq!(bucket.count().unwrap(), 1);
    server.tell::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    take(&bucket, 2).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_replica_takes_nothing() {
    let Some(server) = server(a_replica_takes_nothing) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(3, HOUR)]);
    take(&bucket, 2).unwrap();
    server.tell::<String>(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Undone);
    server.tell::<String>(&["REPLICAOF", "NO", "ONE"]);
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_with_patience_and_no_longer() {
    let test = a_server_that_does_not_answer_is_waited_for_with_patience_and_no_longer;
    let Some(server) = server(test) else { return };
    let builder = RedisBucket::at(server.address(), "test").patience(Duration::from_millis(50));
    let bucket = builder.rate(Rate::new(3, HOUR)).open().unwrap();
    take(&bucket, 1).unwrap();
    server.signal(Signal::SIGSTOP);
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Unknown);
    let again = RedisBucket::at(server.address(), "test").patience(Duration::from_millis(50));
    assert!(matches!(again.adopt().open(), Err(OpenError::Backend(_))));
    server.signal(Signal::SIGCONT);
    // It was in the server's hands all the time, and has been done by now.
    let taken = super::common::eventually;
    taken("the server to take it", || {
        bucket.count().is_ok_and(|count| count == 2)
    });
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
}
