//! Key streams, and what is asked of each limiter of many keys.

use std::hint::black_box;
use std::io;
use std::num::NonZero;
use std::time::{Duration, Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Zipf};
use tidegate::{BucketHandle, Builder, Limiter, Rate};

/// Admits whatever comes: so many in a microsecond are more than one processor asks for.
const LIMIT: u64 = 64;

/// A key of eight bytes, spread over all of them.
pub type Name = [u8; 8];

/// The name of the nth key.
pub fn name(nth: u64) -> Name {
    nth.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

/// Keys in the order in which they are asked for: the nth most frequent of `keys` comes
/// with a frequency of 1 / n.
pub fn zipf(keys: u64, calls: usize) -> Vec<u32> {
    let mut random = SmallRng::seed_from_u64(1);
    let law = Zipf::new(keys as f64, 1.0).expect("a positive number of keys");
    (0..calls)
        .map(|_| law.sample(&mut random) as u32 - 1)
        .collect()
}

/// A segment of the benchmarks' rate, removed when it is dropped.
pub struct Keyed {
    name: String,
    /// The limiter.
    pub limiter: Limiter,
    maker: u32,
}

impl Keyed {
    /// An empty segment, for so many keys or for all names together.
    pub fn new(label: &str, keys: Option<u64>) -> io::Result<Self> {
        let maker = std::process::id();
        let name = format!("bench-keys-{maker}-{label}");
        let limiter = builder(&name, keys).create_only().open();
        Ok(Self {
            limiter: limiter.map_err(io::Error::other)?,
            name,
            maker,
        })
    }

    /// Another handle on it, as another process would open it.
    pub fn attach(&self, keys: Option<u64>) -> io::Result<Limiter> {
        let limiter = builder(&self.name, keys).attach_only().open();
        limiter.map_err(io::Error::other)
    }

    /// Gives each of the first keys its bucket, and goes round its ring.
    pub fn fill(&self, keys: u64) -> io::Result<()> {
        for key in 0..keys {
            let handle = self.limiter.bucket(name(key));
            for _ in 0..4 {
                take(&handle);
            }
        }
        Ok(())
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        if self.maker == std::process::id() {
            let _ = tidegate::remove(&self.name);
        }
    }
}

fn builder(name: &str, keys: Option<u64>) -> Builder {
    let builder = Limiter::shared(name)
        .rate(Rate::new(LIMIT, Duration::from_micros(1)))
        .queue(LIMIT);
    match keys {
        Some(keys) => builder.keys(keys),
        None => builder,
    }
}

/// One call through a handle.
#[inline]
pub fn take(handle: &BucketHandle) {
    black_box(handle.try_acquire()).ok();
}

/// One call by name.
#[inline]
pub fn ask(limiter: &Limiter, name: impl AsRef<[u8]>) {
    black_box(limiter.try_acquire(name)).ok();
}

/// governor's limiter of many keys: within one process, and the nearest of its kind.
pub fn governor() -> DefaultKeyedRateLimiter<Name> {
    let plenty = NonZero::new(u32::MAX).expect("it is not zero");
    RateLimiter::keyed(Quota::per_second(plenty))
}

/// Nanoseconds for each of `calls` calls.
pub fn nanos(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    for nth in 0..calls {
        call(nth);
    }
    started.elapsed().as_nanos() as f64 / calls as f64
}
