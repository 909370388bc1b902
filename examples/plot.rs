//! Grants over time against their limits, drawn in the terminal.
//!
//! Every rate has a band. A column of it shows the most that was granted within any
//! window of the rate that ended in that stretch of time; the line above is the limit. A
//! limiter that keeps its promise fills a band up to the line; one that does not breaks
//! through it.

use console::style;
use tidegate_judge::{Grant, Rate};

use crate::terminal::Look;

/// Rows of a band under its limit.
const HEIGHT: u128 = 3;
/// Steps of a row: as many as there are block characters.
const STEPS: u128 = 8;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', '.', ':', ':', '+', '+', '#', '#'];

/// Draws `grants` against `rates`, with a mark under each of `events` (an instant in the
/// grants' microseconds, and what happened). Empty without grants.
pub fn plot(grants: &[Grant], rates: &[Rate], events: &[(u64, String)], look: Look) -> String {
    let mut timeline: Vec<(u64, u64)> = grants.iter().map(|g| (g.at, g.weight)).collect();
    timeline.sort_unstable();
    let (Some(first), Some(last)) = (timeline.first(), timeline.last()) else {
        return String::new();
    };
    let labels: Vec<String> = rates.iter().map(Rate::to_string).collect();
    let margin = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    let time = Time {
        start: first.0,
        span: last.0 - first.0,
        columns: look.width.saturating_sub(margin + 2).clamp(20, 100),
    };

    let caption = "granted within each rate's window, over time; the line above is its limit";
    let mut lines = vec![style(caption).dim().to_string()];
    for (rate, label) in rates.iter().zip(&labels) {
        let peaks = peaks(&timeline, *rate, &time);
        for (row, line) in band(&peaks, rate.limit(), look).into_iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            lines.push(format!("{label:>margin$} {line}"));
        }
    }
    let below = std::iter::once(time.axis()).chain(events.iter().map(|(at, what)| {
        let (column, mark) = (time.column(*at), look.pick('▲', '^'));
        if column < time.columns / 2 {
            format!("{:column$}{mark} {what}", "")
        } else {
            format!("{:>column$}{mark}", format!("{what} "))
        }
    }));
    lines.extend(below.map(|line| format!("{:margin$} {}", "", style(line).dim())));
    lines.join("\n")
}

/// The stretch of time that is drawn.
struct Time {
    start: u64,
    span: u64,
    columns: usize,
}

impl Time {
    fn column(&self, at: u64) -> usize {
        let part = u128::from(at.saturating_sub(self.start)) * self.columns as u128;
        let column = part / (u128::from(self.span) + 1);
        (column as usize).min(self.columns - 1)
    }

    /// The first instant of a column.
    fn begin(&self, column: usize) -> u64 {
        let part = (u128::from(self.span) + 1) * column as u128;
        let offset = part.div_ceil(self.columns as u128) as u64;
        self.start + offset.min(self.span)
    }

    /// A line with about one label in fifteen columns.
    fn axis(&self) -> String {
        let seconds = self.span.max(1) as f64 / 1e6;
        let wanted = seconds * 15.0 / self.columns as f64;
        let decade = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * decade);
        let step = step.into_iter().find(|&step| step >= wanted).unwrap_or(1.0);

        let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        let ticks = (0..).map(|n| f64::from(n) * step);
        let mut line = String::new();
        for tick in ticks.take_while(|&tick| tick <= seconds) {
            let column = self.column(self.start.saturating_add((tick * 1e6) as u64));
            line = format!("{line:column$}{tick:.decimals$} s");
        }
        line
    }
}

/// The most that was granted in any window that ends in each column.
fn peaks(timeline: &[(u64, u64)], rate: Rate, time: &Time) -> Vec<u128> {
    // A window's sum is largest just after a grant; where there is none, at the
    // column's beginning, for after that permits only leave it.
    let begins = (0..time.columns).map(|column| (time.begin(column), 0));
    let mut ends: Vec<(u64, u64)> = timeline.iter().copied().chain(begins).collect();
    ends.sort_by_key(|end| end.0);

    let mut peaks = vec![0; time.columns];
    let mut oldest = 0;
    let mut sum: u128 = 0;
    for &(end, weight) in &ends {
        sum += u128::from(weight);
        while end - ends[oldest].0 >= rate.interval() {
            sum -= u128::from(ends[oldest].1);
            oldest += 1;
        }
        let peak = &mut peaks[time.column(end)];
        *peak = sum.max(*peak);
    }
    peaks
}

