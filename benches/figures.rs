//! Everything about several processes, measured in interleaved rounds.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::bare::Clock;
use crate::contender::Work;
use crate::latency::Latency;
use crate::pingpong::hand_over;
use crate::settings::Settings;
use crate::stats::Spread;
use crate::subject::{Subject, subjects};

/// How many processes share one bucket.
pub const PROCESSES: [usize; 5] = [1, 2, 4, 8, 16];

/// How long the hand-over is measured beside each turn of the contenders.
const BESIDE: Duration = Duration::from_millis(5);

/// One line of figures: a contender, at one kind of work, in so many processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// What the calls met.
    pub work: Work,
    /// The contender's name.
    pub name: &'static str,
    /// How many processes called.
    pub processes: usize,
}

/// What was measured of a case, one value for each round.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rounds {
    /// Calls per second of all processes together.
    pub throughput: Vec<f64>,
    /// Of single calls, in slices of their own.
    pub latency: Vec<Latency>,
}

/// All cases, and the machine's mood beside them.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// By case.
    pub cases: BTreeMap<Case, Rounds>,
    /// In the order of the report: tidegate first.
    pub names: Vec<&'static str>,
    /// Nanoseconds for a line to go over to the other core, beside the slices of
    /// so many processes.
    pub hand_over: BTreeMap<usize, Vec<f64>>,
}

impl Figures {
    /// Measures all: in every round each contender has its turn at each work and
    /// number of processes, next to the others' turns at the same, and every
    /// other round goes backwards.
    pub fn measure(settings: &Settings) -> io::Result<Self> {
        let mut figures = Self::default();
        let contenders = [
            (Work::Admit, subjects(Work::Admit)?),
            (Work::Refuse, subjects(Work::Refuse)?),
        ];
        figures.names = contenders[0]
            .1
            .iter()
            .map(|subject| subject.name())
            .collect();
        for round in 0..settings.rounds {
            eprintln!("round {} of {}", round + 1, settings.rounds);
            for (work, subjects) in &contenders {
                for processes in PROCESSES {
                    figures.turn(*work, processes, subjects, round % 2 == 1, settings.slice)?;
                }
            }
        }
        Ok(figures)
    }

    fn turn(
        &mut self,
        work: Work,
        processes: usize,
        subjects: &[Box<dyn Subject>],
        backwards: bool,
        length: Duration,
    ) -> io::Result<()> {
        self.hand_over
            .entry(processes)
            .or_default()
            .extend(hand_over(BESIDE)?);
        let mut turns: Vec<&dyn Subject> = subjects.iter().map(|subject| &**subject).collect();
        if processes == 1 {
            turns.push(&Clock);
        }
        if backwards {
            turns.reverse();
        }
        for &subject in &turns {
            let calls = subject.throughput(processes, length)?;
            self.case(work, subject.name(), processes)
                .throughput
                .push(calls);
        }
        for &subject in &turns {
            let calls = Latency::from(&subject.latency(processes, length)?);
            self.case(work, subject.name(), processes)
                .latency
                .push(calls);
        }
        Ok(())
    }

    fn case(&mut self, work: Work, name: &'static str, processes: usize) -> &mut Rounds {
        self.cases
            .entry(Case {
                work,
                name,
                processes,
            })
            .or_default()
    }

    /// Calls per second in each round; none of a case that was not measured.
    pub fn throughput(&self, work: Work, name: &'static str, processes: usize) -> &[f64] {
        let case = self.cases.get(&Case {
            work,
            name,
            processes,
        });
        case.map_or(&[], |rounds| &rounds.throughput)
    }

    /// One percentile of single calls, in each round, in nanoseconds.
    pub fn latency(&self, case: &Case, percentile: fn(&Latency) -> f64) -> Vec<f64> {
        let rounds = self.cases.get(case);
        rounds.map_or(Vec::new(), |rounds| {
            rounds.latency.iter().map(percentile).collect()
        })
    }

    /// All of it, for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let cases = self.cases.iter().map(|(case, rounds)| {
            serde_json::json!({
                "work": case.work.name(),
                "contender": case.name,
                "processes": case.processes,
                "calls_per_second": Spread::of(&rounds.throughput),
                "rounds": rounds,
            })
        });
        serde_json::json!({
            "cases": cases.collect::<Vec<_>>(),
            "hand_over_ns_by_processes": self.hand_over,
        })
    }
}
