//! Segments without `/dev/shm`: in what the system calls shared memory, by the
//! `shared_memory` crate.
//!
//! Weaker than files in five ways. A segment exists before it is whole, so an opener
//! waits for its magic, and a maker that dies in between leaves a name that must be
//! removed. Its bytes are not allocated ahead: when memory runs out, access faults.
//! There are no groups. And there are no locks: every leak process leads, which does
//! no harm. And a name is removed whatever it leads to: let nobody make the segment
//! anew while somebody removes it.

use super::Segment;
use super::boot::boot_id;
use super::clock::Timing;
use super::header::{self, Flaw};
use super::layout::Header;
use super::mapping::Mapping;
use super::open::{Refused, agree, describe};
use crate::directory::Seed;
use crate::error::OpenError;
use crate::spec::{Presence, Spec};
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long an opener waits for a maker.
const PATIENCE: Duration = Duration::from_secs(2);

fn id_of(name: &str) -> String {
    format!("tidegate-{name}")
}

fn path_of(name: &str) -> PathBuf {
    PathBuf::from(format!("shared memory {name}"))
}

/// Opens the segment of that name, or makes it, as `spec` says.
pub fn open_portable(name: &str, spec: &Spec) -> Result<Segment, OpenError> {
    let path = path_of(name);
    if spec.group.is_some() {
        let why = "shared memory without a file cannot be given to a group";
        return Err(OpenError::Name {
            name: name.to_owned(),
            why,
        });
    }
    let started = Instant::now();
    let mut is_ours = false;
    loop {
        match find(name)? {
            Found::Segment(segment) if segment.version().is_removed() => {}
            Found::Segment(_) if spec.presence == Presence::New && !is_ours => {
                return Err(OpenError::Exists { path });
            }
            Found::Segment(segment) => return agree(*segment, spec),
            Found::Unfinished if started.elapsed() >= PATIENCE => {
                return Err(describe(
                    &path,
                    Flaw::Damaged("its maker has died over it, or is stopped: remove it"),
                ));
            }
            Found::Unfinished => {}
            Found::Nothing
                if spec.presence == Presence::Old || spec.rates.is_empty() && spec.adopt =>
            {
                return Err(OpenError::NotFound { path });
            }
            Found::Nothing => {
                is_ours = make(name, spec)?;
                continue;
            }
        }
        if started.elapsed() >= 2 * PATIENCE {
            return Err(OpenError::Unsettled { path });
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Removes the segment of that name, whatever state it is in; whether there was one.
pub fn remove_portable(name: &str) -> Result<bool, OpenError> {
    if let Ok(Found::Segment(segment)) = find(name) {
        segment.mark_removed();
    }
    match ShmemConf::new().os_id(id_of(name)).open() {
        Ok(mut shared) => {
            // The owner takes the name along when it lets go.
            shared.set_owner(true);
            Ok(true)
        }
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(failed("remove", name, error)),
    }
}

enum Found {
    Nothing,
    Unfinished,
    Segment(Box<Segment>),
}

fn find(name: &str) -> Result<Found, OpenError> {
    let path = path_of(name);
    let shared = match ShmemConf::new().os_id(id_of(name)).open() {
        Ok(shared) => shared,
        Err(error) if is_missing(&error) => return Ok(Found::Nothing),
        // Made, but of no length yet: it cannot be mapped.
        Err(ShmemError::MapOpenFailed(_)) => return Ok(Found::Unfinished),
        Err(error) => return Err(failed("open", name, error)),
    };
    // Systems round the length up to whole pages.
    let len = shared.len() as u64;
    let shape = |found: &Header| header::shape(found, |size| size <= len).map_err(Refused::Flaw);
    let mapping = Mapping::of_shared_memory(shared, shape);
    let mapping = match mapping {
        Ok(mapping) => mapping,
        Err(Refused::Flaw(Flaw::Magic) | Refused::Io(_)) => return Ok(Found::Unfinished),
        Err(Refused::Flaw(flaw)) => return Err(describe(&path, flaw)),
    };
    let facts = header::facts(&mapping).map_err(|flaw| describe(&path, flaw))?;
    let segment = Segment::new(path, None, mapping, facts);
    Ok(Found::Segment(Box::new(segment)))
}

/// Makes the segment, unless somebody else has.
fn make(name: &str, spec: &Spec) -> Result<bool, OpenError> {
    let design = spec.design()?;
    let shape = design.shape().ok_or_else(|| design.misfit())?;
    let size = usize::try_from(shape.size()).map_err(|_| design.misfit())?;
    let mut shared: Shmem = match ShmemConf::new().os_id(id_of(name)).size(size).create() {
        Ok(shared) => shared,
        Err(ShmemError::MappingIdExists) => return Ok(false),
        Err(error) => return Err(failed("create", name, error)),
    };
    shared.set_owner(false);
    let io = |source| OpenError::Io {
        doing: "create",
        path: path_of(name),
        source,
    };
    let timing = Timing::from_now(design.counter).map_err(|error| io(error.into()))?;
    let mapping = Mapping::of_shared_memory(shared, |_| Ok(shape)).map_err(io)?;
    let boot = boot_id().map_err(io)?;
    let seed = Seed::random().map_err(io)?;
    header::write(&mapping, &design, timing, boot, seed);
    Ok(true)
}

fn is_missing(error: &ShmemError) -> bool {
    matches!(error, ShmemError::MapOpenFailed(code) if *code == nix::errno::Errno::ENOENT as u32)
}

fn failed(doing: &'static str, name: &str, error: ShmemError) -> OpenError {
    OpenError::Io {
        doing,
        path: path_of(name),
        source: io::Error::other(error.to_string()),
    }
}
