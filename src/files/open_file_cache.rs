//! One core's cache of files: descriptors, what fstat(2) said, and the content of small ones (`open_file_cache*`).
//!
//! A path is looked at again once per `open_file_cache_valid`; until then a hit costs a hash look-up and no system
//! call. What an [`OpenFile`] says and what it holds always belong together: content whose file changed while it was
//! read is not kept. Nothing here is shared between cores. Called by `handler`; `http` sends from an [`OpenFile`].

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::path_hash::PathHash;
use crate::config::model::OpenFileCacheConf;
use crate::http1::encode;
use crate::io::file::{self, EMFILE, ENOENT, FileInfo};
use crate::io::links::{self, Follow};
use crate::time::{self, Now};

/// Files up to this size are kept in memory: one send of them is cheaper than sendfile(2) with its set-up. Beyond it the
/// copy costs more: measured with 12, 24, 40 and 64 KiB.
pub const MAX_CONTENT: u64 = 32 * 1024;

/// Memory one core spends on contents, bytes.
const MAX_CONTENT_BYTES: usize = 64 * 1024 * 1024;

/// A file may change twice within one tick of its file system's clock, and then looks unchanged. Content that was read
/// less than this after the last change is read again when it is looked at again. FAT has the coarsest clock: 2 s.
const UNSETTLED_MS: u64 = 2000;

/// Tries to read content while it is being rewritten.
const READ_TRIES: u32 = 3;

/// Entries that were not used for `inactive` and are dropped per miss.
const EXPIRED_PER_MISS: usize = 2;

/// Entries dropped when the process runs out of descriptors.
const DROPPED_FOR_DESCRIPTORS: usize = 32;

/// A file (or directory) as it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// Length in bytes.
    pub size: u64,
    /// Last modification, seconds since 1970.
    pub mtime: i64,
    /// All of its bytes when it is small.
    pub content: Option<Bytes>,
    info: FileInfo,
    /// Kept for regular files without content.
    fd: Option<OwnedFd>,
    etag: ([u8; ETAG_LEN], usize),
    head: Box<[u8]>,
    tail: Box<[u8]>,
    /// The content may have changed after it was read without a trace.
    unsettled: bool,
}

/// `"`, 16 hexadecimal digits and a sign, `-`, 16 digits, `"`.
const ETAG_LEN: usize = 36;

impl OpenFile {
    /// The descriptor to send from: there is one whenever a regular file has no `content`.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// `len` bytes from `start`, if the content is here and has them.
    pub fn content_part(&self, start: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.content.as_ref()?.get(start..end)
    }

    /// The entity tag as nginx makes it, quotes included: `"mtime-size"` in hexadecimal.
    pub fn etag(&self) -> &[u8] {
        &self.etag.0[..self.etag.1]
    }

    /// That of an answer of another length made from this file.
    pub fn etag_for(&self, length: u64, etag: &mut Vec<u8>) {
        let (text, len) = etag_text(self.mtime, length);
        etag.clear();
        etag.extend_from_slice(&text[..len]);
    }

    /// `Content-Length` and `Last-Modified` of the whole file, as they stand in a response head.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// `ETag` and `Accept-Ranges`, as they stand in a response head.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// A directory.
    pub fn is_dir(&self) -> bool {
        self.info.is_dir()
    }

    /// A regular file.
    pub fn is_file(&self) -> bool {
        self.info.is_file()
    }

    /// The file at a path on which from a byte on not all links are followed; never one of the cache.
    ///
    /// # Errors
    /// What openat(2) said.
    pub fn open_restricted(path: &[u8], from: usize, follow: Follow, now: Now) -> Result<Self, OpenError> {
        links::open_static(as_path(path), from, follow)
            .and_then(|(fd, info)| Self::of(fd, info, now))
            .map_err(|error| OpenError::new("openat()", &error))
    }

    /// What is at such a path.
    ///
    /// # Errors
    /// What openat(2) said.
    pub fn probe_restricted(path: &[u8], from: usize, follow: Follow) -> Result<FileInfo, OpenError> {
        let opened = links::open_static(as_path(path), from, follow);
        opened.map(|(_, info)| info).map_err(|error| OpenError::new("openat()", &error))
    }

