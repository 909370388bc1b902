//! Support shared by the examples.

pub mod crew;
pub mod plot;
pub mod report;
pub mod segment;
pub mod terminal;
