//! Tables in Markdown, aligned for whoever reads them as they are.

use std::fmt;

/// A title, a head and rows.
#[derive(Debug, Clone)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, head: &[impl ToString]) -> Self {
        let head = head.iter().map(ToString::to_string).collect();
        Self {
            title: title.into(),
            rows: vec![head],
        }
    }

    /// Adds a row; what it is short of the head stays empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &'_ [String], column| row.get(column).cloned().unwrap_or_default();
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows
                    .iter()
                    .map(|row| cell(row, column).chars().count())
                    .max()
            })
            .map(Option::unwrap_or_default)
            .collect();
        writeln!(f, "### {}\n", self.title)?;
        for (index, row) in self.rows.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                write!(f, "| {:<width$} ", cell(row, column))?;
            }
            writeln!(f, "|")?;
            if index == 0 {
                for width in &widths {
                    write!(f, "|-{}-", "-".repeat(*width))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Nanoseconds in the unit that reads best.
pub fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new("Tides", &["place", "m"]);
        table.row(["Saint-Malo".into(), "12".into()]);
        table.row(["Ré".into()]);
        let expected = "### Tides\n\n\
            | place      | m  |\n\
            |------------|----|\n\
            | Saint-Malo | 12 |\n\
            | Ré         |    |\n";
        assert_eq!(table.to_string(), expected);
    }
}
