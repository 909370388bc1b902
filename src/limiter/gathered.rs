//! Requests that are made together, by the buckets that they ask.
//!
//! Each bucket is asked once, for all the permits that are wanted of it. Were it asked by each
//! request, those that pass alone and not together would take permits, and give them back,
//! without end.

use crate::error::AcquireError;
use crate::limiter::request::{RefusedTogether, Request};
use crate::turn::permit::Permit;

/// Requests, and one for each of their buckets.
pub struct Gathered<'r, 'l, 'n> {
    requests: &'r [Request<'l, 'n>],
    /// Of each request.
    shares: Vec<Share>,
    /// Of each bucket: the request for all of it.
    pub wholes: Vec<Request<'l, 'n>>,
}

/// What a request has of its bucket's.
struct Share {
    /// Which bucket.
    whole: usize,
    /// How many permits are wanted of it, by this request and those before it.
    so_far: u64,
}

impl<'r, 'l, 'n> Gathered<'r, 'l, 'n> {
    pub fn new(requests: &'r [Request<'l, 'n>]) -> Self {
        let mut shares = Vec::with_capacity(requests.len());
        let mut wholes: Vec<Request<'l, 'n>> = Vec::with_capacity(requests.len());
        for request in requests {
            let known = wholes.iter().position(|whole| whole.asks_as(request));
            let whole = known.unwrap_or(wholes.len());
            let so_far = match wholes.get_mut(whole) {
                Some(whole) => whole.add(request),
                None => {
                    wholes.push(request.clone());
                    request.weight()
                }
            };
            shares.push(Share { whole, so_far });
        }
        Self {
            requests,
            shares,
            wholes,
        }
    }

    /// Looks at all requests, in their order, each together with those before it. One that would
    /// be refused is the answer, unless that `is_fine`, which is told its bucket.
    pub fn look(
        &self,
        mut is_fine: impl FnMut(usize, &AcquireError) -> bool,
    ) -> Result<(), RefusedTogether> {
        for (index, (request, share)) in self.requests.iter().zip(&self.shares).enumerate() {
            if let Err(error) = request.look(share.so_far)
                && !is_fine(share.whole, &error)
            {
                return Err(request.refuse(index, error));
            }
        }
        Ok(())
    }

    /// The answer that this bucket refuses. It is told of the last request that asks it.
    pub fn refused(&self, whole: usize, error: AcquireError) -> RefusedTogether {
        let last = self.shares.iter().rposition(|share| share.whole == whole);
        RefusedTogether {
            index: last.unwrap_or(0),
            error,
        }
    }

    /// Divides the permits of the buckets among the requests.
    pub fn divide(&self, mut permits: Vec<Permit<'l>>) -> Vec<Permit<'l>> {
        let asked = self.requests.iter().zip(&self.shares).rev();
        let mut divided: Vec<_> = asked
            .map(|(request, share)| permits[share.whole].split_newest(request.weight()))
            .collect();
        divided.reverse();
        divided
    }
}
