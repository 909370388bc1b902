//! A spin lock that yields.

use std::hint::spin_loop;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::sched_yield;

use super::Lock;

/// Looks before it swaps (so that waiters share the line), pauses between looks,
/// and gives its time slice away when the owner has probably lost its own. It
/// cannot know that an owner is dead.
pub struct SpinLock;

/// Looks before a yield: some microseconds, many times the length of a turn.
const LOOKS: u32 = 100;

const FREE: u32 = 0;
const TAKEN: u32 = 1;

impl Lock for SpinLock {
    type Word = AtomicU32;
    type Key = ();

    const NAMES: [&'static str; 2] = ["spin lock", "spin lock, clock first"];

    fn create(_: &AtomicU32) -> io::Result<Self> {
        Ok(Self)
    }

    fn key(&self) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn lock(word: &AtomicU32, (): &()) {
        let mut looks = 0;
        // Acquire: pairs with the Release in `unlock`.
        while word
            .compare_exchange_weak(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            while word.load(Ordering::Relaxed) == TAKEN {
                looks += 1;
                if looks % LOOKS == 0 {
                    let _ = sched_yield();
                } else {
                    spin_loop();
                }
            }
        }
    }

    #[inline]
    fn unlock(word: &AtomicU32, (): &()) {
        // Release: pairs with the Acquire in `lock`.
        word.store(FREE, Ordering::Release);
    }
}
