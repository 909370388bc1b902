//! A request: who is asked, for whom, and for how much. It can be made on its own, or pass
//! several limits together.

use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::limiter::gathered::Gathered;
use crate::limiter::keys::BucketHandle;
use crate::turn::permit::Permit;
use crate::turn::reservation::Reservation;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// A request for `weight` permits of one key (or of the one bucket) of a limiter.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked yet"]
pub struct Request<'l, 'n> {
    limiter: &'l Limiter,
    name: Cow<'n, [u8]>,
    weight: u64,
}

impl Limiter {
    /// A request, to be made [together](try_acquire_all) with others.
    pub fn request<'n>(
        &self,
        name: &'n (impl AsRef<[u8]> + ?Sized),
        weight: u64,
    ) -> Request<'_, 'n> {
        Request::new(self, name.as_ref().into(), weight)
    }
}

impl BucketHandle {
    /// A request, to be made [together](try_acquire_all) with others.
    pub fn request(&self, weight: u64) -> Request<'_, '_> {
        Request::new(self.limiter(), self.name().into(), weight)
    }
}

impl<'l, 'n> Request<'l, 'n> {
    /// A request for a name that may be made up for it.
    pub fn new(limiter: &'l Limiter, name: Cow<'n, [u8]>, weight: u64) -> Self {
        Self {
            limiter,
            name,
            weight,
        }
    }

    /// The limiter that is asked.
    pub fn limiter(&self) -> &'l Limiter {
        self.limiter
    }

    /// The key.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Permits.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// As [`Limiter::try_acquire_n`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn try_acquire(&self) -> Result<Permit<'l>, AcquireError> {
        self.limiter.try_acquire_n(&self.name, self.weight)
    }

    /// As [`Limiter::acquire_timeout`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'l>, AcquireError> {
        self.limiter
            .acquire_timeout(&self.name, self.weight, timeout)
    }

    /// Why so much would be refused now, if it would be. Takes nothing, and writes nothing.
    pub(super) fn look(&self, weight: u64) -> Result<(), AcquireError> {
        self.limiter.check_n(&self.name, weight)
    }

    /// Whether it asks the same bucket.
    pub(super) fn asks_as(&self, other: &Request<'_, '_>) -> bool {
        self.limiter
            .limits_as_one(&self.name, other.limiter, &other.name)
    }

    /// Asks for the other's permits as well; for how many then.
    pub(super) fn add(&mut self, other: &Request<'_, '_>) -> u64 {
        self.weight = self.weight.saturating_add(other.weight);
        self.weight
    }

    /// Refuses it after a look, which tells nobody.
    pub(super) fn refuse(&self, index: usize, error: AcquireError) -> RefusedTogether {
        self.limiter.note_refusal(&self.name, &error);
        RefusedTogether { index, error }
    }

    /// As [`Limiter::reserve`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn reserve(&self, max_wait: Duration) -> Result<Reservation<'l>, AcquireError> {
        self.limiter.reserve(&self.name, self.weight, max_wait)
    }
}

/// Which of several requests was refused, and why. Nothing was taken of any.
#[derive(Debug, thiserror::Error)]
#[error("request {index} of them together: {error}")]
pub struct RefusedTogether {
    /// Which, counted from 0 in the order in which they were given.
    pub index: usize,
    /// Why.
    #[source]
    pub error: AcquireError,
}

