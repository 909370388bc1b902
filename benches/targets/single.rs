//! One process: what a call costs, beside one read of the clock.
//!
//! Criterion's figures, under `target/criterion/`. The ratios that must hold are
//! taken by `contention`, which interleaves what it compares.

use std::io;
use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, criterion_group, criterion_main};
use tidegate::{Limiter, Rate};
use tidegate_benches::bare::{Clock, Swap};
use tidegate_benches::baselines::{FileLock, Locked, RobustMutex, SpinLock};
use tidegate_benches::contender::{Contender, Gate, Limit, Work};
use tidegate_benches::tide::Tide;

fn admit(criterion: &mut Criterion) {
    compare(criterion, Work::Admit).expect("a contender could not be made");
}

fn refuse(criterion: &mut Criterion) {
    compare(criterion, Work::Refuse).expect("a contender could not be made");
}

fn compare(criterion: &mut Criterion, work: Work) -> io::Result<()> {
    let one = [work.limit()];
    let three = three(work);
    let mut group = criterion.benchmark_group(work.name());
    calls(&mut group, "clock alone", Clock)?;
    if work == Work::Admit {
        calls(&mut group, "clock + CAS", Swap::new()?)?;
    }
    calls(&mut group, "tidegate", Tide::new(&one)?)?;
    calls(
        &mut group,
        "tidegate, processor's clock",
        Tide::by_processor(&one)?,
    )?;
    calls(&mut group, "tidegate, three rates", Tide::new(&three)?)?;
    calls(&mut group, "tidegate, in memory", InMemory::new(&one)?)?;
    calls(
        &mut group,
        "robust mutex",
        Locked::<RobustMutex>::new(&one)?,
    )?;
    calls(
        &mut group,
        "robust mutex, three rates",
        Locked::<RobustMutex>::new(&three)?,
    )?;
    calls(&mut group, "spin lock", Locked::<SpinLock>::new(&one)?)?;
    calls(&mut group, "flock", Locked::<FileLock>::new(&one)?)?;
    group.finish();
    Ok(())
}

fn calls<C: Contender>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    contender: C,
) -> io::Result<()> {
    contender.fill()?;
    let gate = contender.enter()?;
    group.bench_function(name, |bencher| bencher.iter(|| gate.try_acquire()));
    Ok(())
}

/// Three rates, none of which makes another idle: each is looked up in each call
/// (a refused call, too, must see which of them lets it wait longest).
fn three(work: Work) -> [Limit; 3] {
    let Limit { limit, interval } = work.limit();
    [4, 2, 1].map(|part| Limit {
        limit: limit / part,
        interval: interval * (4 / part as u32),
    })
}

/// tidegate without a segment.
struct InMemory(Limiter);

impl InMemory {
    fn new(limits: &[Limit]) -> io::Result<Self> {
        let rates = limits
            .iter()
            .map(|rate| Rate::new(rate.limit, rate.interval));
        let limiter = Limiter::in_memory().rates(rates).open();
        Ok(Self(limiter.map_err(io::Error::other)?))
    }
}

impl Contender for InMemory {
    type Gate<'a> = &'a Limiter;

    fn name(&self) -> &'static str {
        "tidegate, in memory"
    }

    fn enter(&self) -> io::Result<&Limiter> {
        Ok(&self.0)
    }
}

fn timing() -> Criterion {
    let brief = std::env::var_os("TIDEGATE_BENCH_QUICK").is_some();
    let (warm_up, measurement) = if brief { (50, 100) } else { (300, 1500) };
    Criterion::default()
        .warm_up_time(Duration::from_millis(warm_up))
        .measurement_time(Duration::from_millis(measurement))
        .configure_from_args()
}

criterion_group! { name = benches; config = timing(); targets = admit, refuse }
criterion_main!(benches);
