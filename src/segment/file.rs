//! Files as segments use them: opened without being led astray, told apart by inode.

use crate::error::OpenError;
use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{AccessFlags, Uid, access, geteuid};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Read and write for the owner, and for the group if one is named.
pub const OWN_MODE: u32 = 0o600;
pub const GROUP_MODE: u32 = 0o660;

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }

    /// Whether `path` leads to this file.
    pub fn is_named(self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| Self::of(&found) == self)
    }

    /// Opens the file anew by its name; not found if the name leads elsewhere by now.
    pub fn reopen(self, path: &Path) -> io::Result<File> {
        self.confirm(open(path)?)
    }

    /// The same to look at its locks.
    pub fn reopen_to_read(self, path: &Path) -> io::Result<File> {
        self.confirm(open_to_read(path)?)
    }

    fn confirm(self, file: File) -> io::Result<File> {
        if Self::of(&file.metadata()?) == self {
            Ok(file)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// Opens what is at `path`: never through a link, and never waiting for a pipe.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, true)
}

/// The same without the right to write.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    open_with(path, false)
}

fn open_with(path: &Path, write: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        .open(path)
}

/// Refuses files that are no plain files, and those that somebody who was not named
/// may have written.
pub fn check(path: &Path, metadata: &Metadata, group: Option<u32>) -> Result<(), OpenError> {
    check_plain(path, metadata)?;
    let (owner, file_group, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
    let is_own = owner == geteuid().as_raw() || Uid::from_raw(owner).is_root();
    let is_ours = mode == GROUP_MODE && group == Some(file_group);
    if mode & !GROUP_MODE != 0 || !is_own && !is_ours {
        return Err(OpenError::Untrusted {
            path: path.to_owned(),
            owner,
            group: file_group,
            mode,
        });
    }
    match group {
        // It would be open to nobody but its owner, or to others than was asked.
        Some(asked) if !is_ours => Err(OpenError::OptionDiffers {
            path: path.to_owned(),
            what: "group",
            asked: format!("{asked} with mode {GROUP_MODE:04o}"),
            found: format!("{file_group} with mode {mode:04o}"),
        }),
        _ => Ok(()),
    }
}

/// Refuses files that are no plain files.
pub fn check_plain(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(OpenError::NotASegment {
            path: path.to_owned(),
            why: "it is not a plain file".to_owned(),
        }),
    }
}

/// Asks beforehand whether the name may be removed: who is told that a segment is gone
/// must not find it.
pub fn check_removable(path: &Path) -> io::Result<()> {
    const STICKY: u32 = 0o1000;
    let folder = fs::metadata(folder_of(path))?;
    let user = geteuid();
    let owners = [folder.uid(), fs::symlink_metadata(path)?.uid()];
    let may = folder.mode() & STICKY == 0 || user.is_root() || owners.contains(&user.as_raw());
    if may {
        access(folder_of(path), AccessFlags::W_OK).map_err(io::Error::from)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Turns a system error into one that says what was tried.
pub fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
