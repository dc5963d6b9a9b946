//! Confining this process for good (`sandbox on`): Landlock for files and ports, seccomp for system calls, restrictions for the
//! operations of a ring, which seccomp does not see. To be called while there is one thread; those started later inherit it.
//!
//! What is named here is decided by `master::sandbox`. Nothing is asked of it on the way of a request.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use io_uring::opcode::{AsyncCancel, Close, PollAdd, Send, Timeout};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::check;

/// What stays reachable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Files, and directories with all below them, for reading.
    pub read: Vec<PathBuf>,
    /// Directories in which files are made, written, renamed and removed.
    pub write: Vec<PathBuf>,
    /// TCP ports to connect to; `None` is any.
    pub connect: Option<Vec<u16>>,
    /// TCP ports to listen on or to connect from; `None` is any.
    pub bind: Option<Vec<u16>>,
}

/// How much of it the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// All.
    Fully,
    /// Files, but not ports, or not the reach of signals (before Linux 6.12).
    Partly,
}

static CONFINED: AtomicBool = AtomicBool::new(false);

/// Takes it upon this thread and those it starts.
///
/// # Errors
/// `Unsupported` where the kernel has no Landlock; what a path or a filter meets.
pub fn confine(bounds: &Bounds) -> io::Result<Enforced> {
    let enforced = landlock(bounds).map_err(io::Error::other)?;
    let enforced = match enforced {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partly,
        RulesetStatus::NotEnforced => return Err(io::ErrorKind::Unsupported.into()),
    };
    filter_calls().map_err(io::Error::other)?;
    CONFINED.store(true, Ordering::Relaxed);
    Ok(enforced)
}

/// Whether rings must be restricted.
pub(super) fn is_confined() -> bool {
    #[cfg(test)]
    if PRETENDED.get() {
        return true;
    }
    CONFINED.load(Ordering::Relaxed)
}

#[cfg(test)]
thread_local! {
    /// Rings of this thread are restricted as if the process were confined.
    pub(super) static PRETENDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn landlock(bounds: &Bounds) -> Result<RulesetStatus, landlock::RulesetError> {
    let abi = ABI::V6;
    let ports = [(&bounds.connect, AccessNet::ConnectTcp), (&bounds.bind, AccessNet::BindTcp)];
    let ports = ports.map(|(ports, access)| (ports.as_deref(), access));
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
    for (_, access) in ports.iter().filter(|(ports, _)| ports.is_some()) {
        rules = rules.handle_access(*access)?;
    }
    let mut rules = rules.scope(Scope::AbstractUnixSocket | Scope::Signal)?.create()?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing = reading
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::Refer
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let with_access = |paths: &[PathBuf], access: BitFlags<AccessFs>| {
        // What is not there cannot be opened, now or later.
        let rule = |path: &PathBuf| {
            // What is right for directories alone is wrong for a file.
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(abi) };
            Some(PathBeneath::new(PathFd::new(path).ok()?, access))
        };
        paths.iter().filter_map(rule).collect::<Vec<_>>()
    };
    let written = with_access(&bounds.write, writing);
    for rule in with_access(&bounds.read, reading).into_iter().chain(written) {
        rules = rules.add_rule(rule)?;
    }
    for (ports, access) in ports {
        for port in ports.unwrap_or_default() {
            rules = rules.add_rule(NetPort::new(*port, access))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// Whether `path` lies in one of these.
pub fn is_within(path: &Path, bounds: &[PathBuf]) -> bool {
    bounds.iter().any(|bound| path.starts_with(bound))
}

// ---------------------------------------------------------------------------------------------------------
// System calls

/// Those that the program makes, whatever their arguments.
const CALLS: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_pipe2,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_copy_file_range,
    libc::SYS_umask,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_ppoll,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Another filter, which can only forbid more.
    libc::SYS_seccomp,
    libc::SYS_getcpu,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Refused by the filter before: of two filters that refuse, the later one's error would count.
    libc::SYS_clone3,
];

/// The same by their older names, which the C library still uses there.
#[cfg(target_arch = "x86_64")]
const OLDER_CALLS: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_CALLS: &[libc::c_long] = &[];

/// Sockets that are opened: the C library asks the kernel for addresses (netlink) when it looks up a host's name.
const DOMAINS: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Whatever else is called fails with EPERM: no program is run, no process started or looked into, no memory made executable,
/// no user or group changed, nothing mounted.
fn filter_calls() -> Result<(), seccompiler::Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    // The C library starts a thread with clone(2) when it hears that there is no clone3(2), whose flags a filter cannot see.
    let no_clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let hidden = SeccompAction::Errno(libc::ENOSYS as u32);
    let first = SeccompFilter::new(no_clone3, SeccompAction::Allow, hidden, arch)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.iter().chain(OLDER_CALLS).map(|call| (*call, Vec::new())).collect();
    for (call, allowed) in conditional()? {
        rules.insert(call, allowed);
    }
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let second = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?;
    for filter in [first, second] {
        let program: seccompiler::BpfProgram = filter.try_into()?;
        seccompiler::apply_filter(&program)?;
    }
    Ok(())
}

/// Those of which only some forms are made.
fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq};
    let one = |at, len, op, value: u64| SeccompRule::new(vec![SeccompCondition::new(at, len, op, value)?]);
    let any_of = |at, values: &[libc::c_int]| {
        values
            .iter()
            .map(|value| one(at, Dword, Eq, u64::from(value.unsigned_abs())))
            .collect::<Result<_, _>>()
    };
    let not_executable = || Ok(vec![one(2, Dword, MaskedEq(libc::PROT_EXEC as u64), 0)?]);
    let threads = libc::CLONE_THREAD as u64;
    let ioctls = [libc::FIONBIO, libc::FIONREAD, libc::TIOCOUTQ, libc::TCGETS, libc::FIOCLEX]
        .map(|number| number as libc::c_int);
    // PR_SET_VMA names memory for those who look at it.
    // The last one can only take rights away, and is said again before each filter.
    let prctls = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, libc::PR_SET_NO_NEW_PRIVS];
    Ok(vec![
        (libc::SYS_socket, any_of(0, &DOMAINS)?),
        (libc::SYS_socketpair, any_of(0, &[libc::AF_UNIX])?),
        (libc::SYS_mmap, not_executable()?),
        (libc::SYS_mprotect, not_executable()?),
        (libc::SYS_clone, vec![one(0, Qword, MaskedEq(threads), threads)?]),
        (libc::SYS_ioctl, any_of(1, &ioctls)?),
        (libc::SYS_prctl, any_of(0, &prctls)?),
        // To read limits, not to set them.
        (libc::SYS_prlimit64, vec![one(2, Qword, Eq, 0)?]),
        (libc::SYS_kill, vec![one(0, Dword, Eq, u64::from(std::process::id()))?]),
    ])
}

