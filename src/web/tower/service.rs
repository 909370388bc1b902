//! The service that the layer puts in front of another.

use super::answer::Answer;
use super::gate::Gate;
use http::{Request, Response};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service behind a limiter: see [`RateLimitLayer`](super::RateLimitLayer). Clones share the
/// limiter.
#[derive(Debug)]
pub struct RateLimit<S, A = super::PlainText> {
    inner: S,
    gate: Arc<Gate<A>>,
}

impl<S, A> RateLimit<S, A> {
    pub(super) fn new(inner: S, gate: Arc<Gate<A>>) -> Self {
        Self { inner, gate }
    }
}

impl<S: Clone, A> Clone for RateLimit<S, A> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.gate.clone())
    }
}

impl<S, A, T, B> Service<Request<T>> for RateLimit<S, A>
where
    S: Service<Request<T>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Answer<B> + Send + Sync + 'static,
    T: Send + 'static,
    B: Send,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<T>) -> Self::Future {
        // The one that was polled ready is to be called, not its clone.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let gate = self.gate.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let Some(key) = (gate.key)(&parts) else {
                return inner.call(Request::from_parts(parts, body)).await;
            };
            match gate.admit(&key, &parts).await {
                Ok(Some(granted)) => drop(parts.extensions.insert(granted)),
                Ok(None) => {}
                Err(reason) => return Ok(gate.refuse(&key, &reason).await),
            }
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            gate.tell(&key, response.headers_mut()).await;
            Ok(response)
        })
    }
}
