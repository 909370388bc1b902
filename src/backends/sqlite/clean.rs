//! Forgetting what no longer counts.

use super::book::{Book, query};
use super::fault::Fault;
use super::schema::Sql;
use super::terms::Terms;
use rusqlite::Connection;

/// One visit looks at so many rows of a name at most: so that nobody keeps the file for long.
const ROWS: u64 = 256;

/// Who has given a multiple of so many permits looks for rows to forget: so rows are forgotten
/// faster than they come, and yet few calls have the trouble.
const OFTEN: u64 = 64;

/// A time, and what counts at it.
#[derive(Clone, Copy)]
pub struct At {
    pub now: u64,
    /// How long a permit counts.
    pub widest: u64,
}

impl At {
    pub fn new(now: u64, terms: &Terms) -> Self {
        let widest = terms.widest();
        Self { now, widest }
    }

    /// Whether a permit of that instant counts.
    pub fn counts(&self, at: u64) -> bool {
        at.saturating_add(self.widest) > self.now
    }
}

/// A name's row.
pub struct Name {
    pub id: i64,
    pub paused_until: u64,
    pub voided: u64,
}

/// Some names with higher numbers than `id`.
pub fn names_after(db: &Connection, sql: &Sql, id: i64, most: u64) -> Result<Vec<Name>, Fault> {
    let mut names = db.prepare_cached(&sql.names_after)?;
    let read = |row: &rusqlite::Row| {
        let (id, paused_until, voided) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Name {
            id,
            paused_until,
            voided,
        })
    };
    let names = names.query_map((id, most), read)?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// After a grant of `weight`: forgets a few of the name's oldest, if it is time for it.
pub fn after_grant(book: &mut Book, weight: u64, at: At) -> Result<(), Fault> {
    let before = book.end().saturating_sub(weight);
    if before / OFTEN != book.end() / OFTEN {
        book.forget(ROWS, false, |instant| !at.counts(instant))?;
    }
    Ok(())
}

/// Before a new name comes: looks at two others, each time the next, whether they are idle.
/// So of those that were in use at one time, most are gone when half as many new ones have come.
pub fn before_name(db: &Connection, sql: &Sql, at: At) -> Result<(), Fault> {
    const TWO: u64 = 2;
    let (next, sweep) = bounds(db, sql)?;
    let names = names_after(db, sql, sweep, TWO)?;
    for name in &names {
        leak_name(db, sql, name, next, at, true)?;
    }
    let reached = match names.last() {
        Some(name) if names.len() as u64 == TWO => name.id,
        _ => -1,
    };
    db.prepare_cached(&sql.set_sweep)?.execute([reached])?;
    Ok(())
}

/// Where a leak stands.
#[derive(Clone, Copy)]
pub struct Progress {
    /// Names up to that number are done.
    pub name: i64,
    pub forgotten: u64,
    pub is_done: bool,
}

impl Progress {
    pub const BEGINNING: Self = Self {
        name: -1,
        forgotten: 0,
        is_done: false,
    };
}

/// One step of a leak: some of what no longer counts. Names that are idle go, too, where they
/// are kept apart.
pub fn leak(
    db: &Connection,
    sql: &Sql,
    mut from: Progress,
    at: At,
    is_keyed: bool,
) -> Result<Progress, Fault> {
    const NAMES: u64 = 64;
    let (next, _) = bounds(db, sql)?;
    let names = names_after(db, sql, from.name, NAMES)?;
    from.is_done = (names.len() as u64) < NAMES;
    let mut rows = 0;
    for name in &names {
        let (forgotten, was_all) = leak_name(db, sql, name, next, at, is_keyed)?;
        from.forgotten += forgotten;
        rows += forgotten.min(ROWS);
        if !was_all || rows >= ROWS {
            from.is_done = false;
            if was_all {
                from.name = name.id;
            }
            return Ok(from);
        }
        from.name = name.id;
    }
    Ok(from)
}

/// Forgets what no longer counts of a name, up to some rows; and if nothing is left, the name.
/// How many permits, and whether that was all.
fn leak_name(
    db: &Connection,
    sql: &Sql,
    name: &Name,
    next: u64,
    at: At,
    is_keyed: bool,
) -> Result<(u64, bool), Fault> {
    let mut book = Book::open(db, sql, name.id, name.voided, next)?;
    let (end, written_at) = (book.end(), book.written_at());
    let (forgotten, was_all) = book.forget(ROWS, true, |instant| !at.counts(instant))?;
    if book.is_empty() {
        keep_bounds(db, sql, end, written_at)?;
        if is_keyed && name.paused_until <= at.now {
            db.prepare_cached(&sql.drop_name)?.execute([name.id])?;
        }
    }
    Ok((forgotten, was_all))
}

/// Forgets a name, whatever counts of it.
pub fn dispose(db: &Connection, sql: &Sql, id: i64, voided: u64, next: u64) -> Result<(), Fault> {
    let mut book = Book::open(db, sql, id, voided, next)?;
    keep_bounds(db, sql, book.end(), book.written_at())?;
    book.forget_all()?;
    db.prepare_cached(&sql.drop_name)?.execute([id])?;
    Ok(())
}

/// Forgets all grants of all names.
pub fn flush(db: &Connection, sql: &Sql) -> Result<(), Fault> {
    const NAMES: u64 = 1000;
    let (next, _) = bounds(db, sql)?;
    let (mut end, mut written_at, mut from) = (next, 0, -1);
    loop {
        let names = names_after(db, sql, from, NAMES)?;
        for name in &names {
            let book = Book::open(db, sql, name.id, name.voided, next)?;
            end = end.max(book.end());
            written_at = written_at.max(book.written_at());
            from = name.id;
        }
        if (names.len() as u64) < NAMES {
            break;
        }
    }
    keep_bounds(db, sql, end, written_at)?;
    for sql in [&sql.flush_grants, &sql.flush_voids, &sql.flush_names] {
        db.prepare_cached(sql)?.execute(())?;
    }
    Ok(())
}

/// Keeps what a name knew: no permit gets a number that another had under the same name, and
/// time does not go back.
fn keep_bounds(db: &Connection, sql: &Sql, end: u64, written_at: u64) -> Result<(), Fault> {
    let mut keep = db.prepare_cached(&sql.keep_bounds)?;
    keep.execute((end, written_at))?;
    Ok(())
}

fn bounds(db: &Connection, sql: &Sql) -> Result<(u64, i64), Fault> {
    let row = query(db, &sql.state, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(row.unwrap_or((0, -1)))
}
