//! How a limiter is asked for.

use crate::error::OpenError;
use crate::ground::Ground;
use crate::limiter::Limiter;
#[cfg(feature = "portable")]
use crate::limiter::inspect::remove_portable;
use crate::limiter::viewer::Viewer;
use crate::rate::Rate;
use crate::segment::place::Place;
use crate::segment::{remove_segment, view_segment};
use crate::spec::{Presence, Spec};
use crate::turn::manners::Manners;
use crate::zone::attached::{Attached, Origin};
use crate::zone::buckets::{MemoryBucket, SharedBucket};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The wishes for a limiter; [`open`](Self::open) makes it, or attaches to it.
///
/// ```
/// use tidegate::{Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).rate(Rate::per_hour(1000)).open()?;
/// assert_eq!(limiter.rates().len(), 2);
/// # Ok::<(), tidegate::OpenError>(())
/// ```
#[derive(Debug)]
#[must_use = "call open()"]
pub struct Builder<B = SharedBucket> {
    site: Site,
    spec: Spec,
    manners: Manners,
    is_dry: bool,
    made: PhantomData<fn() -> B>,
}

#[derive(Clone, Debug)]
enum Site {
    Memory,
    Named(String),
    At(PathBuf),
    #[cfg(feature = "portable")]
    Portable(String),
}

impl<B> Clone for Builder<B> {
    fn clone(&self) -> Self {
        Self {
            site: self.site.clone(),
            spec: self.spec.clone(),
            ..*self
        }
    }
}

impl<B> Builder<B> {
    fn new(site: Site) -> Self {
        Self {
            site,
            spec: Spec::default(),
            manners: Manners::default(),
            is_dry: false,
            made: PhantomData,
        }
    }

