//! Durations as text, and the units they are written in.

use super::super::{DAY, HOUR, MINUTE, WEEK};
use super::error::{LONGEST, RateTextError};
use std::time::Duration;

/// A unit of time.
pub struct Unit {
    /// How long one is.
    pub length: Duration,
    /// What it may be called; the first is how it is printed.
    pub words: &'static [&'static str],
}

/// Longest first, and each a multiple of the next: so the first that divides a
/// duration gives its shortest text.
pub const UNITS: [Unit; 8] = [
    Unit {
        length: WEEK,
        words: &["w", "week", "weeks"],
    },
    Unit {
        length: DAY,
        words: &["d", "day", "days"],
    },
    Unit {
        length: HOUR,
        words: &["h", "hour", "hours"],
    },
    Unit {
        length: MINUTE,
        words: &["m", "min", "minute", "minutes"],
    },
    Unit {
        length: Duration::from_secs(1),
        words: &["s", "sec", "second", "seconds"],
    },
    Unit {
        length: Duration::from_millis(1),
        words: &["ms", "millisecond", "milliseconds"],
    },
    Unit {
        length: Duration::from_micros(1),
        // The micro sign and the Greek letter look alike.
        words: &["us", "\u{b5}s", "\u{3bc}s", "microsecond", "microseconds"],
    },
    Unit {
        length: Duration::from_nanos(1),
        words: &["ns", "nanosecond", "nanoseconds"],
    },
];

/// Reads a duration: whole numbers, each with a unit, which add up.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `w`, or their English
/// names; spaces may stand between the parts. The longest duration is
/// `u64::MAX` microseconds.
///
/// # Errors
///
/// A [`RateTextError`] that names the text, if it is empty, lacks a number or a
/// unit, has a unit that is not known, or is too long.
///
/// ```
/// use std::time::Duration;
/// use tidegate::parse_duration;
///
/// assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
/// assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
/// assert_eq!(
///     parse_duration("3 fortnights").unwrap_err().to_string(),
///     r#""fortnights" in "3 fortnights" is not a unit: write ns, us, ms, s, m, h, d or w"#,
/// );
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, RateTextError> {
    sum_of_units(text, text)
}

/// Reads `part`; `text` is the whole that an error names.
pub fn sum_of_units(part: &str, text: &str) -> Result<Duration, RateTextError> {
    let not_a_duration = || RateTextError::NotADuration {
        text: text.to_owned(),
    };
    let too_long = || RateTextError::DurationTooLong {
        text: text.to_owned(),
    };

    let mut rest = part.trim();
    if rest.is_empty() {
        return Err(not_a_duration());
    }
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
        let (word, after) = split_while(after.trim_start(), char::is_alphabetic);
        if word.is_empty() {
            return Err(not_a_duration());
        }
        let unit = unit_named(word).ok_or_else(|| RateTextError::UnknownUnit {
            unit: word.to_owned(),
            text: text.to_owned(),
        })?;
        if digits.is_empty() {
            return Err(not_a_duration());
        }
        sum = digits
            .parse::<u128>()
            .ok()
            .and_then(|count| count.checked_mul(unit.length.as_nanos()))
            .and_then(|nanos| nanos.checked_add(sum))
            .ok_or_else(too_long)?;
        rest = after.trim_start();
    }

    if sum > LONGEST.as_nanos() {
        return Err(too_long());
    }
    let micros = (sum / 1_000) as u64; // at most LONGEST
    let nanos = (sum % 1_000) as u64;
    Ok(Duration::from_micros(micros) + Duration::from_nanos(nanos))
}

/// The unit that may be called so.
pub fn unit_named(word: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.words.contains(&word))
}

/// The longest start of `text` that `belongs`, and what follows it.
fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error_of(text: &str) -> RateTextError {
        parse_duration(text).unwrap_err()
    }

    #[test]
    fn every_unit_has_its_words() {
        for unit in &UNITS {
            for word in unit.words {
                assert_eq!(parse_duration(&format!("3{word}")), Ok(3 * unit.length));
                assert_eq!(parse_duration(&format!(" 3 {word} ")), Ok(3 * unit.length));
            }
        }
    }

    #[test]
    fn a_duration_needs_numbers_and_units() {
        for text in ["", " ", "1", "1h30", "s10", "1.5h", "-1s", "s/s", "10ss m"] {
            let error = error_of(text);
            assert!(
                matches!(
                    &error,
                    RateTextError::NotADuration { text: named }
                    | RateTextError::UnknownUnit { text: named, .. } if named == text
                ),
                "{error:?}"
            );
        }
        // A unit alone is an interval, not a duration.
        assert_eq!(
            parse_duration("s"),
            Err(RateTextError::NotADuration { text: "s".into() })
        );
    }

    #[test]
    fn an_unknown_unit_is_named() {
        for (text, unit) in [("month", "month"), ("2M", "M"), ("1h2y", "y")] {
            assert_eq!(
                error_of(text),
                RateTextError::UnknownUnit {
                    unit: unit.into(),
                    text: text.into()
                }
            );
        }
    }

    #[test]
    fn what_is_too_long_is_an_error_that_names_the_text() {
        let forty_digits = format!("{}ns", "9".repeat(40));
        let carry = "18446744073709551615us 1us";
        // Both would wrap round 128 bits to something small.
        let product = format!("{}w", 1_u128 << 127);
        let sum = format!("{}ns 2ns", u128::MAX);
        for text in ["99999999999w", &forty_digits, carry, &product, &sum] {
            let error = error_of(text);
            assert_eq!(error, RateTextError::DurationTooLong { text: text.into() });
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn the_longest_duration_is_64_bits_of_microseconds() {
        assert_eq!(parse_duration("18446744073709551615us"), Ok(LONGEST));
        assert_eq!(
            parse_duration("18446744073709551615us 1ns"),
            Err(RateTextError::DurationTooLong {
                text: "18446744073709551615us 1ns".into()
            })
        );
        assert!(parse_duration("213503982d").is_ok());
        assert!(
            error_of("213503983d")
                .to_string()
                .contains("less than 213503982 days")
        );
    }

    proptest! {
        #[test]
        fn parts_add_up(hours in 0..1_000_u32, minutes in 0..1_000_u32, millis in 0..1_000_u32) {
            prop_assert_eq!(
                parse_duration(&format!("{hours}h{minutes}m {millis} ms")),
                Ok(hours * HOUR + minutes * MINUTE + Duration::from_millis(millis.into()))
            );
        }
    }
}
