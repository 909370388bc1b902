//! The frontier: which links are known, which wait, and who is fetching which.
//!
//! The parent alone owns it, so no two crawlers ever fetch the same link, and what a
//! crawler held when it died is known and goes to the others.

use std::collections::{HashSet, VecDeque};
use std::mem;

use super::hosts::host_of;

/// How many crawlers may die over one link before it is given up: a page that
/// kills whoever reads it must not kill them all.
const ATTEMPTS: u32 = 2;

struct Link {
    path: String,
    attempts: u32,
}

/// The links of each host in the order in which they were found. The hosts take turns,
/// so that crawlers do not all wait for the limit of one.
pub struct Frontier {
    known: HashSet<String>,
    waiting: Vec<VecDeque<Link>>,
    /// The host whose turn is next.
    turn: usize,
    held: Vec<Vec<Link>>,
}

impl Frontier {
    /// A frontier for `crawlers` crawlers of `hosts` hosts, in which only `start` is known.
    pub fn new(crawlers: usize, hosts: usize, start: String) -> Self {
        let mut frontier = Frontier {
            known: HashSet::new(),
            waiting: (0..hosts).map(|_| VecDeque::new()).collect(),
            turn: 0,
            held: (0..crawlers).map(|_| Vec::new()).collect(),
        };
        frontier.found(start);
        frontier
    }

    /// Adds a link, unless it is known already.
    pub fn found(&mut self, path: String) {
        if self.known.insert(path.clone()) {
            self.queue_of(&path).push_back(Link { path, attempts: 0 });
        }
    }

    fn queue_of(&mut self, path: &str) -> &mut VecDeque<Link> {
        let host = host_of(path, self.waiting.len());
        &mut self.waiting[host]
    }

    /// Hands the next link to a crawler.
    pub fn hand_to(&mut self, crawler: usize) -> Option<&str> {
        let hosts = self.waiting.len();
        let host = (self.turn..self.turn + hosts)
            .map(|turn| turn % hosts)
            .find(|&host| !self.waiting[host].is_empty())?;
        self.turn = host + 1;
        let mut link = self.waiting[host].pop_front()?;
        link.attempts += 1;
        let held = &mut self.held[crawler];
        held.push(link);
        held.last().map(|link| link.path.as_str())
    }

    /// The crawler is through with a link, for better or worse.
    pub fn done(&mut self, crawler: usize, path: &str) {
        self.held[crawler].retain(|link| link.path != path);
    }

    /// The crawler died: the others get its links before all else, except those
    /// given up, which are returned.
    pub fn died(&mut self, crawler: usize) -> Vec<String> {
        let mut given_up = Vec::new();
        for link in mem::take(&mut self.held[crawler]).into_iter().rev() {
            if link.attempts < ATTEMPTS {
                self.queue_of(&link.path).push_front(link);
            } else {
                given_up.push(link.path);
            }
        }
        given_up
    }

    /// Links that the crawler has been handed and is not through with.
    pub fn held_by(&self, crawler: usize) -> usize {
        self.held[crawler].len()
    }

    /// Links that any crawler has been handed and is not through with.
    pub fn held(&self) -> usize {
        self.held.iter().map(Vec::len).sum()
    }

    /// Links that nobody has been handed yet.
    pub fn waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// The same of each host.
    pub fn waiting_by_host(&self) -> Vec<usize> {
        self.waiting.iter().map(VecDeque::len).collect()
    }

    /// Links ever found.
    pub fn known(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(paths: &[&str]) -> Frontier {
        let mut frontier = Frontier::new(2, 1, paths[0].to_owned());
        for path in &paths[1..] {
            frontier.found((*path).to_owned());
        }
        frontier
    }

    #[test]
    fn a_link_is_handed_out_once_however_often_it_is_found() {
        let mut frontier = with(&["/a", "/b", "/a", "/b"]);
        assert_eq!(frontier.hand_to(0), Some("/a"));
        frontier.found("/a".to_owned());
        assert_eq!(frontier.hand_to(1), Some("/b"));
        frontier.done(0, "/a");
        frontier.found("/a".to_owned());
        assert_eq!(frontier.hand_to(0), None);
        assert_eq!((frontier.known(), frontier.held()), (2, 1));
    }

    #[test]
    fn what_a_dead_crawler_held_goes_first_to_the_others_in_order() {
        let mut frontier = with(&["/a", "/b", "/c", "/d"]);
        for path in ["/a", "/b", "/c"] {
            assert_eq!(frontier.hand_to(0), Some(path));
        }
        frontier.done(0, "/a");
        assert!(frontier.died(0).is_empty());
        assert_eq!((frontier.held_by(0), frontier.waiting()), (0, 3));
        for path in ["/b", "/c", "/d"] {
            assert_eq!(frontier.hand_to(1), Some(path));
        }
    }

    #[test]
    fn hosts_take_turns_and_one_without_links_is_passed_over() {
        let hosts = 3;
        let on = |host| {
            let mut names = ('a'..='z').map(|name| format!("/{name}"));
            names.find(|name| host_of(name, hosts) == host).unwrap()
        };
        let path = |host, page| format!("{}/{page}", on(host));
        let mut frontier = Frontier::new(1, hosts, path(0, 1));
        for (host, page) in [(0, 2), (0, 3), (2, 1), (2, 2)] {
            frontier.found(path(host, page));
        }
        assert_eq!(frontier.waiting_by_host(), [3, 0, 2]);
        for (host, page) in [(0, 1), (2, 1), (0, 2), (2, 2), (0, 3)] {
            assert_eq!(frontier.hand_to(0), Some(path(host, page).as_str()));
        }
        assert_eq!(frontier.hand_to(0), None);
    }

    #[test]
    fn a_link_over_which_two_crawlers_died_is_given_up() {
        let mut frontier = with(&["/poison"]);
        frontier.hand_to(0);
        assert!(frontier.died(0).is_empty());
        frontier.hand_to(1);
        assert_eq!(frontier.died(1), ["/poison"]);
        assert_eq!((frontier.waiting(), frontier.held()), (0, 0));
    }
}
