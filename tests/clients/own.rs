//! What one client has, and not the other.

use crate::server::{BODY, Server};
use crate::user::{client, generous};
use http::request::Parts;
use http::{Request, Response};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tidegate::{reqwest, ureq as by_ureq};
use ureq::middleware::MiddlewareNext;
use ureq::{Agent, Body, Error, SendBody};

#[tokio::test]
async fn a_retry_waits_for_the_pause_that_the_last_try_has_taught() {
    let tries = AtomicU32::new(0);
    let server = Server::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => (429, vec!["Retry-After: 1".into()]),
        _ => (200, Vec::new()),
    });
    let at_once = Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(at_once, at_once);
    let retry = RetryTransientMiddleware::new_with_policy(policy.build_with_max_retries(5));
    let client = client()
        .with(retry)
        .with(reqwest::RateLimit::new(generous()))
        .build();
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let log = server.log();
    assert_eq!(log.len(), 3);
    for pair in log.windows(2) {
        let later = pair[1].at.duration_since(pair[0].answered);
        assert!(later >= Duration::from_secs(1), "{later:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_tried_again() {
    let server = Server::always(200, &[]);
    let policy = ExponentialBackoff::builder().build_with_max_retries(5);
    let retry = RetryTransientMiddleware::new_with_policy(policy);
    let limit = reqwest::RateLimit::new(generous()).weight(|_| 1001);
    let client = client().with(retry).with(limit).build();
    assert!(client.get(server.url("/")).send().await.is_err());
    assert_eq!(server.arrivals(), 0);
}

#[test]
fn statuses_are_errors_to_users_of_ureq_as_far_as_they_are_used_to_it() {
    let server = Server::new(|path| match path {
        "/busy" => (429, vec!["Retry-After: 600".into()]),
        "/fails" => (503, vec!["Retry-After: 600".into()]),
        "/gone" => (404, Vec::new()),
        _ => (200, Vec::new()),
    });
    // To each path as if it were a host.
    let key = |request: &Parts| Some(request.uri.path().to_owned());
    for (of_agent, of_limit) in [(true, true), (false, false), (false, true), (true, false)] {
        let limiter = generous();
        let limit = by_ureq::RateLimit::new(limiter.clone()).key(key);
        let agent: Agent = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(of_agent)
            .middleware(limit.http_status_as_error(of_limit))
            .build()
            .into();
        for (path, status) in [("/", 200), ("/gone", 404), ("/busy", 429), ("/fails", 503)] {
            let outcome = agent.get(server.url(path)).call();
            if status < 400 || !of_agent && !of_limit {
                let mut response = outcome.unwrap();
                assert_eq!(response.status(), status);
                assert_eq!(response.body_mut().read_to_string().unwrap(), BODY);
            } else {
                let error = outcome.unwrap_err();
                assert!(matches!(error, Error::StatusCode(code) if code == status));
            }
            // Where the agent keeps the headers for itself, there is nothing to learn.
            let has_seen = of_limit || !of_agent;
            let wait = limiter.waiting(path, 1).unwrap();
            let is_paused = wait > Duration::from_secs(300);
            assert_eq!(is_paused, [429, 503].contains(&status) && has_seen);
        }
    }
}

#[test]
fn a_429_without_headers_is_still_one() {
    let server = Server::always(429, &["Retry-After: 5"]);
    let limiter = generous();
    let limit = by_ureq::RateLimit::new(limiter.clone())
        .http_status_as_error(false)
        .default_pause(Duration::from_secs(600));
    let agent = Agent::config_builder()
        .proxy(None)
        .middleware(limit)
        .build();
    let outcome = agent.new_agent().get(server.url("/")).call();
    assert!(matches!(outcome, Err(Error::StatusCode(429))));
    let wait = limiter.waiting(server.host(), 1).unwrap();
    assert!(wait > Duration::from_secs(300), "{wait:?}");
}

#[test]
fn what_another_middleware_answers_teaches_too() {
    let limiter = generous();
    let agent = Agent::config_builder()
        .proxy(None)
        .middleware(by_ureq::RateLimit::new(limiter.clone()))
        .middleware(|_: Request<SendBody>, _: MiddlewareNext| {
            let response = Response::builder().status(429);
            let response = response.header("retry-after", "600");
            Ok(response.body(Body::builder().data(BODY)).unwrap())
        })
        .build()
        .new_agent();
    let outcome = agent.get("http://example.com/").call();
    assert!(matches!(outcome, Err(Error::StatusCode(429))));
    let wait = limiter.waiting("example.com", 1).unwrap();
    assert!(wait > Duration::from_secs(300), "{wait:?}");
}

#[test]
fn a_request_of_which_another_middleware_has_dropped_the_settings_is_sent_as_it_is() {
    let server = Server::new(|path| match path {
        "/busy" => (429, vec!["Retry-After: 5".into()]),
        _ => (200, Vec::new()),
    });
    let limiter = generous();
    let limit = by_ureq::RateLimit::new(limiter.clone());
    let agent = Agent::config_builder()
        .proxy(None)
        .middleware(|mut request: Request<SendBody>, next: MiddlewareNext| {
            request.extensions_mut().clear();
            next.handle(request)
        })
        .middleware(limit.default_pause(Duration::from_secs(600)))
        .build()
        .new_agent();
    assert_eq!(agent.get(server.url("/")).call().unwrap().status(), 200);
    let outcome = agent.get(server.url("/busy")).call();
    assert!(matches!(outcome, Err(Error::StatusCode(429))));
    assert_eq!(server.arrivals(), 2);
    let wait = limiter.waiting(server.host(), 1).unwrap();
    assert!(wait > Duration::from_secs(300), "{wait:?}");
}

#[test]
fn settings_of_one_request_are_kept() {
    let away = Server::always(200, &[]);
    let location = format!("location: {}", away.url("/"));
    let server = Server::always(302, &[&location]);
    let limit = by_ureq::RateLimit::new(generous());
    let agent = Agent::config_builder()
        .proxy(None)
        .middleware(limit)
        .build();
    let request = agent.new_agent().get(server.url("/"));
    let request = request.config().max_redirects(0);
    let outcome = request.max_redirects_will_error(false).build().call();
    assert_eq!(outcome.unwrap().status(), 302);
    assert_eq!(away.arrivals(), 0);
}
