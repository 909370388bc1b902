//! Every kind of bucket under the same work, beside locks and governor.
//!
//! [`plan`] is what is asked, [`bucket`] asks it of any bucket, [`stores`] opens each kind,
//! [`governed`] is governor, and [`field`] has all that can be had on this machine, servers
//! among them. [`figures`] measures it, and [`report`] tells what came out.

pub mod bucket;
pub mod field;
pub mod figures;
pub mod governed;
pub mod plan;
pub mod report;
pub mod stores;

#[path = "../../tests/common/servers/mod.rs"]
mod servers;

/// What the tests' servers need of the tests.
#[path = "."]
mod common {
    #[path = "../../tests/common/process.rs"]
    #[allow(dead_code, reason = "servers need but a part")]
    pub mod process;
}
