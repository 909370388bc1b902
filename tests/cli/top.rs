//! `tidegate top`, on a terminal of its own.
#![allow(
    unsafe_code,
    reason = "makes a terminal the controlling one of a child"
)]

use crate::support::{Segment, json, tidegate};
use nix::libc;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, setsid};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use vt100::{Parser, Screen};

const PATIENCE: Duration = Duration::from_secs(60);

/// It on a terminal, which is read all the while.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Parser>>,
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn at_least_one(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        let OpenptyResult { master, slave } = openpty(Some(&size(24, 100)), None).unwrap();
        let mut command = tidegate(arguments);
        let end = || slave.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end());
        command.env("TERM", "xterm-256color");
        // SAFETY: it makes system calls only.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().unwrap();
        drop((slave, command));
        let screen = Arc::new(Mutex::new(Parser::new(
            at_least_one(24),
            at_least_one(100),
            0,
        )));
        let (mut bytes, seen) = (File::from(master.try_clone().unwrap()), screen.clone());
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // At the end of the child it is an error.
            while let Ok(length @ 1..) = bytes.read(&mut chunk) {
                seen.lock().unwrap().process(&chunk[..length]);
            }
        });
        Self {
            child,
            keyboard: File::from(master),
            screen,
        }
    }

    /// Waits until something is so of what a person would see.
    #[track_caller]
    fn looks(&self, what: &str, is_so: impl Fn(&Screen) -> bool) {
        let started = Instant::now();
        loop {
            let seen = self.screen.lock().unwrap().screen().clone();
            if is_so(&seen) {
                return;
            }
            let contents = seen.contents();
            assert!(started.elapsed() < PATIENCE, "no {what} in\n{contents}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until all of `words` are on the screen, which it has taken.
    #[track_caller]
    fn shows(&self, words: &[&str]) {
        self.looks(&format!("{words:?}"), |seen| {
            let contents = seen.contents();
            seen.alternate_screen() && words.iter().all(|word| contents.contains(word))
        });
    }

    /// Waits until it has given the screen back, with what was on it before.
    #[track_caller]
    fn is_given_back(&self) {
        self.looks("screen as it was", |seen| {
            !seen.alternate_screen() && !seen.hide_cursor() && !seen.contents().contains("apple")
        });
        assert!(self.is_as_it_was());
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn is_resized(&self, to: &Winsize) {
        // SAFETY: the size is only read.
        let done = unsafe { libc::ioctl(self.keyboard.as_raw_fd(), libc::TIOCSWINSZ, to) };
        assert_eq!(done, 0);
        let (rows, columns) = (to.ws_row, to.ws_col);
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(at_least_one(rows), at_least_one(columns));
    }

    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether what is typed is shown, and taken line by line, as by a terminal of which nobody
    /// wants more.
    fn is_as_it_was(&self) -> bool {
        use nix::sys::termios::{LocalFlags, tcgetattr};
        let flags = tcgetattr(&self.keyboard).unwrap().local_flags;
        flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keyed() -> Segment {
    let segment = Segment::unmade();
    segment
        .does("create", &["--rate", "3/h", "--keys", "5"])
        .fine();
    segment.does("acquire", &["-k", "apple"]).fine();
    segment
}

#[test]
fn it_takes_the_terminal_follows_its_size_and_gives_it_back() {
    let segment = keyed();
    let mut terminal = Terminal::start(&["top", &segment.name, "--interval", "100ms"]);
    terminal.shows(&[&segment.name, "apple", "COUNTED", "q quit"]);
    assert!(!terminal.is_as_it_was());
    // Somewhat later it shows what others did meanwhile.
    segment.does("acquire", &["-k", "pear"]).fine();
    terminal.shows(&["pear"]);
    terminal.is_resized(&size(40, 140));
    terminal.looks("help in the last line", |seen| {
        let rows: Vec<String> = seen.rows(0, 140).collect();
        rows.len() == 40 && rows[39].contains("q quit") && !rows[23].contains("q quit")
    });
    terminal.types("q");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    let segment = keyed();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut terminal = Terminal::start(&["top", &segment.name]);
        terminal.shows(&["apple"]);
        let pid = Pid::from_raw(terminal.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
        assert_eq!(terminal.end().signal(), Some(signal as i32));
        terminal.is_given_back();
    }
    let mut terminal = Terminal::start(&["top", &segment.name]);
    terminal.shows(&["apple"]);
    // Ctrl-C.
    terminal.types("\x03");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

#[test]
fn keys_pause_resume_and_flush() {
    let segment = keyed();
    let acquires = || segment.does("acquire", &["-nk", "apple"]).code;
    let mut terminal = Terminal::start(&["top", &segment.name, "--interval", "100ms"]);
    terminal.shows(&["apple", "q quit"]);
    terminal.types("p");
    terminal.shows(&["pause apple for: 1m"]);
    terminal.types("\r");
    terminal.shows(&["apple is paused for"]);
    assert_eq!(acquires(), Some(1));
    terminal.types("u");
    terminal.shows(&["the pause of apple has ended"]);
    assert_eq!(
        [acquires(), acquires(), acquires()],
        [Some(0), Some(0), Some(1)]
    );
    terminal.types("f");
    terminal.shows(&["forget all permits of apple?"]);
    terminal.types("n");
    terminal.shows(&["nothing was flushed"]);
    assert_eq!(acquires(), Some(1));
    terminal.types("F");
    terminal.shows(&["forget all permits of everything?"]);
    terminal.types("y");
    terminal.shows(&["all permits are forgotten"]);
    assert_eq!(acquires(), Some(0));
    terminal.types("\x1b");
    assert!(terminal.end().success());
}

#[test]
fn once_prints_what_happened_in_one_interval_for_people_and_programs() {
    let segment = keyed();
    segment
        .does("acquire", &["-nk", "apple", "-w", "3"])
        .with(1, &[]);
    let seen = json(
        &segment
            .does("top", &["--once", "--json", "--interval", "100ms"])
            .fine(),
    );
    assert_eq!(seen["name"], segment.name.as_str());
    assert_eq!(seen["counts"]["granted_permits"], 1);
    assert_eq!(seen["counts"]["limited_requests"], 1);
    assert_eq!(seen["grants_per_s"], 0.0);
    assert_eq!(seen["leader"], "none");
    assert_eq!(seen["keys_seen"][0]["key"], "apple");
    assert_eq!(seen["refused"][0]["refused_requests"], 1);
    assert!(seen["span_us"].as_u64().unwrap() >= 100_000, "{seen}");
    let busy = segment.starts("acquire", &["-k", "apple", "-w", "3", "-t", "10h"]);
    segment.seen_when(|seen| seen["processes"][0]["waiting_callers"] == 1);
    let seen = json(
        &segment
            .does("top", &["--once", "--json", "--interval", "100ms"])
            .fine(),
    );
    assert_eq!(seen["busy"][0]["pid"], busy.pid());
    assert!(
        seen["longest_wait_us"].as_u64().unwrap() > 3_500_000_000,
        "{seen}"
    );
    let out = segment
        .does("top", &["--once", "--interval", "100ms"])
        .fine();
    for words in [
        "grants 0/s",
        "queue 3 permits, the last in 59m",
        "apple",
        "tidegate acquire",
    ] {
        assert!(out.contains(words), "{words} is not in\n{out}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let segment = keyed();
    segment
        .does("top", &[])
        .with(2, &["is no terminal", "--once"]);
    segment.does("top", &["--json"]).with(2, &["--once"]);
    segment
        .does("top", &["--once", "--interval", "1ms"])
        .with(2, &["100ms at least"]);
    segment.does("remove", &[]).fine();
    segment
        .does("top", &["--once"])
        .with(2, &["there is no segment"]);
}

#[test]
fn a_segment_that_may_only_be_read_is_shown_and_not_steered() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("a test was left out: only root may become another user");
        return;
    }
    const SOMEBODY: u32 = 64_201;
    let segment = keyed();
    let path = format!("/dev/shm/tidegate.{}", segment.name);
    std::os::unix::fs::chown(&path, None, Some(SOMEBODY)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    // The binary may be where only root can go: it is asked for through an open file.
    let binary: OwnedFd = File::open(env!("CARGO_BIN_EXE_tidegate")).unwrap().into();
    let program = format!("/proc/self/fd/{}", binary.as_raw_fd());
    let as_somebody = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(arguments).gid(SOMEBODY).uid(SOMEBODY);
        let fd = binary.as_raw_fd();
        // SAFETY: it makes a system call only.
        unsafe {
            command.pre_exec(move || match libc::fcntl(fd, libc::F_SETFD, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        crate::support::Ended::from(command.output().unwrap())
    };
    let seen = as_somebody(&[
        "top",
        &segment.name,
        "--once",
        "--json",
        "--interval",
        "100ms",
    ]);
    assert_eq!(json(&seen.fine())["granted_permits"], Value::from(1));
    let seen = as_somebody(&["inspect", &segment.name, "--json"]);
    assert_eq!(json(&seen.fine())["granted_permits"], Value::from(1));
    as_somebody(&["acquire", &segment.name, "-k", "a"]).with(2, &["may not open", "mode 0640"]);
    as_somebody(&["flush", &segment.name]).with(2, &["may not open"]);
}
