//! Buckets in a real cluster: three nodes on ports of the loopback interface.

use super::{HOUR, RedisServer, item, retry_after, take};
use crate::common::eventually;
use crate::common::steered::{alone, steer};
use nix::sys::signal::Signal;
use std::any::type_name;
use std::collections::HashSet;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, BucketError, Item, Outcome, Rate, RedisBucket, RedisBuilder};

/// Slots of all nodes together.
const SLOTS: u16 = 16384;

struct Cluster {
    nodes: Vec<(u16, RedisServer)>,
}

impl Cluster {
    fn start<T: Fn()>(_test: T) -> Option<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let port = two_free_ports();
            nodes.push((port, RedisServer::node(type_name::<T>(), port)?));
        }
        let cluster = Self { nodes };
        for (n, (_, node)) in cluster.nodes.iter().enumerate() {
            let n = n as u16;
            let (first, after) = (SLOTS / 3 * n, SLOTS / 3 * (n + 1));
            let last = if n == 2 { SLOTS } else { after } - 1;
            let range = [first, last].map(|slot| slot.to_string());
            node.tell::<String>(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
            let epoch = (n + 1).to_string();
            node.tell::<String>(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (port, _) in &cluster.nodes[1..] {
            let (port, bus) = (port.to_string(), (port + 1).to_string());
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            cluster.nodes[0].1.tell::<String>(&meet);
        }
        cluster.wait_until_agreed();
        Some(cluster)
    }

    fn wait_until_agreed(&self) {
        eventually("the nodes to agree", || {
            self.nodes.iter().all(|(_, node)| {
                let info: String = node.tell(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
        });
    }

    fn address(&self, n: usize) -> String {
        format!("redis://127.0.0.1:{}/", self.nodes[n].0)
    }

    /// All of them, that one first.
    fn from(&self, first: usize, name: &str) -> RedisBuilder {
        let order = (0..3).map(|n| self.address((first + n) % 3));
        RedisBucket::cluster(order, name)
    }

    /// Which node keeps a bucket.
    fn home(&self, name: &str) -> usize {
        let keys = |n: usize| self.nodes[n].1.tell::<u64>(&["EXISTS", &terms(name)]);
        let asked = |n: &usize| {
            let slots: Vec<(u16, u16)> = self.slots(*n);
            let slot: u16 = self.nodes[0].1.tell(&["CLUSTER", "KEYSLOT", &terms(name)]);
            slots
                .iter()
                .any(|&(first, last)| (first..=last).contains(&slot))
        };
        let home = (0..3).find(asked).unwrap();
        assert_eq!(keys(home), 1, "its keys are there");
        home
    }

    fn slots(&self, n: usize) -> Vec<(u16, u16)> {
        let nodes: String = self.nodes[n].1.tell(&["CLUSTER", "NODES"]);
        let me = nodes.lines().find(|line| line.contains("myself")).unwrap();
        let ranges = me
            .split(' ')
            .skip(8)
            .filter(|range| !range.starts_with('['));
        ranges
            .map(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                (first.parse().unwrap(), last.parse().unwrap())
            })
            .collect()
    }

    fn id(&self, n: usize) -> String {
        self.nodes[n].1.tell(&["CLUSTER", "MYID"])
    }

    /// Moves the slot of a bucket, with its keys.
    fn move_bucket(&self, name: &str, from: usize, to: usize) {
        let slot: u16 = self.nodes[0].1.tell(&["CLUSTER", "KEYSLOT", &terms(name)]);
        let slot = slot.to_string();
        let ids = [self.id(from), self.id(to)];
        let (source, target) = (&self.nodes[from].1, &self.nodes[to].1);
        let set = |node: &RedisServer, words: &[&str]| {
            node.tell::<String>(&[&["CLUSTER", "SETSLOT", &slot], words].concat());
        };
        set(target, &["IMPORTING", &ids[0]]);
        set(source, &["MIGRATING", &ids[1]]);
        let port = self.nodes[to].0.to_string();
        loop {
            let keys: Vec<String> = source.tell(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
            if keys.is_empty() {
                break;
            }
            for key in keys {
                source.tell::<String>(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
            }
        }
        for node in [to, from, 3 - from - to] {
            set(&self.nodes[node].1, &["NODE", &ids[1]]);
        }
    }
}

/// A port, whose next one is free, too.
fn two_free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

fn terms(name: &str) -> String {
    format!("{{tidegate:{name}}}:terms")
}

/// Names of buckets until each node keeps one.
fn names() -> impl Iterator<Item = String> {
    (0..20).map(|n| format!("bucket {n}"))
}

#[test]
fn buckets_find_their_nodes_from_any_other_and_hold_what_they_promise() {
    let test = buckets_find_their_nodes_from_any_other_and_hold_what_they_promise;
    let Some(cluster) = Cluster::start(test) else {
        return;
    };
    let rate = Rate::new(30, HOUR);
    let mut homes = HashSet::new();
    for name in names() {
        let open = |first| {
            let builder = cluster.from(first, &name).rate(rate);
            builder.keyed().open().unwrap()
        };
        let granted: u64 = thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|first| {
                    let bucket = open(first);
                    scope.spawn(move || {
                        let takes = (0..20).map(|_| bucket.put(item(1), Duration::ZERO));
                        takes.filter(Result::is_ok).count() as u64
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(granted, 30);
        let bucket = open(0);
        bucket
            .put(
                Item {
                    name: b"other",
                    weight: 7,
                },
                HOUR,
            )
            .unwrap();
        assert_eq!(bucket.count().unwrap(), 37);
        assert!(bucket.dispose(b"other").unwrap());
        homes.insert(cluster.home(&name));
        bucket.remove().unwrap();
    }
    assert_eq!(homes.len(), 3, "each node keeps some");
    for (_, node) in &cluster.nodes {
        assert_eq!(node.tell::<u64>(&["DBSIZE"]), 0);
    }
    // By the address of one node, too; and for those who do not block.
    for n in 0..3 {
        let bucket = RedisBucket::at(cluster.address(n), format!("alone {n}"));
        take(&bucket.rate(rate).open().unwrap(), 30).unwrap();
        alone().block_on(async {
            let bucket = cluster.from(n, &format!("async {n}"));
            let bucket = bucket.rate(Rate::new(5, HOUR)).keyed();
            steer(bucket.open_async().await.unwrap()).await;
        });
    }
}

#[test]
fn a_bucket_whose_slot_is_moved_is_found_again_with_all_that_was_granted() {
    let test = a_bucket_whose_slot_is_moved_is_found_again_with_all_that_was_granted;
    let Some(cluster) = Cluster::start(test) else {
        return;
    };
    let open = || cluster.from(0, "api").rate(Rate::new(10_000, HOUR)).open();
    let bucket = open().unwrap();
    let mut granted = 0;
    for _ in 0..3 {
        thread::scope(|scope| {
            let mover = scope.spawn(|| {
                let home = cluster.home("api");
                cluster.move_bucket("api", home, (home + 1) % 3);
            });
            while !mover.is_finished() {
                match take(&bucket, 1) {
                    Ok(_) => granted += 1,
                    // While it is being moved.
                    Err(error) => assert_eq!(error.outcome(), Outcome::Undone, "{error}"),
                }
            }
            mover.join().unwrap();
        });
        take(&bucket, 1).unwrap();
        granted += 1;
        assert_eq!(open().unwrap().count().unwrap(), granted);
    }
    take(&bucket, 10_000 - granted).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_node_that_is_killed_is_an_error_and_one_that_comes_back_goes_on() {
    let test = a_node_that_is_killed_is_an_error_and_one_that_comes_back_goes_on;
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    let rate = Rate::new(5, HOUR);
    let name = names().find(|name| {
        let bucket = cluster.from(1, name).rate(rate).open().unwrap();
        take(&bucket, 2).unwrap();
        cluster.home(name) == 0
    });
    let name = name.unwrap();
    let bucket = cluster.from(1, &name).rate(rate).open().unwrap();
    take(&bucket, 1).unwrap();
    cluster.nodes[0].1.end(Signal::SIGKILL);
    for _ in 0..3 {
        match take(&bucket, 1) {
            Err(AcquireError::Bucket(BucketError::Backend(_))) => {}
            other => panic!("{other:?}"),
        }
    }
    cluster.nodes[0].1.start_again();
    cluster.wait_until_agreed();
    // It kept nothing on its disk.
    take(&bucket, 5).unwrap();
    retry_after(take(&bucket, 1));
    assert_eq!(cluster.home(&name), 0);
}

#[test]
fn no_nodes_and_nodes_that_are_not_there_are_errors() {
    let none: [&str; 0] = [];
    let error = RedisBucket::cluster(none, "api")
        .rate(Rate::new(5, HOUR))
        .open();
    assert!(error.unwrap_err().to_string().contains("no address"));
    let port = two_free_ports();
    let nobody = [
        format!("redis://127.0.0.1:{port}/"),
        format!("redis://127.0.0.1:{}/", port + 1),
    ];
    let error = RedisBucket::cluster(nobody, "api")
        .rate(Rate::new(5, HOUR))
        .open();
    assert!(error.unwrap_err().to_string().contains("refused"));
}
