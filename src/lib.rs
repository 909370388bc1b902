//! tidegate

// Models need the ring itself; users do not.
#[cfg(loom)]
pub mod ring;
#[cfg(not(loom))]
#[allow(dead_code, unused_imports)]
mod ring;
#[cfg(loom)]
pub mod sync;
#[cfg(not(loom))]
#[allow(dead_code)]
mod sync;
