//! Many keys: look-up and acquire beside a single bucket's acquire, first use, attaching;
//! and governor's keyed limiter on the same stream of keys.
//!
//! Writes `keys.md` and `keys.json` to `target/bench/`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tidegate::Limiter;
use tidegate_benches::goals::{self, Bound, Goal};
use tidegate_benches::harness;
use tidegate_benches::keyed::{Keyed, ask, governor, name, nanos, take, zipf};
use tidegate_benches::machine;
use tidegate_benches::process::pin;
use tidegate_benches::settings::Settings;
use tidegate_benches::stats::Spread;
use tidegate_benches::table::{Table, time};

const SINGLE: &str = "a single bucket";
const WARM: &str = "by name, one warm key";
const HANDLE: &str = "by handle, one warm key";
const MILLION: &str = "by name, 1 M live keys, Zipf(1.0)";
const READ: &str = "a dependent read of a bucket's first word, same keys";
const FIRST: &str = "first use of a key";
const AGAIN: &str = "first use of a key, in a bucket that was another's";
const ATTACH_ONE: &str = "attach to a segment of one key";
const ATTACH: &str = "attach to the segment of 1 M keys";

const OURS: [&str; 2] = ["tidegate, 1 process", "tidegate, 2 processes"];
const GOVERNOR: [&str; 2] = ["governor, 1 thread", "governor, 2 threads"];

/// What was measured, round by round.
type Figures = BTreeMap<&'static str, Vec<f64>>;

