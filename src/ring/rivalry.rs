//! What to do when another caller came first: step aside for a moment.
//!
//! Two processors that fight over `head` spend their time on moving its line to and
//! fro. If the loser keeps away for as long as a few dozen calls take, the winner makes
//! those with the line at hand, and both get more done. Nothing depends on it: who comes
//! back finds the bucket as it is, and goes on or loses again.

use crate::sync;

/// The first time aside: longer than a line takes to go over and back.
const FIRST: u32 = 48;
/// The longest: enough for the winner to make up for both moves of the line.
const LONGEST: u32 = 192;

/// The rivals that one call has met.
#[derive(Clone, Copy, Debug)]
pub struct Rivalry {
    /// For how long it stepped aside last, in pauses.
    pauses: u32,
    /// Whether a rival came first since.
    is_due: bool,
}

impl Rivalry {
    /// Nobody was in the way.
    #[inline(always)]
    pub fn none() -> Self {
        Self {
            pauses: 0,
            is_due: false,
        }
    }

    /// Somebody came first.
    #[inline(always)]
    pub fn met() -> Self {
        Self {
            pauses: 0,
            is_due: true,
        }
    }

    /// Somebody came first again.
    pub fn meet(&mut self) {
        self.is_due = true;
    }

    /// Whether there is no point in giving others more time. A model has none to give.
    pub fn has_stepped_aside(&self) -> bool {
        cfg!(loom) || self.pauses > 0
    }

    /// Steps aside if somebody came first: each time for longer.
    pub fn step_aside(&mut self) {
        if std::mem::take(&mut self.is_due) {
            self.pauses = (self.pauses * 2).clamp(FIRST, LONGEST);
            sync::pause(self.pauses);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_meets_rivals_steps_aside_for_longer_each_time_up_to_a_bound() {
        let mut rivalry = Rivalry::none();
        rivalry.step_aside();
        assert!(!rivalry.has_stepped_aside(), "nobody was in the way");
        for pauses in [FIRST, 2 * FIRST, LONGEST, LONGEST] {
            rivalry.meet();
            rivalry.step_aside();
            assert_eq!(rivalry.pauses, pauses);
            assert!(rivalry.has_stepped_aside());
            rivalry.step_aside();
            assert_eq!(rivalry.pauses, pauses, "nobody was in the way again");
        }
        assert!(!Rivalry::met().has_stepped_aside());
    }
}
