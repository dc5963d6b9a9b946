//! What is in a directory, for `autoindex`.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::OpenError;
use crate::io::file;

/// Entries read of one directory. A page of more helps nobody, and the listing is made in memory.
pub const MAX_ENTRIES: usize = 100_000;

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Length in bytes.
    pub size: u64,
    /// Last modification, seconds since 1970.
    pub mtime: i64,
}

/// What a name leads to, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// Anything else, and links that lead nowhere.
    Other,
}

/// Reads the names that do not begin with a dot, directories first, then by bytes, as nginx lists them.
///
/// # Errors
/// What opendir(3), readdir(3) or stat(2) said. A name that vanished or may not be looked at is left out.
pub fn list(path: &[u8]) -> Result<Vec<Entry>, OpenError> {
    let path = Path::new(OsStr::from_bytes(path));
    let names = std::fs::read_dir(path).map_err(|error| OpenError::new("opendir()", &error))?;
    let mut entries = Vec::new();
    for name in names {
        let name = name.map_err(|error| OpenError::new("readdir()", &error))?.file_name().into_vec();
        if name.starts_with(b".") || entries.len() == MAX_ENTRIES {
            continue;
        }
        let full = path.join(OsStr::from_bytes(&name));
        // A link that leads nowhere is listed as itself.
        let Ok(info) = file::stat(&full).or_else(|_| file::lstat(&full)) else { continue };
        let kind = match (info.is_dir(), info.is_file()) {
            (true, _) => EntryKind::Directory,
            (_, true) => EntryKind::File,
            _ => EntryKind::Other,
        };
        entries.push(Entry { name, kind, size: info.size, mtime: info.mtime });
    }
    entries.sort_unstable_by(|a, b| {
        let rank = |entry: &Entry| entry.kind != EntryKind::Directory;
        rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn directories_come_first_and_dots_are_hidden() {
        let dir = std::env::temp_dir().join(format!("ringx-directory-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("z")).unwrap();
        fs::write(dir.join("a"), b"abc").unwrap();
        fs::write(dir.join("B"), b"").unwrap();
        fs::write(dir.join(".hidden"), b"").unwrap();
        std::os::unix::fs::symlink("z", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join("broken")).unwrap();
        let entries = list(dir.as_os_str().as_bytes()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (std::str::from_utf8(&e.name).unwrap(), e.kind)).collect();
        use EntryKind::{Directory, File, Other};
        assert_eq!(
            seen,
            [("link", Directory), ("z", Directory), ("B", File), ("a", File), ("broken", Other)]
        );
        assert_eq!(entries[3].size, 3);
        let error = list(dir.join("a").as_os_str().as_bytes()).unwrap_err();
        assert_eq!(format!("{} {error}", error.call), "opendir() (20: Not a directory)");
        fs::remove_dir_all(&dir).unwrap();
    }
}
