//! A ring and a model of it, which are asked the same.

use super::history::History;
use super::model::{Grant, Model};
use crate::ring::word::{Head, Pause, Slot};
use crate::ring::{Heap, Plan, Refusal, Ring, Run, Tally, Window};
use crate::sync::Ordering::Relaxed;
use std::cell::Cell;

/// A run whose owner has died before it was stamped to its end.
#[derive(Debug)]
struct Unfinished {
    seq: u64,
    weight: u64,
}

/// The two, under one clock.
#[derive(Debug)]
pub struct Pair {
    heap: Heap,
    pub plan: Plan,
    pub now: Cell<u64>,
    /// Permits that had gone by at the start.
    start: u64,
    pub model: Model,
    /// Runs that were granted and not cancelled.
    pub runs: Vec<Run>,
    pub history: History,
    unfinished: Option<Unfinished>,
    /// Seqs of cancelled permits.
    voids: Vec<u64>,
    /// Until when the bucket is paused, and until when all are.
    paused_until: [u64; 2],
}

/// How many voids a ring has room for beside what it must remember.
pub fn spare(plan: &Plan, capacity: u64) -> u64 {
    let widest = plan.windows()[plan.windows().len() - 1];
    capacity - widest.limit - plan.queue
}

impl Pair {
    pub fn new(plan: Plan, capacity: u64) -> Self {
        Self::starting_at(plan, capacity, capacity, 1000)
    }

    /// With so many permits and ticks gone by already.
    pub fn starting_at(plan: Plan, capacity: u64, head: u64, now: u64) -> Self {
        let heap = Heap::new(capacity).unwrap();
        let ring = heap.ring();
        ring.head.store(head, Relaxed);
        ring.read.tail.store(head, Relaxed);
        for seq in head - capacity..head {
            let slot = Slot::new(ring.lap(seq), 0);
            ring.cell(seq).store(slot.0, Relaxed);
        }
        heap.rates().write_first(plan.windows(), plan.horizon);
        Self {
            model: Model::new(&plan, head),
            heap,
            plan,
            now: Cell::new(now),
            start: capacity,
            runs: Vec::new(),
            history: History::default(),
            unfinished: None,
            voids: Vec::new(),
            paused_until: [0; 2],
        }
    }

