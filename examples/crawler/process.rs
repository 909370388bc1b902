//! A child process: this program started anew in another role, spoken with over pipes.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

/// How often an ending child is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A child that is killed and reaped on drop, unless it has ended by then.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts this program with `arguments`, and calls `hear` from a thread with each
    /// report of the child, then once with `None` when the child is gone.
    ///
    /// The child inherits nothing but its standard error, and is in a process group
    /// of its own: Ctrl-C reaches the parent alone, which then stops its children in
    /// order and loses none of their reports.
    pub fn start<Report: DeserializeOwned>(
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        hear: impl Fn(Option<Report>) + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped");
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                // A child killed in mid-line leaves half a report, its last.
                .map_while(|line| serde_json::from_str(&line.ok()?).ok())
                .for_each(|report| hear(Some(report)));
            hear(None);
        });
        Ok(Process { child, stdin })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the child a line. A child that is gone is not told: that it is gone is
    /// heard soon.
    pub fn order(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Tells the child to stop, without waiting for it.
    pub fn stop(&mut self) {
        self.stdin = None;
    }

    /// Reaps the child. One that has not ended by the deadline is killed.
    pub fn reap(&mut self, deadline: Instant) -> io::Result<ExitStatus> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(LOOK);
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing to a child that has been reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
