//! A service that counts its calls, and requests for it.

use http::{HeaderMap, Request, Response};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tidegate::tower::{Answer, Granted, RateLimitLayer};
use tidegate::{Limiter, Rate};
use tower::{Layer, Service, ServiceExt};

pub const HOUR: Duration = Duration::from_secs(3600);

/// One bucket, an hour wide.
pub fn hourly(limit: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).open().unwrap()
}

/// A bucket for each key, an hour wide.
pub fn hourly_keyed(limit: u64, keys: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).keys(keys).open().unwrap()
}

/// Says hello, and how many permits the request got. It panics when it is called without
/// having been polled ready, as services may.
#[derive(Default)]
pub struct Hello {
    pub calls: Arc<AtomicU32>,
    is_ready: bool,
}

impl Clone for Hello {
    /// Readiness is not cloned.
    fn clone(&self) -> Self {
        Self {
            calls: self.calls.clone(),
            is_ready: false,
        }
    }
}

impl Hello {
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Service<Request<()>> for Hello {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called unready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        let weight = request
            .extensions()
            .get::<Granted>()
            .map_or(0, |g| g.weight);
        ready(Ok(Response::new(format!("hello {weight}"))))
    }
}

/// A request with that key.
pub fn request(key: &str) -> Request<()> {
    Request::get("/").header("key", key).body(()).unwrap()
}

/// The key of a request, if it has one.
pub fn key(parts: &http::request::Parts) -> Option<Vec<u8>> {
    parts.headers.get("key").map(|key| key.as_bytes().to_vec())
}

/// Asks once, as a connection of its own would.
pub async fn ask<A>(layer: &RateLimitLayer<A>, inner: &Hello, key: &str) -> Response<String>
where
    A: Answer<String> + Clone + Send + Sync + 'static,
{
    let service = layer.layer(inner.clone());
    service.oneshot(request(key)).await.unwrap()
}

/// A header that is there at most once.
pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().unwrap();
    assert_eq!(values.next(), None);
    Some(value)
}
