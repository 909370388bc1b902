//! Ten thousand tasks that wait in one process: tidegate's one wake-up for each grant, against
//! polling on the same ring, and against limiters that are made for one process.
//!
//! Writes `tasks.md` and `tasks.json` to `target/bench/`.

use std::io;
use std::time::Duration;

use serde_json::json;
use tidegate_benches::contender::Limit;
use tidegate_benches::goals::{self, Bound, Goal};
use tidegate_benches::machine;
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::tide::Tide;
use tidegate_benches::waiting::cases::{self, Case};
use tidegate_benches::waiting::figures::Waiting;
use tidegate_benches::waiting::pace::Pace;
use tidegate_benches::waiting::tasks::{Jittery, Polling, governor, leaky_bucket, measure};

const TASKS: usize = 10_000;

/// Twenty thousand grants a second. The interval is well above a millisecond, by which tokio's
/// timers go.
const RATE: Limit = Limit {
    limit: 200,
    interval: Duration::from_millis(10),
};

/// The time in which each task can have its turn.
const TURN: Duration = Duration::from_millis(500);

/// So many slices of the settings are measured at once: ten turns of each task, if a slice is
/// a second.
const SLICES: u32 = 5;

fn main() -> io::Result<()> {
    let Some(settings) = Settings::of_waits(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    let length = settings.slice * SLICES;
    let ring = || Tide::with_queue(&[RATE], 2 * TASKS as u64);
    let label = |what: &str| [what.to_owned()];
    let polled = |pace: Pace| {
        Case::new(label(&format!("the same ring, {pace}")), move || {
            let tide = ring()?;
            measure(
                || Ok(Polling(tide.limiter().clone(), pace)),
                RATE,
                TASKS,
                length,
            )
        })
    };
    let mut cases = [
        Case::new(label("tidegate, acquire_async"), || {
            let tide = ring()?;
            measure(|| Ok(tide.limiter().clone()), RATE, TASKS, length)
        }),
        polled(Pace::Every(settings.poll)),
        polled(Pace::AsTold),
        Case::new(label("governor, until_ready"), || {
            measure(|| governor(RATE), RATE, TASKS, length)
        }),
        Case::new(label(&format!("governor, jitter up to {TURN:?}")), || {
            measure(|| Ok(Jittery(governor(RATE)?, TURN)), RATE, TASKS, length)
        }),
        Case::new(label("leaky-bucket, acquire_one"), || {
            measure(|| Ok(leaky_bucket(RATE)), RATE, TASKS, length)
        }),
    ];
    cases::measure(&mut cases, settings.rounds)?;

    let [ours, ..] = &cases;
    let goal = |what: &str, bound, of: fn(&Waiting) -> f64| Goal {
        what: what.into(),
        bound,
        measured: Spread::of(&ours.values(of)),
    };
    let goals = [
        // Who wakes late queues again: it may be one in a hundred, where so many share a timer.
        goal("wake-ups per grant", Bound::AtMost(1.01), |waiting| {
            waiting.wakeups_per_grant
        }),
        goal("grants : limit", Bound::AtLeast(0.995), |waiting| {
            waiting.utilisation
        }),
    ];
    let title = format!("{TASKS} tasks on one limiter of 200 per 10 ms");
    let text = format!(
        "## Waiting tasks\n\n{}\n{}\n{}\n{length:?} are measured in each round. {}",
        cases::table(&title, &["contender"], &cases),
        cases::LEGEND,
        goals::table(&goals),
        settings.footnote(),
    );
    print!("{text}");
    settings.write("tasks.md", &text)?;
    let json = json!({
        "cases": cases::to_json(&cases), "goals": goals, "machine": machine::describe(),
    });
    settings.write("tasks.json", &serde_json::to_string_pretty(&json)?)
}
