//! Buckets that are kept in stores of others: each in a room of its own, behind a feature of
//! its own.

#[cfg(any(feature = "postgres", feature = "redis"))]
mod by_process;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "sqlite")]
mod turn;
