//! A directory of keys, its clock, and a log of what each key's callers were told.

use crate::watch::Watch;
use crate::world::Time;
use crate::{START, keyed_judge, plan};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tidegate::directory::{Directory, HeapNodes, Key, NoBucket, Nodes, Place, Seed};
use tidegate::ring::word::{Head, Link, Pause};
use tidegate::ring::{Plan, PlanArea, Rates, Refusal, Ring, Run, Turn};
use tidegate::sync::{AtomicU64, Ordering};

/// A key.
pub type Name = &'static str;

/// Slots of each bucket.
const CAPACITY: u64 = 4;
/// Ticks of the only window.
const INTERVAL: u64 = 10;

/// A permit that was granted to a key.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub name: Name,
    pub place: Place,
    pub run: Run,
    /// How many permits were asked for: some may have been given back.
    pub asked: u64,
    /// Position of the call's begin in the model's history.
    pub begun: u64,
    /// The clock when the call returned.
    pub returned: u64,
    pub cancelled: bool,
}

/// A call that got none.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub name: Name,
    pub why: NoBucket,
    /// Position of the call's end in the model's history.
    pub ended: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct KeyedLog {
    history: u64,
    pub now: u64,
    pub granted: Vec<Granted>,
    pub refused: Vec<Refused>,
    /// How often a key lost its bucket or its permits by request.
    pub ended_by_request: HashMap<Name, u64>,
    /// The latest end of a pause that somebody has begun to set.
    pub pauses_begun: HashMap<Name, u64>,
    /// The same of those that are set, and that nobody has begun to end.
    pub pauses: HashMap<Name, u64>,
    /// How often somebody has begun to end a key's pause.
    pauses_ended: HashMap<Name, u64>,
    /// Permits that were reserved by those who died, and so returned by no call.
    pub abandoned: HashMap<Name, u64>,
    /// Buckets that those who died have left in no chain, and not in the stock.
    pub lost: u64,
}

impl KeyedLog {
    fn step(&mut self) -> u64 {
        self.history += 1;
        self.history
    }
}

/// A directory with everything around it that a model needs.
pub struct Keyed {
    pub(crate) nodes: HeapNodes,
    /// The plan in force before [`change_rates`](Self::change_rates).
    first: Plan,
    pub(crate) plan: Plan,
    areas: [PlanArea; 2],
    time: Time,
    clock: AtomicU64,
    /// How many callers may own a bucket: in production, kernel locks.
    present: AtomicU64,
    log: Mutex<KeyedLog>,
}

impl Keyed {
    /// A directory of `buckets` buckets, all in one chain. Each key may have `limit`
    /// permits in 10 ticks.
    pub fn new(time: Time, buckets: u64, limit: u64) -> Arc<Self> {
        Self::with_table(time, 1, buckets, limit)
    }

    /// The same with so many chains.
    pub fn with_table(time: Time, table: u64, buckets: u64, limit: u64) -> Arc<Self> {
        let plan = plan(0, &[(limit, INTERVAL)], 0, CAPACITY);
        Self::under(plan.clone(), plan, time, table, buckets)
    }

    /// A directory whose interval is to become another, by which the judge goes.
    pub fn to_become(time: Time, buckets: u64, limit: u64, interval: u64) -> Arc<Self> {
        let first = plan(0, &[(limit, INTERVAL)], 0, CAPACITY);
        let next = plan(1, &[(limit, interval)], 0, CAPACITY);
        Self::under(first, next, time, 1, buckets)
    }

    fn under(first: Plan, plan: Plan, time: Time, table: u64, buckets: u64) -> Arc<Self> {
        Arc::new(Self {
            nodes: HeapNodes::new(table, buckets, CAPACITY).expect("a small directory fits"),
            first,
            plan,
            areas: Default::default(),
            time,
            clock: AtomicU64::new(START),
            present: AtomicU64::new(0),
            log: Mutex::new(KeyedLog {
                now: START,
                ..KeyedLog::default()
            }),
        })
    }

    /// Lets callers race, each on a thread of its own, then judges what they left.
    pub fn race(self: &Arc<Self>, callers: &[fn(&Self)]) {
        let threads: Vec<_> = callers
            .iter()
            .map(|&caller| {
                let keyed = self.clone();
                loom::thread::spawn(move || caller(&keyed))
            })
            .collect();
        for thread in threads {
            thread.join().expect("no caller panicked");
        }
        self.in_one_go(keyed_judge::judge);
    }

