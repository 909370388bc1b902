//! What `#[rate_limited]` writes into functions, besides calls that anybody can make.
//! Nothing here is for anybody else, nor stays as it is.

use crate::error::AcquireError;

/// What a function returns that can be refused.
#[diagnostic::on_unimplemented(
    message = "a rate limited function must be able to say that it was refused, and `{Self}` cannot",
    label = "let it return `Result<_, E>`, where `E: From<tidegate::AcquireError>`",
    note = "a function that returns a future is written as an `async fn`"
)]
pub trait Refusable {
    /// That it was refused.
    fn refused(error: AcquireError) -> Self;
}

impl<T, E: From<AcquireError>> Refusable for Result<T, E> {
    fn refused(error: AcquireError) -> Self {
        Err(error.into())
    }
}

/// The answer of a function that was refused.
pub fn refused<A: Refusable>(error: AcquireError) -> A {
    A::refused(error)
}
