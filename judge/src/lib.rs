//! Judges logs of grants: was a rate ever exceeded, in any window?
//!
//! Tests, examples and benches let every worker [log](Log) its grants, read
//! all logs back ([`read_folder`]), and ask for a [`Verdict`]. This crate shares
//! no code with the limiter, so that a mistake there cannot hide itself here.
//!
//! All times are microseconds on one clock that every worker reads, counted from
//! any epoch.
//!
//! ```
//! use std::time::Duration;
//! use tidegate_judge::{Grant, Rate, judge};
//!
//! let at = |at| Grant { before: at, at, after: at, weight: 1, worker: 0, sleeps: 0 };
//! let rates = [Rate::new(2, Duration::from_secs(1))];
//!
//! // A grant at t and one at t + interval are not in one half-open window.
//! assert!(judge(&[at(0), at(500_000), at(1_000_000)], &rates).holds());
//!
//! let verdict = judge(&[at(0), at(500_000), at(999_999)], &rates);
//! assert_eq!(verdict.breaches()[0].to_string(), "3 granted in [0.000000 s, 1.000000 s), where 2 per 1s is the limit");
//! ```

mod allowed;
mod grant;
mod log;
mod rate;
mod tally;
mod verdict;
mod window;

pub use allowed::allowed;
pub use grant::Grant;
pub use log::{Log, LogError, read_file, read_folder};
pub use rate::Rate;
pub use tally::Tally;
pub use verdict::{Breach, RateVerdict, Verdict, judge};
pub use window::Window;
