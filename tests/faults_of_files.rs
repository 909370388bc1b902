//! Files that are no good: garbage, truncated, of another version, with any word of the
//! header or the bucket changed. They are answered with a typed error, or they work.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::words::{REMOVED, Words, place};
use common::{Chance, Scene, eventually};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::WaitStatus;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;
use tidegate::{AcquireError, BucketError, Leaker, Limiter, OpenError, Pass, Rate, remove_at};

const LIMIT: u64 = 6;
const QUEUE: u64 = 4;
const KEYS: u64 = 3;
const HOUR: Duration = Duration::from_secs(3600);
const RATES: [Rate; 2] = [Rate::new(LIMIT, ms(200)), Rate::new(2 * LIMIT, HOUR)];

fn open(path: &Path) -> Result<Limiter, OpenError> {
    let builder = Limiter::at(path).rates(RATES).queue(QUEUE);
    builder.processes(1).open()
}

fn adopt(path: &Path) -> Result<Limiter, OpenError> {
    Limiter::at(path).adopt().attach_only().open()
}

/// The same with a bucket for each of a few keys.
fn open_keyed(path: &Path) -> Result<Limiter, OpenError> {
    let builder = Limiter::at(path).rates(RATES).queue(QUEUE);
    builder.keys(KEYS).processes(1).open()
}

type Open = fn(&Path) -> Result<Limiter, OpenError>;

/// The bytes of a segment in which something was granted; with keys, to one of which the
/// bucket was given back, and to one that has it.
fn pristine(path: &Path, open: Open) -> Vec<u8> {
    let limiter = open(path).unwrap();
    let _ = limiter.try_acquire("gone").unwrap();
    let _ = limiter.try_acquire("other").unwrap();
    limiter.dispose("gone").unwrap();
    limiter.flush().unwrap();
    assert_eq!(limiter.try_acquire_n("", 3).unwrap().weight(), 3);
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    bytes
}

