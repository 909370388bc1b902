//! Where a test plays: a segment and a folder that no other test has, and the parts that
//! its processes play.

use super::process::{Process, die_with_parent, leave};
use std::any::type_name;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::{AcquireError, Builder, Limiter, Permit, Rate};
use tidegate_judge::{Grant, Log, Verdict, judge, read_folder};

const PART: &str = "TIDEGATE_TEST_PART";
const CUES: &str = "TIDEGATE_TEST_CUES";
const SEGMENT: &str = "TIDEGATE_TEST_SEGMENT";
const FOLDER: &str = "TIDEGATE_TEST_FOLDER";
/// The part of a test that runs in a process of its own.
const ALONE: &str = "alone";

/// One test's segment, folder and processes. Dropped by the process that made it, it
/// removes them.
pub struct Scene {
    test: String,
    segment: String,
    folder: PathBuf,
    made: Option<TempDir>,
}

impl Scene {
    /// The scene of the test that calls: a new one, or that of the process which started
    /// this one.
    pub fn of<T: Fn()>(_test: T) -> Self {
        let path = type_name::<T>();
        let test = path.split_once("::").map_or(path, |(_, test)| test);
        if let (Ok(segment), Some(folder)) = (env::var(SEGMENT), env::var_os(FOLDER)) {
            die_with_parent();
            return Self {
                test: test.to_owned(),
                segment,
                folder: folder.into(),
                made: None,
            };
        }
        let made = tempfile::tempdir().unwrap();
        fs::create_dir(made.path().join("logs")).unwrap();
        Self {
            test: test.to_owned(),
            segment: format!("test.{:.100}.{}", own_name(test), std::process::id()),
            folder: made.path().to_owned(),
            made: Some(made),
        }
    }

    /// The scene, for a test that is played in a process of its own: nothing in the test's
    /// first process, which waits until the other has played it.
    pub fn alone<T: Fn()>(test: T) -> Option<Self> {
        let scene = Self::of(test);
        if env::var(PART).is_ok_and(|part| part == ALONE) {
            return Some(scene);
        }
        scene.start(ALONE, &[]).join();
        None
    }

    /// Plays `play`, and ends, if this process was started for that part.
    pub fn part(&self, name: &str, play: impl FnOnce(&[u64])) {
        if env::var(PART).is_ok_and(|part| part == name) {
            let cues = env::var(CUES).unwrap();
            let cues: Vec<u64> = cues
                .split_terminator(' ')
                .map(|cue| cue.parse().unwrap())
                .collect();
            play(&cues);
            leave(0);
        }
    }

    /// Starts an unrelated process for one of the test's parts.
    pub fn start(&self, part: &str, cues: &[u64]) -> Process {
        let cues: String = cues.iter().map(|cue| format!("{cue} ")).collect();
        Process::execute(&self.test, |command| {
            command.env(PART, part).env(CUES, cues);
            command
                .env(SEGMENT, &self.segment)
                .env(FOLDER, &self.folder);
        })
    }

    /// A limiter in the scene's segment.
    pub fn limiter(&self) -> Builder {
        Limiter::shared(&self.segment)
    }

    /// The name of the segment.
    pub fn segment(&self) -> &str {
        &self.segment
    }

    /// The file that the segment's name stands for.
    pub fn segment_path(&self) -> PathBuf {
        Path::new("/dev/shm").join(format!("tidegate.{}", self.segment))
    }

    /// Files in /dev/shm that were left behind while the segment was made or replaced.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir("/dev/shm")
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let prefix = format!(".tidegate.{}.", self.segment);
        entries
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(&prefix)
            })
            .collect()
    }

    /// A place for a file of the test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Tells all processes of the scene something.
    pub fn announce(&self, what: &str) {
        fs::write(self.file(what), "").unwrap();
    }

    /// Whether that was announced.
    pub fn heard(&self, what: &str) -> bool {
        self.file(what).exists()
    }

    /// Takes back all that was announced.
    pub fn forget(&self) {
        for entry in fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// A log for the judge, each grant in it at once.
    pub fn log(&self, name: impl ToString) -> Log {
        self.log_in_batches_of(1, name)
    }

    /// A log for the judge, for processes that nobody kills.
    pub fn log_in_batches_of(&self, grants: usize, name: impl ToString) -> Log {
        Log::batched(self.file("logs").join(name.to_string()), grants).unwrap()
    }

    /// All grants that were logged.
    pub fn grants(&self) -> Vec<Grant> {
        read_folder(self.file("logs")).unwrap()
    }

    /// Reads all logs, and fails unless all grants keep to the rates.
    pub fn judge(&self, rates: &[Rate]) -> Verdict {
        let verdict = judge(&self.grants(), &by_the_book(rates));
        assert!(verdict.holds(), "{verdict}");
        assert!(verdict.total.grants > 0, "nothing was granted");
        verdict
    }

    /// The same for each key alone, where a grant's worker is its key.
    pub fn judge_keys(&self, rates: &[Rate]) -> BTreeMap<u32, Verdict> {
        let mut keys = BTreeMap::<u32, Vec<Grant>>::new();
        for grant in self.grants() {
            keys.entry(grant.worker).or_default().push(grant);
        }
        assert!(!keys.is_empty(), "nothing was granted");
        let rates = by_the_book(rates);
        let verdicts = keys.into_iter().map(|(key, grants)| {
            let verdict = judge(&grants, &rates);
            assert!(verdict.holds(), "key {key}: {verdict}");
            (key, verdict)
        });
        verdicts.collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.made.is_some() {
            for path in self.leftovers().into_iter().chain([self.segment_path()]) {
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
            }
        }
    }
}

/// The name of a test without its modules'.
fn own_name(test: &str) -> &str {
    test.rsplit_once("::").map_or(test, |(_, name)| name)
}

/// The judge's rates.
pub fn by_the_book(rates: &[Rate]) -> Vec<tidegate_judge::Rate> {
    let rate = |rate: &Rate| tidegate_judge::Rate::new(rate.limit(), rate.interval());
    rates.iter().map(rate).collect()
}

/// What a call was granted that began at `before` and has just returned.
pub fn grant(limiter: &Limiter, worker: u64, before: u64, permit: &Permit<'_>) -> Grant {
    Grant {
        before,
        at: permit.at().as_micros(),
        after: limiter.now().unwrap().as_micros(),
        weight: permit.weight(),
        worker: worker as u32,
        sleeps: permit.sleeps(),
    }
}

/// Makes a call, and logs what it is granted.
pub fn logged<'l>(
    limiter: &'l Limiter,
    log: &mut Log,
    worker: u64,
    call: impl FnOnce(&'l Limiter) -> Result<Permit<'l>, AcquireError>,
) -> Result<Permit<'l>, AcquireError> {
    let before = limiter.now().unwrap().as_micros();
    let permit = call(limiter)?;
    log.append(&grant(limiter, worker, before, &permit))
        .unwrap();
    Ok(permit)
}

/// Milliseconds.
pub const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}
