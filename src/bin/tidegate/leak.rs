//! `tidegate leak`: the leak process.

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::{brief, many, tell};
use crate::signals::StopSignals;
use clap::Args;
use nix::sys::signal::Signal;
use std::fmt;
use std::time::Duration;
use tidegate::{LeakError, Leaker, Limiter, Pass, parse_duration};

const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

const EXAMPLES: &str = "\
Examples:
  tidegate leak api &
  tidegate leak ./api.seg --interval 1m

It forgets what counts no more, finishes what killed processes left half done, and keeps
the time of a segment in a file. Limits hold without it.

Of several, one leads; the others stand by, and take over if it dies. It stops on SIGTERM
and Ctrl-C, with exit status 0; and if the segment is removed and not made anew by the next
pass, with 2.";

/// Tidy a segment from time to time, until stopped
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct LeakArgs {
    #[command(flatten)]
    segment: Segment,
    /// The time from one pass to the next
    #[arg(short, long, value_name = "DURATION", value_parser = parse_interval, default_value = "10s", allow_hyphen_values = true)]
    interval: Duration,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(interval) if interval < SHORTEST_INTERVAL => Err("it must be 1ms at least".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

pub fn leak(args: &LeakArgs) -> Result<(), Failure> {
    let signals = StopSignals::block(&[Signal::SIGTERM, Signal::SIGINT])
        .map_err(Failure::system("wait for signals"))?;
    let limiter = args.segment.attach()?;
    let name = args.segment.target.to_string();
    let mut leaker = Leaker::new(&limiter).interval(args.interval);
    let mut role = None;
    let mut work = Work::default();
    let stop = loop {
        match leaker.pass() {
            Ok(pass) => {
                let now = Role::after(&pass);
                if role.replace(now) != Some(now) {
                    tell(&format!(
                        "{name}: {}",
                        now.announcement(&limiter, args.interval)
                    ));
                }
                work.add(&pass);
            }
            Err(source @ LeakError::Bucket(_)) => return Err(Failure::Leak { name, source }),
            // Perhaps the segment is just being removed or replaced.
            Err(source) => tell(&Failure::Leak {
                name: name.clone(),
                source,
            }),
        }
        let waited = signals
            .wait(args.interval)
            .map_err(Failure::system("wait for signals"))?;
        if let Some(signal) = waited {
            break signal;
        }
    };
    tell(&format!("{name}: stopped by {stop} after {work}"));
    Ok(())
}

/// What this process is among those that leak the segment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Leader,
    Standby,
}

impl Role {
    fn after(pass: &Pass) -> Self {
        match pass {
            Pass::Led { .. } => Self::Leader,
            _ => Self::Standby,
        }
    }

    fn announcement(self, limiter: &Limiter, interval: Duration) -> String {
        match self {
            Self::Leader => format!("leading, a pass every {}", brief(interval)),
            Self::Standby => {
                let segment = limiter.inspect().ok().and_then(|seen| seen.segment);
                match segment.and_then(|segment| segment.leaker) {
                    Some(leader) => format!("standing by, for process {} leads", leader.pid),
                    None => "standing by, for another process leads".to_owned(),
                }
            }
        }
    }
}

/// What this process did while it led.
#[derive(Default)]
struct Work {
    passes: u64,
    leaked: u64,
    repairs: u64,
    evicted: u64,
    reclaimed: u64,
}

impl Work {
    fn add(&mut self, pass: &Pass) {
        if let Pass::Led {
            leaked,
            repairs,
            evicted,
            reclaimed,
            ..
        } = pass
        {
            self.passes += 1;
            self.leaked += leaked;
            self.repairs += repairs;
            self.evicted += evicted;
            self.reclaimed += reclaimed;
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (leaked, repairs) = (many(self.leaked, "permit"), many(self.repairs, "repair"));
        write!(
            f,
            "{}: {leaked} leaked, {repairs}",
            many(self.passes, "pass")
        )?;
        if self.evicted > 0 {
            write!(f, ", {} evicted", many(self.evicted, "idle key"))?;
        }
        if self.reclaimed > 0 {
            write!(f, ", {} taken back", many(self.reclaimed, "lost bucket"))?;
        }
        Ok(())
    }
}