/// The lines of a band, the limit first.
fn band(peaks: &[u128], limit: u64, look: Look) -> Vec<String> {
    let limit = u128::from(limit);
    let over = |peak: &u128| *peak > limit;
    let runs = peaks.chunk_by(|a, b| over(a) == over(b));
    let line = runs.map(|run| {
        if over(&run[0]) {
            style(look.pick("▲", "!").repeat(run.len())).red().bold()
        } else {
            style(look.pick("┈", "-").repeat(run.len())).dim()
        }
    });
    let line = line.map(|run| run.to_string()).collect();
    let rows = (0..HEIGHT).rev().map(|row| {
        let row: String = peaks
            .iter()
            .map(|&peak| glyph(peak, limit, row, look))
            .collect();
        style(row).cyan().to_string()
    });
    std::iter::once(line).chain(rows).collect()
}

/// One character of a column, in a row counted from below; rounded up, so that every
/// permit shows.
fn glyph(peak: u128, limit: u128, row: u128, look: Look) -> char {
    let level = (peak * HEIGHT * STEPS).div_ceil(limit.max(1));
    let steps = level.saturating_sub(row * STEPS).min(STEPS);
    look.pick(BLOCKS, ASCII)[steps as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PLAIN: Look = Look {
        terminal: false,
        width: 40,
    };

    fn grant(at: u64, weight: u64) -> Grant {
        Grant {
            before: at,
            at,
            after: at,
            weight,
            worker: 0,
            sleeps: 0,
        }
    }

    fn draw(limit: u64, grants: &[Grant]) -> Vec<String> {
        let rate = Rate::new(limit, Duration::from_secs(1));
        let plot = plot(grants, &[rate], &[], PLAIN);
        plot.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_window_at_its_limit_touches_the_line_and_one_above_breaks_it() {
        let grants = [grant(0, 3), grant(500_000, 3), grant(2_000_000, 1)];
        let kept = draw(6, &grants);
        let broken = draw(5, &grants);
        assert!(!kept[0].contains('!') && kept[1].contains('#'), "{kept:#?}");
        assert!(
            broken[0].contains('!') && broken[1].contains('#'),
            "{broken:#?}"
        );
        assert!(!draw(7, &grants)[1].contains('#'));
    }

    #[test]
    fn permits_leave_a_window_one_interval_later() {
        let time = Time {
            start: 0,
            span: 3_999_999,
            columns: 8,
        };
        let rate = Rate::new(9, Duration::from_secs(1));
        let timeline = [(0, 2), (600_000, 3), (3_999_999, 1)];
        assert_eq!(peaks(&timeline, rate, &time), [2, 5, 3, 3, 0, 0, 0, 1]);
    }

    #[test]
    fn the_axis_counts_seconds_and_marks_stand_under_their_instant() {
        let grants = [grant(7_000_000, 1), grant(11_000_000, 1)];
        let rate = Rate::new(1, Duration::from_secs(1));
        let events = [
            (9_000_000, "one".to_owned()),
            (10_000_000, "two".to_owned()),
        ];
        let plot = plot(&grants, &[rate], &events, PLAIN);
        let mut lines = plot.lines().rev();
        let mut line = || lines.next().unwrap();
        let (two, one, axis) = (line(), line(), line());
        assert!(one.ends_with("^ one") && two.ends_with("two ^"), "{plot}");
        assert_eq!(axis.find('2'), one.find('^'), "{plot}");
    }

    #[test]
    fn any_log_is_drawn() {
        let rate = Rate::new(0, Duration::ZERO);
        let grants = [grant(0, u64::MAX), grant(u64::MAX, u64::MAX)];
        assert_eq!(plot(&[], &[rate], &[], PLAIN), "");
        for grants in [&grants[..], &grants[..1], &grants[1..]] {
            assert!(!plot(grants, &[rate], &[], PLAIN).is_empty());
            assert!(!plot(grants, &[], &[], PLAIN).is_empty());
        }
    }
}
