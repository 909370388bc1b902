//! Tables and plots of what was measured.

use std::io;

use tidegate_benches::latency::Latency;
use tidegate_benches::plot::{Chart, Series as Line};
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::table::{Table, time};

use crate::figures::{Event, Figures, Run, Series};

/// A percentile's name, and where it is kept.
type Percentile = (&'static str, fn(&Latency) -> f64);

const PERCENTILES: [Percentile; 3] = [
    ("p50", |calls| calls.p50),
    ("p99", |calls| calls.p99),
    ("p99.9", |calls| calls.p999),
];

/// A figure of a contender in an event, if it has it.
type Of<'f> = &'f dyn Fn(&Figures) -> Option<f64>;

/// Writes the plots, and returns the text that shows them among its tables.
pub fn write(run: &Run, settings: &Settings) -> io::Result<String> {
    let mut page = Page {
        settings,
        text: String::new(),
    };
    for series in &run.processes {
        let work = series.work.name();
        page.table(&throughput(series));
        page.chart(
            series,
            &format!("backends-{work}-throughput"),
            [
                &format!("{work}: throughput"),
                "processes on two cores",
                "thousand calls per second",
            ],
            &|figures| Some(figures.calls()?.median / 1e3),
        )?;
        page.table(&latency(series));
        for (quantile, of) in PERCENTILES {
            page.chart(
                series,
                &format!("backends-{work}-{quantile}"),
                [
                    &format!("{work}: {quantile} of single calls"),
                    "processes on two cores",
                    "microseconds",
                ],
                &|figures| Some(of(&figures.times()?) / 1e3),
            )?;
        }
    }
    page.table(&hand_over(&run.processes));
    let growth = run.limits.iter().map(|series| (series, "limit"));
    for (series, what) in growth.chain([(&run.weights, "weight")]) {
        let work = series.work.name();
        page.table(&cost(series, what));
        page.chart(
            series,
            &format!("backends-{work}-{what}"),
            [
                &format!("{work}: a call, as the {what} grows"),
                what,
                "microseconds",
            ],
            &|figures| Some(1e6 / figures.calls()?.median),
        )?;
    }
    Ok(page.text)
}

struct Page<'s> {
    settings: &'s Settings,
    text: String,
}

impl Page<'_> {
    fn table(&mut self, table: &Table) {
        self.text += &format!("{table}\n");
    }

    fn chart(
        &mut self,
        series: &Series,
        name: &str,
        [title, x, y]: [&str; 3],
        of: Of<'_>,
    ) -> io::Result<()> {
        let lines = names(series).map(|name| Line {
            name: name.into(),
            points: points(series, name, of),
        });
        let file = format!("{name}.svg");
        Chart {
            title: title.into(),
            x: x.into(),
            y: y.into(),
            series: lines.filter(|line| !line.points.is_empty()).collect(),
        }
        .write(&self.settings.folder.join(&file))?;
        self.text += &format!("![{title}]({file})\n\n");
        Ok(())
    }
}

fn points(series: &Series, name: &str, of: Of<'_>) -> Vec<(f64, f64)> {
    let events = series.events.iter();
    let point = |event: &Event| Some((event.at as f64, of(named(event, name)?)?));
    events.filter_map(point).collect()
}

fn named<'e>(event: &'e Event, name: &str) -> Option<&'e Figures> {
    event.figures.iter().find(|figures| figures.name == name)
}

/// All who took part in the first event, where nobody is left out.
fn names(series: &Series) -> impl Iterator<Item = &'static str> {
    series.events[0].figures.iter().map(|figures| figures.name)
}

fn throughput(series: &Series) -> Table {
    let title = format!(
        "{}: thousand calls per second of all processes (quartiles)",
        series.work.name()
    );
    let mut table = Table::new(title, &head(&["contender"], series, "processes"));
    let cell = |figures: &Figures| {
        let calls = figures.calls()?;
        let [median, low, high] = [calls.median, calls.low, calls.high].map(thousands);
        Some(format!("{median} ({low} – {high})"))
    };
    for name in names(series) {
        table.row(
            [name.to_owned()]
                .into_iter()
                .chain(cells(series, name, cell)),
        );
    }
    table
}

fn latency(series: &Series) -> Table {
    let title = format!("{}: time of a single call", series.work.name());
    let first = ["contender", "quantile"];
    let mut table = Table::new(title, &head(&first, series, "processes"));
    for name in names(series) {
        for (quantile, of) in PERCENTILES {
            let first = [name, quantile].map(str::to_owned);
            let cell = |figures: &Figures| Some(time(of(&figures.times()?)));
            table.row(first.into_iter().chain(cells(series, name, cell)));
        }
    }
    table
}

fn cost(series: &Series, what: &str) -> Table {
    let title = format!(
        "{}: time of a call in one process, as the {what} grows (quartiles)",
        series.work.name()
    );
    let mut table = Table::new(title, &head(&["contender"], series, what));
    let cell = |figures: &Figures| {
        let calls = figures.calls()?;
        let [median, low, high] =
            [calls.median, calls.high, calls.low].map(|rate| time(1e9 / rate));
        Some(format!("{median} ({low} – {high})"))
    };
    for name in names(series) {
        table.row(
            [name.to_owned()]
                .into_iter()
                .chain(cells(series, name, cell)),
        );
    }
    table
}

fn hand_over(both: &[Series]) -> Table {
    let title = "Hand-over of a cache line beside these, ns: median (least – most)";
    let mut table = Table::new(title, &head(&["beside"], &both[0], "processes"));
    for series in both {
        let cells = series.events.iter().map(|event| {
            let rounds = &event.hand_over;
            let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
            let most = rounds.iter().copied().fold(0.0, f64::max);
            Spread::of(rounds).map_or_else(String::new, |middle| {
                format!("{:.0} ({least:.0} – {most:.0})", middle.median)
            })
        });
        let first = [series.work.name().to_owned()];
        table.row(first.into_iter().chain(cells));
    }
    table
}

/// A contender's cells, one for each event; empty where it took no part.
fn cells(
    series: &Series,
    name: &str,
    cell: impl Fn(&Figures) -> Option<String>,
) -> impl Iterator<Item = String> {
    let events = series.events.iter();
    events.map(move |event| named(event, name).and_then(&cell).unwrap_or_default())
}

/// A table's head: `first`, then a column for each event.
fn head(first: &[&str], series: &Series, what: &str) -> Vec<String> {
    let mut events = series.events.iter().map(|event| grouped(event.at));
    let axis = events.next().map(|at| format!("{what}: {at}"));
    let first = first.iter().map(ToString::to_string);
    first.chain(axis).chain(events).collect()
}

/// A number with its thousands kept apart.
fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

/// A rate in thousands, in three digits or as many as it has.
fn thousands(rate: f64) -> String {
    match rate / 1e3 {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => grouped(large.round() as u64),
    }
}
