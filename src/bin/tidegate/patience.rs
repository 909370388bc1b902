//! Waiting for a turn, until a signal asks to end: then the place is given back.

use crate::failure::Failure;
use crate::signals::StopSignals;
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Permit};

/// What people, shells and service managers end a process by.
const POLITE: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The limiter's answer, waited for; or why there is none.
pub fn acquire<'l>(
    limiter: &'l Limiter,
    key: &[u8],
    weight: u64,
    timeout: Duration,
) -> Result<Result<Permit<'l>, AcquireError>, Failure> {
    let failed = Failure::system("wait for signals");
    let signals = StopSignals::block(&POLITE).map_err(&failed)?;
    let stop = RefCell::new(Ok(None));
    // It sleeps by itself, and so goes to its end at once; or, if it must not go on, nowhere.
    let sleep = |time| {
        let came = signals.wait(time);
        let goes_on = matches!(came, Ok(None));
        *stop.borrow_mut() = came;
        async move {
            if !goes_on {
                pending().await
            }
        }
    };
    let answer = {
        let turn = pin!(limiter.acquire_with(key, weight, timeout, sleep));
        turn.poll(&mut Context::from_waker(Waker::noop()))
    };
    match (answer, stop.into_inner().map_err(&failed)?) {
        (Poll::Ready(answer), _) => {
            // What came in the last moment would end the process with a permit in hand.
            match (signals.wait(Duration::ZERO).map_err(&failed)?, answer) {
                (Some(signal), Ok(permit)) => {
                    permit.refund();
                    Err(Failure::Stopped(signal))
                }
                (Some(signal), Err(_)) => Err(Failure::Stopped(signal)),
                (None, answer) => {
                    signals.release().map_err(&failed)?;
                    Ok(answer)
                }
            }
        }
        (Poll::Pending, Some(signal)) => Err(Failure::Stopped(signal)),
        (Poll::Pending, None) => Err(failed(io::ErrorKind::Interrupted.into())),
    }
}
