//! Where each kind of bucket is.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::process;

use tidegate::{
    Limiter, MemoryBucket, OpenError, PostgresBucket, RedisBucket, SharedBucket, SqliteBucket,
};

use crate::bucket::{Store, fill};
use crate::plan::Plan;

/// A named segment, removed when its maker drops it.
#[derive(Debug)]
pub struct Segment {
    name: String,
    maker: u32,
    _first: SharedBucket,
}

impl Segment {
    /// Makes it.
    pub fn new(label: impl Display, plan: &Plan) -> io::Result<Self> {
        let maker = process::id();
        let name = format!("bench-backends-{maker}-{label}");
        let builder = Limiter::shared(&name).rate(plan.rate()).create_only();
        let _first = made(builder.open_bucket())?;
        Ok(Self {
            name,
            maker,
            _first,
        })
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.maker == process::id() {
            let _ = tidegate::remove(&self.name);
        }
    }
}

impl Store for Segment {
    type Bucket = SharedBucket;
    const NAME: &'static str = "tidegate, shared";

    fn open(&self, plan: &Plan) -> io::Result<SharedBucket> {
        made(Limiter::shared(&self.name).rate(plan.rate()).open_bucket())
    }
}

/// A ring on the heap: each process has one of its own, and fills it first.
#[derive(Debug)]
pub struct Heap {
    /// Or not.
    pub is_filled: bool,
}

impl Store for Heap {
    type Bucket = MemoryBucket;
    const NAME: &'static str = "tidegate, in memory";

    fn open(&self, plan: &Plan) -> io::Result<MemoryBucket> {
        let bucket = made(Limiter::in_memory().rate(plan.rate()).open_bucket())?;
        if self.is_filled {
            fill(&bucket, plan)?;
        }
        Ok(bucket)
    }
}

/// A file.
#[derive(Debug)]
pub struct File(pub PathBuf);

impl Store for File {
    type Bucket = SqliteBucket;
    const NAME: &'static str = "SQLite";

    fn open(&self, plan: &Plan) -> io::Result<SqliteBucket> {
        made(SqliteBucket::at(&self.0).rate(plan.rate()).open())
    }
}

/// A name in a Redis server.
#[derive(Debug)]
pub struct InRedis {
    /// The server's.
    pub address: String,
    /// The bucket's.
    pub name: String,
}

impl Store for InRedis {
    type Bucket = RedisBucket;
    const NAME: &'static str = "Redis, unix socket";

    fn open(&self, plan: &Plan) -> io::Result<RedisBucket> {
        let builder = RedisBucket::at(self.address.as_str(), &self.name);
        made(builder.rate(plan.rate()).open())
    }
}

/// A name in a PostgreSQL server, which has each grant on its disk before it answers; or which
/// does not wait for that.
#[derive(Debug)]
pub struct InPostgres<const DURABLE: bool> {
    /// The server's.
    pub address: String,
    /// The bucket's.
    pub name: String,
}

impl<const DURABLE: bool> InPostgres<DURABLE> {
    fn bucket(&self, plan: &Plan, durable: bool) -> io::Result<PostgresBucket> {
        let option = if durable { "on" } else { "off" };
        let address = format!("{} options='-c synchronous_commit={option}'", self.address);
        let builder = PostgresBucket::at(address, &self.name);
        made(builder.rate(plan.rate()).open())
    }
}

impl Store for InPostgres<true> {
    type Bucket = PostgresBucket;
    const NAME: &'static str = "PostgreSQL, durable";

    fn open(&self, plan: &Plan) -> io::Result<PostgresBucket> {
        self.bucket(plan, true)
    }

    fn open_to_fill(&self, plan: &Plan) -> io::Result<PostgresBucket> {
        self.bucket(plan, false)
    }
}

impl Store for InPostgres<false> {
    type Bucket = PostgresBucket;
    const NAME: &'static str = "PostgreSQL, synchronous_commit off";

    fn open(&self, plan: &Plan) -> io::Result<PostgresBucket> {
        self.bucket(plan, false)
    }
}

fn made<B>(bucket: Result<B, OpenError>) -> io::Result<B> {
    bucket.map_err(io::Error::other)
}
