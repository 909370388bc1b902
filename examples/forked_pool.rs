//! Forked workers share one limiter under three rates at once. One of them is killed on
//! the way, and at the end the workers' logs prove that no rate was exceeded in any window.
//!
//! ```text
//! cargo run --release --example forked_pool
//! ```

use std::fs;
use std::io::{self, Write, stdout};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;
use tidegate::{AcquireError, Leaker, Limiter, Rate};
use tidegate_examples::crew::Crew;
use tidegate_examples::plot::plot;
use tidegate_examples::report::{self, Promise, Worker, count};
use tidegate_examples::segment::OwnSegment;
use tidegate_examples::terminal::Look;
use tidegate_judge::{Grant, Log, judge, read_folder};

const RATES: [Rate; 3] = [
    Rate::new(450, Duration::from_millis(100)),
    Rate::new(4000, Duration::from_secs(1)),
    Rate::new(11_000, Duration::from_secs(3)),
];
/// A request takes 1 to this many permits.
const HEAVIEST: u64 = 4;
/// The longest that a worker is busy between two requests.
const BUSY: Duration = Duration::from_millis(1);
/// How often the leak process tidies up.
const TIDY: Duration = Duration::from_secs(1);
/// How often the parent looks at its children.
const LOOK: Duration = Duration::from_millis(20);
/// How long the workers may take to end when time is up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Forked workers share one limiter under three rates; one is killed on the way.
#[derive(Parser)]
struct Options {
    /// Worker processes.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
    /// How long they work.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// Picks who is killed, and when, and what the workers ask for.
    #[arg(long, default_value_t = fastrand::u64(..1_000_000))]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("forked_pool: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise was kept.
fn run(options: &Options) -> anyhow::Result<bool> {
    let (sender, interrupts) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })?;

    let look = Look::of_stdout();
    let segment = OwnSegment::named_after("forked_pool");
    let desk = Desk::new()?;
    introduce(options, segment.name())?;

    let limiter = Limiter::shared(segment.name())
        .rates(RATES)
        .create_only()
        .open()?;
    let mut pool = Pool::fork(options, segment.name(), &desk)?;
    let kill = pool.run(&limiter, &interrupts)?;

    let grants = read_folder(desk.grants())?;
    let rates = RATES.map(|rate| tidegate_judge::Rate::new(rate.limit(), rate.interval()));
    let verdict = judge(&grants, &rates);

    let killed = (kill.at, format!("worker {} killed", kill.worker));
    let workers = workers(options, &kill, &desk);
    let mut out = stdout().lock();
    writeln!(out, "\n{}\n", plot(&grants, &rates, &[killed], look))?;
    writeln!(out, "{}\n", report::rates(&verdict, look))?;
    writeln!(out, "{}\n", report::workers(&verdict, &workers, look))?;
    writeln!(out, "{}", report::utilisation(&verdict))?;

    let mut promises = report::windows(&verdict);
    if options.workers > 1 {
        promises.push(others_went_on(&grants, &kill));
    }
    for promise in &promises {
        writeln!(out, "{}", promise.line(look))?;
    }
    Ok(promises.iter().all(|promise| promise.kept))
}

fn introduce(options: &Options, segment: &str) -> io::Result<()> {
    let rates = RATES.map(|rate| rate.to_string()).join(", ");
    writeln!(
        stdout(),
        "{} worker{} and a leak process, each a process of its own, share the limiter {segment}.\n\
         For {} s they ask for more than its rates allow: {}, all at once.\n\
         On the way one is killed with SIGKILL. At the end their logs are judged. {}",
        options.workers,
        if options.workers == 1 { "" } else { "s" },
        options.seconds,
        style(rates).bold(),
        style(format!("(--seed {})", options.seed)).dim()
    )
}

/// Where the workers leave what they have to tell.
struct Desk(TempDir);

impl Desk {
    fn new() -> anyhow::Result<Self> {
        let desk = Self(tempfile::tempdir().context("cannot create a folder for the logs")?);
        fs::create_dir(desk.grants())?;
        Ok(desk)
    }

    fn grants(&self) -> PathBuf {
        self.0.path().join("grants")
    }

    fn refusals(&self, worker: u32) -> PathBuf {
        self.0.path().join(format!("{worker}.refusals"))
    }
}

// --- a worker ------------------------------------------------------------------------

