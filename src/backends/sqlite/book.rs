//! The grants of one name: found, added, and given back.

use super::fault::Fault;
use super::schema::Sql;
use crate::timestamp::Timestamp;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Row};

/// One name's grants, in a transaction.
pub struct Book<'d> {
    db: &'d Connection,
    sql: &'d Sql,
    /// The name's number.
    name: i64,
    /// The number that its next permit has: see [`schema`](super::schema).
    end: u64,
    /// Permits that were given back, in all gaps.
    voided: u64,
    /// When the newest grant is, and when it was given.
    newest: Option<Newest>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    at: u64,
    given: u64,
}

/// Permits that are next to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    pub start: u64,
    pub weight: u64,
    pub at: u64,
}

impl<'d> Book<'d> {
    /// The book of a name. If nothing is in it, its next permit has the number `next`.
    pub fn open(
        db: &'d Connection,
        sql: &'d Sql,
        name: i64,
        voided: u64,
        next: u64,
    ) -> Result<Self, Fault> {
        let newest = query(db, &sql.newest, [name], |row| {
            let (end, at, wait): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let given = at.saturating_sub(wait);
            Ok((end, Newest { at, given }))
        })?;
        Ok(Self {
            db,
            sql,
            name,
            end: newest.map_or(next, |(end, _)| end),
            voided,
            newest: newest.map(|(_, newest)| newest),
        })
    }

    /// The number that its next permit has.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The time when it was last written in; 0 if that is forgotten.
    pub fn written_at(&self) -> u64 {
        self.newest.map_or(0, |newest| newest.given)
    }

    /// Whether nothing is in it, not even what no longer counts.
    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// The instant of the n-th newest permit, from 1, of those that were not given back.
    pub fn nth(&self, n: u64) -> Result<Option<u64>, Fault> {
        let Some(newest) = self.newest else {
            return Ok(None);
        };
        if n == 1 && self.voided == 0 {
            return Ok(Some(newest.at));
        }
        let Some(counting) = self.counting().checked_sub(n) else {
            return Ok(None);
        };
        let number = self.number_of(counting)?;
        let holding = self.holding(number)?;
        Ok(holding.filter(|run| run.start <= number).map(|run| run.at))
    }

    /// How many of the newest permits are such as `counts` says, which goes by their instants:
    /// what it says of one, it says of all newer ones.
    pub fn how_many(&self, counts: impl Fn(u64) -> bool) -> Result<u64, Fault> {
        let Some(oldest) = self.oldest()? else {
            return Ok(0);
        };
        let (mut inside, mut all) = (0, self.counting().saturating_sub(self.place_of(oldest)?));
        while inside < all {
            let middle = all - (all - inside) / 2;
            match self.nth(middle)? {
                Some(at) if counts(at) => inside = middle,
                _ => all = middle - 1,
            }
        }
        Ok(inside)
    }

    /// Adds a grant: the number of its first permit.
    pub fn add(&mut self, weight: u64, at: u64, now: u64) -> Result<u64, Fault> {
        let start = self.end;
        let end = start.saturating_add(weight);
        let mut add = self.db.prepare_cached(&self.sql.add)?;
        add.execute((self.name, end, at, weight, at - now))?;
        self.end = end;
        self.newest = Some(Newest { at, given: now });
        Ok(start)
    }

    /// The grant that begins with that number, if it is still there and is of that instant.
    pub fn find(&self, start: u64, at: Timestamp) -> Result<Option<Run>, Fault> {
        if start >= self.end {
            return Ok(None);
        }
        let run = self.holding(start)?;
        Ok(run.filter(|run| run.start == start && run.at == at.as_micros()))
    }

    /// Gives permits back, from number `start` up to `end`; unless some were before.
    pub fn void(&mut self, start: u64, end: u64) -> Result<(), Fault> {
        let mut live = start;
        let mut skipped = 0;
        if let Some(gap) = self.gap_before(end)? {
            if gap.end() > start {
                return Ok(());
            }
            (live, skipped) = (start.saturating_sub(gap.skipped), gap.skipped);
        }
        let weight = end - start;
        let mut shift = self.db.prepare_cached(&self.sql.shift_gaps)?;
        shift.execute((self.name, start, weight))?;
        let mut add = self.db.prepare_cached(&self.sql.add_gap)?;
        add.execute((self.name, start, live, skipped.saturating_add(weight)))?;
        self.set_voided(self.voided.saturating_add(weight))
    }

