//! `proxy_store`: an app's answer on its way to the client is written to a file, which gets its place when it is whole.
//!
//! The client's answer is never hurt by it: what cannot be stored is logged and not stored.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::Then;
use crate::config::model::LocationId;
use crate::cycle::CycleRef;
use crate::io::{file, named};
use crate::log::{Errno, Level};

/// A file in the making; without its place when it is dropped it is gone.
pub struct Store {
    /// None once it is in its place, or given up.
    file: Option<(OwnedFd, named::OwnName)>,
    place: Place,
    length: u64,
    log: LogTo,
}

/// Where the file goes, and what it is then.
pub struct Place {
    /// The path.
    pub path: PathBuf,
    /// Its mode (`proxy_store_access`).
    pub mode: u32,
    /// When the app says it was changed, in seconds since 1970.
    pub modified: Option<u64>,
    /// The length that the app told.
    pub expected: Option<u64>,
}

/// Who hears of failures.
pub struct LogTo {
    /// The configuration in force.
    pub cycle: CycleRef,
    /// The location in force.
    pub location: LocationId,
    /// The client's number.
    pub serial: u64,
}

impl LogTo {
    fn failed(&self, call: &str, path: &Path, error: &std::io::Error) {
        let conf = self.cycle.location(self.location);
        let (path, why) = (path.display(), Errno(error));
        let message = format_args!("{call} \"{path}\" failed ({why}) while storing upstream's answer");
        self.cycle.logs.error(&conf.error_log, Level::Crit, self.serial, message);
    }
}

impl Store {
    /// Begins with a file in `dir`; `None`, with a line in the log, when there can be none.
    pub fn begin(dir: &Path, place: Place, log: LogTo) -> Option<Self> {
        match named::create(dir, [0; 3]) {
            Ok(file) => Some(Self { file: Some(file), place, length: 0, log }),
            Err(error) => {
                log.failed("open()", dir, &error);
                None
            }
        }
    }

    /// Takes the next bytes of the answer; the last ones put the file into its place.
    pub fn run(&mut self, input: &[u8], then: Then) {
        let Some((file, name)) = &self.file else { return };
        if let Err(error) = file::write_all(file.as_fd(), input) {
            self.log.failed("write()", name.path(), &error);
            self.file = None;
            return;
        }
        self.length += input.len() as u64;
        if then != Then::Finish {
            return;
        }
        let Some((_, name)) = self.file.take() else { return };
        let Place { path, mode, modified, expected } = &self.place;
        if expected.is_some_and(|expected| expected != self.length) {
            return;
        }
        if let Err(error) = name.publish(path, *mode, *modified) {
            self.log.failed("rename()", path, &error);
        }
    }
}
