//! Files that get a name at once: request bodies kept for an app (`client_body_in_file_only`), and answers that are
//! stored (`proxy_store`) when they are whole.
//!
//! All calls block, as those of temporary files do. Whose file it is and where it goes is decided above.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Names tried before it is given up: others may use the same folder.
const NAME_TRIES: usize = 1000;

/// How far the next try is from a name that is taken, as in nginx.
const STEP: u64 = 123_456;

/// Digits of a name, which are also what the levels of folders are cut from.
const DIGITS: usize = 10;

/// The name of a file of ours. Removes the file when dropped, unless it is to stay.
#[derive(Debug)]
pub struct OwnName {
    path: PathBuf,
    stays: bool,
}

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(1) };
}

/// Creates a file with a name nobody has in `dir`, mode 0600. `levels` says how many characters, from the name's end
/// on, name the folders between `dir` and the file; 0 is no folder.
///
/// # Errors
/// As open(2).
pub fn create(dir: &Path, levels: [u8; 3]) -> io::Result<(OwnedFd, OwnName)> {
    let mut made = false;
    for _ in 0..NAME_TRIES {
        let number = NEXT.get();
        let path = path_of(dir, levels, number);
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                NEXT.set(number + 1);
                return Ok((file.into(), OwnName { path, stays: false }));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => NEXT.set(number + STEP),
            Err(error) if error.kind() == io::ErrorKind::NotFound && levels[0] > 0 && !made => {
                made = true;
                make_folders(&path, 0o700)?;
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `dir/7/56/0000001567` for levels 1 and 2.
fn path_of(dir: &Path, levels: [u8; 3], number: u64) -> PathBuf {
    let name = format!("{:0width$}", number % 10_u64.pow(DIGITS as u32), width = DIGITS);
    let mut path = dir.to_owned();
    let mut rest = name.as_str();
    for level in levels.into_iter().map(usize::from).take_while(|level| *level > 0) {
        let Some((front, folder)) = rest.len().checked_sub(level).and_then(|at| rest.split_at_checked(at))
        else {
            break;
        };
        path.push(folder);
        rest = front;
    }
    path.push(name);
    path
}

/// Makes the folders that are missing above `path`.
fn make_folders(path: &Path, mode: u32) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.is_dir() => {
            match DirBuilder::new().recursive(true).mode(mode).create(parent) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn set_modified(path: &Path, seconds: Option<u64>) -> io::Result<()> {
    let Some(seconds) = seconds else { return Ok(()) };
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    File::open(path)?.set_times(FileTimes::new().set_modified(time).set_accessed(time))
}

impl OwnName {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file outlives this value.
    pub fn stay(&mut self) {
        self.stays = true;
    }

    /// The file becomes `to`, in place of what is there, with this mode and, if given, changed at this time (seconds
    /// since 1970). Folders that are missing are made, open to whoever the mode lets in.
    ///
    /// # Errors
    /// As chmod(2), utimensat(2), mkdir(2) and rename(2).
    pub fn publish(mut self, to: &Path, mode: u32, modified: Option<u64>) -> io::Result<()> {
        fs::set_permissions(&self.path, Permissions::from_mode(mode))?;
        set_modified(&self.path, modified)?;
        // Who may read may enter.
        make_folders(to, mode | ((mode & 0o444) >> 2))?;
        match fs::rename(&self.path, to) {
            Ok(()) => {}
            // Another file system: beside its place first, so that nobody sees half of it.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => self.copy_to(to, modified)?,
            Err(error) => return Err(error),
        }
        self.stays = true;
        Ok(())
    }

    fn copy_to(&self, to: &Path, modified: Option<u64>) -> io::Result<()> {
        let mut beside = to.as_os_str().to_owned();
        beside.push(".");
        beside.push(self.path.file_name().unwrap_or_default());
        let copied = fs::copy(&self.path, &beside)
            .and_then(|_| set_modified(Path::new(&beside), modified))
            .and_then(|()| fs::rename(&beside, to));
        if copied.is_err() {
            let _ = fs::remove_file(&beside);
        } else {
            let _ = fs::remove_file(&self.path);
        }
        copied
    }
}

impl Drop for OwnName {
    fn drop(&mut self) {
        if !self.stays {
            // What is gone already is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn levels_are_cut_from_the_end() {
        let of = |levels| path_of(Path::new("/t"), levels, 1567).display().to_string();
        assert_eq!(of([0; 3]), "/t/0000001567");
        assert_eq!(of([1, 2, 0]), "/t/7/56/0000001567");
        assert_eq!(of([3, 3, 3]), "/t/567/001/000/0000001567");
        assert_eq!(of([9, 9, 9]), "/t/000001567/0000001567");
    }

    #[test]
    fn a_file_goes_with_its_name_stays_or_moves() {
        let dir = std::env::temp_dir().join(format!("ringx-named-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (_, gone) = create(&dir, [1, 2, 0]).unwrap();
        let path = gone.path().to_owned();
        assert!(path.exists());
        drop(gone);
        assert!(!path.exists());
        let (_, mut kept) = create(&dir, [0; 3]).unwrap();
        kept.stay();
        let path = kept.path().to_owned();
        drop(kept);
        assert!(path.exists());
        let (_, moved) = create(&dir, [0; 3]).unwrap();
        let (from, to) = (moved.path().to_owned(), dir.join("a/b/c"));
        moved.publish(&to, 0o640, Some(1000)).unwrap();
        assert!(!from.exists());
        let meta = fs::metadata(&to).unwrap();
        assert_eq!((meta.mode() & 0o777, meta.mtime()), (0o640, 1000));
        fs::remove_dir_all(&dir).unwrap();
    }
}
