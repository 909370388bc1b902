//! The time of a segment: the kernel's clock, or the processor's counter held to it.

use super::layout::Time;
use super::mapping::Mapping;
use crate::clock::counter::{self, Scale};
use crate::clock::{ClockKind, SystemClock};
use crate::ring::Clock;
use crate::ring::word::TICK_END;
use crate::sync::{AtomicU64, Ordering};
use nix::errno::Errno;

/// What a segment's time is told by: numbers of its header, which hold for one boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    pub system: SystemClock,
    /// None: by the kernel's clock.
    pub scale: Option<Scale>,
}

impl Timing {
    /// The kernel's clock.
    pub const fn of_system(system: SystemClock) -> Self {
        Self {
            system,
            scale: None,
        }
    }

    /// Tick 0 is now. The processor's counter is taken where it is wanted, and trusted.
    pub fn from_now(wants_counter: bool) -> Result<Self, Errno> {
        let epoch = ClockKind::DEFAULT.micros()?;
        Self::with_epoch(epoch, wants_counter)
    }

    /// Tick 0 is at `epoch` microseconds of the kernel's clock.
    pub fn with_epoch(epoch: i64, wants_counter: bool) -> Result<Self, Errno> {
        if wants_counter && counter::is_trusted() {
            let kind = ClockKind::Counter;
            let scale = Scale::measure(kind, epoch)?;
            if scale.is_sane() {
                return Ok(Self {
                    system: SystemClock::new(kind, epoch),
                    scale: Some(scale),
                });
            }
        }
        let system = SystemClock::new(ClockKind::DEFAULT, epoch);
        Ok(Self::of_system(system))
    }

    /// Stores it where nobody looks yet.
    pub fn write(&self, time: &Time) {
        // Relaxed: whoever makes what this is known by orders it.
        let set = |word: &AtomicU64, value| word.store(value, Ordering::Relaxed);
        set(&time.epoch, self.system.epoch() as u64);
        set(&time.forward, 0);
        if let Some(Scale { count, tick, ratio }) = self.scale {
            let words = time.scale.iter().zip([count, tick, ratio]);
            words.for_each(|(word, value)| set(word, value));
        }
    }

    /// What was stored; none if no counter is like that.
    pub fn read(time: &Time, kind: ClockKind) -> Option<Self> {
        // Relaxed: as in `write`.
        let get = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let [count, tick, ratio] = time.scale.each_ref().map(get);
        let scale = (kind == ClockKind::Counter).then_some(Scale { count, tick, ratio });
        let is_sane = scale.is_none_or(|scale| cfg!(target_arch = "x86_64") && scale.is_sane());
        is_sane.then_some(Self {
            system: SystemClock::new(kind, get(&time.epoch) as i64),
            scale,
        })
    }
}

/// The clock of a segment.
#[derive(Debug)]
pub struct SegmentClock {
    system: SystemClock,
    counter: Option<Counter>,
}

/// The processor's counter, as a segment counts by it.
#[derive(Debug)]
struct Counter {
    scale: Scale,
    /// Where it says how far it was brought forward.
    mapping: Mapping,
    /// The count when this handle last compared it with the kernel's clock.
    compared: AtomicU64,
}

/// After how many counts a handle compares: some tenth of a second, in which the counter falls
/// behind by two microseconds.
const COMPARED_FOR: u64 = 1 << 28;
/// How far ahead, in ticks, the processor may read the counter. It runs ahead by some hundred
/// instructions, each of which may wait for memory; this is far more.
const AHEAD: u64 = 100;

impl SegmentClock {
    /// The clock of the segment that is mapped there.
    pub fn new(timing: Timing, mapping: &Mapping) -> Self {
        let counter = timing.scale.map(|scale| Counter {
            scale,
            mapping: mapping.clone(),
            // So the first call compares.
            compared: AtomicU64::new(counter::read().wrapping_sub(COMPARED_FOR)),
        });
        Self {
            system: timing.system,
            counter,
        }
    }

    /// A clock of the kernel's.
    pub const fn of_system(system: SystemClock) -> Self {
        Self {
            system,
            counter: None,
        }
    }

    /// Which clock it is.
    pub fn kind(&self) -> ClockKind {
        self.system.kind()
    }

    /// Microseconds of the kernel's clock at tick 0.
    pub fn epoch(&self) -> i64 {
        self.system.epoch()
    }

    /// Sleeps until `tick`, and never less, whatever interrupts it.
    pub fn sleep_until(&self, tick: u64) {
        if self.counter.is_none() {
            return self.system.sleep_until(tick);
        }
        // The two differ by what the counter was behind when the segment's clock was last
        // compared, or by more if the kernel's was slowed down since.
        loop {
            let left = tick.saturating_sub(self.now());
            if left == 0 {
                return;
            }
            let until = self.system.now().saturating_add(left);
            self.system.sleep_until(until);
        }
    }
}

impl Clock for SegmentClock {
    #[inline]
    fn now(&self) -> u64 {
        match &self.counter {
            None => self.system.now(),
            Some(counter) => counter.ticks(counter::read_in_order(), &self.system),
        }
    }

    #[inline(always)]
    fn glance(&self) -> u64 {
        match &self.counter {
            None => self.system.now(),
            Some(counter) => counter.ticks(counter::read(), &self.system),
        }
    }

    fn settled(&self) -> u64 {
        let ahead = if self.counter.is_some() { AHEAD } else { 0 };
        self.now().saturating_sub(ahead)
    }
}

