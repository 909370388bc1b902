//! `tidegate metrics`: what is in segments, for Prometheus and others that read OpenMetrics.

mod families;
mod serve;

use crate::args::Target;
use crate::failure::Failure;
use crate::output::tell;
use crate::signals::StopSignals;
use clap::Args;
use families::Families;
use nix::sys::signal::Signal;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serve::Server;
use std::net::SocketAddr;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  tidegate metrics api hosts
  tidegate metrics api --listen 127.0.0.1:9464
  tidegate metrics hosts --top-keys 20             also the 20 keys that are refused most
  curl http://127.0.0.1:9464/metrics

It only looks, so it may be any user that may read the segments' files. A segment that is not
there has tidegate_up 0, and is found when it is made.

Who can reach the address can read all it tells: keep it on loopback, or behind something that
asks for a password. No key is told without --top-keys.

It stops on SIGTERM and Ctrl-C, with exit status 0.";

/// Tell Prometheus what is in segments, by HTTP
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct MetricsArgs {
    /// The segments' names; or, with a '/' in them, the paths of their files
    #[arg(value_name = "NAME", required = true)]
    targets: Vec<Target>,
    /// The address to answer at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// Tell of so many keys of each segment that are refused most
    #[arg(long, value_name = "N", default_value_t = 0)]
    top_keys: usize,
}

pub fn metrics(args: &MetricsArgs) -> Result<(), Failure> {
    let signals = StopSignals::block(&[Signal::SIGTERM, Signal::SIGINT])
        .map_err(Failure::system("wait for signals"))?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families::new(&args.targets, args.top_keys)));
    let server = Server::start(args.listen, move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    })?;
    tell(&format!("answering at http://{}/metrics", server.address()));
    loop {
        let waited = signals.wait(Duration::MAX);
        if waited
            .map_err(Failure::system("wait for signals"))?
            .is_some()
        {
            return Ok(());
        }
    }
}
