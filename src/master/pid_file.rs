//! The pid file: written whole, and only once every socket listens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A pid file of ours.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes our pid. Readers see either the old file or the whole new one.
    pub(super) fn write(path: &Path) -> io::Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        fs::write(&temporary, format!("{}\n", std::process::id()))?;
        fs::rename(&temporary, path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Removes the file, if it is still ours.
    pub(super) fn remove(self) {
        if read(&self.path).is_ok_and(|pid| u32::try_from(pid) == Ok(std::process::id())) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The pid in a file.
pub fn read(path: &Path) -> io::Result<i32> {
    let text = fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, text.trim().to_owned()))
}
