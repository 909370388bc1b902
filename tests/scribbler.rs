//! A process that writes random words into a segment: the others get wrong answers or
//! errors, but nobody crashes, and nobody hangs.
#![cfg(target_os = "linux")]

mod common;

use common::directory::head_place;
use common::scene::ms;
use common::words::{Words, place};
use common::{Chance, Process, Scene, eventually};
use std::path::Path;
use std::time::Duration;
use tidegate::{Builder, Leaker, Limiter, Rate};

const RATES: [Rate; 2] = [Rate::new(8, ms(1)), Rate::new(100, ms(50))];
const KEYS: u64 = 6;
/// Ticks.
const LONG: u64 = 2_000_000;

/// Makes every call, again and again, some on each handle that it can open; so often that
/// many are answered.
fn use_it_all(open: &dyn Fn() -> Option<Limiter>) {
    // Nobody scribbles on this one's clock.
    let clock = Limiter::in_memory().rate(RATES[0]).open().unwrap();
    let until = clock.now().unwrap().as_micros() + LONG;
    let (mut chance, mut granted) = (Chance::new(), 0);
    while clock.now().unwrap().as_micros() < until {
        let Some(limiter) = open() else { continue };
        let mut leaker = Leaker::new(&limiter);
        for _ in 0..200 {
            let weight = 1 + chance.below(8);
            let name = [b'a' + chance.below(2 * KEYS) as u8];
            match chance.below(16) {
                0 => drop(limiter.acquire_timeout(name, weight, ms(1)).map(Some)),
                1 => drop(limiter.count()),
                2 => drop(limiter.queued()),
                3 => drop(limiter.peek(name, chance.below(300))),
                4 => drop(limiter.leak()),
                5 => drop(limiter.flush()),
                6 => drop(limiter.waiting(name, weight)),
                7 => drop(limiter.inspect()),
                8 => drop(leaker.pass()),
                9 => drop(limiter.dispose(name)),
                10 => drop(limiter.buckets().map(Iterator::count)),
                11 => drop(limiter.bucket(name).try_acquire().map(Some)),
                _ => granted += u64::from(limiter.try_acquire_n(name, weight).is_ok()),
            }
        }
    }
    assert!(granted > 100, "{granted}");
}

/// The words that most depends on, in a segment that is as it should be.
struct Weak {
    heads: Vec<u64>,
    others: Vec<u64>,
}

impl Weak {
    fn of(words: &Words) -> Self {
        let buckets = words.get(place::BUCKETS);
        let heads: Vec<u64> = (0..buckets).map(|n| head_place(words, n)).collect();
        let table = words.get(place::TABLE_LENGTH);
        let mut others: Vec<u64> = (0..table).map(|n| place::TABLE + 8 * n).collect();
        // Tail, newest void, pause; with keys, a key's hash, and a link.
        let lines = heads.iter().map(|head| head + 128);
        let words = if table == 0 { 3 } else { 6 };
        others.extend(lines.flat_map(|line| (0..words).map(move |n| line + 8 * n)));
        if table > 0 {
            others.extend([place::USED, place::FREE, place::HAND]);
        }
        Self { heads, others }
    }
}

/// Writes random words from `from` on, some of them plausible.
fn scribble(path: &dyn Fn() -> Option<Words>, weak: &Weak, from: u64) {
    let mut chance = Chance::new();
    let any =
        |chance: &mut Chance, places: &[u64]| places[chance.below(places.len() as u64) as usize];
    loop {
        let Some(words) = path() else { continue };
        let length = words.len() / 8;
        for _ in 0..100 {
            // The few words of buckets and directory as often as all slots.
            let at = match chance.below(3) {
                0 => any(&mut chance, &weak.heads),
                1 => any(&mut chance, &weak.others),
                _ => 8 * chance.below(length),
            };
            if at < from {
                continue;
            }
            let word = words.get(at);
            let mut word = match chance.below(7) {
                0 => chance.next(),
                1 => chance.next() >> chance.below(64),
                2 => u64::MAX << chance.below(64),
                3 => word.wrapping_add(chance.below(64)),
                4 => word.wrapping_sub(chance.below(64)),
                // As a link: to any bucket, or just beyond.
                5 => word >> 32 << 32 | chance.below(KEYS + 2) | chance.below(2) << 31,
                _ => word ^ 1 << chance.below(64),
            };
            // A head of another generation is but a closed bucket: seldom, then.
            if weak.heads.contains(&at) && chance.below(16) > 0 {
                word &= (1 << 52) - 1;
            }
            words.set(at, word);
        }
    }
}

fn words(path: &Path) -> Option<Words> {
    path.exists().then(|| Words::of(path))
}

