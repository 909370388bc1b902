//! Permits and places that outlive the call that took them: each with its own handle of the
//! limiter that it borrows from.

use crate::arguments::{Patience, Weight};
use crate::error;
use crate::nap::sleep;
use pyo3::prelude::*;
use self_cell::self_cell;
use std::mem;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Permit, Reservation};

/// Takes permits, waiting for them if it may. The outer error is of Python: a signal.
pub fn take<'l>(
    py: Python<'_>,
    limiter: &'l Limiter,
    name: &[u8],
    Weight(weight): Weight,
    patience: Patience,
) -> PyResult<Result<Permit<'l>, AcquireError>> {
    match limiter.try_acquire_n(name, weight) {
        Err(AcquireError::Limited { .. }) if patience != Patience::NONE => {}
        answer => return Ok(answer),
    }
    let mut place = match limiter.reserve(name, weight, patience.0) {
        Ok(place) => place,
        Err(reason) => return Ok(Err(reason)),
    };
    loop {
        match place.next_sleep() {
            // Dropped by what a signal raises, it gives the place back.
            Ok(Some(time)) => sleep(py, time)?,
            Ok(None) => return Ok(Ok(place.keep())),
            Err(reason) => return Ok(Err(reason)),
        }
    }
}

self_cell! {
    struct Cell {
        owner: Limiter,
        #[not_covariant]
        dependent: Hold,
    }
}

enum Hold<'l> {
    Place(Reservation<'l>),
    Permit(Permit<'l>),
    /// It was given back, or is another's now.
    Nothing,
}

/// A place, or the permit that it became.
pub struct Held(Cell);

impl Held {
    /// Permits.
    pub fn permit(
        py: Python<'_>,
        limiter: &Limiter,
        name: &[u8],
        weight: Weight,
        patience: Patience,
    ) -> PyResult<Self> {
        let cell = Cell::try_new(limiter.clone(), |limiter| {
            match take(py, limiter, name, weight, patience)? {
                Ok(permit) => Ok(Hold::Permit(permit)),
                Err(reason) => Err(error::acquire(py, &reason)),
            }
        });
        cell.map(Self)
    }

    /// A place.
    pub fn place(
        py: Python<'_>,
        limiter: &Limiter,
        name: &[u8],
        Weight(weight): Weight,
        patience: Patience,
    ) -> PyResult<Self> {
        let cell = Cell::try_new(limiter.clone(), |limiter| {
            match limiter.reserve(name, weight, patience.0) {
                Ok(place) => Ok(Hold::Place(place)),
                Err(reason) => Err(error::acquire(py, &reason)),
            }
        });
        cell.map(Self)
    }

    /// What is to be known of the place; `None` if it is none any more.
    pub fn ask_place<T>(&self, question: impl FnOnce(&Reservation<'_>) -> T) -> Option<T> {
        self.0.with_dependent(|_, hold| match hold {
            Hold::Place(place) => Some(question(place)),
            _ => None,
        })
    }

    /// What is to be known of the permit.
    pub fn ask_permit<T>(&self, question: impl FnOnce(&Permit<'_>) -> T) -> Option<T> {
        self.0.with_dependent(|_, hold| match hold {
            Hold::Permit(permit) => Some(question(permit)),
            _ => None,
        })
    }

    /// How long to sleep now for the place; `None` for whoever has none.
    pub fn next_sleep(&mut self) -> Option<Result<Option<Duration>, AcquireError>> {
        self.0.with_dependent_mut(|_, hold| match hold {
            Hold::Place(place) => Some(place.next_sleep()),
            _ => None,
        })
    }

    /// Makes a permit of the place.
    pub fn keep(mut self) -> Self {
        self.0.with_dependent_mut(|_, hold| {
            *hold = match mem::replace(hold, Hold::Nothing) {
                Hold::Place(place) => Hold::Permit(place.keep()),
                hold => hold,
            }
        });
        self
    }

    /// Gives permits back: so many, or all that are left.
    pub fn refund(&mut self, weight: Option<u64>) -> Result<(), tidegate::RefundError> {
        self.0.with_dependent_mut(|_, hold| match hold {
            Hold::Permit(permit) => permit.refund_n(weight.unwrap_or(permit.weight())),
            _ => Ok(()),
        })
    }
}