// ---------------------------------------------------------------------------------------------------------
// Rings

/// The operations of the ring that `runtime` and monoio use.
const OPERATIONS: [u8; 5] = [PollAdd::CODE, AsyncCancel::CODE, Send::CODE, Close::CODE, Timeout::CODE];

const REGISTER_RESTRICTIONS: libc::c_uint = 11;
const REGISTER_ENABLE_RINGS: libc::c_uint = 12;
const RESTRICTION_SQE_OP: u16 = 1;

/// How many descriptors are looked at for the ring: those of a program that has just started are few.
const MAX_LOOKED_AT: RawFd = 65536;

/// io_uring_register(2), `struct io_uring_restriction`.
#[repr(C)]
struct Restriction {
    opcode: u16,
    operation: u8,
    reserved: [u8; 13],
}

/// Only one thread at a time sets a ring up that is not enabled yet.
pub(super) fn one_ring_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restricts the one ring that was set up disabled, and enables it. (Its descriptor belongs to monoio, which does not show it:
/// the kernel takes restrictions for no other descriptor.)
///
/// # Errors
/// As io_uring_register(2); `NotFound` when there is no such ring.
pub(super) fn restrict_ring() -> io::Result<()> {
    let restrictions =
        OPERATIONS.map(|operation| Restriction { opcode: RESTRICTION_SQE_OP, operation, reserved: [0; 13] });
    let (pointer, count) = (restrictions.as_ptr(), restrictions.len());
    for fd in 0..MAX_LOOKED_AT {
        let register = libc::SYS_io_uring_register;
        // SAFETY: the pointer and the count describe `restrictions`, alive during the call.
        if unsafe { libc::syscall(register, fd, REGISTER_RESTRICTIONS, pointer, count) } == 0 {
            // SAFETY: enabling takes no pointer.
            let enabled =
                unsafe { libc::syscall(register, fd, REGISTER_ENABLE_RINGS, std::ptr::null::<u8>(), 0) };
            check(libc::c_int::try_from(enabled).unwrap_or(-1))?;
            return Ok(());
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// This thread has its ring, and sets none up any more that would not be restricted. Threads that it starts neither.
///
/// # Errors
/// As seccomp(2).
pub(super) fn no_more_rings() -> io::Result<()> {
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_register].map(|call| (call, Vec::new()));
    let filter = || -> Result<seccompiler::BpfProgram, seccompiler::BackendError> {
        let denied = SeccompAction::Errno(libc::EPERM as u32);
        let arch: TargetArch = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(BTreeMap::from(calls), SeccompAction::Allow, denied, arch)?.try_into()
    };
    let program = filter().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    use io_uring::opcode::{Nop, OpenAt};
    use io_uring::types::Fd;

    fn result_of(ring: &mut io_uring::IoUring, operation: &io_uring::squeue::Entry) -> i32 {
        // SAFETY: what the operation points to is alive until its completion is taken below.
        unsafe { ring.submission().push(operation) }.unwrap();
        ring.submit_and_wait(1).unwrap();
        ring.completion().next().unwrap().result()
    }

    #[test]
    fn a_restricted_ring_opens_no_file() {
        let path = CString::new("/etc/passwd").unwrap();
        let open = OpenAt::new(Fd(libc::AT_FDCWD), path.as_ptr()).build();
        let Ok(mut free) = io_uring::IoUring::new(2) else { return };
        let opened = result_of(&mut free, &open);
        assert!(opened >= 0, "{opened}");
        drop(free);
        // SAFETY: the ring has just opened it, and nobody else knows it.
        drop(unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(opened) });

        let one = one_ring_at_a_time();
        let mut ring = io_uring::IoUring::builder().setup_r_disabled().build(2).unwrap();
        restrict_ring().unwrap();
        assert!(restrict_ring().is_err(), "there is no second one");
        drop(one);
        assert_eq!(result_of(&mut ring, &open), -libc::EACCES);
        assert_eq!(result_of(&mut ring, &Nop::new().build()), -libc::EACCES);
        let closing = Close::new(Fd(-1)).build();
        assert_eq!(result_of(&mut ring, &closing), -libc::EBADF, "it may close");
    }

    #[test]
    fn what_is_confined_cannot_look_run_or_change_anything() {
        let dir = std::env::temp_dir().join(format!("ringx-confine-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("in")).unwrap();
        std::fs::write(dir.join("in/a"), "a").unwrap();
        std::fs::write(dir.join("out"), "o").unwrap();
        std::os::unix::fs::symlink(dir.join("out"), dir.join("in/link")).unwrap();
        let inside = dir.clone();
        // It is for good, and for one thread of the test program.
        std::thread::spawn(move || {
            super::super::sys::no_new_privileges().unwrap();
            let bounds = Bounds {
                read: vec![inside.join("in")],
                connect: Some(vec![9]),
                bind: Some(vec![]),
                ..Bounds::default()
            };
            let enforced = landlock(&bounds).unwrap();
            if enforced == RulesetStatus::NotEnforced {
                println!("SKIPPED: this kernel has no Landlock");
                return;
            }
            filter_calls().unwrap();
            let kind = |error: io::Error| error.raw_os_error();
            assert_eq!(std::fs::read(inside.join("in/a")).unwrap(), b"a");
            for path in ["out", "in/link", "in/../out"] {
                assert_eq!(std::fs::read(inside.join(path)).map_err(kind), Err(Some(libc::EACCES)), "{path}");
            }
            let written = std::fs::write(inside.join("in/b"), "b");
            assert_eq!(written.map_err(kind), Err(Some(libc::EACCES)));
            let spawned = std::process::Command::new("/bin/true").status();
            assert!(spawned.is_err(), "{spawned:?}");
            // SAFETY: none of these calls takes a pointer that is looked at.
            let calls: [(&str, i64); 6] = unsafe {
                [
                    ("ptrace", libc::syscall(libc::SYS_ptrace, 0, 0, 0, 0)),
                    ("setuid", libc::syscall(libc::SYS_setuid, 0)),
                    ("mount", libc::syscall(libc::SYS_mount, 0, 0, 0, 0, 0)),
                    ("packets", libc::syscall(libc::SYS_socket, libc::AF_PACKET, libc::SOCK_RAW, 0)),
                    ("init", libc::syscall(libc::SYS_kill, 1, 0)),
                    ("fork", libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)),
                ]
            };
            for (name, result) in calls {
                assert_eq!(result, -1, "{name}");
                assert_eq!(kind(io::Error::last_os_error()), Some(libc::EPERM), "{name}");
            }
            // Neither listened on nor connected to: any port, and discard's is the one that is named.
            if enforced == RulesetStatus::FullyEnforced {
                let listened = std::net::TcpListener::bind("127.0.0.1:0").map(drop).map_err(kind);
                assert_eq!(listened, Err(Some(libc::EACCES)));
                let connected = |port| std::net::TcpStream::connect(("127.0.0.1", port)).map(drop);
                assert_eq!(connected(10).map_err(kind), Err(Some(libc::EACCES)));
                assert_ne!(connected(9).map_err(kind), Err(Some(libc::EACCES)));
            }
            // A thread may be started, and memory be had, but not to run what is in it.
            std::thread::spawn(|| ()).join().unwrap();
            let (protection, flags) =
                (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: a new mapping touches no memory that is in use.
            let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
            assert_eq!(mapped, libc::MAP_FAILED);
        })
        .join()
        .unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
