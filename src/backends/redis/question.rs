//! What a bucket asks the server: which script, with which arguments, and what the answer means.
//! The same for those who block and for those who do not.

use super::answer::{Answer, micros, number};
use super::fault::Fault;
use super::script::{self, Script};
use super::terms::InForce;
use crate::bucket::{Grant, Item, Usage};
use crate::error::{AcquireError, BackendError, BucketError, PauseError};
use crate::rate::{MAX_INTERVAL, Rate};
use crate::timestamp::Timestamp;
use redis::Value;
use std::time::Duration;

/// Numbers as scripts are told them: one after the other, as scripts count, in 8 bytes each,
/// little-endian. They are the cheapest to read so.
#[derive(Default)]
pub struct Numbers(Vec<u8>);

impl Numbers {
    /// Adds one. Those above 2^53 are rounded: all of them stand for "more than ever happens".
    pub fn add(&mut self, number: u64) -> &mut Self {
        self.0.extend((number as f64).to_le_bytes());
        self
    }

    pub fn packed(&self) -> &[u8] {
        &self.0
    }
}

/// A question about one name.
pub trait Question {
    type Answer;
    type Error: From<BackendError> + From<BucketError>;
    /// As in "could not …".
    const DOING: &'static str;

    fn script(&self) -> &'static Script;

    /// Adds what the script is told.
    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        let _ = (in_force, numbers);
    }

    /// The answer, if it was given.
    fn read(&self, in_force: &InForce, parts: &[Value]) -> Result<Self::Answer, Fault>;

    /// What to say of another; `None` if none of these can be.
    fn refuse(&self, in_force: &InForce, answer: Answer) -> Option<Self::Error> {
        let _ = (in_force, answer);
        None
    }
}

/// To take permits.
pub struct Put<'i> {
    pub item: Item<'i>,
    pub max_wait: Duration,
}

/// To be told whether one could.
pub struct Look<'i>(pub Item<'i>);

fn add_request(
    item: &Item<'_>,
    wait: Duration,
    takes: u64,
    in_force: &InForce,
    numbers: &mut Numbers,
) {
    let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let queue = in_force.terms.queue;
    numbers.add(item.weight).add(wait).add(queue).add(takes);
    for window in &in_force.terms.windows {
        numbers.add(window.limit).add(window.interval);
    }
}

impl Question for Put<'_> {
    type Answer = Grant;
    type Error = AcquireError;
    const DOING: &'static str = "take permits";

    fn script(&self) -> &'static Script {
        &script::PUT
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        add_request(&self.item, self.max_wait, 1, in_force, numbers);
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<Grant, Fault> {
        let at = Timestamp::from_micros(number(parts.get(1))?);
        let (wait, paused) = (micros(parts.get(2))?, micros(parts.get(3))?);
        let id = number(parts.first())?;
        Ok(Grant::new(id, self.item.weight, at, wait).paused(paused))
    }

    fn refuse(&self, in_force: &InForce, answer: Answer) -> Option<AcquireError> {
        answer.refusal(self.item.weight, in_force)
    }
}

impl Question for Look<'_> {
    type Answer = ();
    type Error = AcquireError;
    const DOING: &'static str = "look at the log";

    fn script(&self) -> &'static Script {
        &script::PUT
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        add_request(&self.0, Duration::ZERO, 0, in_force, numbers);
    }

    fn read(&self, _: &InForce, _: &[Value]) -> Result<(), Fault> {
        Ok(())
    }

    fn refuse(&self, in_force: &InForce, answer: Answer) -> Option<AcquireError> {
        answer.refusal(self.0.weight, in_force)
    }
}

/// To give the `weight` newest permits of a grant back.
pub struct GiveBack<'g> {
    pub grant: &'g Grant,
    pub weight: u64,
}

impl Question for GiveBack<'_> {
    type Answer = ();
    type Error = BucketError;
    const DOING: &'static str = "give permits back";

    fn script(&self) -> &'static Script {
        &script::GIVE_BACK
    }

    fn add_numbers(&self, _: &InForce, numbers: &mut Numbers) {
        let keeps = self.grant.weight.saturating_sub(self.weight);
        numbers
            .add(self.grant.id)
            .add(self.grant.at.as_micros())
            .add(keeps);
    }

    fn read(&self, _: &InForce, _: &[Value]) -> Result<(), Fault> {
        Ok(())
    }
}

/// When the n-th newest permit was granted, from 0.
pub struct Peek(pub u64);

