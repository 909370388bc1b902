//! Callers who wait: tidegate's one sleep for each grant, against polling.
//!
//! Writes `waiting.md`, `waiting.json` and plots to `target/bench/`.

use std::io;
use std::time::Duration;

use serde_json::json;
use tidegate_benches::baselines::{Locked, RobustMutex};
use tidegate_benches::contender::Limit;
use tidegate_benches::goals::{self, Bound, Goal};
use tidegate_benches::machine;
use tidegate_benches::plot::{Chart, Series};
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::table::{Table, time};
use tidegate_benches::tide::Tide;
use tidegate_benches::waiting::{Waiting, measure};

const TIDEGATE: &str = "tidegate";
const POLLING: &str = "mutex, polling";

const WAITERS: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// A thousand grants a second, one by one and fifty at a time.
const RATES: [(&str, Limit); 2] = [
    (
        "1 per 1 ms",
        Limit {
            limit: 1,
            interval: Duration::from_millis(1),
        },
    ),
    (
        "50 per 50 ms",
        Limit {
            limit: 50,
            interval: Duration::from_millis(50),
        },
    ),
];

/// One measurement and what it is of.
struct Case {
    contender: &'static str,
    rate: &'static str,
    waiters: usize,
    waiting: Waiting,
}

fn main() -> io::Result<()> {
    let Some(settings) = Settings::from_arguments(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    let length = Duration::from_millis(if settings.quick { 300 } else { 2000 });
    let mut cases = Vec::new();
    for (rate, limit) in RATES {
        for waiters in WAITERS {
            eprintln!("{waiters} waiters, {rate}");
            let tide = measure(&Tide::new(&[limit])?, limit, waiters, length)?;
            let poll = measure(
                &Locked::<RobustMutex>::new(&[limit])?,
                limit,
                waiters,
                length,
            )?;
            for (contender, waiting) in [(TIDEGATE, tide), (POLLING, poll)] {
                cases.push(Case {
                    contender,
                    rate,
                    waiters,
                    waiting,
                });
            }
        }
    }
    let goals = goals(&cases);

    let machine = machine::describe();
    let text = format!(
        "## Waiting\n\n{}\n{}\n{length:?} each. {machine}.\n",
        table(&cases),
        goals::table(&goals)
    );
    print!("{text}");
    settings.write("waiting.md", &text)?;
    let rows: Vec<_> = cases
        .iter()
        .map(|Case { contender, rate, waiters, waiting }| {
            json!({ "contender": contender, "rate": rate, "waiters": waiters, "waiting": waiting })
        })
        .collect();
    let json = json!({ "cases": rows, "goals": goals, "machine": machine });
    settings.write("waiting.json", &serde_json::to_string_pretty(&json)?)?;
    plots(&cases, &settings)
}

/// What must hold for tidegate, of every number of waiters.
fn goals(cases: &[Case]) -> Vec<Goal> {
    let all = |of: fn(&Waiting) -> f64| {
        let tide = cases.iter().filter(|case| case.contender == TIDEGATE);
        tide.map(|case| of(&case.waiting)).collect::<Vec<_>>()
    };
    let goal = |what: &str, bound, worst: Option<f64>| Goal {
        what: what.into(),
        bound,
        measured: worst.and_then(|worst| Spread::of(&[worst])),
    };
    let most = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    let least = |values: Vec<f64>| values.into_iter().reduce(f64::min);
    vec![
        goal(
            "wake-ups per grant, at worst",
            Bound::AtMost(1.0),
            most(all(|waiting| waiting.sleeps_per_grant)),
        ),
        goal(
            "grants : limit, at worst",
            Bound::AtLeast(0.995),
            least(all(|waiting| waiting.utilisation)),
        ),
        goal(
            "grants : limit, in the fullest interval",
            Bound::AtMost(1.0),
            most(all(|waiting| waiting.fullest)),
        ),
    ]
}

fn table(cases: &[Case]) -> Table {
    let head = [
        "rate",
        "waiters",
        "contender",
        "wake-ups per grant",
        "late p50",
        "p99",
        "max",
        "CPU per grant",
        "limit used",
        "fullest interval",
    ];
    let mut table = Table::new("Waiters on one bucket", &head);
    for Case {
        contender,
        rate,
        waiters,
        waiting,
    } in cases
    {
        // Who polls is granted only after waking, so its lateness shows in the
        // limit's use alone.
        let [p50, p99, max] = match *contender {
            POLLING => [const { String::new() }; 3],
            _ => waiting.overshoot.map(|nanos| time(nanos as f64)),
        };
        table.row([
            (*rate).into(),
            waiters.to_string(),
            (*contender).into(),
            format!("{:.3}", waiting.sleeps_per_grant),
            p50,
            p99,
            max,
            time(waiting.cpu_per_grant * 1e3),
            format!("{:.2} %", waiting.utilisation * 100.0),
            format!("{:.0} %", waiting.fullest * 100.0),
        ]);
    }
    table
}

fn plots(cases: &[Case], settings: &Settings) -> io::Result<()> {
    let chart = |file: &str, y: &str, of: fn(&Waiting) -> f64| {
        let series = RATES.iter().flat_map(|&(rate, _)| {
            [TIDEGATE, POLLING].map(|contender| {
                let points = cases
                    .iter()
                    .filter(|c| c.rate == rate && c.contender == contender);
                Series {
                    name: format!("{contender}, {rate}"),
                    points: points.map(|c| (c.waiters as f64, of(&c.waiting))).collect(),
                }
            })
        });
        let series = series.collect();
        Chart {
            title: format!("waiting: {y}"),
            x: "waiters".into(),
            y: y.into(),
            series,
        }
        .write(&settings.folder.join(file))
    };
    chart("waiting-wakeups.svg", "wake-ups per grant", |waiting| {
        waiting.sleeps_per_grant
    })?;
    chart(
        "waiting-cpu.svg",
        "µs of processor time per grant",
        |waiting| waiting.cpu_per_grant,
    )
}
