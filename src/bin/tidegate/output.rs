//! Writing for people: to standard output, where somebody may have stopped reading, and
//! to standard error, which may be closed.

use crate::failure::Failure;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// Prints what was asked for. That nobody reads on (`| head -1`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::system("write to standard output")(error))
        }
        _ => Ok(()),
    }
}

/// Prints one line for programs.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::System {
        doing: "write JSON",
        source: error.into(),
    })?;
    print(&line)
}

/// Says something on standard error.
pub fn tell(message: &impl Display) {
    // Where it is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "tidegate: {message}");
}

/// A time in microseconds, for programs.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A time to the microsecond, as `sleep` takes it.
pub fn exact(time: Duration) -> String {
    format!("{}.{:06}s", time.as_secs(), time.subsec_micros())
}

/// A time in its two largest units.
pub fn brief(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..MINUTE => format!("{:.1}s", time.as_secs_f64()).replace(".0s", "s"),
        MINUTE..HOUR => format!("{}m {}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h {}m", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{}d {}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// A number of bytes in the largest unit that fits.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// As many of a thing as there are: `1 permit`, `2 permits`.
pub fn many(count: u64, thing: &str) -> String {
    let plural = match thing {
        _ if count == 1 => "",
        _ if thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {thing}{plural}")
}

/// Things in a row: `5/2s, 100/m`.
pub fn row<T: Display>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(T::to_string).collect();
    words.join(", ")
}

/// Lines whose columns begin at the same place, two spaces apart.
pub fn table<L: AsRef<[String]>>(lines: &[L]) -> String {
    let mut widths = Vec::new();
    for line in lines {
        let line = line.as_ref();
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let lines = lines.iter().map(|line| {
        let cells = line.as_ref().iter().zip(&widths);
        let padded: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        padded.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_the_microsecond_or_brief() {
        let micros = Duration::from_micros;
        assert_eq!(exact(micros(1_234_567)), "1.234567s");
        assert_eq!(exact(micros(7)), "0.000007s");
        let briefs = [
            (micros(999_999), "999ms"),
            (micros(12_340_000), "12.3s"),
            (micros(10_000_000), "10s"),
            (Duration::from_secs(3_599), "59m 59s"),
            (Duration::from_secs(3_600), "1h 0m"),
            (Duration::from_secs(90_000), "1d 1h"),
        ];
        for (time, text) in briefs {
            assert_eq!(brief(time), text);
        }
    }

    #[test]
    fn sizes_are_in_the_largest_unit_that_fits() {
        let sizes = [
            (1023, "1023 B"),
            (12_544, "12.2 KiB"),
            (1 << 20, "1.0 MiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16777216.0 TiB"),
        ];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn columns_of_a_table_begin_at_the_same_place() {
        let line = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let lines = [line("a", "b"), line("long", ""), line("ünï", "c")];
        assert_eq!(table(&lines), "a     b\nlong\nünï   c");
    }
}
