//! Segments of an earlier boot: forged, for a test cannot restart the machine. A name leads
//! to a new segment; a file goes on counting.
#![cfg(target_os = "linux")]

mod common;

use common::led::kill_at_every_step;
use common::words::{Words, place};
use common::{Pace, Process, Scene, eventually, logged};
use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tidegate::{AcquireError, Builder, Limiter, OpenError, Rate};

const HOUR: Duration = Duration::from_secs(3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far two looks at the clock may lie apart.
const WHILE: Duration = Duration::from_secs(600);

fn reboot(path: &Path, off: Duration) {
    Words::of(path).reboot(off);
}

fn retry_after(outcome: Result<impl Sized, AcquireError>) -> Duration {
    match outcome {
        Err(AcquireError::Limited { retry_after, .. }) => retry_after,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was granted"),
    }
}

#[test]
fn a_name_of_an_earlier_boot_leads_to_one_new_segment() {
    let Some(scene) = Scene::alone(a_name_of_an_earlier_boot_leads_to_one_new_segment) else {
        return;
    };
    let rate = Rate::new(10, HOUR);
    let open = || scene.limiter().rate(rate).open().unwrap();
    for round in 0..20 {
        let _ = open().try_acquire_n("", 10).unwrap();
        reboot(&scene.segment_path(), HOUR);
        let start = format!("start {round}");
        let opener = |n| {
            let mut log = scene.log(format!("{round}.{n}"));
            eventually("the start", || scene.heard(&start));
            let _ = logged(&open(), &mut log, round, |limiter| limiter.try_acquire(""));
        };
        let crowd: Vec<Process> = (0..16).map(|n| Process::fork(|| opener(n))).collect();
        scene.announce(&start);
        crowd.into_iter().for_each(Process::join);
        let granted = scene
            .grants()
            .iter()
            .filter(|grant| u64::from(grant.worker) == round)
            .count();
        assert_eq!((granted, open().count().unwrap()), (10, 10));
        tidegate::remove(scene.segment()).unwrap();
    }
    assert_eq!(scene.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn a_name_of_an_earlier_boot_is_nothing_to_attach_to() {
    let scene = Scene::of(a_name_of_an_earlier_boot_is_nothing_to_attach_to);
    let rate = Rate::new(10, HOUR);
    drop(scene.limiter().rate(rate).open().unwrap());
    reboot(&scene.segment_path(), HOUR);
    let guest = scene.limiter().rate(rate).attach_only().open();
    assert!(matches!(guest, Err(OpenError::NotFound { .. })));
    let maker = scene
        .limiter()
        .rate(Rate::new(7, HOUR))
        .create_only()
        .open();
    assert_eq!(maker.unwrap().rates(), [Rate::new(7, HOUR)]);
}

#[test]
fn who_is_killed_at_any_step_while_replacing_an_old_segment_leaves_a_whole_one() {
    let Some(scene) =
        Scene::alone(who_is_killed_at_any_step_while_replacing_an_old_segment_leaves_a_whole_one)
    else {
        return;
    };
    let rate = Rate::new(10, HOUR);
    let open = || scene.limiter().rate(rate).open().unwrap();
    let prepare = || {
        let _ = open().try_acquire_n("", 3).unwrap();
        reboot(&scene.segment_path(), HOUR);
    };
    let left = Cell::new(0);
    let examine = |step| {
        let limiter = open();
        assert_eq!(limiter.count().unwrap(), 0, "killed at step {step}");
        assert!(tidegate::remove(scene.segment()).unwrap());
        // What the dead left beside it is swept by the next who replaces a segment, when it
        // is old enough to be nobody's.
        for leftover in scene.leftovers() {
            let file = File::options().write(true).open(leftover).unwrap();
            file.set_modified(SystemTime::now() - WHILE).unwrap();
            left.set(left.get() + 1);
        }
    };
    let steps = kill_at_every_step(Pace::SystemCall, prepare, || drop(open()), examine);
    assert!(steps > 20, "{steps} are too few to have replaced a segment");
    assert!(
        left.get() > 0,
        "nothing was left that could have been swept"
    );
    assert_eq!(scene.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn a_file_remembers_a_month_s_permits_and_how_long_the_machine_was_off() {
    let scene = Scene::of(a_file_remembers_a_month_s_permits_and_how_long_the_machine_was_off);
    let path = scene.file("monthly");
    remembers_a_month(&path, Limiter::at(&path));
}

#[test]
fn a_file_that_counts_by_the_processor_s_counter_remembers_it_too() {
    let scene = Scene::of(a_file_that_counts_by_the_processor_s_counter_remembers_it_too);
    let path = scene.file("monthly");
    remembers_a_month(&path, Limiter::at(&path).processor_clock());
}

fn remembers_a_month(path: &Path, builder: Builder) {
    let rates = [Rate::new(5, HOUR), Rate::new(10, MONTH)];
    let builder = builder.rates(rates);
    let open = || builder.clone().open().unwrap();
    let _ = open().try_acquire_n("", 5).unwrap();

    // Half an hour later the hour's permits still count.
    reboot(path, HOUR / 2);
    let left = retry_after(open().try_acquire(""));
    assert!(left <= HOUR / 2 && left > HOUR / 2 - WHILE, "{left:?}");

    // Two hours later they do not, but the month's do.
    reboot(path, 2 * HOUR);
    let limiter = open();
    assert_eq!(limiter.count().unwrap(), 5);
    let _ = limiter.try_acquire_n("", 5).unwrap();
    drop(limiter);
    reboot(path, 2 * HOUR);
    let limiter = open();
    let left = retry_after(limiter.try_acquire(""));
    // The first five leave first: by now their window has run for four and a half hours.
    let run = 4 * HOUR + HOUR / 2;
    assert!(
        left <= MONTH - run && left > MONTH - run - WHILE,
        "{left:?}"
    );
    drop(limiter);

    reboot(path, MONTH);
    assert_eq!(open().count().unwrap(), 0);
}

#[test]
fn a_queue_of_dead_waiters_passes_after_a_reboot() {
    let Some(scene) = Scene::alone(a_queue_of_dead_waiters_passes_after_a_reboot) else {
        return;
    };
    let path = scene.file("queue");
    let open = || Limiter::at(&path).rate(Rate::new(1, HOUR)).open().unwrap();
    let limiter = open();
    let _ = limiter.try_acquire("").unwrap();
    // Four wait, for one, two, three and four hours; none sees the end of it.
    let waiter = || drop(limiter.acquire("").map(Some));
    let mut waiters: Vec<Process> = (0..4).map(|_| Process::fork(waiter)).collect();
    eventually("the waiters", || limiter.queued().unwrap() == 4);
    waiters.iter_mut().for_each(Process::kill);
    drop(limiter);

    // After two and a half hours two of them are still ahead.
    reboot(&path, 2 * HOUR + HOUR / 2);
    let limiter = open();
    assert_eq!(limiter.queued().unwrap(), 2);
    let left = retry_after(limiter.try_acquire(""));
    let ahead = 2 * HOUR + HOUR / 2;
    assert!(left <= ahead && left > ahead - WHILE, "{left:?}");
    drop(limiter);

    reboot(&path, 3 * HOUR);
    let limiter = open();
    assert_eq!(limiter.queued().unwrap(), 0);
    let _ = limiter.try_acquire("").unwrap();
}

#[test]
fn a_wall_clock_that_was_set_back_lets_nothing_through() {
    let scene = Scene::of(a_wall_clock_that_was_set_back_lets_nothing_through);
    let path = scene.file("back");
    let open = || {
        Limiter::at(&path)
            .rate(Rate::new(10, MONTH))
            .open()
            .unwrap()
    };
    let _ = open().try_acquire_n("", 10).unwrap();
    reboot(&path, Duration::ZERO);
    Words::of(&path).change(place::WALL, |wall| wall + 10 * HOUR.as_micros() as u64);
    let limiter = open();
    assert_eq!(limiter.count().unwrap(), 10);
    let left = retry_after(limiter.try_acquire(""));
    assert!(left <= MONTH + WHILE && left > MONTH - WHILE, "{left:?}");
}

#[test]
fn pages_of_different_ages_after_a_power_cut_forget_no_stamp() {
    let scene = Scene::of(pages_of_different_ages_after_a_power_cut_forget_no_stamp);
    let path = scene.file("power");
    let open = || {
        Limiter::at(&path)
            .rate(Rate::new(10, MONTH))
            .open()
            .unwrap()
    };
    let limiter = open();
    let words = Words::of(&path);
    let old_head = words.get(place::HEAD);
    let _ = limiter.try_acquire_n("", 7).unwrap();
    drop(limiter);
    words.set(place::HEAD, old_head);
    reboot(&path, HOUR);
    let limiter = open();
    assert_eq!(limiter.count().unwrap(), 7, "head was older than the slots");
    let _ = limiter.try_acquire_n("", 2).unwrap();
    drop(limiter);

    let new_head = words.get(place::HEAD);
    words.set(words.slot(new_head - 1), 0);
    reboot(&path, HOUR);
    let limiter = open();
    assert_eq!(limiter.count().unwrap(), 9, "slots were older than head");
    let _ = limiter.try_acquire("").unwrap();
    retry_after(limiter.try_acquire(""));
}

#[test]
fn who_is_killed_at_any_step_while_reviving_a_file_forgets_nothing() {
    let Some(scene) = Scene::alone(who_is_killed_at_any_step_while_reviving_a_file_forgets_nothing)
    else {
        return;
    };
    let path = scene.file("revived");
    let open = || {
        Limiter::at(&path)
            .rate(Rate::new(10, MONTH))
            .open()
            .unwrap()
    };
    let _ = open().try_acquire_n("", 7).unwrap();
    let examine = |step| {
        let limiter = open();
        assert_eq!(limiter.count().unwrap(), 7, "killed at step {step}");
        let left = retry_after(limiter.try_acquire_n("", 4));
        assert!(left <= MONTH, "killed at step {step}: {left:?}");
    };
    let prepare = || reboot(&path, Duration::from_secs(60));
    let steps = kill_at_every_step(Pace::SystemCall, prepare, || drop(open()), examine);
    assert!(steps > 10, "{steps} are too few to have revived a segment");
}

#[test]
fn many_at_once_revive_a_file_once() {
    let Some(scene) = Scene::alone(many_at_once_revive_a_file_once) else {
        return;
    };
    let path = scene.file("crowded");
    let rate = Rate::new(10, MONTH);
    let open = || Limiter::at(&path).rate(rate).open().unwrap();
    let _ = open().try_acquire_n("", 4).unwrap();
    for round in 0..10 {
        reboot(&path, HOUR);
        let start = format!("start {round}");
        let opener = |n| {
            let mut log = scene.log(format!("{round}.{n}"));
            eventually("the start", || scene.heard(&start));
            let _ = logged(&open(), &mut log, round, |limiter| limiter.try_acquire(""));
        };
        let crowd: Vec<Process> = (0..16).map(|n| Process::fork(|| opener(n))).collect();
        scene.announce(&start);
        crowd.into_iter().for_each(Process::join);
    }
    assert_eq!(scene.grants().len(), 6, "four were taken before");
    let left = retry_after(open().try_acquire(""));
    let run = 10 * HOUR;
    assert!(
        left <= MONTH - run && left > MONTH - run - WHILE,
        "{left:?}"
    );
}
