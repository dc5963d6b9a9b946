//! Opening a path without following symbolic links, or only those of the owner of what they lead to (`disable_symlinks`).
//!
//! Where on a path this begins is the caller's choice. Called by files.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::check;
use super::file::{self, FileInfo, c_path};

/// Which links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// None.
    Never,
    /// Those that belong to the owner of what they lead to.
    SameOwner,
}

const READ: libc::c_int = libc::O_RDONLY | libc::O_NONBLOCK;
const SEARCH: libc::c_int = libc::O_PATH | libc::O_DIRECTORY;

/// Opens for reading, and says what it is. Links in the first `from` bytes of the path, which end before a slash, are followed:
/// they are the operator's.
///
/// # Errors
/// As openat2(2): `ELOOP` when the last name is a link that is not followed, `NotADirectory` when one before it is (which is what
/// open(2) says of either, with O_NOFOLLOW and O_DIRECTORY), `ENOSYS` before Linux 5.6.
pub fn open_static(path: &Path, from: usize, follow: Follow) -> io::Result<(OwnedFd, FileInfo)> {
    let whole = path.as_os_str().as_bytes();
    let (start, rest) = whole.split_at_checked(from).unwrap_or((&[], whole));
    let at = match start {
        [] => None,
        start => Some(file::open(&c_path(as_path(start))?, SEARCH, 0)?),
    };
    let beneath = start.len() + rest.iter().take_while(|byte| **byte == b'/').count();
    let rest = if at.is_some() { &whole[beneath..] } else { rest };
    let fd = match follow {
        Follow::Never => open_unlinked(at.as_ref(), rest)?,
        Follow::SameOwner => walk(at, rest)?,
    };
    let info = file::fstat(fd.as_fd())?;
    Ok((fd, info))
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn number(at: Option<&OwnedFd>) -> RawFd {
    at.map_or(libc::AT_FDCWD, AsRawFd::as_raw_fd)
}

/// One call; only when it met a link, another one asks where.
fn open_unlinked(at: Option<&OwnedFd>, path: &[u8]) -> io::Result<OwnedFd> {
    let met = |error: &io::Error, number| error.raw_os_error() == Some(number);
    match openat2(at, path, READ) {
        Err(error) if met(&error, libc::ELOOP) => {
            let folder = as_path(path).parent().map(|folder| folder.as_os_str().as_bytes());
            let before = folder.filter(|folder| !folder.is_empty()).map(|folder| openat2(at, folder, SEARCH));
            let is_before = before.is_some_and(|opened| opened.is_err_and(|error| met(&error, libc::ELOOP)));
            Err(if is_before { io::Error::from_raw_os_error(libc::ENOTDIR) } else { error })
        }
        // Above where it was to begin: no better than a link that leads there.
        Err(error) if met(&error, libc::EXDEV) => Err(io::Error::from_raw_os_error(libc::ELOOP)),
        opened => opened,
    }
}

fn openat2(at: Option<&OwnedFd>, path: &[u8], flags: libc::c_int) -> io::Result<OwnedFd> {
    // What is left of a path that ends where the links are followed to is that place itself.
    let path = c_path(as_path(if path.is_empty() { b"." } else { path }))?;
    let beneath = if at.is_some() { libc::RESOLVE_BENEATH } else { 0 };
    // SAFETY: `open_how` is plain integers, for which all zeroes is a valid value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).unsigned_abs());
    how.resolve = libc::RESOLVE_NO_SYMLINKS | beneath;
    loop {
        let (dir, name, size) = (number(at), path.as_ptr(), size_of::<libc::open_how>());
        // SAFETY: the path ends in a zero byte; `how` is on this stack frame and `size` bytes long.
        let opened = unsafe { libc::syscall(libc::SYS_openat2, dir, name, &raw const how, size) };
        match check(libc::c_int::try_from(opened).unwrap_or(-1)) {
            // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            // EAGAIN: something on the way was renamed meanwhile.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Name by name, as nginx does it: the kernel has no call for this.
fn walk(at: Option<OwnedFd>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut at = match at {
        None if path.starts_with(b"/") => Some(file::open(c"/", SEARCH, 0)?),
        at => at,
    };
    let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
    let ends_in_slash = path.ends_with(b"/");
    while let Some(name) = names.next() {
        let last = names.peek().is_none();
        let flags = match (last, ends_in_slash) {
            (false, _) => SEARCH,
            (true, true) => READ | libc::O_DIRECTORY,
            (true, false) => READ,
        };
        let opened = open_of_same_owner(at.as_ref(), &c_path(as_path(name))?, flags)?;
        if last {
            return Ok(opened);
        }
        at = Some(opened);
    }
    open_of_same_owner(at.as_ref(), c".", READ)
}

fn open_of_same_owner(at: Option<&OwnedFd>, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let dir = number(at);
    // SAFETY: the name ends in a zero byte.
    let fd = check(unsafe { libc::openat(dir, name.as_ptr(), flags | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut raw = file::zeroed_stat();
    // SAFETY: the name ends in a zero byte and `raw` is a stat on this stack frame.
    check(unsafe { libc::fstatat(dir, name.as_ptr(), &raw mut raw, libc::AT_SYMLINK_NOFOLLOW) })?;
    // Asked of every name: a link may have been put in its place, or taken away, between the two calls.
    if file::fstat(fd.as_fd())?.uid != raw.st_uid {
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn result(path: &Path, from: usize, follow: Follow) -> Result<u64, i32> {
        open_static(path, from, follow)
            .map(|(_, info)| info.size)
            .map_err(|error| error.raw_os_error().unwrap())
    }

    #[test]
    fn links_are_followed_where_they_may_be() {
        let dir = std::env::temp_dir().join(format!("ringx-links-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("real/a")).unwrap();
        fs::write(dir.join("real/a/f"), "1234").unwrap();
        fs::write(dir.join("out"), "12").unwrap();
        for (to, at) in [("real", "way"), ("f", "real/a/link"), ("a", "real/b"), ("../out", "real/up")] {
            symlink(to, dir.join(at)).unwrap();
        }
        // Nothing of the temporary directory's own path is a link in these.
        let dir = fs::canonicalize(dir).unwrap();
        let (real, way) = (dir.join("real"), dir.join("way"));
        let len = |path: &Path| path.as_os_str().len();
        for (path, from, never) in [
            (real.join("a/f"), 0, Ok(4)),
            (real.join("a/link"), 0, Err(libc::ELOOP)),
            (real.join("b/f"), 0, Err(libc::ENOTDIR)),
            (way.join("a/f"), 0, Err(libc::ENOTDIR)),
            (way.join("a/f"), len(&way), Ok(4)),
            (way.join("b/f"), len(&way), Err(libc::ENOTDIR)),
            (way.join("up"), len(&way), Err(libc::ELOOP)),
            // Not beneath, links or not.
            (real.join("../out"), len(&real), Err(libc::ELOOP)),
            (real.join("../out"), 0, Ok(2)),
            (real.join("none"), 0, Err(libc::ENOENT)),
        ] {
            assert_eq!(result(&path, from, Follow::Never), never, "{} from {from}", path.display());
        }
        // All of it belongs to one.
        for path in ["real/a/link", "real/b/f", "way/b/link"] {
            assert_eq!(result(&dir.join(path), 0, Follow::SameOwner), Ok(4), "{path}");
        }
        assert_eq!(result(&real.join("a/f/"), 0, Follow::SameOwner), Err(libc::ENOTDIR));
        assert_eq!(result(&real.join("a/f/x"), 0, Follow::SameOwner), Err(libc::ENOTDIR));
        assert!(open_static(&real, len(&real), Follow::Never).unwrap().1.is_dir());
        fs::remove_dir_all(&dir).unwrap();
    }
}
