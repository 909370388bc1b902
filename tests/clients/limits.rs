//! Who passes, and who does not.

use crate::server::Server;
use crate::user::{HOUR, User, both, client, hourly, until};
use std::time::Duration;
use tidegate::reqwest::RateLimit;
use tidegate::{AcquireError, Limiter, Rate, ureq};
use tokio::task::JoinSet;
use tokio::time::timeout;

#[test]
fn who_gets_no_permit_is_told_why_and_the_server_never_hears_of_it() {
    for number in 0..2 {
        let server = Server::always(200, &[]);
        let limiter = hourly(1);
        let waits_not = &both!(limiter, .no_wait())[number];
        assert_eq!(waits_not.status(&server.url("/")), 200);
        let too_early = waits_not.ask(&server.url("/")).unwrap_err();
        let AcquireError::Limited { retry_after, rate } = too_early else {
            panic!("{too_early:?}")
        };
        assert_eq!(rate, Rate::new(1, HOUR));
        assert!(retry_after <= HOUR && retry_after > HOUR / 2);

        let waits_a_little = &both!(limiter, .timeout(HOUR / 2))[number];
        assert!(waits_a_little.is_limited(&server.url("/")));
        let is_too_heavy = &both!(limiter, .weight(|_| 2))[number];
        let failed = is_too_heavy.ask(&server.url("/")).unwrap_err();
        let is_so = matches!(failed, AcquireError::WeightTooLarge { weight: 2, .. });
        assert!(is_so, "{failed}");
        assert_eq!(server.arrivals(), 1);
    }
}

#[test]
fn requests_wait_for_their_turn_by_default_and_all_arrive() {
    let interval = Duration::from_millis(100);
    for number in 0..2 {
        let server = Server::always(200, &[]);
        let limiter = Limiter::in_memory().rate(Rate::new(2, interval)).open();
        let limiter = limiter.unwrap();
        let user = &both!(limiter)[number];
        let start = limiter.now().unwrap();
        for _ in 0..5 {
            assert_eq!(user.status(&server.url("/")), 200);
        }
        // The fifth comes two whole intervals after the first.
        let took = limiter.now().unwrap().duration_since(start);
        assert!(took >= 2 * interval, "{took:?}");
        assert_eq!(server.arrivals(), 5);
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_while_it_waits_gives_its_place_back() {
    let server = Server::always(200, &[]);
    let limiter = hourly(1);
    let client = client().with(RateLimit::new(limiter.clone())).build();
    let (url, host) = (server.url("/"), server.host());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    for _ in 0..3 {
        let waits = client.get(&url).send();
        assert!(timeout(Duration::from_millis(5), waits).await.is_err());
    }
    let mut tasks = JoinSet::new();
    let waits = client.get(&url).send();
    tasks.spawn(async { waits.await.is_ok() });
    until(|| limiter.queued().unwrap() == 1).await;
    tasks.shutdown().await;
    assert_eq!(limiter.queued().unwrap(), 0);
    // The next turn is an hour away, not five: those that left hold nothing.
    assert!(limiter.waiting(&host, 1).unwrap() <= HOUR);
    assert_eq!(server.arrivals(), 1);
}

#[tokio::test]
async fn many_requests_of_one_client_wait_at_once_and_none_holds_up_those_for_other_hosts() {
    let (busy, idle) = (Server::always(200, &[]), Server::always(200, &[]));
    let limiter = hourly(2);
    let client = client().with(RateLimit::new(limiter.clone())).build();
    for _ in 0..2 {
        client.get(busy.url("/")).send().await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let waits = client.get(busy.url("/")).send();
        tasks.spawn(async { waits.await.is_ok() });
    }
    until(|| limiter.queued().unwrap() == 2).await;
    for _ in 0..2 {
        client.get(idle.url("/")).send().await.unwrap();
    }
    assert_eq!((busy.arrivals(), idle.arrivals()), (2, 2));
}

#[test]
fn hosts_do_not_limit_each_other_and_both_clients_know_them_by_one_key() {
    let servers = [(); 2].map(|()| Server::always(200, &[]));
    let limiter = hourly(2);
    for user in both!(limiter, .no_wait()) {
        for server in &servers {
            assert_eq!(user.status(&server.url("/")), 200);
        }
    }
    for user in both!(limiter, .no_wait()) {
        for server in &servers {
            assert!(user.is_limited(&server.url("/")));
        }
    }
    for server in &servers {
        assert_eq!(server.arrivals(), 2);
        assert_eq!(limiter.bucket(server.host()).count().unwrap(), 2);
    }
}

#[test]
fn a_closure_chooses_the_key_and_a_request_without_one_passes_and_takes_nothing() {
    let key = |path: &str| path.strip_prefix("/of-").map(str::to_owned);
    for number in 0..2 {
        let server = Server::always(200, &[]);
        let limiter = hourly(1);
        let user = [
            User::reqwest(
                RateLimit::new(limiter.clone())
                    .no_wait()
                    .key(move |request| key(request.url().path())),
            ),
            User::ureq(
                ureq::RateLimit::new(limiter.clone())
                    .no_wait()
                    .key(move |request| key(request.uri.path())),
            ),
        ];
        let user = &user[number];
        for name in ["alice", "bob"] {
            let url = server.url(&format!("/of-{name}"));
            assert_eq!(user.status(&url), 200);
            assert!(user.is_limited(&url));
            assert_eq!(limiter.bucket(name).count().unwrap(), 1);
        }
        for _ in 0..3 {
            assert_eq!(user.status(&server.url("/for-all")), 200);
        }
        assert_eq!((server.arrivals(), limiter.count().unwrap()), (5, 2));
    }
}

#[test]
fn a_request_takes_as_many_permits_as_it_weighs() {
    let length = |path: &str| path.len() as u64;
    for number in 0..2 {
        let server = Server::always(200, &[]);
        let limiter = hourly(10);
        let user = [
            User::reqwest(
                RateLimit::new(limiter.clone())
                    .no_wait()
                    .weight(move |request| length(request.url().path())),
            ),
            User::ureq(
                ureq::RateLimit::new(limiter.clone())
                    .no_wait()
                    .weight(move |request| length(request.uri.path())),
            ),
        ];
        let user = &user[number];
        assert_eq!(user.status(&server.url("/456789")), 200);
        assert!(user.is_limited(&server.url("/234")));
        assert_eq!(user.status(&server.url("/23")), 200);
        assert_eq!((server.arrivals(), limiter.count().unwrap()), (2, 10));
    }
}
