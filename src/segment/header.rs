//! Writing a new segment's words, and reading a found one's with all its promises
//! checked: what passes is copied, and only the copy is used.

use super::boot::{boot_id, time_namespace};
use super::clock::Timing;
use super::layout::{BYTE_ORDER, FINGERPRINT, Header, LAYOUT, MAGIC, Shape};
use super::mapping::Mapping;
use super::rates;
use crate::clock::{ClockKind, wall_micros};
use crate::directory::Seed;
use crate::ring::{Clock, Plan};
use crate::spec::Design;
use crate::sync::{AtomicU64, Ordering};

/// Writes all words of a segment that nobody else can see yet. The file is zero.
pub fn write(mapping: &Mapping, design: &Design, timing: Timing, boot: [u64; 2], seed: Seed) {
    let header = mapping.header();
    let shape = mapping.shape();
    let identity = &header.identity;
    set(&identity.layout, LAYOUT);
    set(&identity.byte_order, BYTE_ORDER);
    set(&identity.fingerprint, FINGERPRINT);
    set(&identity.size, shape.size());
    set(&identity.capacity, shape.capacity);
    set(&identity.buckets, shape.buckets);
    set(&identity.queue, design.queue);
    let clock = &timing.system;
    set(&identity.processes, shape.processes);
    set(&identity.clock, clock.kind() as u64);
    set_pair(&identity.boot, boot);
    set_pair(&identity.time_namespace, time_namespace(clock.kind()));
    timing.write(&header.time);
    set(&header.time.made, wall_micros());
    note_time(header, clock);
    rates::of(mapping).write_first(&design.windows, design.horizon);
    set(&header.stock.table, shape.table);
    set_pair(&identity.seed, seed.0);
    if shape.keys().is_none() {
        mapping.ring(0).open_for([0; 2]);
    }
    // Release: pairs with the Acquire in `shape`. Where a segment is seen while it is
    // made, the magic says that it is whole.
    identity.magic.store(MAGIC, Ordering::Release);
}

/// Stores which tick it is by the wall clock: after a reboot, time goes on from there.
pub fn note_time(header: &Header, clock: &impl Clock) {
    set(&header.time.wall, wall_micros());
    // Release: wall first. What a crash keeps of the two may lose time, but invents none.
    header.time.tick.store(clock.now(), Ordering::Release);
}

/// What a header says, within its bounds.
#[derive(Debug)]
pub struct Facts {
    pub plan: Plan,
    pub design: Design,
    pub timing: Timing,
    /// Where the hashes of keys begin.
    pub seed: Seed,
    /// Whether the ticks are of this boot.
    pub is_of_this_boot: bool,
}

/// Why a header is not believed.
#[derive(PartialEq, Eq, Debug)]
pub enum Flaw {
    Magic,
    Layout(u64),
    OtherTime(&'static str),
    Damaged(&'static str),
}

/// Checks what kind of file this is, and reads its shape. `fits` says whether a size
/// in bytes is that of the file.
pub fn shape(header: &Header, fits: impl Fn(u64) -> bool) -> Result<Shape, Flaw> {
    let identity = &header.identity;
    // Acquire: pairs with the Release in `write`.
    let magic = identity.magic.load(Ordering::Acquire);
    if magic != MAGIC {
        let swapped = magic == MAGIC.swap_bytes();
        return Err(if swapped {
            Flaw::Damaged("it is of a machine with the other byte order")
        } else {
            Flaw::Magic
        });
    }
    if get(&identity.layout) != LAYOUT {
        return Err(Flaw::Layout(get(&identity.layout)));
    }
    if get(&identity.byte_order) != BYTE_ORDER {
        return Err(Flaw::Damaged("its byte order mark is wrong"));
    }
    if get(&identity.fingerprint) != FINGERPRINT {
        return Err(Flaw::Damaged(
            "its words lie elsewhere than this program expects",
        ));
    }
    let (buckets, table) = (get(&identity.buckets), get(&header.stock.table));
    let (keys, processes) = ((table > 0).then_some(buckets), get(&identity.processes));
    let shape = Shape::new(get(&identity.capacity), keys, processes)
        .filter(|shape| shape.buckets == buckets && shape.table == table)
        .ok_or(Flaw::Damaged(
            "its capacity, its number of buckets, of lines, or its table is out of bounds",
        ))?;
    if get(&identity.size) != shape.size() || !fits(shape.size()) {
        return Err(Flaw::Damaged(
            "its size does not fit its capacity: it was truncated, or extended",
        ));
    }
    Ok(shape)
}

/// Reads the rest of a header whose shape was checked.
pub fn facts(mapping: &Mapping) -> Result<Facts, Flaw> {
    let header = mapping.header();
    let identity = &header.identity;
    let kind = ClockKind::from_number(get(&identity.clock))
        .ok_or(Flaw::Damaged("it names an unknown clock"))?;
    kind.micros()
        .map_err(|_| Flaw::OtherTime("this system does not have its clock"))?;
    let boot = boot_id().map_err(|_| {
        Flaw::OtherTime(
            "this system does not tell which boot it is: mount /proc, with /proc/sys in it",
        )
    })?;
    // Acquire: pairs with the Release in `revive`, which sets the epoch before it.
    let is_of_this_boot = identity
        .boot
        .each_ref()
        .map(|word| word.load(Ordering::Acquire))
        == boot;
    if is_of_this_boot && get_pair(&identity.time_namespace) != time_namespace(kind) {
        return Err(Flaw::OtherTime(
            "it was made in another time namespace, where the clock shows another time",
        ));
    }
    let queue = get(&identity.queue);
    let plan = rates::read(mapping, queue).ok_or(Flaw::Damaged(
        "its rates, queue or horizon are out of bounds",
    ))?;
    let design = Design {
        windows: plan.windows().to_vec(),
        queue,
        capacity: mapping.shape().capacity,
        keys: mapping.shape().keys(),
        processes: mapping.shape().processes,
        horizon: plan.horizon,
        counter: kind == ClockKind::Counter,
    };
    let timing = Timing::read(&header.time, kind).ok_or(Flaw::OtherTime(
        "it counts by a processor's counter, and this program cannot, or its rate is damaged",
    ))?;
    // A clock before its epoch stands still: who waits on it would wait for years.
    if is_of_this_boot && kind.micros().is_ok_and(|now| now < timing.system.epoch()) {
        return Err(Flaw::OtherTime(
            "its time begins in the future: it is damaged, or the clock was set back",
        ));
    }
    Ok(Facts {
        plan,
        design,
        timing,
        seed: Seed(get_pair(&identity.seed)),
        is_of_this_boot,
    })
}

// Relaxed, both: the link that gives the file its name, and the open that finds it,
// order all that was written before one and is read after the other. What changes
// later is ordered by the version word.

fn set(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

fn set_pair(words: &[AtomicU64; 2], values: [u64; 2]) {
    words
        .iter()
        .zip(values)
        .for_each(|(word, value)| set(word, value));
}

fn get(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

fn get_pair(words: &[AtomicU64; 2]) -> [u64; 2] {
    [get(&words[0]), get(&words[1])]
}
