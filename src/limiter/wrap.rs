//! Functions that wait for a permit before each call.

use crate::error::AcquireError;
use crate::limiter::Limiter;
use std::fmt;
use std::time::Duration;

/// A function, and the permits that each call of it takes first: see [`Limiter::wrap`].
///
/// It has its own handle of the limiter, so it may be stored, sent to other threads and
/// used after a fork, as far as the function may.
#[derive(Clone)]
#[must_use = "nothing is called yet"]
pub struct Wrapped<F> {
    limiter: Limiter,
    name: Box<[u8]>,
    weight: u64,
    timeout: Duration,
    function: F,
}

impl Limiter {
    /// Wraps a function, or a closure, so that each [call](Wrapped::call) takes `weight`
    /// permits of `name` first, and waits for its turn. A call that gets no permits is an
    /// error, and the function is not called. As PyrateLimiter's `as_decorator`.
    ///
    /// The function takes one argument: a tuple where it needs several, and `()` where it
    /// needs none. A closure says its type, as in `|url: &str|`.
    ///
    /// ```
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_minute(2)).open()?;
    /// let shout = limiter.wrap("api_call", 1, |text: &str| text.to_uppercase()).no_wait();
    /// assert_eq!(shout.call("tide")?, "TIDE");
    ///
    /// let add = limiter.wrap("api_call", 1, |(a, b): (u8, u8)| a + b).no_wait();
    /// assert_eq!(add.call((2, 3))?, 5);
    /// assert!(add.call((2, 3)).is_err()); // two calls a minute, of both together
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wrap<F>(&self, name: impl AsRef<[u8]>, weight: u64, function: F) -> Wrapped<F> {
        Wrapped {
            limiter: self.clone(),
            name: name.as_ref().into(),
            weight,
            timeout: Duration::MAX,
            function,
        }
    }
}

impl<F> Wrapped<F> {
    /// Lets each call wait so long at most. One whose turn would come later fails at once.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Lets no call wait: its turn is now, or it fails.
    pub fn no_wait(self) -> Self {
        self.timeout(Duration::ZERO)
    }

    /// Takes the permits, waiting for its turn, and then calls the function.
    ///
    /// # Errors
    ///
    /// As [`Limiter::acquire_timeout`]. The function was not called then.
    pub fn call<A, R>(&self, argument: A) -> Result<R, AcquireError>
    where
        F: Fn(A) -> R,
    {
        self.limiter
            .acquire_timeout(&self.name, self.weight, self.timeout)?;
        Ok((self.function)(argument))
    }

    /// Takes the permits, waiting for its turn on tokio's timer, and then calls the
    /// function and awaits it: an `async fn`, an async closure, or a closure that returns a
    /// future. With feature `tokio`.
    ///
    /// Dropping the future while it waits for its turn gives the place back, and the
    /// function is not called.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidegate::{Limiter, Rate};
    ///
    /// async fn fetch(page: &str) -> usize {
    ///     page.len()
    /// }
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_second(100)).open()?;
    /// let fetch = limiter.wrap("api_call", 1, fetch);
    /// assert_eq!(fetch.call_async("/tides").await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[cfg(feature = "tokio")]
    pub async fn call_async<A, R>(&self, argument: A) -> Result<R, AcquireError>
    where
        F: AsyncFn(A) -> R,
    {
        self.call_with(argument, tokio::time::sleep).await
    }

    /// The same by whatever can sleep: see
    /// [`Reservation::wait_with`](crate::Reservation::wait_with).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_with<A, R, S: Future>(
        &self,
        argument: A,
        sleep: impl FnMut(Duration) -> S,
    ) -> Result<R, AcquireError>
    where
        F: AsyncFn(A) -> R,
    {
        self.limiter
            .acquire_with(&self.name, self.weight, self.timeout, sleep)
            .await?;
        Ok((self.function)(argument).await)
    }
}

/// All but the function, which few can show.
impl<F> fmt::Debug for Wrapped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped")
            .field("name", &self.name.escape_ascii().to_string())
            .field("weight", &self.weight)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
