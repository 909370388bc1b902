//! A crawler, a process of its own: one link in, one permit, one request, links out.
//!
//! It shares nothing with the other crawlers but the segment, which it attaches to by
//! name. Every request takes a permit, also the one that follows a redirect.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tidegate::Limiter;
use url::Url;

use super::html;
use super::wire::{Crawled, tell};

/// An answer that takes longer is a failure.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest page read, in bytes.
const LARGEST: u64 = 64 << 20;

/// Crawls the server at `origin` under the limit of `segment` until standard input ends.
pub fn crawl(segment: &str, origin: &Url) -> anyhow::Result<()> {
    let limiter = Limiter::shared(segment)
        .attach_only()
        .adopt()
        .open()
        .with_context(|| format!("cannot attach to the segment {segment}"))?;
    let mut client = Client::new(origin);
    for path in orders() {
        let before = limiter.now();
        let permit = limiter
            .acquire("")
            .with_context(|| format!("no permit to fetch {path}"))?;
        tell(&Crawled::Granted {
            path: path.clone(),
            before: before.as_micros(),
            at: permit.at().as_micros(),
            after: limiter.now().as_micros(),
            sleeps: permit.sleeps(),
        })?;
        tell(&client.fetch(path))?;
    }
    Ok(())
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
    origin: Url,
    reported: HashSet<String>,
}

struct Answer {
    status: u16,
    bytes: u64,
    links: Vec<Url>,
}

impl Client {
    fn new(origin: &Url) -> Self {
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
            origin: origin.clone(),
            reported: HashSet::new(),
        }
    }

    fn fetch(&mut self, path: String) -> Crawled {
        match self.get(&path) {
            Ok(answer) => Crawled::Fetched {
                path,
                status: answer.status,
                bytes: answer.bytes,
                links: answer.links.len() as u64,
                new: answer
                    .links
                    .iter()
                    .filter_map(|link| html::path_on(&self.origin, link))
                    .filter(|path| self.reported.insert(path.clone()))
                    .collect(),
            },
            Err(error) => Crawled::Failed {
                path,
                error: format!("{error:#}"),
            },
        }
    }

    fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let address = self.origin.join(path)?;
        let mut response = self.agent.get(address.as_str()).call()?;
        let body = response
            .body_mut()
            .with_config()
            .limit(LARGEST)
            .read_to_vec()?;
        let links = if let Some(target) = response.headers().get("location") {
            vec![address.join(target.to_str()?)?]
        } else if response.body().mime_type() == Some("text/html") {
            html::links(&address, &String::from_utf8_lossy(&body))
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
