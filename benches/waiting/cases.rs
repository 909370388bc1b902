//! Measurements in interleaved rounds.

use std::io;

use serde_json::{Value, json};

use crate::stats::Spread;
use crate::table::Table;
use crate::waiting::figures::{FIGURES, Figure, Waiting};

/// What goes under the tables.
pub const LEGEND: &str = "\
Medians of all rounds, and quartiles. Whoever is granted asks again at once. Late is from when \
the limit allowed a grant until the call returned, of those that slept; what is lost by grants \
that are all late shows in the use of the limit. Least : most are the grants of the waiter that \
got fewest and of the one that got most.
";

/// What is measured, and what came out round by round.
pub struct Case<'a> {
    /// What it is of: the first cells of its row.
    pub labels: Vec<String>,
    measure: Box<dyn Fn() -> io::Result<Waiting> + 'a>,
    /// One for each round.
    pub rounds: Vec<Waiting>,
}

impl<'a> Case<'a> {
    /// Nothing is measured yet.
    pub fn new(
        labels: impl IntoIterator<Item = String>,
        measure: impl Fn() -> io::Result<Waiting> + 'a,
    ) -> Self {
        Self {
            labels: labels.into_iter().collect(),
            measure: Box::new(measure),
            rounds: Vec::new(),
        }
    }

    /// A figure of each round.
    pub fn values(&self, of: fn(&Waiting) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    /// The median of a figure.
    pub fn median(&self, of: fn(&Waiting) -> f64) -> Option<f64> {
        Spread::of(&self.values(of)).map(|spread| spread.median)
    }
}

/// Measures all cases one after the other in every round; every other round goes backwards.
pub fn measure(cases: &mut [Case<'_>], rounds: usize) -> io::Result<()> {
    for round in 0..rounds {
        let mut order: Vec<&mut Case<'_>> = cases.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for case in order {
            let Case { labels, .. } = case;
            eprintln!("round {} of {rounds}: {}", round + 1, labels.join(", "));
            case.rounds.push((case.measure)()?);
        }
    }
    Ok(())
}

/// A row for each case: the medians, and in brackets the quartiles.
pub fn table(title: &str, heads: &[&str], cases: &[Case<'_>]) -> Table {
    let figures = FIGURES.iter().map(|figure| figure.head);
    let head: Vec<&str> = heads.iter().copied().chain(figures).collect();
    let mut table = Table::new(title, &head);
    for case in cases {
        let figures = FIGURES.iter().map(|figure| cell(case, figure));
        table.row(case.labels.iter().cloned().chain(figures));
    }
    table
}

fn cell(case: &Case<'_>, figure: &Figure) -> String {
    Spread::of(&case.values(figure.of)).map_or(String::new(), |spread| {
        let [low, median, high] = [spread.low, spread.median, spread.high].map(figure.show);
        format!("{median} ({low} – {high})")
    })
}

/// All of it, for programs.
pub fn to_json(cases: &[Case<'_>]) -> Vec<Value> {
    let case = |case: &Case<'_>| json!({ "case": case.labels, "rounds": case.rounds });
    cases.iter().map(case).collect()
}
