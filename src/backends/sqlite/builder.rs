//! What is asked of a bucket in a file, and what is found there.

use super::SqliteBucket;
use super::book::query;
use super::fault::Fault;
use super::link::{Aim, Failed, Link};
use super::schema::{FORMAT, Sql};
use super::store::{Store, Use};
use super::terms::{Terms, text};
use super::time::{Seen, Source, Time};
use crate::bucket::default_queue;
use crate::clock::Clock;
use crate::error::{OpenError, Outcome};
use crate::rate::{Rate, validate};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// The wishes for a bucket in a SQLite file; [`open`](Self::open) makes it, or joins it.
#[derive(Clone)]
#[must_use = "call open()"]
pub struct SqliteBuilder {
    how: Use,
    wish: Wish,
    prefix: String,
    source: Source,
}

/// What the tables are to say.
#[derive(Clone, Debug)]
pub struct Wish {
    pub rates: Vec<Rate>,
    pub queue: Option<u64>,
    pub is_keyed: bool,
    pub override_rates: bool,
    /// Take what is found there.
    pub adopt: bool,
}

const OPENING: &str = "open the file";

impl SqliteBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            how: Use {
                path: path.to_owned(),
                queues: false,
                patience: Duration::from_secs(30),
            },
            wish: Wish {
                rates: Vec::new(),
                queue: None,
                is_keyed: false,
                override_rates: false,
                adopt: false,
            },
            prefix: "tidegate".into(),
            source: Source::Boot,
        }
    }

    /// Adds a rate. All rates hold together. They are given from the shortest interval
    /// to the longest; limits rise, and limit / interval does not.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.wish.rates.push(rate);
        self
    }

    /// Adds several rates.
    pub fn rates(mut self, rates: impl IntoIterator<Item = Rate>) -> Self {
        self.wish.rates.extend(rates);
        self
    }

    /// How many permits of one name may be waited for at once. By default 1,024, or the largest
    /// limit if that is more.
    pub fn queue(mut self, permits: u64) -> Self {
        self.wish.queue = Some(permits);
        self
    }

    /// Gives each name the whole of the rates to itself. A name that nobody has used for longer
    /// than the widest interval is forgotten, now and then, when another one comes, or when the
    /// bucket is [leaked](crate::Bucket::leak).
    pub fn keyed(mut self) -> Self {
        self.wish.is_keyed = true;
        self
    }

    /// What the names of its tables begin with: letters, digits and underscores. By default
    /// `tidegate`. So one file may hold many buckets, and tables of others: but SQLite lets
    /// one writer at a time into a file.
    pub fn table(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Joins a bucket that is there, and gives it these rates and this queue, if it has others:
    /// all who use it obey them from their next call on.
    pub fn override_rates(mut self) -> Self {
        self.wish.override_rates = true;
        self
    }

    /// Joins a bucket that is there, whatever its rates and queue, and whether it keeps names
    /// apart or not. No rates need be given.
    pub fn adopt(mut self) -> Self {
        self.wish.adopt = true;
        self
    }

    /// Has the bucket count by another clock, which all who use the file must share. By
    /// default it is the machine's boot-time clock, shifted so that it goes on through a restart:
    /// see [`SqliteBucket`]. If such a clock is set back, time stands still until it has caught
    /// up.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.source = Source::Own(Arc::new(clock));
        self
    }

    /// Has this process queue when it writes, and be woken for its turn. Processes that do so
    /// are served in the order in which they come, and use no time while they wait; but under
    /// load each turn takes longer, for the next has to wake up first; and one that is stopped in
    /// its turn stops them, however short their patience. By default those who wait look in
    /// again from time to time.
    pub fn file_lock(mut self) -> Self {
        self.how.queues = true;
        self
    }

    /// How long a call waits for others to let go of the file until it fails: 30 seconds by
    /// default. Those who use it as they should have it for microseconds; so whoever has it
    /// longer was stopped, or is a stranger with a long transaction.
    pub fn patience(mut self, time: Duration) -> Self {
        self.how.patience = time;
        self
    }

    /// Joins the bucket that is there, or makes it. Of many processes that do so at once, one
    /// makes it.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: a file that cannot be used is [`OpenError::Backend`].
    pub fn open(self) -> Result<SqliteBucket, OpenError> {
        let Self {
            how,
            mut wish,
            prefix,
            source,
        } = self;
        check_prefix(&prefix)?;
        if wish.adopt {
            if !how.path.exists() {
                return Err(OpenError::NotFound { path: how.path });
            }
        } else {
            validate(&wish.rates)?;
        }
        let time = Time::new(source);
        let fail = |fault: Fault| failed(fault, Outcome::Undone);
        // Connected by hand, for what is found there decides about the rest.
        let mut link = Link::open(&how.path, how.queues, how.patience).map_err(fail)?;
        let found = look(&mut link, &prefix, &how)?;
        if wish.adopt {
            match found {
                Some(is_keyed) => wish.is_keyed = is_keyed,
                None => return Err(OpenError::NotFound { path: how.path }),
            }
        }
        let sql = Sql::new(&prefix, wish.is_keyed);
        let terms = settle(&mut link, &how, &sql, &wish, &time)?;
        let store = Store::new(how, link);
        Ok(SqliteBucket {
            store,
            sql,
            time,
            is_keyed: wish.is_keyed,
            terms: RwLock::new(Arc::new(terms)),
            was_refused: Default::default(),
        })
    }
}

/// Whether the bucket that is there keeps names apart; `None` if there is none.
fn look(link: &mut Link, prefix: &str, how: &Use) -> Result<Option<bool>, OpenError> {
    let sql = Sql::new(prefix, false);
    transact(link, Aim::Read, how, |db| {
        if query(db, &sql.exists, (), |row| row.get(0))? == Some(0) {
            return Ok(None);
        }
        query(db, &sql.bucket, (), |row| row.get(1))
    })
}

