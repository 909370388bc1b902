//! Waiting for an answer in a thread.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future, and parks the thread until it has ended. Most are ready at once: those of
/// buckets that answer in the caller's own thread. It may be called anywhere, inside a
/// runtime, too, which it keeps from its work meanwhile.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
        return answer;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::task::Poll;

    #[test]
    fn a_future_that_another_thread_finishes_is_waited_for() {
        let (sender, receiver) = mpsc::channel::<Waker>();
        let finisher = thread::spawn(move || {
            let waker = receiver.recv().unwrap();
            waker.wake();
        });
        let mut polls = 0;
        let future = std::future::poll_fn(|context| {
            polls += 1;
            match polls {
                1 => Poll::Pending,
                2 => {
                    sender.send(context.waker().clone()).unwrap();
                    Poll::Pending
                }
                polls => Poll::Ready(polls),
            }
        });
        assert!(block_on(future) >= 3);
        finisher.join().unwrap();
    }
}
