//! What is on the screen, and what keys do, on a terminal in memory.

use super::app::{App, Mode, Whom};
use super::input::{Order, take};
use super::looks::{Leader, Looks};
use super::screen;
use super::tables::Tab;
use crate::args::Target;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::process;
use std::time::Duration;
use tidegate::{Leaker, Limiter, Rate};

const HOUR: Duration = Duration::from_secs(3600);

fn name_of(test: &str) -> String {
    format!("test-top-{test}-{}", process::id())
}

/// A segment that goes away with its test.
struct Stand {
    name: String,
    limiter: Limiter,
    looks: Looks,
}

impl Stand {
    fn new(test: &str, keys: Option<u64>) -> Self {
        let name = name_of(test);
        let builder = Limiter::shared(&name).rate(Rate::new(4, HOUR)).queue(9);
        let builder = keys
            .into_iter()
            .fold(builder, |builder, keys| builder.keys(keys));
        Self {
            limiter: builder.open().unwrap(),
            looks: Looks::at(Target::named(&name)),
            name,
        }
    }

    fn app(&mut self) -> App {
        App::new(self.looks.look().unwrap(), HOUR)
    }

    fn refuse(&self, key: &str, times: u32) {
        (0..times).for_each(|_| assert!(self.limiter.try_acquire_n(key, 4).is_err()));
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = tidegate::remove(&self.name);
    }
}

/// The screen as lines of text.
fn drawn(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(frame, app)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
    };
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[track_caller]
fn shows(lines: &[String], words: &[&str]) {
    let is_there = |line: &String| words.iter().all(|word| line.contains(word));
    assert!(
        lines.iter().any(is_there),
        "{words:?} are in no line of {lines:#?}"
    );
}

fn typed(app: &mut App, keys: &[KeyCode]) -> Option<Order> {
    let mut order = None;
    for &key in keys {
        order = take(app, &Event::Key(KeyEvent::new(key, KeyModifiers::NONE)));
    }
    order
}

#[test]
fn the_screen_shows_usage_who_takes_and_who_waits() {
    let mut stand = Stand::new("usage", None);
    stand.limiter.try_acquire_n("", 3).unwrap();
    let limiter = stand.limiter.clone();
    let place = limiter.reserve("", 4, 10 * HOUR).unwrap();
    let mut app = stand.app();
    let lines = drawn(&mut app, 120, 20);
    shows(&lines, &[&stand.name, "/dev/shm/"]);
    shows(&lines, &["queue 4 permits", "the last in 59m"]);
    shows(&lines, &["4/h", "3 of 4"]);
    shows(&lines, &["leak process", "none (limits hold without)"]);
    shows(&lines, &["PERMITS/s", "COMMAND"]);
    shows(&lines, &[&process::id().to_string(), "tidegate"]);
    shows(&lines[19..], &["q quit", "flush"]);
    drop(place);
}

#[test]
fn rates_are_what_happened_between_two_looks() {
    let mut stand = Stand::new("between", Some(5));
    stand.limiter.try_acquire_n("a", 4).unwrap();
    stand.refuse("a", 1);
    let mut app = stand.app();
    assert_eq!((app.seen.grants_per_s, app.seen.refusals_per_s), (0.0, 0.0));
    stand.limiter.try_acquire_n("b", 2).unwrap();
    stand.refuse("a", 3);
    stand.refuse("b", 1);
    app.show(stand.looks.look());
    let seconds = app.seen.span_us as f64 / 1e6;
    let happened = |per_s: f64| (per_s * seconds).round() as u64;
    assert_eq!(happened(app.seen.grants_per_s), 1);
    assert_eq!(happened(app.seen.permits_per_s), 2);
    assert_eq!(happened(app.seen.refusals_per_s), 4);
    let [process] = &app.seen.busy[..] else {
        panic!("there is one process")
    };
    assert_eq!((process.granted_permits, process.refused_requests), (6, 5));
    assert_eq!(happened(process.permits_per_s), 2);
}

#[test]
fn keys_are_sorted_by_each_column_and_filtered() {
    let mut stand = Stand::new("sorted", Some(5));
    for (key, permits, refusals) in [("apple", 4, 1), ("pear", 2, 7), ("plum", 3, 3)] {
        stand.limiter.try_acquire_n(key, permits).unwrap();
        stand.refuse(key, refusals);
    }
    let mut app = stand.app();
    assert_eq!(app.tab, Tab::Keys);
    let names = |app: &App| -> Vec<String> {
        let lines = app.lines().into_iter();
        lines
            .map(|line| line.cells.last().unwrap().clone())
            .collect()
    };
    assert_eq!(names(&app), ["apple", "plum", "pear"]);
    shows(&drawn(&mut app, 100, 14), &["COUNTED↓"]);
    typed(&mut app, &[KeyCode::Char('s'); 4]);
    assert_eq!(names(&app), ["pear", "plum", "apple"]);
    shows(&drawn(&mut app, 100, 14), &["REFUSED↓"]);
    typed(&mut app, &['/', 'p', 'l'].map(KeyCode::Char));
    assert_eq!(names(&app), ["plum", "apple"]);
    typed(&mut app, &[KeyCode::Enter, KeyCode::Down]);
    assert_eq!(app.whom(), Ok(Whom::Key(b"apple".to_vec())));
    typed(&mut app, &[KeyCode::Char('/'), KeyCode::Esc]);
    assert_eq!(names(&app).len(), 3);
    typed(&mut app, &[KeyCode::Tab]);
    assert_eq!(app.tab, Tab::Processes);
    assert!(app.whom().is_err(), "a process is no key");
    assert!(!app.is_over());
    typed(&mut app, &[KeyCode::Char('q')]);
    assert!(app.is_over());
}

