//! tidegate

mod rate;
#[allow(dead_code, reason = "only the limiter makes timestamps")]
mod timestamp;

pub use rate::{
    MAX_INTERVAL, MAX_LIMIT, MAX_RATES, Rate, RateError, RateTextError, parse_duration, validate,
};
pub use timestamp::Timestamp;
