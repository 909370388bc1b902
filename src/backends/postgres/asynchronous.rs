//! What is asked of the server, and what its answers mean.

use super::fault::{Fault, PostgresError};
use super::keys::{key, lock};
use super::terms::{Terms, from_server, micros, rate, to_server};
use super::{Core, PostgresAsyncBucket};
use crate::bucket::words::*;
use crate::bucket::{Answer, AsyncBucket};
use crate::directory::MAX_KEY;
use crate::rate::{MAX_INTERVAL, validate};
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

/// Longer than that is as good as forever; and it is far from what overflows.
const FOREVER: u64 = 1 << 60;

/// What the server has a name's log by.
struct Spot<'n> {
    key: Cow<'n, [u8]>,
    lock: i64,
}

impl Core {
    fn spot<'n>(&self, name: &'n [u8]) -> Result<Spot<'n>, AcquireError> {
        let length = name.len();
        if length > MAX_KEY {
            return Err(AcquireError::KeyTooLong { length });
        }
        Ok(self.spot_of(name))
    }

    /// The same, for a name that is known to be short enough, or need not be.
    fn spot_of<'n>(&self, name: &'n [u8]) -> Spot<'n> {
        let key = key(if self.is_keyed { name } else { b"" });
        let lock = lock("name", &[&self.lock.to_be_bytes(), &key]);
        Spot { key, lock }
    }

    async fn ask(
        &self,
        doing: &'static str,
        question: &str,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, BucketError> {
        let answer = self.reach.ask(question, arguments).await;
        answer.map_err(|fault| fault.into_bucket_error(doing))
    }

    /// Asks what is answered in one value.
    async fn ask_one<T: for<'r> FromSql<'r>>(
        &self,
        doing: &'static str,
        question: &str,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<T, BucketError> {
        let rows = self.ask(doing, question, arguments).await?;
        let row = rows.first().ok_or_else(|| self.removed(doing))?;
        column(row, 0, doing)
    }

    fn removed(&self, doing: &'static str) -> BucketError {
        Fault::from(PostgresError::Removed).into_bucket_error(doing)
    }

    /// What a verdict means that is not "yes".
    fn refusal(&self, verdict: &Verdict, weight: u64, doing: &'static str) -> AcquireError {
        let (rate, retry_after) = (verdict.rate, verdict.wait);
        match verdict.number {
            1 => AcquireError::Limited { retry_after, rate },
            2 => AcquireError::QueueFull {
                weight,
                queue: self.queue,
                retry_after,
            },
            3 => AcquireError::WeightTooLarge { weight, rate },
            _ => self.removed(doing).into(),
        }
    }

    /// Learns the rates anew, if others are in force.
    async fn learn(&self, version: i64) {
        if version == self.terms().version {
            return;
        }
        // Who fails to learn them now does so next time.
        if let Ok(rows) = self.reach.ask(&self.sql.terms, &[&self.id]).await
            && let Some(Ok(terms)) = rows.first().map(Terms::read)
        {
            self.set_terms(terms);
        }
    }

    pub(super) async fn override_rates(&self, rates: Vec<Rate>) -> Result<(), Fault> {
        let (limits, intervals) = Terms::columns(&rates);
        let arguments: [&(dyn ToSql + Sync); 4] = [&self.id, &self.lock, &limits, &intervals];
        let rows = self.reach.ask(&self.sql.set_rates, &arguments).await?;
        let version = rows.first().map(|row| row.try_get::<_, Option<i64>>(0));
        match version {
            Some(Ok(Some(version))) => {
                self.set_terms(Terms { version, rates });
                Ok(())
            }
            _ => Err(PostgresError::Removed.into()),
        }
    }

    async fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        const DOING: &str = "take permits";
        let Item { name, weight } = item;
        let spot = self.spot(name)?;
        if weight == 0 {
            return Ok(Grant::new(0, 0, self.now(DOING).await?, Duration::ZERO));
        }
        let (key, max_wait) = (&*spot.key, to_micros(max_wait));
        let rows = self
            .ask(
                DOING,
                &self.sql.put,
                &[
                    &self.id,
                    &self.lock,
                    &key,
                    &spot.lock,
                    &to_server(weight),
                    &max_wait,
                ],
            )
            .await?;
        let row = rows.first().ok_or_else(|| self.removed(DOING))?;
        let verdict = Verdict::read(row, DOING)?;
        if verdict.number != 0 {
            self.learn(verdict.terms).await;
            return Err(self.refusal(&verdict, weight, DOING));
        }
        let (owner, upto): (i64, i64) = (column(row, 7, DOING)?, column(row, 8, DOING)?);
        self.learn(verdict.terms).await;
        let grant = Grant::new(from_server(upto), weight, verdict.ready, verdict.wait);
        Ok(grant.in_place(from_server(owner)).paused(verdict.paused))
    }

    async fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        let weight = weight.min(grant.weight);
        if weight == 0 {
            return Ok(());
        }
        let spot = self.spot_of(name);
        let key = &*spot.key;
        let [owner, upto, weight] = [grant.place, grant.id, weight].map(to_server);
        let arguments: [&(dyn ToSql + Sync); 7] = [
            &self.id, &self.lock, &key, &spot.lock, &owner, &upto, &weight,
        ];
        self.ask("give permits back", &self.sql.give_back, &arguments)
            .await?;
        Ok(())
    }

    async fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        const DOING: &str = "look at permits";
        let Item { name, weight } = item;
        let spot = self.spot(name)?;
        if weight == 0 {
            return Ok(());
        }
        let key = &*spot.key;
        let arguments: [&(dyn ToSql + Sync); 3] = [&self.id, &key, &to_server(weight)];
        let rows = self.ask(DOING, &self.sql.look, &arguments).await?;
        let row = rows.first().ok_or_else(|| self.removed(DOING))?;
        let verdict = Verdict::read(row, DOING)?;
        self.learn(verdict.terms).await;
        match verdict.number {
            0 => Ok(()),
            _ => Err(self.refusal(&verdict, weight, DOING)),
        }
    }

    async fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        let spot = self.spot(name)?;
        let (key, nth) = (&*spot.key, to_server(nth).saturating_add(1));
        let stamp: Option<i64> = self
            .ask_one("peek", &self.sql.peek, &[&self.id, &key, &nth])
            .await?;
        Ok(stamp.map(instant))
    }

    async fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        const DOING: &str = "tell the usage";
        let spot = self.spot(name)?;
        let key = &*spot.key;
        let rows = self.ask(DOING, &self.sql.usage, &[&self.id, &key]).await?;
        if rows.is_empty() {
            return Err(self.removed(DOING).into());
        }
        let usage = |row: &Row| {
            let [limit, interval, used, resets] = columns(row, 0, DOING)?;
            Ok(Usage::new(
                rate(limit, interval),
                from_server(used),
                micros(resets),
            ))
        };
        rows.iter().map(usage).collect()
    }

    async fn tally(&self, doing: &'static str, is_ahead: bool) -> Result<u64, BucketError> {
        let permits: i64 = self
            .ask_one(doing, &self.sql.tally, &[&self.id, &is_ahead])
            .await?;
        Ok(from_server(permits))
    }

    async fn leak(&self) -> Result<u64, BucketError> {
        const DOING: &str = "leak";
        let (mut leaked, mut after) = (0, 0_i64);
        loop {
            let arguments: [&(dyn ToSql + Sync); 3] = [&self.id, &self.lock, &after];
            let rows = self.ask(DOING, &self.sql.leak, &arguments).await?;
            let row = rows.first().ok_or_else(|| self.removed(DOING))?;
            leaked += from_server(column(row, 0, DOING)?);
            match column(row, 1, DOING)? {
                Some(last) => after = last,
                None => return Ok(leaked),
            }
        }
    }

    async fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        let spot = self.spot(name)?;
        if !self.is_keyed {
            return Ok(false);
        }
        let key = &*spot.key;
        let arguments: [&(dyn ToSql + Sync); 4] = [&self.id, &self.lock, &key, &spot.lock];
        let was_known = self.ask_one("dispose of a name", &self.sql.dispose, &arguments);
        Ok(was_known.await?)
    }

    async fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        let spot = name.map(|name| self.spot(name)).transpose()?;
        let key = spot.as_ref().map(|spot| &*spot.key);
        let lock = spot.as_ref().map(|spot| spot.lock);
        let longest = to_micros(MAX_INTERVAL);
        let until = to_server(until.as_micros());
        let arguments: [&(dyn ToSql + Sync); 6] =
            [&self.id, &self.lock, &key, &lock, &until, &longest];
        let asked = self.ask_one("pause", &self.sql.pause, &arguments).await?;
        match asked {
            None => Ok(()),
            Some(asked) => Err(PauseError::TooLong {
                asked: micros(asked),
                longest: MAX_INTERVAL,
            }),
        }
    }

    async fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        let spot = name.map(|name| self.spot(name)).transpose()?;
        let key = spot.as_ref().map(|spot| &*spot.key);
        let lock = spot.as_ref().map(|spot| spot.lock);
        let arguments: [&(dyn ToSql + Sync); 4] = [&self.id, &self.lock, &key, &lock];
        let was_paused = self.ask_one("resume", &self.sql.resume, &arguments);
        Ok(was_paused.await?)
    }

    async fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        let spot = self.spot_of(name);
        let key = &*spot.key;
        let arguments: [&(dyn ToSql + Sync); 2] = [&self.id, &key];
        let left = self.ask_one("tell the pause", &self.sql.paused, &arguments);
        Ok(micros(left.await?))
    }

    async fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        validate(rates)?;
        let failed = |fault: Fault| fault.into_bucket_error("set the rates");
        Ok(self.override_rates(rates.to_vec()).await.map_err(failed)?)
    }

    async fn now(&self, doing: &'static str) -> Result<Timestamp, BucketError> {
        Ok(instant(
            self.ask_one(doing, &self.sql.now, &[&self.id]).await?,
        ))
    }

    async fn flush(&self) -> Result<(), BucketError> {
        self.ask("flush", &self.sql.flush, &[&self.id, &self.lock])
            .await?;
        Ok(())
    }

    async fn remove(&self) -> Result<(), BucketError> {
        self.ask(
            "remove the bucket",
            &self.sql.remove,
            &[&self.id, &self.lock],
        )
        .await?;
        Ok(())
    }
}

