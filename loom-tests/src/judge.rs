//! What must hold of a history, whatever the interleaving. Knows nothing of how the
//! ring decides: it goes by the definition of a sliding window, over all permits.

use crate::world::{Asked, Grant, Log, Time, World};
use tidegate::ring::word::{Head, Slot};
use tidegate::ring::{Plan, Refusal, Window};
use tidegate::sync::Ordering;

/// One permit that was ever reserved.
#[derive(Clone, Copy, Debug)]
struct Permit {
    seq: u64,
    /// The call that returned it; none if its owner has died or has lost it.
    grant: Option<usize>,
    /// What later calls take for its instant: its stamp. Of a slot that was taken by
    /// a later lap, the latest stamp that it can have had.
    stamp: u64,
    /// Whether the stamp is still there to be read.
    known: bool,
    /// Neither cancelled nor flushed.
    live: bool,
}

/// Judges a history of which all callers have ended.
pub(crate) fn judge(world: &World) {
    let log = world.log().clone();
    // One more caller, alone. It finishes what was abandoned, and does not hang.
    let count = world
        .ring()
        .count(&world.plan, &|| world.now())
        .expect("an open bucket");
    let permits = permits(world, &log);
    let context = || format!("{log}{permits:?}");

    for (of, instants) in windows_of(world, &log, &permits) {
        assert!(
            never_over(&world.plan, instants),
            "promise 1 broken by {of}: {}",
            context()
        );
    }
    for grant in &log.grants {
        granted_in_time(world, &log, grant, &permits)
            .unwrap_or_else(|why| panic!("{why}: {grant:?} in {}", context()));
    }
    if !log.damaged {
        in_order(&log, &permits).unwrap_or_else(|why| panic!("{why}: {}", context()));
        for (refusal, asked) in &log.refused {
            let mut cause = refused_with_cause(world, &log, *refusal, asked, &permits);
            if let (Err(_), Time::Early, Refusal::Limited { .. }) = (&cause, world.time, refusal) {
                // What it saw may be of later than its glance at the clock.
                let refusal = as_of(*refusal, asked.returned);
                cause = refused_with_cause(world, &log, refusal, asked, &permits);
            }
            cause.unwrap_or_else(|why| panic!("{why}: {refusal:?}, {asked:?} in {}", context()));
        }
        answers_are_exact(world, &log, &permits, count)
            .unwrap_or_else(|why| panic!("{why}: {}", context()));
    }
    let latest = permits.iter().map(|permit| permit.stamp).max().unwrap_or(0);
    // Later than that nobody can have meant.
    let latest = latest.min(log.now + world.plan.horizon);
    capacity_comes_back(world, &log, latest).unwrap_or_else(|why| panic!("{why}: {}", context()));
}

/// The same refusal, had the clock been read later.
fn as_of(refusal: Refusal, later: u64) -> Refusal {
    match refusal {
        Refusal::Limited { ready, window, .. } => Refusal::Limited {
            now: later,
            ready,
            window,
        },
        other => other,
    }
}

fn permits(world: &World, log: &Log) -> Vec<Permit> {
    let ring = world.ring();
    let head = Head(ring.head.load(Ordering::Acquire)).seq();
    let flushed = log.flushes.iter().copied().max().unwrap_or(0);
    let mut abandoned = 0;
    let mut permits: Vec<_> = (ring.capacity()..head)
        .map(|seq| {
            let grant = log.grants.iter().position(|grant| {
                (grant.run.head.seq()..grant.run.head.seq() + grant.run.weight).contains(&seq)
            });
            abandoned += u64::from(grant.is_none());
            let slot = Slot(world.cell(seq).load(Ordering::Acquire));
            let is_recycled = head > seq + ring.capacity();
            let cancelled = grant.is_some_and(|nth| log.grants[nth].cancelled);
            let live = !cancelled && seq >= flushed;
            if live && !is_recycled && !log.damaged {
                assert!(
                    slot.is_of(seq / ring.capacity()) && !slot.is_void(),
                    "permit {seq} is not stamped, but {slot:?}: {log}"
                );
            }
            let latest = match grant.map(|nth| &log.grants[nth]) {
                Some(grant) => grant.run.ready.max(grant.asked.returned) + 1,
                None => log.now + 1,
            };
            let known = !is_recycled && slot.is_of(seq / ring.capacity());
            Permit {
                seq,
                grant,
                stamp: if known { slot.ticks() } else { latest },
                known,
                live,
            }
        })
        .collect();
    // A stamp that is gone was no later than the next live one.
    let mut next = u64::MAX;
    for permit in permits.iter_mut().rev().filter(|permit| permit.live) {
        permit.stamp = if permit.known {
            permit.stamp
        } else {
            permit.stamp.min(next)
        };
        next = permit.stamp;
    }
    assert!(
        abandoned <= log.abandoned,
        "{abandoned} permits were reserved and not returned: {log}"
    );
    permits
}

