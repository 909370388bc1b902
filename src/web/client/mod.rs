//! A client's limit: what is common to middlewares that take permits before each request, and
//! learn from each response.
//!
//! The modules `reqwest` and `ureq` say how each client gets it.

use crate::error::PauseError;
use crate::limiter::Limiter;
use crate::web::headers::Lesson;
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// An HTTP client that has middlewares.
pub trait Client: Default + Send + Sync + 'static {
    /// A request, as closures see it.
    type Request;

    /// The host that it is for, as `example.com` or `example.com:8080`.
    fn host(&self, request: &Self::Request) -> Option<String>;
}

type Of<C, T> = Arc<dyn Fn(&<C as Client>::Request) -> T + Send + Sync>;

/// By what requests are limited.
#[derive(Clone)]
enum By<C: Client> {
    Host,
    Key(Of<C, Option<Vec<u8>>>),
}

/// Takes permits before each request: a middleware of the client `C`. It sends a request that
/// got its permits, and never another.
///
/// By default each request has weight 1, its key is the host, and it waits for its turn, first
/// come, first served across processes, however long that takes.
///
/// # What responses teach
///
/// A server that says when it wants to be asked again is heeded by all who share the limiter,
/// in whatever process, at once: the key is [paused](Limiter::pause), for those who wait as for
/// those who come. What is read, the first that is there and can be understood:
///
/// | field | as | of responses |
/// |---|---|---|
/// | `Retry-After` | seconds, or a date: seen from the response's own `Date`, if it has one | 429, 503 |
/// | `RateLimit` | `"name";r=0;t=30`; without `t`, the window `w` of that name in `RateLimit-Policy` | 429, 503, or [all](Self::heed_all) |
/// | `RateLimit` | `limit=10, remaining=0, reset=30`, as earlier drafts had it | the same |
/// | `RateLimit-Remaining` 0 | `RateLimit-Reset`: seconds, or Unix time | the same |
/// | `X-RateLimit-Remaining` 0 | `X-RateLimit-Reset`: seconds, or Unix time | the same |
///
/// `RateLimit` is of the IETF's draft-ietf-httpapi-ratelimit-headers. Of several limits that are
/// used up the one that takes longest counts. No pause is longer than
/// [`longest_pause`](Self::longest_pause): an hour by default. A 429 that says nothing of the
/// time changes nothing, unless there is a [`default_pause`](Self::default_pause).
///
/// The response is the caller's in any case: nothing is sent twice, and a pause that fails costs
/// nothing but the pause.
///
/// A limiter without [`keys`](crate::Builder::keys) has one bucket for all hosts: a pause
/// stops the requests to all of them.
#[derive(Clone)]
pub struct RateLimit<C: Client> {
    pub(super) limiter: Limiter,
    by: By<C>,
    weight: Of<C, u64>,
    pub(super) timeout: Duration,
    lesson: Lesson,
    pub(super) client: C,
}

impl<C: Client> RateLimit<C> {
    /// Limits requests by their host: its name, in lower case, and its port if that is not the
    /// scheme's usual one. So `http://example.com/` and `https://Example.com:443/` are one, and
    /// `http://example.com:8080/` is another.
    ///
    /// Give the limiter [keys](crate::Builder::keys), for as many hosts as there may be.
    pub fn new(limiter: Limiter) -> Self {
        Self {
            limiter,
            by: By::Host,
            weight: Arc::new(|_| 1),
            timeout: Duration::MAX,
            lesson: Lesson::new(),
            client: C::default(),
        }
    }

    /// Limits requests by something else: the name that is given to the limiter. A request for
    /// which there is none passes, takes nothing, and teaches nothing.
    pub fn key<K: Into<Vec<u8>>>(
        mut self,
        key: impl Fn(&C::Request) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.by = By::Key(Arc::new(move |request| key(request).map(Into::into)));
        self
    }

