//! What can be seen of a segment from outside: who asked it for what, and what became of it;
//! also by those who may only read it.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod counts;
mod viewers;
