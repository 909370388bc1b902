//! A server that fails, and the way to it.

use super::common::eventually;
use super::servers::postgres::address_of_socket;
use super::servers::{PostgresServer, Proxy};
use super::{HOUR, Stage, item, own_server, retry_after, stage, take};
use nix::sys::signal::Signal;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tidegate::{
    AcquireError, BackendError, Bucket, BucketError, Grant, OpenError, Outcome, PostgresBucket,
    PostgresError, Rate,
};

const THREE: [Rate; 1] = [Rate::new(3, HOUR)];

/// What is known of a failure.
fn outcome(result: Result<Grant, AcquireError>) -> Outcome {
    failure(result).outcome
}

fn failure(result: Result<Grant, AcquireError>) -> Arc<BackendError> {
    match result {
        Err(AcquireError::Bucket(BucketError::Backend(error))) => error,
        other => panic!("no failure of the server: {other:?}"),
    }
}

fn cause(error: &BackendError) -> &PostgresError {
    assert_eq!(error.backend, "PostgreSQL");
    error.source.downcast_ref().unwrap()
}

/// Why a bucket could not be opened; nothing was changed then.
fn why_not(opened: Result<PostgresBucket, OpenError>) -> PostgresError {
    match opened {
        Err(OpenError::Backend(error)) => {
            assert_eq!(error.outcome, Outcome::Undone);
            *error.source.downcast().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_restarted_or_crashes_goes_on_with_its_log() {
    let test = a_server_that_is_restarted_or_crashes_goes_on_with_its_log;
    let Some(Stage { server, test }) = own_server(test, &["fsync=on"]) else {
        return;
    };
    let mut server = Arc::into_inner(server).unwrap();
    let builder = PostgresBucket::at(server.address(), test);
    let bucket = builder.rates(THREE).open().unwrap();
    let first = take(&bucket, 2).unwrap();
    server.end(Signal::SIGKILL);
    // Sessions outlive it by a moment.
    eventually("the bucket to see it", || {
        bucket.look(item(1)).is_err() && bucket.count().is_err()
    });
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Undone);
    let error = failure(take(&bucket, 1));
    assert!(
        matches!(cause(&error), PostgresError::Unreachable(_)),
        "{error}"
    );
    server.start_again();
    let last = take(&bucket, 1).unwrap();
    assert!(last.at > first.at);
    retry_after(take(&bucket, 1));
    bucket.give_back(b"", &first, 2).unwrap();
    take(&bucket, 2).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        server.end(signal);
        server.start_again();
        eventually("the bucket to be back", || {
            matches!(take(&bucket, 1), Err(AcquireError::Limited { .. }))
        });
    }
    assert_eq!(bucket.count().unwrap(), 3);
}

#[test]
fn connections_that_were_cut_while_they_rested_are_no_error() {
    let Some(stage) = own_server(
        connections_that_were_cut_while_they_rested_are_no_error,
        &[],
    ) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(9, HOUR)]);
    for _ in 0..3 {
        take(&bucket, 1).unwrap();
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'tidegate'";
        assert!(stage.number(others) > 0);
        let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tidegate'";
        eventually("them to be gone", || stage.number(left) == 0);
        // It is told in the background: that takes as long as it takes.
        thread::sleep(Duration::from_millis(300));
        take(&bucket, 2).unwrap();
    }
    assert_eq!(bucket.count().unwrap(), 9);
}

#[test]
fn what_became_of_a_question_whose_answer_was_lost_is_unknown_and_it_is_not_asked_again() {
    let test = what_became_of_a_question_whose_answer_was_lost_is_unknown_and_it_is_not_asked_again;
    let Some(stage) = stage(test) else { return };
    let proxy = Proxy::before(stage.server.socket());
    let builder = PostgresBucket::at(address_of_socket(&proxy.socket()), stage.test);
    let bucket = builder.rates(THREE).connections(1).open().unwrap();
    // The statements are prepared; so each call is one message, and one answer.
    let prepared = take(&bucket, 1).unwrap();
    bucket.give_back(b"", &prepared, 1).unwrap();
    take(&bucket, 1).unwrap();
    let before = proxy.connections();
    proxy.drop_next_answer();
    let error = failure(take(&bucket, 1));
    assert_eq!(error.outcome, Outcome::Unknown);
    assert!(matches!(cause(&error), PostgresError::Cut(_)), "{error}");
    // This time it was taken, and once.
    assert_eq!(bucket.count().unwrap(), 2);
    assert_eq!(proxy.connections(), before + 1, "it makes a new connection");
    let prepared = take(&bucket, 1).unwrap();
    bucket.give_back(b"", &prepared, 1).unwrap();
    proxy.drop_next_request();
    assert_eq!(outcome(take(&bucket, 1)), Outcome::Unknown);
    // And this time it was not.
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
}

