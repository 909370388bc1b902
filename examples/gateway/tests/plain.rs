//! What a plain client meets, one connection after the other.

use std::collections::BTreeMap;

use crate::running::Gateway;
use ureq::Agent;
use ureq::http::Response;

/// Asks once, over a connection of its own.
fn ask(gateway: &Gateway, client: Option<&str>) -> Response<ureq::Body> {
    let config = Agent::config_builder().http_status_as_error(false);
    let request = Agent::new_with_config(config.build()).get(&gateway.url);
    let request = match client {
        Some(client) => request.header("client", client),
        None => request,
    };
    request.call().unwrap()
}

fn header<'r>(response: &'r Response<ureq::Body>, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn all_workers_answer_on_one_port_and_hold_one_limit_for_each_client() {
    let gateway = Gateway::start(&["--workers", "3", "--rate", "5/h"]);
    let mut passed = BTreeMap::new();
    let mut workers = BTreeMap::new();
    // The kernel deals connections out by their ports: some 200 reach three workers surely.
    for turn in 0..200 {
        let client = [Some("a"), Some("b"), None][turn % 3];
        let response = ask(&gateway, client);
        *workers
            .entry(header(&response, "worker").to_owned())
            .or_insert(0) += 1;
        match response.status().as_u16() {
            200 => *passed.entry(client).or_insert(0) += 1,
            429 => {
                let seconds: u64 = header(&response, "retry-after").parse().unwrap();
                assert!((1..=3600).contains(&seconds), "{seconds}");
                assert!(header(&response, "ratelimit").starts_with("\"5/h\";r=0;t="));
            }
            status => panic!("{status}"),
        }
        let policy = header(&response, "ratelimit-policy");
        assert_eq!(policy, "\"5/h\";q=5;w=3600");
    }
    assert_eq!(
        passed,
        BTreeMap::from([(None, 5), (Some("a"), 5), (Some("b"), 5)])
    );
    let answered: Vec<String> = workers.into_keys().collect();
    let mut started: Vec<String> = gateway.workers.iter().map(|w| w.to_string()).collect();
    started.sort();
    assert_eq!(answered, started);
    let (status, said) = gateway.interrupt();
    assert!(status.success(), "{said}");
}

#[test]
fn a_gateway_whose_workers_were_all_killed_ends_and_fails() {
    let mut gateway = Gateway::start(&["--workers", "2"]);
    let [first, second] = gateway.workers[..] else {
        panic!("{:?}", gateway.workers);
    };
    gateway.kill(first);
    assert_eq!(ask(&gateway, None).status(), 200);
    nix::sys::signal::kill(second, nix::sys::signal::SIGKILL).unwrap();
    let (status, said) = gateway.end();
    assert_eq!(status.code(), Some(1), "{said}");
}
