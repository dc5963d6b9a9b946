//! The process: who it is, what it may, where it runs. For the master, at start-up and on signals; blocks.
//!
//! Nothing here is for the request path. Called by master, worker (pinning) and cli.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check;

pub use core_affinity::CoreId;

/// What a user or group look-up may need at most, bytes of strings.
const NAME_BUFFER: usize = 64 * 1024;

/// Most supplementary groups of a user (NGROUPS_MAX of Linux).
const MAX_GROUPS: usize = 65536;

/// What the command that started a daemon waits for. When the daemon ends without a word, the command fails: it
/// returns after the last message was written.
#[derive(Debug)]
pub struct Verdict {
    /// Closed by the end of the process or by [`Verdict::started`], never by a drop: messages may follow that.
    writer: ManuallyDrop<io::PipeWriter>,
}

impl Verdict {
    /// The daemon serves: the command returns with 0. That nobody waits any more is no error.
    pub fn started(self) {
        let mut writer = ManuallyDrop::into_inner(self.writer);
        let _ = writer.write_all(&[0]);
    }
}

/// Detaches from the terminal, as nginx's `daemon on`: the caller goes on as a new process and session leader
/// with standard input and output on /dev/null. The process that was started waits for the [`Verdict`], then exits
/// with 0 or 1. To be called while there is one thread.
///
/// # Errors
/// As pipe(2) and fork(2).
pub fn daemonize() -> io::Result<Verdict> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: the caller promises one thread, so the child has the whole program.
    match check(unsafe { libc::fork() })? {
        0 => drop(reader),
        _ => {
            drop(writer);
            let code = i32::from(reader.read_exact(&mut [0]).is_err());
            // SAFETY: ends the parent at once, without running exit handlers that belong to the child now.
            unsafe { libc::_exit(code) }
        }
    }
    // SAFETY: setsid(2) takes no pointers.
    check(unsafe { libc::setsid() })?;
    umask(0);
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
        // SAFETY: dup2(2) takes no pointers; the standard streams belong to the program.
        check(unsafe { libc::dup2(null.as_raw_fd(), stream) })?;
    }
    Ok(Verdict { writer: ManuallyDrop::new(writer) })
}

/// Sets the mask for new files' modes and returns the former one.
pub fn umask(mask: u32) -> u32 {
    // SAFETY: umask(2) takes no pointers and cannot fail.
    unsafe { libc::umask(mask) }
}

/// A user and a group by number, with all supplementary groups of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Looks up the `user` directive's user and group (the user's own group when `None`).
///
/// # Errors
/// `NotFound` when there is no such user or group.
pub fn identity(user: &str, group: Option<&str>) -> io::Result<Identity> {
    let name = c_name(user)?;
    let (uid, own_gid) = passwd_entry(&name)?;
    let gid = match group {
        Some(group) => group_id(&c_name(group)?)?,
        None => own_gid,
    };
    Ok(Identity { uid, gid, groups: groups_of(&name, gid)? })
}

/// Takes on the identity for good, with every right of root given up: this process and what it starts have the user's
/// groups and no capability, in none of the five sets. To be called while there is one thread.
///
/// # Errors
/// `PermissionDenied` when not root.
pub fn become_user(identity: &Identity) -> io::Result<()> {
    drop_bounding_set();
    let (count, groups) = (identity.groups.len(), identity.groups.as_ptr());
    // SAFETY: the pointer and length describe `identity.groups`, alive during the call.
    check(unsafe { libc::setgroups(count, groups) })?;
    let (gid, uid) = (identity.gid, identity.uid);
    // SAFETY: setresgid(2) takes no pointers.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: setresuid(2) takes no pointers. Leaving user 0 clears what is permitted, effective and ambient
    // (capabilities(7)).
    check(unsafe { libc::setresuid(uid, uid, uid) })?;
    clear_capabilities()
}

