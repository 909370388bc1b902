//! Where web servers and clients meet a limiter.

#[cfg(any(feature = "reqwest", feature = "ureq"))]
pub mod client;
pub mod headers;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "ureq")]
pub mod ureq;
