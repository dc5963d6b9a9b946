//! The pid file: written whole, and only once every socket listens.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a pid file that are read: more than any pid has.
const MAX_PID_FILE: usize = 32;

/// A pid file of ours.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes our pid. Readers see either the old file or the whole new one.
    pub(super) fn write(path: &Path) -> io::Result<Self> {
        let temporary = beside(path, "new");
        // Who may write it chooses whom `-s stop` ends.
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(&temporary)?;
        writeln!(file, "{}", std::process::id())?;
        fs::rename(&temporary, path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Whether the file could be written; leaves nothing behind.
    pub(super) fn try_write(path: &Path) -> io::Result<()> {
        let temporary = beside(path, &format!("test.{}", std::process::id()));
        drop(fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?);
        fs::remove_file(&temporary)
    }

    /// Removes the file, if it is still ours.
    pub(super) fn remove(self) {
        if read(&self.path).is_ok_and(|pid| u32::try_from(pid) == Ok(std::process::id())) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `PATH.EXTENSION`.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The pid in a file.
///
/// # Errors
/// As read(2); `InvalidData` with the text when it is no pid.
pub fn read(path: &Path) -> io::Result<i32> {
    let bytes = fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_PID_FILE)]);
    let text = text.trim_end_matches(['\n', '\r']);
    match text.parse() {
        // Digits alone; 0 would mean our own group of processes.
        Ok(pid) if pid > 0 && !text.starts_with('+') => Ok(pid),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, text.to_owned())),
    }
}
