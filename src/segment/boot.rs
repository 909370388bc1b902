//! Which boot, and which time namespace, this process lives in: a tick means nothing
//! in another.

use crate::clock::ClockKind;
use std::fs;
use std::io;

/// The system's boot id. One that cannot be read is an error: to take it for another
/// boot's would be to replace segments that are in use.
pub fn boot_id() -> io::Result<[u64; 2]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let id = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    Ok([(id >> 64) as u64, id as u64])
}

/// How far this process's time namespace shifts the clock: seconds, nanoseconds.
pub fn time_namespace(kind: ClockKind) -> [u64; 2] {
    let text = fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
    parse_offsets(&text, kind)
}

fn parse_offsets(text: &str, kind: ClockKind) -> [u64; 2] {
    let name = match kind {
        ClockKind::Boottime | ClockKind::Counter => "boottime",
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
        assert_ne!(boot_id().unwrap(), [0, 0]);
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
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
