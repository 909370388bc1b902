//! What responses teach, and that they reach the caller.

use crate::common::Scene;
use crate::server::{BODY, Server};
use crate::user::{HOUR, User, both, generous};
use httpdate::fmt_http_date;
use std::time::{Duration, SystemTime};
use tidegate::{AcquireError, BucketError, Limiter, Rate, remove};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Whether that key is paused for so long from a moment ago.
fn is_paused(limiter: &Limiter, key: &str, pause: Duration) -> bool {
    let left = limiter.waiting(key, 1).unwrap();
    left <= pause && left > pause - Duration::from_secs(90)
}

fn is_free(limiter: &Limiter, key: &str) -> bool {
    limiter.waiting(key, 1).unwrap() < Duration::from_secs(1)
}

/// Asks a server that answers so, once by each client.
fn each(limit: impl Fn(&Limiter) -> [User; 2], status: u16, headers: &[&str], check: Check) {
    for number in 0..2 {
        let (limiter, server) = (generous(), Server::always(status, headers));
        let user = &limit(&limiter)[number];
        let (answered, text) = user.ask(&server.url("/")).unwrap();
        assert_eq!(answered, status);
        if let Some(text) = text {
            assert_eq!(text, BODY);
        }
        let is_so = check(&limiter, &server.host());
        let left = limiter.waiting(server.host(), 1).unwrap();
        assert!(is_so, "{status} {headers:?}: paused for {left:?}");
        assert!(is_free(&limiter, "another.host"));
    }
}

type Check = fn(&Limiter, &str) -> bool;

const PAUSED: Check = |limiter, host| is_paused(limiter, host, TEN_MINUTES);

#[test]
fn a_429_or_503_that_says_for_how_long_pauses_its_host_and_reaches_the_caller() {
    let hour_ahead = SystemTime::now() + HOUR;
    let date = format!("date: {}", fmt_http_date(hour_ahead));
    let retry = format!("retry-after: {}", fmt_http_date(hour_ahead + TEN_MINUTES));
    let in_time = fmt_http_date(SystemTime::now() + TEN_MINUTES);
    let in_time = format!("retry-after: {in_time}");
    for status in [429, 503] {
        for headers in [
            &["Retry-After: 600"][..],
            &[&in_time],
            // By a clock that is an hour ahead of ours.
            &[&date, &retry],
            &["RateLimit: \"day\";r=7;t=9000, \"burst\";r=0;t=600"],
            &["RateLimit: \"a\";r=0", "RateLimit-Policy: \"a\";q=5;w=600"],
            &["RateLimit: limit=5, remaining=0, reset=600"],
            &["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 600"],
            &["Retry-After: 600", "RateLimit: \"a\";r=0;t=3000"],
        ] {
            each(|limiter| both!(limiter), status, headers, PAUSED);
        }
    }
}

#[test]
fn what_teaches_nothing_pauses_nothing() {
    for (status, headers) in [
        (429, &[][..]),
        (429, &["Retry-After: soon"]),
        (429, &["Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"]),
        (429, &["RateLimit: \"a\";r=1;t=600"]),
        (503, &[]),
        (200, &["RateLimit: \"a\";r=0;t=600", "Retry-After: 600"]),
        (500, &["Retry-After: 600"]),
    ] {
        each(|limiter| both!(limiter), status, headers, is_free);
    }
}

#[test]
fn a_default_pause_and_the_longest_are_as_configured() {
    let lasting = |limiter: &Limiter| both!(limiter, .default_pause(TEN_MINUTES));
    each(lasting, 429, &[], PAUSED);
    each(lasting, 503, &[], is_free);
    let years = &["Retry-After: 315360000"];
    each(
        |limiter| both!(limiter),
        429,
        years,
        |limiter, host| is_paused(limiter, host, HOUR),
    );
    each(
        |limiter| both!(limiter, .longest_pause(TEN_MINUTES)),
        503,
        years,
        PAUSED,
    );
    each(
        |limiter| both!(limiter, .longest_pause(Duration::ZERO)),
        429,
        years,
        is_free,
    );
    // As long as the limiter can, if that is shorter.
    each(
        |limiter| both!(limiter, .longest_pause(Duration::MAX)),
        429,
        &["Retry-After: 99999999999999999999"],
        |limiter, host| is_paused(limiter, host, limiter.longest_pause()),
    );
}

#[test]
fn a_200_that_says_that_nothing_is_left_is_heeded_where_that_is_asked_for() {
    let all = |limiter: &Limiter| both!(limiter, .heed_all());
    each(all, 200, &["RateLimit: \"a\";r=0;t=600"], PAUSED);
    each(all, 200, &["RateLimit: \"a\";r=1;t=600"], is_free);
    each(all, 200, &["Retry-After: 600"], is_free);
}

#[test]
fn without_keys_a_pause_is_one_of_all_hosts() {
    for number in 0..2 {
        let limiter = Limiter::in_memory().rate(Rate::per_second(1000)).open();
        let limiter = limiter.unwrap();
        let calls = Server::always(429, &["Retry-After: 600"]);
        let other = Server::always(200, &[]);
        let user = &both!(limiter, .no_wait())[number];
        assert_eq!(user.status(&calls.url("/")), 429);
        assert!(user.is_limited(&other.url("/")));
        assert_eq!(other.arrivals(), 0);
    }
}

#[test]
fn a_pause_after_a_redirect_is_one_of_the_host_that_answered() {
    for number in 0..2 {
        let limiter = generous();
        let answers = Server::always(429, &["Retry-After: 600"]);
        let location = format!("location: {}", answers.url("/"));
        let redirects = Server::always(302, &[&location]);
        let user = &both!(limiter)[number];
        assert_eq!(user.status(&redirects.url("/")), 429);
        assert!(is_paused(&limiter, &answers.host(), TEN_MINUTES));
        assert!(is_free(&limiter, &redirects.host()));
    }
}

#[test]
fn a_pause_of_a_key_of_ones_own_is_one_of_that_key() {
    for number in 0..2 {
        let limiter = generous();
        let server = Server::always(429, &["Retry-After: 600"]);
        let user = &both!(limiter, .key(|_| Some("all")))[number];
        assert_eq!(user.status(&server.url("/")), 429);
        assert!(is_paused(&limiter, "all", TEN_MINUTES));
        assert!(is_free(&limiter, &server.host()));
        let passes = &both!(limiter, .key(|_| None::<&str>))[number];
        assert_eq!(passes.status(&server.url("/")), 429);
        assert!(is_free(&limiter, &server.host()));
    }
}

#[test]
fn a_pause_that_fails_costs_nobody_the_response() {
    for number in 0..2 {
        let scene = Scene::of(a_pause_that_fails_costs_nobody_the_response);
        let rate = Rate::per_second(1000);
        scene.limiter().rate(rate).keys(4).open().unwrap();
        let limiter = scene.limiter().attach_only().adopt().open().unwrap();
        let name = scene.segment().to_owned();
        let server = Server::new(move |_| {
            remove(&name).unwrap();
            (429, vec!["Retry-After: 600".into()])
        });
        let user = &both!(limiter)[number];
        assert_eq!(user.status(&server.url("/")), 429);
        let failed = user.ask(&server.url("/")).unwrap_err();
        let is_gone = matches!(failed, AcquireError::Bucket(BucketError::Removed));
        assert!(is_gone, "{failed}");
        assert_eq!(server.arrivals(), 1);
    }
}
