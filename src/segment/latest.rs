//! The newest of several values, at the price of one load: for what changes hardly ever, and
//! is read on every call.

#![allow(unsafe_code)]

use crate::sync::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr;

/// Values of which only the newest counts. All are kept until the end, for nobody knows
/// who still looks at an older one.
#[derive(Debug)]
pub struct Latest<T> {
    newest: AtomicPtr<Kept<T>>,
    owns: PhantomData<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    older: *mut Kept<T>,
}

// SAFETY: values move with their owner, and are dropped by it.
unsafe impl<T: Send> Send for Latest<T> {}
// SAFETY: other threads get shared references to values, and hand in values of their own.
unsafe impl<T: Send + Sync> Sync for Latest<T> {}

impl<T> Latest<T> {
    pub fn new(value: T) -> Self {
        Self {
            newest: AtomicPtr::new(keep(value, ptr::null_mut())),
            owns: PhantomData,
        }
    }

    /// The newest value.
    #[inline]
    pub fn get(&self) -> &T {
        // Acquire: pairs with the Release in `push`.
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: the pointer is never null, comes from a Box in `keep`, and is freed only
        // by drop, which has self alone. Nobody has a unique reference to what is kept.
        unsafe { &(*newest).value }
    }

    /// Makes a value the newest.
    pub fn push(&self, value: T) {
        // Relaxed, both: what is older is only named.
        let mut older = self.newest.load(Ordering::Relaxed);
        let new = keep(value, older);
        // Release: pairs with the Acquire in `get`.
        while let Err(found) =
            self.newest
                .compare_exchange(older, new, Ordering::Release, Ordering::Relaxed)
        {
            older = found;
            // SAFETY: nobody else knows `new` yet.
            unsafe { (*new).older = older };
        }
    }
}

fn keep<T>(value: T, older: *mut Kept<T>) -> *mut Kept<T> {
    Box::into_raw(Box::new(Kept { value, older }))
}

impl<T> Drop for Latest<T> {
    fn drop(&mut self) {
        let mut next = *self.newest.get_mut();
        while !next.is_null() {
            // SAFETY: each pointer comes from a Box in `keep`, is in one list only, and once.
            let kept = unsafe { Box::from_raw(next) };
            next = kept.older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_newest_is_read_while_others_push_and_all_are_dropped_once() {
        let witness = Arc::new(());
        let latest = Latest::new((0, witness.clone()));
        let first = latest.get();
        std::thread::scope(|scope| {
            for thread in 1..=4 {
                let (latest, witness) = (&latest, &witness);
                scope.spawn(move || {
                    for round in 0..100 {
                        latest.push((thread * 1000 + round, witness.clone()));
                        assert!(latest.get().0 >= 1000);
                    }
                });
            }
        });
        assert_eq!(first.0, 0, "what is older is still there");
        assert_eq!(latest.get().0 % 1000, 99);
        drop(latest);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