/// Asks for permits until the time is up, and logs every grant.
fn work(segment: &str, worker: u32, seed: u64, end: Instant, desk: &Desk) -> anyhow::Result<()> {
    let limiter = Limiter::shared(segment).adopt().attach_only().open()?;
    let mut log = Log::create(desk.grants().join(worker.to_string()))?;
    let mut refusals = 0;
    let mut random = fastrand::Rng::with_seed(seed ^ u64::from(worker) << 32);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let weight = random.u64(1..=HEAVIEST);
        let before = limiter.now().unwrap();
        let answer = if random.bool() {
            limiter.try_acquire_n("job", weight)
        } else {
            limiter.acquire_timeout("job", weight, left)
        };
        match answer {
            Ok(permit) => log.append(&Grant {
                before: before.as_micros(),
                at: permit.at().as_micros(),
                after: limiter.now().unwrap().as_micros(),
                weight,
                worker,
                sleeps: permit.sleeps(),
            })?,
            Err(AcquireError::Limited { .. }) => refusals += 1,
            Err(error) => return Err(error.into()),
        }
        // The work that the permit is for, or other work.
        sleep(BUSY.mul_f64(random.f64()));
    }
    fs::write(desk.refusals(worker), refusals.to_string())?;
    Ok(())
}

/// Advances the segment's tail behind the workers, until it is killed or its parent was.
fn leak(segment: &str, parent: u32) -> anyhow::Result<()> {
    let limiter = Limiter::shared(segment).adopt().attach_only().open()?;
    let mut leaker = Leaker::new(&limiter).interval(TIDY);
    while parent_id() == parent {
        leaker.pass()?;
        sleep(TIDY);
    }
    Ok(())
}

// --- the parent ----------------------------------------------------------------------

struct Pool {
    crew: Crew,
    victim: u32,
    /// When the victim is to die.
    fate: Instant,
    end: Instant,
}

/// Who was killed, and when on the segment's clock, in microseconds.
struct Kill {
    worker: u32,
    at: u64,
}

impl Pool {
    fn fork(options: &Options, segment: &str, desk: &Desk) -> anyhow::Result<Self> {
        let mut random = fastrand::Rng::with_seed(options.seed);
        let victim = random.u32(..options.workers);
        // After the first second, and before the last half.
        let fate = 1.0 + random.f64() * (options.seconds as f64 - 1.5);

        let start = Instant::now();
        // Half an interval before the next burst, of which the workers would get the beginning
        // only, and the best limiter could have granted the whole.
        let end = start + Duration::from_secs(options.seconds) - RATES[0].interval() / 2;
        let parent = process::id();
        let mut crew = Crew::default();
        for worker in 0..options.workers {
            crew.fork(format!("worker {worker}"), || {
                work(segment, worker, options.seed, end, desk)
            })?;
        }
        crew.fork("the leak process", || leak(segment, parent))?;
        Ok(Self {
            crew,
            victim,
            fate: start + Duration::from_secs_f64(fate),
            end,
        })
    }

    /// Looks on until all workers have ended, and kills one on the way.
    fn run(&mut self, limiter: &Limiter, interrupts: &Receiver<()>) -> anyhow::Result<Kill> {
        let [.., longest] = RATES;
        let style = ProgressStyle::with_template("{bar:40.cyan} {percent}% of {prefix} {msg}")?;
        let bar = ProgressBar::new(longest.limit())
            .with_style(style)
            .with_prefix(longest.to_string());
        let mut kill = None;
        // The leak process goes on.
        while self.crew.reap()? > 1 {
            let now = Instant::now();
            if kill.is_none() && now >= self.fate {
                self.crew.kill(self.victim as usize)?;
                kill = Some(Kill {
                    worker: self.victim,
                    at: limiter.now().unwrap().as_micros(),
                });
                bar.set_message(format!("worker {} killed", self.victim));
            }
            ensure!(
                now < self.end + PATIENCE,
                "the workers hang, though their time is up"
            );
            // What is reserved ahead does not count yet.
            bar.set_position(limiter.count()?.min(longest.limit()));
            match interrupts.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => bail!("interrupted"),
            }
        }
        bar.finish_and_clear();
        kill.context("the workers ended too early")
    }
}

fn workers(options: &Options, kill: &Kill, desk: &Desk) -> Vec<Worker> {
    (0..options.workers)
        .map(|number| {
            let refusals = fs::read_to_string(desk.refusals(number));
            let fate = if number == kill.worker {
                ", killed"
            } else {
                ""
            };
            Worker {
                number,
                name: format!("worker {number}{fate}"),
                refused: refusals.ok().and_then(|text| text.parse().ok()),
            }
        })
        .collect()
}

/// That a killed worker blocks nobody.
fn others_went_on(grants: &[Grant], kill: &Kill) -> Promise {
    let others = grants.iter().filter(|g| g.worker != kill.worker);
    let later = others
        .filter(|g| g.at > kill.at)
        .map(|g| u128::from(g.weight));
    let later = later.sum();
    Promise {
        kept: later > 0,
        says: format!(
            "Nobody waited for the dead: after worker {} was killed, the others got {} permits.",
            kill.worker,
            count(later)
        ),
    }
}
