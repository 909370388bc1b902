//! All contenders that can be had on this machine.

use std::io;

use tempfile::TempDir;
use tidegate_benches::baselines::{FileLock, Locked, RobustMutex, SLOTS, SpinLock};
use tidegate_benches::contender::Contender;
use tidegate_benches::machine;
use tidegate_benches::subject::Subject;

use crate::bucket::{Asked, Store};
use crate::governed::Governed;
use crate::plan::Plan;
use crate::servers::{PostgresServer, RedisServer};
use crate::stores::{File, Heap, InPostgres, InRedis, Segment};

/// Servers and files of this run. Dropped, they are gone.
pub struct Field {
    redis: Option<RedisServer>,
    postgres: Option<PostgresServer>,
    files: TempDir,
}

/// A contender, and whether several processes can share it.
pub struct Entry {
    /// The contender.
    pub subject: Box<dyn Subject>,
    /// False if each process would have one of its own.
    pub shared: bool,
}

impl Field {
    /// Starts the servers. Who is missing is named on the terminal, and left out.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            redis: RedisServer::start("Redis", &[]),
            // Its own tests care for no disk; who compares it with others must.
            postgres: PostgresServer::start("PostgreSQL", &["fsync=on"]),
            files: tempfile::tempdir()?,
        })
    }

    /// All of them, each ready for a plan: full, or in use for a while. A label is used once.
    pub fn entries(&self, label: &str, plan: &Plan) -> io::Result<Vec<Entry>> {
        self.all(label, plan, true)
    }

    /// The same with nothing in them.
    pub fn empty(&self, label: &str, plan: &Plan) -> io::Result<Vec<Entry>> {
        self.all(label, plan, false)
    }

    fn all(&self, label: &str, plan: &Plan, is_filled: bool) -> io::Result<Vec<Entry>> {
        let to = To { plan, is_filled };
        let mut all = vec![
            to.ask(Segment::new(label, plan)?)?,
            to.keep(Asked::new(Heap { is_filled }, *plan)),
            to.ask(File(self.files.path().join(format!("{label}.db"))))?,
        ];
        if let Some(server) = &self.redis {
            let (address, name) = (server.address(), label.to_owned());
            all.push(to.ask(InRedis { address, name })?);
        }
        if let Some(server) = &self.postgres {
            let (address, name) = (server.address(), format!("{label}-durable"));
            all.push(to.ask(InPostgres::<true> { address, name })?);
            let (address, name) = (server.address(), label.to_owned());
            all.push(to.ask(InPostgres::<false> { address, name })?);
        }
        if plan.weight == 1 && plan.limit.limit <= SLOTS as u64 {
            let limits = [plan.limit];
            all.push(to.lock(Locked::<RobustMutex>::new(&limits)?)?);
            all.push(to.lock(Locked::<SpinLock>::new(&limits)?)?);
            all.push(to.lock(Locked::<FileLock>::new(&limits)?)?);
        }
        all.extend(Governed::new(plan, is_filled).map(|governed| to.keep(governed)));
        Ok(all)
    }

    /// Machine, versions, and what the files and PostgreSQL's are kept on.
    pub fn describe(&self) -> String {
        let redis = self.redis.as_ref().map(|server| {
            let info: String = server.tell(&["INFO", "server"]);
            let line = info.lines().find_map(|line| {
                line.strip_prefix("valkey_version:")
                    .or_else(|| line.strip_prefix("redis_version:"))
            });
            format!("Redis {}", line.unwrap_or("of an unknown version"))
        });
        let postgres = self
            .postgres
            .as_ref()
            .map(|server| format!("PostgreSQL {}", server.tell("SHOW server_version")));
        let sqlite = format!("SQLite {}", rusqlite::version());
        let disk = machine::file_system(self.files.path());
        let versions: Vec<String> = [Some(sqlite), redis, postgres]
            .into_iter()
            .flatten()
            .collect();
        format!(
            "{}. {}. Files on {disk}",
            machine::describe(),
            versions.join(", ")
        )
    }
}

/// What the contenders are made for.
struct To<'p> {
    plan: &'p Plan,
    is_filled: bool,
}

impl To<'_> {
    fn ask<S: Store + 'static>(&self, store: S) -> io::Result<Entry> {
        let asked = Asked::new(store, *self.plan);
        if self.is_filled {
            asked.fill()?;
        }
        Ok(Entry {
            subject: Box::new(asked),
            shared: true,
        })
    }

    fn lock(&self, lock: impl Contender + 'static) -> io::Result<Entry> {
        if self.is_filled {
            lock.fill()?;
        }
        Ok(Entry {
            subject: Box::new(lock),
            shared: true,
        })
    }

    /// One that each process has for itself, and fills.
    fn keep(&self, own: impl Contender + 'static) -> Entry {
        Entry {
            subject: Box::new(own),
            shared: false,
        }
    }
}
