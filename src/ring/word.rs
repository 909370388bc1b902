//! The packed words of a bucket. All shifting and masking of the crate is here.

/// Bits of a tick: one microsecond since the segment's epoch, 35 years.
pub const TICK_BITS: u32 = 50;
/// Bits of a sequence number: permits ever reserved in one bucket.
pub const SEQ_BITS: u32 = 52;
/// Bits of a slot's lap. Models shrink it, so that a caller can oversleep all
/// the laps that it tells apart.
pub const LAP_BITS: u32 = if cfg!(loom) { 2 } else { 13 };
/// Bits of a generation. Models shrink it, so that a handle can outlive all the keys of
/// its bucket that it tells apart.
const GENERATION_BITS: u32 = if cfg!(loom) { 2 } else { 64 - SEQ_BITS };

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// From here on a bucket answers [`Exhausted`](super::Refusal::Exhausted):
/// far enough below the last sequence number that no reservation can carry
/// into the generation.
pub const SEQ_END: u64 = mask(SEQ_BITS) - (1 << 40);
/// The most buckets of one directory: what a [`Link`] can name.
pub const MAX_BUCKETS: u64 = mask(31);
/// The furthest that anything may be reserved, believed or configured ahead.
pub const MAX_HORIZON: u64 = 1 << 48;
/// From here on a bucket answers [`Exhausted`](super::Refusal::Exhausted):
/// now + horizon + interval still fits [`TICK_BITS`].
pub const TICK_END: u64 = mask(TICK_BITS) - 2 * MAX_HORIZON;

/// How many permits were ever reserved, and under which generation of the bucket.
///
/// | bits | field |
/// |---|---|
/// | 63..52 | generation; odd: the bucket is closed |
/// | 51..0 | seq: the sequence number that the next permit gets |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head(pub u64);

impl Head {
    /// Packs a generation (its low 12 bits) and a sequence number (its low 52).
    pub const fn new(generation: u64, seq: u64) -> Self {
        Self((generation & mask(GENERATION_BITS)) << SEQ_BITS | seq & mask(SEQ_BITS))
    }

    /// The generation that the bucket is in.
    pub const fn generation(self) -> u64 {
        self.0 >> SEQ_BITS
    }

    /// The sequence number that the next permit gets.
    pub const fn seq(self) -> u64 {
        self.0 & mask(SEQ_BITS)
    }

    /// Whether the bucket is closed: evicted or disposed of, or not yet anybody's.
    pub const fn is_closed(self) -> bool {
        self.generation() & 1 == 1
    }

    /// The next generation, at the same permit: an open bucket closed, a closed one
    /// opened.
    pub const fn turned(self) -> Self {
        Self::new(self.generation() + 1, self.seq())
    }

    /// The same generation, `weight` permits later.
    pub const fn after(self, weight: u64) -> Self {
        Self::new(self.generation(), self.seq() + weight)
    }
}

/// The stamp of one permit.
///
/// | bits | field |
/// |---|---|
/// | 63..51 | lap of the permit that the stamp is for; another lap: not stamped yet |
/// | 50 | void: the permit was cancelled, and counts no more |
/// | 49..0 | ticks: no grant of this permit, or of a live one before it, is later |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u64);

impl Slot {
    const VOID: u64 = 1 << TICK_BITS;

    /// A live permit's stamp.
    pub const fn new(lap: u64, ticks: u64) -> Self {
        Self((lap & mask(LAP_BITS)) << (TICK_BITS + 1) | ticks & mask(TICK_BITS))
    }

    /// The lap, of which only the low [`LAP_BITS`] are kept.
    pub const fn lap(self) -> u64 {
        self.0 >> (TICK_BITS + 1)
    }

    /// Whether this is the stamp of a permit on `lap`.
    pub const fn is_of(self, lap: u64) -> bool {
        self.lap() == lap & mask(LAP_BITS)
    }

    /// Whether the permit was cancelled.
    pub const fn is_void(self) -> bool {
        self.0 & Self::VOID != 0
    }

    /// The same stamp, cancelled.
    pub const fn voided(self) -> Self {
        Self(self.0 | Self::VOID)
    }

    /// When the permit was granted, or will be: an upper bound.
    pub const fn ticks(self) -> u64 {
        self.0 & mask(TICK_BITS)
    }

    /// When it was granted, if this is the stamp of a live permit on `lap`; of all others,
    /// more than any tick.
    pub const fn live_ticks(self, lap: u64) -> u64 {
        self.0 ^ Self::new(lap, 0).0
    }

    /// The same permit at another time.
    pub const fn at(self, ticks: u64) -> Self {
        Self(self.0 & !mask(TICK_BITS) | ticks & mask(TICK_BITS))
    }
}

/// Until when nothing is granted.
///
/// | bits | field |
/// |---|---|
/// | 63..52 | generation of the bucket that it was set for |
/// | 51..50 | unused |
/// | 49..0 | ticks |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause(pub u64);

