//! The native module below the Python package `tidegate`: the library's words, in Python's.
//!
//! Times are seconds here, as floats, where Python has them so; rates come as `Rate`, as text, or
//! as objects with a `limit` and an `interval` in milliseconds. What is easier said in Python (async
//! methods, decorators, exceptions, middlewares) is in `lib/tidegate`.

mod arguments;
mod error;
mod held;
mod limiter;
mod nap;
mod options;
mod permit;
mod rate;
mod snapshot;
mod web;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::limiter::Limiter;
    #[pymodule_export]
    use crate::limiter::{list_segments, remove, remove_at};
    #[pymodule_export]
    use crate::permit::{Permit, Reservation};
    #[pymodule_export]
    use crate::rate::Rate;
    #[pymodule_export]
    use crate::web::told_pause;
}