/// What the server says to a request.
struct Verdict {
    /// 0 is yes.
    number: i32,
    ready: Timestamp,
    wait: Duration,
    rate: Rate,
    paused: Duration,
    terms: i64,
}

impl Verdict {
    fn read(row: &Row, doing: &'static str) -> Result<Self, BucketError> {
        let number = column(row, 0, doing)?;
        let [ready, wait, limit, interval, paused, terms] = columns(row, 1, doing)?;
        Ok(Self {
            number,
            ready: instant(ready),
            wait: micros(wait),
            rate: rate(limit, interval),
            paused: micros(paused),
            terms,
        })
    }
}

/// Numbers of an answer; what is null is 0.
fn columns<const N: usize>(
    row: &Row,
    first: usize,
    doing: &'static str,
) -> Result<[i64; N], BucketError> {
    let mut numbers = [0; N];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = column::<Option<i64>>(row, first + index, doing)?.unwrap_or(0);
    }
    Ok(numbers)
}

/// A value of an answer.
fn column<'r, T: FromSql<'r>>(
    row: &'r Row,
    index: usize,
    doing: &'static str,
) -> Result<T, BucketError> {
    let strange = |error| Fault::damaged(format!("what is no answer ({error})"));
    row.try_get(index)
        .map_err(|error| strange(error).into_bucket_error(doing))
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(from_server(micros))
}

