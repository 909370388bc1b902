//! What was asked for on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use crate::machine;

/// How long to measure, and where to write.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Interleaved rounds of everything.
    pub rounds: usize,
    /// One contender's turn in a round.
    pub slice: Duration,
    /// A small run, whose figures only show that everything works.
    pub quick: bool,
    /// The folder for tables and plots.
    pub folder: PathBuf,
}

impl Settings {
    /// For a run of cargo bench: full, or short if `--quick` is among the
    /// arguments or `TIDEGATE_BENCH_QUICK` is set. None if this is no benchmark
    /// run (`cargo test --benches`), where a program should end at once.
    ///
    /// `scratch` is cargo's `CARGO_TARGET_TMPDIR`; results go beside it.
    pub fn from_arguments(scratch: &str) -> io::Result<Option<Self>> {
        if !env::args().any(|argument| argument == "--bench") {
            return Ok(None);
        }
        let quick = env::args().any(|argument| argument == "--quick")
            || env::var_os("TIDEGATE_BENCH_QUICK").is_some();
        let (rounds, slice) = if quick { (3, 20) } else { (9, 150) };
        let folder = Path::new(scratch).with_file_name("bench");
        fs::create_dir_all(&folder)?;
        let slice = Duration::from_millis(slice);
        Ok(Some(Self {
            rounds,
            slice,
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
        let warning = if self.quick {
            " **A quick run: these figures mean nothing.**"
        } else {
            ""
        };
        let Self { rounds, slice, .. } = self;
        format!(
            "{rounds} rounds, slices of {slice:?}. {}.{warning}\n",
            machine::describe()
        )
    }
}
