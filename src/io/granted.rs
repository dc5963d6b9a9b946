//! Files that the configuration names, for a program whose `user` may not open all of them: what the system refuses is asked
//! of the keeper, if there is one.
//!
//! The keeper itself notes here what a load of the configuration reads: that, and nothing else, it grants afterwards.
//! Called by master, cycle (logs) and tls (certificates); never on the way of a request.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::keeper::{self, Ask};
use super::sys::Identity;

thread_local! {
    /// What was looked at, while that is noted.
    static NOTED: RefCell<Option<HashSet<PathBuf>>> = const { RefCell::new(None) };
}

/// Runs `load` and gives every path that it looked at by the functions below.
pub fn noting<T>(load: impl FnOnce() -> T) -> (T, HashSet<PathBuf>) {
    NOTED.set(Some(HashSet::new()));
    let loaded = load();
    (loaded, NOTED.take().unwrap_or_default())
}

fn note(path: &Path) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            noted.insert(path.to_owned());
        }
    });
}

/// Opens a file for reading.
///
/// # Errors
/// As open(2).
pub fn open(path: &Path) -> io::Result<File> {
    note(path);
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied && keeper::is_there();
    match File::open(path) {
        Err(error) if refused(&error) => {
            keeper::ask_for_fd(Ask::Read, path.as_os_str().as_bytes()).map(File::from)
        }
        opened => opened,
    }
}

/// The whole of a file.
///
/// # Errors
/// As open(2) and read(2).
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// The names in a directory, in no order.
///
/// # Errors
/// As opendir(3).
pub fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    note(dir);
    match fs::read_dir(dir) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.file_name()).collect()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && keeper::is_there() => {
            let mut names = Vec::new();
            let listed = keeper::ask_for_fd(Ask::Names, dir.as_os_str().as_bytes())?;
            let mut bytes = Vec::new();
            File::from(listed).read_to_end(&mut bytes)?;
            names.extend(bytes.split(|b| *b == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
            Ok(names.into_iter().map(OsString::from_vec).collect())
        }
        Err(error) => Err(error),
    }
}

/// Names as [`keeper::Ask::Names`] answers with them.
pub fn joined(names: &[OsString]) -> Vec<u8> {
    names.iter().flat_map(|name| name.as_bytes().iter().copied().chain([0])).collect()
}

/// Whether there is something by this path.
pub fn exists(path: &Path) -> bool {
    note(path);
    match path.try_exists() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            matches!(keeper::ask(Ask::Exists, path.as_os_str().as_bytes()), Some(Ok(_)))
        }
        known => known.unwrap_or(false),
    }
}

/// Whether `user` can make this path lead elsewhere: by writing to a directory on its way, or by a symbolic link of its own at
/// its end. What root does with such a path would be the user's choice.
pub fn is_in_reach(path: &Path, user: &Identity) -> bool {
    let Some(parent) = path.parent() else { return true };
    // The streams that root has given to the program.
    if parent == Path::new("/dev") {
        return false;
    }
    let Ok(real) = fs::canonicalize(parent) else { return true };
    let ways = parent.ancestors().chain(real.ancestors());
    let on_the_way = ways.clone().any(|dir| may_change(dir, dir == parent || dir == real, user));
    let link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    on_the_way || (link && fs::canonicalize(path).map_or(true, |end| is_in_reach(&end, user)))
}

/// In a directory like /tmp nobody touches what is another's, but everybody may make what is not there yet.
fn may_change(dir: &Path, is_last: bool, user: &Identity) -> bool {
    let Ok(meta) = fs::metadata(dir) else { return true };
    let (mode, sticky) = (meta.mode(), meta.mode() & 0o1000 != 0);
    let in_group = meta.gid() == user.gid || user.groups.contains(&meta.gid());
    let writes = mode & 0o002 != 0 || (in_group && mode & 0o020 != 0);
    meta.uid() == user.uid || (writes && (is_last || !sticky))
}

/// A path as the keeper was sent it.
pub fn path(text: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_can_make_lead_elsewhere_is_in_reach() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = std::env::temp_dir().join(format!("ringx-reach-{}", std::process::id()));
        let me = fs::metadata("/proc/self").unwrap().uid();
        for sub in ["closed", "open", "grouped", "sticky/mine"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        let mode =
            |name: &str, mode| fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
        mode("open", 0o777);
        mode("grouped", 0o775);
        mode("sticky", 0o1777);
        symlink(dir.join("open/a"), dir.join("closed/out")).unwrap();
        fs::write(dir.join("open/a"), "").unwrap();
        let gid = fs::metadata(dir.join("grouped")).unwrap().gid();
        let other = Identity { uid: me + 1, gid: gid + 1, groups: Vec::new() };
        let reach = |path: &str, user: &Identity| is_in_reach(&dir.join(path), user);
        assert!(!reach("closed/a", &other) && !reach("sticky/mine/a", &other) && !reach("grouped/a", &other));
        assert!(reach("open/a", &other) && reach("sticky/a", &other) && reach("closed/out", &other));
        assert!(reach("none/a", &other));
        assert!(reach("closed/a", &Identity { uid: me, ..other.clone() }));
        assert!(reach("grouped/a", &Identity { groups: vec![gid], ..other.clone() }));
        assert!(!is_in_reach(Path::new("/dev/stdout"), &other));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_looked_at_is_noted_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("ringx-granted-{}", std::process::id()));
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(dir.join("a"), "text").unwrap();
        let ((), noted) = noting(|| {
            assert_eq!(read(&dir.join("a")).unwrap(), b"text");
            assert!(exists(&dir.join("sub")) && !exists(&dir.join("none")));
            assert_eq!(names(&dir).unwrap().len(), 2);
        });
        assert_eq!(noted, ["a", "sub", "none", ""].map(|name| dir.join(name)).into_iter().collect());
        assert_eq!(joined(&names(&dir.join("sub")).unwrap()), b"");
        assert!(read(&dir.join("a")).is_ok());
        assert!(noting(|| ()).1.is_empty());
        fs::remove_dir_all(&dir).unwrap();
    }
}
