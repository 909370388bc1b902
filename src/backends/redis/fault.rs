//! What can go wrong between here and the server, in the words of a bucket.

use crate::error::{BackendError, Outcome};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why there is no answer.
#[derive(Debug)]
pub struct Fault {
    outcome: Outcome,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// What is kept under the bucket's key is not a bucket's.
    #[error(
        "what the server keeps of the bucket makes no sense ({0:?}): remove it, or choose another \
         name for the bucket"
    )]
    Damaged(String),
    #[error("the answer makes no sense: {0}")]
    Strange(String),
    #[error(
        "the bucket was removed, and made anew of the other kind (one for all names, or one for each): \
         open it anew"
    )]
    OtherKind,
    #[error(
        "others keep changing the rates, or removing the bucket, faster than they can be learned: try again"
    )]
    Unsettled,
}

impl Fault {
    /// The server was not reached, or did not hear all of it: so it has done nothing.
    pub fn unheard(error: RedisError) -> Self {
        Self {
            outcome: Outcome::Undone,
            why: error.into(),
        }
    }

    /// There was an error instead of an answer, after all had been sent. The server runs scripts
    /// whole, and refuses them, if at all, before they write.
    pub fn after_sending(error: RedisError) -> Self {
        let outcome = match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Client => Outcome::Undone,
            _ => Outcome::Unknown,
        };
        Self {
            outcome,
            why: error.into(),
        }
    }

    pub fn damaged(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Undone,
            why: Why::Damaged(text.into()),
        }
    }

    pub fn strange(answer: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unknown,
            why: Why::Strange(answer.into()),
        }
    }

    pub fn other_kind() -> Self {
        Self {
            outcome: Outcome::Undone,
            why: Why::OtherKind,
        }
    }

    pub fn unsettled() -> Self {
        Self {
            outcome: Outcome::Undone,
            why: Why::Unsettled,
        }
    }

    /// Whether the server only does not know the script, and so has not run it.
    pub fn is_unknown_script(&self) -> bool {
        matches!(&self.why, Why::Redis(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
    }

    /// Where in a cluster what was asked for is kept: there, and not here, it is to be asked.
    pub fn moved_to(&self) -> Option<&str> {
        match &self.why {
            Why::Redis(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) => {
                error.redirect_node().map(|(address, _slot)| address)
            }
            _ => None,
        }
    }

    /// Whether the connection is still good: the server has answered, if only by an error, and
    /// not by one that another server might spare us.
    pub fn spares_connection(&self) -> bool {
        self.outcome == Outcome::Undone
            && !matches!(&self.why, Why::Redis(error) if error.is_unrecoverable_error())
    }

    pub fn into_error(self, doing: &'static str) -> BackendError {
        // A user may look for the very error of the client.
        match self.why {
            Why::Redis(error) => BackendError::new("Redis", doing, self.outcome, error),
            why => BackendError::new("Redis", doing, self.outcome, why),
        }
    }
}
