//! Files by direct system calls: what a page cache answers at once does not go through the ring.
//!
//! Every descriptor is close-on-exec. Never follows policy of its own: which path may be opened is decided by
//! the caller. Called by files, http (temporary files), log writers and master.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{check, retry};

/// Tries for a free name where the file system has no O_TMPFILE.
const TEMP_NAME_TRIES: u32 = 100;

/// Too many symbolic links on the way (`ErrorKind` has no stable name for it).
pub const ELOOP: i32 = libc::ELOOP;
/// The process has no descriptor left.
pub const EMFILE: i32 = libc::EMFILE;
/// Not allowed.
pub const EACCES: i32 = libc::EACCES;
/// No such file.
pub const ENOENT: i32 = libc::ENOENT;

/// What fstat(2) says that a server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Device.
    pub dev: u64,
    /// Inode: with `dev` the identity of the file.
    pub ino: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last modification, seconds since 1970.
    pub mtime: i64,
    /// The nanoseconds of `mtime`.
    pub mtime_nsec: i64,
    /// Type and permission bits.
    pub mode: u32,
    /// Owner, for `disable_symlinks if_not_owner`.
    pub uid: u32,
}

impl FileInfo {
    /// A regular file.
    pub fn is_file(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    /// Its owner may execute it.
    pub fn is_executable(&self) -> bool {
        self.mode & libc::S_IXUSR != 0
    }

    /// A directory.
    pub fn is_dir(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }
}

/// Opens for reading without ever blocking on what it is (a FIFO), and says what it is.
///
/// # Errors
/// As open(2): `NotFound`, `NotADirectory`, `PermissionDenied`, `ENAMETOOLONG`, `ELOOP`, `EMFILE`.
/// A path with a zero byte is `NotFound`: no file has such a name.
pub fn open_static(path: &Path) -> io::Result<(OwnedFd, FileInfo)> {
    let fd = with_c_path(path, |path| open(path, libc::O_RDONLY | libc::O_NONBLOCK, 0))?;
    let info = fstat(fd.as_fd())?;
    Ok((fd, info))
}

/// What the path leads to, symbolic links followed.
///
/// # Errors
/// As stat(2).
pub fn stat(path: &Path) -> io::Result<FileInfo> {
    let mut raw = zeroed_stat();
    // SAFETY: the path ends in a zero byte and `raw` is a stat on this stack frame.
    with_c_path(path, |path| check(unsafe { libc::stat(path.as_ptr(), &raw mut raw) }))?;
    Ok(info_of(&raw))
}

/// What the path itself is, a symbolic link not followed.
///
/// # Errors
/// As lstat(2).
pub fn lstat(path: &Path) -> io::Result<FileInfo> {
    let mut raw = zeroed_stat();
    // SAFETY: the path ends in a zero byte and `raw` is a stat on this stack frame.
    with_c_path(path, |path| check(unsafe { libc::lstat(path.as_ptr(), &raw mut raw) }))?;
    Ok(info_of(&raw))
}

/// What an open descriptor is.
///
/// # Errors
/// None that an open descriptor can meet.
pub fn fstat(fd: BorrowedFd<'_>) -> io::Result<FileInfo> {
    let mut raw = zeroed_stat();
    // SAFETY: the descriptor is open while borrowed and `raw` is a stat on this stack frame.
    check(unsafe { libc::fstat(fd.as_raw_fd(), &raw mut raw) })?;
    Ok(info_of(&raw))
}

/// Fills `buf` from `offset` on.
///
/// # Errors
/// `UnexpectedEof` when the file is shorter: it was truncated since its size was taken.
pub fn read_exact_at(fd: BorrowedFd<'_>, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match read_at(fd, buf, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                buf = &mut buf[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}

/// pread(2): the number of bytes read at `offset`, 0 at the end.
///
/// # Errors
/// As pread(2).
pub fn read_at(fd: BorrowedFd<'_>, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let at = file_offset(offset)?;
    let (pointer, len) = (buf.as_mut_ptr(), buf.len());
    // SAFETY: `buf` is ours to write over its whole length until the call returns.
    retry(|| unsafe { libc::pread(fd.as_raw_fd(), pointer.cast(), len, at) })
}

/// Writes all of `buf` at `offset`.
///
/// # Errors
/// As pwrite(2): `StorageFull`.
pub fn write_all_at(fd: BorrowedFd<'_>, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        let at = file_offset(offset)?;
        // SAFETY: `buf` is readable over its whole length until the call returns.
        let count = retry(|| unsafe { libc::pwrite(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), at) })?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        buf = &buf[count..];
        offset += count as u64;
    }
    Ok(())
}

/// Writes all of `buf` where the descriptor stands (at the end, for a log).
///
/// # Errors
/// As write(2).
pub fn write_all(fd: BorrowedFd<'_>, mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        // SAFETY: `buf` is readable over its whole length until the call returns.
        let count = retry(|| unsafe { libc::write(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len()) })?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        buf = &buf[count..];
    }
    Ok(())
}

