//! What was asked for on the command line.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use tidegate::parse_duration;

use crate::machine;

/// Rounds, and how long a slice is: in a full run, and in a quick one.
const OF_CALLS: [(usize, Duration); 2] = [(9, ms(150)), (3, ms(20))];
/// The same for buckets in stores, some of which take milliseconds for a call.
const OF_STORES: [(usize, Duration); 2] = [(7, ms(200)), (1, ms(20))];
/// The same for callers who wait: it takes a while until each has had its turn.
const OF_WAITS: [(usize, Duration); 2] = [(3, ms(1000)), (3, ms(100))];
/// How often one looks who polls at a fixed interval.
const POLL: Duration = ms(1);

/// How long to measure, and where to write.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Interleaved rounds of everything.
    pub rounds: usize,
    /// One contender's turn in a round.
    pub slice: Duration,
    /// How often one looks who polls at a fixed interval.
    pub poll: Duration,
    /// A small run, whose figures only show that everything works.
    pub quick: bool,
    /// The folder for tables and plots.
    pub folder: PathBuf,
}

impl Settings {
    /// For a run of cargo bench that measures calls: full, or short if `--quick` is among the
    /// arguments or `TIDEGATE_BENCH_QUICK` is set. None if this is no benchmark
    /// run (`cargo test --benches`), where a program should end at once.
    ///
    /// `TIDEGATE_BENCH_ROUNDS` and `TIDEGATE_BENCH_SLICE` (as in `2s`) say how much is
    /// measured, and `TIDEGATE_BENCH_POLL` how often one looks who polls.
    ///
    /// `scratch` is cargo's `CARGO_TARGET_TMPDIR`; results go beside it.
    pub fn of_calls(scratch: &str) -> io::Result<Option<Self>> {
        Self::from_arguments(scratch, OF_CALLS)
    }

    /// The same where a round is long, for there are many contenders.
    pub fn of_stores(scratch: &str) -> io::Result<Option<Self>> {
        Self::from_arguments(scratch, OF_STORES)
    }

    /// The same for callers who wait, which takes longer slices.
    pub fn of_waits(scratch: &str) -> io::Result<Option<Self>> {
        Self::from_arguments(scratch, OF_WAITS)
    }

    fn from_arguments(
        scratch: &str,
        [full, short]: [(usize, Duration); 2],
    ) -> io::Result<Option<Self>> {
        if !env::args().any(|argument| argument == "--bench") {
            return Ok(None);
        }
        let quick = env::args().any(|argument| argument == "--quick")
            || env::var_os("TIDEGATE_BENCH_QUICK").is_some();
        let (rounds, slice) = if quick { short } else { full };
        let rounds = from_environment("TIDEGATE_BENCH_ROUNDS", str::parse)?.unwrap_or(rounds);
        let slice = from_environment("TIDEGATE_BENCH_SLICE", parse_duration)?.unwrap_or(slice);
        let poll = from_environment("TIDEGATE_BENCH_POLL", parse_duration)?.unwrap_or(POLL);
        let folder = Path::new(scratch).with_file_name("bench");
        fs::create_dir_all(&folder)?;
        Ok(Some(Self {
            rounds,
            slice,
            poll,
            quick,
            folder,
        }))
    }

    /// Writes a file into the folder, and says so.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        eprintln!("wrote {}", path.display());
        Ok(())
    }

    /// What goes under every table: where and how it was measured.
    pub fn footnote(&self) -> String {
        self.footnote_on(&machine::describe())
    }

    /// The same for one who knows more of where.
    pub fn footnote_on(&self, machine: &str) -> String {
        let warning = if self.quick {
            " **A quick run: these figures mean nothing.**"
        } else {
            ""
        };
        let Self { rounds, slice, .. } = self;
        format!("{rounds} rounds, slices of {slice:?}. {machine}.{warning}\n")
    }
}

const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// What a variable says, if it is set.
fn from_environment<T, E: Display>(
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> io::Result<Option<T>> {
    let Some(text) = env::var_os(name) else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    match parse(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(io::Error::other(format!("{name} is {text:?}: {error}"))),
    }
}
