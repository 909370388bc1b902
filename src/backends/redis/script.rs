//! The scripts that the server runs: each is one atomic step.

use redis::{Cmd, cmd};
use std::sync::LazyLock;

/// A script, and the hash that the server knows it by.
#[derive(Debug)]
pub struct Script {
    code: &'static str,
    hash: String,
}

macro_rules! scripts {
    ($($name:ident = $($part:literal),+;)*) => {
        $(
            pub static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(concat!($(include_str!(concat!("lua/", $part, ".lua"))),+))
            });
        )*
    };
}

scripts! {
    PUT = "begin", "nth", "put", "store", "sweep", "tidy";
    GIVE_BACK = "begin", "store", "give_back";
    PEEK = "begin", "nth", "peek";
    TALLY = "begin", "nth", "tally";
    LEAK = "begin", "store", "sweep", "leak";
    PAUSE = "begin", "store", "pause";
    PAUSED = "begin", "paused";
    DISPOSE = "begin", "dispose";
    OPEN = "open";
    STEER = "steer";
    TIME = "time";
}

impl Script {
    fn new(code: &'static str) -> Self {
        let hash = redis::Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    /// The command that runs it, where the server knows it already.
    pub fn by_hash(&self, keys: &[Vec<u8>]) -> Cmd {
        run("EVALSHA", &self.hash, keys)
    }

    /// The command that runs it, and has the server know it from then on.
    pub fn in_full(&self, keys: &[Vec<u8>]) -> Cmd {
        run("EVAL", self.code, keys)
    }
}

fn run(command: &str, script: &str, keys: &[Vec<u8>]) -> Cmd {
    let mut command = cmd(command);
    command.arg(script).arg(keys.len()).arg(keys);
    command
}