    /// Does `work` in one go: others may come before and after, not amid. They have
    /// then slept for all of it, or stopped for ever.
    pub fn in_one_go(&self, work: impl FnOnce(&Self)) {
        loom::stop_exploring();
        work(self);
        loom::explore();
    }

    /// The directory.
    pub fn directory(&self) -> Directory<'_, HeapNodes> {
        Directory::new(&self.nodes)
    }

    /// The words.
    pub fn nodes(&self) -> &HeapNodes {
        &self.nodes
    }

    /// Puts the rates in force that the judge goes by.
    pub fn change_rates(&self) {
        let rates = Rates {
            version: &self.nodes.node(0).gate.version,
            areas: &self.areas,
        };
        rates.put(&self.first, &self.plan);
    }

    /// Asks under the rates in force, as one does who knew the first ones.
    fn asked<T, E: PartialEq>(
        &self,
        stale: E,
        ask: impl Fn(&Plan) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = ask(&self.first);
        if answer.as_ref().err() == Some(&stale) {
            return ask(&self.plan);
        }
        answer
    }

    pub(crate) fn key(name: Name) -> Key<'static> {
        Key::new(Seed([1, 2]), name.as_bytes()).expect("a short key")
    }

    /// The bucket that a handle for the key knows.
    pub fn ring(&self, place: Place, name: Name) -> Ring<'_> {
        self.directory().ring(place, Some(Self::key(name).hash))
    }

    /// Where the key's bucket is.
    pub fn place(&self, name: Name) -> Option<Place> {
        let found = self.directory().find(Self::key(name).hash);
        found.expect("nobody scribbles")
    }

    /// Reads the clock, as callers do.
    pub fn now(&self) -> u64 {
        match self.time {
            Time::Still => self.log().now,
            _ => self.clock.fetch_add(0, Ordering::Relaxed),
        }
    }

    /// The clock as a call that begins now looks at it.
    fn watch(&self) -> Watch<impl Fn() -> u64 + '_> {
        Watch {
            early: (self.time == Time::Early).then(|| self.now()),
            now: || self.now(),
        }
    }

    /// Moves the clock on.
    pub fn tick(&self, ticks: u64) {
        self.clock.fetch_add(ticks, Ordering::Relaxed);
        self.log().now += ticks;
    }

    /// Moves it until what has been granted by now counts no more.
    pub fn interval(&self) {
        self.tick(INTERVAL + 1);
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, KeyedLog> {
        // Never held across a step of the model.
        self.log.lock().expect("no model panicked")
    }

    /// Asks for a permit, as a limiter does: again, if the bucket has been taken from the
    /// key. The outcome is judged at the end. Whether it was granted.
    pub fn ask(&self, name: Name) -> bool {
        self.ask_for(name, 1)
    }

    /// The same for `weight` permits.
    pub fn ask_for(&self, name: Name, weight: u64) -> bool {
        let begun = self.log().step();
        let clock = self.watch();
        let answer = self.wherever(name, |place, plan| {
            let run = self.ring(place, name).reserve(plan, &clock, weight, 0)?;
            Ok((place, run))
        });
        self.write_down(name, begun, answer)
    }

    /// Asks the key's bucket: again, if it has been taken from the key.
    fn wherever<T>(
        &self,
        name: Name,
        ask: impl Fn(Place, &Plan) -> Result<T, Refusal>,
    ) -> Result<T, NoBucket> {
        loop {
            let answer = self.asked(NoBucket::Refused(Refusal::Stale), |plan| {
                let key = Self::key(name);
                let place = self.directory().find_or_insert(&key, plan, &self.watch())?;
                Ok(ask(place, plan)?)
            });
            if answer.as_ref().err() != Some(&NoBucket::Refused(Refusal::Closed)) {
                return answer;
            }
        }
    }

    /// Pauses the key, as a limiter does.
    pub fn pause(&self, name: Name, until: u64) {
        let ended_before = self.begin_pause(name, until);
        let paused = self.wherever(name, |place, plan| {
            self.ring(place, name).pause(plan, &|| self.now(), until)
        });
        paused.expect("a bucket is left");
        self.end_pause(name, until, ended_before);
    }

    /// Pauses the key through a handle for `place`. Nothing, if that is another key's.
    pub fn pause_at(&self, place: Place, name: Name, until: u64) {
        let ended_before = self.begin_pause(name, until);
        let paused = self.asked(Refusal::Stale, |plan| {
            let ring = self.ring(place, name);
            ring.pause(plan, &|| self.now(), until)
        });
        match paused {
            Ok(()) => self.end_pause(name, until, ended_before),
            Err(Refusal::Closed) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// How often the key's pause was ended before.
    fn begin_pause(&self, name: Name, until: u64) -> u64 {
        let mut log = self.log();
        let latest = log.pauses_begun.entry(name).or_default();
        *latest = until.max(*latest);
        log.pauses_ended.get(name).copied().unwrap_or(0)
    }

    fn end_pause(&self, name: Name, until: u64, ended_before: u64) {
        let mut log = self.log();
        if log.pauses_ended.get(name).copied().unwrap_or(0) == ended_before {
            let latest = log.pauses.entry(name).or_default();
            *latest = until.max(*latest);
        }
    }

    fn forget_pause(&self, name: Name) {
        let mut log = self.log();
        log.pauses.remove(name);
        *log.pauses_ended.entry(name).or_default() += 1;
    }

    /// Ends the key's pause through a handle for `place`. Nothing, if that is another
    /// key's by now.
    pub fn resume_at(&self, place: Place, name: Name) {
        self.forget_pause(name);
        match self.ring(place, name).resume(&self.plan) {
            Ok(_) | Err(Refusal::Closed) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Asks where a mere look finds the key's bucket, if it does.
    pub fn ask_at_a_glance(&self, name: Name) -> bool {
        let place = self.directory().peek(Self::key(name).hash);
        place.is_some_and(|place| self.ask_at(place, name))
    }

    /// Asks through a handle that knows the key's bucket at `place`. Nothing, if that
    /// is another key's by now.
    pub fn ask_at(&self, place: Place, name: Name) -> bool {
        let begun = self.log().step();
        let clock = || self.now();
        match self.ring(place, name).reserve(&self.plan, &clock, 1, 0) {
            Err(Refusal::Closed) => false,
            answer => {
                let answer = answer.map(|run| (place, run));
                self.write_down(name, begun, answer.map_err(NoBucket::Refused))
            }
        }
    }

    fn write_down(&self, name: Name, begun: u64, answer: Result<(Place, Run), NoBucket>) -> bool {
        let mut log = self.log();
        let (ended, returned) = (log.step(), log.now);
        match answer {
            Ok((place, run)) => log.granted.push(Granted {
                name,
                place,
                run,
                asked: run.weight,
                begun,
                returned,
                cancelled: false,
            }),
            Err(why) => log.refused.push(Refused { name, why, ended }),
        }
        answer.is_ok()
    }

    /// How many permits the key was granted.
    pub fn permits(&self, name: Name) -> usize {
        let log = self.log();
        let of_key = log.granted.iter().filter(|granted| granted.name == name);
        of_key.count()
    }

    /// The `nth` permit that was granted.
    pub fn granted(&self, nth: usize) -> (Place, Run) {
        let granted = &self.log().granted[nth];
        (granted.place, granted.run)
    }

    /// Gives a permit back.
    pub fn cancel(&self, nth: usize) {
        self.log().granted[nth].cancelled = true;
        let (place, run) = self.granted(nth);
        let name = self.log().granted[nth].name;
        self.ring(place, name).cancel(&run);
    }

    /// Gives the `weight` newest permits of the `nth` run back.
    pub fn refund(&self, nth: usize, weight: u64) {
        let granted = self.log().granted[nth].clone();
        let mut run = granted.run;
        let part = run.split_newest(weight);
        self.log().granted[nth].run = run;
        self.ring(granted.place, granted.name).cancel(&part);
    }

    /// Takes the key's bucket from it.
    pub fn dispose(&self, name: Name) {
        self.forget_pause(name);
        // Before: as soon as it is closed, the key may have permits anew.
        *self.log().ended_by_request.entry(name).or_default() += 1;
        let disposed = self.directory().dispose(Self::key(name).hash);
        disposed.expect("nobody scribbles");
    }

    /// Forgets the key's permits through a handle for `place`.
    pub fn flush_at(&self, place: Place, name: Name) {
        *self.log().ended_by_request.entry(name).or_default() += 1;
        match self.ring(place, name).flush(&self.plan) {
            Ok(()) | Err(Refusal::Closed) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Leaks through a handle for `place`.
    pub fn leak_at(&self, place: Place, name: Name) {
        match self.ring(place, name).leak(&self.plan, &|| self.now()) {
            Ok(_) | Err(Refusal::Closed) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Evicts the bucket of that index if it is quiescent.
    pub fn evict(&self, index: u64) -> bool {
        let evicted = self.asked(Refusal::Stale, |plan| {
            self.directory().evict(index, plan, &self.watch())
        });
        evicted.expect("an open bucket")
    }

    /// Closes the bucket at `place` if it is quiescent, as an evictor does before it takes
    /// it out of its chain.
    pub fn close_quiescent(&self, place: Place) {
        let closed = self.asked(Refusal::Stale, |plan| {
            let ring = self.nodes.node(place.index).at_present();
            ring.close_if_quiescent(plan, &|| self.now(), || true)
        });
        closed.expect("an open bucket");
    }

    /// Does something as one who may own a bucket.
    pub fn enter(&self, work: impl FnOnce(&Self)) {
        // AcqRel, both, and in `is_alone`: the kernel's locks order what is done under them.
        self.present.fetch_add(1, Ordering::AcqRel);
        work(self);
        self.present.fetch_add(u64::MAX, Ordering::AcqRel);
    }

    /// Whether nobody may own a bucket.
    pub fn is_alone(&self) -> bool {
        self.present.fetch_add(0, Ordering::AcqRel) == 0
    }

    /// Takes back what was lost, as the janitor does.
    pub fn reclaim(&self) {
        let Some(strays) = self.directory().strays() else {
            return;
        };
        if !self.is_alone() {
            return;
        }
        let reclaimed = self.directory().reclaim(&strays);
        let mut log = self.log();
        assert!(reclaimed <= log.lost, "{reclaimed} of {} lost", log.lost);
        log.lost -= reclaimed;
    }

    /// Which chain the key's bucket is in.
    pub fn chain(&self, name: Name) -> u64 {
        Self::key(name).hash[0] & (self.nodes.table().len() as u64 - 1)
    }

    /// How many buckets were evicted.
    pub fn evictions(&self) -> u64 {
        self.nodes.stock().evictions.load(Ordering::Acquire)
    }

    /// Somebody takes a bucket that was never used, perhaps opens it, and dies.
    pub fn die_with_unused(&self, opened: bool) {
        let index = self.nodes.stock().used.fetch_add(1, Ordering::AcqRel);
        if opened {
            self.nodes.node(index).open_for([7, 7]);
        }
        self.log().lost += 1;
    }

    /// Somebody takes the bucket that was given back last, and dies.
    pub fn die_with_free(&self) {
        let free = &self.nodes.stock().free;
        let top = Link(free.load(Ordering::Acquire));
        let link = &self.nodes.node(top.index().expect("one is free")).read.link;
        let next = Link(link.load(Ordering::Acquire)).index();
        free.store(top.to(next).0, Ordering::Release);
        self.log().lost += 1;
    }

    /// Somebody closes the key's bucket, and dies.
    pub fn die_closing(&self, name: Name) {
        *self.log().ended_by_request.entry(name).or_default() += 1;
        let place = self.place(name).expect("it has one");
        assert!(self.ring(place, name).close(), "it was open");
    }

    /// Up to one more of the key's permits may be reserved and never returned by a call.
    pub fn may_abandon(&self, name: Name) {
        *self.log().abandoned.entry(name).or_default() += 1;
    }

    /// Somebody writes the pause of the bucket of the first permit, and dies.
    pub fn die_pausing(&self, until: u64) {
        let (place, _) = self.granted(0);
        let word = &self.nodes.node(place.index).read.paused_until;
        let pause = Pause::new(place.generation, until).0;
        _ = word.compare_exchange(0, pause, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Somebody reserves a permit for the key, and dies before the stamp.
    pub fn die_reserving(&self, name: Name) {
        let Some(place) = self.place(name) else {
            return;
        };
        let ring = self.ring(place, name);
        // Acquire: as in production.
        let head = Head(ring.head.load(Ordering::Acquire));
        let Ok(Turn { now, ready, .. }) = ring.waiting(&self.plan, &|| self.now(), 1) else {
            return;
        };
        let after = head.after(1).0;
        if ready <= now && head.generation() == place.generation {
            let (success, failure) = (Ordering::Release, Ordering::Relaxed);
            let swapped = ring.head.compare_exchange(head.0, after, success, failure);
            *self.log().abandoned.entry(name).or_default() += u64::from(swapped.is_ok());
        }
    }
}