/// Makes all requests, if all are possible now: all of them, or none. A request that must
/// pass the limit of its host and that of all hosts, or one of requests and one of
/// tokens, asks both by this.
///
/// It first looks at all of them, and takes nothing if one would be refused: so a limit
/// that always refuses costs the others nothing. Where one refuses after all, because
/// somebody came in between, what the others gave is given back; those who come later
/// are judged as if it had never been taken.
///
/// The permits are in the order of the requests. Several may ask one bucket, by one limiter, its
/// clones, or others of the same segment: it is asked once, for the sum of them, so what no window can hold is
/// [too heavy](AcquireError::WeightTooLarge).
///
/// ```
/// use tidegate::{Limiter, Rate, try_acquire_all};
///
/// let hosts = Limiter::in_memory().rate(Rate::per_second(1)).keys(100).open()?;
/// let all = Limiter::in_memory().rate(Rate::per_second(10)).open()?;
/// try_acquire_all(&[hosts.request("example.com", 1), all.request("", 1)])?;
///
/// let refused = try_acquire_all(&[hosts.request("example.com", 1), all.request("", 1)]).unwrap_err();
/// assert_eq!(refused.index, 0);
/// assert_eq!(all.count()?, 1); // the refusal by the host's limit took nothing of this one
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`RefusedTogether`].
pub fn try_acquire_all<'l>(
    requests: &[Request<'l, '_>],
) -> Result<Vec<Permit<'l>>, RefusedTogether> {
    let gathered = Gathered::new(requests);
    gathered.look(|_, _| false)?;
    finish(&gathered, None)
}

/// Makes all requests, waiting until all are possible, if that comes within `timeout`. If
/// it does not, the call takes nothing.
///
/// It waits for its turn in the queue of the limit that makes it wait longest, and then
/// asks the others. Where one of those makes it wait longer by then, it gives back what
/// it has, and queues there. So those who wait for one and the same limit are served
/// in their order; those who wait for several may overtake each other, and where two limits
/// that are small both bind, places that are given back are lost to both. A permit tells
/// only of the sleeps of the attempt that was granted.
///
/// # Errors
///
/// See [`RefusedTogether`].
pub fn acquire_all<'l>(
    requests: &[Request<'l, '_>],
    timeout: Duration,
) -> Result<Vec<Permit<'l>>, RefusedTogether> {
    let started = Instant::now();
    let gathered = Gathered::new(requests);
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        let mut slowest = None;
        let mut longest = Duration::ZERO;
        gathered.look(|whole, error| match error {
            AcquireError::Limited { retry_after, .. } if *retry_after <= left => {
                if *retry_after > longest {
                    (slowest, longest) = (Some(whole), *retry_after);
                }
                true
            }
            _ => false,
        })?;
        let first = match slowest {
            None => None,
            Some(whole) => match gathered.wholes[whole].acquire_timeout(left) {
                Ok(taken) => Some((whole, taken)),
                Err(error) => return Err(gathered.refused(whole, error)),
            },
        };
        match finish(&gathered, first) {
            Err(RefusedTogether {
                error: AcquireError::Limited { .. },
                ..
            }) if started.elapsed() < timeout => {}
            outcome => return outcome,
        }
    }
}

/// Takes of all buckets at once, but of the one that has given its permits already. Gives
/// everything back if one refuses.
fn finish<'l>(
    gathered: &Gathered<'_, 'l, '_>,
    first: Option<(usize, Permit<'l>)>,
) -> Result<Vec<Permit<'l>>, RefusedTogether> {
    let (done, mut first) = first.unzip();
    let wholes = &gathered.wholes;
    let mut order: Vec<_> = (0..wholes.len()).collect();
    // Those of a dry run last, which take what there is: one that comes first could take the
    // last permit from a strict one of the same bucket each time, without end.
    order.sort_by_key(|&index| wholes[index].limiter().is_dry());
    let mut taken = Vec::with_capacity(order.len());
    for index in order {
        let next = match first.take_if(|_| done == Some(index)) {
            Some(first) => Ok(first),
            None => wholes[index].try_acquire(),
        };
        match next {
            Ok(next) => taken.push((index, next)),
            Err(error) => {
                let taken = taken.into_iter().map(|(_, permit)| permit);
                taken.chain(first).for_each(Permit::refund);
                return Err(gathered.refused(index, error));
            }
        }
    }
    taken.sort_by_key(|(index, _)| *index);
    Ok(gathered.divide(taken.into_iter().map(|(_, permit)| permit).collect()))
}
