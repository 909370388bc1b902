//! The tower layer, with real limiters and services.

mod answers;
mod limits;
mod stand;
mod waiting;
