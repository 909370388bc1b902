//! An HTTP server of several processes on one port, with one limit for each client that
//! holds for all of them together.
//!
//! ```text
//! cargo run --release --example gateway
//! cargo run --release --example gateway -- --workers 8 --rate 5/s --rate 100/m --port 8080
//! curl -i -H 'client: me' http://127.0.0.1:8080/
//! ```
//!
//! The program starts itself anew as workers. Each listens on the same port (SO_REUSEPORT: the
//! kernel deals connections out among them), and attaches to the limiter's segment by name. A
//! worker that is killed takes its connections with it, and nothing else.

mod gateway;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tidegate::Rate;

/// Serves HTTP on the loopback interface by several processes that limit each client together.
#[derive(Parser)]
#[command(name = "gateway", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Number of worker processes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,

    /// How many requests each client may make; repeat it for several windows
    #[arg(long, value_name = "LIMIT/TIME", default_values = ["10/s", "300/m"])]
    rate: Vec<Rate>,

    /// Clients that are told apart at once
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    clients: u64,

    /// Port on 127.0.0.1; 0 is a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    #[command(subcommand)]
    role: Option<Role>,
}

/// What this process is, if it is not the parent.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Work { segment: String, port: u16 },
}

fn main() -> ExitCode {
    act(Arguments::parse()).unwrap_or_else(|error| {
        // In one piece: several processes may say something at once.
        let line = format!("gateway: {error:#}\n");
        eprint!("{line}");
        ExitCode::FAILURE
    })
}

fn act(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.role {
        Some(Role::Work { segment, port }) => worker::work(&segment, port)?,
        None => {
            let options = gateway::Options {
                workers: arguments.workers,
                rates: arguments.rate,
                clients: arguments.clients,
                port: arguments.port,
            };
            gateway::run(&options)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
