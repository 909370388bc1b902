//! A server's limit: a tower layer over HTTP requests.
//!
//! tower's own `RateLimit` counts in the service itself, so a server that clones its
//! services for each connection, as axum does, counts each connection apart. Clones of this
//! one share the limiter, and so do all processes that open the same segment.

mod answer;
mod gate;
mod service;

pub use answer::{Answer, PlainText};
pub use gate::Granted;
pub use service::RateLimit;

use crate::limiter::Limiter;
use gate::Gate;
use http::request::Parts;
use http::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tower_layer::Layer;

/// Puts a limiter in front of a service: the inner service is called for requests that got
/// their permits, and never for others. With feature `tower`.
///
/// Who is refused gets:
///
/// | why | status |
/// |---|---|
/// | limited, or too many wait already | 429, with `Retry-After` in whole seconds, rounded up |
/// | heavier than the smallest limit, or a key that is too long | 400 |
/// | no bucket is free, or the limiter cannot be used | 503, or it [passes](Self::fail_open) |
///
/// Responses, to those who pass as to those who do not, tell by `RateLimit` and
/// `RateLimit-Policy` how much of each rate is left, unless they are to be
/// [silent](Self::silent).
///
/// ```
/// use tidegate::tower::RateLimitLayer;
/// use tidegate::{Limiter, Rate};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limiter = Limiter::in_memory().rate(Rate::per_minute(1)).keys(1000).open()?;
/// let layer = RateLimitLayer::new(limiter)
///     .key(|parts| Some(parts.headers.get("api-key").map_or(&b""[..], |key| key.as_bytes()).to_vec()));
/// let service = ServiceBuilder::new()
///     .layer(layer)
///     .service(service_fn(async |_: http::Request<()>| {
///         Ok::<_, std::convert::Infallible>(http::Response::new(String::from("hello")))
///     }));
///
/// let ask = |key| http::Request::get("/").header("api-key", key).body(());
/// assert_eq!(service.clone().oneshot(ask("a")?).await?.status(), 200);
/// assert_eq!(service.clone().oneshot(ask("a")?).await?.status(), 429);
/// assert_eq!(service.oneshot(ask("b")?).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
///
/// Under axum: `Router::new().route(..).layer(RateLimitLayer::new(limiter))`. A key from
/// the peer's address is `|parts| parts.extensions.get::<ConnectInfo<SocketAddr>>()
/// .map(|peer| peer.ip().to_string())`; behind a proxy that is the proxy's.
#[derive(Clone, Debug)]
pub struct RateLimitLayer<A = PlainText> {
    gate: Gate<A>,
}

impl RateLimitLayer {
    /// One bucket for all requests, each with weight 1; what is not possible now is refused
    /// at once, and a failure refuses too.
    pub fn new(limiter: Limiter) -> Self {
        Self {
            gate: Gate::new(limiter, PlainText),
        }
    }
}

impl<A> RateLimitLayer<A> {
    /// By what requests are limited: the name that is given to the limiter. A request
    /// for which there is none passes, and takes nothing.
    ///
    /// Without [`keys`](crate::Builder::keys) the limiter has one bucket for all names.
    pub fn key<K: Into<Vec<u8>>>(
        mut self,
        key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.gate.key = Arc::new(move |parts| key(parts).map(Into::into));
        self
    }

    /// How many permits a request takes.
    pub fn weight(mut self, weight: impl Fn(&Parts) -> u64 + Send + Sync + 'static) -> Self {
        self.gate.weight = Arc::new(weight);
        self
    }

    /// Lets requests wait for their turn, on tokio's timer, if that comes within so long: first
    /// come, first served, across processes. Others are refused at once.
    ///
    /// A request that is dropped while it waits, because the client has gone, gives its
    /// place back. One that waits keeps the inner service ready for it, so a layer
    /// that bounds concurrency belongs inside another service than this one's inner.
    pub fn wait(mut self, at_most: Duration) -> Self {
        self.gate.wait = at_most;
        self
    }

    /// Lets requests pass, unlimited, while the limiter cannot tell: its segment is gone or
    /// damaged, or all its keys are in use. The default is to answer 503.
    ///
    /// Where clients choose their key, whoever sends enough of them can use up all keys: then
    /// everybody new passes with this, and nobody new without it.
    pub fn fail_open(mut self) -> Self {
        self.gate.fails_open = true;
        self
    }

    /// Has responses tell nothing of the limits but `Retry-After`. To tell costs a look at each
    /// permit that counts.
    pub fn silent(mut self) -> Self {
        self.gate.tells = false;
        self
    }

    /// Answers those who are refused by `answer` instead of in [`PlainText`]: a function of
    /// the status that would be given, and the reason. `Retry-After` is
    /// added to what it returns.
    ///
    /// The reason may name files of the server: see
    /// [`AcquireError::Bucket`](crate::AcquireError::Bucket).
    pub fn answer<B, F>(self, answer: F) -> RateLimitLayer<F>
    where
        F: Fn(StatusCode, &crate::AcquireError) -> Response<B>,
    {
        RateLimitLayer {
            gate: self.gate.answering(answer),
        }
    }
}

impl<S, A: Clone> Layer<S> for RateLimitLayer<A> {
    type Service = RateLimit<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, Arc::new(self.gate.clone()))
    }
}
