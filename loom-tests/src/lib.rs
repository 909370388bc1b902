//! Loom models of the ring; see README.md.
