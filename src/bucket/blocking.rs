//! An async bucket for those who wait in a thread.

use super::block::block_on;
use super::home::{Crew, Home};
use super::words::*;
use crate::error::{BackendError, Outcome};
use std::fmt;
use std::sync::Arc;
use std::thread;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// An [`AsyncBucket`] that can be asked in any thread, which waits for the answer. With feature
/// `tokio`.
///
/// The bucket is asked in tasks on a tokio runtime of its own, in a thread of its own, which
/// is started when it is first needed, and ends with the last task. So it may be asked inside
/// another runtime, which is kept from its work meanwhile. A forked child starts a thread of
/// its own; whether the bucket's connections work there is up to the bucket.
///
/// [`Limiter::over_async`](crate::Limiter::over_async) makes one by itself.
pub struct Blocking {
    bucket: Arc<dyn AsyncBucket>,
    home: Home,
}

impl Blocking {
    /// A bucket that is asked on a runtime of its own.
    pub fn new(bucket: impl AsyncBucket + 'static) -> Self {
        Self {
            bucket: Arc::new(bucket),
            home: Home::own(),
        }
    }

    /// A bucket that is asked on that runtime: at less cost for those who are on it themselves.
    ///
    /// A runtime that is shut down answers no more: each question is an error then, and the
    /// places of those who had stopped waiting stay taken until their turns have passed. One
    /// that has but one thread cannot be asked by whoever blocks that, which is an error, too.
    pub fn on(bucket: impl AsyncBucket + 'static, runtime: &Handle) -> Self {
        Self {
            bucket: Arc::new(bucket),
            home: Home::Given(runtime.clone()),
        }
    }

    /// The bucket itself.
    pub fn bucket(&self) -> &Arc<dyn AsyncBucket> {
        &self.bucket
    }

    /// Asks the bucket in a task that ends also if the answer is not awaited.
    pub(crate) async fn ask<T, E, F>(
        &self,
        question: impl FnOnce(Arc<dyn AsyncBucket>) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send,
        T: Send + 'static,
        E: From<BackendError> + Send + 'static,
    {
        let bucket = self.bucket.clone();
        let (sender, receiver) = oneshot::channel();
        self.home.crew()?.spawn(async move {
            // An answer that nobody waits for is dropped; a place is given back then.
            let _ = sender.send(question(bucket).await);
        });
        receiver.await.unwrap_or_else(|_| {
            let why = "its runtime was shut down, or its task has panicked";
            Err(BackendError::new("the bucket's task", "answer", Outcome::Unknown, why).into())
        })
    }

    /// As [`put`](Bucket::put). What nobody takes is given back.
    pub(crate) async fn put_held(
        &self,
        item: Item<'_>,
        max_wait: Duration,
    ) -> Result<Held, AcquireError> {
        let crew = self.home.crew()?;
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.ask(move |bucket| async move {
            let item = Item {
                name: &name,
                weight,
            };
            let grant = bucket.put(item, max_wait).await?;
            Ok(Held {
                bucket,
                crew,
                name,
                grant,
                is_taken: false,
            })
        })
        .await
    }

    /// Gives permits back in a task, which nobody waits for.
    pub(crate) fn hand_back(
        &self,
        name: &[u8],
        grant: &Grant,
        weight: u64,
    ) -> Result<(), BucketError> {
        let crew = self.home.crew()?;
        hand_back(&crew, self.bucket.clone(), name.into(), *grant, weight);
        Ok(())
    }

    /// Waits in this thread.
    pub(crate) fn wait<T: Send, E: From<BackendError> + Send>(
        &self,
        answer: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            BackendError::new("the bucket's runtime", "answer", Outcome::Undone, error)
        };
        if self.home.is_only_thread() {
            let why = "its only thread is asked to wait for it: use the async methods";
            return Err(failed(why.into()).into());
        }
        if !self.home.may_be_here() {
            return block_on(answer);
        }
        thread::scope(|scope| {
            let waiter = thread::Builder::new()
                .spawn_scoped(scope, || block_on(answer))
                .map_err(|error| failed(error.into()))?;
            waiter.join().unwrap_or_else(|_| {
                let why = "the thread that waited for it has panicked";
                Err(failed(why.into()).into())
            })
        })
    }
}

