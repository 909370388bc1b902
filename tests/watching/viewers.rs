//! Looking at a segment without the right to write it.

use crate::common::scene::ms;
use crate::common::words::{Words, place};
use crate::common::{Process, Scene};
use nix::unistd::geteuid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use tidegate::{BucketError, Limiter, OpenError, Rate};

const RATE: Rate = Rate::new(5, ms(3_600_000));
const ALICE: u32 = 64_101;
const BOB: u32 = 64_102;
const FRIENDS: u32 = 64_110;

fn is_root() -> bool {
    if !geteuid().is_root() {
        eprintln!("a test was left out: only root may become another user");
    }
    geteuid().is_root()
}

/// Looks at everything.
#[track_caller]
fn sees(scene: &Scene, granted: u64) {
    let viewer = scene.limiter().view().unwrap();
    let seen = viewer.inspect().unwrap();
    assert_eq!((seen.count, seen.rates), (granted, vec![RATE]));
    assert_eq!(viewer.stats().unwrap().total.granted_permits, granted);
    let counts = viewer.buckets().unwrap().map(|bucket| bucket.count);
    assert_eq!(counts.sum::<u64>(), granted);
}

#[test]
fn a_viewer_sees_what_a_limiter_sees_and_writes_nothing() {
    let scene = Scene::of(a_viewer_sees_what_a_limiter_sees_and_writes_nothing);
    for keys in [None, Some(100)] {
        let builder = scene.limiter().rate(RATE).queue(5);
        let builder = keys
            .into_iter()
            .fold(builder, |builder, keys| builder.keys(keys));
        let limiter = builder.open().unwrap();
        for key in 0..20 {
            let _ = limiter.try_acquire(format!("key {key}"));
        }
        let place = limiter.reserve("key 1", 5, ms(36_000_000)).unwrap();
        limiter.dispose("key 2").unwrap();
        let viewer = scene.limiter().view().unwrap();
        let before = fs::read(scene.segment_path()).unwrap();
        let (by_viewer, by_limiter) = (viewer.inspect().unwrap(), limiter.inspect().unwrap());
        assert_eq!(by_viewer.counts, by_limiter.counts);
        assert_eq!(by_viewer.queued, 5);
        assert_eq!(
            (by_viewer.keys, by_viewer.reserved),
            (by_limiter.keys, by_limiter.reserved)
        );
        let key = |label: &[u8]| String::from_utf8(label.to_vec()).unwrap();
        let counted = |buckets: tidegate::Buckets<'_>| {
            let mut all: Vec<_> = buckets
                .map(|seen| (key(&seen.label), seen.count, seen.queued))
                .collect();
            all.sort();
            all
        };
        let all = counted(viewer.buckets().unwrap());
        assert_eq!(all, counted(limiter.buckets().unwrap()));
        assert_eq!(all.len(), keys.map_or(1, |_| 19));
        assert_eq!(
            viewer.stats().unwrap().total,
            limiter.stats().unwrap().total
        );
        assert_eq!((viewer.keys(), viewer.rates()), (keys, &[RATE][..]));
        viewer.inspect().unwrap();
        assert!(
            before == fs::read(scene.segment_path()).unwrap(),
            "somebody wrote"
        );
        drop(place);
        tidegate::remove(scene.segment()).unwrap();
    }
}

#[test]
fn a_viewer_learns_of_new_rates_and_of_the_end() {
    let scene = Scene::of(a_viewer_learns_of_new_rates_and_of_the_end);
    let limiter = scene.limiter().rate(RATE).open().unwrap();
    let viewer = scene.limiter().view().unwrap();
    let other = Rate::new(7, ms(60_000));
    limiter.set_rates([other]).unwrap();
    assert_eq!(viewer.inspect().unwrap().rates, [other]);
    tidegate::remove(scene.segment()).unwrap();
    for looked in [viewer.inspect().map(drop), viewer.stats().map(drop)] {
        assert!(matches!(looked, Err(BucketError::Removed)), "{looked:?}");
    }
    let error = scene.limiter().view().unwrap_err();
    assert!(matches!(error, OpenError::NotFound { .. }), "{error}");
}

#[test]
fn what_a_killed_owner_left_unstamped_counts_as_granted_now_and_is_left_as_it_is() {
    let scene =
        Scene::of(what_a_killed_owner_left_unstamped_counts_as_granted_now_and_is_left_as_it_is);
    let limiter = scene.limiter().rate(RATE).open().unwrap();
    limiter.try_acquire_n("", 2).unwrap();
    let words = Words::of(&scene.segment_path());
    words.change(place::HEAD, |head| head + 3);
    let viewer = scene.limiter().view().unwrap();
    let left = fs::read(scene.segment_path()).unwrap();
    let seen = viewer.inspect().unwrap();
    assert_eq!((seen.count, seen.queued), (5, 0));
    assert!(seen.waiting > ms(3_590_000), "{seen:?}");
    assert!(left == fs::read(scene.segment_path()).unwrap());
    // A limiter's look finishes it.
    assert_eq!(limiter.inspect().unwrap().count, 5);
    assert!(left != fs::read(scene.segment_path()).unwrap());
}

