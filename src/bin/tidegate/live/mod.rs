//! `tidegate top`: a live view of a segment.

mod app;
mod input;
mod looks;
mod screen;
mod steer;
mod tables;
mod terminal;
#[cfg(test)]
mod tests;

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::signals::StopSignals;
use app::App;
use clap::Args;
use looks::Looks;
use nix::sys::signal::Signal;
use std::time::Duration;
use steer::Steering;
use terminal::Screen;
use tidegate::parse_duration;

const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  tidegate top api
  tidegate top hosts --interval 5s
  tidegate top api --once --json | jq .grants_per_s

Keys: q quits, Tab goes to the other table, arrows choose, s sorts by the next column, / filters,
p pauses and u resumes the chosen key (P and U: all), f flushes it (F: all), after a question.

It only looks, so it may be any user that may read the segment's file. Pausing and flushing
need what tidegate acquire needs: the right to write it and, for another user's, --group.

With --once it looks twice, an interval apart, and prints what has happened in between.";

/// Watch a segment: who takes permits, who is refused, who waits
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct TopArgs {
    #[command(flatten)]
    segment: Segment,
    /// The time from one look to the next
    #[arg(short, long, value_name = "DURATION", value_parser = parse_interval, default_value = "1s", allow_hyphen_values = true)]
    interval: Duration,
    /// Print once, and end
    #[arg(long)]
    once: bool,
    /// Print one line of JSON; field names carry their units
    #[arg(long, requires = "once")]
    json: bool,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(interval) if interval < SHORTEST_INTERVAL => Err("it must be 100ms at least".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

pub fn top(args: &TopArgs) -> Result<(), Failure> {
    let looks = Looks::at(args.segment.target.clone());
    if args.once {
        return once(args, looks);
    }
    let signals = StopSignals::block(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])
        .map_err(Failure::system("wait for signals"))?;
    live(args, looks, &signals)
}

/// Prints what happens in one interval.
fn once(args: &TopArgs, mut looks: Looks) -> Result<(), Failure> {
    looks.look()?;
    std::thread::sleep(args.interval);
    let seen = looks.look()?;
    match args.json {
        true => print_json(&seen),
        false => print(&screen::as_text(&seen)),
    }
}

/// Shows it until somebody quits.
fn live(args: &TopArgs, mut looks: Looks, signals: &StopSignals) -> Result<(), Failure> {
    // What cannot be looked at is an error, and no screen.
    let first = looks.look()?;
    let mut app = App::new(first, args.interval);
    let mut steering = Steering::of(&args.segment);
    let mut screen = Screen::open()?;
    while !app.is_over() {
        screen.draw(&mut app)?;
        let stopped = signals.wait(Duration::ZERO);
        if let Some(signal) = stopped.map_err(Failure::system("wait for signals"))? {
            // Here the terminal is as it was again.
            drop(screen);
            return Err(Failure::Stopped(signal));
        }
        let event = screen.next_event(app.time_left())?;
        if let Some(order) = event.and_then(|event| input::take(&mut app, &event)) {
            app.tell(steering.obey(&order));
        }
        if app.time_left().is_zero() {
            app.show(looks.look());
        }
    }
    Ok(())
}
