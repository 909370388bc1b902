//! A caller's turn: what it gets, and how it waits for it.

pub mod manners;
pub mod permit;
pub mod place;
pub mod reservation;