fn to_micros(time: Duration) -> i64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(FOREVER);
    to_server(micros.min(FOREVER))
}

impl PostgresAsyncBucket {
    /// See [`PostgresBucket::remove`](crate::PostgresBucket::remove).
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn remove(&self) -> Result<(), BucketError> {
        self.0.remove().await
    }
}

impl AsyncBucket for PostgresAsyncBucket {
    fn put<'a>(
        &'a self,
        item: Item<'a>,
        max_wait: Duration,
    ) -> Answer<'a, Result<Grant, AcquireError>> {
        Box::pin(self.0.put(item, max_wait))
    }

    fn give_back<'a>(
        &'a self,
        name: &'a [u8],
        grant: &'a Grant,
        weight: u64,
    ) -> Answer<'a, Result<(), BucketError>> {
        Box::pin(self.0.give_back(name, grant, weight))
    }

    fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>> {
        Box::pin(self.0.look(item))
    }

    fn peek<'a>(
        &'a self,
        name: &'a [u8],
        nth: u64,
    ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> {
        Box::pin(self.0.peek(name, nth))
    }

    fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
        Box::pin(self.0.usage(name))
    }

    fn count(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.0.tally("count", false))
    }

    fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.0.tally("count who waits", true))
    }

    fn flush(&self) -> Answer<'_, Result<(), BucketError>> {
        Box::pin(self.0.flush())
    }

    fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.0.leak())
    }

    fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
        Box::pin(self.0.dispose(name))
    }

    fn pause<'a>(
        &'a self,
        name: Option<&'a [u8]>,
        until: Timestamp,
    ) -> Answer<'a, Result<(), PauseError>> {
        Box::pin(self.0.pause(name, until))
    }

    fn resume<'a>(&'a self, name: Option<&'a [u8]>) -> Answer<'a, Result<bool, PauseError>> {
        Box::pin(self.0.resume(name))
    }

    fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
        Box::pin(self.0.paused(name))
    }

    fn longest_pause(&self) -> Duration {
        MAX_INTERVAL
    }

    fn rates(&self) -> Vec<Rate> {
        self.0.terms().rates.clone()
    }

    fn queue(&self) -> u64 {
        self.0.queue
    }

    fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
        Box::pin(self.0.set_rates(rates))
    }

    fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> {
        Box::pin(self.0.now("tell the time"))
    }

    fn close(&self) -> Answer<'_, Result<(), BucketError>> {
        Box::pin(async {
            self.0.reach.close();
            Ok(())
        })
    }

    fn label(&self) -> String {
        self.0.name.clone()
    }
}
