//! Limiters in one line, for the common case of each bucket: after PyrateLimiter's
//! `limiter_factory`.
//!
//! Rates are a [`Rate`], several, or their text: `"10/s, 500/h"`. Whatever else can be chosen is
//! chosen by the buckets' builders.
//!
//! ```
//! use tidegate::{Rate, factory};
//!
//! let limiter = factory::in_memory("5/s, 100/h")?;
//! limiter.try_acquire("anybody")?;
//!
//! let limiter = factory::in_memory([Rate::per_second(5), Rate::per_hour(100)])?;
//! assert_eq!(limiter.rates().len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::error::OpenError;
use crate::limiter::Limiter;
use crate::rate::{Rate, RateTextError};
use std::path::Path;

/// One rate, several, or their text, separated by commas.
pub trait IntoRates {
    /// The rates.
    ///
    /// # Errors
    ///
    /// What is not a rate, of a text.
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError>;
}

impl IntoRates for Rate {
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError> {
        Ok(vec![self])
    }
}

impl IntoRates for Vec<Rate> {
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError> {
        Ok(self)
    }
}

impl IntoRates for &[Rate] {
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> IntoRates for [Rate; N] {
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError> {
        Ok(self.to_vec())
    }
}

impl IntoRates for &str {
    fn into_rates(self) -> Result<Vec<Rate>, RateTextError> {
        self.split(',').map(|rate| rate.trim().parse()).collect()
    }
}

/// A limiter of this process alone, with one bucket for all names.
///
/// # Errors
///
/// See [`OpenError`].
pub fn in_memory(rates: impl IntoRates) -> Result<Limiter, OpenError> {
    Limiter::in_memory().rates(rates.into_rates()?).open()
}

/// The same with a bucket for each of up to so many names at a time.
///
/// # Errors
///
/// See [`OpenError`].
pub fn in_memory_keyed(rates: impl IntoRates, keys: u64) -> Result<Limiter, OpenError> {
    let builder = Limiter::in_memory().rates(rates.into_rates()?);
    builder.keys(keys).open()
}

/// The limiter of that name, which all processes of this host share that open it, with one bucket
/// for all names: see [`Limiter::shared`].
///
/// # Errors
///
/// See [`OpenError`].
pub fn shared(name: impl Into<String>, rates: impl IntoRates) -> Result<Limiter, OpenError> {
    Limiter::shared(name).rates(rates.into_rates()?).open()
}

/// The same with a bucket for each of up to so many names at a time.
///
/// # Errors
///
/// See [`OpenError`].
pub fn shared_keyed(
    name: impl Into<String>,
    rates: impl IntoRates,
    keys: u64,
) -> Result<Limiter, OpenError> {
    let builder = Limiter::shared(name).rates(rates.into_rates()?);
    builder.keys(keys).open()
}

/// The limiter in that file, which goes on counting after a restart of the machine: see
/// [`Limiter::at`].
///
/// # Errors
///
/// See [`OpenError`].
pub fn file(path: impl AsRef<Path>, rates: impl IntoRates) -> Result<Limiter, OpenError> {
    Limiter::at(path).rates(rates.into_rates()?).open()
}

/// A limiter over that SQLite file, with a bucket for each name: see
/// [`SqliteBucket`](crate::SqliteBucket). With feature `sqlite`.
///
/// ```
/// use tidegate::factory;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("limits.db");
/// let limiter = factory::sqlite(&path, "500/h")?;
/// limiter.try_acquire("report")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(feature = "sqlite")]
pub fn sqlite(path: impl AsRef<Path>, rates: impl IntoRates) -> Result<Limiter, OpenError> {
    let bucket = crate::SqliteBucket::at(path).rates(rates.into_rates()?);
    Ok(Limiter::over(bucket.keyed().open()?))
}

/// A limiter over the bucket of that name in the Redis or Valkey server at that address, with a
/// bucket for each name: see [`RedisBucket`](crate::RedisBucket). With feature `redis`.
///
/// ```no_run
/// let limiter = tidegate::factory::redis("redis://limits.internal/", "api", "100/s, 50000/h")?;
/// limiter.try_acquire("example.com")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(feature = "redis")]
pub fn redis(
    address: impl ::redis::IntoConnectionInfo,
    name: impl Into<String>,
    rates: impl IntoRates,
) -> Result<Limiter, OpenError> {
    let bucket = crate::RedisBucket::at(address, name).rates(rates.into_rates()?);
    Ok(Limiter::over(bucket.keyed().open()?))
}

/// The same for async code. With feature `tokio`, too.
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(all(feature = "redis", feature = "tokio"))]
pub async fn redis_async(
    address: impl ::redis::IntoConnectionInfo,
    name: impl Into<String>,
    rates: impl IntoRates,
) -> Result<Limiter, OpenError> {
    let bucket = crate::RedisBucket::at(address, name).rates(rates.into_rates()?);
    Ok(Limiter::over_async(bucket.keyed().open_async().await?))
}

/// A limiter over the bucket of that name in the PostgreSQL server at that address, with a bucket
/// for each name: see [`PostgresBucket`](crate::PostgresBucket). With feature `postgres`.
///
/// ```no_run
/// let server = "host=limits.internal user=api dbname=limits";
/// let limiter = tidegate::factory::postgres(server, "api", "100/s, 50000/h")?;
/// limiter.try_acquire("example.com")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(feature = "postgres")]
pub fn postgres(
    address: impl AsRef<str>,
    name: impl Into<String>,
    rates: impl IntoRates,
) -> Result<Limiter, OpenError> {
    let bucket = crate::PostgresBucket::at(address, name).rates(rates.into_rates()?);
    Ok(Limiter::over(bucket.keyed().open()?))
}

/// The same for async code.
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(feature = "postgres")]
pub async fn postgres_async(
    address: impl AsRef<str>,
    name: impl Into<String>,
    rates: impl IntoRates,
) -> Result<Limiter, OpenError> {
    let bucket = crate::PostgresBucket::at(address, name).rates(rates.into_rates()?);
    Ok(Limiter::over_async(bucket.keyed().open_async().await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rates_are_taken_in_any_form() {
        let both = [Rate::per_second(5), Rate::per_hour(100)];
        assert_eq!("5/s,100/h".into_rates().unwrap(), both);
        assert_eq!(" 5/s , 100/h ".into_rates().unwrap(), both);
        assert_eq!(both.into_rates().unwrap(), both);
        assert_eq!(both[..].into_rates().unwrap(), both);
        assert_eq!(both.to_vec().into_rates().unwrap(), both);
        assert_eq!(both[0].into_rates().unwrap(), both[..1]);
    }

    #[test]
    fn what_is_no_rate_is_named() {
        for text in ["", "5/s,", "5/s,often", "5"] {
            let error = in_memory(text).unwrap_err();
            assert!(matches!(error, OpenError::RateText(_)), "{error}");
        }
        let falling = in_memory([Rate::per_hour(5), Rate::per_second(5)]);
        assert!(matches!(falling, Err(OpenError::Rates(_))));
        assert!(matches!(in_memory([]), Err(OpenError::Rates(_))));
    }

    #[test]
    fn each_name_has_a_bucket_of_its_own_where_it_was_asked_for() {
        let rate = Rate::new(1, Duration::from_secs(3600));
        let limiter = in_memory_keyed(rate, 10).unwrap();
        assert!(limiter.try_acquire("a").is_ok() && limiter.try_acquire("b").is_ok());
        let limiter = in_memory(rate).unwrap();
        assert!(limiter.try_acquire("a").is_ok() && limiter.try_acquire("b").is_err());
    }
}
