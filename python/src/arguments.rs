//! What Python calls bring, checked and in the library's types.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString};
use pyo3::{Borrowed, PyAny};
use std::time::Duration;

/// A name: text, which is taken as UTF-8, or bytes.
pub enum Name<'a, 'py> {
    /// The oldest Python that is promised lends no UTF-8 of a text, but makes some.
    Text(Bound<'py, PyBytes>),
    Bytes(&'a [u8]),
}

impl Name<'_, '_> {
    /// None at all.
    pub const NONE: Self = Self::Bytes(b"");
}

impl AsRef<[u8]> for Name<'_, '_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Name<'a, 'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            return text.encode_utf8().map(Self::Text);
        }
        match object.extract() {
            Ok(bytes) => Ok(Self::Bytes(bytes)),
            Err(_) => Err(PyTypeError::new_err(format!(
                "a name is str or bytes, not {}",
                type_name(&object)
            ))),
        }
    }
}

/// Permits.
#[derive(Clone, Copy)]
pub struct Weight(pub u64);

impl FromPyObject<'_, '_> for Weight {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.extract() {
            Ok(weight) => Ok(Self(weight)),
            Err(_) if object.is_instance_of::<PyInt>() => Err(PyValueError::new_err(format!(
                "a weight of {} is not possible: from 0 to {} is",
                *object,
                u64::MAX
            ))),
            Err(_) => Err(PyTypeError::new_err(format!(
                "a weight is int, not {}",
                type_name(&object)
            ))),
        }
    }
}

/// How long one may wait: -1 or `None` for as long as it takes.
#[derive(Clone, Copy, PartialEq)]
pub struct Patience(pub Duration);

impl Patience {
    pub const ENDLESS: Self = Self(Duration::MAX);
    pub const NONE: Self = Self(Duration::ZERO);
}

impl FromPyObject<'_, '_> for Patience {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_none() || object.extract::<f64>().is_ok_and(|seconds| seconds == -1.0) {
            return Ok(Self::ENDLESS);
        }
        match duration(&object) {
            Ok(Seconds(duration)) => Ok(Self(duration)),
            Err(error) if error.is_instance_of::<PyValueError>(object.py()) => {
                Err(PyValueError::new_err(format!(
                    "a timeout of {} is not possible: give -1 for none, or 0 or more seconds",
                    *object
                )))
            }
            Err(error) => Err(error),
        }
    }
}

/// A time: a number of seconds, or a timedelta.
#[derive(Clone, Copy)]
pub struct Seconds(pub Duration);

impl FromPyObject<'_, '_> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        duration(&object)
    }
}

fn duration(object: &Bound<'_, PyAny>) -> PyResult<Seconds> {
    if object.is_instance_of::<PyFloat>() || object.is_instance_of::<PyInt>() {
        let seconds: f64 = object.extract()?;
        return match Duration::try_from_secs_f64(seconds) {
            Ok(duration) => Ok(Seconds(duration)),
            // Longer than can be told is as long as can be told.
            Err(_) if seconds > 0.0 => Ok(Seconds(Duration::MAX)),
            Err(_) => Err(PyValueError::new_err(format!(
                "a time of {object} seconds is not possible: give 0 or more"
            ))),
        };
    }
    match object.extract() {
        Ok(duration) => Ok(Seconds(duration)),
        Err(error) if error.is_instance_of::<PyValueError>(object.py()) => Err(error),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a time is a number of seconds or a timedelta, not {}",
            type_name(object)
        ))),
    }
}

/// How Python calls the type of an object.
pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    let name = object.get_type().qualname();
    name.map_or_else(|_| "another type".into(), |name| name.to_string())
}