    /// Adds a rate. All rates hold together. They are given from the shortest interval
    /// to the longest; limits rise, and limit / interval does not.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.spec.rates.push(rate);
        self
    }

    /// Adds several rates.
    pub fn rates(mut self, rates: impl IntoIterator<Item = Rate>) -> Self {
        self.spec.rates.extend(rates);
        self
    }

    /// How many permits may be reserved ahead by callers that wait. By default 1,024,
    /// or the largest limit if that is more; with [`keys`](Self::keys), as many for each
    /// key as its largest limit, or half of what its bucket has
    /// [beside it](Self::capacity), if that is more: 7 of a limit of 1 or 2. Who would have to wait when so many are waited for is answered
    /// [`QueueFull`](crate::AcquireError::QueueFull). Each takes 8 bytes: see
    /// [`capacity`](Self::capacity).
    pub fn queue(mut self, permits: u64) -> Self {
        self.spec.queue = Some(permits);
        self
    }

    /// How many permits the bucket remembers, at 8 bytes each: a power of two. By
    /// default the least that holds the largest limit and the queue: 16 MiB for a limit
    /// of a million, for its queue is as long. All of it is allocated when the segment is
    /// made. More only serves those who cancel very many waits: what they gave back is
    /// remembered, too.
    pub fn capacity(mut self, permits: u64) -> Self {
        self.spec.capacity = Some(permits);
        self
    }

    /// Gives each name a bucket of its own, for up to so many names at a time: every key
    /// has the whole of the rates to itself. A bucket is made when its key is first used.
    /// Who brings a new key when all are taken gets one that nobody has used for
    /// longer than the longest interval; or, if none is found,
    /// [`Full`](crate::AcquireError::Full).
    ///
    /// A key may be any bytes, up to [`MAX_KEY`](crate::MAX_KEY) of them. Each takes 256 bytes, 8 for each
    /// permit that a bucket remembers, and at most 16 more: see
    /// [`segment_size`](Self::segment_size). So a key's [`queue`](Self::queue) is hardly
    /// longer than its largest limit, and [`acquire`](Limiter::acquire) is answered
    /// [`QueueFull`](crate::AcquireError::QueueFull) where more wait: if more callers may
    /// wait for one key at once, ask for a longer one.
    pub fn keys(mut self, keys: u64) -> Self {
        self.spec.keys = Some(keys);
        self
    }

    /// Counts by the processor's own counter, which is read in less than half the time of the
    /// kernel's clock, where the kernel itself trusts it (its clock source is `tsc`, as
    /// `/sys/devices/system/clocksource/clocksource0/current_clocksource` tells), and where the
    /// machine cannot be suspended, or its counter goes on then; elsewhere it changes nothing. It
    /// takes a fiftieth of a second when the segment is made. Who attaches to a segment that is
    /// there counts as that does.
    ///
    /// The counter is held to the kernel's clock: it is compared by each handle ten times a
    /// second while it is used, and brought forward. Between two comparisons it is some two
    /// microseconds behind.
    pub fn processor_clock(mut self) -> Self {
        self.spec.counter = true;
        self
    }

    /// For how many processes it is counted apart what was granted, refused and waited for: see
    /// [`Limiter::stats`]. By default 64, and as many further threads of them. Those that come
    /// beyond count together, and a refusal of theirs writes a word that others write, too.
    /// Each takes 512 bytes; with [`keys`](Self::keys), 1.5 KiB.
    pub fn processes(mut self, processes: u64) -> Self {
        self.spec.processes = Some(processes);
        self
    }

    /// How many bytes the segment will take.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn segment_size(&self) -> Result<u64, OpenError> {
        let design = self.spec.design()?;
        let shape = design.shape().ok_or_else(|| design.misfit())?;
        Ok(shape.size())
    }

    /// How late a waiting caller may wake and still go at once; later, and it queues
    /// again (once, within its deadline), lest many that were stopped together go
    /// together. By default a tenth of the shortest interval, and at least 5 ms.
    pub fn lateness(mut self, bound: Duration) -> Self {
        self.manners.lateness = Some(bound);
        self
    }

    /// Has those who wait go so much later than their turn. Zero by default, for wake-ups
    /// are exact: a margin only serves where a remote server counts by a clock of its own,
    /// and requests that were just in time here can reach it in the window before. As
    /// PyrateLimiter's `buffer_ms`. It comes on top of what a timeout allows, which bounds the
    /// wait for the turn.
    pub fn buffer(mut self, margin: Duration) -> Self {
        self.manners.buffer = margin;
        self
    }

    /// Has each of those who wait go up to so much later than its turn, by chance: so that
    /// many who may go at one instant do not arrive at one instant. What is granted is
    /// exact as ever; when it is acted upon is spread, beyond a timeout too.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.manners.jitter = most;
        self
    }

    /// Lets everything pass, and counts what would have been refused, or made to wait: see
    /// [`Limiter::would_have_refused`]. Those who are within the rates take their permits as
    /// ever; the others take none. Only this handle is dry.
    pub fn dry_run(mut self) -> Self {
        self.is_dry = true;
        self
    }

    /// Shares a new segment with a group (its number): mode 0660 instead of 0600. To
    /// attach to somebody else's segment, its group must be named, too; root is trusted without.
    pub fn group(mut self, gid: u32) -> Self {
        self.spec.group = Some(gid);
        self
    }

    /// Attaches to a segment that is there, and gives it these rates, if it has others: all
    /// who are attached obey them from their next call on. See
    /// [`Limiter::set_rates`].
    pub fn override_rates(mut self) -> Self {
        self.spec.override_rates = true;
        self
    }

    /// Attaches to a segment that is there, whatever its rates, queue and capacity.
    pub fn adopt(mut self) -> Self {
        self.spec.adopt = true;
        self
    }

    /// Makes the segment: that it is there already is an error.
    pub fn create_only(mut self) -> Self {
        self.spec.presence = Presence::New;
        self
    }

    /// Attaches to the segment: that it is not there is an error.
    pub fn attach_only(mut self) -> Self {
        self.spec.presence = Presence::Old;
        self
    }

    /// Attaches to the segment that is there, or makes it. Of many processes that do
    /// so at once, one makes it, and nobody ever sees it half made.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(self) -> Result<Limiter, OpenError> {
        let (manners, is_dry) = (self.manners, self.is_dry);
        let ground = Ground::Zone(self.attach()?);
        let limiter = Limiter::on(ground).with(manners);
        Ok(if is_dry { limiter.dry_run() } else { limiter })
    }

    /// Opens the segment to look at it, whosever it is, and whatever its rates: see
    /// [`Viewer`]. The other options are left out.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn view(self) -> Result<Viewer, OpenError> {
        let place = match self.site {
            Site::Memory => {
                return Err(OpenError::NotFound {
                    path: "memory".into(),
                });
            }
            Site::Named(name) => Place::named(&name)?,
            Site::At(path) => Place::at(&path)?,
            #[cfg(feature = "portable")]
            Site::Portable(name) => {
                let path = format!("shared memory {name}").into();
                return Err(OpenError::NotFound { path });
            }
        };
        Viewer::of(view_segment(&place)?)
    }

    fn attach(self) -> Result<Attached, OpenError> {
        let origin = match self.site {
            Site::Memory => Origin::Memory,
            Site::Named(name) => Origin::Segment(Place::named(&name)?),
            Site::At(path) => Origin::Segment(Place::at(&path)?),
            #[cfg(feature = "portable")]
            Site::Portable(name) => Place::named(&name).map(|_| Origin::Portable(name))?,
        };
        Attached::new(origin, self.spec)
    }
}

