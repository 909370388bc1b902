//! Support shared by the benchmarks.
