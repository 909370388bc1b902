//! What a stopped and a killed process do to another that calls the same limiter.
//!
//! Writes `faults.md` and `faults.json` to `target/bench/`.

use std::io;

use serde_json::{Value, json};
use tidegate_benches::baselines::{FileLock, Locked, RobustMutex, SpinLock};
use tidegate_benches::contender::{Contender, Work};
use tidegate_benches::faults::{Aftermath, Fault, WINDOW, measure};
use tidegate_benches::machine;
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::table::{Table, time};
use tidegate_benches::tide::Tide;

fn main() -> io::Result<()> {
    let Some(settings) = Settings::of_calls(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    let mut report = Report {
        trials: if settings.quick { 10 } else { 150 },
        table: Table::new(
            format!("A process meets a fault; another is watched for {WINDOW:?}"),
            &[
                "contender",
                "fault",
                "other stands still in",
                "its calls, M/s",
                "its longest call",
                "at worst",
            ],
        ),
        rows: Vec::new(),
    };
    let rates = [Work::Admit.limit()];
    report.contender(|| Tide::new(&rates))?;
    report.contender(|| Locked::<RobustMutex>::new(&rates))?;
    report.contender(|| Locked::<SpinLock>::new(&rates))?;
    report.contender(|| Locked::<FileLock>::new(&rates))?;

    let machine = machine::describe();
    let text = format!("## Stopped and killed\n\n{}\n{machine}.\n", report.table);
    print!("{text}");
    settings.write("faults.md", &text)?;
    let json = json!({ "trials": report.rows, "machine": machine });
    settings.write("faults.json", &serde_json::to_string_pretty(&json)?)
}

struct Report {
    trials: usize,
    table: Table,
    rows: Vec<Value>,
}

impl Report {
    fn contender<C: Contender>(&mut self, make: impl Fn() -> io::Result<C>) -> io::Result<()> {
        let name = make()?.name();
        for (fault, word) in [(Fault::Stopped, "stopped"), (Fault::Killed, "killed")] {
            let trials = measure(&make, fault, self.trials)?;
            self.rows
                .push(json!({ "contender": name, "fault": fault, "trials": trials }));
            self.row(name, word, &trials);
        }
        Ok(())
    }

    fn row(&mut self, name: &str, fault: &str, trials: &[Aftermath]) {
        let still = trials.iter().filter(|trial| trial.calls == 0).count();
        let rates: Vec<f64> = trials
            .iter()
            .map(|trial| trial.calls as f64 / WINDOW.as_secs_f64() / 1e6)
            .collect();
        let longest: Vec<f64> = trials.iter().map(|trial| trial.longest).collect();
        let median = |values: &[f64]| Spread::of(values).map_or(f64::NAN, |spread| spread.median);
        self.table.row([
            name.into(),
            fault.into(),
            format!("{still} of {}", trials.len()),
            format!("{:.2}", median(&rates)),
            time(median(&longest)),
            if still > 0 {
                format!("none in {WINDOW:?}")
            } else {
                time(longest.iter().copied().fold(0.0, f64::max))
            },
        ]);
    }
}
