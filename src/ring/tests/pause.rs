//! Pauses, one call after the other; and between the steps of an evictor.

use super::plan_of;
use crate::directory::{Directory, HeapNodes, Key, Nodes, Place, Seed};
use crate::ring::{Plan, Refusal, Ring};
use crate::sync::BEFORE_ACCESS;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const SEED: Seed = Seed([3, 4]);

fn plan() -> Plan {
    plan_of(&[(2, 100)], 2, 16)
}

/// One key's bucket, and a clock.
struct World {
    nodes: Rc<HeapNodes>,
    place: Place,
    now: Rc<Cell<u64>>,
}

impl World {
    fn new() -> Self {
        let nodes = Rc::new(HeapNodes::new(2, 2, 16).unwrap());
        let now = Rc::new(Cell::new(1000));
        let clock = || now.get();
        let key = Key::new(SEED, b"key").unwrap();
        let place = Directory::new(&*nodes)
            .find_or_insert(&key, &plan(), &clock)
            .unwrap();
        Self { nodes, place, now }
    }

    fn ring(&self) -> Ring<'_> {
        let key = Key::new(SEED, b"key").unwrap();
        Directory::new(&*self.nodes).ring(self.place, Some(key.hash))
    }

    fn pause(&self, until: u64) -> Result<(), Refusal> {
        self.ring().pause(&plan(), &|| self.now.get(), until)
    }

    fn evict(&self) -> bool {
        let clock = || self.now.get();
        Directory::new(&*self.nodes)
            .evict(self.place.index, &plan(), &clock)
            .unwrap()
    }

    fn reserve(&self) -> Result<u64, Refusal> {
        let clock = || self.now.get();
        let run = self.ring().reserve(&plan(), &clock, 1, 0)?;
        Ok(run.ready)
    }
}

#[test]
fn a_pause_only_raises_and_a_resume_ends_it() {
    let world = World::new();
    world.pause(5000).unwrap();
    world.pause(4000).unwrap();
    assert_eq!(world.ring().paused_until(), 5000);
    assert!(matches!(
        world.reserve(),
        Err(Refusal::Limited { ready: 5000, .. })
    ));
    assert_eq!(world.ring().resume(&plan()), Ok(5000));
    assert_eq!(world.ring().resume(&plan()), Ok(0));
    assert_eq!(world.reserve(), Ok(1000));
    let gate = world.nodes.node(0).gate;
    gate.pause_all(3000);
    gate.pause_all(2000);
    assert_eq!(
        (gate.paused_until(), world.ring().paused_until()),
        (3000, 3000)
    );
    assert_eq!((gate.resume_all(), gate.resume_all()), (3000, 0));
}

#[test]
fn a_paused_bucket_is_evicted_only_after_its_pause_and_costs_no_permit() {
    let world = World::new();
    world.pause(5000).unwrap();
    world.now.set(4999);
    assert!(!world.evict());
    world.now.set(5000);
    assert_eq!((world.reserve(), world.reserve()), (Ok(5000), Ok(5000)));
    world.now.set(5101);
    assert!(world.evict());
    assert_eq!(world.pause(9000), Err(Refusal::Closed), "look it up again");
}

/// What is done before the access of that number.
type Planned = Option<(u32, Box<dyn FnOnce()>)>;

thread_local! {
    static PLANNED: RefCell<Planned> = const { RefCell::new(None) };
}

fn before_access() {
    let due = PLANNED.with_borrow_mut(|planned| match planned {
        Some((0, _)) => planned.take(),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    });
    if let Some((_, act)) = due {
        act();
    }
}

/// Whoever evicts is interrupted before each of its accesses by one who pauses: either it
/// does not evict, or the pauser knows that the bucket is closed.
#[test]
fn a_pause_between_any_two_steps_of_an_evict_is_not_lost() {
    for has_permits in [false, true] {
        let mut step = 0;
        let mut closed = 0;
        loop {
            let world = Rc::new(World::new());
            if has_permits {
                world.reserve().unwrap();
            }
            world.now.set(2000);
            let answer = Rc::new(Cell::new(None));
            let act = {
                let (world, answer) = (Rc::clone(&world), Rc::clone(&answer));
                move || answer.set(Some(world.pause(50_000)))
            };
            PLANNED.set(Some((step, Box::new(act))));
            BEFORE_ACCESS.set(before_access);
            let evicted = world.evict();
            BEFORE_ACCESS.set(|| {});
            match answer.get() {
                None => break,
                Some(Ok(())) => assert!(!evicted, "the pause before step {step} is lost"),
                Some(Err(refusal)) => {
                    assert_eq!(refusal, Refusal::Closed);
                    assert!(evicted);
                    closed += 1;
                }
            }
            step += 1;
        }
        assert!(step > 10 && closed > 0, "{step} steps, {closed} closed");
    }
}
