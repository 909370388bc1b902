//! Segments that go away with their test, and processes that do not outlive it.
#![allow(unsafe_code, reason = "has a child hear all signals")]

use nix::sys::signal::{self, SigHandler, Signal};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// When a test gives up on something that should long have happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command line with these arguments.
pub fn tidegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Whoever starts the tests in the background may have had them ignore some, and their children
/// with them.
fn hear_all_signals() -> std::io::Result<()> {
    for heard in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: there is no handler.
        unsafe { signal::signal(heard, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// What a command ended with.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Checks the exit status, and that all of `words` are in what it said on stderr.
    #[track_caller]
    pub fn with(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
        self
    }

    /// Checks that all went well, in silence on stderr; its standard output.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }
}

/// Runs the command line to its end.
#[track_caller]
pub fn ended(arguments: &[&str]) -> Ended {
    let mut command = tidegate(arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    end_of(child.unwrap())
}

/// Waits for the end of a process that prints less than a pipe holds.
#[track_caller]
pub fn end_of(mut child: Child) -> Ended {
    wait_for(&mut child);
    child.wait_with_output().unwrap().into()
}

#[track_caller]
fn wait_for(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The numbers in one line of JSON.
#[track_caller]
pub fn json(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text:?}");
    serde_json::from_str(text).unwrap()
}

/// A name of its own for a segment, which is removed at the end.
pub struct Segment {
    pub name: String,
}

impl Segment {
    /// Only the name; there is no segment yet.
    pub fn unmade() -> Self {
        static COUNT: Mutex<u32> = Mutex::new(0);
        let mut count = COUNT.lock().unwrap();
        *count += 1;
        Self {
            name: format!("test-cli-{}-{count}", process::id()),
        }
    }

    /// A segment with these rates.
    #[track_caller]
    pub fn made(rates: &str) -> Self {
        let segment = Self::unmade();
        ended(&["create", &segment.name, "--rate", rates]).fine();
        segment
    }

    /// `tidegate COMMAND NAME MORE...`, run to its end.
    pub fn does(&self, command: &str, more: &[&str]) -> Ended {
        ended(&[&[command, &self.name], more].concat())
    }

    /// The same, left running.
    pub fn starts(&self, command: &str, more: &[&str]) -> Running {
        Running::start(&[&[command, &self.name], more].concat())
    }

    /// What is in it.
    #[track_caller]
    pub fn seen(&self) -> Value {
        json(&self.does("inspect", &["--json"]).fine())
    }

    /// Waits until what is in it is as expected.
    #[track_caller]
    pub fn seen_when(&self, expected: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let seen = self.seen();
            if expected(&seen) {
                return seen;
            }
            assert!(started.elapsed() < PATIENCE, "still {seen}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let _ = tidegate::remove(&self.name);
    }
}

/// A command that goes on, and is killed at the end.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(&mut tidegate(arguments))
    }

    /// Of a command that becomes the one in question.
    pub fn of(command: &mut Command) -> Self {
        // SAFETY: `hear_all_signals` makes system calls only.
        unsafe { command.pre_exec(hear_all_signals) };
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on stderr.
    #[track_caller]
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap());
        signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        wait_for(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
