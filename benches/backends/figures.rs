//! What is measured: in interleaved rounds, each contender next to the others.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tidegate_benches::contender::Work;
use tidegate_benches::latency::{Latency, histogram};
use tidegate_benches::pingpong::hand_over;
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;

use crate::field::{Entry, Field};
use crate::plan::Plan;

/// How many processes share one bucket.
pub const PROCESSES: [usize; 4] = [1, 2, 4, 8];
/// Limits of buckets that one process asks. The fastest take more than 10 in a microsecond, which
/// is the shortest interval: so where all are to be granted, the least is more.
pub const fn limits(work: Work) -> [u64; 4] {
    let least = match work {
        Work::Admit => 100,
        Work::Refuse => 10,
    };
    [least, 1_000, 100_000, 1_000_000]
}
/// Weights of single calls of one process, under a limit of as much as the last.
pub const WEIGHTS: [u64; 5] = [1, 10, 100, 1_000, 10_000];

/// How long the hand-over is measured beside each turn of the contenders.
const BESIDE: Duration = Duration::from_millis(5);

/// What all contenders did in the same place: so many processes, or such a limit.
pub struct Event {
    entries: Rc<[Entry]>,
    /// The place on the axis.
    pub at: u64,
    processes: usize,
    /// Whether single calls are timed, too.
    times: bool,
    /// By contender, in the order of the report.
    pub figures: Vec<Figures>,
    /// Nanoseconds for a line to go over to the other core, in each round.
    pub hand_over: Vec<f64>,
}

/// What was measured of one contender in an event.
pub struct Figures {
    /// Whose.
    pub name: &'static str,
    /// Calls per second of all processes together, in each round.
    pub calls: Vec<f64>,
    /// Single calls of all rounds, in ticks.
    times: Histogram<u64>,
}

impl Figures {
    /// Calls per second of all processes together; none if it took no part.
    pub fn calls(&self) -> Option<Spread> {
        Spread::of(&self.calls)
    }

    /// How long single calls took; none if they were not timed.
    pub fn times(&self) -> Option<Latency> {
        (!self.times.is_empty()).then(|| Latency::from(&self.times))
    }
}

impl Event {
    fn new(entries: Rc<[Entry]>, at: u64) -> Self {
        let figures = entries.iter().map(|entry| Figures {
            name: entry.subject.name(),
            calls: Vec::new(),
            times: histogram(),
        });
        Self {
            figures: figures.collect(),
            entries,
            at,
            processes: 1,
            times: false,
            hand_over: Vec::new(),
        }
    }

    fn round(&mut self, length: Duration, backwards: bool) -> io::Result<()> {
        self.hand_over.extend(hand_over(BESIDE)?);
        let several = self.processes > 1;
        let mut turns: Vec<_> = self.entries.iter().zip(&mut self.figures).collect();
        turns.retain(|(entry, _)| entry.shared || !several);
        if backwards {
            turns.reverse();
        }
        for (entry, figures) in &mut turns {
            let calls = entry.subject.throughput(self.processes, length)?;
            figures.calls.push(calls);
        }
        if self.times {
            for (entry, figures) in turns {
                let times = entry.subject.latency(self.processes, length)?;
                figures.times.add(times).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

/// A row of events that differ in one thing.
pub struct Series {
    /// What all calls met.
    pub work: Work,
    /// In the order of that thing.
    pub events: Vec<Event>,
}

/// All that is measured.
pub struct Run {
    /// By processes.
    pub processes: [Series; 2],
    /// By the limit.
    pub limits: [Series; 2],
    /// By the weight: all are granted.
    pub weights: Series,
}

impl Run {
    /// Measures all.
    pub fn measure(field: &Field, settings: &Settings) -> io::Result<Self> {
        let mut run = Self::prepare(field)?;
        for round in 0..settings.rounds {
            eprintln!("round {} of {}", round + 1, settings.rounds);
            for event in run.events() {
                // Where calls are counted only, half a slice tells as much.
                let length = if event.times {
                    settings.slice
                } else {
                    settings.slice / 2
                };
                event.round(length, round % 2 == 1)?;
            }
        }
        Ok(run)
    }

    fn prepare(field: &Field) -> io::Result<Self> {
        let by_processes = |work: Work| -> io::Result<Series> {
            let entries: Rc<[Entry]> = field.entries(work.name(), &Plan::of(work))?.into();
            let events = PROCESSES.map(|processes| Event {
                processes,
                times: true,
                ..Event::new(Rc::clone(&entries), processes as u64)
            });
            Ok(Series {
                work,
                events: events.into(),
            })
        };
        let by = |work: Work, what: &str, values: &[u64], plan: &dyn Fn(u64) -> Plan| {
            let mut events = Vec::new();
            for &value in values {
                let label = format!("{}-{what}-{value}", work.name());
                events.push(Event::new(
                    field.entries(&label, &plan(value))?.into(),
                    value,
                ));
            }
            io::Result::Ok(Series { work, events })
        };
        let by_limit = |work: Work| {
            eprintln!("filling logs: {}, as the limit grows", work.name());
            by(work, "limit", &limits(work), &|limit| {
                Plan::of(work).with_limit(limit)
            })
        };
        let most = WEIGHTS[WEIGHTS.len() - 1];
        let heavy = |weight| Plan::of(Work::Admit).with_weight(weight, most);
        Ok(Self {
            processes: [by_processes(Work::Admit)?, by_processes(Work::Refuse)?],
            limits: [by_limit(Work::Admit)?, by_limit(Work::Refuse)?],
            weights: by(Work::Admit, "weight", &WEIGHTS, &heavy)?,
        })
    }

    fn events(&mut self) -> impl Iterator<Item = &mut Event> {
        let series = self.processes.iter_mut().chain(&mut self.limits);
        series
            .chain([&mut self.weights])
            .flat_map(|series| &mut series.events)
    }
}