fn main() -> io::Result<()> {
    let Some(settings) = Settings::of_calls(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    pin(0)?;
    let figures = measure(&settings)?;
    let of = |name| figures.get(name).map_or(&[][..], Vec::as_slice);
    let ratio = |above, bound, below| Goal {
        what: format!("time: {above} : {below}"),
        bound,
        measured: Spread::of_ratios(of(above), of(below)),
    };
    let goals = [
        ratio(WARM, Bound::AtMost(2.0), SINGLE),
        ratio(HANDLE, Bound::AtMost(1.15), SINGLE),
        ratio(MILLION, Bound::AtMost(4.0), SINGLE),
        ratio(FIRST, Bound::AtMost(10.0), SINGLE),
        ratio(AGAIN, Bound::AtMost(10.0), SINGLE),
        ratio(ATTACH, Bound::AtMost(2.0), ATTACH_ONE),
    ];
    let mut calls = Table::new("One process", &["what", "time", "quartiles"]);
    for name in [
        SINGLE, WARM, HANDLE, MILLION, READ, FIRST, AGAIN, ATTACH_ONE, ATTACH,
    ] {
        if let Some(spread) = Spread::of(of(name)) {
            let quartiles = [spread.low, spread.high].map(time).join(" – ");
            calls.row([name.into(), time(spread.median), quartiles]);
        }
    }
    let title = "1 M keys, Zipf(1.0): million calls per second in all";
    let mut rates = Table::new(title, &["what", "calls", "quartiles"]);
    for name in OURS.into_iter().chain(GOVERNOR) {
        if let Some(spread) = Spread::of(of(name)) {
            let [median, low, high] =
                [spread.median, spread.low, spread.high].map(|calls| format!("{:.2}", calls / 1e6));
            rates.row([name.into(), median, format!("{low} – {high}")]);
        }
    }
    let text = format!(
        "## Many keys\n\n{calls}\n{rates}\n{}\n{}\n",
        goals::table(&goals),
        settings.footnote()
    );
    print!("{text}");
    settings.write("keys.md", &text)?;
    let json = serde_json::json!({
        "rounds": figures, "goals": goals, "machine": machine::describe(),
    });
    settings.write("keys.json", &serde_json::to_string_pretty(&json)?)
}

fn measure(settings: &Settings) -> io::Result<Figures> {
    let (keys, calls) = match settings.quick {
        true => (10_000, 10_000),
        false => (1_000_000, 400_000),
    };
    let mut figures = Figures::new();
    let mut note = |name, nanos| figures.entry(name).or_default().push(nanos);
    let single = Keyed::new("single", None)?;
    let warm = Keyed::new("warm", Some(1))?;
    let many = Keyed::new("many", Some(keys))?;
    many.fill(keys)?;
    let stream = zipf(keys, 1 << 20);
    let governor = governor();
    for key in 0..keys {
        governor.check_key(&name(key)).ok();
    }
    // As far apart as the buckets are, and as many.
    let stride = many.limiter.inspect().map_err(io::Error::other)?.segment;
    let stride = stride.map_or(0, |segment| segment.size / keys) as usize / 8;
    let words = vec![1_u64; stride * keys as usize];

    for round in 0..settings.rounds {
        eprintln!("round {} of {}", round + 1, settings.rounds);
        let key = |nth: usize| name(u64::from(stream[(round * calls + nth) % stream.len()]));
        let handle = warm.limiter.bucket("example.com");
        for turn in 0..5 {
            match (turn + round) % 5 {
                0 => note(
                    SINGLE,
                    nanos(calls, |_| ask(&single.limiter, "example.com")),
                ),
                1 => note(WARM, nanos(calls, |_| ask(&warm.limiter, "example.com"))),
                2 => note(HANDLE, nanos(calls, |_| take(&handle))),
                3 => note(MILLION, nanos(calls, |nth| ask(&many.limiter, key(nth)))),
                _ => {
                    let mut found = 0;
                    let read = nanos(calls, |nth| {
                        let at = stream[(round * calls + nth + found) % stream.len()] as usize;
                        found = (words[at * stride] - 1) as usize;
                    });
                    black_box(found);
                    note(READ, read);
                }
            }
        }
        first_uses(round, calls / 4, &mut note)?;
        let attach = |keyed: &Keyed, keys| -> io::Result<f64> {
            let opened: io::Result<Vec<Limiter>> = (0..50).map(|_| keyed.attach(keys)).collect();
            opened.map(drop)?;
            let mut failed = Ok(());
            let time = nanos(50, |_| {
                if let Err(error) = keyed.attach(keys) {
                    failed = Err(error);
                }
            });
            failed.map(|()| time)
        };
        note(ATTACH_ONE, attach(&warm, Some(1))?);
        note(ATTACH, attach(&many, Some(keys))?);

        for (index, (ours, theirs)) in OURS.into_iter().zip(GOVERNOR).enumerate() {
            let slice = harness::run(index + 1, settings.slice, |process, stage| {
                let mut nth = process * stream.len() / 2;
                let mut made = 0;
                stage.start();
                while stage.running() {
                    ask(&many.limiter, name(u64::from(stream[nth % stream.len()])));
                    nth += 1;
                    made += 1;
                }
                Ok(vec![made])
            })?;
            let made: u64 = slice.results.iter().flatten().sum();
            note(ours, made as f64 / slice.elapsed.as_secs_f64());
            let calls = threads(index + 1, calls, |nth| {
                let key = name(u64::from(stream[nth % stream.len()]));
                black_box(governor.check_key(&key)).ok();
            });
            note(theirs, calls);
        }
    }
    Ok(figures)
}

/// New keys: in memory that nobody has touched, and in buckets that were others'.
fn first_uses(
    round: usize,
    calls: usize,
    note: &mut impl FnMut(&'static str, f64),
) -> io::Result<()> {
    let fresh = Keyed::new(&format!("fresh-{round}"), Some(calls as u64))?;
    note(
        FIRST,
        nanos(calls, |nth| ask(&fresh.limiter, name(nth as u64))),
    );
    for nth in 0..calls {
        let disposed = fresh.limiter.dispose(name(nth as u64));
        disposed.map_err(io::Error::other)?;
    }
    note(
        AGAIN,
        nanos(calls, |nth| ask(&fresh.limiter, name((calls + nth) as u64))),
    );
    Ok(())
}

/// Calls per second of so many pinned threads, that make so many calls each.
fn threads(threads: usize, calls: usize, call: impl Fn(usize) + Sync) -> f64 {
    let ready = AtomicUsize::new(0);
    let (call, ready) = (&call, &ready);
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|index| {
                scope.spawn(move || {
                    pin(index).ok();
                    ready.fetch_add(1, Ordering::AcqRel);
                    while ready.load(Ordering::Acquire) < threads {
                        thread::yield_now();
                    }
                    let own = index * calls;
                    calls as f64 * 1e9 / (nanos(calls, |nth| call(own + nth)) * calls as f64)
                })
            })
            .collect();
        all.into_iter()
            .map(|thread| thread.join().expect("no thread panicked"))
            .sum()
    })
}
