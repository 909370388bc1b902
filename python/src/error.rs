//! The library's errors as exceptions, whose classes are in `tidegate._errors`: there they can be
//! pickled, as those that a worker process raises have to be.

use crate::rate::Rate;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use std::fmt::Display;
use tidegate::{
    AcquireError, BucketError, DebitError, OpenError, PauseError, RateTextError, RefundError,
    SetRatesError,
};

/// The exception of that class and these arguments, or why there is none.
fn exception<'py>(py: Python<'py>, class: &str, arguments: impl PyCallArgs<'py>) -> PyErr {
    let made = py
        .import("tidegate._errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| class.call1(arguments));
    made.map_or_else(|error| error, PyErr::from_value)
}

fn plain(py: Python<'_>, class: &str, reason: &dyn Display) -> PyErr {
    exception(py, class, (reason.to_string(),))
}

pub fn acquire(py: Python<'_>, reason: &AcquireError) -> PyErr {
    let text = reason.to_string();
    match reason {
        AcquireError::Limited { retry_after, rate } => {
            let retry_after = retry_after.as_secs_f64();
            exception(py, "Limited", (text, retry_after, Rate(*rate)))
        }
        AcquireError::QueueFull {
            weight,
            queue,
            retry_after,
        } => {
            let retry_after = retry_after.as_secs_f64();
            exception(py, "QueueFull", (text, retry_after, *weight, *queue))
        }
        AcquireError::WeightTooLarge { weight, rate } => {
            exception(py, "WeightTooLarge", (text, *weight, Rate(*rate)))
        }
        AcquireError::Full { keys } => exception(py, "Full", (text, *keys)),
        AcquireError::KeyTooLong { length } => exception(py, "KeyTooLong", (text, *length)),
        AcquireError::Bucket(reason) => bucket(py, reason),
        _ => exception(py, "AcquireError", (text,)),
    }
}

pub fn bucket(py: Python<'_>, reason: &BucketError) -> PyErr {
    let class = match reason {
        BucketError::Removed => "Removed",
        BucketError::Closed => "Closed",
        _ => "BucketError",
    };
    plain(py, class, reason)
}

/// What a handle is told that was closed before.
pub fn closed(py: Python<'_>) -> PyErr {
    plain(py, "Closed", &"this limiter was closed: make it anew")
}

pub fn open(py: Python<'_>, reason: &OpenError) -> PyErr {
    let text = reason.to_string();
    match reason {
        OpenError::Rates(reason) => plain(py, "RateError", reason),
        OpenError::Name { .. } => exception(py, "SegmentNameError", (text,)),
        OpenError::NotFound { path } => exception(py, "NotFound", (text, path)),
        OpenError::Exists { path } => exception(py, "Exists", (text, path)),
        OpenError::RatesDiffer { asked, found, .. } => {
            let rates = |rates: &[tidegate::Rate]| rates.iter().copied().map(Rate).collect();
            let (asked, found): (Vec<Rate>, Vec<Rate>) = (rates(asked), rates(found));
            exception(py, "RatesDiffer", (text, asked, found))
        }
        OpenError::OptionDiffers { .. } => exception(py, "OptionDiffers", (text,)),
        OpenError::NoSpace { needed, free, .. } => exception(py, "NoSpace", (text, *needed, *free)),
        OpenError::Untrusted { .. } | OpenError::Denied { .. } => {
            exception(py, "Untrusted", (text,))
        }
        _ => exception(py, "OpenError", (text,)),
    }
}

pub fn rate_text(py: Python<'_>, reason: &RateTextError) -> PyErr {
    plain(py, "RateError", reason)
}

pub fn refund(py: Python<'_>, reason: &RefundError) -> PyErr {
    match reason {
        RefundError::Bucket(reason) => bucket(py, reason),
        _ => plain(py, "RefundError", reason),
    }
}

pub fn debit(py: Python<'_>, reason: &DebitError) -> PyErr {
    let charged = match reason {
        DebitError::Partly { charged, .. } => *charged,
        _ => 0,
    };
    exception(py, "DebitError", (reason.to_string(), charged))
}

pub fn pause(py: Python<'_>, reason: &PauseError) -> PyErr {
    match reason {
        PauseError::Acquire(reason) => acquire(py, reason),
        _ => plain(py, "PauseError", reason),
    }
}

pub fn set_rates(py: Python<'_>, reason: &SetRatesError) -> PyErr {
    match reason {
        SetRatesError::Rates(reason) => plain(py, "RateError", reason),
        SetRatesError::Bucket(reason) => bucket(py, reason),
        _ => plain(py, "SetRatesError", reason),
    }
}