/// What a program that is run could get back. (There is none; and a kernel has fewer capabilities than there are numbers.)
fn drop_bounding_set() {
    for capability in 0..64 {
        // SAFETY: PR_CAPBSET_DROP takes integers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

/// capset(2) with three empty sets: what the process that started this one made inheritable goes too.
fn clear_capabilities() -> io::Result<()> {
    // _LINUX_CAPABILITY_VERSION_3, and this thread.
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: the header and the sets have the layout of version 3 (capset(2)) and are on this stack frame.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// No program that this one runs gets rights that this one has not (PR_SET_NO_NEW_PRIVS), whatever its file says.
///
/// # Errors
/// None since Linux 3.5.
pub fn no_new_privileges() -> io::Result<()> {
    // SAFETY: PR_SET_NO_NEW_PRIVS takes integers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

/// The process that started this one.
pub fn parent_id() -> u32 {
    // SAFETY: getppid(2) takes no pointers and cannot fail.
    u32::try_from(unsafe { libc::getppid() }).unwrap_or(0)
}

/// Whether the process runs as root.
pub fn is_root() -> bool {
    // SAFETY: geteuid(2) takes no pointers and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Changes the owner of a path (log and temporary files that workers write to).
///
/// # Errors
/// As chown(2).
pub fn chown(path: &Path, uid: u32) -> io::Result<()> {
    std::os::unix::fs::chown(path, Some(uid), None)
}

/// Makes an open regular file of root's that has one name another user's; anything else stays whose it is.
///
/// # Errors
/// As fchown(2).
pub fn give_file(file: BorrowedFd<'_>, uid: u32) -> io::Result<()> {
    let info = super::file::fstat(file)?;
    let named_once = || File::from(file.try_clone_to_owned()?).metadata().map(|meta| meta.nlink() == 1);
    if info.is_file() && info.uid == 0 && named_once()? {
        std::os::unix::fs::fchown(file, Some(uid), None)
    } else {
        Ok(())
    }
}

/// RLIMIT_NOFILE: how many files may be open, (soft, hard).
///
/// # Errors
/// None on Linux.
pub fn open_file_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is an rlimit on this stack frame.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// `worker_rlimit_nofile`: sets the soft limit, and the hard one when it is lower.
///
/// # Errors
/// `PermissionDenied` for more than the hard limit without CAP_SYS_RESOURCE.
pub fn set_open_file_limit(files: u64) -> io::Result<()> {
    let (_, hard) = open_file_limit()?;
    let limit = libc::rlimit { rlim_cur: files, rlim_max: hard.max(files) };
    // SAFETY: `limit` is an rlimit on this stack frame.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(())
}

/// The host's name, `$hostname`.
pub fn hostname() -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: the pointer and length (less one, so that a zero byte always follows) describe `buffer`.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    if result == 0 { name.to_string_lossy().into_owned() } else { String::new() }
}

/// Asks the kernel not to back this process's memory with huge pages: ten thousand idle connections then take what
/// they need and not whole steps of 2 MiB. Without effect where it is refused.
pub fn avoid_huge_pages() {
    // SAFETY: PR_SET_THP_DISABLE takes integers only and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

/// Gives memory that this thread has freed back to the kernel: for after a burst, because the allocator keeps it for the
/// next one. Takes a tenth of a millisecond or two after a thousand connections.
pub fn return_memory() {
    // SAFETY: mimalloc's documentation asks for nothing; with another global allocator there is nothing to give back.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// Seconds that local time is ahead of UTC at `unix_time` (seconds since 1970), by the TZ of the process.
pub fn utc_offset(unix_time: i64) -> i32 {
    // SAFETY: tm is plain integers and a pointer, for which all zeroes is a valid value.
    let mut local = unsafe { std::mem::zeroed::<libc::tm>() };
    // SAFETY: both pointers are to values on this stack frame.
    let filled = unsafe { libc::localtime_r(&raw const unix_time, &raw mut local) };
    if filled.is_null() { 0 } else { i32::try_from(local.tm_gmtoff).unwrap_or(0) }
}

/// Calls `found` with the name of the local zone at `unix_time` (seconds since 1970), by the TZ of the process.
pub fn zone_name(unix_time: i64, found: impl FnOnce(&[u8])) {
    // SAFETY: tm is plain integers and a pointer, for which all zeroes is a valid value.
    let mut local = unsafe { std::mem::zeroed::<libc::tm>() };
    // SAFETY: both pointers are to values on this stack frame.
    let filled = unsafe { libc::localtime_r(&raw const unix_time, &raw mut local) };
    if !filled.is_null() && !local.tm_zone.is_null() {
        // SAFETY: the C library's own text, ended by a zero, which stays as long as nobody changes TZ; nobody does.
        found(unsafe { CStr::from_ptr(local.tm_zone) }.to_bytes());
    }
}

/// Whether the descriptor is a terminal.
pub fn isatty(fd: RawFd) -> bool {
    // SAFETY: isatty(3) takes no pointers.
    unsafe { libc::isatty(fd) == 1 }
}

// ---------------------------------------------------------------------------------------------------------
// Cores

/// The cores this process may run on (sched_getaffinity), in order.
pub fn cores() -> Vec<CoreId> {
    core_affinity::get_core_ids().unwrap_or_default()
}

/// Pins the calling thread. Best effort: `false` when the kernel refuses.
pub fn pin_to_core(core: CoreId) -> bool {
    core_affinity::set_for_current(core)
}

/// How many workers `worker_processes auto` means: the cores this process may run on, but not more than its
/// control groups' CPU quota rounded up.
pub fn auto_workers() -> usize {
    let cores = cores().len().max(1);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    match cpu_quota(&groups, Path::new("/sys/fs/cgroup")) {
        Some(quota) => cores.min(quota),
        None => cores,
    }
}

/// The tightest CPU quota of the groups listed in the text of /proc/self/cgroup, in cores rounded up.
fn cpu_quota(groups: &str, mount: &Path) -> Option<usize> {
    groups.lines().filter_map(|line| group_quota(line, mount)).min()
}

/// The tightest quota of one hierarchy: `id:controllers:path`, and what lies above that path (cgroups(7)).
fn group_quota(line: &str, mount: &Path) -> Option<usize> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let unified = controllers.is_empty();
    if !unified && !controllers.split(',').any(|controller| controller == "cpu") {
        return None;
    }
    let root = if unified { mount.to_owned() } else { mount.join("cpu") };
    let group = root.join(path.trim_start_matches('/'));
    let quota_of = if unified { quota_v2 } else { quota_v1 };
    group.ancestors().take_while(|dir| dir.starts_with(&root)).filter_map(quota_of).min()
}

/// `cpu.max` holds "quota period" in microseconds, or "max period".
fn quota_v2(dir: &Path) -> Option<usize> {
    let text = fs::read_to_string(dir.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    rounded_up(quota.parse().ok()?, period.parse().ok()?)
}

/// A quota of -1 is none.
fn quota_v1(dir: &Path) -> Option<usize> {
    let number = |name| fs::read_to_string(dir.join(name)).ok()?.trim().parse::<i64>().ok();
    let quota = u64::try_from(number("cpu.cfs_quota_us")?).ok()?;
    rounded_up(quota, u64::try_from(number("cpu.cfs_period_us")?).ok()?)
}

fn rounded_up(quota: u64, period: u64) -> Option<usize> {
    if period == 0 {
        return None;
    }
    usize::try_from(quota.div_ceil(period)).ok().map(|cores| cores.max(1))
}

// ---------------------------------------------------------------------------------------------------------
// Names

fn c_name(name: &str) -> io::Result<CString> {
    CString::new(name).map_err(|_| io::ErrorKind::NotFound.into())
}

fn passwd_entry(name: &CStr) -> io::Result<(u32, u32)> {
    let mut buffer = vec![0_u8; NAME_BUFFER];
    // SAFETY: passwd is plain integers and pointers, for which all zeroes is a valid value.
    let mut entry = unsafe { std::mem::zeroed::<libc::passwd>() };
    let mut found = std::ptr::null_mut();
    let (strings, len) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the name ends in a zero byte; the other pointers are to values that outlive the call.
    let code = unsafe { libc::getpwnam_r(name.as_ptr(), &raw mut entry, strings, len, &raw mut found) };
    looked_up(code, found.is_null())?;
    Ok((entry.pw_uid, entry.pw_gid))
}

fn group_id(name: &CStr) -> io::Result<u32> {
    let mut buffer = vec![0_u8; NAME_BUFFER];
    // SAFETY: group is plain integers and pointers, for which all zeroes is a valid value.
    let mut entry = unsafe { std::mem::zeroed::<libc::group>() };
    let mut found = std::ptr::null_mut();
    let (strings, len) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the name ends in a zero byte; the other pointers are to values that outlive the call.
    let code = unsafe { libc::getgrnam_r(name.as_ptr(), &raw mut entry, strings, len, &raw mut found) };
    looked_up(code, found.is_null())?;
    Ok(entry.gr_gid)
}

fn looked_up(code: libc::c_int, missing: bool) -> io::Result<()> {
    match code {
        0 if missing => Err(io::ErrorKind::NotFound.into()),
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn groups_of(name: &CStr, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![0_u32; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
        let list = groups.as_mut_ptr();
        // SAFETY: the name ends in a zero byte, and `count` is the number of entries `list` has room for.
        let result = unsafe { libc::getgrouplist(name.as_ptr(), gid, list, &raw mut count) };
        if result >= 0 {
            groups.truncate(usize::try_from(count).unwrap_or(0));
            return Ok(groups);
        }
        if groups.len() >= MAX_GROUPS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        groups.resize(groups.len() * 4, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_nobody_else_by_that_name() {
        let root = identity("root", None).unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(identity("root", Some("root")).unwrap(), root);
        for missing in ["no-such-user-here", "a\0b"] {
            assert_eq!(identity(missing, None).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        assert_eq!(identity("root", Some("no-such-group")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn quotas_are_rounded_up_and_the_tightest_counts() {
        let mount = std::env::temp_dir().join(format!("ringx-io-cgroup-{}", std::process::id()));
        let _ = fs::remove_dir_all(&mount);
        fs::create_dir_all(mount.join("a/b")).unwrap();
        fs::create_dir_all(mount.join("cpu/c")).unwrap();
        fs::write(mount.join("a/b/cpu.max"), "max 100000\n").unwrap();
        assert_eq!(cpu_quota("0::/a/b\n", &mount), None);
        fs::write(mount.join("a/cpu.max"), "250000 100000\n").unwrap();
        assert_eq!(cpu_quota("0::/a/b\n", &mount), Some(3));
        fs::write(mount.join("a/b/cpu.max"), "10000 100000\n").unwrap();
        assert_eq!(cpu_quota("0::/a/b\n", &mount), Some(1));
        fs::write(mount.join("cpu/c/cpu.cfs_quota_us"), "-1\n").unwrap();
        fs::write(mount.join("cpu/c/cpu.cfs_period_us"), "100000\n").unwrap();
        assert_eq!(cpu_quota("4:cpu,cpuacct:/c\n3:memory:/c\n", &mount), None);
        fs::write(mount.join("cpu/c/cpu.cfs_quota_us"), "200000\n").unwrap();
        assert_eq!(cpu_quota("4:cpu,cpuacct:/c\n", &mount), Some(2));
        assert_eq!(cpu_quota("nonsense", &mount), None);
        fs::remove_dir_all(&mount).unwrap();
    }

    #[test]
    fn the_machine_has_a_core_a_name_and_limits() {
        assert!(auto_workers() >= 1 && auto_workers() <= cores().len().max(1));
        assert!(!hostname().is_empty());
        let (soft, hard) = open_file_limit().unwrap();
        assert!(soft > 0 && soft <= hard);
        set_open_file_limit(soft).unwrap();
        assert!(utc_offset(0).abs() <= 14 * 3600);
    }
}
