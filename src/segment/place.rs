//! Where a segment lives: a name that all programs of the host know, or a path.

use crate::error::OpenError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where named segments are. It is memory on Linux: gone after a reboot.
const FOLDER: &str = "/dev/shm";
const PREFIX: &str = "tidegate.";
const LONGEST: usize = 200;

/// A name or a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A segment known by name. What an earlier boot left there is worthless.
    Named(String),
    /// A segment in a file, which outlives reboots.
    At(PathBuf),
}

impl Place {
    /// The segment of that name: one component of `[A-Za-z0-9._-]`, no leading dot.
    pub fn named(name: &str) -> Result<Self, OpenError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let why = if name.is_empty() {
            "it is empty: letters, digits, '.', '_' and '-' are allowed, up to 200, and no dot in front"
        } else if name.starts_with('.') {
            "it begins with a dot"
        } else if name.len() > LONGEST {
            "it is longer than 200 bytes"
        } else if !name.chars().all(allowed) {
            "only letters, digits, '.', '_' and '-' may be in it"
        } else {
            return Ok(Self::Named(name.to_owned()));
        };
        Err(OpenError::Name {
            name: name.to_owned(),
            why,
        })
    }

    /// The segment in that file.
    pub fn at(path: &Path) -> Result<Self, OpenError> {
        if path.as_os_str().is_empty() {
            return Err(OpenError::Name {
                name: String::new(),
                why: "the path is empty: any path of a file is allowed, as in ./api.seg",
            });
        }
        Ok(Self::At(path.to_owned()))
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(name) => Path::new(FOLDER).join(format!("{PREFIX}{name}")),
            Self::At(path) => path.clone(),
        }
    }

    /// Whether the segment goes on counting after a reboot.
    pub fn outlives_boot(&self) -> bool {
        matches!(self, Self::At(_))
    }

    /// All names in use, sorted.
    pub fn all_named() -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Path::new(FOLDER).read_dir()? {
            let file = entry?.file_name();
            if let Some(name) = file.to_str().and_then(|f| f.strip_prefix(PREFIX)) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_plain_component() {
        for good in ["crawl", "a.b-c_D9", &"x".repeat(200)] {
            assert_eq!(Place::named(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            ".hidden",
            "..",
            "a/b",
            "naïve",
            "a b",
            "nul\0",
            &"x".repeat(201),
        ] {
            assert!(
                matches!(Place::named(bad), Err(OpenError::Name { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn an_empty_name_or_path_is_said_to_be_empty_and_what_is_allowed() {
        for (place, words) in [
            (
                Place::named(""),
                [
                    "it is empty",
                    "letters, digits, '.', '_' and '-' are allowed",
                ],
            ),
            (
                Place::at(Path::new("")),
                ["the path is empty", "any path of a file is allowed"],
            ),
        ] {
            let error = place.unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
