//! Real servers, which a test starts for itself on a private socket, and which end with it.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test file is a crate of its own, and uses a part"
)]

#[cfg(feature = "postgres")]
pub mod postgres;
pub mod proxy;
#[cfg(feature = "redis")]
pub mod redis;
pub mod stepped_clock;

#[cfg(feature = "postgres")]
pub use postgres::PostgresServer;
pub use proxy::Proxy;
#[cfg(feature = "redis")]
pub use redis::RedisServer;
pub use stepped_clock::SteppedClock;

use std::env;
use std::fs;
use std::path::PathBuf;

/// Where a program is. A test that has none to play with says so by its name, and is left out;
/// or fails, where the environment demands that there be servers.
pub fn find(programs: &[&str], test: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    // Debian keeps those of each version apart.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    folders.extend(versions.map(|version| version.unwrap().path().join("bin")));
    let candidates = programs
        .iter()
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)));
    if let Some(found) = candidates.into_iter().find(|path| path.is_file()) {
        return Some(found);
    }
    let complaint = format!(
        "left out: {test}, for there is no {}",
        programs.join(" or ")
    );
    let demanded = env::var("TIDEGATE_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!demanded, "{complaint}");
    eprintln!("{complaint}");
    None
}
