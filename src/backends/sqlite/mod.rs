//! A bucket in a SQLite file.

mod asked;
mod book;
mod builder;
mod clean;
mod clock;
mod courtesy;
mod fault;
mod link;
mod schema;
mod state;
mod store;
mod terms;
mod time;

use crate::bucket::{Grant, Item};
use crate::directory::MAX_KEY;
use crate::error::{AcquireError, BucketError, OpenError};
use crate::sync::AtomicU64;
use crate::timestamp::Timestamp;
use book::{Book, query};
pub use builder::SqliteBuilder;
use builder::{Wish, settle};
use clean::{At, names_after};
pub use clock::SqliteClock;
use fault::Fault;
use link::{Aim, Link};
use rusqlite::Connection;
use schema::Sql;
use state::{Head, State};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::Store;
use terms::Terms;
use time::Time;

/// A bucket in a SQLite file, for all processes of one machine that open it. What was granted
/// is remembered when they end, whichever way, and when the machine is started again.
///
/// ```
/// use tidegate::{AcquireError, Bucket, Item, Rate, SqliteBucket};
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("limits.db");
/// let bucket = SqliteBucket::at(&path).rate(Rate::per_second(5)).rate(Rate::per_day(1000)).keyed().open()?;
/// let item = Item { name: b"example.com", weight: 5 };
/// bucket.put(item, Duration::ZERO)?;
/// assert!(matches!(bucket.put(item, Duration::ZERO), Err(AcquireError::Limited { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it costs
///
/// One row for a grant of any weight, and one transaction: some 15 microseconds, whatever
/// the limits. Who was refused last looks with a reading transaction first, which keeps nobody
/// out. Rows that no longer count are deleted as others come, and by
/// [`leak`](crate::Bucket::leak); the file keeps its size, and uses it again.
///
/// # Who may use the file
///
/// Threads of one process share a connection; processes write one after the other, as
/// SQLite has it. Those who wait do so for moments, and whoever has written for a while steps
/// aside for them: so all get their share, and nobody is told that the database is locked.
/// (After [`patience`](SqliteBuilder::patience) a call fails, for then the holder was stopped
/// in the midst of a transaction, or is a stranger.) A process that was killed leaves nothing
/// half done. A forked child connects anew by itself. Fork while no other thread is in the midst
/// of a call: else the child's calls fail.
///
/// The file must be on a local file system, for its journal is shared in memory. After
/// a power cut, or a crash of the system, grants of the last moments may be forgotten
/// (`synchronous = NORMAL`).
///
/// # Its time
///
/// The bucket counts by the machine's boot-time clock, so that it does not matter when the wall
/// clock is set. When the machine was started anew, the first who opens the file sets the time
/// on by as much as the wall clock says has passed, and never back. Its timestamps are
/// microseconds since 1970, as long as nobody sets the wall clock.
pub struct SqliteBucket {
    store: Arc<Store>,
    sql: Sql,
    time: Time,
    is_keyed: bool,
    terms: RwLock<Arc<Terms>>,
    /// 1 if the last put was refused.
    was_refused: AtomicU64,
}

impl SqliteBucket {
    /// A bucket in the file at that path: a relative one means what it means now.
    pub fn at(path: impl AsRef<Path>) -> SqliteBuilder {
        SqliteBuilder::new(path.as_ref())
    }

    fn transact<T>(
        &self,
        doing: &'static str,
        aim: Aim,
        work: impl FnMut(&Connection) -> Result<T, Fault>,
    ) -> Result<T, BucketError> {
        self.store
            .transact(doing, aim, &|link| self.prepare(link), work)
    }

    /// After a fork, a fault, or when the file was replaced: what is found there is taken; if
    /// there is nothing, the bucket is made again.
    fn prepare(&self, link: &mut Link) -> Result<(), BucketError> {
        let terms = self.terms();
        let wish = Wish {
            rates: terms.rates.clone(),
            queue: Some(terms.queue),
            is_keyed: self.is_keyed,
            override_rates: false,
            adopt: true,
        };
        match settle(link, self.store.how(), &self.sql, &wish, &self.time) {
            Ok(terms) => {
                self.set_terms(terms);
                Ok(())
            }
            Err(OpenError::Backend(error)) => Err(error.into()),
            Err(error) => Err(BucketError::Reopen(Arc::new(error))),
        }
    }

