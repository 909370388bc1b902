//! Crawler processes that fetch real pages over real HTTP, under a limit for each host
//! that they visit and one for all hosts together.
//!
//! ```text
//! cargo run --release --example crawler
//! cargo run --release --example crawler -- --crawlers 8 --hosts 3 --host-rate 20/1s --rate 50/1s --pages 500
//! ```
//!
//! The program starts itself anew in two more roles: one web server, which serves the
//! documentation of the Rust toolchain (or any other folder) as several hosts of the loopback
//! interface and logs what arrives, and some crawlers, which attach to the segments of both
//! limiters by name and follow the links that they find, also from host to host. The parent
//! owns the frontier of links, talks with its children over pipes, and at the end judges both
//! logs: what the limiters granted, and what arrived at the server.

mod clock;
mod crawl;
mod frontier;
mod hosts;
mod html;
mod jitter;
mod process;
mod record;
mod report;
mod run;
mod server;
mod supervisor;
mod verdict;
mod verdicts;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use tidegate::Rate;
use url::Url;

/// Pages after which a run ends that has no other bound.
const PAGES: u64 = 2000;

/// What to do where there is no folder to serve.
const HELP: &str = "give a folder of HTML with --root";

/// Crawls a folder of HTML over HTTP with several processes that share one limit.
#[derive(Parser)]
#[command(name = "crawler", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Folder to serve and crawl [default: the documentation of the Rust toolchain]
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,

    /// Where to begin, as a path on the server
    #[arg(long, value_name = "PATH", default_value = "/")]
    start: String,

    /// How many requests all crawlers together may make to all hosts; repeat it for several windows
    #[arg(long, value_name = "LIMIT/TIME", default_values = ["200/1s", "1000/6s"])]
    rate: Vec<Rate>,

    /// Number of hosts that the server is; what lies under one top-level name is on one host
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=254))]
    hosts: u8,

    /// How many requests all crawlers together may make to each host; repeat it for several windows
    #[arg(long, value_name = "LIMIT/TIME", default_value = "60/1s")]
    host_rate: Vec<Rate>,

    /// Number of crawler processes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    crawlers: u16,

    /// Stop after this many pages [default: 2000, or no bound with --seconds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pages: Option<u64>,

    /// Stop after this time
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,

    #[command(subcommand)]
    role: Option<Role>,
}

/// What this process is, if it is not the parent.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Serve { hosts: u8, root: PathBuf },
    #[command(hide = true)]
    Crawl {
        hosts: String,
        all: String,
        origins: Vec<Url>,
    },
}

fn seconds(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn main() -> ExitCode {
    act(Arguments::parse()).unwrap_or_else(|error| {
        // In one piece: several processes may say something at once.
        let line = format!("crawler: {error:#}\n");
        eprint!("{line}");
        ExitCode::FAILURE
    })
}

fn act(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.role {
        Some(Role::Serve { hosts, root }) => server::serve(&root, hosts)?,
        Some(Role::Crawl {
            hosts,
            all,
            origins,
        }) => crawl::crawl(&hosts, &all, &origins)?,
        None => {
            let run = run::run(&run::Options {
                root: arguments.root.map_or_else(documentation, folder)?,
                start: arguments.start,
                rates: arguments.rate,
                hosts: arguments.hosts,
                host_rates: arguments.host_rate,
                crawlers: arguments.crawlers.into(),
                pages: arguments
                    .pages
                    .or(arguments.seconds.is_none().then_some(PAGES)),
                time: arguments.seconds,
            })?;
            return Ok(report::report(&run));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder that was asked for.
fn folder(root: PathBuf) -> anyhow::Result<PathBuf> {
    let folder = root
        .canonicalize()
        .with_context(|| format!("cannot serve {}", root.display()))?;
    if !folder.is_dir() {
        bail!("{} is not a folder: {HELP}", root.display());
    }
    Ok(folder)
}

/// The folder of the toolchain's documentation.
fn documentation() -> anyhow::Result<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .with_context(|| format!("cannot ask rustc for its documentation: {HELP}"))?;
    if !output.status.success() {
        bail!(
            "rustc cannot tell where its documentation is: {HELP} ({})",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let root =
        Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("share/doc/rust/html");
    if !root.is_dir() {
        bail!(
            "the toolchain's documentation is not at {}: install it with \
             `rustup component add rust-docs`, or {HELP}",
            root.display()
        );
    }
    Ok(root)
}
