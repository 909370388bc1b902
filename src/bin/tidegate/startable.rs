//! Whether a command can be started, found out without starting it.

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// Looks for the command as `execvp` will.
///
/// # Errors
///
/// What `execvp` would answer: not found, or permission denied.
pub fn check_startable(command: &OsStr) -> io::Result<()> {
    if command.as_encoded_bytes().contains(&b'/') {
        return check_file(Path::new(command));
    }
    // Without PATH, where to look is the system's business.
    let Some(path) = env::var_os("PATH") else {
        return Ok(());
    };
    let mut answer = Err(Errno::ENOENT.into());
    for folder in env::split_paths(&path) {
        match check_file(&folder.join(command)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => answer = Err(error),
            Err(_) => {}
        }
    }
    answer
}

fn check_file(file: &Path) -> io::Result<()> {
    if file.metadata()?.is_dir() {
        return Err(Errno::EACCES.into());
    }
    Ok(access(file, AccessFlags::X_OK)?)
}
