//! Making a segment, so that nobody ever sees half of one: a file without a name is
//! filled, and then gets its name in one step.

use super::boot::boot_id;
use super::clock::Timing;
use super::file::{GROUP_MODE, OWN_MODE, folder_of, io_error, open};
use super::header;
use super::layout::Shape;
use super::lock::{Lock, Role};
use super::mapping::Mapping;
use crate::directory::Seed;
use crate::error::OpenError;
use crate::spec::Design;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, posix_fallocate};
use nix::libc::{O_CLOEXEC, O_TMPFILE};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::linkat;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime};

/// A whole segment that has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    file: File,
    mapping: Mapping,
    path: PathBuf,
    /// The name that it has meanwhile, where files cannot be without one.
    temporary: Option<Temporary>,
}

/// A temporary name, with a lock that says that its maker is alive.
#[derive(Debug)]
struct Temporary {
    name: PathBuf,
    _alive: Lock,
}

/// How a file comes to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Birth {
    Nameless,
    Named,
}

impl Draft {
    /// Makes the segment that is to be at `path`.
    pub fn new(path: &Path, design: &Design, group: Option<u32>) -> Result<Self, OpenError> {
        match Self::born(Birth::Nameless, path, design, group) {
            Err(OpenError::Io { source, .. }) if is_unsupported(&source) => {
                Self::born(Birth::Named, path, design, group)
            }
            made => made,
        }
    }

    fn born(
        birth: Birth,
        path: &Path,
        design: &Design,
        group: Option<u32>,
    ) -> Result<Self, OpenError> {
        let failed = io_error("create", path);
        let shape = design.shape().ok_or_else(|| design.misfit())?;
        let (file, temporary) = match birth {
            Birth::Nameless => (nameless(folder_of(path)).map_err(&failed)?, None),
            Birth::Named => named(path)
                .map(|(file, temporary)| (file, Some(temporary)))
                .map_err(&failed)?,
        };
        let timing = Timing::from_now(design.counter).map_err(|e| failed(e.into()))?;
        allocate(&file, path, shape.size())?;
        let mapping = map_whole(&file, shape).map_err(&failed)?;
        let boot = boot_id().map_err(io_error("read the system's boot id for", path))?;
        let seed = Seed::random().map_err(io_error("read the system's randomness for", path))?;
        header::write(&mapping, design, timing, boot, seed);
        if let Some(group) = group {
            give_to(&file, group).map_err(io_error("give to its group", path))?;
        }
        // The mode that open was given is cut by the umask; this one is not.
        let mode = if group.is_some() {
            GROUP_MODE
        } else {
            OWN_MODE
        };
        file.set_permissions(Permissions::from_mode(mode))
            .map_err(&failed)?;
        Ok(Self {
            file,
            mapping,
            path: path.to_owned(),
            temporary,
        })
    }

    /// Gives the segment its name, unless something has that name already.
    pub fn publish(mut self) -> Result<bool, OpenError> {
        let linked = match &self.temporary {
            None => link_nameless(&self.file, &self.path),
            Some(temporary) => fs::hard_link(&temporary.name, &self.path),
        };
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // No /proc, or not the right to link what has no name: give it one first.
            Err(_) if self.temporary.is_none() && self.name_it().is_ok() => self.publish(),
            Err(error) => Err(io_error("name", &self.path)(error)),
        }
    }

    /// Gives the segment its name, in place of what has that name now.
    pub fn replace(mut self) -> Result<(), OpenError> {
        sweep(&self.path);
        self.name_it()?;
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        fs::rename(&temporary.name, &self.path).map_err(io_error("replace", &self.path))
    }

    /// Gives a nameless file a temporary name; where that is refused, makes the
    /// segment anew under one.
    fn name_it(&mut self) -> Result<(), OpenError> {
        if self.temporary.is_some() {
            return Ok(());
        }
        let failed = io_error("name", &self.path);
        let name = temporary_name(&self.path);
        if link_nameless(&self.file, &name).is_ok() {
            let alive = alive(&name).map_err(&failed)?;
            self.temporary = Some(Temporary {
                name,
                _alive: alive,
            });
            return Ok(());
        }
        let (file, temporary) = named(&self.path).map_err(&failed)?;
        let permissions = self.file.metadata().map_err(&failed)?.permissions();
        io::copy(&mut io::BufReader::new(&self.file), &mut &file).map_err(&failed)?;
        file.set_permissions(permissions).map_err(&failed)?;
        self.mapping = map_whole(&file, self.mapping.shape()).map_err(&failed)?;
        (self.file, self.temporary) = (file, Some(temporary));
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename the name is gone already.
        let _ = fs::remove_file(&self.name);
    }
}

fn map_whole(file: &File, shape: Shape) -> io::Result<Mapping> {
    Mapping::of_file(file, shape.size(), |_| Ok(shape))
}

fn give_to(file: &File, group: u32) -> io::Result<()> {
    // To the system, this number is no group, and means that the file keeps the one it has.
    const NO_GROUP: u32 = u32::MAX;
    match group {
        NO_GROUP => Err(Errno::EINVAL.into()),
        group => fchown(file, None, Some(group)),
    }
}

fn nameless(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(OWN_MODE)
        .custom_flags(O_TMPFILE | O_CLOEXEC)
        .open(folder)
}

fn link_nameless(file: &File, to: &Path) -> io::Result<()> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok(linkat(
        AT_FDCWD,
        &from,
        AT_FDCWD,
        to,
        AtFlags::AT_SYMLINK_FOLLOW,
    )?)
}