#[test]
fn any_garbage_that_can_be_opened_can_be_viewed() {
    let Some(scene) = Scene::alone(any_garbage_that_can_be_opened_can_be_viewed) else {
        return;
    };
    for keys in [None, Some(3)] {
        let builder = scene.limiter().rate(RATE).queue(4).processes(1);
        let builder = keys
            .into_iter()
            .fold(builder, |builder, keys| builder.keys(keys));
        let limiter = builder.open().unwrap();
        let _ = limiter.try_acquire("a").unwrap();
        assert!(limiter.try_acquire_n("a", 5).is_err());
        let good = fs::read(scene.segment_path()).unwrap();
        let words = Words::of(&scene.segment_path());
        let viewer = scene.limiter().view().unwrap();
        let mut viewed = 0;
        for place in (256..good.len() as u64).step_by(8) {
            let was = words.get(place);
            for word in [
                u64::MAX,
                1 << 63,
                was ^ 1,
                was ^ 1 << 52,
                was.wrapping_sub(1),
                0,
            ] {
                words.set(place, word);
                if let Ok(fresh) = scene.limiter().view() {
                    drop((fresh.inspect(), fresh.stats()));
                    viewed += 1;
                }
                drop((viewer.inspect(), viewer.stats()));
                drop(viewer.buckets().map(Iterator::count));
            }
            words.set(place, was);
        }
        assert!(viewed > 1_000, "{viewed}");
        tidegate::remove(scene.segment()).unwrap();
    }
}

#[test]
fn a_segment_that_its_group_may_only_read_is_viewed_by_a_member_and_by_nobody_else() {
    let Some(scene) = Scene::alone(
        a_segment_that_its_group_may_only_read_is_viewed_by_a_member_and_by_nobody_else,
    ) else {
        return;
    };
    if !is_root() {
        return;
    }
    let make = |builder: tidegate::Builder| {
        let limiter = builder.rate(RATE).open().unwrap();
        limiter.try_acquire_n("", 3).unwrap();
    };
    Process::as_user(ALICE, FRIENDS, || make(scene.limiter()));
    let path = scene.segment_path();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).unwrap();
    Process::as_user(BOB, FRIENDS, || {
        sees(&scene, 3);
        let attach = || scene.limiter().adopt().attach_only();
        assert!(attach().open().is_err());
        assert!(attach().group(FRIENDS).open().is_err());
    });
    // Its owner may not write it either.
    Process::as_user(ALICE, FRIENDS, || sees(&scene, 3));
    Process::as_user(BOB, BOB, || {
        let error = scene.limiter().view().unwrap_err();
        let OpenError::Denied { owner, mode, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((owner, mode), (ALICE, 0o440));
    });
    // Root may read what it would not trust.
    sees(&scene, 3);
}

#[test]
fn a_segment_of_a_group_is_used_and_seen_by_its_members() {
    let Some(scene) = Scene::alone(a_segment_of_a_group_is_used_and_seen_by_its_members) else {
        return;
    };
    if !is_root() {
        return;
    }
    Process::as_user(ALICE, FRIENDS, || {
        let limiter = scene.limiter().rate(RATE).group(FRIENDS).open().unwrap();
        limiter.try_acquire_n("", 2).unwrap();
    });
    Process::as_user(BOB, FRIENDS, || {
        let limiter: Limiter = scene.limiter().rate(RATE).group(FRIENDS).open().unwrap();
        limiter.try_acquire("").unwrap();
        assert_eq!(limiter.stats().unwrap().total.granted_permits, 3);
        sees(&scene, 3);
    });
    Process::as_user(BOB, BOB, || assert!(scene.limiter().view().is_err()));
}

#[test]
fn a_viewer_of_a_segment_that_counts_by_the_processor_s_counter_writes_nothing_either() {
    let scene = Scene::of(
        a_viewer_of_a_segment_that_counts_by_the_processor_s_counter_writes_nothing_either,
    );
    let limiter = scene.limiter().rate(RATE).processor_clock().open().unwrap();
    let _ = limiter.try_acquire("");
    let viewer = scene.limiter().view().unwrap();
    let before = fs::read(scene.segment_path()).unwrap();
    for _ in 0..5 {
        // Longer than it goes by a comparison of the clocks, by which the counter falls behind.
        thread::sleep(ms(150));
        assert_eq!(viewer.inspect().unwrap().count, 1);
    }
    assert_eq!(fs::read(scene.segment_path()).unwrap(), before);
}
