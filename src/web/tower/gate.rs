//! Who passes: what is asked of the limiter for a request, and what its response tells.

use super::answer::{Answer, status};
use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::timestamp::Timestamp;
use crate::web::headers::{seconds, tell};
use http::request::Parts;
use http::{HeaderMap, Response};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

type Of<T> = Arc<dyn Fn(&Parts) -> T + Send + Sync>;

/// In the extensions of each request that got its permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Granted {
    /// The instant, on the limiter's clock: see [`Permit::at`](crate::Permit::at).
    pub at: Timestamp,
    /// How many permits.
    pub weight: u64,
}

/// A limiter, and what to ask of it.
#[derive(Clone)]
pub struct Gate<A> {
    limiter: Limiter,
    pub key: Of<Option<Vec<u8>>>,
    pub weight: Of<u64>,
    /// How long a request may wait.
    pub wait: Duration,
    pub fails_open: bool,
    /// Whether responses tell of the limits.
    pub tells: bool,
    answer: A,
}

impl<A> Gate<A> {
    pub fn new(limiter: Limiter, answer: A) -> Self {
        Self {
            limiter,
            key: Arc::new(|_| Some(Vec::new())),
            weight: Arc::new(|_| 1),
            wait: Duration::ZERO,
            fails_open: false,
            tells: true,
            answer,
        }
    }

    /// The same with another answer.
    pub fn answering<B>(self, answer: B) -> Gate<B> {
        Gate {
            limiter: self.limiter,
            key: self.key,
            weight: self.weight,
            wait: self.wait,
            fails_open: self.fails_open,
            tells: self.tells,
            answer,
        }
    }

    /// Takes the permits of a request with that key, waiting for them if it may. None if it
    /// passes without.
    pub async fn admit(&self, key: &[u8], parts: &Parts) -> Result<Option<Granted>, AcquireError> {
        let weight = (self.weight)(parts);
        let answer = match self.wait {
            Duration::ZERO => self.limiter.try_acquire_n_async(key, weight).await,
            wait => self.limiter.acquire_timeout_async(key, weight, wait).await,
        };
        match answer {
            Ok(permit) => Ok(Some(Granted {
                at: permit.at(),
                weight,
            })),
            Err(AcquireError::Full { .. } | AcquireError::Bucket(_)) if self.fails_open => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Adds what a response tells of the limits.
    pub async fn tell(&self, key: &[u8], headers: &mut HeaderMap) {
        if !self.tells {
            return;
        }
        // A limiter that cannot be asked has nothing to tell.
        if let Ok(usage) = self.limiter.usage_async(key).await {
            tell(headers, &usage);
        }
    }

    /// The response to a request of that key that is refused.
    pub async fn refuse<B>(&self, key: &[u8], reason: &AcquireError) -> Response<B>
    where
        A: Answer<B>,
    {
        let mut response = self.answer.answer(status(reason), reason);
        self.tell(key, response.headers_mut()).await;
        if let AcquireError::Limited { retry_after, .. }
        | AcquireError::QueueFull { retry_after, .. } = reason
        {
            let seconds = seconds(*retry_after);
            let headers = response.headers_mut();
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl<A> fmt::Debug for Gate<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("limiter", &self.limiter)
            .field("wait", &self.wait)
            .field("fails_open", &self.fails_open)
            .finish_non_exhaustive()
    }
}