    /// Forgets some of the oldest grants, at most `rows`, as far as `is_over` says of their
    /// instants; but not the newest, unless `all`. How many permits, and whether that was all
    /// that there is to forget.
    pub fn forget(
        &mut self,
        rows: u64,
        all: bool,
        is_over: impl Fn(u64) -> bool,
    ) -> Result<(u64, bool), Fault> {
        let mut until = None;
        let mut seen = 0;
        let mut oldest = self.db.prepare_cached(&self.sql.oldest_rows)?;
        let mut found = oldest.query((self.name, rows))?;
        while let Some(row) = found.next()? {
            let (end, at): (u64, u64) = (row.get(0)?, row.get(1)?);
            if !is_over(at) || (end == self.end && !all) {
                break;
            }
            seen += 1;
            until = Some(end);
        }
        drop(found);
        let Some(until) = until else {
            return Ok((0, true));
        };
        let before = self.remembered()?;
        if until == self.end {
            self.forget_all()?;
            return Ok((before, true));
        }
        let mut drop_rows = self.db.prepare_cached(&self.sql.drop_rows)?;
        drop_rows.execute((self.name, until))?;
        let forgotten = before.saturating_sub(self.remembered()?);
        if self.voided > 0 {
            let mut drop_gaps = self.db.prepare_cached(&self.sql.drop_gaps)?;
            drop_gaps.execute((self.name, until))?;
        }
        Ok((forgotten, seen < rows))
    }

    /// Forgets all.
    pub fn forget_all(&mut self) -> Result<(), Fault> {
        for sql in [&self.sql.drop_all_rows, &self.sql.drop_all_gaps] {
            self.db.prepare_cached(sql)?.execute([self.name])?;
        }
        self.newest = None;
        match self.voided {
            0 => Ok(()),
            _ => self.set_voided(0),
        }
    }

    /// How many permits there are that were not given back.
    fn remembered(&self) -> Result<u64, Fault> {
        match self.oldest()? {
            Some(oldest) => Ok(self.counting().saturating_sub(self.place_of(oldest)?)),
            None => Ok(0),
        }
    }

    /// The place that the next permit has among those that count.
    fn counting(&self) -> u64 {
        self.end.saturating_sub(self.voided)
    }

    /// The number of the permit with that place among those that count.
    fn number_of(&self, place: u64) -> Result<u64, Fault> {
        if self.voided == 0 {
            return Ok(place);
        }
        let skipped: Option<u64> = self.ask(&self.sql.position, (self.name, place))?;
        Ok(place.saturating_add(skipped.unwrap_or(0)))
    }

    /// The place among those that count of the permit with that number; if it was given back,
    /// of the next one.
    fn place_of(&self, number: u64) -> Result<u64, Fault> {
        Ok(match self.gap_before(number.saturating_add(1))? {
            None => number,
            Some(gap) if number < gap.end() => gap.live,
            Some(gap) => number.saturating_sub(gap.skipped),
        })
    }

    /// The last gap that begins before that number.
    fn gap_before(&self, number: u64) -> Result<Option<Gap>, Fault> {
        if self.voided == 0 {
            return Ok(None);
        }
        query(self.db, &self.sql.gap_before, (self.name, number), |row| {
            let (live, skipped) = (row.get(0)?, row.get(1)?);
            Ok(Gap { live, skipped })
        })
    }

    /// The grant of the permit with that number; or if it was forgotten, the next one.
    fn holding(&self, number: u64) -> Result<Option<Run>, Fault> {
        query(self.db, &self.sql.holding, (self.name, number), |row| {
            let (end, at, weight): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let start = end.saturating_sub(weight);
            Ok(Run { start, weight, at })
        })
    }

    /// The number of the oldest permit.
    fn oldest(&self) -> Result<Option<u64>, Fault> {
        self.ask(&self.sql.oldest, [self.name])
    }

    fn set_voided(&mut self, voided: u64) -> Result<(), Fault> {
        let mut set = self.db.prepare_cached(&self.sql.set_voided)?;
        set.execute((self.name, voided))?;
        self.voided = voided;
        Ok(())
    }

    fn ask<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Option<T>, Fault> {
        query(self.db, sql, params, |row| row.get(0))
    }
}

/// Permits that were given back.
struct Gap {
    /// Its beginning among those that count.
    live: u64,
    /// How many were given back up to its end.
    skipped: u64,
}

impl Gap {
    /// The number after its last permit.
    fn end(&self) -> u64 {
        self.live.saturating_add(self.skipped)
    }
}

/// The first row of an answer.
pub fn query<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row(params, read).optional()?)
}
