//! Which keys are refused most: a sketch of a stream, as in Metwally, Agrawal and El Abbadi,
//! "Efficient computation of frequent and top-k elements in data streams" (ICDT 2005).
//!
//! Each key whose share of a thread's refusals is large enough has a cell with its count, which
//! is too large at most by what the cell had when the key took it over. A key belongs to one
//! set of cells, like an address in a processor's cache, so that a refusal looks at
//! four cells at most; each set is a small sketch of its own part of the stream. Its cells are
//! kept in order: the key that is refused most comes first, and the last is the one to
//! give up.

use super::line::Hand;
use crate::sync::{AtomicU64, Ordering};

/// Sets of cells, a power of two.
const SETS: usize = 8;
const CELLS: usize = 4;

/// The keys that one thread refuses most.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Sketch {
    sets: [[Cell; CELLS]; SETS],
}

#[repr(C)]
#[derive(Debug)]
struct Cell {
    /// Which bucket, in which of its lives, plus one; 0: none.
    whose: AtomicU64,
    refusals: AtomicU64,
}

impl Cell {
    // Relaxed, all: each word stands for itself, and is shown, not acted upon.
    fn get(&self) -> [u64; 2] {
        [&self.whose, &self.refusals].map(|word| word.load(Ordering::Relaxed))
    }

    fn set(&self, [whose, refusals]: [u64; 2]) {
        self.refusals.store(refusals, Ordering::Relaxed);
        self.whose.store(whose, Ordering::Relaxed);
    }
}

impl Sketch {
    /// Counts a refusal of the bucket that packs to `spot`, of that index.
    #[inline(always)]
    pub fn note(&self, spot: u64, index: u64) {
        let set = &self.sets[index as usize & (SETS - 1)];
        if set[0].whose.load(Ordering::Relaxed) == spot.wrapping_add(1) {
            Hand::Own.add(&set[0].refusals, 1);
        } else {
            Self::note_behind(set, spot.wrapping_add(1));
        }
    }

    /// The same of one that is not the first of its set.
    #[inline(never)]
    fn note_behind(set: &[Cell; CELLS], whose: u64) {
        let found = set.iter().position(|cell| cell.get()[0] == whose);
        let place = found.unwrap_or(CELLS - 1);
        let refusals = set[place].get()[1].wrapping_add(1);
        let mut place = place;
        while place > 0 && set[place - 1].get()[1] < refusals {
            set[place].set(set[place - 1].get());
            place -= 1;
        }
        set[place].set([whose, refusals]);
    }

    /// What is in it: buckets as they pack, and how often they were refused at most.
    pub fn read(&self) -> impl Iterator<Item = (u64, u64)> {
        let cells = self.sets.iter().flatten();
        cells.filter_map(|cell| {
            let [whose, refusals] = cell.get();
            Some((whose.checked_sub(1)?, refusals))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn sketch() -> Sketch {
        let word = || AtomicU64::new(0);
        let cell = |_| Cell {
            whose: word(),
            refusals: word(),
        };
        let set = |_| std::array::from_fn(cell);
        Sketch {
            sets: std::array::from_fn(set),
        }
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let sketch = sketch();
        for round in 0..100 {
            for index in 0..20 {
                if round % (index + 1) == 0 {
                    sketch.note(index << 12, index);
                }
            }
        }
        let seen: HashMap<u64, u64> = sketch.read().collect();
        for index in 0..20_u64 {
            assert_eq!(seen[&(index << 12)], 100_u64.div_ceil(index + 1), "{index}");
        }
    }

    #[test]
    fn a_key_of_a_large_share_is_found_among_ten_thousand_and_never_counted_too_low() {
        let sketch = sketch();
        let heavy = [17_u64, 4_711, 9_000];
        let mut truth = HashMap::<u64, u64>::new();
        let mut random = 1_u64;
        for round in 0..60_000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let index = match round % 4 {
                0 => heavy[(round / 4 % 3) as usize],
                _ => (random >> 33) % 10_000,
            };
            *truth.entry(index << 12).or_default() += 1;
            sketch.note(index << 12, index);
        }
        let mut seen: Vec<(u64, u64)> = sketch.read().collect();
        assert_eq!(seen.len(), SETS * CELLS);
        for (spot, refusals) in &seen {
            assert!(refusals >= &truth[spot], "{spot}");
        }
        for index in heavy {
            let position = seen.iter().position(|&(spot, _)| spot == index << 12);
            assert!(position.is_some(), "{index}");
        }
        // All of a set's counts together are what it was told.
        seen.sort();
        assert_eq!(
            seen.iter().map(|&(_, refusals)| refusals).sum::<u64>(),
            60_000
        );
    }

    #[test]
    fn no_words_are_too_odd_for_it() {
        let sketch = sketch();
        for cell in sketch.sets.iter().flatten() {
            cell.set([u64::MAX, u64::MAX]);
        }
        for index in 0..100 {
            sketch.note(u64::MAX - 1, index);
            sketch.note(u64::MAX, index);
            sketch.note(index, index);
        }
        assert!(sketch.read().count() <= SETS * CELLS);
    }
}
