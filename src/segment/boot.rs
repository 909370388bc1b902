//! Which boot, and which time namespace, this process lives in: a tick means nothing
//! in another.

use crate::clock::ClockKind;
use std::fs;

/// The system's boot id, or zeros where it has none.
pub fn boot_id() -> [u64; 2] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map_or([0, 0], |id| [(id >> 64) as u64, id as u64])
}

/// How far this process's time namespace shifts the clock: seconds, nanoseconds.
pub fn time_namespace(kind: ClockKind) -> [u64; 2] {
    let text = fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
    parse_offsets(&text, kind)
}

fn parse_offsets(text: &str, kind: ClockKind) -> [u64; 2] {
    let name = match kind {
        ClockKind::Boottime => "boottime",
        ClockKind::Monotonic => "monotonic",
    };
    let line = text
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next() == Some(name)).then(|| [words.next(), words.next()]));
    let number = |word: Option<&str>| word.and_then(|w| w.parse::<i64>().ok()).unwrap_or(0) as u64;
    line.map_or([0, 0], |words| words.map(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_is_there_and_does_not_change() {
        assert_ne!(boot_id(), [0, 0]);
        assert_eq!(boot_id(), boot_id());
    }

    #[test]
    fn offsets_are_found_by_the_clock_s_name() {
        let text = "monotonic           5         7\nboottime      -86400         3\n";
        assert_eq!(
            parse_offsets(text, ClockKind::Boottime),
            [-86400_i64 as u64, 3]
        );
        assert_eq!(parse_offsets(text, ClockKind::Monotonic), [5, 7]);
        assert_eq!(parse_offsets("", ClockKind::Monotonic), [0, 0]);
    }
}
