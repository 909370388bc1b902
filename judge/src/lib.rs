//! Judges logs of grants.
