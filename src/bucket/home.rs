//! Where an async bucket is asked: on a runtime that outlives whoever waits for the answer.

use crate::error::{BackendError, Outcome};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::mem;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::sync::mpsc;

/// A runtime of its own, or one of the user's.
pub enum Home {
    /// Started when it is first needed, in a thread of its own; and once more in a forked
    /// child, which has no thread of its parent's.
    Own(Mutex<Option<(u32, Crew)>>),
    Given(Handle),
}

/// Those who run tasks. The home that is a bucket's own ends with the last of them.
#[derive(Clone)]
pub struct Crew {
    handle: Handle,
    _alive: Option<mpsc::Sender<Infallible>>,
}

impl Home {
    pub fn own() -> Self {
        Self::Own(Mutex::new(None))
    }

    /// Who runs tasks here.
    pub fn crew(&self) -> Result<Crew, BackendError> {
        let started = match self {
            Self::Given(handle) => {
                return Ok(Crew {
                    handle: handle.clone(),
                    _alive: None,
                });
            }
            Self::Own(started) => started,
        };
        // Nobody leaves it half set.
        let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
        let here = process::id();
        match &*started {
            Some((process, crew)) if *process == here => Ok(crew.clone()),
            _ => {
                let crew = Crew::start().map_err(|error| {
                    BackendError::new("the bucket's own thread", "start", Outcome::Undone, error)
                })?;
                // The parent's is not this process's to end.
                mem::forget(started.replace((here, crew.clone())));
                Ok(crew)
            }
        }
    }

    /// Whether a thread that waits here for an answer keeps the home from giving it.
    pub fn is_only_thread(&self) -> bool {
        let (Self::Given(home), Ok(here)) = (self, Handle::try_current()) else {
            return false;
        };
        home.id() == here.id() && home.runtime_flavor() == RuntimeFlavor::CurrentThread
    }

    /// Whether a task that is spawned in this thread may stay with it: one of the runtime's own
    /// threads keeps it for itself, also while it waits.
    pub fn may_be_here(&self) -> bool {
        matches!(self, Self::Given(_)) && Handle::try_current().is_ok()
    }
}

impl Crew {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, mut crew) = mpsc::channel(1);
        let run = move || runtime.block_on(async { while crew.recv().await.is_some() {} });
        thread::Builder::new()
            .name("tidegate-bucket".into())
            .spawn(run)?;
        Ok(Self {
            handle,
            _alive: Some(alive),
        })
    }

    /// Runs a task to its end, whoever waits for it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let crew = self.clone();
        self.handle.spawn(async move {
            task.await;
            drop(crew);
        });
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(_) => "Own",
            Self::Given(_) => "Given",
        })
    }
}
