//! Two processes: what one is told calms the other.

use crate::common::{Process, Scene, eventually};
use crate::server::{Server, url};
use crate::user::{HOUR, User};
use std::fs;
use std::thread;
use std::time::Duration;
use tidegate::{Limiter, Rate, reqwest, ureq};

/// All that a window holds is taken by the first request.
const RATE: Rate = Rate::new(3, Duration::from_secs(3));
/// Longer than the window.
const PAUSE: Duration = Duration::from_secs(4);

/// Which client a process has.
#[derive(Clone, Copy)]
enum Kind {
    Reqwest,
    Ureq,
}

fn open(scene: &Scene) -> Limiter {
    let builder = scene.limiter().rate(RATE).keys(10).queue(10);
    builder.lateness(HOUR).open().unwrap()
}

fn user(limiter: &Limiter, kind: Kind, timeout: Duration) -> User {
    let limiter = limiter.clone();
    match kind {
        Kind::Reqwest => User::reqwest(
            reqwest::RateLimit::new(limiter)
                .weight(|request| weight(request.url().path()))
                .timeout(timeout),
        ),
        Kind::Ureq => User::ureq(
            ureq::RateLimit::new(limiter)
                .weight(|request| weight(request.uri.path()))
                .timeout(timeout),
        ),
    }
}

fn weight(path: &str) -> u64 {
    if path == "/first" { RATE.limit() } else { 1 }
}

#[test]
fn a_429_that_ureq_gets_holds_up_those_of_reqwest_who_wait_and_who_come() {
    play(
        a_429_that_ureq_gets_holds_up_those_of_reqwest_who_wait_and_who_come,
        Kind::Ureq,
        Kind::Reqwest,
    );
}

#[test]
fn a_429_that_reqwest_gets_holds_up_those_of_ureq_who_wait_and_who_come() {
    play(
        a_429_that_reqwest_gets_holds_up_those_of_ureq_who_wait_and_who_come,
        Kind::Reqwest,
        Kind::Ureq,
    );
}

/// One process is told to come again later, while two requests of another wait for a turn that
/// would come sooner. The server's log is the judge.
fn play<T: Fn()>(test: T, told: Kind, other: Kind) {
    let scene = Scene::of(test);
    scene.part("told", |port| {
        let user = user(&open(&scene), told, HOUR);
        assert_eq!(user.status(&url(port[0] as u16, "/first")), 429);
        scene.announce("told");
    });
    scene.part("other", |port| {
        let limiter = open(&scene);
        let url = |path| url(port[0] as u16, path);
        let passes = |path| assert_eq!(user(&limiter, other, HOUR).status(&url(path)), 200);
        eventually("the first request", || scene.heard("arrived"));
        thread::scope(|threads| {
            threads.spawn(|| passes("/waits"));
            threads.spawn(|| passes("/waits"));
            eventually("the answer", || scene.heard("told"));
            let hurried = user(&limiter, other, Duration::ZERO);
            assert!(hurried.is_limited(&url("/refused")));
            passes("/comes");
        });
    });

    let (limiter, arrived) = (open(&scene), scene.file("arrived"));
    let server = Server::new(move |path| {
        if path != "/first" {
            return (200, Vec::new());
        }
        fs::write(&arrived, "").unwrap();
        eventually("two who wait", || limiter.queued().unwrap() == 2);
        (429, vec![format!("retry-after: {}", PAUSE.as_secs())])
    });
    let port = u64::from(server.port());
    let processes = ["other", "told"].map(|part| scene.start(part, &[port]));
    processes.into_iter().for_each(Process::join);

    let log = server.log();
    let mut paths: Vec<_> = log.iter().map(|arrival| &*arrival.path).collect();
    assert_eq!(paths[0], "/first");
    paths[1..].sort_unstable();
    assert_eq!(paths[1..], ["/comes", "/waits", "/waits"]);
    for arrival in &log[1..] {
        let later = arrival.at.duration_since(log[0].answered);
        assert!(later >= PAUSE, "{arrival:?} came {later:?} after the 429");
    }
}
