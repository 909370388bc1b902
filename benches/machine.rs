//! The machine, in one line under every table.

use std::fs::read_to_string;
use std::path::Path;

use crate::process::cores;

/// Processor, cores used, kernel and clock source; "unknown" for what the system
/// does not tell.
pub fn describe() -> String {
    let first_line = |path: &str| {
        let text = read_to_string(path).unwrap_or_default();
        text.lines().next().unwrap_or("unknown").to_owned()
    };
    let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |field: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(field))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let field = |name| named(name).unwrap_or_else(|| "unknown".into());
    format!(
        "{} (family {}, model {}), {} cores used, Linux {}, clock source {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        cores().map_or(0, |cores| cores.len()),
        first_line("/proc/sys/kernel/osrelease"),
        first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    )
}

/// The kind of file system that a path is on.
pub fn file_system(path: &Path) -> String {
    let mounts = read_to_string("/proc/self/mounts").unwrap_or_default();
    let kinds = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        path.starts_with(place).then_some((place.len(), kind))
    });
    // What is mounted later hides what was there.
    kinds
        .max_by_key(|(length, _)| *length)
        .map_or("an unknown file system", |(_, kind)| kind)
        .to_owned()
}
