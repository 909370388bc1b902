//! Bucket factories: from a request's name to the bucket that it must pass.

use crate::bucket::Item;
use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::limiter::request::Request;
use crate::turn::permit::Permit;
use std::time::Duration;

/// Says which bucket a request must pass. [`Limiter`] is one: with a single bucket for all
/// names or, with [`keys`](crate::Builder::keys), one for each; [`Router`] chooses among
/// several limiters, with rates of their own. As PyrateLimiter's class of that name.
///
/// ```
/// use tidegate::{BucketFactory, Item, Limiter, Rate, Request};
///
/// /// What a request costs depends on what it is for.
/// struct Priced(Limiter);
///
/// impl BucketFactory for Priced {
///     fn wrap_item<'i>(&self, name: &'i [u8], weight: u64) -> Item<'i> {
///         let price = if name.starts_with(b"/search") { 10 } else { 1 };
///         Item { name, weight: weight * price }
///     }
///
///     fn get<'i>(&self, item: Item<'i>) -> Request<'_, 'i> {
///         self.0.request(item.name, item.weight)
///     }
/// }
///
/// let api = Priced(Limiter::in_memory().rate(Rate::per_minute(12)).open()?);
/// api.try_acquire("/search?q=tide")?;
/// api.try_acquire_n("/page", 2)?;
/// assert!(api.try_acquire("/page").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BucketFactory {
    /// Makes an item of a request: the place to change its name or its weight.
    fn wrap_item<'i>(&self, name: &'i [u8], weight: u64) -> Item<'i> {
        Item { name, weight }
    }

    /// The limiter and the key that the item must pass.
    fn get<'i>(&self, item: Item<'i>) -> Request<'_, 'i>;

    /// As [`Limiter::try_acquire`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn try_acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError>
    where
        Self: Sized,
    {
        self.try_acquire_n(name, 1)
    }

    /// As [`Limiter::try_acquire_n`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn try_acquire_n(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Permit<'_>, AcquireError>
    where
        Self: Sized,
    {
        self.get(self.wrap_item(name.as_ref(), weight))
            .try_acquire()
    }

    /// As [`Limiter::acquire_timeout`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn acquire_timeout(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit<'_>, AcquireError>
    where
        Self: Sized,
    {
        self.get(self.wrap_item(name.as_ref(), weight))
            .acquire_timeout(timeout)
    }

    /// As [`Limiter::acquire`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError>
    where
        Self: Sized,
    {
        self.acquire_timeout(name, 1, Duration::MAX)
    }
}

impl BucketFactory for Limiter {
    fn get<'i>(&self, item: Item<'i>) -> Request<'_, 'i> {
        self.request(item.name, item.weight)
    }
}

/// Sends each item to one of several limiters, as a closure says, or to the default.
///
/// ```
/// use tidegate::{BucketFactory, Limiter, Rate, Router};
///
/// let usual = Limiter::in_memory().rate(Rate::per_second(5)).keys(1000).open()?;
/// let gentle = Limiter::in_memory().rate(Rate::per_minute(1)).keys(1000).open()?;
/// let hosts = Router::new(usual, [gentle], |host| host.ends_with(b".example").then_some(0));
///
/// hosts.try_acquire("small.example")?;
/// assert!(hosts.try_acquire("small.example").is_err());
/// hosts.try_acquire_n("large.org", 5)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Router<F> {
    default: Limiter,
    others: Vec<Limiter>,
    choose: F,
}

impl<F: Fn(&[u8]) -> Option<usize>> Router<F> {
    /// A router to `others`, by their index, for those names for which `choose` gives
    /// one; all else goes to `default`.
    pub fn new(default: Limiter, others: impl IntoIterator<Item = Limiter>, choose: F) -> Self {
        Self {
            default,
            others: others.into_iter().collect(),
            choose,
        }
    }
}

impl<F: Fn(&[u8]) -> Option<usize>> BucketFactory for Router<F> {
    fn get<'i>(&self, item: Item<'i>) -> Request<'_, 'i> {
        let chosen = (self.choose)(item.name).and_then(|index| self.others.get(index));
        chosen
            .unwrap_or(&self.default)
            .request(item.name, item.weight)
    }
}