/// A file in `dir` without a name, mode 0600, gone with its last descriptor.
///
/// # Errors
/// As open(2): the directory is missing, not writable or full.
pub fn create_temp(dir: &Path) -> io::Result<OwnedFd> {
    match with_c_path(dir, |path| open(path, libc::O_TMPFILE | libc::O_RDWR, 0o600)) {
        // EISDIR and EOPNOTSUPP: a kernel or a file system without O_TMPFILE, open(2).
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EISDIR | libc::EOPNOTSUPP | libc::EINVAL)) =>
        {
            create_temp_named(dir)
        }
        other => other,
    }
}

/// Creates a file under a fresh name and unlinks it at once.
fn create_temp_named(dir: &Path) -> io::Result<OwnedFd> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..TEMP_NAME_TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = c_path(&dir.join(format!("{:010}.{}", number, std::process::id())))?;
        match open(&path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, 0o600) {
            Ok(fd) => {
                // SAFETY: the path ends in a zero byte.
                check(unsafe { libc::unlink(path.as_ptr()) })?;
                return Ok(fd);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The path without symbolic links, `.` and `..`.
///
/// # Errors
/// As realpath(3): every component must exist.
pub fn realpath(path: &Path) -> io::Result<PathBuf> {
    let path = c_path(path)?;
    // SAFETY: the path ends in a zero byte; a null buffer asks realpath to allocate one with malloc.
    let resolved = unsafe { libc::realpath(path.as_ptr(), std::ptr::null_mut()) };
    if resolved.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: realpath returned a string that ends in a zero byte.
    let bytes = unsafe { CStr::from_ptr(resolved) }.to_bytes().to_vec();
    // SAFETY: the buffer came from malloc and is not used any more.
    unsafe { libc::free(resolved.cast()) };
    Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

pub(super) fn open(path: &CStr, flags: libc::c_int, mode: libc::mode_t) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: the path ends in a zero byte.
        match check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) }) {
            // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::NotFound.into())
}

/// Paths up to this length are given to the kernel from the stack: what a request looks for costs no allocation.
const SHORT_PATH: usize = 512;

fn with_c_path<T>(path: &Path, call: impl FnOnce(&CStr) -> io::Result<T>) -> io::Result<T> {
    let bytes = path.as_os_str().as_bytes();
    let mut buffer = [0; SHORT_PATH];
    let Some(room) = buffer.get_mut(..bytes.len()).filter(|_| bytes.len() < SHORT_PATH) else {
        return call(&c_path(path)?);
    };
    room.copy_from_slice(bytes);
    match CStr::from_bytes_with_nul(&buffer[..=bytes.len()]) {
        Ok(path) => call(path),
        Err(_) => Err(io::ErrorKind::NotFound.into()),
    }
}

pub(super) fn zeroed_stat() -> libc::stat {
    // SAFETY: stat is plain integers, for which all zeroes is a valid value.
    unsafe { std::mem::zeroed() }
}

fn info_of(raw: &libc::stat) -> FileInfo {
    FileInfo {
        dev: raw.st_dev,
        ino: raw.st_ino,
        size: u64::try_from(raw.st_size).unwrap_or(0),
        mtime: raw.st_mtime,
        mtime_nsec: raw.st_mtime_nsec,
        mode: raw.st_mode,
        uid: raw.st_uid,
    }
}

/// An offset as the kernel takes it.
pub(super) fn file_offset(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ringx-io-file-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_file_is_opened_described_and_read() {
        let dir = scratch("read");
        let path = dir.join("a");
        fs::write(&path, b"hello world").unwrap();
        let (fd, info) = open_static(&path).unwrap();
        assert!(info.is_file() && !info.is_dir());
        assert_eq!(info.size, 11);
        assert_eq!(info, stat(&path).unwrap());
        let mut buf = [0; 5];
        read_exact_at(fd.as_fd(), &mut buf, 6).unwrap();
        assert_eq!(&buf, b"world");
        assert_eq!(read_exact_at(fd.as_fd(), &mut buf, 8).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(open_static(&dir).unwrap().1.is_dir());
        assert_eq!(open_static(&dir.join("no")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(open_static(Path::new("a\0b")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(stat(&path.join("x")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_fifo_does_not_block_the_open() {
        let dir = scratch("fifo");
        let path = c_path(&dir.join("fifo")).unwrap();
        // SAFETY: the path ends in a zero byte.
        check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }).unwrap();
        let (_, info) = open_static(&dir.join("fifo")).unwrap();
        assert!(!info.is_file() && !info.is_dir());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn temporary_files_have_no_name() {
        let dir = scratch("temp");
        for create in [create_temp, create_temp_named] {
            let fd = create(&dir).unwrap();
            write_all_at(fd.as_fd(), b"abc", 2).unwrap();
            let mut buf = [1; 5];
            read_exact_at(fd.as_fd(), &mut buf, 0).unwrap();
            assert_eq!(&buf, b"\0\0abc");
            assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        }
        assert_eq!(create_temp(&dir.join("no")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn realpath_follows_links() {
        let dir = scratch("beneath");
        fs::create_dir(dir.join("in")).unwrap();
        fs::write(dir.join("in/a"), b"a").unwrap();
        fs::write(dir.join("secret"), b"s").unwrap();
        std::os::unix::fs::symlink("../secret", dir.join("in/link")).unwrap();
        assert_eq!(realpath(&dir.join("in/link")).unwrap(), realpath(&dir).unwrap().join("secret"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
