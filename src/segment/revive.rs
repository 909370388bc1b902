//! A file that has outlived a reboot: its clock is set going again, and its buckets are
//! made whole after a power cut, which may have kept pages of different ages.

use super::Segment;
use super::boot::{boot_id, time_namespace};
use super::clock::Timing;
use crate::clock::{ClockKind, SystemClock, wall_micros};
use crate::directory::Directory;
use crate::sync::Ordering;
use std::io;

/// Makes the segment one of this boot. The caller holds the lock on its name, and
/// nobody of this boot uses it yet. May be repeated after a crash at any step: the
/// boot id is stored last.
pub fn revive(segment: &Segment) -> io::Result<()> {
    let header = segment.mapping.header();
    let identity = &header.identity;
    let now_id = boot_id()?;
    // Acquire: pairs with the Release below.
    let same = |(word, id): (&crate::sync::AtomicU64, u64)| word.load(Ordering::Acquire) == id;
    if identity.boot.iter().zip(now_id).all(same) {
        return Ok(());
    }
    // Relaxed, all: the lock on the name orders revivers, and the boot id users.
    let wants_counter = segment.clock.kind() == ClockKind::Counter;
    // What a counter is held to, too.
    let kind = ClockKind::DEFAULT;
    let away = wall_micros().saturating_sub(header.time.wall.load(Ordering::Relaxed));
    let tick = header
        .time
        .tick
        .load(Ordering::Relaxed)
        .saturating_add(away);
    let epoch = kind.micros()?.saturating_sub_unsigned(tick);
    let timing = Timing::with_epoch(epoch, wants_counter)?;
    timing.write(&header.time);
    identity
        .clock
        .store(timing.system.kind() as u64, Ordering::Relaxed);
    let namespace = time_namespace(kind);
    identity
        .time_namespace
        .iter()
        .zip(namespace)
        .for_each(|(word, part)| word.store(part, Ordering::Relaxed));
    let clock = SystemClock::new(kind, epoch);
    let shape = segment.mapping.shape();
    if shape.keys().is_some() {
        Directory::new(&segment.mapping).rebuild();
    } else {
        segment.mapping.ring(0).recover();
    }
    super::header::note_time(header, &clock);
    segment.mapping.flush()?;
    // Release: pairs with the Acquire of who compares the boot id.
    identity
        .boot
        .iter()
        .zip(now_id)
        .for_each(|(word, id)| word.store(id, Ordering::Release));
    Ok(())
}