/// Does something while a session of somebody else's holds the lock of the bucket's only name.
fn while_locked<T>(stage: &Stage, what: impl FnOnce() -> T) -> T {
    let lock = stage.tell("SELECT lock FROM tidegate.names WHERE id IN MINE");
    let hold = format!(
        "SET statement_timeout = 0; SET application_name = 'holder';
         SELECT pg_advisory_lock({lock}), pg_sleep(600)"
    );
    thread::scope(|scope| {
        let holder = scope.spawn(|| stage.server.try_tell(&hold).unwrap_err());
        let held = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'holder'";
        eventually("the lock to be held", || stage.number(held) > 0);
        let answer = what();
        stage.tell(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'holder'",
        );
        holder.join().unwrap();
        answer
    })
}

const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";

#[test]
fn a_session_that_is_ended_in_the_midst_of_a_call_leaves_its_outcome_unknown() {
    let test = a_session_that_is_ended_in_the_midst_of_a_call_leaves_its_outcome_unknown;
    let Some(stage) = own_server(test, &[]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    take(&bucket, 1).unwrap();
    let error = while_locked(&stage, || {
        thread::scope(|scope| {
            let taker = scope.spawn(|| failure(take(&bucket, 1)));
            eventually("it to wait for the lock", || stage.number(WAITING) > 0);
            stage.tell(
                "SELECT pg_terminate_backend(pid) FROM pg_locks
                 WHERE locktype = 'advisory' AND NOT granted",
            );
            taker.join().unwrap()
        })
    });
    assert_eq!(error.outcome, Outcome::Unknown);
    assert!(matches!(cause(&error), PostgresError::Cut(_)), "{error}");
    assert_eq!(bucket.count().unwrap(), 1);
    take(&bucket, 2).unwrap();
}

#[test]
fn a_call_that_the_server_gives_up_has_taken_nothing() {
    let test = a_call_that_the_server_gives_up_has_taken_nothing;
    let Some(stage) = own_server(test, &["statement_timeout=200ms"]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    take(&bucket, 1).unwrap();
    let error = while_locked(&stage, || failure(take(&bucket, 1)));
    assert_eq!(error.outcome, Outcome::Undone);
    assert!(
        matches!(cause(&error), PostgresError::Refused(_)),
        "{error}"
    );
    take(&bucket, 2).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_with_patience_and_no_longer() {
    let test = a_server_that_does_not_answer_is_waited_for_with_patience_and_no_longer;
    let Some(stage) = own_server(test, &[]) else {
        return;
    };
    let hurried = || stage.builder(&THREE).patience(Duration::from_millis(300));
    let bucket = hurried().connections(1).open().unwrap();
    take(&bucket, 1).unwrap();
    while_locked(&stage, || {
        let error = failure(take(&bucket, 1));
        assert_eq!(error.outcome, Outcome::Unknown);
        assert!(
            matches!(cause(&error), PostgresError::Silent { .. }),
            "{error}"
        );
    });
    // It was in the server's hands all the time, and has been done by now.
    eventually("the server to do it", || bucket.count().unwrap() == 2);
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
    stage.server.signal(Signal::SIGSTOP);
    let opened = hurried().open();
    stage.server.signal(Signal::SIGCONT);
    let error = why_not(opened);
    assert!(matches!(error, PostgresError::Silent { .. }), "{error}");
}

#[test]
fn a_call_in_a_deadlock_is_made_again_and_takes_once() {
    let test = a_call_in_a_deadlock_is_made_again_and_takes_once;
    let Some(stage) = own_server(test, &["deadlock_timeout=2s"]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    take(&bucket, 1).unwrap();
    let name = stage.tell("SELECT lock FROM tidegate.names WHERE id IN MINE");
    // Locks the name; and when somebody waits for that, the bucket, of which that one holds a
    // share.
    let stranger = format!(
        "SET deadlock_timeout = '10min';
         DO $$
         DECLARE
             bucket bigint;
         BEGIN
             PERFORM pg_advisory_lock({name}), set_config('application_name', 'stranger', false);
             WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)
             LOOP
                 PERFORM pg_sleep(0.01);
             END LOOP;
             SELECT (classid::bigint << 32) | objid::bigint INTO bucket FROM pg_locks
                 WHERE locktype = 'advisory' AND granted AND mode = 'ShareLock';
             PERFORM pg_advisory_lock(bucket);
         END
         $$"
    );
    thread::scope(|scope| {
        let stranger = scope.spawn(|| stage.server.tell(&stranger));
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        eventually("the lock to be held", || stage.number(held) > 0);
        take(&bucket, 1).unwrap();
        stranger.join().unwrap();
    });
    let met = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";
    eventually("the server to tell of it", || stage.number(met) == 1);
    assert_eq!(bucket.count().unwrap(), 2);
}

#[test]
fn when_all_connections_are_in_use_that_is_what_is_told() {
    let Some(stage) = stage(when_all_connections_are_in_use_that_is_what_is_told) else {
        return;
    };
    let builder = stage.builder(&THREE).connections(1);
    let bucket = builder.patience(Duration::from_secs(2)).open().unwrap();
    take(&bucket, 1).unwrap();
    while_locked(&stage, || {
        thread::scope(|scope| {
            let first = scope.spawn(|| failure(take(&bucket, 1)));
            eventually("it to wait for the lock", || stage.number(WAITING) > 0);
            let second = scope.spawn(|| failure(bucket.put(item(1), HOUR)));
            let errors = [first.join().unwrap(), second.join().unwrap()];
            assert!(
                matches!(cause(&errors[0]), PostgresError::Silent { .. }),
                "{}",
                errors[0]
            );
            assert_eq!(errors[0].outcome, Outcome::Unknown);
            // Which of the two was later by a hair may find the connection free.
            if let PostgresError::Busy { connections, .. } = cause(&errors[1]) {
                assert_eq!((*connections, errors[1].outcome), (1, Outcome::Undone));
            }
        });
    });
}

#[test]
fn a_wrong_password_a_missing_database_and_a_missing_server_are_told_apart() {
    let test = a_wrong_password_a_missing_database_and_a_missing_server_are_told_apart;
    let Some(stage) = own_server(test, &[]) else {
        return;
    };
    stage.tell(
        "CREATE ROLE guest LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE postgres TO guest",
    );
    stage.server.let_in("local all guest scram-sha-256");
    let at = |user: &str, database: &str| {
        let address = stage.server.address();
        let host = address.split(' ').next().unwrap();
        let address = format!("{host} user={user} dbname={database}");
        PostgresBucket::at(address, stage.test).rates(THREE).open()
    };
    eventually("the rule to hold", || at("guest", "postgres").is_err());
    for user in ["guest password=wrong", "guest", "nobody"] {
        let error = why_not(at(user, "postgres"));
        assert!(matches!(error, PostgresError::Login(_)), "{user}: {error}");
    }
    let error = why_not(at("tester", "nowhere"));
    assert!(matches!(error, PostgresError::NoDatabase(_)), "{error}");
    assert!(error.to_string().contains("\"nowhere\""), "{error}");
    take(&at("guest password=right", "postgres").unwrap(), 3).unwrap();

    let missing = PostgresBucket::at("host=/nowhere user=tester", "test");
    let error = why_not(missing.rates(THREE).open());
    assert!(matches!(error, PostgresError::Unreachable(_)), "{error}");
    let error = why_not(PostgresBucket::at("port=x", "test").rates(THREE).open());
    assert!(matches!(error, PostgresError::Address(_)), "{error}");
}

#[test]
fn a_user_needs_the_right_to_make_the_schema_or_to_use_it() {
    let test = a_user_needs_the_right_to_make_the_schema_or_to_use_it;
    let Some(stage) = own_server(test, &[]) else {
        return;
    };
    stage.tell("CREATE ROLE guest LOGIN");
    let address = stage.server.address().replace("tester", "guest");
    let open = || PostgresBucket::at(&address, stage.test).rates(THREE).open();
    let not_allowed = |error: PostgresError| {
        assert!(matches!(error, PostgresError::NotAllowed(_)), "{error}");
    };
    not_allowed(why_not(open()));
    let owner = stage.bucket(&THREE);
    not_allowed(why_not(open()));
    stage.tell("GRANT USAGE ON SCHEMA tidegate TO guest");
    not_allowed(why_not(open()));
    stage.tell("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tidegate TO guest");
    let guest = open().unwrap();
    take(&guest, 2).unwrap();
    take(&owner, 1).unwrap();
    stage.tell("REVOKE INSERT ON ALL TABLES IN SCHEMA tidegate FROM guest");
    owner.flush().unwrap();
    let error = failure(take(&guest, 1));
    assert_eq!(error.outcome, Outcome::Undone);
    assert!(
        matches!(cause(&error), PostgresError::NotAllowed(_)),
        "{error}"
    );
    assert_eq!(owner.count().unwrap(), 0);
}

#[test]
fn a_standby_takes_nothing_and_is_passed_over() {
    let Some(stage) = own_server(a_standby_takes_nothing_and_is_passed_over, &[]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    take(&bucket, 1).unwrap();
    let standby = stage.server.standby();
    let error = why_not(
        PostgresBucket::at(standby.address(), stage.test)
            .rates(THREE)
            .open(),
    );
    assert!(matches!(error, PostgresError::ReadOnly(_)), "{error}");
    let host = |server: &PostgresServer| server.socket().parent().unwrap().display().to_string();
    let both = format!(
        "host={},{} user=tester dbname=postgres",
        host(&standby),
        host(&stage.server)
    );
    let both = PostgresBucket::at(both, stage.test).rates(THREE).open();
    take(&both.unwrap(), 2).unwrap();
    retry_after(take(&bucket, 1));
    // A database that is set to be read only says so, too.
    stage.tell("ALTER DATABASE postgres SET default_transaction_read_only = on");
    let error = why_not(stage.builder(&THREE).open());
    assert!(matches!(error, PostgresError::ReadOnly(_)), "{error}");
}

#[test]
fn a_schema_that_is_dropped_is_told_and_made_anew_when_the_bucket_is_opened() {
    let test = a_schema_that_is_dropped_is_told_and_made_anew_when_the_bucket_is_opened;
    let Some(stage) = own_server(test, &[]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    take(&bucket, 3).unwrap();
    stage.tell("DROP SCHEMA tidegate CASCADE");
    let error = failure(take(&bucket, 1));
    assert_eq!(error.outcome, Outcome::Undone);
    assert!(
        matches!(cause(&error), PostgresError::NoTables(_)),
        "{error}"
    );
    take(&stage.bucket(&THREE), 3).unwrap();
}

#[test]
fn a_schema_of_another_layout_is_told_with_both_numbers() {
    let Some(stage) = own_server(a_schema_of_another_layout_is_told_with_both_numbers, &[]) else {
        return;
    };
    stage.bucket(&THREE);
    stage.tell(
        "CREATE OR REPLACE FUNCTION tidegate.layout() RETURNS integer LANGUAGE sql IMMUTABLE
         AS 'SELECT 77'",
    );
    match why_not(stage.builder(&THREE).open()) {
        PostgresError::Layout { schema, found, .. } => {
            assert_eq!((schema.as_str(), found), ("tidegate", 77));
        }
        other => panic!("{other}"),
    }
    // Another schema is a room of its own.
    let elsewhere = stage.builder(&THREE).schema("Elsewhere_2").open();
    take(&elsewhere.unwrap(), 3).unwrap();
    let error = why_not(stage.builder(&THREE).schema("a b").open());
    assert!(matches!(error, PostgresError::Schema { .. }), "{error}");
}

#[test]
fn rates_in_the_tables_that_make_no_limit_are_an_error() {
    let Some(stage) = own_server(rates_in_the_tables_that_make_no_limit_are_an_error, &[]) else {
        return;
    };
    let bucket = stage.bucket(&THREE);
    for broken in [
        "limits = '{0}'",
        "limits = '{1,2}'",
        "intervals = '{-5}'",
        "limits = '{}'",
    ] {
        stage.tell(&format!("UPDATE tidegate.buckets SET {broken}"));
        let error = why_not(stage.builder(&THREE).open());
        assert!(matches!(error, PostgresError::Damaged { .. }), "{error}");
        // Who has it open may get wrong answers, and no more than that.
        let _ = (
            take(&bucket, 1),
            bucket.usage(b""),
            bucket.leak(),
            bucket.rates(),
        );
    }
}
