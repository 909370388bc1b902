//! Several processes on one bucket: tidegate against locks, and against the
//! least that any shared limiter can do.
//!
//! Writes `contention.md`, `contention.json` and plots to `target/bench/`.

use std::io;

use tidegate_benches::contender::Work;
use tidegate_benches::figures::{Case, Figures, PROCESSES};
use tidegate_benches::goals::{self, Bound, Goal};
use tidegate_benches::latency::Latency;
use tidegate_benches::machine;
use tidegate_benches::plot::{Chart, Series};
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::table::{Table, time};

const TIDEGATE: &str = "tidegate";
const BY_PROCESSOR: &str = "tidegate, processor's clock";
const CLOCK: &str = "clock alone";
const SWAP: &str = "clock + CAS";
const MUTEXES: [&str; 2] = ["robust mutex", "robust mutex, clock first"];
const SPINS: [&str; 2] = ["spin lock", "spin lock, clock first"];

/// A percentile's name, and where it is kept.
type Percentile = (&'static str, fn(&Latency) -> f64);

const PERCENTILES: [Percentile; 5] = [
    ("p50", |calls| calls.p50),
    ("p99", |calls| calls.p99),
    ("p99.9", |calls| calls.p999),
    ("p99.99", |calls| calls.p9999),
    ("max", |calls| calls.max),
];

fn main() -> io::Result<()> {
    let Some(settings) = Settings::of_calls(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    let figures = Figures::measure(&settings)?;
    let goals = goals(&figures);

    let mut text = format!(
        "## Several processes on one bucket\n\n{}\n",
        in_short(&figures)
    );
    for work in Work::ALL {
        text += &format!("{}\n", throughput(&figures, work));
    }
    text += &format!("{}\n", hand_over(&figures));
    for work in Work::ALL {
        text += &format!("{}\n", latency(&figures, work));
    }
    text += &format!("{}\n{}\n", goals::table(&goals), settings.footnote());
    print!("{text}");
    settings.write("contention.md", &text)?;

    let mut json = figures.to_json();
    json["goals"] = serde_json::to_value(&goals)?;
    json["machine"] = machine::describe().into();
    settings.write("contention.json", &serde_json::to_string_pretty(&json)?)?;
    plots(&figures, &settings)
}

/// The ratios that must hold, each between turns next to each other.
fn goals(figures: &Figures) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    use Work::{Admit, Refuse};
    let rounds = |case: Case| figures.throughput(case.work, case.name, case.processes);
    let goal = |what: &str, above: Case, below: Case, bound, measured| {
        let what = format!("{what}: {} : {}", words(above), words(below));
        Goal {
            what,
            bound,
            measured,
        }
    };
    let calls = |above, bound, below| {
        let measured = Spread::of_ratios(rounds(above), rounds(below));
        goal("calls", above, below, bound, measured)
    };
    // The time of a call is one over the rate of calls.
    let time = |above, bound, below| {
        let measured = Spread::of_ratios(rounds(below), rounds(above));
        goal("time", above, below, bound, measured)
    };
    let tail = |above, bound, below| {
        let [a, b] = [above, below].map(|case| figures.latency(&case, |calls| calls.p999));
        goal("p99.9", above, below, bound, Spread::of_ratios(&a, &b))
    };
    let of = |work, name, processes| Case {
        work,
        name,
        processes,
    };
    let tide = |work, processes| of(work, TIDEGATE, processes);
    let swift = |work, processes| of(work, BY_PROCESSOR, processes);

    let mut goals = vec![
        time(tide(Admit, 1), AtMost(1.7), of(Admit, CLOCK, 1)),
        time(tide(Refuse, 1), AtMost(1.2), of(Refuse, CLOCK, 1)),
        calls(tide(Admit, 2), AtLeast(0.8), of(Admit, SWAP, 2)),
        calls(tide(Admit, 16), AtLeast(0.8), tide(Admit, 2)),
        calls(tide(Refuse, 2), AtLeast(1.7), tide(Refuse, 1)),
        time(swift(Admit, 1), AtMost(1.0), of(Admit, CLOCK, 1)),
        time(swift(Refuse, 1), AtMost(0.6), of(Refuse, CLOCK, 1)),
        calls(swift(Admit, 2), AtLeast(2.0), tide(Admit, 2)),
    ];
    for mutex in MUTEXES {
        goals.extend([
            calls(tide(Admit, 1), AtLeast(1.0), of(Admit, mutex, 1)),
            calls(swift(Admit, 1), AtLeast(1.0), of(Admit, mutex, 1)),
            calls(tide(Admit, 2), AtLeast(1.3), of(Admit, mutex, 2)),
            calls(tide(Admit, 16), AtLeast(2.0), of(Admit, mutex, 16)),
            tail(tide(Admit, 16), AtMost(0.05), of(Admit, mutex, 16)),
            calls(tide(Refuse, 2), AtLeast(5.0), of(Refuse, mutex, 2)),
        ]);
    }
    goals.extend(SPINS.map(|spin| calls(tide(Admit, 2), AtLeast(1.0), of(Admit, spin, 2))));
    goals
}

fn words(case: Case) -> String {
    format!("{} {} in {}", case.name, case.work.name(), case.processes)
}

/// The one table for who reads only one.
fn in_short(figures: &Figures) -> Table {
    let head = [
        "million calls per second",
        "admit, 1 process",
        "2",
        "16",
        "refuse, 1 process",
        "2",
        "16",
        "p99.9 of admit, 16",
        "p99.99",
    ];
    let mut table = Table::new("In short (medians)", &head);
    for &name in figures.names.iter().chain([&CLOCK]) {
        let calls = Work::ALL.into_iter().flat_map(|work| {
            [1, 2, 16].map(|processes| {
                Spread::of(figures.throughput(work, name, processes))
                    .map_or(String::new(), |calls| format!("{:.1}", calls.median / 1e6))
            })
        });
        let tails: [fn(&Latency) -> f64; 2] = [|calls| calls.p999, |calls| calls.p9999];
        let tails = tails.map(|of| {
            let rounds = figures.latency(
                &Case {
                    work: Work::Admit,
                    name,
                    processes: 16,
                },
                of,
            );
            Spread::of(&rounds).map_or(String::new(), |calls| time(calls.median))
        });
        table.row([name.to_owned()].into_iter().chain(calls).chain(tails));
    }
    table
}

fn throughput(figures: &Figures, work: Work) -> Table {
    let title = format!(
        "{}: million calls per second of all processes (quartiles)",
        work.name()
    );
    let mut table = Table::new(title, &by_processes(&["contender"]));
    for &name in figures.names.iter().chain([&CLOCK]) {
        let cells = PROCESSES.map(|processes| {
            Spread::of(figures.throughput(work, name, processes)).map_or(String::new(), |calls| {
                let [median, low, high] =
                    [calls.median, calls.low, calls.high].map(|calls| calls / 1e6);
                format!("{median:.2} ({low:.2} – {high:.2})")
            })
        });
        if cells.iter().any(|cell| !cell.is_empty()) {
            table.row([name.into()].into_iter().chain(cells));
        }
    }
    table
}

fn hand_over(figures: &Figures) -> Table {
    let head = by_processes(&[""]);
    let mut table = Table::new("Hand-over of a cache line beside these, ns", &head);
    let mut row = |name: &str, of: &dyn Fn(&[f64]) -> Option<f64>| {
        let cells = PROCESSES.map(|processes| {
            let rounds = figures.hand_over.get(&processes)?;
            Some(format!("{:.0}", of(rounds)?))
        });
        table.row(
            [name.to_owned()]
                .into_iter()
                .chain(cells.map(Option::unwrap_or_default)),
        );
    };
    row("least", &|rounds| rounds.iter().copied().reduce(f64::min));
    row("median", &|rounds| Some(Spread::of(rounds)?.median));
    row("most", &|rounds| rounds.iter().copied().reduce(f64::max));
    table
}

fn latency(figures: &Figures, work: Work) -> Table {
    let title = format!(
        "{}: time of a single call (median of the rounds; max is the worst of all)",
        work.name()
    );
    let mut table = Table::new(title, &by_processes(&["contender", "quantile"]));
    for &name in &figures.names {
        for (quantile, of) in PERCENTILES {
            let cells = PROCESSES.map(|processes| {
                summary(
                    figures,
                    Case {
                        work,
                        name,
                        processes,
                    },
                    quantile,
                    of,
                )
                .map_or(String::new(), time)
            });
            if cells.iter().any(|cell| !cell.is_empty()) {
                table.row([name.into(), quantile.into()].into_iter().chain(cells));
            }
        }
    }
    table
}

/// One figure for all rounds: the worst of the maxima, else the median.
fn summary(figures: &Figures, case: Case, quantile: &str, of: fn(&Latency) -> f64) -> Option<f64> {
    let rounds = figures.latency(&case, of);
    match quantile {
        "max" => rounds.into_iter().reduce(f64::max),
        _ => Some(Spread::of(&rounds)?.median),
    }
}

fn plots(figures: &Figures, settings: &Settings) -> io::Result<()> {
    let lines = |point: &dyn Fn(&'static str, usize) -> Option<f64>| {
        let series = figures.names.iter().map(|&name| Series {
            name: name.into(),
            points: PROCESSES
                .iter()
                .filter_map(|&processes| Some((processes as f64, point(name, processes)?)))
                .collect(),
        });
        series
            .filter(|series| !series.points.is_empty())
            .collect::<Vec<_>>()
    };
    for work in Work::ALL {
        Chart {
            title: format!("{}: throughput", work.name()),
            x: "processes on two cores".into(),
            y: "million calls per second".into(),
            series: lines(&|name, processes| {
                Some(Spread::of(figures.throughput(work, name, processes))?.median / 1e6)
            }),
        }
        .write(
            &settings
                .folder
                .join(format!("throughput-{}.svg", work.name())),
        )?;
        for (quantile, of) in PERCENTILES {
            Chart {
                title: format!("{}: {quantile} of single calls", work.name()),
                x: "processes on two cores".into(),
                y: "microseconds".into(),
                series: lines(&|name, processes| {
                    Some(
                        summary(
                            figures,
                            Case {
                                work,
                                name,
                                processes,
                            },
                            quantile,
                            of,
                        )? / 1e3,
                    )
                }),
            }
            .write(
                &settings
                    .folder
                    .join(format!("latency-{}-{quantile}.svg", work.name())),
            )?;
        }
    }
    Ok(())
}

/// A table's head: `first`, then a column for each number of processes.
fn by_processes(first: &[&'static str]) -> Vec<&'static str> {
    let columns = ["1 process", "2", "4", "8", "16"];
    first.iter().copied().chain(columns).collect()
}
