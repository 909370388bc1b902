//! What a process must not share with those that it forks: connections, and locks that another
//! thread may have held when it forked.

use std::process;
use std::sync::OnceLock;

/// Something that each process has for itself. A forked child makes its own, and leaves that of
/// its parent alone.
#[derive(Debug)]
pub struct ByProcess<T> {
    process: u32,
    value: T,
    child: OnceLock<Box<ByProcess<T>>>,
}

impl<T> ByProcess<T> {
    pub fn new(value: T) -> Self {
        Self {
            process: process::id(),
            value,
            child: OnceLock::new(),
        }
    }

    /// This process's own; made by `make`, if it was forked since.
    pub fn here(&self, make: impl FnOnce() -> T) -> &T {
        let here = process::id();
        let mut link = self;
        while link.process != here {
            link = match link.child.get() {
                Some(child) => child,
                None => return &link.child.get_or_init(|| Box::new(Self::new(make()))).value,
            };
        }
        &link.value
    }
}
