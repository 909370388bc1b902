//! Who may own a bucket keeps the janitor from taking buckets back, by a lock of its own:
//! also a child that was forked with a handle, whatever becomes of its parent.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::words::{Words, place};
use common::{Buckets, Process, Scene, eventually};
use tidegate::{Leaker, Limiter, Pass, Rate};

const CHILDREN: u64 = 4;

fn open(scene: &Scene) -> Limiter {
    let builder = scene.limiter().rate(Rate::new(3, ms(3_600_000)));
    builder.queue(1).keys(64).open().unwrap()
}

/// A janitor, and a bucket that somebody lost by dying.
struct Watch {
    leaker: Leaker,
    words: Words,
}

impl Watch {
    fn new(scene: &Scene) -> Self {
        let limiter = open(scene);
        let words = Words::of(&scene.segment_path());
        words.change(place::USED, |used| used + 1);
        Self {
            leaker: Leaker::new(&limiter),
            words,
        }
    }

    fn reclaimed(&mut self) -> u64 {
        match self.leaker.pass() {
            Ok(Pass::Led { reclaimed, .. }) => reclaimed,
            other => panic!("{other:?}"),
        }
    }

    fn is_not_alone(&mut self, why: &str) {
        assert_eq!(self.reclaimed(), 0, "alone with {why}");
        assert_eq!(Buckets::of(&self.words).astray(), 1);
    }

    fn is_alone(&mut self) {
        assert_eq!(self.reclaimed(), 1);
        assert_eq!(Buckets::of(&self.words).astray(), 0);
    }
}

/// A child that inserts keys at once, and lives until it is told to end.
fn child(scene: &Scene, limiter: &Limiter, n: u64) {
    // It outlives its parent: nobody kills it with it.
    nix::sys::prctl::set_pdeathsig(None).unwrap();
    eventually("the start", || scene.heard("start"));
    for key in 0..8 {
        let _ = limiter.try_acquire(format!("{n} {key}")).unwrap();
    }
    scene.announce(&format!("inserted {n}"));
    eventually("the end", || scene.heard(&format!("end {n}")));
    scene.announce(&format!("ended {n}"));
}

/// Forks children with a handle, which may have been used before, and then dies, drops its
/// handle, or goes on with it.
fn parent(scene: &Scene, cues: &[u64]) {
    let (is_used, then) = (cues[0] == 1, cues[1]);
    let limiter = open(scene);
    if is_used {
        let _ = limiter.try_acquire("the parent's").unwrap();
    }
    let forked = (0..CHILDREN).map(|n| Process::fork(|| child(scene, &limiter, n)));
    let children: Vec<Process> = forked.collect();
    scene.announce("forked");
    if then == 1 {
        drop(limiter);
    }
    scene.announce("ready");
    eventually("its end", || scene.heard("the parent's end"));
    // They are not its own to kill.
    children.into_iter().for_each(std::mem::forget);
}

#[test]
fn the_janitor_is_not_alone_while_a_forked_child_lives_and_is_when_all_are_gone() {
    let scene =
        Scene::of(the_janitor_is_not_alone_while_a_forked_child_lives_and_is_when_all_are_gone);
    scene.part("parent", |cues| parent(&scene, cues));
    // Whether the parent had used its handle, and whether it drops it, or is killed.
    for (is_used, drops) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut watch = Watch::new(&scene);
        let mut parent = scene.start("parent", &[is_used, drops]);
        eventually("the parent", || scene.heard("ready"));
        scene.announce("start");
        for n in 0..CHILDREN {
            eventually("a child", || scene.heard(&format!("inserted {n}")));
        }
        watch.is_not_alone("a parent and its children");
        if drops == 1 {
            scene.announce("the parent's end");
            parent.join();
        } else {
            parent.kill();
        }
        for n in 0..CHILDREN {
            watch.is_not_alone("a child");
            scene.announce(&format!("end {n}"));
            eventually("a child's end", || scene.heard(&format!("ended {n}")));
        }
        // The last has said so, and is about to end.
        eventually("the janitor to be alone", || watch.reclaimed() == 1);
        assert_eq!(Buckets::of(&watch.words).astray(), 0);
        let keys = CHILDREN * 8 + is_used;
        assert_eq!(open(&scene).count().unwrap(), keys);
        tidegate::remove(scene.segment()).unwrap();
        scene.forget();
    }
}

#[test]
fn a_child_that_lets_go_of_its_handle_does_not_unlock_its_parent_s() {
    let Some(scene) = Scene::alone(a_child_that_lets_go_of_its_handle_does_not_unlock_its_parent_s)
    else {
        return;
    };
    let mut watch = Watch::new(&scene);
    let parent = Process::fork(|| {
        let mut own = Some(open(&scene));
        let take = |own: &Option<Limiter>| {
            let limiter = own.as_ref().unwrap();
            let _ = limiter.try_acquire("the same key").unwrap();
        };
        take(&own);
        // One uses what it inherited, one does not, and both drop it.
        for uses in [false, true] {
            Process::fork(|| {
                if uses {
                    take(&own);
                }
                own = None;
            })
            .join();
        }
        take(&own);
        scene.announce("ready");
        eventually("its end", || scene.heard("the end"));
    });
    eventually("the parent", || scene.heard("ready"));
    watch.is_not_alone("the parent");
    scene.announce("the end");
    parent.join();
    watch.is_alone();
}
