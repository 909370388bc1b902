//! A limit before each request of a reqwest client, by the crate `reqwest-middleware`.
//!
//! ```
//! use reqwest_middleware::{ClientBuilder, Error};
//! use tidegate::reqwest::RateLimit;
//! use tidegate::{AcquireError, Limiter, Rate};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let name = format!("doc-reqwest-{}", std::process::id());
//! # let name = name.as_str();
//! // All processes that open this name ask each host twice a second at most, together.
//! let hosts = Limiter::shared(name).rate(Rate::per_second(2)).keys(10_000).open()?;
//! # tidegate::remove(name)?;
//! # let hosts = Limiter::in_memory().rate(Rate::per_hour(1)).keys(10).open()?;
//! # hosts.try_acquire("example.com")?;
//! let client = ClientBuilder::new(reqwest::Client::new())
//!     .with(RateLimit::new(hosts).no_wait())
//!     .build();
//! match client.get("http://example.com/").send().await {
//!     Ok(response) => println!("{}", response.status()),
//!     Err(Error::Middleware(error)) => match error.downcast_ref() {
//!         Some(AcquireError::Limited { retry_after, .. }) => println!("not before {retry_after:?}"),
//!         _ => println!("{error}"),
//!     },
//!     Err(error) => println!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A request waits on tokio's timer. Dropping the future while it waits gives the place back;
//! once the request is on its way, the permit is spent, whatever becomes of it.
//!
//! A request that got no permit is the error `Middleware`, and in it an
//! [`AcquireError`](crate::AcquireError), as above.
//!
//! # Redirects
//!
//! reqwest follows them itself, below all middlewares: so they take no permits. (A pause goes to
//! the host that answered, if requests are limited by host.) A client with
//! `redirect::Policy::none()` leaves them to its user.
//!
//! # Retries
//!
//! Middlewares are asked in the order in which they are given. With those that send a request
//! several times, as `reqwest-retry`, this one comes after them: then each try takes its
//! permits, and waits until the pause is over that the last one has taught.
//!
//! ```
//! use reqwest_middleware::ClientBuilder;
//! use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
//! use tidegate::reqwest::RateLimit;
//! use tidegate::{Limiter, Rate};
//!
//! let limiter = Limiter::in_memory().rate(Rate::per_second(2)).keys(100).open()?;
//! let policy = ExponentialBackoff::builder().build_with_max_retries(3);
//! let client = ClientBuilder::new(reqwest::Client::new())
//!     .with(RetryTransientMiddleware::new_with_policy(policy))
//!     .with(RateLimit::new(limiter))
//!     .build();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::client::{Client, RateLimit as Limit};
use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

/// The middleware: see the [module](self) for what is of reqwest, and [`client`](super::client) for the
/// rest. Closures see a `reqwest::Request`.
pub type RateLimit = Limit<Reqwest>;

/// reqwest's asynchronous client.
#[derive(Clone, Copy, Default, Debug)]
pub struct Reqwest;

impl Client for Reqwest {
    type Request = Request;

    fn host(&self, request: &Request) -> Option<String> {
        host(request.url())
    }
}

/// A URL has its host in lower case, and no port that is the usual one.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[async_trait]
impl Middleware for RateLimit {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some((key, weight)) = self.price(&request) else {
            return next.run(request, extensions).await;
        };
        self.limiter
            .acquire_timeout_async(&key, weight, self.timeout)
            .await
            .map_err(Error::middleware)?;
        let response = next.run(request, extensions).await?;
        let host = host(response.url());
        self.learn(key, host, response.status(), response.headers());
        Ok(response)
    }
}
