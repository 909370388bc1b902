//! Whose segments are used: one's own, root's, and a named group's; with exactly the mode
//! that was asked for, whatever the umask.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Process, Scene};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getegid, geteuid};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use tidegate::{OpenError, Rate};

const RATE: Rate = Rate::new(5, ms(60_000));
const ALICE: u32 = 64_001;
const BOB: u32 = 64_002;
const FRIENDS: u32 = 64_010;

/// Checks that all of `words` are in the error's text.
#[track_caller]
fn says(error: &OpenError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

/// Whether this process may become another user.
fn is_root(test: &str) -> bool {
    if !geteuid().is_root() {
        eprintln!("{test} was left out: only root may become another user");
    }
    geteuid().is_root()
}

#[test]
fn the_mode_is_0600_or_with_a_group_0660_under_any_umask() {
    let Some(scene) = Scene::alone(the_mode_is_0600_or_with_a_group_0660_under_any_umask) else {
        return;
    };
    let own_group = getegid().as_raw();
    for mask in [0, 0o022, 0o077, 0o777] {
        umask(Mode::from_bits_truncate(mask));
        for (group, wanted) in [(None, 0o600), (Some(own_group), 0o660)] {
            let builder = scene.limiter().rate(RATE);
            let builder = match group {
                Some(group) => builder.group(group),
                None => builder,
            };
            drop(builder.open().unwrap());
            let found = fs::metadata(scene.segment_path()).unwrap();
            assert_eq!(found.mode() & 0o7777, wanted, "umask {mask:o}");
            assert_eq!((found.uid(), found.gid()), (geteuid().as_raw(), own_group));
            tidegate::remove(scene.segment()).unwrap();
        }
    }
}

#[test]
fn a_number_that_no_group_can_have_shares_the_segment_with_nobody() {
    let scene = Scene::of(a_number_that_no_group_can_have_shares_the_segment_with_nobody);
    let error = scene.limiter().rate(RATE).group(u32::MAX).open();
    says(
        &error.unwrap_err(),
        &["give to its group", "Invalid argument"],
    );
    assert!(!scene.segment_path().exists());
}

#[test]
fn what_others_may_write_is_not_trusted() {
    let scene = Scene::of(what_others_may_write_is_not_trusted);
    drop(scene.limiter().rate(RATE).open().unwrap());
    let path = scene.segment_path();
    for mode in [0o602, 0o606, 0o666, 0o604, 0o700, 0o4600] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let Err(OpenError::Untrusted {
            owner, mode: found, ..
        }) = scene.limiter().rate(RATE).open()
        else {
            panic!("{mode:o}")
        };
        assert_eq!((owner, found), (geteuid().as_raw(), mode));
    }
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(scene.limiter().rate(RATE).open().is_ok());
}

#[test]
fn a_segment_of_another_user_is_not_trusted() {
    let Some(scene) = Scene::alone(a_segment_of_another_user_is_not_trusted) else {
        return;
    };
    if !is_root("a_segment_of_another_user_is_not_trusted") {
        return;
    }
    // Alice has taken the name, in good faith or not.
    Process::as_user(ALICE, ALICE, || {
        drop(scene.limiter().rate(RATE).open().unwrap())
    });
    let untrusted = || {
        let error = scene.limiter().rate(RATE).open().unwrap_err();
        let OpenError::Untrusted { owner, mode, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((owner, mode), (ALICE, 0o600));
        let allowed = "your own and root's with mode 0600 or 0660";
        says(
            &error,
            &["user 64001", "mode 0600", allowed, "create --group"],
        );
        assert!(tidegate::remove(scene.segment()).is_err());
    };
    Process::as_user(BOB, BOB, untrusted);
    // Root could open it, but does not believe it either.
    untrusted();
    Process::as_user(ALICE, ALICE, || {
        let limiter = scene.limiter().rate(RATE).attach_only().open().unwrap();
        assert_eq!(limiter.count().unwrap(), 0);
        assert!(tidegate::remove(scene.segment()).unwrap());
    });
}

#[test]
fn a_segment_of_root_is_an_error_to_those_who_may_not_open_it() {
    let Some(scene) = Scene::alone(a_segment_of_root_is_an_error_to_those_who_may_not_open_it)
    else {
        return;
    };
    if !is_root("a_segment_of_root_is_an_error_to_those_who_may_not_open_it") {
        return;
    }
    drop(scene.limiter().rate(RATE).open().unwrap());
    Process::as_user(BOB, BOB, || {
        let error = scene.limiter().rate(RATE).open().unwrap_err();
        assert!(matches!(error, OpenError::Denied { .. }), "{error}");
        says(
            &error,
            &[scene.segment(), "user 0", "mode 0600", "create --group"],
        );
    });
}

#[test]
fn a_segment_that_root_shares_with_a_group_is_trusted_by_members_who_do_not_name_it() {
    let Some(scene) = Scene::alone(
        a_segment_that_root_shares_with_a_group_is_trusted_by_members_who_do_not_name_it,
    ) else {
        return;
    };
    if !is_root("a_segment_that_root_shares_with_a_group_is_trusted_by_members_who_do_not_name_it")
    {
        return;
    }
    let limiter = scene.limiter().rate(RATE).group(FRIENDS).open().unwrap();
    Process::as_user(BOB, FRIENDS, || {
        let limiter = scene.limiter().rate(RATE).open().unwrap();
        limiter.try_acquire("").unwrap();
    });
    assert_eq!(limiter.count().unwrap(), 1);
}

#[test]
fn a_group_shares_a_segment_when_all_name_it() {
    let Some(scene) = Scene::alone(a_group_shares_a_segment_when_all_name_it) else {
        return;
    };
    if !is_root("a_group_shares_a_segment_when_all_name_it") {
        return;
    }
    let take = || {
        let limiter = scene.limiter().rate(RATE).group(FRIENDS).open().unwrap();
        assert!(limiter.try_acquire("").is_ok());
        limiter.count().unwrap()
    };
    Process::as_user(ALICE, FRIENDS, || assert_eq!(take(), 1));
    Process::as_user(BOB, FRIENDS, || assert_eq!(take(), 2));
    let found = fs::metadata(scene.segment_path()).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (ALICE, FRIENDS, 0o660)
    );
    let untrusted = |error| {
        matches!(
            error,
            OpenError::Untrusted {
                owner: ALICE,
                group: FRIENDS,
                mode: 0o660,
                ..
            }
        )
    };
    Process::as_user(BOB, FRIENDS, || {
        // Who has not said so does not share.
        assert!(untrusted(scene.limiter().rate(RATE).open().unwrap_err()));
        assert!(untrusted(
            scene.limiter().rate(RATE).group(BOB).open().unwrap_err()
        ));
    });
    Process::as_user(BOB, BOB, || {
        let error = scene
            .limiter()
            .rate(RATE)
            .group(FRIENDS)
            .open()
            .unwrap_err();
        // Not one of them.
        let is_denied = matches!(
            error,
            OpenError::Denied {
                owner: ALICE,
                group: FRIENDS,
                mode: 0o660,
                ..
            }
        );
        assert!(is_denied, "{error}");
    });
}
