//! One grant, and its fixed-size record.

/// One grant, as the worker that got it saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The clock just before the call, in microseconds.
    pub before: u64,
    /// The grant's own instant, in microseconds.
    pub at: u64,
    /// The clock just after the call, in microseconds.
    pub after: u64,
    /// Permits taken.
    pub weight: u64,
    /// Who took them.
    pub worker: u32,
    /// How often the call slept before it returned.
    pub sleeps: u32,
}

impl Grant {
    /// Bytes of a record: the fields in their order, little-endian.
    pub const BYTES: usize = 4 * size_of::<u64>() + 2 * size_of::<u32>();

    /// Whether the grant's instant lies between call and return.
    pub fn is_in_order(&self) -> bool {
        self.before <= self.at && self.at <= self.after
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for word in [self.before, self.at, self.after, self.weight] {
            out.extend(word.to_le_bytes());
        }
        for half in [self.worker, self.sleeps] {
            out.extend(half.to_le_bytes());
        }
    }

    pub(crate) fn decode(record: &[u8; Self::BYTES]) -> Self {
        let (words, rest) = record.as_chunks::<8>();
        debug_assert!(rest.is_empty());
        let [before, at, after, weight, last] =
            [0, 1, 2, 3, 4].map(|i| u64::from_le_bytes(words[i]));
        Self {
            before,
            at,
            after,
            weight,
            worker: last as u32,
            sleeps: (last >> 32) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_every_bit_of_every_field() {
        let grant = Grant {
            before: 0x0102_0304_0506_0708,
            at: u64::MAX,
            after: 1 << 63,
            weight: 0x1122_3344_5566_7788,
            worker: 0x99aa_bbcc,
            sleeps: 0xddee_ff00,
        };
        let mut bytes = Vec::new();
        grant.encode(&mut bytes);
        let record: &[u8; Grant::BYTES] = bytes.as_slice().try_into().unwrap();
        assert_eq!(Grant::decode(record), grant);
    }
}