/// Makes the tables agree with the wish, or finds that they do not: what is in force then.
pub fn settle(
    link: &mut Link,
    how: &Use,
    sql: &Sql,
    wish: &Wish,
    time: &Time,
) -> Result<Terms, OpenError> {
    transact(link, Aim::Write, how, |db| {
        db.execute_batch(&sql.create)?;
        let found = query(db, &sql.bucket, (), |row| {
            Ok(Found {
                format: row.get(0)?,
                is_keyed: row.get(1)?,
                clock: row.get(2)?,
                boot: row.get(3)?,
                shift: row.get(4)?,
                wall: row.get(5)?,
                bucket: row.get(6)?,
            })
        })?;
        let seen = match &found {
            Some(found) => match found.differs(wish, time, &how.path) {
                Some(error) => return Ok(Err(error)),
                None => found.seen(),
            },
            None => {
                let queue = wish.queue.unwrap_or_else(|| default_queue(&wish.rates));
                let clock = time.source().name();
                let row = (FORMAT, wish.is_keyed, clock, text(&wish.rates), queue);
                db.execute(&sql.make_bucket, row)?;
                if !wish.is_keyed {
                    db.execute(&sql.make_common, ())?;
                }
                None
            }
        };
        let terms = match agree(Terms::read(db, sql)?, wish, &how.path) {
            Agreed::Yes(terms) => terms,
            Agreed::Change(terms) => terms.write(db, sql)?,
            Agreed::No(error) => return Ok(Err(error)),
        };
        if let Some(seen) = time.go_on(seen)? {
            let Seen {
                boot,
                shift,
                wall,
                bucket,
            } = seen;
            db.execute(&sql.set_seen, (boot, shift, wall, bucket))?;
        }
        Ok(Ok(terms))
    })?
}

/// What the bucket's row says.
struct Found {
    format: u64,
    is_keyed: bool,
    clock: String,
    boot: Option<[u8; 16]>,
    shift: i64,
    wall: u64,
    bucket: u64,
}

impl Found {
    fn differs(&self, wish: &Wish, time: &Time, path: &Path) -> Option<OpenError> {
        if self.format != FORMAT {
            return Some(OpenError::Layout {
                path: path.to_owned(),
                found: self.format,
                ours: FORMAT,
            });
        }
        let differs = |what, asked: &str, found: &str| {
            Some(OpenError::OptionDiffers {
                path: path.to_owned(),
                what,
                asked: asked.to_owned(),
                found: found.to_owned(),
            })
        };
        let clock = time.source().name();
        if self.clock != clock {
            return differs("clock", clock, &self.clock);
        }
        let names = |is_keyed| {
            if is_keyed {
                "keyed"
            } else {
                "one for all names"
            }
        };
        if self.is_keyed != wish.is_keyed {
            return differs("buckets", names(wish.is_keyed), names(self.is_keyed));
        }
        None
    }

    fn seen(&self) -> Option<Seen> {
        let (shift, wall, bucket) = (self.shift, self.wall, self.bucket);
        self.boot.map(|boot| Seen {
            boot,
            shift,
            wall,
            bucket,
        })
    }
}

enum Agreed {
    Yes(Terms),
    Change(Terms),
    No(OpenError),
}

/// Whether the rates and the queue that were found are those of the wish.
fn agree(found: Terms, wish: &Wish, path: &Path) -> Agreed {
    if wish.adopt {
        return Agreed::Yes(found);
    }
    let queue = wish.queue.unwrap_or(found.queue);
    let asked = Terms::new(found.version, wish.rates.clone(), queue);
    if asked.windows == found.windows && asked.queue == found.queue {
        return Agreed::Yes(found);
    }
    if wish.override_rates {
        return Agreed::Change(asked);
    }
    let path: PathBuf = path.to_owned();
    Agreed::No(if asked.windows == found.windows {
        OpenError::OptionDiffers {
            path,
            what: "queue",
            asked: asked.queue.to_string(),
            found: found.queue.to_string(),
        }
    } else {
        OpenError::RatesDiffer {
            path,
            asked: asked.rates,
            found: found.rates,
        }
    })
}

fn transact<T>(
    link: &mut Link,
    aim: Aim,
    how: &Use,
    work: impl FnMut(&Connection) -> Result<T, Fault>,
) -> Result<T, OpenError> {
    link.transact(aim, how.patience, work)
        .map_err(|error| match error {
            Failed::Before(fault) => failed(fault, Outcome::Undone),
            Failed::Commit(fault) => {
                let outcome = fault.outcome_of_commit();
                failed(fault, outcome)
            }
        })
}

fn failed(fault: Fault, outcome: Outcome) -> OpenError {
    fault.into_backend_error(OPENING, outcome).into()
}

fn check_prefix(prefix: &str) -> Result<(), OpenError> {
    let is_letter = |c: u8| c.is_ascii_alphabetic() || c == b'_';
    let mut bytes = prefix.bytes();
    let is_fine = bytes.next().is_some_and(is_letter)
        && bytes.all(|c| is_letter(c) || c.is_ascii_digit())
        && prefix.len() <= 64
        && !prefix.to_ascii_lowercase().starts_with("sqlite_");
    if is_fine {
        return Ok(());
    }
    Err(OpenError::Name {
        name: prefix.to_owned(),
        why: "it takes up to 64 letters, digits and underscores, no digit first, to begin the name of a \
              table, and SQLite keeps those with sqlite_ for itself",
    })
}
