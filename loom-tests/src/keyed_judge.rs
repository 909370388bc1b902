//! What must hold of a directory, whatever the interleaving: of its lists by looking at
//! their words, of its keys by what their callers were told.

use crate::keyed::{Granted, Keyed, KeyedLog, Name};
use std::collections::{BTreeSet, HashSet};
use tidegate::directory::{NoBucket, Nodes, Place};
use tidegate::ring::Refusal;
use tidegate::ring::word::{Head, Link};
use tidegate::sync::{AtomicU64, Ordering};

/// Judges a history of which all callers have ended.
pub(crate) fn judge(keyed: &Keyed) {
    let log = keyed.log().clone();
    let lost = shape(keyed);
    assert_eq!(lost, log.lost, "buckets that are nobody's: {log:#?}");

    let granted = log.granted.iter().map(|granted| granted.name);
    let names: BTreeSet<_> = granted
        .chain(log.refused.iter().map(|refused| refused.name))
        .chain(log.abandoned.keys().copied())
        .collect();
    for &name in &names {
        never_over(keyed, &log, name).unwrap_or_else(|why| panic!("{why}: {name} in {log:#?}"));
        permits_are_where_they_count(keyed, &log, name)
            .unwrap_or_else(|why| panic!("{why}: {name} in {log:#?}"));
    }
    for refused in &log.refused {
        refused_with_cause(keyed, &log, refused.name, refused.why, refused.ended)
            .unwrap_or_else(|why| panic!("{why}: {refused:?} in {log:#?}"));
    }
    for (name, &until) in &log.pauses {
        let paused = |place| keyed.ring(place, name).paused_until() >= until;
        assert!(
            until <= log.now || keyed.place(name).is_some_and(paused),
            "a pause is lost: {name} in {log:#?}"
        );
    }
    // After the look-ups above, which have finished what was begun.
    assert_eq!(shape(keyed), log.lost, "lost by a look-up: {log:#?}");
}

fn last(word: &AtomicU64) -> Link {
    // Relaxed: all callers have ended.
    Link(word.load(Ordering::Relaxed))
}

/// Looks at all lists: each bucket is in one of them at most once, in the chain of its
/// key, and no key has two. How many that were ever taken are in none.
fn shape(keyed: &Keyed) -> u64 {
    let nodes = &keyed.nodes;
    let used = last(&nodes.stock().used).0;
    let mut met = HashSet::new();
    let mut meet = |link: Link| {
        let index = link.index()?;
        assert!(index < used, "bucket {index} was never taken");
        assert!(met.insert(index), "bucket {index} is listed twice");
        Some(nodes.node(index))
    };
    let mut keys = HashSet::new();
    for (chain, first) in nodes.table().iter().enumerate() {
        let mut link = last(first);
        while let Some(node) = meet(link) {
            let key = [0, 1].map(|half| last(&node.read.key_hash[half]).0);
            let own = key[0] as usize & (nodes.table().len() - 1);
            assert_eq!(own, chain, "a bucket in a chain that is not its key's");
            let is_closed = Head(last(node.head).0).is_closed();
            assert!(is_closed || keys.insert(key), "a key has two buckets");
            link = last(&node.read.link);
            assert!(is_closed || !link.is_marked(), "an open bucket is marked");
        }
    }
    let mut link = last(&nodes.stock().free);
    while let Some(node) = meet(link) {
        let never_opened = last(node.head).0 == 0;
        let is_closed = Head(last(node.head).0).is_closed();
        assert!(never_opened || is_closed, "an open bucket is in the stock");
        link = last(&node.read.link);
    }
    used - met.len() as u64
}

fn of_key(log: &KeyedLog, name: Name) -> impl Iterator<Item = &Granted> {
    let of_key = move |granted: &&Granted| granted.name == name && !granted.cancelled;
    log.granted.iter().filter(of_key)
}

