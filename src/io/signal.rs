//! Signals as messages: blocked in every thread, fetched by the master with sigtimedwait(2). No handler ever
//! runs, so nothing here has to be async-signal-safe. Called by master and cli (`-s`).

use std::io;
use std::time::Duration;

use super::check;

/// The signals nginx's master knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// HUP: reload the configuration.
    Reload,
    /// QUIT: finish what is begun, then exit.
    Quit,
    /// TERM: exit at once.
    Terminate,
    /// INT: exit at once.
    Interrupt,
    /// USR1: reopen the logs.
    Reopen,
    /// USR2: upgrade the executable.
    Upgrade,
    /// WINCH: let the workers finish.
    Winch,
    /// CHLD: a child process changed.
    Child,
}

impl Signal {
    const ALL: [Self; 8] = [
        Self::Reload,
        Self::Quit,
        Self::Terminate,
        Self::Interrupt,
        Self::Reopen,
        Self::Upgrade,
        Self::Winch,
        Self::Child,
    ];

    /// The signal's number.
    pub fn number(self) -> i32 {
        match self {
            Self::Reload => libc::SIGHUP,
            Self::Quit => libc::SIGQUIT,
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::Reopen => libc::SIGUSR1,
            Self::Upgrade => libc::SIGUSR2,
            Self::Winch => libc::SIGWINCH,
            Self::Child => libc::SIGCHLD,
        }
    }

    /// The signal's name, as `signal N (NAME) received` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reload => "SIGHUP",
            Self::Quit => "SIGQUIT",
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Reopen => "SIGUSR1",
            Self::Upgrade => "SIGUSR2",
            Self::Winch => "SIGWINCH",
            Self::Child => "SIGCHLD",
        }
    }
}

/// Blocks all [`Signal`]s in this thread and those it starts, and ignores SIGPIPE and SIGSYS, as nginx does,
/// and SIGXFSZ: a log that reaches the limit for files (RLIMIT_FSIZE) must not end the process.
/// To be called before any other thread exists.
///
/// # Errors
/// None on Linux.
pub fn block() -> io::Result<()> {
    for ignored in [libc::SIGPIPE, libc::SIGSYS, libc::SIGXFSZ] {
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { libc::signal(ignored, libc::SIG_IGN) };
    }
    let set = signal_set();
    // SAFETY: `set` is an initialised sigset_t; the former mask is not asked for.
    let code = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// A signal that came, and who sent it: a pid, 0 for the kernel (a terminal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which one.
    pub signal: Signal,
    /// Whose.
    pub from: i32,
}

/// Waits up to `timeout` for a signal that [`block`] blocked; `None` when none came.
pub fn wait(timeout: Duration) -> Option<Received> {
    let set = signal_set();
    let limit = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: siginfo_t is integers and pointers, for which all zeroes is a valid value.
    let mut info = unsafe { std::mem::zeroed::<libc::siginfo_t>() };
    // SAFETY: all pointers are to initialised values on this stack frame.
    let number = unsafe { libc::sigtimedwait(&raw const set, &raw mut info, &raw const limit) };
    let signal = Signal::ALL.into_iter().find(|signal| signal.number() == number)?;
    // SAFETY: every signal of the set has si_pid: it was sent by kill(2), a child or the kernel (zero then).
    Some(Received { signal, from: unsafe { info.si_pid() } })
}

/// Sends a signal to a process: `-s`.
///
/// # Errors
/// `ESRCH` when there is no such process, `PermissionDenied` when it is another user's; `InvalidInput` for a
/// pid that would mean a group of processes.
pub fn send(pid: i32, signal: Signal) -> io::Result<()> {
    if pid <= 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: kill(2) takes no pointers.
    check(unsafe { libc::kill(pid, signal.number()) })?;
    Ok(())
}

/// Wakes [`wait`] in the master from one of its own threads, as if the signal had been sent to the process.
pub fn raise(signal: Signal) {
    // SAFETY: kill(2) and getpid(2) take no pointers; a process may always signal itself.
    unsafe { libc::kill(libc::getpid(), signal.number()) };
}

fn signal_set() -> libc::sigset_t {
    // SAFETY: sigset_t is an array of integers, for which all zeroes is a valid value.
    let mut set = unsafe { std::mem::zeroed::<libc::sigset_t>() };
    // SAFETY: `set` is a sigset_t on this stack frame.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in Signal::ALL {
        // SAFETY: as above, and the number is a valid signal.
        unsafe { libc::sigaddset(&raw mut set, signal.number()) };
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signals are delivered to a thread here, so that the test program's other threads are left alone.
    fn raise_here(signal: Signal) {
        // SAFETY: raise(3) takes no pointers; the signal is blocked in this thread.
        unsafe { libc::raise(signal.number()) };
    }

    #[test]
    fn blocked_signals_are_fetched_one_by_one() {
        block().unwrap();
        assert_eq!(wait(Duration::ZERO), None);
        for signal in [Signal::Reload, Signal::Quit, Signal::Terminate, Signal::Reopen, Signal::Winch] {
            raise_here(signal);
            let me = i32::try_from(std::process::id()).unwrap();
            let received = wait(Duration::from_secs(5));
            assert_eq!(received, Some(Received { signal, from: me }), "{}", signal.name());
        }
        assert_eq!(wait(Duration::from_millis(1)), None);
    }

    #[test]
    fn a_pid_is_one_process() {
        for pid in [0, -1, -7] {
            assert_eq!(send(pid, Signal::Child).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(send(i32::MAX, Signal::Child).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}
