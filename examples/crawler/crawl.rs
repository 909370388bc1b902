//! A crawler, a process of its own: one link in, two permits, one request, links out.
//!
//! It shares nothing with the other crawlers but two segments, which it attaches to by
//! name: one has a limit for each host, and one the limit of all hosts together. Every
//! request takes a permit of both, also the one that follows a redirect.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tidegate::{Limiter, acquire_all};
use url::Url;

use super::hosts::host_of;
use super::html;
use super::wire::{Crawled, Permitted, tell};

/// An answer that takes longer is a failure.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest page read, in bytes.
const LARGEST: u64 = 64 << 20;

/// Crawls the hosts at `origins`, until standard input ends, under the limits of the
/// segment `hosts` for each of them, and of the segment `all`.
pub fn crawl(hosts: &str, all: &str, origins: &[Url]) -> anyhow::Result<()> {
    let limits = Limits {
        hosts: attach(hosts)?,
        all: attach(all)?,
    };
    let mut client = Client::new();
    for path in orders() {
        let host = host_of(&path, origins.len());
        let address = (origins.get(host).context("there is no host")?).join(&path)?;
        let (by_host, by_all) = limits
            .acquire(address.authority())
            .with_context(|| format!("no permit to fetch {address}"))?;
        tell(&Crawled::Granted {
            path: path.clone(),
            host,
            by_host,
            by_all,
        })?;
        tell(&client.fetch(path, &address))?;
    }
    Ok(())
}

fn attach(segment: &str) -> anyhow::Result<Limiter> {
    Limiter::shared(segment)
        .attach_only()
        .adopt()
        .open()
        .with_context(|| format!("cannot attach to the segment {segment}"))
}

struct Limits {
    hosts: Limiter,
    all: Limiter,
}

impl Limits {
    /// Waits until both limits let a request to `host` pass.
    fn acquire(&self, host: &str) -> anyhow::Result<(Permitted, Permitted)> {
        let now = || [&self.hosts, &self.all].map(|limiter| limiter.now().unwrap().as_micros());
        let before = now();
        let both = [self.hosts.request(host, 1), self.all.request("", 1)];
        let permits = acquire_all(&both, Duration::MAX)?;
        let after = now();
        let permitted = |i: usize| Permitted {
            before: before[i],
            at: permits[i].at().as_micros(),
            after: after[i],
            sleeps: permits[i].sleeps(),
        };
        Ok((permitted(0), permitted(1)))
    }
}

/// The links to fetch, one a line from standard input.
///
/// They are read by a thread, which ends the process when the input ends: the main
/// thread may just then be waiting for a permit that is an hour away.
fn orders() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    receiver
}

struct Client {
    agent: ureq::Agent,
    reported: HashSet<String>,
}

struct Answer {
    status: u16,
    bytes: u64,
    links: Vec<Url>,
}

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("tidegate-crawler/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A redirect followed in here would be a request without a permit.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build();
        Client {
            agent: config.into(),
            reported: HashSet::new(),
        }
    }

    fn fetch(&mut self, path: String, address: &Url) -> Crawled {
        match self.get(address) {
            Ok(answer) => Crawled::Fetched {
                path,
                status: answer.status,
                bytes: answer.bytes,
                links: answer.links.len() as u64,
                new: answer
                    .links
                    .iter()
                    .filter_map(|link| html::path_on(address, link))
                    .filter(|path| self.reported.insert(path.clone()))
                    .collect(),
            },
            Err(error) => Crawled::Failed {
                path,
                error: format!("{error:#}"),
            },
        }
    }

    fn get(&self, address: &Url) -> anyhow::Result<Answer> {
        let mut response = self.agent.get(address.as_str()).call()?;
        let body = response
            .body_mut()
            .with_config()
            .limit(LARGEST)
            .read_to_vec()?;
        let links = if let Some(target) = response.headers().get("location") {
            vec![address.join(target.to_str()?)?]
        } else if response.body().mime_type() == Some("text/html") {
            html::links(address, &String::from_utf8_lossy(&body))
        } else {
            Vec::new()
        };
        Ok(Answer {
            status: response.status().as_u16(),
            bytes: body.len() as u64,
            links,
        })
    }
}