#[test]
fn a_pause_asks_how_long_and_a_flush_whether() {
    let mut stand = Stand::new("orders", Some(5));
    stand.limiter.try_acquire("a\u{1b}[2J").unwrap();
    let mut app = stand.app();
    let key = || Whom::Key(b"a\x1b[2J".to_vec());
    assert_eq!(typed(&mut app, &[KeyCode::Char('f')]), None);
    assert_eq!(app.mode, Mode::Flush(key()));
    let lines = drawn(&mut app, 100, 14);
    shows(&lines, &["forget all permits of", r"a\u{1b}[2J", "y/n"]);
    assert!(!lines.concat().contains('\u{1b}'));
    assert_eq!(typed(&mut app, &[KeyCode::Char('n')]), None);
    let yes = typed(&mut app, &['f', 'y'].map(KeyCode::Char));
    assert_eq!(yes, Some(Order::Flush(key())));
    let all = typed(&mut app, &['F', 'y'].map(KeyCode::Char));
    assert_eq!(all, Some(Order::Flush(Whom::All)));

    typed(
        &mut app,
        &[KeyCode::Char('p'), KeyCode::Backspace, KeyCode::Backspace],
    );
    // Nonsense is said to be, and can be mended.
    assert_eq!(typed(&mut app, &[KeyCode::Char('x'), KeyCode::Enter]), None);
    assert_eq!(app.mode, Mode::Pause(key(), "x".to_owned()));
    typed(&mut app, &[KeyCode::Backspace]);
    let pause = typed(
        &mut app,
        &[KeyCode::Char('9'), KeyCode::Char('s'), KeyCode::Enter],
    );
    assert_eq!(pause, Some(Order::Pause(key(), Duration::from_secs(9))));
    assert_eq!(
        typed(&mut app, &[KeyCode::Char('u')]),
        Some(Order::Resume(key()))
    );
    assert_eq!(
        typed(&mut app, &[KeyCode::Char('U')]),
        Some(Order::Resume(Whom::All))
    );
}

#[test]
fn the_leak_process_is_shown_as_what_it_is() {
    let mut stand = Stand::new("leader", None);
    let mut look = |expected: Leader, words: &str| {
        let mut app = stand.app();
        assert_eq!(app.seen.leader, expected);
        shows(&drawn(&mut app, 120, 14), &["leak process", words]);
    };
    look(Leader::None, "none");
    let limiter = Limiter::shared(name_of("leader"))
        .adopt()
        .attach_only()
        .open()
        .unwrap();
    let mut leading = Leaker::new(&limiter);
    let mut waiting = Leaker::new(&limiter);
    leading.pass().unwrap();
    look(Leader::Running, "running");
    waiting.pass().unwrap();
    look(Leader::Running, "others stand by");
    drop(leading);
    look(Leader::StandingBy, "standing by");
    waiting.pass().unwrap();
    look(Leader::Running, "running");
    drop(waiting);
    look(Leader::None, "none");
}

#[test]
fn a_segment_that_is_removed_is_told_of_and_its_successor_is_shown() {
    let mut stand = Stand::new("removed", None);
    stand.limiter.try_acquire_n("", 4).unwrap();
    let mut app = stand.app();
    tidegate::remove(&stand.name).unwrap();
    app.show(stand.looks.look());
    shows(
        &drawn(&mut app, 140, 14),
        &["not seen just now", "there is no segment"],
    );
    stand.limiter.try_acquire("").unwrap();
    app.show(stand.looks.look());
    assert_eq!(app.seen.report.granted_permits, 1);
    assert_eq!((app.trouble, app.seen.grants_per_s), (None, 0.0));
}

#[test]
fn no_size_of_the_screen_is_too_small() {
    let mut stand = Stand::new("small", Some(3));
    stand.limiter.try_acquire("a").unwrap();
    let mut app = stand.app();
    for (width, height) in [(1, 1), (3, 2), (10, 5), (40, 9), (300, 100)] {
        drawn(&mut app, width, height);
    }
}