    /// How many permits a request takes.
    pub fn weight(mut self, weight: impl Fn(&C::Request) -> u64 + Send + Sync + 'static) -> Self {
        self.weight = Arc::new(weight);
        self
    }

    /// Lets each request wait so long at most. One whose turn would come later fails at once, and
    /// is not sent. The client's own timeouts begin after the wait.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Lets no request wait: its turn is now, or it fails, and is not sent.
    pub fn no_wait(self) -> Self {
        self.timeout(Duration::ZERO)
    }

    /// The longest pause that a response can cause, whatever it asks for: an hour by default.
    /// Zero for learning nothing from responses.
    pub fn longest_pause(mut self, longest: Duration) -> Self {
        self.lesson.longest = longest;
        self
    }

    /// How long a 429 pauses its key that does not say for how long. By default it does not: the
    /// server may have limited something else than the key.
    pub fn default_pause(mut self, pause: Duration) -> Self {
        self.lesson.by_default = pause;
        self
    }

    /// Learns from responses of every status that nothing is left, and not only from 429 and
    /// 503: a server that says so in a 200 is not asked again until it has more. `Retry-After`
    /// in others is not heeded.
    pub fn heed_all(mut self) -> Self {
        self.lesson.from_all = true;
        self
    }

    /// The key of a request, and its weight; none if it passes.
    pub(super) fn price(&self, request: &C::Request) -> Option<(Vec<u8>, u64)> {
        let key = match &self.by {
            By::Host => self.client.host(request).map(String::into_bytes),
            By::Key(key) => key(request),
        };
        Some((key?, (self.weight)(request)))
    }

    /// Learns from the response to a request of that key. Its host is another than the request's
    /// where the client has followed a redirect.
    pub(super) fn learn(
        &self,
        key: Vec<u8>,
        host: Option<String>,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        let pause = self.lesson.pause(status, headers, SystemTime::now());
        if pause.is_zero() {
            return;
        }
        let key = match (&self.by, host) {
            (By::Host, Some(host)) => host.into_bytes(),
            _ => key,
        };
        // What else fails here is told to the next request that asks for a permit.
        if let Err(PauseError::TooLong { longest, .. }) = self.limiter.pause(&key, pause) {
            let _ = self.limiter.pause(&key, longest);
        }
    }
}

impl<C: Client> fmt::Debug for RateLimit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("limiter", &self.limiter)
            .field("timeout", &self.timeout)
            .field("lesson", &self.lesson)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "reqwest", feature = "ureq"))]
mod tests {
    use super::Client;
    use crate::web::{reqwest::Reqwest, ureq::Ureq};
    use http::Method;

    #[test]
    fn both_clients_know_a_host_by_one_key_however_it_is_written() {
        for (url, key) in [
            ("http://example.com/", "example.com"),
            ("http://example.com/tides?of=today", "example.com"),
            ("https://example.com/", "example.com"),
            ("http://EXAMPLE.Com:80/", "example.com"),
            ("https://example.com:443/", "example.com"),
            ("http://example.com:443/", "example.com:443"),
            ("https://example.com:80/", "example.com:80"),
            ("http://example.com:8080/", "example.com:8080"),
            ("http://user:secret@example.com/", "example.com"),
            ("http://127.0.0.1:3000/", "127.0.0.1:3000"),
            ("http://[::1]/", "[::1]"),
            ("http://[::1]:3000/", "[::1]:3000"),
        ] {
            let request = ::reqwest::Request::new(Method::GET, url.parse().unwrap());
            assert_eq!(Reqwest.host(&request).as_deref(), Some(key));
            let (request, ()) = http::Request::get(url).body(()).unwrap().into_parts();
            assert_eq!(
                Ureq::default().host(&request).as_deref(),
                Some(key),
                "{url}"
            );
        }
        let (nowhere, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        assert_eq!(Ureq::default().host(&nowhere), None);
    }
}
