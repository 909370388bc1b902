//! Callers who wait for their turn: what waiting costs, and what is lost by it.
//!
//! [`processes`] and [`tasks`] measure crowds of them, [`cases`] does so round by round, and
//! [`figures`] says what came out.

pub mod cases;
pub mod figures;
pub mod pace;
pub mod processes;
pub mod tasks;