    fn terms(&self) -> Arc<Terms> {
        // Nobody leaves them half set.
        let terms = self.terms.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&terms)
    }

    fn set_terms(&self, terms: Terms) -> Arc<Terms> {
        let terms = Arc::new(terms);
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&terms);
        terms
    }

    fn check_name(&self, name: &[u8]) -> Result<(), AcquireError> {
        let length = name.len();
        if self.is_keyed && length > MAX_KEY {
            return Err(AcquireError::KeyTooLong { length });
        }
        Ok(())
    }

    /// What holds for a name now. The clock is read here, after the transaction has begun: so
    /// times are in the order of transactions.
    fn state<'d>(&'d self, db: &'d Connection, name: &[u8]) -> Result<State<'d>, Fault> {
        let head = self.head(db, name)?;
        let mut terms = self.terms();
        if terms.version != head.version {
            terms = self.set_terms(Terms::read(db, &self.sql)?);
        }
        let book = match head.name {
            Some((id, voided)) => Some(Book::open(db, &self.sql, id, voided, head.next)?),
            None => None,
        };
        let clock = self.time.clock()?;
        let written_at = book.as_ref().map_or(0, Book::written_at);
        let now = clock.max(written_at).max(head.latest);
        if now > clock {
            self.time.stand_at(now);
        }
        Ok(State {
            terms,
            head,
            book,
            clock,
            now,
        })
    }

    fn head(&self, db: &Connection, name: &[u8]) -> Result<Head, Fault> {
        let head = query(db, &self.sql.head, [name], |row| {
            let id: Option<i64> = row.get(5)?;
            let (all, own): (u64, Option<u64>) = (row.get(1)?, row.get(6)?);
            let voided: Option<u64> = row.get(7)?;
            Ok(Head {
                version: row.get(0)?,
                next: row.get(2)?,
                latest: row.get(3)?,
                seen: row.get(4)?,
                paused_until: all.max(own.unwrap_or(0)),
                name: id.map(|id| (id, voided.unwrap_or(0))),
            })
        })?;
        head.ok_or_else(|| Fault::Damaged {
            what: "nothing of the bucket itself".into(),
            prefix: self.sql.prefix.clone(),
        })
    }

    /// The number of a name, which is made known if it is not.
    fn known(&self, db: &Connection, name: &[u8], at: At) -> Result<i64, Fault> {
        if let Some(id) = query(db, &self.sql.name, [name], |row| row.get(0))? {
            return Ok(id);
        }
        clean::before_name(db, &self.sql, at)?;
        db.prepare_cached(&self.sql.make_name)?.execute([name])?;
        Ok(db.last_insert_rowid())
    }

    /// What a put would be answered now, without taking anything.
    fn judge(&self, item: Item<'_>, max_wait: Duration) -> Result<(), AcquireError> {
        self.transact("look for permits", Aim::Read, |db| {
            let state = self.state(db, item.name)?;
            Ok(state.judge(item.weight, max_wait)?.map(drop))
        })?
    }

    fn take(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        self.transact("take permits", Aim::Write, |db| {
            let mut state = self.state(db, item.name)?;
            let instant = match state.judge(item.weight, max_wait)? {
                Ok(instant) => instant,
                Err(error) => return Ok(Err(error)),
            };
            let (now, at) = (state.now, state.at());
            let book = match &mut state.book {
                Some(book) => book,
                none => {
                    let name = self.known(db, item.name, at)?;
                    // Others that were forgotten for it may have raised the number.
                    let next = self.head(db, item.name)?.next;
                    none.insert(Book::open(db, &self.sql, name, 0, next)?)
                }
            };
            let id = book.add(item.weight, instant, now)?;
            clean::after_grant(book, item.weight, at)?;
            self.note_time(db, &state)?;
            let wait = match instant > now {
                true => state.until(instant),
                false => Duration::ZERO,
            };
            let instant = Timestamp::from_micros(instant);
            let paused = state.until(state.head.paused_until);
            Ok(Ok(Grant::new(id, item.weight, instant, wait).paused(paused)))
        })?
    }

    /// Notes from time to time how the clocks go together.
    fn note_time(&self, db: &Connection, state: &State) -> Result<(), Fault> {
        const OFTEN: u64 = 60_000_000;
        if state.clock >= state.head.seen.saturating_add(OFTEN)
            && let Some(pair) = self.time.pair()?
        {
            db.prepare_cached(&self.sql.note_seen)?.execute(pair)?;
        }
        Ok(())
    }

    /// Adds up something of all names.
    fn sum(
        &self,
        doing: &'static str,
        counts: impl Fn(At, u64) -> bool,
    ) -> Result<u64, BucketError> {
        const NAMES: u64 = 1000;
        self.transact(doing, Aim::Read, |db| {
            let state = self.state(db, b"")?;
            let (at, next) = (state.at(), state.head.next);
            let (mut sum, mut from) = (0_u64, -1);
            loop {
                let names = names_after(db, &self.sql, from, NAMES)?;
                for name in &names {
                    let book = Book::open(db, &self.sql, name.id, name.voided, next)?;
                    sum = sum.saturating_add(book.how_many(|instant| counts(at, instant))?);
                    from = name.id;
                }
                if (names.len() as u64) < NAMES {
                    return Ok(sum);
                }
            }
        })
    }
}
