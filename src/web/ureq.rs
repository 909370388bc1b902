//! A limit before each request of a ureq agent.
//!
//! ```
//! use tidegate::ureq::RateLimit;
//! use tidegate::{AcquireError, Limiter, Rate};
//!
//! # let name = format!("doc-ureq-{}", std::process::id());
//! # let name = name.as_str();
//! // All processes that open this name ask each host twice a second at most, together.
//! let hosts = Limiter::shared(name).rate(Rate::per_second(2)).keys(10_000).open()?;
//! # tidegate::remove(name)?;
//! # let hosts = Limiter::in_memory().rate(Rate::per_hour(1)).keys(10).open()?;
//! # hosts.try_acquire("example.com")?;
//! let agent = ureq::Agent::config_builder()
//!     .middleware(RateLimit::new(hosts).no_wait())
//!     .build()
//!     .new_agent();
//! match agent.get("http://example.com/").call() {
//!     Ok(response) => println!("{}", response.status()),
//!     Err(ureq::Error::Other(error)) => match error.downcast_ref() {
//!         Some(AcquireError::Limited { retry_after, .. }) => println!("not before {retry_after:?}"),
//!         _ => println!("{error}"),
//!     },
//!     Err(error) => println!("{error}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A request blocks its thread until its turn. One that got no permit is the error `Other`, and
//! in it an [`AcquireError`](crate::AcquireError), as above. Once a request is on its way, its
//! permit is spent, whatever becomes of it.
//!
//! # Redirects
//!
//! ureq follows them itself, below all middlewares: so they take no permits. (A pause goes to
//! the host that answered, if requests are limited by host: the middleware has ureq keep the
//! redirect history for that.) An agent with `max_redirects(0)` and
//! `max_redirects_will_error(false)` leaves them to its user.
//!
//! # Statuses that are errors
//!
//! An agent makes errors of the statuses from 400 to 599, unless it is told not to, and such an
//! error has no headers. So the middleware has each request answered by a response, learns from
//! it, and makes the error itself. Which of both the caller gets must be said here, too: see
//! [`http_status_as_error`](RateLimit::http_status_as_error).

use super::client::{Client, RateLimit as Limit};
use http::request::Parts;
use http::uri::{Scheme, Uri};
use http::{HeaderMap, Request, Response, StatusCode};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Body, Error, RequestExt, ResponseExt, SendBody};

/// The middleware: see the [module](self) for what is of ureq, and [`client`](super::client) for the
/// rest. Closures see the `Parts` of a request.
pub type RateLimit = Limit<Ureq>;

/// ureq's agent.
#[derive(Clone, Copy, Debug)]
pub struct Ureq {
    status_as_error: bool,
}

impl Default for Ureq {
    /// As an agent is.
    fn default() -> Self {
        Self {
            status_as_error: true,
        }
    }
}

impl Client for Ureq {
    type Request = Parts;

    fn host(&self, request: &Parts) -> Option<String> {
        host(&request.uri)
    }
}

/// The host in lower case, and its port if it is not the usual one: as a URL has it.
fn host(uri: &Uri) -> Option<String> {
    let host = uri.host()?.to_ascii_lowercase();
    let usual = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    Some(match uri.port_u16() {
        Some(port) if port != usual => format!("{host}:{port}"),
        _ => host,
    })
}

impl RateLimit {
    /// Whether the caller gets the statuses from 400 to 599 as errors: true by default, as the
    /// agent's setting of the same name.
    ///
    /// An agent for which that is false needs it here as well: the middleware leaves the
    /// settings of requests alone then, and learns from the responses that it sees. (Who has
    /// answered after a redirect it knows by `save_redirect_history(true)`. And an agent with TLS
    /// need not prepare that for each connection anew, as it does for requests that
    /// have settings of their own.)
    pub fn http_status_as_error(mut self, is_error: bool) -> Self {
        self.client.status_as_error = is_error;
        self
    }
}

impl Middleware for RateLimit {
    fn handle(
        &self,
        request: Request<SendBody>,
        next: MiddlewareNext,
    ) -> Result<Response<Body>, Error> {
        let (mut parts, body) = request.into_parts();
        let Some((key, weight)) = self.price(&parts) else {
            return next.handle(Request::from_parts(parts, body));
        };
        self.limiter
            .acquire_timeout(&key, weight, self.timeout)
            .map_err(|refused| Error::Other(Box::new(refused)))?;
        if self.client.status_as_error {
            see_all(&mut parts);
        }
        let outcome = next.handle(Request::from_parts(parts, body));
        match &outcome {
            Ok(response) => {
                let status = response.status();
                self.learn(key, who_answered(response), status, response.headers());
                if self.client.status_as_error && is_error(status) {
                    return Err(Error::StatusCode(status.as_u16()));
                }
            }
            // Its headers are lost, but not what it is.
            Err(Error::StatusCode(status)) => {
                if let Ok(status) = StatusCode::from_u16(*status) {
                    self.learn(key, None, status, &HeaderMap::new());
                }
            }
            Err(_) => {}
        }
        outcome
    }
}

/// Has the agent answer this request by a response, whatever its status, which tells where it
/// comes from.
fn see_all(parts: &mut Parts) {
    let mut request = Request::new(());
    *request.extensions_mut() = parts.extensions.clone();
    // There is none where another middleware has dropped what the agent keeps in a request.
    if let Some(settings) = request.middleware_config() {
        let settings = settings.http_status_as_error(false);
        let request = settings.save_redirect_history(true).build();
        parts.extensions = request.into_parts().0.extensions;
    }
}

/// The host at the end of all redirects. (`get_uri` says it as well, but panics for what another
/// middleware has answered.)
fn who_answered(response: &Response<Body>) -> Option<String> {
    host(response.get_redirect_history()?.last()?)
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
