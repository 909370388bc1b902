//! A wall clock that is set for one server only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The clock of the servers that are started with its [environment](Self::environment).
pub struct SteppedClock {
    library: PathBuf,
    shift: PathBuf,
}

impl SteppedClock {
    /// One that is right so far. It is compiled by the compiler that links Rust programs.
    pub fn in_folder(folder: &Path) -> Self {
        let library = folder.join("stepped_clock.so");
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/common/servers/stepped_clock.c"
        );
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library);
        assert!(compiler.args([source, "-ldl"]).status().unwrap().success());
        let clock = Self {
            library,
            shift: folder.join("shift"),
        };
        fs::write(&clock.shift, 0_i64.to_ne_bytes()).unwrap();
        clock
    }

    /// What a server is to have in its environment.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("TIDEGATE_CLOCK_SHIFT", self.shift.clone()),
        ]
    }

    /// Sets it so much ahead of the true time.
    pub fn set_ahead(&self, by: Duration) {
        self.set(by.as_micros() as i64);
    }

    /// Sets it so much behind the true time.
    pub fn set_behind(&self, by: Duration) {
        self.set(-(by.as_micros() as i64));
    }

    fn set(&self, micros: i64) {
        // In place: the server has mapped the file.
        let file = fs::File::options().write(true).open(&self.shift).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &micros.to_ne_bytes(), 0).unwrap();
    }
}
