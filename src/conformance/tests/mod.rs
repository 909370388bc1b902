//! The tests of the suite, by what they judge.

#[cfg(feature = "tokio")]
mod asynchronous;
mod crowds;
mod giving;
mod knowing;
mod names;
mod steering;
mod taking;
mod turns;
mod waits;

#[cfg(feature = "tokio")]
pub use asynchronous::*;
pub use crowds::*;
pub use giving::*;
pub use knowing::*;
pub use names::*;
pub use steering::*;
pub use taking::*;
pub use turns::*;
pub use waits::*;
