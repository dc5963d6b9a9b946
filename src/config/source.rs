//! The files a configuration consists of: read once, kept for messages and for `-T`.
//!
//! Paths are resolved here and nowhere else: relative ones against the folder of the main file, as nginx does.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::{FileId, Pos};
use crate::log::Errno;

/// Largest configuration file that is read, bytes: far beyond any real one, small enough to hold.
const MAX_FILE: u64 = 64 << 20;

/// How files are looked at: a program that has given root's rights up asks somebody else for some of them.
#[derive(Debug, Clone, Copy)]
pub struct FileAccess {
    /// Opens a file for reading.
    pub open: fn(&Path) -> std::io::Result<File>,
    /// The names in a directory.
    pub names: fn(&Path) -> std::io::Result<Vec<OsString>>,
    /// Whether there is something by this path.
    pub exists: fn(&Path) -> bool,
}

impl Default for FileAccess {
    fn default() -> Self {
        Self {
            open: |path| File::open(path),
            names: |dir| Ok(std::fs::read_dir(dir)?.flatten().map(|entry| entry.file_name()).collect()),
            exists: Path::exists,
        }
    }
}

/// One file.
#[derive(Debug)]
struct SourceFile {
    /// `None` is the text of `-g`.
    path: Option<PathBuf>,
    text: Vec<u8>,
}

/// All files that were read, in the order of reading.
#[derive(Debug)]
pub struct Sources {
    conf_prefix: PathBuf,
    files: Vec<SourceFile>,
    access: FileAccess,
}

impl Sources {
    /// No file yet; `conf_prefix` is the folder of the main file.
    pub fn new(conf_prefix: impl Into<PathBuf>, access: FileAccess) -> Self {
        Self { conf_prefix: conf_prefix.into(), files: Vec::new(), access }
    }

    /// How files are looked at.
    pub(super) fn access(&self) -> FileAccess {
        self.access
    }

    /// A path as `include` means it: relative to the folder of the main file.
    pub fn full_path(&self, written: &[u8]) -> PathBuf {
        self.conf_prefix.join(OsStr::from_bytes(written))
    }

    /// Reads a file. One that was read before is kept once.
    ///
    /// # Errors
    /// nginx's words: `open() "/x" failed (2: No such file or directory)`.
    pub fn read(&mut self, path: &Path) -> Result<FileId, String> {
        if let Some(at) = self.files.iter().position(|file| file.path.as_deref() == Some(path)) {
            return Ok(id(at));
        }
        let failed =
            |call: &str, e: &std::io::Error| format!("{call}() \"{}\" failed ({})", path.display(), Errno(e));
        let file = (self.access.open)(path).map_err(|e| failed("open", &e))?;
        let mut text = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|e| failed("read", &e))?;
        if text.len() as u64 > MAX_FILE {
            return Err(format!("\"{}\" is larger than {MAX_FILE} bytes", path.display()));
        }
        self.add(Some(path.to_path_buf()), text)
    }

    /// Adds text that is no file: the argument of `-g`, or what other switches stand for.
    ///
    /// # Errors
    /// Only when there are more than 65,535 files.
    pub fn add_text(&mut self, text: impl Into<Vec<u8>>) -> Result<FileId, String> {
        self.add(None, text.into())
    }

    fn add(&mut self, path: Option<PathBuf>, text: Vec<u8>) -> Result<FileId, String> {
        if self.files.len() >= usize::from(u16::MAX) {
            return Err("too many configuration files".to_owned());
        }
        self.files.push(SourceFile { path, text });
        Ok(id(self.files.len() - 1))
    }

    /// The bytes of a file, without a byte order mark.
    pub fn text(&self, file: FileId) -> &[u8] {
        let text = self.files.get(usize::from(file.0)).map_or(&b""[..], |file| file.text.as_slice());
        text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
    }

    /// `FILE:LINE`, or `command line`.
    pub fn place(&self, pos: Pos) -> String {
        match self.path(pos.file) {
            Some(path) => format!("{}:{}", path.display(), pos.line),
            None => "command line".to_owned(),
        }
    }

    /// The path of a file; `None` for the command line.
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.files.get(usize::from(file.0))?.path.as_deref()
    }

    /// The text of a line, trimmed.
    pub fn line(&self, pos: Pos) -> Option<String> {
        let text = self.text(pos.file);
        let line = text.split(|b| *b == b'\n').nth(pos.line.checked_sub(1)? as usize)?;
        Some(String::from_utf8_lossy(line).trim().to_owned())
    }

    /// All files as `-T` prints them.
    pub fn dump(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for file in &self.files {
            let Some(path) = &file.path else { continue };
            out.extend_from_slice(b"# configuration file ");
            out.extend_from_slice(path.as_os_str().as_bytes());
            out.extend_from_slice(b":\n");
            out.extend_from_slice(&file.text);
            out.push(b'\n');
        }
        out
    }
}

fn id(at: usize) -> FileId {
    FileId(u16::try_from(at).unwrap_or(u16::MAX))
}
