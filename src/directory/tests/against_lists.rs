//! One caller at a time: whatever is asked of whichever key, in whatever order and at
//! whatever time, it is answered as by a list of its own, to the tick. Lists are kept for
//! keys that have a bucket; the others are as if they had never been.

use super::{NoBucket, SEED, check};
use crate::directory::{Directory, HeapNodes, Key, Nodes, Place};
use crate::ring::tests::model::Model;
use crate::ring::tests::plans::{Sized, plans};
use crate::ring::word::Version;
use crate::ring::{Plan, Refusal, Ring, Run};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;
use std::collections::BTreeMap;

const BUCKETS: u64 = 4;
const NAMES: u8 = 9;
/// Beyond what the largest limits and queues of the plans need: for what is given back.
const CAPACITY: u64 = 128;

/// What a caller may do. Numbers are taken modulo what is there.
#[derive(Clone, Debug)]
enum Op {
    Advance(u64),
    /// With `u64::MAX` to wait, as a debit does.
    Reserve {
        name: u8,
        weight: u64,
        max_wait: u64,
    },
    /// Gives so many permits of a run back, or all.
    Cancel {
        nth: usize,
        weight: u64,
    },
    Pause(Option<u8>, u64),
    Resume(Option<u8>),
    Flush(u8),
    Leak(u8),
    Dispose(u8),
    Evict(u64),
    SetRates(Sized),
}

fn ops() -> impl Strategy<Value = Op> {
    let name = || 0..NAMES;
    let one_or_all = || prop_oneof![3 => name().prop_map(Some), 1 => Just(None)];
    let advance = prop_oneof![4 => 0..=6u64, 2 => 7..=40u64, 1 => 41..=300u64];
    let max_wait = prop_oneof![3 => Just(0), 3 => 1..=30u64, 2 => 31..=400u64, 2 => Just(u64::MAX)];
    prop_oneof![
        20 => (name(), 0..=20u64, max_wait)
            .prop_map(|(name, weight, max_wait)| Op::Reserve { name, weight, max_wait }),
        8 => advance.prop_map(Op::Advance),
        4 => (any::<usize>(), 1..=20u64).prop_map(|(nth, weight)| Op::Cancel { nth, weight }),
        1 => (one_or_all(), 0..=60u64).prop_map(|(name, ahead)| Op::Pause(name, ahead)),
        1 => one_or_all().prop_map(Op::Resume),
        1 => name().prop_map(Op::Flush),
        1 => name().prop_map(Op::Leak),
        1 => name().prop_map(Op::Dispose),
        3 => (0..BUCKETS).prop_map(Op::Evict),
        1 => plans().prop_map(Op::SetRates),
    ]
}

/// A key's list, while it has a bucket.
struct List {
    place: Place,
    model: Model,
    paused_until: u64,
    /// Seqs of permits that were given back, or stand for a pause.
    voids: Vec<u64>,
    /// The stamp of the newest permit, whether it was given back or not; 0 if it was
    /// forgotten.
    newest: u64,
}

struct Scene<'a> {
    nodes: &'a HeapNodes,
    plan: Plan,
    now: u64,
    lists: BTreeMap<u8, List>,
    all_paused_until: u64,
    /// Runs that were granted, those of keys that have lost their buckets among them.
    runs: Vec<(u8, Place, Run)>,
}

fn key(name: &[u8]) -> Key<'_> {
    Key::new(SEED, name).unwrap()
}

