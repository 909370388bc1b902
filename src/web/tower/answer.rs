//! What those are told who are refused.

use crate::error::AcquireError;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// Makes the response to a request that is refused, with a body `B`.
pub trait Answer<B> {
    /// The response with the status that fits the reason, or another.
    fn answer(&self, status: StatusCode, reason: &AcquireError) -> Response<B>;
}

impl<B, F: Fn(StatusCode, &AcquireError) -> Response<B>> Answer<B> for F {
    fn answer(&self, status: StatusCode, reason: &AcquireError) -> Response<B> {
        self(status, reason)
    }
}

/// Answers in a short line of text, which tells nothing of the server.
#[derive(Clone, Copy, Debug)]
pub struct PlainText;

impl<B: From<String>> Answer<B> for PlainText {
    fn answer(&self, status: StatusCode, reason: &AcquireError) -> Response<B> {
        let text = match reason {
            AcquireError::Limited { retry_after, .. }
            | AcquireError::QueueFull { retry_after, .. } => {
                format!("Too many requests: try again in {retry_after:.1?}.\n")
            }
            AcquireError::WeightTooLarge { weight, rate } => {
                format!("This request counts as {weight}, which {rate} never allows.\n")
            }
            AcquireError::KeyTooLong { .. } => "What requests are limited by is too long.\n".into(),
            AcquireError::Full { .. } | AcquireError::Bucket(_) => {
                "The limit cannot be checked now: try again later.\n".into()
            }
        };
        let mut response = Response::new(B::from(text));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// The status that fits.
pub fn status(reason: &AcquireError) -> StatusCode {
    match reason {
        AcquireError::Limited { .. } | AcquireError::QueueFull { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        AcquireError::WeightTooLarge { .. } | AcquireError::KeyTooLong { .. } => {
            StatusCode::BAD_REQUEST
        }
        AcquireError::Full { .. } | AcquireError::Bucket(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
