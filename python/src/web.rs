//! HTTP headers, as the library reads and writes them.

use crate::arguments::Seconds;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pyo3::prelude::*;
use std::time::SystemTime;
use tidegate::Usage;
use tidegate::headers::{Lesson, tell};

/// For how many seconds a response asks to be left alone; 0 for not at all.
///
/// ``headers`` are pairs of bytes. What is not understood is as if it were not there.
#[pyfunction]
#[pyo3(signature = (status, headers, longest, by_default, heed_all))]
pub fn told_pause(
    status: u16,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    longest: Seconds,
    by_default: Seconds,
    heed_all: bool,
) -> f64 {
    let mut lesson = Lesson::new().longest(longest.0).by_default(by_default.0);
    if heed_all {
        lesson = lesson.from_all();
    }
    let Ok(status) = StatusCode::from_u16(status) else {
        return 0.0;
    };
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(&name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            // Beyond what a map of headers holds, nothing is read.
            let _ = fields.try_append(name, value);
        }
    }
    let pause = lesson.pause(status, &fields, SystemTime::now());
    pause.as_secs_f64()
}

/// What a response tells of a limit.
pub fn told(usage: &[Usage]) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    tell(&mut headers, usage);
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}
