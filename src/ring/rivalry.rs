//! What to do when another caller came first: step aside for a moment.
//!
//! Two processors that fight over `head` spend their time on moving its line to and
//! fro. If the loser keeps away for as long as a few dozen calls take, the winner makes
//! those with the line at hand, and both get more done. Who has lost once keeps away only
//! briefly after that, or it would be served last. Nothing depends on it: who comes
//! back finds the bucket as it is, and goes on or loses again.

use crate::sync;

/// The first time aside, in pauses: enough calls for the winner to make up for moving the
/// line there and back.
const FIRST: u32 = 64;
/// Each time after: as long as a line takes to come.
const AGAIN: u32 = 16;

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

    /// Steps aside if somebody came first.
    pub fn step_aside(&mut self) {
        if std::mem::take(&mut self.is_due) {
            self.pauses = if self.pauses == 0 { FIRST } else { AGAIN };
            sync::pause(self.pauses);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_meets_rivals_steps_aside_once_for_long_and_then_briefly() {
        let mut rivalry = Rivalry::none();
        rivalry.step_aside();
        assert!(!rivalry.has_stepped_aside(), "nobody was in the way");
        for pauses in [FIRST, AGAIN, AGAIN] {
            rivalry.meet();
            rivalry.step_aside();
            assert_eq!(rivalry.pauses, pauses);
            assert!(rivalry.has_stepped_aside());
            let before = rivalry.pauses;
            rivalry.step_aside();
            assert_eq!(rivalry.pauses, before, "nobody was in the way again");
        }
        assert!(!Rivalry::met().has_stepped_aside());
    }
}