/// Some use the words after the header while they are scribbled on.
fn scribble_behind_the_header(scene: &Scene, limiter: &Limiter) {
    let path = scene.segment_path();
    let weak = Weak::of(&Words::of(&path));
    // As if by accident the scribbler has the very same handle: one inherited mapping.
    let users: Vec<Process> = (0..3)
        .map(|_| Process::fork(|| use_it_all(&|| Some(limiter.clone()))))
        .collect();
    let mut scribbler = Process::fork(|| scribble(&|| words(&path), &weak, place::USED));
    users.into_iter().for_each(Process::join);
    scribbler.kill();
    // Made anew, all is well.
    tidegate::remove(scene.segment()).unwrap();
    assert_eq!(limiter.try_acquire_n("", 8).unwrap().weight(), 8);
    assert_eq!(limiter.count().unwrap(), 8);
}

#[test]
fn random_words_in_the_bucket_crash_nobody_and_hang_nobody() {
    let Some(scene) = Scene::alone(random_words_in_the_bucket_crash_nobody_and_hang_nobody) else {
        return;
    };
    let limiter = scene.limiter().rates(RATES).queue(28).open().unwrap();
    scribble_behind_the_header(&scene, &limiter);
}

#[test]
fn random_words_in_a_directory_crash_nobody_and_hang_nobody() {
    let Some(scene) = Scene::alone(random_words_in_a_directory_crash_nobody_and_hang_nobody) else {
        return;
    };
    let builder = scene.limiter().rates(RATES).queue(28).keys(KEYS);
    let limiter = builder.open().unwrap();
    scribble_behind_the_header(&scene, &limiter);
}

/// Some open and use a segment while all its words are scribbled on.
fn scribble_anywhere(scene: &Scene, builder: impl Fn(&Path) -> Builder) {
    // What cannot be opened any more is put back by whoever meets it.
    let path = scene.file("segment");
    let good = scene.file("good");
    drop(builder(&path).open().unwrap());
    std::fs::copy(&path, &good).unwrap();
    let weak = Weak::of(&Words::of(&good));
    let open = |n: u64| {
        let limiter = builder(&path).adopt().open();
        limiter.ok().or_else(|| {
            let fresh = scene.file(&format!("fresh.{n}"));
            std::fs::copy(&good, &fresh).unwrap();
            std::fs::rename(&fresh, &path).unwrap();
            None
        })
    };
    let users: Vec<Process> = (0..3)
        .map(|n| {
            let open = &open;
            Process::fork(move || use_it_all(&|| open(n)))
        })
        .collect();
    let mut scribbler = Process::fork(|| scribble(&|| words(&path), &weak, 0));
    users.into_iter().for_each(Process::join);
    scribbler.kill();
}

#[test]
fn random_words_anywhere_crash_nobody_and_hang_nobody() {
    let Some(scene) = Scene::alone(random_words_anywhere_crash_nobody_and_hang_nobody) else {
        return;
    };
    scribble_anywhere(&scene, |path| Limiter::at(path).rates(RATES).queue(28));
}

#[test]
fn random_words_anywhere_in_a_segment_of_many_keys_crash_nobody_and_hang_nobody() {
    let Some(scene) =
        Scene::alone(random_words_anywhere_in_a_segment_of_many_keys_crash_nobody_and_hang_nobody)
    else {
        return;
    };
    scribble_anywhere(&scene, |path| {
        Limiter::at(path).rates(RATES).queue(28).keys(KEYS)
    });
}

#[test]
fn a_handle_survives_a_version_word_that_never_rests() {
    let scene = Scene::of(a_handle_survives_a_version_word_that_never_rests);
    scene.part("scribbler", |_| {
        let path = scene.segment_path();
        loop {
            if let Some(words) = words(&path) {
                words.change(place::VERSION, |version| version.wrapping_add(2));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    });
    scene.part("user", |_| {
        let open = || scene.limiter().rates(RATES).adopt().open().ok();
        use_it_all(&open);
    });
    let limiter = scene.limiter().rates(RATES).open().unwrap();
    let before = Words::of(&scene.segment_path()).get(place::VERSION);
    let mut scribbler = scene.start("scribbler", &[]);
    eventually("the scribbler", || {
        Words::of(&scene.segment_path()).get(place::VERSION) != before
    });
    scene.start("user", &[]).join();
    scribbler.kill();
    // The user has just used up a window or two.
    limiter.acquire("").unwrap();
}

#[test]
fn a_permit_that_garbage_stamps_long_ago_is_given_back_all_the_same() {
    let scene = Scene::of(a_permit_that_garbage_stamps_long_ago_is_given_back_all_the_same);
    let limiter = scene.limiter().rate(Rate::per_hour(5)).open().unwrap();
    while limiter.now().unwrap().as_micros() < 5_000 {}
    let words = Words::of(&scene.segment_path());
    let first = words.capacity();
    for seq in first..first + 2 {
        words.set(words.slot(seq), words.stamp(seq, 1));
    }
    limiter.try_acquire("").unwrap().refund();
    drop(limiter.reserve("", 1, Duration::ZERO));
}