impl Pause {
    /// A pause of the bucket in that generation, until that tick.
    pub const fn new(generation: u64, until: u64) -> Self {
        Self((generation & mask(GENERATION_BITS)) << SEQ_BITS | until & mask(TICK_BITS))
    }

    /// The end of the pause, if it was set for this generation and is on.
    pub const fn until(self, generation: u64) -> u64 {
        // The difference is the ticks alone, or it is more.
        let ticks = self.0 ^ Self::new(generation, 0).0;
        if ticks <= mask(TICK_BITS) { ticks } else { 0 }
    }
}

/// The next bucket of a chain, or of the free list.
///
/// | bits | field |
/// |---|---|
/// | 63..32 | tag: raised by every change of this word, so that an old value never comes back |
/// | 31 | mark: the bucket that this word belongs to is leaving its chain |
/// | 30..0 | index of the next bucket, plus 1; 0: none |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link(pub u64);

impl Link {
    const MARK: u64 = 1 << 31;

    /// The index of the next bucket.
    pub const fn index(self) -> Option<u64> {
        (self.0 & mask(31)).checked_sub(1)
    }

    /// Whether the bucket that this word belongs to is leaving its chain.
    pub const fn is_marked(self) -> bool {
        self.0 & Self::MARK != 0
    }

    /// What this word becomes when it is to name `index`, unmarked.
    pub const fn to(self, index: Option<u64>) -> Self {
        let next = match index {
            Some(index) => (index + 1) & mask(31),
            None => 0,
        };
        Self((self.0 >> 32).wrapping_add(1) << 32 | next)
    }

    /// What this word becomes when its bucket is to leave the chain.
    pub const fn marked(self) -> Self {
        Self(self.to(self.index()).0 | Self::MARK)
    }
}

/// Which rates are in force, and whether the segment is still to be used.
///
/// | bits | field |
/// |---|---|
/// | 63 | removed: the name has gone; open it anew |
/// | 62..0 | number: raised by every change of the rates; its parity names the plan area |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version(pub u64);

impl Version {
    /// The flag that a remover sets, to be or-ed into the word.
    pub const REMOVED: u64 = 1 << 63;

    /// Whether the segment was removed.
    pub const fn is_removed(self) -> bool {
        self.0 & Self::REMOVED != 0
    }

    /// The version of the next change of rates; of a segment that was not removed.
    pub const fn next(self) -> Self {
        Self((self.0 + 1) & !Self::REMOVED)
    }

    /// Which of the two plan areas holds the rates in force.
    pub const fn area(self) -> usize {
        (self.0 & 1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_give_back_what_was_packed() {
        let head = Head::new(0xabc, 0xf_1234_5678_9abc);
        assert_eq!((head.generation(), head.seq()), (0xabc, 0xf_1234_5678_9abc));
        assert_eq!(head.after(4).seq(), head.seq() + 4);
        let slot = Slot::new(0x3fff, mask(TICK_BITS));
        assert!(slot.is_of(0x1fff) && slot.is_of(0x3fff) && !slot.is_of(0));
        assert!(!slot.is_void() && slot.voided().is_void());
        assert_eq!(slot.voided().ticks(), mask(TICK_BITS));
        assert_eq!(slot.voided().voided(), slot.voided());
        assert_eq!(slot.voided().at(7), Slot::new(0x1fff, 7).voided());
        assert!(!Head::new(2, 9).is_closed() && Head::new(2, 9).turned() == Head::new(3, 9));
        assert_eq!(Head::new(0xfff, 9).turned(), Head::new(0, 9));
        let link = Link(0xffff_ffff << 32).to(Some(7));
        assert_eq!((link.index(), link.is_marked()), (Some(7), false));
        assert_eq!(
            (link.marked().index(), link.marked().is_marked()),
            (Some(7), true)
        );
        assert_eq!(link.marked().to(None), Link(2 << 32));
        let pause = Pause::new(5, 99);
        assert_eq!((pause.until(5), pause.until(6)), (99, 0));
        assert_eq!(Pause::new(0xfff, TICK_END).until(0xfff), TICK_END);
        let version = Version(Version::REMOVED | 3);
        assert!(version.is_removed() && version.area() == 1);
        assert!(!Version(2).is_removed() && Version(2).area() == 0);
        assert_eq!(Version(2).next(), Version(3));
        assert!(!Version(Version::REMOVED - 1).next().is_removed());
    }

    #[test]
    fn the_ends_leave_room_before_any_carry() {
        let last = Head::new(1, SEQ_END).after(1 << 33);
        assert_eq!((last.generation(), last.seq()), (1, SEQ_END + (1 << 33)));
        assert!(TICK_END + 2 * MAX_HORIZON <= mask(TICK_BITS));
    }
}
