//! HTTP clients that are limited, real ones, before real servers that log what arrives.
#![cfg(target_os = "linux")]

mod calm;
#[path = "../common/mod.rs"]
mod common;
mod lessons;
mod limits;
mod own;
mod server;
mod user;