impl<'a> Scene<'a> {
    fn directory(&self) -> Directory<'a, HeapNodes> {
        Directory::new(self.nodes)
    }

    fn ring(&self, name: u8, place: Place) -> Ring<'a> {
        self.directory().ring(place, Some(key(&[name]).hash))
    }

    fn place(&self, name: u8) -> Option<Place> {
        self.directory().find(key(&[name]).hash).unwrap()
    }

    /// Whether nothing of that key matters any more.
    fn is_idle(&self, list: &List) -> bool {
        list.model.counted(self.now, 0).is_empty() && list.paused_until <= self.now
    }

    /// Whether its bucket may be had by another key: what was given back is not told
    /// from the rest, and so keeps it for as long.
    fn is_to_be_had(&self, list: &List) -> bool {
        let is_over = list.newest == 0 || list.newest + self.plan.widest_interval() <= self.now;
        is_over && list.paused_until <= self.now
    }

    /// What changes beside what was asked for: keys get buckets, and lose them.
    fn catch_up(&mut self) {
        for name in 0..NAMES {
            let place = self.place(name);
            if let Some(list) = self.lists.get(&name)
                && place != Some(list.place)
            {
                assert!(self.is_idle(list), "{name} was evicted");
                self.lists.remove(&name);
            }
            let Some(place) = place else { continue };
            let ring = self.ring(name, place);
            let next = ring.head_now().seq();
            let list = self.lists.entry(name).or_insert_with(|| List {
                place,
                model: Model::new(&self.plan, ring.read.tail.load(Relaxed)),
                paused_until: 0,
                voids: Vec::new(),
                newest: 0,
            });
            if list.model.next < next {
                // A pause takes a permit that counts for nothing.
                list.voids.extend(list.model.next..next);
                list.model.next = next;
                list.newest = self.now + 1;
            }
        }
    }

    /// The key's list, as it counts now; that of a key that has none is empty.
    fn model(&self, name: u8) -> Model {
        let list = self.lists.get(&name);
        let mut model = list.map_or_else(|| Model::new(&self.plan, 0), |list| list.model.clone());
        let paused_until = list.map_or(0, |list| list.paused_until);
        model.paused_until = paused_until.max(self.all_paused_until);
        model
    }

    /// As a zone asks a bucket.
    fn ask<T>(
        &mut self,
        name: u8,
        question: impl Fn(Ring<'a>, &Plan, &dyn Fn() -> u64) -> Result<T, Refusal>,
    ) -> Result<(Place, T), NoBucket> {
        let now = self.now;
        let clock = || now;
        let place = self
            .directory()
            .find_or_insert(&key(&[name]), &self.plan, &clock)?;
        let answer = question(self.ring(name, place), &self.plan, &clock)?;
        Ok((place, answer))
    }

    fn reserve(&mut self, name: u8, weight: u64, max_wait: u64) {
        // Now and then too heavy by one.
        let weight = weight % (self.plan.smallest_limit() + 2);
        let model = self.model(name);
        let ideal = model.decide(self.now, weight, max_wait);
        let real = self.ask(name, |ring, plan, clock| {
            ring.reserve(plan, &clock, weight, max_wait)
        });
        match (real, ideal) {
            (Ok((place, run)), Ok(grant)) => {
                assert_eq!((run.ready, run.weight), (grant.ready, weight));
                // Its bucket, if it is new, begins with this.
                let before = self.ring(name, place).head_now().seq() - weight;
                self.catch_up();
                let list = self.lists.get_mut(&name).unwrap();
                if weight > 0 {
                    list.voids.retain(|&seq| seq < before);
                    list.model.next = before;
                    list.model.push(grant.stamp, weight);
                    list.newest = grant.stamp;
                    self.runs.push((name, place, run));
                }
            }
            (Err(NoBucket::Refused(real)), Err(ideal)) => {
                let turn = model.turn(self.now, weight.max(1));
                match (real, ideal) {
                    // No window holds it back, but a pause or those who wait: any is named.
                    (
                        Refusal::Limited { now, ready, .. },
                        Refusal::Limited {
                            now: n, ready: r, ..
                        },
                    ) if turn.window.is_none() => assert_eq!((now, ready), (n, r)),
                    _ => assert_eq!(real, ideal),
                }
            }
            (Err(NoBucket::Full), _) => self.check_full(name),
            (real, ideal) => panic!("{name}: {real:?} is not {ideal:?}"),
        }
    }

    /// All buckets are others', and needed.
    fn check_full(&self, name: u8) {
        assert!(!self.lists.contains_key(&name));
        let needed = self.lists.values().filter(|list| !self.is_to_be_had(list));
        assert_eq!(needed.count() as u64, BUCKETS);
    }

    fn cancel(&mut self, nth: usize, weight: u64) {
        if self.runs.is_empty() {
            return;
        }
        let nth = nth % self.runs.len();
        let (name, place, ref mut run) = self.runs[nth];
        let part = run.split_newest(weight);
        if run.weight == 0 {
            self.runs.swap_remove(nth);
        }
        let seqs = part.head.seq()..part.head.seq() + part.weight;
        if let Some(list) = self.lists.get_mut(&name).filter(|list| list.place == place) {
            let largest = self.plan.windows()[self.plan.windows().len() - 1].limit;
            let oldest = list.model.next.saturating_sub(CAPACITY);
            list.voids.retain(|&seq| seq >= oldest);
            // A ring remembers so many beside those that it must.
            let most = CAPACITY - largest - self.plan.queue;
            if list.voids.len() as u64 + part.weight > most.min(CAPACITY / 2) {
                return;
            }
            list.voids.extend(seqs.clone());
            list.model.cancel(seqs);
        }
        // Of a bucket that is another's by now, nothing happens.
        self.ring(name, place).cancel(&part);
    }

    fn pause(&mut self, name: Option<u8>, until: u64) {
        let Some(name) = name else {
            self.nodes.node(0).gate.pause_all(until);
            self.all_paused_until = self.all_paused_until.max(until);
            return;
        };
        match self.ask(name, |ring, plan, clock| ring.pause(plan, &clock, until)) {
            Ok(_) => {
                self.catch_up();
                let list = self.lists.get_mut(&name).unwrap();
                list.paused_until = list.paused_until.max(until);
            }
            Err(NoBucket::Full) => self.check_full(name),
            Err(why) => panic!("{why:?}"),
        }
    }

    fn resume(&mut self, name: Option<u8>) {
        let Some(name) = name else {
            self.nodes.node(0).gate.resume_all();
            self.all_paused_until = 0;
            return;
        };
        if let Some(list) = self.lists.get_mut(&name) {
            list.paused_until = 0;
            let place = list.place;
            self.ring(name, place).resume(&self.plan).unwrap();
        }
    }

    fn leak(&mut self, name: u8) {
        let Some(place) = self.place(name) else {
            return;
        };
        let now = self.now;
        let ring = self.ring(name, place);
        ring.leak(&self.plan, &|| now).unwrap();
        let tail = ring.read.tail.load(Relaxed);
        if let Some(list) = self.lists.get_mut(&name) {
            list.model.leak_to(tail, now);
            if tail == list.model.next {
                list.newest = 0;
            }
        }
    }

    fn set_rates(&mut self, sized: &Sized) {
        let version = Version(self.plan.version.0 + 1);
        let (windows, queue) = (sized.plan.windows(), self.plan.queue);
        let horizon = Plan::horizon_for(windows, queue);
        self.plan = Plan::new(version, windows, queue, horizon, CAPACITY).unwrap();
        let gate = self.nodes.node(0).gate;
        gate.version.store(version.0, Relaxed);
        for list in self.lists.values_mut() {
            list.model.plan = self.plan.clone();
        }
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Advance(ticks) => self.now += ticks,
            Op::Reserve {
                name,
                weight,
                max_wait,
            } => self.reserve(name, weight, max_wait),
            Op::Cancel { nth, weight } => self.cancel(nth, weight),
            Op::Pause(name, ahead) => self.pause(name, self.now + ahead),
            Op::Resume(name) => self.resume(name),
            Op::Flush(name) => {
                if let Some(place) = self.place(name) {
                    self.ring(name, place).flush(&self.plan).unwrap();
                    let list = self.lists.get_mut(&name).unwrap();
                    list.model.flush();
                    list.newest = 0;
                }
            }
            Op::Leak(name) => self.leak(name),
            Op::Dispose(name) => {
                let had = self.directory().dispose(key(&[name]).hash).unwrap();
                assert_eq!(had, self.lists.remove(&name).is_some());
            }
            Op::Evict(index) => {
                let is_to_be_had = self
                    .lists
                    .values()
                    .find(|list| list.place.index == index)
                    .is_some_and(|list| self.is_to_be_had(list));
                let now = self.now;
                let evicted = self.directory().evict(index, &self.plan, &|| now);
                assert_eq!(evicted, Ok(is_to_be_had));
            }
            Op::SetRates(ref sized) => self.set_rates(sized),
        }
        self.catch_up();
    }
}

proptest! {
    #[test]
    fn each_key_is_answered_as_by_a_list_of_its_own_whatever_is_done(
        Sized { plan, .. } in plans(),
        ops in prop::collection::vec(ops(), 1..150),
    ) {
        let nodes = HeapNodes::new(2, BUCKETS, CAPACITY).unwrap();
        let mut scene = Scene {
            nodes: &nodes,
            plan,
            now: 1000,
            lists: BTreeMap::new(),
            all_paused_until: 0,
            runs: Vec::new(),
        };
        for op in &ops {
            scene.act(op);
        }
        check(&nodes);
    }
}
