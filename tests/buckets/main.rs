//! The suite for buckets, on those that are rings; and what it is worth.

mod over;
mod rings;
