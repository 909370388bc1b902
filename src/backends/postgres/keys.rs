//! What names and locks are called in the server.

use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Keys are no longer than this, for an index takes no long ones.
const LONGEST: usize = 96;
/// So many bytes of a longer name are kept, for humans.
const KEPT: usize = LONGEST - 32;

/// The key of a name: the name itself; or the first bytes of one that is too long, and a hash
/// of all. Only the latter are of full length, so no name has another's key.
pub fn key(name: &[u8]) -> Cow<'_, [u8]> {
    if name.len() < LONGEST {
        return name.into();
    }
    [&name[..KEPT], &Sha256::digest(name)].concat().into()
}

/// The number of an advisory lock. Such locks are common to all who use the database: so it is
/// a hash, which others hit by chance only.
pub fn lock(what: &str, parts: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    hash.update(b"tidegate ");
    hash.update(what);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut number = [0; 8];
    number.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_its_key_and_a_long_one_keeps_its_beginning() {
        assert_eq!(&*key(b""), b"");
        assert_eq!(&*key(&[7; 95]), &[7; 95]);
        let long = [7; 65_536];
        let first = key(&long);
        assert_eq!((first.len(), &first[..64]), (96, &long[..64]));
        let mut other = long;
        other[65_535] = 8;
        assert_ne!(first, key(&other));
        // What looks like a long name's key is a long name itself.
        assert_ne!(key(&first), first);
    }

    #[test]
    fn locks_differ_by_what_they_are_for() {
        let locks = [
            lock("bucket", &[b"ab", b"c"]),
            lock("bucket", &[b"a", b"bc"]),
            lock("name", &[b"ab", b"c"]),
        ];
        assert_ne!(locks[0], locks[1]);
        assert_ne!(locks[0], locks[2]);
    }
}