/// A grant on its way to whoever asked for it.
pub struct Held {
    bucket: Arc<dyn AsyncBucket>,
    crew: Crew,
    name: Box<[u8]>,
    grant: Grant,
    is_taken: bool,
}

impl Held {
    /// The grant, for whoever has asked for it.
    pub fn take(mut self) -> Grant {
        self.is_taken = true;
        self.grant
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_taken && self.grant.weight > 0 {
            let (name, grant) = (std::mem::take(&mut self.name), self.grant);
            hand_back(&self.crew, self.bucket.clone(), name, grant, grant.weight);
        }
    }
}

fn hand_back(
    crew: &Crew,
    bucket: Arc<dyn AsyncBucket>,
    name: Box<[u8]>,
    grant: Grant,
    weight: u64,
) {
    crew.spawn(async move {
        // What cannot be given back counts until its time has passed.
        let _ = bucket.give_back(&name, &grant, weight).await;
    });
}

impl Bucket for Blocking {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.wait(self.ask(move |bucket| async move {
            let name = &name;
            bucket.put(Item { name, weight }, max_wait).await
        }))
    }

    fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        let (name, grant): (Box<[u8]>, _) = (name.into(), *grant);
        self.wait(
            self.ask(move |bucket| async move { bucket.give_back(&name, &grant, weight).await }),
        )
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.wait(self.ask(move |bucket| async move {
            let name = &name;
            bucket.look(Item { name, weight }).await
        }))
    }

    fn waiting(&self, item: Item<'_>) -> Result<Duration, AcquireError> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.wait(self.ask(move |bucket| async move {
            let name = &name;
            bucket.waiting(Item { name, weight }).await
        }))
    }

    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        let name: Box<[u8]> = name.into();
        self.wait(self.ask(move |bucket| async move { bucket.peek(&name, nth).await }))
    }

    fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        let name: Box<[u8]> = name.into();
        self.wait(self.ask(move |bucket| async move { bucket.usage(&name).await }))
    }

    fn count(&self) -> Result<u64, BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.count().await }))
    }

    fn queued(&self) -> Result<u64, BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.queued().await }))
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.flush().await }))
    }

    fn leak(&self) -> Result<u64, BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.leak().await }))
    }

    fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        let name: Box<[u8]> = name.into();
        self.wait(self.ask(move |bucket| async move { bucket.dispose(&name).await }))
    }

    fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        let name: Option<Box<[u8]>> = name.map(Into::into);
        self.wait(self.ask(move |bucket| async move { bucket.pause(name.as_deref(), until).await }))
    }

    fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        let name: Option<Box<[u8]>> = name.map(Into::into);
        self.wait(self.ask(move |bucket| async move { bucket.resume(name.as_deref()).await }))
    }

    fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        let name: Box<[u8]> = name.into();
        self.wait(self.ask(move |bucket| async move { bucket.paused(&name).await }))
    }

    fn longest_pause(&self) -> Duration {
        self.bucket.longest_pause()
    }

    fn rates(&self) -> Vec<Rate> {
        self.bucket.rates()
    }

    fn queue(&self) -> u64 {
        self.bucket.queue()
    }

    fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        let rates = rates.to_vec();
        self.wait(self.ask(move |bucket| async move { bucket.set_rates(&rates).await }))
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.now().await }))
    }

    fn close(&self) -> Result<(), BucketError> {
        self.wait(self.ask(|bucket| async move { bucket.close().await }))
    }

    fn label(&self) -> String {
        self.bucket.label()
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking")
            .field("bucket", &self.bucket.label())
            .field("home", &self.home)
            .finish()
    }
}