    fn open(path: &[u8], now: Now) -> io::Result<Self> {
        let (fd, info) = file::open_static(as_path(path))?;
        Self::of(fd, info, now)
    }

    fn of(fd: OwnedFd, info: FileInfo, now: Now) -> io::Result<Self> {
        if info.is_file() { Self::load(fd, info, now) } else { Ok(Self::new(info, None, None)) }
    }

    /// Reads the content of a small file, so that it belongs to the size and time that go with it.
    fn load(fd: OwnedFd, mut info: FileInfo, now: Now) -> io::Result<Self> {
        for _ in 0..READ_TRIES {
            if info.size > MAX_CONTENT {
                break;
            }
            let mut content = vec![0; info.size as usize];
            let whole = match file::read_exact_at(fd.as_fd(), &mut content, 0) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
                Err(error) => return Err(error),
            };
            let after = file::fstat(fd.as_fd())?;
            if whole && after == info {
                let mut file = Self::new(info, Some(Bytes::from(content)), None);
                let changed_ms = info.mtime.saturating_mul(1000).saturating_add(info.mtime_nsec / 1_000_000);
                file.unsettled = u64::try_from(changed_ms)
                    .is_ok_and(|changed_ms| now.unix_ms < changed_ms.saturating_add(UNSETTLED_MS));
                return Ok(file);
            }
            info = after;
        }
        Ok(Self::new(info, None, Some(fd)))
    }

    fn new(info: FileInfo, content: Option<Bytes>, fd: Option<OwnedFd>) -> Self {
        let etag = etag_text(info.mtime, info.size);
        let mut head = Vec::new();
        encode::push_number_field(&mut head, b"Content-Length", info.size);
        encode::push_field(&mut head, b"Last-Modified", &time::http_date(info.mtime));
        let head = head.into_boxed_slice();
        let mut tail = Vec::new();
        encode::push_field(&mut tail, b"ETag", &etag.0[..etag.1]);
        encode::push_field(&mut tail, b"Accept-Ranges", b"bytes");
        let tail = tail.into_boxed_slice();
        Self { size: info.size, mtime: info.mtime, content, info, fd, etag, head, tail, unsettled: false }
    }
}

/// Why a path could not be opened, or looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenError {
    /// The system call, as nginx names it: `open()`.
    pub call: &'static str,
    errno: i32,
}

impl OpenError {
    /// The failure of a system call on a path.
    pub fn new(call: &'static str, error: &io::Error) -> Self {
        Self { call, errno: error.raw_os_error().unwrap_or(ENOENT) }
    }

    /// ENOENT: the name does not exist.
    pub fn is_absent(self) -> bool {
        self.errno == ENOENT
    }

    /// ENOENT, ENOTDIR or ENAMETOOLONG: no such file can be there (404).
    pub fn is_not_found(self) -> bool {
        use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
        matches!(self.kind(), NotFound | NotADirectory | InvalidFilename)
    }

    /// EACCES or ELOOP (403).
    pub fn is_forbidden(self) -> bool {
        self.is_denied() || self.errno == file::ELOOP
    }

    /// EACCES.
    pub fn is_denied(self) -> bool {
        self.kind() == io::ErrorKind::PermissionDenied
    }

    fn kind(self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.errno).kind()
    }
}

/// `(2: No such file or directory)`, as nginx ends its lines.
impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = io::Error::from_raw_os_error(self.errno).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        write!(f, "({}: {text})", self.errno)
    }
}

/// "No entry" in the list of recent use.
const NONE: u32 = u32::MAX;

struct Entry {
    path: Rc<[u8]>,
    found: Result<Rc<OpenFile>, OpenError>,
    checked_ms: u64,
    used_ms: u64,
    /// Times it was asked for (`open_file_cache_min_uses`).
    uses: u32,
    /// Neighbours in the list of recent use.
    newer: u32,
    older: u32,
}

/// The files of one core by path.
#[derive(Default)]
pub struct OpenFileCache {
    index: HashMap<Rc<[u8]>, u32, PathHash>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    ends: Option<(u32, u32)>,
    content_bytes: usize,
    /// The largest `max=` of the locations that asked so far.
    limit: usize,
}