/// The instants that share windows: those of one epoch between flushes; once as the
/// callers were told, once as the ring goes by, with those of the dead.
fn windows_of(world: &World, log: &Log, permits: &[Permit]) -> Vec<(&'static str, Vec<u64>)> {
    let mut bounds = vec![0];
    bounds.extend(&log.flushes);
    bounds.push(u64::MAX);
    bounds.sort_unstable();
    let mut windows = Vec::new();
    for epoch in bounds.windows(2) {
        let of_epoch = permits.iter().filter(|permit| {
            let cancelled = permit.grant.is_some_and(|nth| log.grants[nth].cancelled);
            (epoch[0]..epoch[1]).contains(&permit.seq) && !cancelled
        });
        let granted = of_epoch
            .clone()
            .filter_map(|permit| Some(log.grants[permit.grant?].run.ready));
        windows.push(("instants", granted.collect()));
        if epoch[1] == u64::MAX && !log.damaged {
            let stamps = of_epoch.filter(|permit| permit.known);
            windows.push(("stamps", stamps.map(|permit| permit.stamp).collect()));
        }
    }
    // Those who came under other rates are judged by their own, in `granted_in_time`.
    let foreign = |grant: &Grant| grant.asked.version != world.plan.version;
    if log.grants.iter().any(foreign) {
        windows.clear();
    }
    windows
}

/// Promise 1: no half-open window of length I holds more than L instants.
fn never_over(plan: &Plan, mut instants: Vec<u64>) -> bool {
    instants.sort_unstable();
    plan.windows().iter().all(|window| {
        instants
            .windows(window.limit as usize + 1)
            .all(|some| some[window.limit as usize] - some[0] >= window.interval)
    })
}

/// The first tick, not before `now`, at which `weight` more permits may be granted, by
/// definition: no window over the limit, nobody overtaken who waits.
fn exact(windows: &[Window], mut stamps: Vec<u64>, weight: u64, now: u64) -> u64 {
    stamps.sort_unstable_by(|a, b| b.cmp(a));
    let mut ready = now;
    for window in windows {
        let room = (window.limit - weight) as usize;
        if let Some(stamp) = stamps.get(room) {
            ready = ready.max(stamp + window.interval);
        }
    }
    match stamps.first() {
        Some(&last) if last > now + 1 => ready.max(last),
        _ => ready,
    }
}

/// A grant's instant lies between call and return, or is the tick waited for; it keeps
/// promise 1 under the rates it asked under; and it comes no later than it must.
fn granted_in_time(
    world: &World,
    log: &Log,
    grant: &Grant,
    permits: &[Permit],
) -> Result<(), &'static str> {
    let run = grant.run;
    if world.time != Time::Causal {
        if run.ready < grant.asked.called
            || run.ready > grant.asked.returned.saturating_add(grant.asked.max_wait)
        {
            return Err("an instant outside the call");
        }
        if !run.waits() && run.ready > grant.asked.returned {
            return Err("who need not wait is not granted yet");
        }
    }
    let end = run.head.seq() + run.weight;
    let before = |permit: &&Permit| permit.seq < run.head.seq();
    let flushed = log
        .flushes
        .iter()
        .copied()
        .filter(|&flush| flush < end)
        .max()
        .unwrap_or(0);
    for window in &grant.asked.windows {
        let within = permits.iter().filter(|permit| {
            let told = permit.grant.map(|nth| &log.grants[nth]);
            let cancelled = told.is_some_and(|grant| grant.cancelled);
            // A clock read rounds down: who went at once went less than a tick later.
            let rounded = told.is_some_and(|grant| grant.run != run && !grant.run.waits());
            let instant = told.map_or(permit.stamp, |grant| grant.run.ready) + u64::from(rounded);
            (flushed..end).contains(&permit.seq)
                && (told.is_some() || permit.known)
                && !cancelled
                && instant + window.interval > run.ready
        });
        if !grant.cancelled && !log.damaged && within.count() as u64 > window.limit {
            return Err("promise 1 broken under the caller's own rates");
        }
    }
    let stamps = permits
        .iter()
        .filter(before)
        .map(|permit| permit.stamp)
        .collect();
    // Of a run that was refunded in part, each part was asked for with the others.
    let (weight, called) = (grant.asked.weight, grant.asked.called);
    let latest = exact(&grant.asked.windows, stamps, weight, called)
        .max(grant.asked.returned)
        .max(log.paused_until);
    if !log.damaged && run.ready > latest {
        return Err("granted later than it could have been");
    }
    Ok(())
}

/// First come, first served: neither stamps nor instants go back, nor versions of the rates.
fn in_order(log: &Log, permits: &[Permit]) -> Result<(), &'static str> {
    let mut version = 0;
    for grant in permits.iter().filter_map(|permit| permit.grant) {
        let asked = log.grants[grant].asked.version.0;
        if asked < version {
            return Err("one who came later went by older rates");
        }
        version = asked;
    }
    let live: Vec<_> = permits.iter().filter(|permit| permit.live).collect();
    for pair in live.windows(2) {
        if pair[0].known && pair[1].known && pair[0].stamp > pair[1].stamp {
            return Err("live stamps decrease");
        }
        if let (Some(first), Some(second)) = (pair[0].grant, pair[1].grant)
            && log.grants[first].run.ready > log.grants[second].run.ready + 1
        {
            return Err("one who came later goes earlier");
        }
    }
    for permit in live {
        if let Some(nth) = permit.grant
            && log.grants[nth].run.ready > permit.stamp
        {
            return Err("a stamp earlier than the instant");
        }
    }
    Ok(())
}