#[allow(private_bounds)]
impl<B: From<Attached>> Builder<B> {
    /// The same, without a limiter around it: a [`SharedBucket`], or a [`MemoryBucket`] if it
    /// is in memory. What concerns those who wait is left out.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_bucket(self) -> Result<B, OpenError> {
        self.attach().map(B::from)
    }

    /// Removes the segment that this would attach to, and whether there was one: as
    /// [`remove`](crate::remove) does, and also where it is another user's, and shared by a
    /// [`group`](Self::group), if the folder lets this user remove it.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn remove(&self) -> Result<bool, OpenError> {
        let place = match &self.site {
            Site::Memory => return Ok(false),
            Site::Named(name) => Place::named(name)?,
            Site::At(path) => Place::at(path)?,
            #[cfg(feature = "portable")]
            Site::Portable(name) => return remove_portable(name),
        };
        remove_segment(&place, self.spec.group)
    }
}

/// How to ask for one.
impl Limiter {
    /// A limiter in the segment of that name, for all processes on this host that
    /// know the name: one component of `[A-Za-z0-9._-]`, no leading dot.
    ///
    /// It lives in memory (`/dev/shm`) until it is [removed](crate::remove), or the
    /// machine restarts.
    pub fn shared(name: impl Into<String>) -> Builder {
        Builder::new(Site::Named(name.into()))
    }

    /// A limiter in a file, for all processes on this host that open it. What was
    /// granted is remembered after a restart of the machine.
    pub fn at(path: impl AsRef<Path>) -> Builder {
        Builder::new(Site::At(path.as_ref().to_owned()))
    }

    /// A limiter in what the system calls shared memory, by the `shared_memory` crate, for
    /// systems without `/dev/shm`. A name here is another than the same name in
    /// [`shared`](Self::shared), which is better where it works: this memory is not
    /// allocated ahead, and its maker can die half-way.
    #[cfg(feature = "portable")]
    pub fn portable(name: impl Into<String>) -> Builder {
        Builder::new(Site::Portable(name.into()))
    }

    /// A limiter for the threads of this process.
    pub fn in_memory() -> Builder<MemoryBucket> {
        Builder::new(Site::Memory)
    }
}
