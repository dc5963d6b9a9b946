//! The pid file: written whole, and only once every socket listens.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::io::keeper::{self, Ask};

/// Bytes of a pid file that are read: more than any pid has.
const MAX_PID_FILE: usize = 32;

/// What nginx appends to the name of the old executable's file.
const OLD: &str = "oldbin";

/// A pid file of ours.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes our pid. Readers see either the old file or the whole new one.
    pub(super) fn write(path: &Path) -> io::Result<Self> {
        match keeper::ask(Ask::WritePid, path.as_os_str().as_bytes()) {
            Some(written) => written.map(drop)?,
            None => Self::write_of(path, std::process::id())?,
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The keeper does it for the program that it belongs to.
    pub(super) fn write_of(path: &Path, pid: u32) -> io::Result<()> {
        let temporary = beside(path, "new");
        // Who may write it chooses whom `-s stop` ends.
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(&temporary)?;
        writeln!(file, "{pid}")?;
        fs::rename(&temporary, path)
    }

    /// Whether the file could be written; leaves nothing behind.
    pub(super) fn try_write(path: &Path) -> io::Result<()> {
        if let Some(tried) = keeper::ask(Ask::TryPid, path.as_os_str().as_bytes()) {
            return tried.map(drop);
        }
        let temporary = beside(path, &format!("test.{}", std::process::id()));
        drop(fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?);
        fs::remove_file(&temporary)
    }

    /// Gives the file the name of an old one, `PATH.oldbin`: the next executable is about to write its own.
    pub(super) fn set_aside(&mut self) -> io::Result<()> {
        let path = self.path.as_os_str().as_bytes();
        match keeper::ask(Ask::PidAside, path) {
            Some(renamed) => renamed.map(drop)?,
            None => Self::set_aside_of(&self.path)?,
        }
        self.path = beside(&self.path, OLD);
        Ok(())
    }

    /// The keeper does it for the program that it belongs to.
    pub(super) fn set_aside_of(path: &Path) -> io::Result<()> {
        fs::rename(path, beside(path, OLD))
    }

    /// Gives the file its name again: the next executable is gone.
    pub(super) fn bring_back(&mut self) -> io::Result<()> {
        let path = self.path.with_extension("");
        match keeper::ask(Ask::PidBack, path.as_os_str().as_bytes()) {
            Some(renamed) => renamed.map(drop)?,
            None => Self::bring_back_of(&path)?,
        }
        self.path = path;
        Ok(())
    }

    /// The keeper does it for the program that it belongs to.
    pub(super) fn bring_back_of(path: &Path) -> io::Result<()> {
        fs::rename(beside(path, OLD), path)
    }

    /// The name of a pid file that was set aside.
    pub(super) fn aside(path: &Path) -> PathBuf {
        beside(path, OLD)
    }

    /// Removes the file, if it is still ours.
    pub(super) fn remove(self) {
        if keeper::ask(Ask::RemovePid, self.path.as_os_str().as_bytes()).is_none() {
            Self::remove_of(&self.path, std::process::id());
        }
    }

    /// The keeper does it for the program that it belongs to.
    pub(super) fn remove_of(path: &Path, pid: u32) {
        if read(path).is_ok_and(|written| u32::try_from(written) == Ok(pid)) {
            let _ = fs::remove_file(path);
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
