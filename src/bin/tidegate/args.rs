//! What can be typed: the commands, and the arguments that several of them take.

#[cfg(feature = "exporter")]
use crate::exporter;
use crate::failure::Failure;
#[cfg(feature = "top")]
use crate::live;
use crate::{acquire, create, dispose, flush, help, inspect, leak, list, patience, remove, run};
use clap::{Args, Parser, Subcommand};
use nix::unistd::Group;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tidegate::{AcquireError, Builder, Limiter, OpenError, Permit, Rate, Viewer, parse_duration};

const EXAMPLES: &str = "\
Examples:
  tidegate create api --rate 10/s --rate 500/h    make a limiter that all processes share
  tidegate acquire api && curl https://…          wait for a permit, then go
  xargs -P 8 -n 1 tidegate run api -- curl -sO    eight workers under one limit
  tidegate inspect api                            see what is in it
  tidegate create hosts --rate 2/s --keys 5000    the same limit for each of 5,000 keys
  tidegate acquire hosts --key example.com        wait for a permit of that key

A NAME is letters, digits, '.', '_' and '-', and the same for all processes of this host.
With a '/' in it (./api.seg), it is a file, which goes on counting after a reboot.

A rate is LIMIT/INTERVAL: 10/s, 500/4h, 5/500ms. A duration has units: 10s, 500ms, 1h30m.
Units are us, ms, s, m, h, d and w.

Exit status: 0 done, 1 limited (nothing was taken), 2 anything else.";

/// Rate limits that all processes of this host share.
///
/// A limiter is a segment of shared memory. In every window of a rate's interval, at most
/// its limit of permits are granted to all processes together.
#[derive(Parser)]
#[command(
    name = "tidegate",
    version,
    after_help = EXAMPLES,
    // clap's own takes --help for a command that there is not.
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Create(create::CreateArgs),
    Acquire(acquire::AcquireArgs),
    Run(run::RunArgs),
    Inspect(inspect::InspectArgs),
    List(list::ListArgs),
    Flush(flush::FlushArgs),
    Dispose(dispose::DisposeArgs),
    Leak(leak::LeakArgs),
    #[cfg(feature = "top")]
    Top(live::TopArgs),
    #[cfg(feature = "exporter")]
    Metrics(exporter::MetricsArgs),
    Remove(remove::RemoveArgs),
    Help(help::HelpArgs),
}

/// A segment's name, or the path of its file if there is a '/' in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(OsString);

impl Target {
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    fn path(&self) -> Option<&Path> {
        let has_slash = self.0.as_encoded_bytes().contains(&b'/');
        has_slash.then_some(Path::new(&self.0))
    }

    pub fn builder(&self, group: Option<u32>) -> Builder {
        let builder = match self.path() {
            Some(path) => Limiter::at(path),
            None => Limiter::shared(self.0.to_string_lossy()),
        };
        match group {
            Some(gid) => builder.group(gid),
            None => builder,
        }
    }

    /// Attaches to what is there, whatever its rates.
    pub fn attach(&self, group: Option<u32>) -> Result<Limiter, OpenError> {
        self.builder(group).attach_only().adopt().open()
    }
}

impl Target {
    /// Opens it to look at it, whosever it is.
    pub fn view(&self) -> Result<Viewer, OpenError> {
        self.builder(None).view()
    }
}

impl From<OsString> for Target {
    fn from(typed: OsString) -> Self {
        Self(typed)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Which segment.
#[derive(Args)]
pub struct Segment {
    /// The segment's name; or, with a '/' in it, the path of its file
    #[arg(value_name = "NAME")]
    pub target: Target,
    #[command(flatten)]
    pub access: Access,
}

impl Segment {
    pub fn builder(&self) -> Builder {
        self.target.builder(self.access.group)
    }

    pub fn attach(&self) -> Result<Limiter, Failure> {
        Ok(self.target.attach(self.access.group)?)
    }
}

/// Who else may use the segment.
#[derive(Args)]
pub struct Access {
    /// The group (name or number) that shares the segment: mode 0660 instead of 0600
    #[arg(long, value_parser = parse_group, display_order = 100)]
    pub group: Option<u32>,
}

/// The rates that a segment is to have.
#[derive(Args)]
pub struct Rates {
    /// At most LIMIT permits in any INTERVAL, as in 10/s; give several to hold together
    #[arg(long = "rate", value_name = "LIMIT/INTERVAL", value_delimiter = ',')]
    rates: Vec<Rate>,
}

impl Rates {
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// By interval, as a limiter wants them: who types need not care.
    pub fn sorted(&self) -> Vec<Rate> {
        let mut rates = self.rates.clone();
        rates.sort_by_key(Rate::interval);
        rates
    }
}

/// The keys that a segment is to have buckets for.
#[derive(Args)]
pub struct Keys {
    /// Give each key a bucket, for so many keys at a time [default: one bucket for all]
    #[arg(long, value_name = "N")]
    keys: Option<u64>,
}

impl Keys {
    pub fn apply(&self, builder: Builder) -> Builder {
        match self.keys {
            Some(keys) => builder.keys(keys),
            None => builder,
        }
    }
}

/// Which of a segment's keys.
#[derive(Args)]
pub struct Key {
    /// The key, in a segment that was made with --keys: any bytes
    #[arg(short, long, value_name = "KEY")]
    key: Option<OsString>,
}

impl Key {
    /// The key's bytes; nothing in a segment without keys.
    pub fn of(&self, target: &Target, limiter: &Limiter) -> Result<&[u8], Failure> {
        let name = || target.to_string();
        match (&self.key, limiter.keys()) {
            (Some(key), Some(_)) => Ok(key.as_encoded_bytes()),
            (None, None) => Ok(b""),
            (Some(_), None) => Err(Failure::NoKeys { name: name() }),
            (None, Some(_)) => Err(Failure::WhichKey { name: name() }),
        }
    }

    pub fn is_given(&self) -> bool {
        self.key.is_some()
    }
}

/// What is asked of a limiter, and for how long.
#[derive(Args)]
pub struct Request {
    #[command(flatten)]
    key: Key,
    /// How many permits to take: all of them, or none
    #[arg(
        short,
        long,
        value_name = "PERMITS",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    weight: u64,
    /// Wait so long at most; if the turn comes later, fail at once [default: wait]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// Do not wait
    #[arg(short, long, conflicts_with = "timeout")]
    no_wait: bool,
}

impl Request {
    /// The limiter's answer; or why there is none.
    pub fn take<'l>(
        &self,
        target: &Target,
        limiter: &'l Limiter,
    ) -> Result<Result<Permit<'l>, AcquireError>, Failure> {
        let key = self.key.of(target, limiter)?;
        Ok(match self.timeout {
            _ if self.no_wait => limiter.try_acquire_n(key, self.weight),
            timeout => {
                let timeout = timeout.unwrap_or(Duration::MAX);
                patience::acquire(limiter, key, self.weight, timeout)?
            }
        })
    }
}

fn parse_group(text: &str) -> Result<u32, String> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("there is no such group".to_owned()),
        Err(error) => Err(format!("could not look it up: {}", error.desc())),
    }
}