impl Counter {
    #[inline(always)]
    fn ticks(&self, count: u64, system: &SystemClock) -> u64 {
        // Relaxed: when this handle looked last is nobody's business but its own.
        let since = count.wrapping_sub(self.compared.load(Ordering::Relaxed));
        if since >= COMPARED_FOR {
            return self.compare(system);
        }
        // Acquire: not before what precedes it. Pairs with the Release in `compare`: who has
        // seen what was decided by a counter brought forward sees it brought forward.
        let forward = self.forward().load(Ordering::Acquire);
        self.scale.ticks(count).wrapping_add(forward)
    }

    fn forward(&self) -> &AtomicU64 {
        &self.mapping.header().time.forward
    }

    /// Brings the counter forward to the kernel's clock, if it is behind: by its own slowness,
    /// or because the machine slept, and it has stood still or begun anew.
    #[cold]
    fn compare(&self, system: &SystemClock) -> u64 {
        let kernel = system.now();
        if !self.mapping.may_write() {
            // Who may only look goes by the kernel's clock, and tells nobody.
            return kernel;
        }
        // After the kernel's clock: who is interrupted in between takes it to be less behind.
        let count = counter::read_in_order();
        let ticks = self.scale.ticks(count);
        let behind = kernel.wrapping_sub(ticks);
        let found = self.forward().load(Ordering::Acquire);
        // Signed: a counter that is ahead stays so, for time must not run back.
        let step = behind.wrapping_sub(found);
        if (1..TICK_END).contains(&step) {
            // Release: pairs with the Acquire in `ticks`. Relaxed: others who compare bring it
            // as far forward.
            let order = (Ordering::Release, Ordering::Relaxed);
            let _ = self
                .forward()
                .compare_exchange(found, behind, order.0, order.1);
        }
        self.compared.store(count, Ordering::Relaxed);
        ticks.wrapping_add(self.forward().load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::layout::Shape;
    use std::thread;

    /// A clock by the counter, also where the kernel does not trust it; none where there is none.
    fn clock(change: impl FnOnce(&mut Scale)) -> Option<SegmentClock> {
        let shape = Shape::new(16, None, 1).unwrap();
        let mapping = Mapping::anonymous(shape).unwrap();
        let epoch = ClockKind::DEFAULT.micros().unwrap() - 1_000_000;
        let mut scale = Scale::measure(ClockKind::Counter, epoch).unwrap();
        if !scale.is_sane() {
            return None;
        }
        change(&mut scale);
        let timing = Timing {
            system: SystemClock::new(ClockKind::Counter, epoch),
            scale: Some(scale),
        };
        Some(SegmentClock::new(timing, &mapping))
    }

    /// Whether it shows the kernel's time, to within what goes by between two looks.
    fn shows_the_kernel_s_time(clock: &SegmentClock) -> bool {
        const SLACK: u64 = 50_000;
        let before = clock.system.now();
        let shown = clock.now();
        (before - SLACK..=clock.system.now() + SLACK).contains(&shown)
    }

    #[test]
    fn a_counter_that_stood_still_or_began_anew_is_brought_forward() {
        let hour = 3_600_000_000;
        let slept = clock(|scale| scale.tick -= scale.tick.min(hour));
        let began_anew = clock(|scale| scale.count = scale.count.wrapping_add(1 << 55));
        for clock in [slept, began_anew].into_iter().flatten() {
            assert!(shows_the_kernel_s_time(&clock));
            assert!(clock.glance() <= clock.now());
        }
    }

    #[test]
    fn a_counter_that_stops_while_it_is_used_is_brought_forward_by_who_looks_again() {
        let Some(mut clock) = clock(|_| {}) else {
            return;
        };
        assert!(shows_the_kernel_s_time(&clock));
        let counter = clock.counter.as_mut().unwrap();
        // As if the machine had slept for some minutes, in which it did not count.
        counter.scale.count = counter.scale.count.wrapping_add(1 << 40);
        assert!(!shows_the_kernel_s_time(&clock), "nobody has compared yet");
        let counter = clock.counter.as_ref().unwrap();
        counter.compared.store(0, Ordering::Relaxed);
        assert!(shows_the_kernel_s_time(&clock));
    }

    #[test]
    fn a_counter_that_runs_ahead_is_not_set_back() {
        let Some(clock) = clock(|scale| scale.tick += 500_000_000) else {
            return;
        };
        let ahead = clock.now();
        assert!(ahead > clock.system.now() + 400_000_000);
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn no_thread_is_shown_a_time_before_one_that_another_has_seen() {
        let Some(clock) = clock(|_| {}) else {
            return;
        };
        let latest = AtomicU64::new(0);
        let look = || {
            for _ in 0..200_000 {
                let before = latest.load(Ordering::Acquire);
                let now = clock.now();
                assert!(now >= before, "{now} after {before}");
                latest.fetch_max(now, Ordering::AcqRel);
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(look);
            }
        });
    }

    #[test]
    fn a_sleep_ends_at_its_tick_or_later() {
        let Some(clock) = clock(|_| {}) else {
            return;
        };
        let until = clock.now() + 3_000;
        clock.sleep_until(until);
        assert!(clock.now() >= until);
    }

    #[test]
    fn what_is_settled_is_past_for_who_looks_ahead() {
        let Some(clock) = clock(|_| {}) else {
            return;
        };
        let glance = clock.glance();
        assert!(clock.settled() + AHEAD >= glance);
        assert!(clock.settled() < clock.now());
    }
}
