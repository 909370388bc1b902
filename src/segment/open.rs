//! Opening: find the segment and check it, or make it; whatever others do meanwhile.

use super::Segment;
use super::create::{Draft, sweep};
use super::file::{Inode, check, check_plain, check_removable, io_error, open, open_to_read};
use super::header::{Flaw, facts, shape};
use super::layout::{Header, Shape};
use super::mapping::Mapping;
use super::place::Place;
use super::revive::revive;
use crate::error::OpenError;
use crate::spec::{Presence, Spec, rates_of, windows_of};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// How often an opener that keeps losing races looks again.
const TRIES: u32 = 100;
/// How often who finds the file system full looks again: for a tenth of a second.
const FULL_TRIES: u32 = 40;

/// Opens the segment at `place`, or makes it, as `spec` says.
pub fn open_segment(place: &Place, spec: &Spec) -> Result<Segment, OpenError> {
    let path = place.path();
    let mut full = 0;
    for _ in 0..TRIES {
        match find(&path, spec.group)? {
            Found::Nothing => match make(&path, spec) {
                Ok(true) => return attach_new(&path, place, spec),
                // Somebody was first: it is found like any other.
                Ok(false) => {}
                // Others who are about to make it may have the room, or each a part of it.
                Err(OpenError::NoSpace { .. }) if full < FULL_TRIES => {
                    full += 1;
                    thread::sleep(some_while());
                }
                Err(error) => return Err(error),
            },
            Found::Midway => {
                sweep(&path);
                thread::sleep(Duration::from_millis(1));
            }
            Found::Segment(segment) if segment.version().is_removed() => finish_removal(&segment)?,
            Found::Segment(segment) if !segment.is_of_this_boot => {
                if renew(&segment, place, spec)? {
                    return attach_new(&path, place, spec);
                }
            }
            Found::Segment(_) if spec.presence == Presence::New => {
                return Err(OpenError::Exists { path });
            }
            Found::Segment(segment) => return agree(*segment, spec),
        }
    }
    Err(restless(path))
}