fn is_unsupported(error: &io::Error) -> bool {
    // Kernels and file systems that do not know O_TMPFILE see a folder opened to write.
    let answers = [
        Errno::EOPNOTSUPP,
        Errno::EISDIR,
        Errno::EINVAL,
        Errno::ENOENT,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| answers.contains(&Errno::from_raw(code)))
}

fn named(path: &Path) -> io::Result<(File, Temporary)> {
    sweep(path);
    let name = temporary_name(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(OWN_MODE)
        .open(&name)?;
    let alive = alive(&name)?;
    Ok((
        file,
        Temporary {
            name,
            _alive: alive,
        },
    ))
}

/// The lock that says that the maker of this file is alive.
fn alive(name: &Path) -> io::Result<Lock> {
    let lock = open(name).and_then(|file| Lock::try_take(file, Role::Make))?;
    lock.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// What all temporary names for `path` begin with.
fn temporary_prefix(path: &Path) -> String {
    format!(
        ".{}.new.",
        path.file_name().unwrap_or_default().to_string_lossy()
    )
}

fn temporary_name(path: &Path) -> PathBuf {
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_nanos();
    folder_of(path).join(format!("{}{}.{now}", temporary_prefix(path), process::id()))
}

/// Removes what makers of this segment left who died before they were done. Those who
/// live hold a lock, except in the moment before they take it: the file is new then,
/// and has one name.
pub fn sweep(path: &Path) {
    const MOMENT: Duration = Duration::from_secs(10);
    let prefix = temporary_prefix(path);
    let Ok(entries) = folder_of(path).read_dir() else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
            continue;
        };
        if !rest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            continue;
        }
        let Ok(found) = entry.metadata() else {
            continue;
        };
        let age = found.modified().ok().and_then(|time| time.elapsed().ok());
        let is_past_its_moment = found.nlink() > 1 || age.is_some_and(|age| age > MOMENT);
        let is_dead = || open(&entry.path()).and_then(|file| Lock::try_take(file, Role::Make));
        if is_past_its_moment && matches!(is_dead(), Ok(Some(_))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives the file all its bytes now, so that no later write finds the disk full.
fn allocate(file: &File, path: &Path, size: u64) -> Result<(), OpenError> {
    let failed = io_error("allocate", path);
    let length = i64::try_from(size).map_err(|_| failed(io::ErrorKind::FileTooLarge.into()))?;
    // The system would not only refuse, but end this process by SIGXFSZ.
    let (most, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(|error| failed(error.into()))?;
    if size > most {
        return Err(OpenError::FileSizeLimit {
            path: path.to_owned(),
            needed: size,
            most,
        });
    }
    loop {
        match posix_fallocate(file, 0, length) {
            Ok(()) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOSPC | Errno::EDQUOT) => {
                let free = statvfs(folder_of(path))
                    .map_or(0, |fs| fs.blocks_available() * fs.fragment_size());
                return Err(OpenError::NoSpace {
                    path: path.to_owned(),
                    needed: size,
                    free,
                });
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;
    use crate::segment::open_segment;
    use crate::segment::place::Place;
    use crate::spec::Spec;
    use std::fs::FileTimes;

    fn spec() -> Spec {
        Spec {
            rates: vec![Rate::per_second(5)],
            ..Spec::default()
        }
    }

    fn draft(birth: Birth, path: &Path) -> Draft {
        Draft::born(birth, path, &spec().design().unwrap(), None).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn either_birth_gives_a_whole_segment_and_leaves_nothing_else() {
        for birth in [Birth::Nameless, Birth::Named] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("segment");
            assert!(draft(birth, &path).publish().unwrap());
            assert!(!draft(birth, &path).publish().unwrap(), "the name is taken");
            drop(draft(birth, &path));
            assert_eq!(names(folder.path()), ["segment"], "{birth:?}");
            assert!(open_segment(&Place::at(&path).unwrap(), &spec()).is_ok());
        }
    }

    #[test]
    fn either_birth_can_take_another_s_place() {
        for birth in [Birth::Nameless, Birth::Named] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("segment");
            fs::write(&path, "something else").unwrap();
            draft(birth, &path).replace().unwrap();
            assert_eq!(names(folder.path()), ["segment"], "{birth:?}");
            assert!(open_segment(&Place::at(&path).unwrap(), &spec()).is_ok());
        }
    }

    #[test]
    fn what_a_dead_maker_left_is_swept_and_what_a_living_one_holds_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        let living = draft(Birth::Named, &path);
        let dead = temporary_name(&path);
        fs::write(&dead, "half a segment").unwrap();
        let old = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(60));
        for file in [
            &living.file,
            &File::options().write(true).open(&dead).unwrap(),
        ] {
            file.set_times(old).unwrap();
        }
        sweep(&path);
        assert!(!dead.exists());
        assert!(living.publish().unwrap());
    }

    #[test]
    fn a_maker_that_died_between_its_two_names_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        let maker = draft(Birth::Named, &path);
        let temporary = maker.temporary.as_ref().unwrap().name.clone();
        fs::hard_link(&temporary, &path).unwrap();
        let kept = folder.path().join("kept");
        fs::hard_link(&temporary, &kept).unwrap();
        drop(maker);
        fs::rename(&kept, &temporary).unwrap();
        let segment = open_segment(&Place::at(&path).unwrap(), &spec()).unwrap();
        assert_eq!(names(folder.path()), ["segment"]);
        assert_eq!(segment.path(), path);
    }
}
