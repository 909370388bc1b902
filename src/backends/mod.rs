//! Buckets that are kept in stores of others: each in a room of its own, behind a feature of
//! its own.

#[cfg(feature = "redis")]
mod by_process;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "sqlite")]
mod turn;
