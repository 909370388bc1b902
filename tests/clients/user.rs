//! Who asks servers, by one client or the other.

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate, reqwest as by_reqwest, ureq as by_ureq};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

pub const HOUR: Duration = Duration::from_secs(3600);

/// A bucket for each key, an hour wide.
pub fn hourly(limit: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).keys(16).open().unwrap()
}

/// One that holds nobody up, but in a pause.
pub fn generous() -> Limiter {
    let rate = Rate::per_second(1000);
    Limiter::in_memory().rate(rate).keys(16).open().unwrap()
}

/// A client, each kind with what it needs to be asked in the same way.
pub enum User {
    Reqwest(Runtime, ClientWithMiddleware),
    Ureq(ureq::Agent),
}

pub fn client() -> ClientBuilder {
    let client = reqwest::Client::builder().no_proxy().build();
    ClientBuilder::new(client.unwrap())
}

impl User {
    pub fn reqwest(limit: by_reqwest::RateLimit) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        Self::Reqwest(runtime.unwrap(), client().with(limit).build())
    }

    pub fn ureq(limit: by_ureq::RateLimit) -> Self {
        let agent = ureq::Agent::config_builder().proxy(None).middleware(limit);
        Self::Ureq(agent.build().new_agent())
    }

    /// The status, and the text if there is one: where statuses are errors, there is none. Or
    /// why there was no permit.
    pub fn ask(&self, url: &str) -> Result<(u16, Option<String>), AcquireError> {
        match self {
            Self::Reqwest(runtime, client) => runtime.block_on(async {
                match client.get(url).send().await {
                    Ok(response) => {
                        let status = response.status().as_u16();
                        Ok((status, Some(response.text().await.unwrap())))
                    }
                    Err(reqwest_middleware::Error::Middleware(error)) => {
                        Err(error.downcast().unwrap())
                    }
                    Err(error) => panic!("{error}"),
                }
            }),
            Self::Ureq(agent) => match agent.get(url).call() {
                Ok(mut response) => {
                    let text = response.body_mut().read_to_string().unwrap();
                    Ok((response.status().as_u16(), Some(text)))
                }
                Err(ureq::Error::StatusCode(status)) => Ok((status, None)),
                Err(ureq::Error::Other(error)) => Err(*error.downcast().unwrap()),
                Err(error) => panic!("{error}"),
            },
        }
    }

    /// The status of an answer that there is.
    pub fn status(&self, url: &str) -> u16 {
        self.ask(url).unwrap().0
    }

    /// Whether the limit refuses the request.
    pub fn is_limited(&self, url: &str) -> bool {
        matches!(self.ask(url), Err(AcquireError::Limited { .. }))
    }
}

/// A user of each client with the limiter, which is set up alike: `both!(limiter, .no_wait())`.
macro_rules! both {
    ($limiter:expr $(, $($setting:tt)*)?) => {{
        let limiter: &tidegate::Limiter = &$limiter;
        [
            $crate::user::User::reqwest(
                tidegate::reqwest::RateLimit::new(limiter.clone()) $($($setting)*)?
            ),
            $crate::user::User::ureq(
                tidegate::ureq::RateLimit::new(limiter.clone()) $($($setting)*)?
            ),
        ]
    }};
}
pub(crate) use both;

/// Lets the tasks of this thread go on until `is_so`, and fails if that does not come.
pub async fn until(is_so: impl Fn() -> bool) {
    let comes = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(120), comes).await.unwrap();
}
