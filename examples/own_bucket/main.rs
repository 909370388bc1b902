//! A bucket of one's own: over a plain file, for all processes that open it.
//!
//! ```sh
//! cargo run --example own_bucket        # twice at once, in two terminals
//! cargo test --example own_bucket       # has the conformance suite judge it
//! ```

mod bucket;
mod file;
#[cfg(test)]
mod tests;

use anyhow::Result;
use bucket::FileBucket;
use std::env;
use std::time::Duration;
use tidegate::{Boottime, Limiter, Rate};

fn main() -> Result<()> {
    let path = env::temp_dir().join("tidegate-own-bucket");
    let rate = Rate::new(3, Duration::from_secs(1));
    let limiter = Limiter::over(FileBucket::new(&path, [rate], Boottime)?);
    println!("{rate}, for all who open {}", path.display());
    for number in 1..=9 {
        let permit = limiter.acquire("example.com")?;
        let usage = &limiter.usage("example.com")?[0];
        println!(
            "{number}: granted at {}, {} in use",
            permit.at(),
            usage.used
        );
    }
    Ok(())
}