/// No window holds more than the limit, except that a key begins anew where it was
/// flushed or disposed of; wherever its buckets were.
fn never_over(keyed: &Keyed, log: &KeyedLog, name: Name) -> Result<(), &'static str> {
    let window = keyed.plan.windows()[0];
    let is_over = |instants: &[u64]| {
        let mut instants = instants.to_vec();
        instants.sort_unstable();
        instants
            .windows(window.limit as usize + 1)
            .any(|some| some[window.limit as usize] - some[0] < window.interval)
    };
    let mut all: Vec<_> = of_key(log, name).collect();
    // Where it is one bucket, in the order of its permits.
    all.sort_by_key(|granted| (granted.run.ready, granted.run.head.seq()));
    let mut begun_anew = 0;
    let mut since: Vec<u64> = Vec::new();
    for granted in all {
        if granted.place.generation != granted.run.head.generation() {
            return Err("a permit of another generation");
        }
        let permits = vec![granted.run.ready; granted.run.weight as usize];
        since.extend(&permits);
        if is_over(&since) {
            begun_anew += 1;
            since = permits;
        }
    }
    let may = log.ended_by_request.get(name).copied().unwrap_or(0);
    if begun_anew > may {
        return Err("promise 1 broken");
    }
    Ok(())
}

/// What counts of a key's permits is in the bucket that the key has now, and nothing else
/// is.
fn permits_are_where_they_count(
    keyed: &Keyed,
    log: &KeyedLog,
    name: Name,
) -> Result<(), &'static str> {
    let window = keyed.plan.windows()[0];
    let is_in_window = |stamp: u64| stamp + window.interval > log.now;
    let clock = || keyed.now();
    let abandoned = log.abandoned.get(name).copied().unwrap_or(0);
    let began_anew = log.ended_by_request.contains_key(name);
    let surely: u64 = of_key(log, name)
        .filter(|granted| is_in_window(granted.run.ready + 1))
        .map(|granted| granted.run.weight)
        .sum();
    let Some(place) = keyed.place(name) else {
        return if began_anew || surely == 0 {
            Ok(())
        } else {
            Err("permits that count, and no bucket")
        };
    };
    let count = keyed
        .ring(place, name)
        .count(&keyed.plan, &clock)
        .map_err(|_| "a bucket that is found, and not open")?;
    let is_there = |at: Place| at == place;
    let most: u64 = of_key(log, name)
        .filter(|granted| is_there(granted.place) && is_in_window(granted.returned + 1))
        .map(|granted| granted.run.weight)
        .sum();
    if count > most + abandoned {
        return Err("permits count that were never granted to that key");
    }
    if !began_anew && count < surely {
        return Err("permits that count are lost");
    }
    Ok(())
}

/// A refusal is due to permits of that very key.
fn refused_with_cause(
    keyed: &Keyed,
    log: &KeyedLog,
    name: Name,
    why: NoBucket,
    ended: u64,
) -> Result<(), &'static str> {
    let NoBucket::Refused(Refusal::Limited { now, ready, .. }) = why else {
        // Whether it may be full, each model says itself.
        return match why {
            NoBucket::Full => Ok(()),
            _ => Err("an answer that the model does not call for"),
        };
    };
    if log
        .pauses_begun
        .get(name)
        .is_some_and(|&until| ready <= until)
    {
        return Ok(());
    }
    let window = keyed.plan.windows()[0];
    let abandoned = log.abandoned.get(name).copied().unwrap_or(0);
    // Also those that were cancelled, flushed or disposed of meanwhile.
    let causes = log
        .granted
        .iter()
        .filter(|granted| granted.name == name && granted.begun < ended)
        .flat_map(|granted| {
            let leaves = granted.run.ready.max(granted.returned) + 1 + window.interval;
            std::iter::repeat_n(leaves, granted.asked as usize)
        });
    let leaving = causes.filter(|&leaves| leaves > now);
    if leaving.clone().count() as u64 + abandoned < window.limit {
        return Err("refused, and the key had room");
    }
    if abandoned == 0 && leaving.max().is_none_or(|latest| ready > latest) {
        return Err("refused for longer than it must be");
    }
    Ok(())
}