/// A segment file, as good as new.
fn restore(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Makes every call; each gives an answer, right or wrong. None waits for long.
fn use_it_all(limiter: &Limiter) {
    let answers = |outcome: Result<tidegate::Permit, AcquireError>| drop(outcome.map(Some));
    answers(limiter.try_acquire(""));
    answers(limiter.try_acquire_n("", LIMIT));
    answers(limiter.acquire_timeout("", 1, ms(1)));
    answers(limiter.try_acquire_n("", u64::MAX));
    drop(limiter.waiting("", 1));
    drop(limiter.count());
    drop(limiter.queued());
    drop(limiter.peek("", 0));
    drop(limiter.peek("", u64::MAX));
    drop(limiter.leak());
    drop(limiter.inspect());
    drop(Leaker::new(limiter).pass());
    drop(limiter.flush());
    answers(limiter.try_acquire(""));
    for key in 0..=KEYS {
        answers(limiter.try_acquire(key.to_le_bytes()));
    }
    assert!(limiter.buckets().map_or(0, Iterator::count) as u64 <= 2 * KEYS);
    drop(limiter.dispose(""));
    answers(limiter.bucket("").try_acquire());
    assert!(limiter.rates().len() <= 8);
    let _ = limiter.now().unwrap();
}

#[test]
fn any_changed_word_is_answered_with_an_error_or_works() {
    if let Some(scene) = Scene::alone(any_changed_word_is_answered_with_an_error_or_works) {
        change_any_word(&scene, open);
    }
}

#[test]
fn any_changed_word_of_a_directory_is_answered_with_an_error_or_works() {
    let test = any_changed_word_of_a_directory_is_answered_with_an_error_or_works;
    if let Some(scene) = Scene::alone(test) {
        change_any_word(&scene, open_keyed);
    }
}

fn change_any_word(scene: &Scene, open: Open) {
    let path = scene.file("segment");
    let bytes = pristine(&path, open);
    let header = (0..place::HEADER_END).step_by(8);
    let bucket = (place::HEAD..bytes.len() as u64).step_by(8);
    let (mut chance, mut refused) = (Chance::new(), 0);
    for at in header.chain(bucket) {
        let was = u64::from_ne_bytes(bytes[at as usize..][..8].try_into().unwrap());
        let bits = [0, 1, 13, 31, 49, 50, 51, 52, 62, 63].map(|bit| was ^ 1 << bit);
        let ends = [
            0,
            1,
            u64::MAX,
            u64::MAX >> 1,
            1 << 63,
            was.wrapping_add(1),
            was.wrapping_sub(1),
        ];
        let random = [chance.next(), chance.next() >> 14, chance.next() >> 40];
        for word in bits.into_iter().chain(ends).chain(random) {
            restore(&path, &bytes);
            Words::of(&path).set(at, word);
            for limiter in [adopt(&path), open(&path)] {
                match limiter {
                    Ok(limiter) => use_it_all(&limiter),
                    Err(error) => {
                        assert!(error.to_string().contains("segment"), "{error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn any_word_that_changes_under_a_handle_is_answered() {
    let Some(scene) = Scene::alone(any_word_that_changes_under_a_handle_is_answered) else {
        return;
    };
    for open in [open, open_keyed] {
        change_words_under_a_handle(&scene, open);
    }
}

fn change_words_under_a_handle(scene: &Scene, open: Open) {
    let path = scene.file("segment");
    let bytes = pristine(&path, open);
    let header = (0..place::HEADER_END).step_by(8);
    let bucket = (place::HEAD..bytes.len() as u64).step_by(8);
    let mut chance = Chance::new();
    for at in header.chain(bucket) {
        for word in [0, 1, u64::MAX, 1 << 63, chance.next(), chance.next() >> 14] {
            restore(&path, &bytes);
            let limiter = open(&path).unwrap();
            Words::of(&path).set(at, word);
            use_it_all(&limiter);
        }
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn each_word_that_says_what_the_file_is_has_its_own_error() {
    let scene = Scene::of(each_word_that_says_what_the_file_is_has_its_own_error);
    let path = scene.file("segment");
    let bytes = pristine(&path, open);
    let with = |at, word| {
        restore(&path, &bytes);
        Words::of(&path).set(at, word);
        open(&path).map(|_| ()).unwrap_err()
    };
    let old = |at| Words::of(&path).get(at);
    restore(&path, &bytes);
    let (magic, layout) = (old(place::MAGIC), old(place::LAYOUT));

    let damaged = [
        (place::MAGIC, magic + 1),
        (place::MAGIC, magic.swap_bytes()),
        (place::BYTE_ORDER, 0x0807_0605_0403_0201),
        (place::FINGERPRINT, 0),
        (place::SIZE, old(place::SIZE) + 8),
        (place::CAPACITY, 2 * old(place::CAPACITY)),
        (place::CAPACITY, 1 << 63),
        (place::BUCKETS, 2),
        (place::TABLE_LENGTH, 1),
        (place::TABLE_LENGTH, u64::MAX),
        (place::BUCKETS, u64::MAX),
        (place::QUEUE, u64::MAX),
        (place::HORIZON, 0),
        (place::HORIZON, u64::MAX),
        (place::CLOCK, 99),
        (place::RATES_LENGTH, 0),
        (place::RATES_LENGTH, 9),
        (place::RATES, 0),
        (place::RATES, u64::MAX),
        (place::RATES + 8, 0),
        (place::RATES + 8, u64::MAX),
    ];
    for (at, word) in damaged {
        let error = with(at, word);
        assert!(
            matches!(error, OpenError::NotASegment { .. }),
            "{at}: {word}: {error}"
        );
    }
    for word in [0, layout - 1, layout + 1, u64::MAX] {
        let error = with(place::LAYOUT, word);
        let OpenError::Layout { found, ours, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((found, ours), (word, layout));
        // It can be removed all the same, when nobody needs it.
        assert!(remove_at(&path).unwrap());
    }
    let error = with(place::TIME_NAMESPACE, 3600);
    assert!(matches!(error, OpenError::OtherTime { .. }), "{error}");
    let error = with(place::EPOCH, 1 << 62);
    assert!(matches!(error, OpenError::OtherTime { .. }), "{error}");
    let error = with(place::QUEUE, QUEUE - 1);
    assert!(matches!(error, OpenError::OptionDiffers { .. }), "{error}");
    let error = with(place::RATES, LIMIT + 1);
    let OpenError::RatesDiffer { asked, found, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((asked[0].limit(), found[0].limit()), (LIMIT, LIMIT + 1));
}

#[test]
fn words_that_say_how_many_keys_there_are_must_fit_each_other_and_the_file() {
    let scene = Scene::of(words_that_say_how_many_keys_there_are_must_fit_each_other_and_the_file);
    let path = scene.file("segment");
    let bytes = pristine(&path, open_keyed);
    let buckets = [0, 1, KEYS - 1, KEYS + 1, 1 << 31, u64::MAX].map(|word| (place::BUCKETS, word));
    let table = [0, 1, 2, 3, 5, 8, 1 << 31, u64::MAX].map(|word| (place::TABLE_LENGTH, word));
    for (at, word) in buckets.into_iter().chain(table) {
        restore(&path, &bytes);
        Words::of(&path).set(at, word);
        for error in [open_keyed(&path), adopt(&path)].map(Result::unwrap_err) {
            let is_flaw = matches!(error, OpenError::NotASegment { .. });
            assert!(is_flaw, "{at}: {word}: {error}");
        }
    }
    restore(&path, &bytes);
    assert!(open_keyed(&path).unwrap().try_acquire("").is_ok());
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::OptionDiffers { .. }), "{error}");
}

#[test]
fn garbage_and_files_of_a_wrong_length_are_no_segments() {
    let scene = Scene::of(garbage_and_files_of_a_wrong_length_are_no_segments);
    let path = scene.file("segment");
    let good = pristine(&path, open);
    let mut chance = Chance::new();
    let mut noise = |length| {
        (0..length)
            .map(|_| chance.next() as u8)
            .collect::<Vec<u8>>()
    };
    let lengths = [
        0,
        1,
        7,
        8,
        100,
        4095,
        4096,
        4097,
        good.len() - 8,
        good.len() - 1,
    ];
    let mut files: Vec<Vec<u8>> = lengths.map(|length| good[..length].to_vec()).to_vec();
    files.extend([1, 4096, good.len(), 1 << 20].map(&mut noise));
    for extra in [1, 8, 4096] {
        files.push([good.clone(), vec![0; extra]].concat());
    }
    for file in files {
        restore(&path, &file);
        for error in [open(&path), adopt(&path)].map(Result::unwrap_err) {
            assert!(
                matches!(error, OpenError::NotASegment { .. }),
                "{}: {error}",
                file.len()
            );
        }
        assert_eq!(fs::read(&path).unwrap(), file, "it was changed");
    }
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let scene = Scene::of(what_is_no_plain_file_is_refused);
    let target = scene.file("target");
    drop(open(&target).unwrap());
    let at = |name: &str| scene.file(name);
    fs::create_dir(at("directory")).unwrap();
    mkfifo(&at("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    symlink(&target, at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    for name in ["directory", "pipe", "link", "dangling", "socket"] {
        for error in [open(&at(name)), adopt(&at(name))].map(Result::unwrap_err) {
            assert!(
                matches!(error, OpenError::NotASegment { .. }),
                "{name}: {error}"
            );
        }
        assert!(remove_at(at(name)).is_err(), "{name} was removed");
        assert!(at(name).symlink_metadata().is_ok());
    }
    assert!(open(&target).unwrap().try_acquire("").is_ok());
}

#[test]
fn a_file_with_a_second_name_is_refused_until_that_is_gone() {
    let scene = Scene::of(a_file_with_a_second_name_is_refused_until_that_is_gone);
    let (path, second) = (scene.file("segment"), scene.file("second"));
    drop(open(&path).unwrap());
    fs::hard_link(&path, &second).unwrap();
    for name in [&path, &second] {
        let error = open(name).unwrap_err();
        assert!(matches!(error, OpenError::NotASegment { .. }), "{error}");
    }
    fs::remove_file(second).unwrap();
    assert!(open(&path).unwrap().try_acquire("").is_ok());
}

#[test]
fn a_peer_that_truncates_the_file_ends_those_who_touch_it_and_no_new_one() {
    let scene = Scene::of(a_peer_that_truncates_the_file_ends_those_who_touch_it_and_no_new_one);
    let path = scene.file("segment");
    scene.part("victim", |_| {
        let limiter = open(&path).unwrap();
        scene.announce("attached");
        eventually("the peer", || scene.heard("truncated"));
        let _ = limiter.try_acquire("");
    });
    let mut victim = scene.start("victim", &[]);
    eventually("the victim", || scene.heard("attached"));
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    scene.announce("truncated");
    let status = victim.wait();
    assert!(
        matches!(status, WaitStatus::Signaled(_, Signal::SIGBUS, _)),
        "{status:?}"
    );
    assert!(matches!(open(&path), Err(OpenError::NotASegment { .. })));
}

#[test]
fn a_stamp_in_the_far_future_is_believed_to_the_horizon_and_mended() {
    let scene = Scene::of(a_stamp_in_the_far_future_is_believed_to_the_horizon_and_mended);
    let path = scene.file("segment");
    let limiter = open(&path).unwrap();
    assert!(limiter.try_acquire("").is_ok());
    let words = Words::of(&path);
    let newest = words.get(place::HEAD) - 1;
    words.set(words.slot(newest), words.stamp(newest, (1 << 50) - 1));
    let horizon = Duration::from_micros(words.get(place::HORIZON));
    let Err(AcquireError::Limited { retry_after, .. }) = limiter.try_acquire("") else {
        panic!()
    };
    assert!(retry_after <= horizon + HOUR, "{retry_after:?}");
    let mut leaker = Leaker::new(&limiter);
    assert!(matches!(leaker.pass(), Ok(Pass::Led { repairs: 1, .. })));
    assert!(matches!(leaker.pass(), Ok(Pass::Led { repairs: 0, .. })));
    limiter.flush().unwrap();
    assert!(limiter.try_acquire("").is_ok());
}

#[test]
fn a_clock_that_went_back_lets_nothing_through_and_stops_nobody_for_longer_than_it_went() {
    let scene = Scene::of(
        a_clock_that_went_back_lets_nothing_through_and_stops_nobody_for_longer_than_it_went,
    );
    let path = scene.file("segment");
    drop(open(&path).unwrap());
    let hour = HOUR.as_micros() as u64;
    // A segment that is some hours old.
    Words::of(&path).change(place::EPOCH, |epoch| epoch.wrapping_sub(3 * hour));
    let limiter = open(&path).unwrap();
    assert!(limiter.try_acquire_n("", LIMIT).is_ok());
    drop(limiter);
    // As far as a reader can tell, the clock is now an hour behind what it was.
    Words::of(&path).change(place::EPOCH, |epoch| {
        epoch.wrapping_add(HOUR.as_micros() as u64)
    });
    let limiter = open(&path).unwrap();
    assert_eq!(limiter.count().unwrap(), LIMIT);
    let Err(AcquireError::Limited { retry_after, .. }) = limiter.try_acquire("") else {
        panic!()
    };
    assert!(retry_after <= HOUR + RATES[0].interval(), "{retry_after:?}");
    limiter.flush().unwrap();
    assert!(limiter.try_acquire("").is_ok());
}

#[test]
fn a_hole_and_a_wrong_lap_count_as_granted_and_nothing_loops_on_them() {
    let scene = Scene::of(a_hole_and_a_wrong_lap_count_as_granted_and_nothing_loops_on_them);
    let path = scene.file("segment");
    for damage in [0, u64::MAX << 51] {
        for back in 1..=LIMIT {
            let limiter = open(&path).unwrap();
            assert!(limiter.try_acquire_n("", LIMIT).is_ok());
            let words = Words::of(&path);
            let seq = words.get(place::HEAD) - back;
            words.set(words.slot(seq), damage);
            let again = limiter.try_acquire("");
            assert!(
                matches!(again, Err(AcquireError::Limited { .. })),
                "{again:?}"
            );
            assert_eq!(limiter.count().unwrap(), LIMIT);
            assert!(remove_at(&path).unwrap());
        }
    }
}

#[test]
fn a_head_at_its_end_or_of_another_generation_is_an_error_and_not_a_permit() {
    let scene = Scene::of(a_head_at_its_end_or_of_another_generation_is_an_error_and_not_a_permit);
    let path = scene.file("segment");
    let limiter = open(&path).unwrap();
    let words = Words::of(&path);
    let head = words.get(place::HEAD);
    words.set(place::HEAD, (1 << 52) - 1);
    let used_up = limiter.try_acquire("").unwrap_err();
    assert!(
        matches!(used_up, AcquireError::Bucket(BucketError::Exhausted)),
        "{used_up}"
    );
    words.set(place::HEAD, head | 1 << 52);
    let closed = limiter.try_acquire("").unwrap_err();
    assert!(
        matches!(closed, AcquireError::Bucket(BucketError::Closed)),
        "{closed}"
    );
    words.set(place::HEAD, head);
    assert!(limiter.try_acquire("").is_ok());
    words.change(place::VERSION, |version| version | REMOVED);
    assert!(limiter.try_acquire("").is_ok());
    assert_eq!(limiter.count().unwrap(), 1);
}
