//! Processes that wait: tidegate's one sleep for each grant, against polling on the same ring,
//! and on a log behind a lock.
//!
//! Writes `waiting.md`, `waiting.json` and plots to `target/bench/`.

use std::io;
use std::time::Duration;

use serde_json::json;
use tidegate_benches::baselines::{Locked, RobustMutex};
use tidegate_benches::contender::{Contender, Limit};
use tidegate_benches::goals::{self, Bound, Goal};
use tidegate_benches::machine;
use tidegate_benches::plot::{Chart, Series};
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::tide::Tide;
use tidegate_benches::waiting::cases::{self, Case};
use tidegate_benches::waiting::figures::Waiting;
use tidegate_benches::waiting::pace::Pace;
use tidegate_benches::waiting::processes::{Polling, measure};

const TIDEGATE: &str = "tidegate, acquire";
const MUTEX: &str = "mutex, polled after retry-after";

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

fn main() -> io::Result<()> {
    let Some(settings) = Settings::of_waits(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    let mut cases = Vec::new();
    for (rate, limit) in RATES {
        for waiters in WAITERS {
            cases.extend(contenders(rate, limit, waiters, &settings));
        }
    }
    cases::measure(&mut cases, settings.rounds)?;
    let goals = goals(&cases, settings.rounds);

    let heads = ["rate", "waiters", "contender"];
    let text = format!(
        "## Waiting processes\n\n{}\n{}\n{}\n{}",
        cases::table("Processes that wait on one bucket", &heads, &cases),
        cases::LEGEND,
        goals::table(&goals),
        settings.footnote(),
    );
    print!("{text}");
    settings.write("waiting.md", &text)?;
    let json = json!({
        "cases": cases::to_json(&cases), "goals": goals, "machine": machine::describe(),
    });
    settings.write("waiting.json", &serde_json::to_string_pretty(&json)?)?;
    plots(&cases, &settings)
}

/// All who wait for the same, next to each other.
fn contenders<'a>(
    rate: &str,
    limit: Limit,
    waiters: usize,
    settings: &Settings,
) -> impl IntoIterator<Item = Case<'a>> {
    let length = settings.slice;
    let labels = |contender: &str| [rate.to_owned(), waiters.to_string(), contender.to_owned()];
    let polled = |pace: Pace| {
        Case::new(labels(&format!("the same ring, {pace}")), move || {
            let tide = Tide::new(&[limit])?;
            measure(|| Ok(Polling(tide.limiter(), pace)), limit, waiters, length)
        })
    };
    [
        Case::new(labels(TIDEGATE), move || {
            let tide = Tide::new(&[limit])?;
            measure(|| Ok(tide.limiter()), limit, waiters, length)
        }),
        polled(Pace::Every(settings.poll)),
        polled(Pace::AsTold),
        Case::new(labels(MUTEX), move || {
            let mutex = Locked::<RobustMutex>::new(&[limit])?;
            measure(|| mutex.enter(), limit, waiters, length)
        }),
    ]
}

/// What must hold for tidegate, in every round at every number of waiters.
fn goals(cases: &[Case<'_>], rounds: usize) -> Vec<Goal> {
    let goal = |what: &str, bound, worse: fn(f64, f64) -> f64, of: fn(&Waiting) -> f64| {
        let worst = |round| {
            let ours = cases.iter().filter(|case| case.labels[2] == TIDEGATE);
            let values = ours.map(|case: &Case<'_>| of(&case.rounds[round]));
            values.reduce(worse)
        };
        let worst: Vec<f64> = (0..rounds).filter_map(worst).collect();
        Goal {
            what: what.into(),
            bound,
            measured: Spread::of(&worst),
        }
    };
    vec![
        goal(
            "wake-ups per grant, at worst",
            Bound::AtMost(1.0),
            f64::max,
            |waiting| waiting.wakeups_per_grant,
        ),
        goal(
            "grants : limit, at worst",
            Bound::AtLeast(0.995),
            f64::min,
            |waiting| waiting.utilisation,
        ),
        goal(
            "grants : limit, in the fullest interval",
            Bound::AtMost(1.0),
            f64::max,
            |waiting| waiting.fullest,
        ),
    ]
}

/// By the number of waiters, at the first rate.
fn plots(cases: &[Case<'_>], settings: &Settings) -> io::Result<()> {
    let (rate, _) = RATES[0];
    let chart = |file: &str, y: &str, of: fn(&Waiting) -> f64| {
        let mut series: Vec<Series> = Vec::new();
        for case in cases.iter().filter(|case| case.labels[0] == rate) {
            let [_, waiters, name] = &case.labels[..] else {
                continue;
            };
            let (Ok(x), Some(y)) = (waiters.parse(), case.median(of)) else {
                continue;
            };
            match series.iter_mut().find(|line| line.name == *name) {
                Some(line) => line.points.push((x, y)),
                None => series.push(Series {
                    name: name.clone(),
                    points: vec![(x, y)],
                }),
            }
        }
        Chart {
            title: format!("waiting, {rate}: {y}"),
            x: "waiters".into(),
            y: y.into(),
            series,
        }
        .write(&settings.folder.join(file))
    };
    chart("waiting-wakeups.svg", "wake-ups per grant", |waiting| {
        waiting.wakeups_per_grant
    })?;
    chart(
        "waiting-cpu.svg",
        "s of processor time per 1,000 grants",
        |waiting| waiting.cpu_per_thousand,
    )
}
