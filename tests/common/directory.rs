//! A segment's directory of keys, seen from outside: which bucket is where.

use super::words::{Words, place};
use std::collections::HashSet;

/// The places of buckets, while nobody changes them.
pub struct Buckets {
    /// Buckets that were ever taken.
    pub used: u64,
    /// In chains.
    pub linked: HashSet<u64>,
    /// In the stock.
    pub free: HashSet<u64>,
}

impl Buckets {
    /// Looks where they are. Fails if one is in two places.
    pub fn of(words: &Words) -> Self {
        let mut seen = HashSet::new();
        let mut chain = |first: u64| {
            let mut links = vec![];
            let mut next = first & LINK;
            while next > 0 {
                assert!(seen.insert(next - 1), "bucket {} twice", next - 1);
                links.push(next - 1);
                next = words.get(link_place(words, next - 1)) & LINK;
            }
            links
        };
        let table = words.get(place::TABLE_LENGTH);
        let linked = (0..table).flat_map(|n| chain(words.get(place::TABLE + 8 * n)));
        let linked = linked.collect();
        let free = chain(words.get(place::FREE)).into_iter().collect();
        Self {
            used: words.get(place::USED),
            linked,
            free,
        }
    }

    /// How many are nowhere: somebody's alone, or lost.
    pub fn astray(&self) -> u64 {
        self.used - (self.linked.len() + self.free.len()) as u64
    }
}

/// The bits of a link that name a bucket.
const LINK: u64 = (1 << 31) - 1;

/// The place of a bucket's head.
pub fn head_place(words: &Words, index: u64) -> u64 {
    let table = (8 * words.get(place::TABLE_LENGTH)).next_multiple_of(128);
    place::TABLE + table + index * (256 + 8 * words.capacity())
}

/// The place of its link to the next.
fn link_place(words: &Words, index: u64) -> u64 {
    head_place(words, index) + 128 + 48
}
