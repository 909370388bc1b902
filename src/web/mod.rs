//! Where web servers meet a limiter.

mod headers;
#[cfg(feature = "tower")]
pub mod tower;
