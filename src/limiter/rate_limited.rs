//! The attribute macro, as users meet it.

/// Takes permits before each call of the function below it, which waits for its turn. A call
/// that gets no permits returns the limiter's error, and the body does not run. With feature
/// `macros`.
///
/// ```
/// use std::sync::LazyLock;
/// use tidegate::{AcquireError, Limiter, Rate, rate_limited};
///
/// static LIMITER: LazyLock<Limiter> = LazyLock::new(|| {
///     Limiter::in_memory().rate(Rate::per_minute(5)).open().unwrap()
/// });
///
/// #[rate_limited(limiter = LIMITER, name = "api_call", weight = 2, timeout = "2s")]
/// fn fetch(page: &str) -> Result<usize, AcquireError> {
///     Ok(page.len())
/// }
///
/// assert_eq!(fetch("/tides").unwrap(), 6);
/// assert_eq!(fetch("/moon").unwrap(), 5);
/// // Four of five permits a minute are gone, and two seconds are not enough.
/// assert!(matches!(fetch("/sun"), Err(AcquireError::Limited { .. })));
/// ```
///
/// | argument | value | if left out |
/// |---|---|---|
/// | `limiter` | a [`Limiter`](crate::Limiter), or what dereferences to one: a `LazyLock`, an `Arc` | must be there |
/// | `name` | bytes, or text | the function's name |
/// | `weight` | permits, `u64` | 1 |
/// | `timeout` | the longest wait: a `Duration`, or text as in `"500ms"` or `"1h30m"`, read when compiling | as long as it takes |
/// | `no_wait` | none: its turn is now, or the call fails | it waits |
/// | `sleep` | for an `async fn`: what makes a future of a `Duration` that ends after it | `tokio::time::sleep` |
/// | `crate` | where this crate is, for macros of crates that re-export it | `::tidegate` |
///
/// Values are expressions. Each call evaluates them before it asks, and they may use the
/// function's arguments; `limiter` and `name` only borrow theirs.
///
/// ```
/// use tidegate::{AcquireError, Limiter, Rate, rate_limited};
///
/// struct Client {
///     hosts: Limiter,
/// }
///
/// impl Client {
///     /// Each host has a limit of its own, and each line costs a permit.
///     #[rate_limited(limiter = self.hosts, name = host, weight = lines.len() as u64, no_wait)]
///     fn send(&self, host: String, lines: &[&str]) -> Result<String, AcquireError> {
///         Ok(host + lines[0])
///     }
/// }
///
/// let client = Client { hosts: Limiter::in_memory().rate(Rate::per_minute(3)).keys(100).open()? };
/// client.send("example.com".into(), &["a", "b"])?;
/// client.send("example.org".into(), &["a", "b"])?;
/// assert!(client.send("example.com".into(), &["a", "b"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The function returns a `Result` whose error can be made
/// [from the limiter's](crate::AcquireError), by whatever name the type is called:
///
/// ```
/// # use std::sync::LazyLock;
/// # use tidegate::{AcquireError, Limiter, Rate, rate_limited};
/// # static LIMITER: LazyLock<Limiter> = LazyLock::new(|| {
/// #     Limiter::in_memory().rate(Rate::per_minute(5)).open().unwrap()
/// # });
/// #[derive(Debug)]
/// enum FetchError {
///     Limited(AcquireError),
///     NotFound,
/// }
///
/// impl From<AcquireError> for FetchError {
///     fn from(error: AcquireError) -> Self {
///         Self::Limited(error)
///     }
/// }
///
/// #[rate_limited(limiter = LIMITER)]
/// fn fetch(page: &str) -> Result<usize, FetchError> {
///     page.strip_prefix('/').map(str::len).ok_or(FetchError::NotFound)
/// }
/// # assert_eq!(fetch("/tides").unwrap(), 5);
/// # assert!(matches!(fetch("tides"), Err(FetchError::NotFound)));
/// ```
///
/// An `async fn` waits on tokio's timer, with feature `tokio`, or on what `sleep` names.
/// Nothing is asked before its future is polled. Dropping that while it waits gives the
/// place back.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```compile_fail")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::LazyLock;
/// # use tidegate::{AcquireError, Limiter, Rate, rate_limited};
/// # static LIMITER: LazyLock<Limiter> = LazyLock::new(|| {
/// #     Limiter::in_memory().rate(Rate::per_minute(5)).open().unwrap()
/// # });
/// #[rate_limited(limiter = LIMITER)]
/// async fn fetch(page: &str) -> Result<usize, AcquireError> {
///     Ok(page.len())
/// }
/// fetch("/tides").await?;
///
/// #[rate_limited(limiter = LIMITER, sleep = smol::Timer::after)]
/// async fn fetch_by_smol(page: &str) -> Result<usize, AcquireError> {
///     Ok(page.len())
/// }
/// fetch_by_smol("/tides").await?;
/// # Ok(())
/// # }
/// ```
///
/// # What does not compile
///
/// A function that could not say that it was refused:
///
/// ```compile_fail,E0277
/// # use std::sync::LazyLock;
/// # use tidegate::{Limiter, rate_limited};
/// # static LIMITER: LazyLock<Limiter> = LazyLock::new(|| Limiter::in_memory().open().unwrap());
/// #[rate_limited(limiter = LIMITER)]
/// fn length(page: &str) -> usize {
///     page.len()
/// }
/// ```
///
/// One whose error cannot be made from the limiter's:
///
/// ```compile_fail,E0277
/// # use std::sync::LazyLock;
/// # use tidegate::{Limiter, rate_limited};
/// # static LIMITER: LazyLock<Limiter> = LazyLock::new(|| Limiter::in_memory().open().unwrap());
/// #[rate_limited(limiter = LIMITER)]
/// fn length(page: &str) -> Result<usize, std::num::ParseIntError> {
///     page.parse()
/// }
/// ```
///
/// A `const fn`, for there is no limiter while one compiles:
///
/// ```compile_fail
/// # use std::sync::LazyLock;
/// # use tidegate::{AcquireError, Limiter, rate_limited};
/// # static LIMITER: LazyLock<Limiter> = LazyLock::new(|| Limiter::in_memory().open().unwrap());
/// #[rate_limited(limiter = LIMITER)]
/// const fn one() -> Result<usize, AcquireError> {
///     Ok(1)
/// }
/// ```
pub use tidegate_macros::rate_limited;