/// Promise 2. A refusal may speak of any moment of its call, so all permits that were
/// reserved before its end may have counted, also those that were cancelled or flushed
/// meanwhile. By them the refusal must be right, and its time no later than exact.
fn refused_with_cause(
    world: &World,
    log: &Log,
    refusal: Refusal,
    asked: &Asked,
    permits: &[Permit],
) -> Result<(), &'static str> {
    let (Refusal::Limited { now, ready, .. } | Refusal::QueueFull { now, ready }) = refusal else {
        return match refusal {
            Refusal::Stale => Ok(()),
            _ => Err("an answer that the model does not call for"),
        };
    };
    if world.time != Time::Causal && !(asked.called..=asked.returned).contains(&now) {
        return Err("a clock outside the call");
    }
    let stamps: Vec<_> = permits
        .iter()
        .filter(|permit| {
            // Nor can it speak of those who came after its clock.
            permit
                .grant
                .map(|nth| &log.grants[nth].asked)
                .is_none_or(|by| {
                    by.begun < asked.ended && (world.time == Time::Causal || by.called <= now)
                })
        })
        .map(|permit| permit.stamp)
        .collect();
    let unready = stamps.iter().filter(|&&stamp| stamp > now + 1).count() as u64;
    let exact = exact(&asked.windows, stamps, asked.weight, now).max(log.paused_until);
    match refusal {
        Refusal::QueueFull { .. } => {
            if exact <= now {
                Err("a full queue that need not be queued in")
            } else if unready + asked.weight <= asked.queue {
                Err("a full queue with room")
            } else {
                Ok(())
            }
        }
        _ if ready <= now.saturating_add(asked.max_wait) => Err("refused, and yet in time"),
        _ if exact < ready => Err("refused for longer than it must be"),
        _ => Ok(()),
    }
}

/// With nobody else about: what counts is what was granted and neither given back nor
/// flushed, and the next turn is the exact one, to a tick of rounding of each stamp.
fn answers_are_exact(
    world: &World,
    log: &Log,
    permits: &[Permit],
    count: u64,
) -> Result<(), &'static str> {
    let (ring, clock) = (world.ring(), || world.now());
    let now = log.now;
    // No window reaches back to what the ring has forgotten.
    let counts = |permit: &&Permit| permit.live && permit.known;
    let live: Vec<_> = permits.iter().filter(counts).collect();
    let counted = live
        .iter()
        .filter(|permit| permit.stamp + world.plan.widest_interval() > now)
        .count() as u64;
    if count != counted {
        return Err("a wrong count");
    }
    if live.iter().filter(|permit| permit.stamp > now + 1).count() as u64 > world.plan.queue {
        return Err("more are queued than may");
    }
    for weight in 1..=world.plan.smallest_limit() {
        let turn = ring.waiting(&world.plan, &clock, weight).expect("open");
        let stamps = live.iter().map(|permit| permit.stamp).collect();
        let exact = exact(world.plan.windows(), stamps, weight, now);
        if turn.ready != exact.max(ring.paused_until()) {
            return Err("a turn that is not exact");
        }
    }
    // Who asks by the short way gets the same answer.
    let turn = ring.waiting(&world.plan, &clock, 1).expect("open");
    match ring.reserve(&world.plan, &clock, 1, 0) {
        Ok(run) if turn.ready <= now && run.ready == now => Ok(()),
        Err(Refusal::Limited { ready, .. }) if turn.ready > now && ready == turn.ready => Ok(()),
        _ => Err("an answer that is not the turn's"),
    }
}

/// An interval after the last permit, or after the horizon where stamps were damaged,
/// the full limit can be taken again, and no more.
fn capacity_comes_back(world: &World, log: &Log, latest: u64) -> Result<(), &'static str> {
    let (ring, clock) = (world.ring(), || world.now());
    if log.damaged {
        // The janitor mends what lies beyond the horizon.
        ring.leak(&world.plan, &clock).expect("open");
        world.tick(world.plan.horizon);
    }
    // The answer above may have taken a permit.
    let latest = latest.max(log.now + 1).max(ring.paused_until());
    world.tick(latest - log.now + world.plan.widest_interval());
    let smallest = world.plan.smallest_limit();
    for _ in 0..smallest {
        match ring.reserve(&world.plan, &clock, 1, 0) {
            Ok(run) if !run.waits() => {}
            _ => return Err("capacity is not back"),
        }
    }
    match ring.reserve(&world.plan, &clock, 1, 0) {
        Err(Refusal::Limited { .. }) => Ok(()),
        _ => Err("more than the limit at once"),
    }
}
