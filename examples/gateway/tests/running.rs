//! The example, running.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate::Limiter;

/// The example. It is killed on drop, unless it has been ended by then, and its workers
/// end with it.
pub struct Gateway {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    /// Where it serves.
    pub url: String,
    pub workers: Vec<Pid>,
}

impl Gateway {
    /// Starts the example, which `cargo test` builds beside this test, and waits until
    /// it serves.
    pub fn start(arguments: &[&str]) -> Self {
        let example = env::current_exe().ok().and_then(|test| {
            let target = test.ancestors().nth(2).map(PathBuf::from);
            target.map(|target| target.join("examples/gateway"))
        });
        let mut child = Command::new(example.unwrap())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo build --examples has been run");
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = stdout.next().unwrap().unwrap();
        let (url, workers) = first
            .strip_prefix("Serving ")
            .and_then(|rest| rest.split_once(" by processes "))
            .expect(&first);
        Self {
            url: url.to_owned(),
            workers: workers
                .split(", ")
                .map(|id| Pid::from_raw(id.parse().unwrap()))
                .collect(),
            child,
            stdout,
        }
    }

    /// Its limiter.
    pub fn limiter(&self) -> Limiter {
        Limiter::shared(self.segment())
            .attach_only()
            .adopt()
            .open()
            .unwrap()
    }

    fn segment(&self) -> String {
        format!("gateway.{}", self.child.id())
    }

    /// Kills a worker, and waits until the example has noticed.
    pub fn kill(&mut self, worker: Pid) {
        kill(worker, Signal::SIGKILL).unwrap();
        let obituary = format!("Worker {worker} ended: signal: 9");
        while !self.stdout.next().unwrap().unwrap().starts_with(&obituary) {}
    }

    /// Interrupts it, waits for its end, and sees that nothing is left behind. What it
    /// said after its first line.
    pub fn interrupt(self) -> (ExitStatus, String) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        self.end()
    }

    /// The same without interrupting it.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let said: Vec<String> = self.stdout.by_ref().map(Result::unwrap).collect();
        let segment = Limiter::shared(self.segment());
        assert!(segment.attach_only().adopt().open().is_err());
        for &worker in &self.workers {
            assert!(kill(worker, None).is_err(), "worker {worker} still runs");
        }
        (status, said.join("\n"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, it leaves its segment behind.
        let _ = tidegate::remove(&self.segment());
    }
}
