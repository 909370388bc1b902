//! Tables of what a limiter did, from the judge's verdict.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{Cell, CellAlignment, Color, LineStyle, Row, Table};
use console::style;
use indicatif::HumanCount;
use tidegate_judge::{Tally, Verdict};

use crate::terminal::Look;

/// An empty table: text in the first column, numbers in the others.
pub fn table<const N: usize>(header: [&str; N], look: Look) -> Table {
    let style = look.pick(UTF8_HORIZONTAL_ONLY, ASCII_MARKDOWN);
    let mut table = Table::new();
    table.load_style(style.row_separator(LineStyle::none()));
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Each rate with its worst window.
pub fn rates(verdict: &Verdict, look: Look) -> Table {
    let header = ["rate", "worst window", "limit", "full", "began at", "kept"];
    let mut table = table(header, look);
    let first = verdict.span.map_or(0, |span| span.0);
    for rate in &verdict.rates {
        let began = rate.worst.map_or(0, |window| window.start) - first;
        let (kept, color) = if rate.holds() {
            (look.pick("✓", "yes"), Color::Green)
        } else {
            (look.pick("✗", "NO"), Color::Red)
        };
        let limit = rate.rate.limit();
        table.add_row([
            Cell::new(rate.rate),
            Cell::new(count(rate.peak())),
            Cell::new(count(limit.into())),
            Cell::new(percent(rate.peak() as f64 / limit as f64)),
            Cell::new(format!("{:.3} s", began as f64 / 1e6)),
            Cell::new(kept).fg(color),
        ]);
    }
    table
}

/// What a worker adds to what the judge knows of it.
pub struct Worker {
    /// Its number in the log.
    pub number: u32,
    /// What to call it.
    pub name: String,
    /// Calls that were refused, if it lived to tell.
    pub refused: Option<u64>,
}

/// Each worker's part, and all together.
pub fn workers(verdict: &Verdict, workers: &[Worker], look: Look) -> Table {
    let header = [
        "",
        "permits",
        "share",
        "grants",
        "slept",
        "wake-ups per grant",
        "refused",
    ];
    let mut table = table(header, look);
    let row = |name: &str, tally: &Tally, refused: Option<u64>| {
        Row::from([
            name.to_owned(),
            count(tally.weight),
            percent(tally.share_of(&verdict.total)),
            count(tally.grants.into()),
            count(tally.slept.into()),
            format!("{:.3}", tally.sleeps_per_grant()),
            refused.map_or("-".to_owned(), |refused| count(refused.into())),
        ])
    };
    for worker in workers {
        let tally = verdict.workers.get(&worker.number);
        let tally = tally.copied().unwrap_or_default();
        table.add_row(row(&worker.name, &tally, worker.refused));
    }
    let refused = workers.iter().filter_map(|worker| worker.refused).sum();
    table.add_row(row("all", &verdict.total, Some(refused)));
    table
}

/// How much was granted of what was there to be had.
pub fn utilisation(verdict: &Verdict) -> String {
    let granted = format!("{} permits granted", count(verdict.total.weight));
    match (verdict.allowed(), verdict.utilisation()) {
        (Some(allowed), Some(utilisation)) => format!(
            "{granted} of the {} that the best limiter could have granted in that time ({}).",
            count(allowed),
            percent(utilisation)
        ),
        _ => format!("{granted}."),
    }
}

/// Something promised, and whether it was kept.
pub struct Promise {
    /// Whether it was kept.
    pub kept: bool,
    /// What was kept, or how it was broken.
    pub says: String,
}

impl Promise {
    /// A line that says so.
    pub fn line(&self, look: Look) -> String {
        let mark = if self.kept {
            style(look.pick("✓", "ok:")).green()
        } else {
            style(look.pick("✗ BROKEN:", "BROKEN:")).red()
        };
        format!("{} {}", mark.bold(), self.says)
    }
}

/// That no rate was exceeded, or else each breach. A log without grants proves nothing.
pub fn windows(verdict: &Verdict) -> Vec<Promise> {
    if !verdict.holds() {
        let breaches = verdict.breaches().into_iter().map(|breach| Promise {
            kept: false,
            says: breach.to_string(),
        });
        return breaches.collect();
    }
    let grants = count(verdict.total.grants.into());
    vec![Promise {
        kept: verdict.total.grants > 0,
        says: format!("No rate was exceeded in any window, by the logs of {grants} grants."),
    }]
}

/// A number with its thousands apart.
pub fn count(n: u128) -> String {
    HumanCount(n.try_into().unwrap_or(u64::MAX)).to_string()
}

/// A part of 1 in percent, rounded down: only all is 100 %.
pub fn percent(part: f64) -> String {
    format!("{:.1} %", (part * 1000.0).floor() / 10.0)
}