impl Question for Peek {
    type Answer = Option<Timestamp>;
    type Error = AcquireError;
    const DOING: &'static str = "peek into the log";

    fn script(&self) -> &'static Script {
        &script::PEEK
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        numbers.add(self.0.saturating_add(1)).add(in_force.widest());
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<Option<Timestamp>, Fault> {
        let stamp = |value| number(Some(value)).map(Timestamp::from_micros);
        parts.first().map(stamp).transpose()
    }
}

/// How much of each rate is used.
pub struct UsageOf;

impl Question for UsageOf {
    type Answer = Vec<Usage>;
    type Error = AcquireError;
    const DOING: &'static str = "count permits";

    fn script(&self) -> &'static Script {
        &script::TALLY
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        for window in &in_force.terms.windows {
            numbers.add(window.interval);
        }
    }

    fn read(&self, in_force: &InForce, parts: &[Value]) -> Result<Vec<Usage>, Fault> {
        let usage = |(rate, parts): (&Rate, &[Value])| {
            Ok(Usage::new(
                *rate,
                number(parts.first())?,
                micros(parts.get(1))?,
            ))
        };
        in_force
            .rates
            .iter()
            .zip(parts.chunks(2))
            .map(usage)
            .collect()
    }
}

/// How many permits count, or are waited for.
pub enum Count {
    Widest,
    Ahead,
}

impl Question for Count {
    type Answer = u64;
    type Error = BucketError;
    const DOING: &'static str = "count permits";

    fn script(&self) -> &'static Script {
        &script::TALLY
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        numbers.add(match self {
            Self::Widest => in_force.widest(),
            Self::Ahead => 0,
        });
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<u64, Fault> {
        number(parts.first())
    }
}

/// To forget what counts no more: so many permits, and perhaps there are more.
pub struct Leak;

/// How many grants are forgotten in one step, so that it does not hold the server up.
const LEAKED_AT_ONCE: u64 = 1000;

impl Question for Leak {
    type Answer = (u64, bool);
    type Error = BucketError;
    const DOING: &'static str = "forget permits";

    fn script(&self) -> &'static Script {
        &script::LEAK
    }

    fn add_numbers(&self, in_force: &InForce, numbers: &mut Numbers) {
        numbers.add(in_force.widest()).add(LEAKED_AT_ONCE);
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<(u64, bool), Fault> {
        Ok((number(parts.get(1))?, number(parts.first())? > 0))
    }
}

/// To forget a name; whether it was known.
pub struct Dispose;

impl Question for Dispose {
    type Answer = bool;
    type Error = AcquireError;
    const DOING: &'static str = "forget a name";

    fn script(&self) -> &'static Script {
        &script::DISPOSE
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<bool, Fault> {
        Ok(number(parts.first())? > 0)
    }
}

/// To pause a name until then, or to end its pause; whether there was one.
pub struct Pause(pub Option<Timestamp>);

/// The longest pause, from now on.
pub const LONGEST_PAUSE: Duration = MAX_INTERVAL;

/// When it ends, as scripts are told: 0 is now. Later than any clock is late enough.
pub fn pause_end(until: Option<Timestamp>) -> u64 {
    until.map_or(0, |until| until.as_micros().clamp(1, 1 << 53))
}

/// What to say of a pause that cannot be.
pub fn refuse_pause(answer: &Answer) -> Option<PauseError> {
    match *answer {
        Answer::TooLong(asked) => Some(PauseError::TooLong {
            asked,
            longest: LONGEST_PAUSE,
        }),
        _ => None,
    }
}

impl Question for Pause {
    type Answer = bool;
    type Error = PauseError;
    const DOING: &'static str = "pause a name";

    fn script(&self) -> &'static Script {
        &script::PAUSE
    }

    fn add_numbers(&self, _: &InForce, numbers: &mut Numbers) {
        let longest = LONGEST_PAUSE.as_micros() as u64;
        numbers.add(pause_end(self.0)).add(longest);
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<bool, Fault> {
        Ok(number(parts.first())? > 0)
    }

    fn refuse(&self, _: &InForce, answer: Answer) -> Option<PauseError> {
        refuse_pause(&answer)
    }
}

/// For how long a name is paused.
pub struct Paused;

impl Question for Paused {
    type Answer = Duration;
    type Error = BucketError;
    const DOING: &'static str = "look for a pause";

    fn script(&self) -> &'static Script {
        &script::PAUSED
    }

    fn read(&self, _: &InForce, parts: &[Value]) -> Result<Duration, Fault> {
        micros(parts.first())
    }
}