impl OpenFileCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything; files that are being sent stay open until they are.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The file at `path`, opened or as it was at most `open_file_cache_valid` ago.
    ///
    /// # Errors
    /// What open(2) said.
    pub fn open(
        &mut self,
        path: &[u8],
        conf: &OpenFileCacheConf,
        now: Now,
    ) -> Result<Rc<OpenFile>, OpenError> {
        self.limit = self.limit.max(conf.max);
        let Some(&at) = self.index.get(path) else { return self.miss(path, conf, now) };
        self.touch(at, now);
        let Some(entry) = self.entries[at as usize].as_mut() else { return self.miss(path, conf, now) };
        let uses = entry.uses;
        entry.uses = uses.saturating_add(1);
        // As in nginx, a file that was not asked for often enough is looked at again each time; a directory is not.
        let counts = uses >= conf.min_uses || entry.found.as_ref().map_or(true, |file| file.is_dir());
        let valid_ms = millis(conf.valid);
        if counts && now.monotonic_ms.saturating_sub(entry.checked_ms) < valid_ms {
            return entry.found.clone();
        }
        if let Ok(file) = &entry.found
            && !file.unsettled
            && file::stat(as_path(path)).is_ok_and(|info| same(&info, &file.info))
        {
            entry.checked_ms = now.monotonic_ms;
            return Ok(Rc::clone(file));
        }
        self.remove(at);
        let found = self.miss(path, conf, now);
        if let Some(entry) = self.index.get(path).and_then(|at| self.entries[*at as usize].as_mut()) {
            entry.uses = uses.saturating_add(1);
        }
        found
    }

    /// What `path` leads to, as [`OpenFileCache::open`] but without opening what is not in the cache: a file that may
    /// not be read exists all the same (`try_files`).
    ///
    /// # Errors
    /// What stat(2) said.
    pub fn probe(&mut self, path: &[u8], conf: &OpenFileCacheConf, now: Now) -> Result<FileInfo, OpenError> {
        if self.index.contains_key(path)
            && let Ok(file) = self.open(path, conf, now)
        {
            return Ok(file.info);
        }
        file::stat(as_path(path)).map_err(|error| OpenError::new("stat()", &error))
    }

    /// Number of paths held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn miss(&mut self, path: &[u8], conf: &OpenFileCacheConf, now: Now) -> Result<Rc<OpenFile>, OpenError> {
        self.expire(conf, now);
        let mut found = OpenFile::open(path, now);
        if found.as_ref().is_err_and(|error| error.raw_os_error() == Some(EMFILE)) {
            for _ in 0..DROPPED_FOR_DESCRIPTORS {
                self.drop_oldest();
            }
            found = OpenFile::open(path, now);
        }
        let found = found.map(Rc::new).map_err(|error| OpenError::new("open()", &error));
        if self.limit > 0 && (found.is_ok() || conf.errors) {
            self.insert(path, found.clone(), now);
        }
        found
    }

    fn insert(&mut self, path: &[u8], found: Result<Rc<OpenFile>, OpenError>, now: Now) {
        let bytes = content_len(&found);
        while self.index.len() >= self.limit || self.content_bytes + bytes > MAX_CONTENT_BYTES {
            if !self.drop_oldest() {
                break;
            }
        }
        let path: Rc<[u8]> = Rc::from(path);
        let entry = Entry {
            path: Rc::clone(&path),
            found,
            checked_ms: now.monotonic_ms,
            used_ms: now.monotonic_ms,
            uses: 1,
            newer: NONE,
            older: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = Some(entry);
                at
            }
            None => {
                self.entries.push(Some(entry));
                (self.entries.len() - 1) as u32
            }
        };
        self.content_bytes += bytes;
        self.index.insert(path, at);
        self.link_newest(at);
    }

    /// Drops a few of the longest unused entries if they are unused for `inactive`.
    fn expire(&mut self, conf: &OpenFileCacheConf, now: Now) {
        let inactive_ms = millis(conf.inactive);
        for _ in 0..EXPIRED_PER_MISS {
            let Some((_, oldest)) = self.ends else { return };
            let Some(entry) = &self.entries[oldest as usize] else { return };
            if now.monotonic_ms.saturating_sub(entry.used_ms) < inactive_ms {
                return;
            }
            self.remove(oldest);
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.ends else { return false };
        self.remove(oldest);
        true
    }

    fn remove(&mut self, at: u32) {
        self.unlink(at);
        if let Some(entry) = self.entries[at as usize].take() {
            self.content_bytes -= content_len(&entry.found);
            self.index.remove(&entry.path);
            self.free.push(at);
        }
    }

    /// Makes an entry the most recently used one.
    fn touch(&mut self, at: u32, now: Now) {
        if let Some(entry) = self.entries[at as usize].as_mut() {
            entry.used_ms = now.monotonic_ms;
        }
        if self.ends.is_some_and(|(newest, _)| newest != at) {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    fn link_newest(&mut self, at: u32) {
        let previous = self.ends.map(|(newest, _)| newest);
        if let Some(entry) = self.entries[at as usize].as_mut() {
            entry.newer = NONE;
            entry.older = previous.unwrap_or(NONE);
        }
        if let Some(entry) = previous.and_then(|p| self.entries[p as usize].as_mut()) {
            entry.newer = at;
        }
        self.ends = Some((at, self.ends.map_or(at, |(_, oldest)| oldest)));
    }

    fn unlink(&mut self, at: u32) {
        let Some((newer, older)) = self.entries[at as usize].as_ref().map(|e| (e.newer, e.older)) else {
            return;
        };
        let Some((mut newest, mut oldest)) = self.ends else { return };
        match self.entries.get_mut(newer as usize) {
            Some(Some(neighbour)) => neighbour.older = older,
            _ => newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(Some(neighbour)) => neighbour.newer = newer,
            _ => oldest = newer,
        }
        self.ends = if newest == NONE { None } else { Some((newest, oldest)) };
    }
}

fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

fn same(a: &FileInfo, b: &FileInfo) -> bool {
    (a.dev, a.ino, a.size, a.mtime, a.mtime_nsec, a.mode)
        == (b.dev, b.ino, b.size, b.mtime, b.mtime_nsec, b.mode)
}

fn content_len(found: &Result<Rc<OpenFile>, OpenError>) -> usize {
    found.as_ref().ok().and_then(|file| file.content.as_ref()).map_or(0, Bytes::len)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// nginx's `"%xT-%xO"`.
fn etag_text(mtime: i64, size: u64) -> ([u8; ETAG_LEN], usize) {
    use io::Write;
    let mut text = [0; ETAG_LEN];
    let mut rest = &mut text[..];
    let sign = if mtime < 0 { "-" } else { "" };
    let fits = write!(rest, "\"{sign}{:x}-{size:x}\"", mtime.unsigned_abs());
    debug_assert!(fits.is_ok(), "36 bytes hold two 64-bit numbers");
    let len = ETAG_LEN - rest.len();
    (text, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    /// A directory of its own for one test, gone with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir =
                std::env::temp_dir().join(format!("ringx-open-file-cache-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn path(&self, name: &str) -> Vec<u8> {
            self.0.join(name).into_os_string().into_encoded_bytes()
        }

        fn write(&self, name: &str, content: &[u8]) -> Vec<u8> {
            fs::write(self.0.join(name), content).unwrap();
            self.path(name)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn conf() -> OpenFileCacheConf {
        OpenFileCacheConf {
            max: 100,
            inactive: Duration::from_secs(60),
            valid: Duration::from_secs(1),
            min_uses: 1,
            errors: false,
        }
    }

    /// A moment `ms` after some start, long after every file was written.
    fn at(ms: u64) -> Now {
        Now { monotonic_ms: ms, unix_ms: u64::from(u32::MAX) * 1000 + ms }
    }

    fn content(file: &OpenFile) -> &[u8] {
        file.content.as_ref().unwrap()
    }

    #[test]
    fn entity_tags_are_nginx_s() {
        let text = |mtime, size| {
            let (text, len) = etag_text(mtime, size);
            String::from_utf8(text[..len].to_vec()).unwrap()
        };
        assert_eq!(text(0x6b03_3910, 12), "\"6b033910-c\"");
        assert_eq!(text(-1, 0), "\"-1-0\"");
        assert_eq!(text(i64::MIN, u64::MAX), "\"-8000000000000000-ffffffffffffffff\"");
    }

    #[test]
    fn a_hit_is_the_same_file_until_it_is_looked_at_again() {
        let dir = Scratch::new("hit");
        let path = dir.write("a", b"one");
        let mut cache = OpenFileCache::default();
        let first = cache.open(&path, &conf(), at(0)).unwrap();
        assert_eq!(content(&first), b"one");
        assert!(first.fd().is_none() && first.is_file() && !first.is_dir());
        dir.write("a", b"three");
        let within = cache.open(&path, &conf(), at(999)).unwrap();
        assert!(Rc::ptr_eq(&first, &within));
        let after = cache.open(&path, &conf(), at(1000)).unwrap();
        assert_eq!((content(&after), after.size), (&b"three"[..], 5));
        let unchanged = cache.open(&path, &conf(), at(5000)).unwrap();
        assert!(Rc::ptr_eq(&after, &unchanged));
        assert_eq!(content(&first), b"one");
    }

    #[test]
    fn a_file_is_trusted_after_min_uses() {
        let dir = Scratch::new("min_uses");
        let path = dir.write("a", b"1");
        let mut cache = OpenFileCache::new();
        let conf = OpenFileCacheConf { min_uses: 2, ..conf() };
        let mut seen = Vec::new();
        for text in [b"1", b"2", b"3", b"4"] {
            // A rename, so that each is another file whatever its clock says.
            let next = dir.write("next", text);
            fs::rename(as_path(&next), as_path(&path)).unwrap();
            seen.extend_from_slice(content(&cache.open(&path, &conf, at(0)).unwrap()));
        }
        assert_eq!(seen, b"1222");
    }

    #[test]
    fn a_replaced_or_deleted_file_is_noticed() {
        let dir = Scratch::new("replaced");
        let path = dir.write("a", b"one");
        let mut cache = OpenFileCache::default();
        cache.open(&path, &conf(), at(0)).unwrap();
        let other = dir.0.join("b");
        fs::write(&other, b"two").unwrap();
        fs::rename(&other, dir.0.join("a")).unwrap();
        assert_eq!(content(&cache.open(&path, &conf(), at(1000)).unwrap()), b"two");
        fs::remove_file(dir.0.join("a")).unwrap();
        let error = cache.open(&path, &conf(), at(2000)).unwrap_err();
        assert!(error.is_absent() && error.is_not_found() && !error.is_forbidden());
        assert_eq!(format!("{} {error}", error.call), "open() (2: No such file or directory)");
        assert!(cache.is_empty());
    }

    #[test]
    fn a_change_within_one_tick_of_the_clock_is_noticed() {
        let dir = Scratch::new("tick");
        let path = dir.write("a", b"one");
        let stamp = fs::metadata(dir.0.join("a")).unwrap().modified().unwrap();
        let written = stamp.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let now = |ms| Now { monotonic_ms: ms, unix_ms: written + ms };
        let mut cache = OpenFileCache::default();
        cache.open(&path, &conf(), now(0)).unwrap();
        let file = fs::OpenOptions::new().write(true).open(dir.0.join("a")).unwrap();
        io::Write::write_all(&mut &file, b"two").unwrap();
        file.set_modified(stamp).unwrap();
        assert_eq!(content(&cache.open(&path, &conf(), now(1000)).unwrap()), b"two");
        let settled = cache.open(&path, &conf(), now(3000)).unwrap();
        assert!(Rc::ptr_eq(&settled, &cache.open(&path, &conf(), now(9000)).unwrap()));
    }

    #[test]
    fn large_files_keep_a_descriptor_and_directories_nothing() {
        let dir = Scratch::new("large");
        let path = dir.write("large", &vec![b'x'; MAX_CONTENT as usize + 1]);
        let limit = dir.write("limit", &vec![b'x'; MAX_CONTENT as usize]);
        let mut cache = OpenFileCache::default();
        let large = cache.open(&path, &conf(), at(0)).unwrap();
        assert!(large.content.is_none() && large.fd().is_some());
        assert_eq!(content(&cache.open(&limit, &conf(), at(0)).unwrap()).len() as u64, MAX_CONTENT);
        let directory = cache.open(&dir.path(""), &conf(), at(0)).unwrap();
        assert!(directory.is_dir() && directory.fd().is_none() && directory.content.is_none());
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let dir = Scratch::new("lru");
        let paths: Vec<_> = (0..5).map(|n| dir.write(&n.to_string(), b"x")).collect();
        let conf = OpenFileCacheConf { max: 3, ..conf() };
        let mut cache = OpenFileCache::default();
        let files: Vec<_> = (0..3).map(|n| cache.open(&paths[n], &conf, at(0)).unwrap()).collect();
        cache.open(&paths[0], &conf, at(0)).unwrap();
        cache.open(&paths[3], &conf, at(0)).unwrap();
        assert_eq!(cache.len(), 3);
        assert!(Rc::ptr_eq(&files[0], &cache.open(&paths[0], &conf, at(0)).unwrap()));
        assert!(!cache.index.contains_key(&paths[1][..]));
        for round in 0..50 {
            cache.open(&paths[round * 7 % 5], &conf, at(0)).unwrap();
            assert_eq!(cache.len(), 3);
            assert_eq!(cache.content_bytes, 3);
        }
        assert!(cache.entries.len() <= 4);
    }

    #[test]
    fn unused_entries_expire_at_a_miss() {
        let dir = Scratch::new("expire");
        let (a, b) = (dir.write("a", b"x"), dir.write("b", b"y"));
        let mut cache = OpenFileCache::default();
        cache.open(&a, &conf(), at(0)).unwrap();
        cache.open(&b, &conf(), at(60_000)).unwrap();
        assert_eq!((cache.len(), cache.content_bytes), (1, 1));
    }

    #[test]
    fn errors_are_kept_only_when_asked_for() {
        let dir = Scratch::new("errors");
        let path = dir.path("a");
        let conf = OpenFileCacheConf { errors: true, ..conf() };
        let mut cache = OpenFileCache::default();
        assert!(cache.open(&path, &conf, at(0)).is_err());
        dir.write("a", b"x");
        assert!(cache.open(&path, &conf, at(999)).is_err());
        assert_eq!(content(&cache.open(&path, &conf, at(1000)).unwrap()), b"x");
    }

    #[test]
    fn a_probe_opens_nothing() {
        let dir = Scratch::new("probe");
        let path = dir.write("a", b"x");
        let mut cache = OpenFileCache::default();
        assert!(cache.probe(&path, &conf(), at(0)).unwrap().is_file());
        assert!(cache.probe(&dir.path(""), &conf(), at(0)).unwrap().is_dir());
        let error = cache.probe(&dir.path("a/b"), &conf(), at(0)).unwrap_err();
        assert_eq!(format!("{} {error}", error.call), "stat() (20: Not a directory)");
        assert!(error.is_not_found() && !error.is_absent());
        assert!(cache.probe(b"a\0b", &conf(), at(0)).unwrap_err().is_absent());
        assert!(cache.probe(&[b'x'; 300], &conf(), at(0)).unwrap_err().is_not_found());
        assert!(cache.is_empty());
        cache.open(&path, &conf(), at(0)).unwrap();
        fs::remove_file(dir.0.join("a")).unwrap();
        assert!(cache.probe(&path, &conf(), at(999)).is_ok());
        assert!(cache.probe(&path, &conf(), at(1000)).is_err());
    }

    #[test]
    fn a_loop_of_links_is_forbidden() {
        let dir = Scratch::new("loop");
        std::os::unix::fs::symlink("a", dir.0.join("a")).unwrap();
        let error = OpenFileCache::default().open(&dir.path("a"), &conf(), at(0)).unwrap_err();
        assert!(error.is_forbidden() && !error.is_not_found() && !error.is_denied());
    }
}