    pub fn ring(&self) -> Ring<'_> {
        self.heap.ring()
    }

    pub fn clock(&self) -> impl Fn() -> u64 {
        || self.now.get()
    }

    pub fn advance(&self, ticks: u64) {
        self.now.set(self.now.get() + ticks);
    }

    /// Every word there is.
    pub fn words(&self) -> Vec<u64> {
        let ring = self.ring();
        let header = [
            ring.head,
            &ring.read.tail,
            &ring.read.newest_void,
            &ring.read.paused_until,
        ];
        let words = header.into_iter().chain(ring.slots);
        words.map(|word| word.load(Relaxed)).collect()
    }

    /// What the ring and the model answer; both go on with the ring's answer.
    pub fn reserve(
        &mut self,
        weight: u64,
        max_wait: u64,
    ) -> (Result<Run, Refusal>, Result<Grant, Refusal>) {
        let may_help = (1..=self.plan.smallest_limit()).contains(&weight);
        let helped = may_help && self.help();
        let now = self.now.get();
        let before = self.words();
        let real = self
            .ring()
            .reserve(&self.plan, &self.clock(), weight, max_wait);
        let ideal = self.model.decide(now, weight, max_wait);
        match real {
            Ok(run) => {
                assert_eq!(run.weight, weight);
                assert_eq!(run.waits(), run.ready > now);
                assert!((now..=now + self.plan.horizon.min(max_wait)).contains(&run.ready));
                let stamp = self.model.stamp(now, run.ready);
                self.history.grant(run.head.seq(), weight, run.ready);
                self.runs.push(run);
                self.model.push(stamp, weight);
            }
            Err(_) if helped => {}
            Err(_) => assert_eq!(self.words(), before, "a refusal writes nothing"),
        }
        self.compare_slots();
        (real, ideal)
    }

    /// Reserves what must be granted; says from which tick on.
    pub fn take(&mut self, weight: u64, max_wait: u64) -> u64 {
        self.reserve(weight, max_wait).0.unwrap().ready
    }

    /// An owner that swaps head for a run that would be granted to it, stamps the
    /// first permits of it, and dies.
    pub fn die(&mut self, weight: u64, max_wait: u64, stamped: u64) {
        if self.unfinished.is_some() {
            self.look();
        }
        let now = self.now.get();
        let Ok(Grant { ready, stamp }) = self.model.decide(now, weight, max_wait) else {
            return;
        };
        if weight == 0 {
            return;
        }
        let seq = self.model.next;
        let stamped = stamped.min(weight);
        let ring = self.heap.ring();
        ring.head.store(Head::new(0, seq).after(weight).0, Relaxed);
        for seq in seq..seq + stamped {
            ring.stamp(seq, stamp);
        }
        self.history.grant(seq, weight, ready);
        self.model.push(stamp, stamped);
        if stamped < weight {
            self.unfinished = Some(Unfinished {
                seq,
                weight: weight - stamped,
            });
        }
    }

    /// The rules by which the next caller must stamp what a dead owner did not; says
    /// whether there was anything. Ask the ring whatever helps right afterwards.
    fn help(&mut self) -> bool {
        let Some(Unfinished { seq, weight }) = self.unfinished.take() else {
            return false;
        };
        let now = self.now.get();
        let ready = self.model.turn(now, weight).ready;
        let stamp = self.model.stamp(now, ready);
        // Its owner, were it only asleep, would go by the earliest stamp.
        self.history.not_later_than(seq, stamp);
        self.model.push(stamp, weight);
        true
    }

    /// The slots hold the stamps that the rules say.
    fn compare_slots(&self) {
        let ring = self.ring();
        let head = Head(ring.head.load(Relaxed)).seq();
        let oldest = head.saturating_sub(ring.capacity());
        for permit in self.model.permits.iter().filter(|p| p.seq >= oldest) {
            let slot = ring.slot(permit.seq);
            assert!(
                slot.is_of(ring.lap(permit.seq)),
                "{permit:?} is not stamped"
            );
            assert_eq!((slot.ticks(), slot.is_void()), (permit.stamp, permit.void));
        }
    }

    /// Returns a run, if there is one left.
    pub fn cancel(&mut self, nth: usize) -> Option<Run> {
        if self.runs.is_empty() {
            return None;
        }
        let run = self.runs.swap_remove(nth % self.runs.len());
        let seqs = run.head.seq()..run.head.seq() + run.weight;
        let oldest = self.model.next.saturating_sub(self.ring().capacity());
        self.voids.retain(|&seq| seq >= oldest);
        self.voids.extend(seqs.clone());
        self.ring().cancel(&run);
        self.history.cancel(seqs.start);
        self.model.cancel(seqs);
        self.compare_slots();
        Some(run)
    }

    /// How many voids are among the newest permits that the ring remembers.
    pub fn voids(&self) -> u64 {
        let oldest = self.model.next.saturating_sub(self.ring().capacity());
        self.voids.iter().filter(|&&seq| seq >= oldest).count() as u64
    }

    pub fn leak(&mut self) {
        let repairs = u64::from(self.help());
        let now = self.now.get();
        let ring = self.heap.ring();
        let tail = ring.read.tail.load(Relaxed);
        let remembered = self.model.next - tail <= ring.capacity();
        let leaked = ring.leak(&self.plan, &self.clock()).unwrap();
        assert_eq!(leaked.repairs, repairs);
        assert_eq!(ring.read.tail.load(Relaxed), tail + leaked.permits);
        self.model.leak_to(tail + leaked.permits, now);
        if remembered {
            self.model.leak(now, self.model.next);
            assert_eq!(tail + leaked.permits, self.model.oldest());
        } else {
            // What the ring has kept may count by the rates of later; what it has forgotten
            // decides nothing.
            self.model.leak(now, self.model.next - ring.capacity());
        }
        self.compare_slots();
    }

    pub fn flush(&mut self) {
        self.ring().flush(&self.plan).unwrap();
        if let Some(Unfinished { weight, .. }) = self.unfinished.take() {
            self.model.next += weight;
        }
        self.history.flush(self.model.next);
        self.model.flush();
        assert_eq!(self.ring().read.tail.load(Relaxed), self.model.next);
    }

    /// Gives the `weight` newest permits of a run back, if there is one left; or all, if it
    /// has fewer.
    pub fn refund(&mut self, nth: usize, weight: u64) {
        if self.runs.is_empty() {
            return;
        }
        let nth = nth % self.runs.len();
        let run = self.runs[nth];
        let part = self.runs[nth].split_newest(weight);
        assert_eq!(run.seqs().end, part.seqs().end);
        assert_eq!(part.weight, weight.min(run.weight));
        assert_eq!(self.runs[nth].weight + part.weight, run.weight);
        self.history.refund(run.head.seq(), part.weight);
        self.voids.extend(part.seqs());
        self.ring().cancel(&part);
        self.model.cancel(part.seqs());
        self.compare_slots();
    }

    /// Pauses this bucket, or all of them, until that tick at least.
    pub fn pause(&mut self, all: bool, until: u64) {
        let paused = &mut self.paused_until[usize::from(all)];
        *paused = until.max(*paused);
        self.model.paused_until = self.paused_until[0].max(self.paused_until[1]);
        if all {
            return self.ring().gate.pause_all(until);
        }
        let now = self.now.get();
        let is_on = self.model.paused_until > now;
        if is_on {
            self.help();
        }
        // The bucket of a key moves head when an evictor could close it.
        let ring = Ring {
            key: Some([0; 2]),
            ..self.heap.ring()
        };
        ring.pause(&self.plan, &self.clock(), until).unwrap();
        let newest = self.model.newest();
        if is_on && newest <= now {
            self.voids.push(self.model.next);
            self.model.push_void(newest.max(now + 1));
        }
        let unfinished = self.unfinished.as_ref().map_or(0, |run| run.weight);
        let head = Head(ring.head.load(Relaxed)).seq();
        assert_eq!(head, self.model.next + unfinished);
        self.compare_slots();
    }

    /// Ends the pause of this bucket, or that of all.
    pub fn resume(&mut self, all: bool) {
        let ring = self.heap.ring();
        let ended = match all {
            true => ring.gate.resume_all(),
            false => ring.resume(&self.plan).unwrap(),
        };
        let until = std::mem::take(&mut self.paused_until[usize::from(all)]);
        assert_eq!(ended, Pause::new(0, until).until(0));
        self.model.paused_until = self.paused_until[0].max(self.paused_until[1]);
    }

    /// Puts other rates in force, if they fit the ring beside its voids. What takes effect
    /// from now on is judged by them.
    pub fn set_rates(&mut self, windows: &[Window]) {
        let ring = self.heap.ring();
        let capacity = ring.capacity();
        let Some(next) = self.plan.followed_by(windows, capacity) else {
            return;
        };
        if self.voids() > spare(&next, capacity) {
            return;
        }
        self.history.forget_from(self.now.get());
        self.judge();
        self.history.forget_from(0);
        let rates = self.heap.rates();
        rates.put(&self.plan, &next);
        assert_eq!(rates.read(next.queue, capacity).as_ref(), Some(&next));
        assert_eq!(ring.check(&self.plan), Err(Refusal::Stale));
        self.model.set_plan(&next);
        self.plan = next;
    }

    /// Whatever can be asked without taking anything.
    pub fn look(&mut self) {
        self.help();
        let now = self.now.get();
        let (ring, plan, clock) = (self.ring(), &self.plan, self.clock());
        // In the tick before those who wait come, up to a limit more may count than
        // a ring has room for: the permits of two windows, one rounded up.
        let oldest = self.model.next.saturating_sub(ring.capacity());
        let counted = self.model.counted(now, oldest);
        assert_eq!(ring.count(plan, &clock), Ok(counted.len() as u64));
        let tallies = plan.windows().iter().map(|window| {
            let leaves = counted.iter().map(|stamp| stamp + window.interval);
            let counts = leaves.filter(|&leaves| leaves > now);
            Tally {
                count: counts.clone().count() as u64,
                leaves: counts.min().unwrap_or(0),
            }
        });
        assert_eq!(ring.tallies(plan, &clock), Ok((now, tallies.collect())));
        assert_eq!(ring.reserved(), self.model.next - self.start);
        let paused = self.model.paused_until > now;
        assert_eq!(ring.paused_until() > now, paused);
        assert_eq!(ring.queued(plan, &clock), Ok(self.model.unready(now)));
        for nth in 0..=counted.len() {
            let stamp = counted.get(nth).copied();
            assert_eq!(ring.peek(plan, &clock, nth as u64), Ok(stamp));
        }
        for weight in 1..=plan.smallest_limit() {
            let turn = ring.waiting(plan, &clock, weight).unwrap();
            assert_eq!(turn.now, now);
            assert_eq!(turn.ready, self.model.turn(now, weight).ready);
        }
        assert_eq!(ring.waiting(plan, &clock, 0).unwrap().ready, now);
        let too_heavy = ring.waiting(plan, &clock, plan.smallest_limit() + 1);
        assert_eq!(too_heavy, Err(Refusal::TooHeavy));
    }

    /// Never over, for all that was granted.
    pub fn judge(&self) {
        let verdict = self.history.overfull(self.plan.windows());
        assert_eq!(verdict, None, "{:#?}", self.history);
    }
}