/// Opens the segment at `place`, whosever it is, to look at it. It is mapped without the right to
/// write.
pub fn view_segment(place: &Place) -> Result<Segment, OpenError> {
    let path = place.path();
    for _ in 0..TRIES {
        match find_to_read(&path)? {
            Found::Nothing => return Err(OpenError::NotFound { path }),
            Found::Segment(segment) if segment.version().is_removed() => {
                return Err(OpenError::NotFound { path });
            }
            Found::Segment(segment) if !segment.is_of_this_boot => {
                let why = "it is of an earlier boot, and nobody has used it since";
                return Err(OpenError::OtherTime { path, why });
            }
            Found::Segment(segment) => return Ok(*segment),
            Found::Midway => thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(restless(path))
}

/// Makes the segment, if the caller wants that; whether nobody else was first.
fn make(path: &Path, spec: &Spec) -> Result<bool, OpenError> {
    if spec.presence == Presence::Old || spec.rates.is_empty() && spec.adopt {
        return Err(OpenError::NotFound {
            path: path.to_owned(),
        });
    }
    Draft::new(path, &spec.design()?, spec.group)?.publish()
}

/// Up to five milliseconds, another time for everybody: those who got into each other's
/// way shall not do so again.
fn some_while() -> Duration {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Duration::from_micros(u64::from(now.subsec_nanos() % 5_000))
}

/// Removes the segment at `place`: its name is gone, and all who are attached notice on
/// their next call. Whether there was one.
pub fn remove_segment(place: &Place, group: Option<u32>) -> Result<bool, OpenError> {
    let path = place.path();
    for _ in 0..TRIES {
        match find(&path, group) {
            Ok(Found::Nothing) => return Ok(false),
            Ok(Found::Midway) => sweep(&path),
            Ok(Found::Segment(segment)) => {
                let _lock = segment.name_lock()?;
                if segment.is_named() {
                    check_removable(&path).map_err(io_error("remove", &path))?;
                    segment.mark_removed();
                    fs::remove_file(&path).map_err(io_error("remove", &path))?;
                    return Ok(true);
                }
            }
            // A segment all the same, only not one that this program can use.
            Err(OpenError::Layout { .. }) => {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
    }
    Err(restless(path))
}

/// Why what is at `path` is never whole, and never gone.
fn restless(path: PathBuf) -> OpenError {
    if fs::symlink_metadata(&path).is_ok_and(|found| found.nlink() > 1) {
        return OpenError::NotASegment {
            path,
            why: "it has a second name: remove that hard link".to_owned(),
        };
    }
    OpenError::Unsettled { path }
}

enum Found {
    Nothing,
    /// A file that is just getting its name, or losing it.
    Midway,
    Segment(Box<Segment>),
}

fn find(path: &Path, group: Option<u32>) -> Result<Found, OpenError> {
    let failed = io_error("open", path);
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(explain(path, group, error)),
    };
    let metadata = file.metadata().map_err(&failed)?;
    check(path, &metadata, group)?;
    map(path, &metadata, |len| {
        Mapping::of_file(&file, len, |found| shape_of(found, len))
    })
}

/// The same for who only looks, and need not trust its owner.
fn find_to_read(path: &Path) -> Result<Found, OpenError> {
    let file = match open_to_read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(denied(path).unwrap_or_else(|| io_error("open", path)(error)));
        }
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let metadata = file.metadata().map_err(io_error("open", path))?;
    check_plain(path, &metadata)?;
    map(path, &metadata, |len| {
        Mapping::of_file_to_read(&file, len, |found| shape_of(found, len))
    })
}

fn shape_of(found: &Header, len: u64) -> Result<Shape, Refused> {
    shape(found, |size| size == len).map_err(Refused::Flaw)
}

/// Maps what was found, and checks what it says of itself.
fn map(
    path: &Path,
    metadata: &Metadata,
    mapping: impl FnOnce(u64) -> Result<Mapping, Refused>,
) -> Result<Found, OpenError> {
    if metadata.nlink() != 1 {
        return Ok(Found::Midway);
    }
    let failed = io_error("open", path);
    let flawed = |flaw: Flaw| describe(path, flaw);
    let mapping = mapping(metadata.len());
    let mapping = mapping.map_err(|refused| match refused {
        Refused::Flaw(flaw) => flawed(flaw),
        Refused::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => flawed(
            Flaw::Damaged("it is too short: it was truncated, or is something else"),
        ),
        Refused::Io(error) => failed(error),
    })?;
    let facts = facts(&mapping).map_err(flawed)?;
    let segment = Segment::new(path.to_owned(), Some(Inode::of(metadata)), mapping, facts);
    Ok(Found::Segment(Box::new(segment)))
}

/// Why no mapping was made.
pub enum Refused {
    Flaw(Flaw),
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why a file that is there could not be opened.
fn explain(path: &Path, group: Option<u32>, error: io::Error) -> OpenError {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return io_error("open", path)(error);
    };
    match check(path, &metadata, group) {
        Err(distrust) => distrust,
        Ok(()) if error.kind() == io::ErrorKind::PermissionDenied => {
            denied(path).unwrap_or_else(|| io_error("open", path)(error))
        }
        Ok(()) => io_error("open", path)(error),
    }
}

/// Whose file keeps this user out; `None` if it is gone.
fn denied(path: &Path) -> Option<OpenError> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(OpenError::Denied {
        path: path.to_owned(),
        owner: metadata.uid(),
        group: metadata.gid(),
        mode: metadata.mode() & 0o7777,
    })
}

pub fn describe(path: &Path, flaw: Flaw) -> OpenError {
    let path = path.to_owned();
    match flaw {
        Flaw::Magic => OpenError::NotASegment {
            path,
            why: "it does not begin as segments do".to_owned(),
        },
        Flaw::Damaged(why) => OpenError::NotASegment {
            path,
            why: why.to_owned(),
        },
        Flaw::Layout(found) => OpenError::Layout {
            path,
            found,
            ours: super::layout::LAYOUT,
        },
        Flaw::OtherTime(why) => OpenError::OtherTime { path, why },
    }
}

/// Attaches to the segment that this call has just made, or to one that others have
/// put in its place meanwhile.
fn attach_new(path: &Path, place: &Place, spec: &Spec) -> Result<Segment, OpenError> {
    match find(path, spec.group)? {
        Found::Segment(segment) if !segment.version().is_removed() && segment.is_of_this_boot => {
            agree(*segment, spec)
        }
        _ => open_segment(place, spec),
    }
}

/// Whether the caller and the segment want the same.
pub fn agree(segment: Segment, spec: &Spec) -> Result<Segment, OpenError> {
    if spec.adopt {
        return Ok(segment);
    }
    let path = || segment.path.clone();
    let asked = windows_of(&spec.rates);
    crate::rate::validate(&spec.rates)?;
    if asked != segment.design.windows && spec.override_rates {
        segment.set_rates(&spec.rates).map_err(Box::new)?;
    } else if asked != segment.design.windows {
        let (asked, found) = (spec.rates.clone(), rates_of(&segment.design.windows));
        return Err(OpenError::RatesDiffer {
            path: path(),
            asked,
            found,
        });
    }
    let options = [
        ("queue", spec.queue, segment.design.queue),
        ("capacity", spec.capacity, segment.design.capacity),
        (
            "number of processes",
            spec.processes,
            segment.design.processes,
        ),
    ];
    if spec.keys != segment.design.keys {
        let words = |keys: Option<u64>| match keys {
            Some(keys) => format!("for {keys} keys"),
            None => "for all names together".to_owned(),
        };
        return Err(OpenError::OptionDiffers {
            path: path(),
            what: "directory",
            asked: words(spec.keys),
            found: words(segment.design.keys),
        });
    }
    for (what, asked, found) in options {
        if let Some(asked) = asked.filter(|&asked| asked != found) {
            return Err(OpenError::OptionDiffers {
                path: path(),
                what,
                asked: format!("of {asked}"),
                found: format!("of {found}"),
            });
        }
    }
    Ok(segment)
}

/// Takes the name from a segment that was removed by somebody who died over it.
fn finish_removal(segment: &Segment) -> Result<(), OpenError> {
    let path = &segment.path;
    let _lock = segment.name_lock()?;
    if !segment.is_named() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Deals with a segment of an earlier boot: a file goes on counting; what a name led to
/// is replaced. Whether this call has made a new one.
fn renew(segment: &Segment, place: &Place, spec: &Spec) -> Result<bool, OpenError> {
    let path = &segment.path;
    let _lock = segment.name_lock()?;
    if !segment.is_named() {
        return Ok(false);
    }
    if place.outlives_boot() {
        return revive(segment)
            .map(|()| false)
            .map_err(io_error("revive", path));
    }
    if spec.presence == Presence::Old || spec.rates.is_empty() && spec.adopt {
        return Err(OpenError::NotFound { path: path.clone() });
    }
    let draft = Draft::new(path, &spec.design()?, spec.group)?;
    // Nobody of this boot uses it; but were somebody to, it should notice.
    segment.mark_removed();
    draft.replace()?;
    Ok(true)
}
