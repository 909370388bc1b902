//! Durations as text in an attribute: `"2s"`, `"1h30m"`.
//!
//! The library's `parse_duration` reads all of these, and the same from them; it also
//! reads spaces and whole words, which an attribute does not need.

use std::time::Duration;
use syn::{Error, LitStr, Result};

/// The longest that the library counts: 64 bits of microseconds.
const LONGEST: Duration = Duration::from_micros(u64::MAX);
const SECOND: u128 = 1_000_000_000;

/// Reads whole numbers, each with a unit, which add up.
pub fn parse(literal: &LitStr) -> Result<Duration> {
    let text = literal.value();
    read(&text).ok_or_else(|| {
        let message = format!(
            "{text:?} is not a duration: write whole numbers with units out of ns, us, ms, s, \
             m, h, d and w, as in \"500ms\" or \"1h30m\""
        );
        Error::new(literal.span(), message)
    })
}

fn read(text: &str) -> Option<Duration> {
    let mut nanos: u128 = 0;
    let mut rest = text;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| c.is_ascii_digit());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let number: u128 = number.parse().ok()?;
        nanos = number.checked_mul(nanos_of(unit)?)?.checked_add(nanos)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let is_countable = nanos <= LONGEST.as_nanos();
    is_countable.then(|| Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32))
}

fn nanos_of(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 60 * 60 * SECOND,
        "d" => 24 * 60 * 60 * SECOND,
        "w" => 7 * 24 * 60 * 60 * SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;
    use proptest::prelude::*;

    #[test]
    fn numbers_with_units_add_up() {
        assert_eq!(read("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(read("1h30m"), Some(Duration::from_secs(90 * 60)));
        assert_eq!(read("1w1d1h1m1s"), Some(Duration::from_secs(694_861)));
        assert_eq!(read("2us3ns"), Some(Duration::from_nanos(2_003)));
    }

    #[test]
    fn a_text_that_is_no_duration_is_named() {
        let wrong = [
            "",
            "2",
            "s",
            "2 s",
            "-2s",
            "2s3",
            "1.5s",
            "2fortnights",
            "99999999999999999999s",
            "99999999999999999w",
            "18446744073709551615us1ns",
        ];
        for text in wrong {
            let error = parse(&LitStr::new(text, Span::call_site())).unwrap_err();
            let start = format!("{text:?} is not a duration: write whole numbers");
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_library_reads_the_same(text in "([0-9]{1,25}(ns|us|ms|s|m|h|d|w)){1,4}") {
            prop_assert_eq!(read(&text), tidegate::parse_duration(&text).ok());
        }

        #[test]
        fn the_library_reads_all_that_is_read_here(text in "[0-9]{0,3}\\PC{0,3}[0-9]?[smh]?") {
            if let Some(duration) = read(&text) {
                prop_assert_eq!(tidegate::parse_duration(&text), Ok(duration));
            }
        }
    }
}
