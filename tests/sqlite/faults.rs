//! Files that cannot be used, or no more: typed errors, and no permit lost or doubled.

use super::common::{Process, Scene};
use super::support::{Place, limited, take};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use tidegate::{
    AcquireError, BackendError, Bucket, BucketError, Grant, OpenError, Outcome, Rate, SqliteBucket,
};

const HOURLY: Rate = Rate::per_hour(100_000);

fn backend(error: AcquireError) -> Arc<BackendError> {
    match error {
        AcquireError::Bucket(BucketError::Backend(error)) => error,
        error => panic!("{error}"),
    }
}

/// Mounts a small file system in a folder, where only this process sees it: it must have one
/// thread.
fn mount_tiny(folder: &Path, size: u64) -> std::io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let options = format!("size={size},mode=1777");
    let options = Some(options.as_str());
    mount(
        Some("tiny"),
        folder,
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )?;
    Ok(())
}

/// Has `work` see a file system of that size in its folder; says so, where a test may not do
/// that.
fn on_a_tiny_disk(test: &str, scene: &Scene, size: u64, work: impl FnOnce(&Path)) {
    let folder = scene.file("tiny");
    fs::create_dir(&folder).unwrap();
    let child = Process::fork(|| match mount_tiny(&folder, size) {
        Ok(()) => work(&folder),
        Err(error) => eprintln!("{test} was left out: no file system may be mounted here: {error}"),
    });
    child.join();
}

#[test]
fn a_full_disk_is_an_error_and_what_was_granted_before_and_after_is_all_there_is() {
    let Some(scene) =
        Scene::alone(a_full_disk_is_an_error_and_what_was_granted_before_and_after_is_all_there_is)
    else {
        return;
    };
    on_a_tiny_disk("a_full_disk", &scene, 512 << 10, |folder| {
        let path = folder.join("bucket.db");
        let open = || SqliteBucket::at(&path).rate(HOURLY).open();
        let filler = folder.join("filler");
        let bucket = open().unwrap();
        let mut granted = 0;
        for round in 0..3 {
            assert!(fs::write(&filler, vec![1; 1 << 20]).is_err());
            let mut failures = 0;
            for _ in 0..2_000 {
                match take(&bucket, "", 1) {
                    Ok(Grant { weight, .. }) => granted += weight,
                    Err(error) => {
                        let error = backend(error);
                        assert_eq!(error.outcome, Outcome::Undone, "{error}");
                        assert!(error.to_string().contains("full"), "{error}");
                        failures += 1;
                    }
                }
            }
            assert!(failures > 0, "the disk was not full in round {round}");
            assert_eq!(bucket.count().unwrap(), granted);
            fs::remove_file(&filler).unwrap();
            take(&bucket, "", 1).unwrap();
            granted += 1;
            assert_eq!(bucket.count().unwrap(), granted);
        }
        drop(bucket);
        assert_eq!(open().unwrap().count().unwrap(), granted);
        // Nor can one be made where there is no room; and where there is again, it can.
        let path = folder.join("other.db");
        let open = || SqliteBucket::at(&path).rate(HOURLY).open();
        assert!(fs::write(&filler, vec![1; 1 << 20]).is_err());
        let error = open().err().unwrap();
        assert!(matches!(error, OpenError::Backend(_)), "{error}");
        fs::remove_file(&filler).unwrap();
        take(&open().unwrap(), "", 1).unwrap();
    });
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let Some(scene) = Scene::alone(what_cannot_be_written_is_an_error) else {
        return;
    };
    on_a_tiny_disk("what_cannot_be_written", &scene, 1 << 20, |folder| {
        let path = folder.join("bucket.db");
        let open = || SqliteBucket::at(&path).rate(HOURLY).open();
        take(&open().unwrap(), "", 3).unwrap();
        let none = None::<&str>;
        let remount = |flags| mount(none, folder, none, MsFlags::MS_REMOUNT | flags, none);
        remount(MsFlags::MS_RDONLY).unwrap();
        let error = open().err().unwrap();
        let OpenError::Backend(told) = &error else {
            panic!("{error}")
        };
        assert_eq!(told.outcome, Outcome::Undone);
        let told = told.to_string();
        assert!(
            told.contains("readonly") || told.contains("unable to open"),
            "{told}"
        );
        remount(MsFlags::empty()).unwrap();
        assert_eq!(open().unwrap().count().unwrap(), 3);
    });
}

#[test]
fn what_is_not_a_database_is_an_error_and_stays_as_it_is() {
    let place = Place::new();
    for garbage in [
        &b"not a database at all, and long enough for a header of one"[..],
        &[0xa5; 8192],
    ] {
        fs::write(place.path(), garbage).unwrap();
        let error = place.bucket().rate(HOURLY).open().err().unwrap();
        assert!(matches!(error, OpenError::Backend(_)), "{error}");
        let error = error.to_string();
        assert!(
            error.contains("not a database") && error.contains("remove"),
            "{error}"
        );
        assert_eq!(fs::read(place.path()).unwrap(), garbage);
    }
}

#[test]
fn a_file_that_was_scribbled_over_gives_errors_or_wrong_answers_and_no_panic() {
    let place = Place::new();
    let open = || place.bucket().keyed().rate(Rate::per_hour(50)).open();
    let mut errors = 0;
    for page in 0..24_u64 {
        for file in fs::read_dir(place.folder()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let bucket = open().unwrap();
        for n in 0..200 {
            take(&bucket, &format!("name {}", n % 20), 1).unwrap();
        }
        bucket.close().unwrap();
        let mut file = OpenOptions::new().write(true).open(place.path()).unwrap();
        // Not the first bytes, which say what kind of file it is.
        file.seek(SeekFrom::Start(page * 512 + 100)).unwrap();
        file.write_all(&[0x7f; 300]).unwrap();
        drop(file);
        let bucket = match open() {
            Ok(bucket) => bucket,
            Err(error) => {
                assert!(matches!(error, OpenError::Backend(_)), "{error}");
                errors += 1;
                continue;
            }
        };
        for n in 0..30 {
            let name = format!("name {n}");
            let outcome = take(&bucket, &name, 1).map(|grant| {
                let _ = bucket.give_back(name.as_bytes(), &grant, 1);
            });
            match outcome {
                Ok(()) | Err(AcquireError::Limited { .. }) => {}
                Err(AcquireError::QueueFull { .. } | AcquireError::WeightTooLarge { .. }) => {}
                Err(error) => {
                    backend(error);
                    errors += 1;
                }
            }
            let _ = (
                bucket.peek(name.as_bytes(), 3),
                bucket.usage(name.as_bytes()),
            );
        }
        let _ = (
            bucket.count(),
            bucket.queued(),
            bucket.leak(),
            bucket.flush(),
        );
    }
    assert!(errors > 0, "nothing was hit");
}

#[test]
fn a_bucket_that_has_met_an_error_works_again_when_the_file_does() {
    let place = Place::new();
    let rate = Rate::per_hour(50);
    let open = || place.bucket().rate(rate).open().unwrap();
    let bucket = open();
    take(&bucket, "", 20).unwrap();
    bucket.close().unwrap();
    let whole = fs::read(place.path()).unwrap();
    let bucket = open();
    let mut torn = whole.clone();
    torn[1024..].fill(0x7f);
    fs::write(place.path(), &torn).unwrap();
    assert!((0..3).any(|_| take(&bucket, "", 1).is_err()));
    fs::write(place.path(), &whole).unwrap();
    take(&bucket, "", 1).unwrap();
    limited(take(&bucket, "", 50));
}
