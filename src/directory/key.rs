//! From the bytes of a key to its hash and its label.

use crate::ring::KeyHash;
use crate::sync::{AtomicU64, Ordering};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::fmt;
use std::hash::Hasher;

/// The longest key, in bytes.
pub const MAX_KEY: usize = 64 * 1024;
/// Bytes of a label, of which the last says how long the key was.
const LABEL: usize = 72;
const SHOWN: usize = LABEL - 1;

/// What a segment's hashes begin from: random, so that nobody can choose keys that meet
/// in one chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u64; 2]);

/// A secret: whoever logs a limiter must not give it away.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    /// A new one, from the system's randomness.
    #[cfg(not(loom))]
    pub fn random() -> std::io::Result<Self> {
        Ok(Self([getrandom::u64()?, getrandom::u64()?]))
    }
}

/// A key, hashed.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    /// 128 bits by SipHash-1-3 (Aumasson and Bernstein, 2012): two keys of one hash would
    /// share a bucket, and do not come about by chance.
    pub hash: KeyHash,
    bytes: &'k [u8],
}

impl<'k> Key<'k> {
    /// Hashes a key; `None` if it is longer than [`MAX_KEY`].
    #[inline]
    pub fn new(seed: Seed, bytes: &'k [u8]) -> Option<Self> {
        if bytes.len() > MAX_KEY {
            return None;
        }
        let mut hasher = SipHasher13::new_with_keys(seed.0[0], seed.0[1]);
        hasher.write(bytes);
        let hash = hasher.finish128();
        Some(Self {
            hash: [hash.h1, hash.h2],
            bytes,
        })
    }

    /// Writes the key's first bytes, for humans.
    pub(super) fn write_label(&self, words: &[AtomicU64; LABEL / 8]) {
        let mut label = [0; LABEL];
        let shown = self.bytes.len().min(SHOWN);
        label[..shown].copy_from_slice(&self.bytes[..shown]);
        label[SHOWN] = u8::try_from(self.bytes.len()).unwrap_or(u8::MAX);
        for (word, bytes) in words.iter().zip(label.as_chunks::<8>().0) {
            // Relaxed: passed on by what makes the bucket findable.
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
    }
}

/// The first bytes of a key, and whether that is all of it.
pub fn read_label(words: &[AtomicU64; LABEL / 8]) -> (Vec<u8>, bool) {
    // Acquire: keeps these loads before the look at head that vouches for them.
    let mut label: Vec<u8> = words
        .iter()
        .flat_map(|word| word.load(Ordering::Acquire).to_le_bytes())
        .collect();
    let length = usize::from(label[SHOWN]);
    label.truncate(length.min(SHOWN));
    (label, length <= SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_not_given_away_when_it_is_printed() {
        let seed = Seed([123_456_789, 987_654_321]);
        let printed = format!("{seed:?} {seed:#?} {seed:x?}");
        for word in ["123456789", "987654321", "75bcd15", "3ade68b1"] {
            assert!(!printed.contains(word), "{printed}");
        }
    }
}
