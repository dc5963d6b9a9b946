//! Sockets that come with the start, and a program that is started with them: the executable is replaced while its ports
//! stay open (USR2), and systemd opens ports for a program that it starts (socket activation).
//!
//! Between two executables the variable `NGINX` names the descriptors, as nginx has it. Called by master, at start and on
//! signals.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use super::{ListenSocket, check};

/// Descriptors of listening sockets, each followed by `;`: nginx's name and form.
const INHERITED: &str = "NGINX";

/// Those among them that systemd opened, in the same form.
const ACTIVATED: &str = "RINGX_ACTIVATED";

/// The first descriptor of socket activation (sd_listen_fds(3)).
const FIRST_ACTIVATED: RawFd = 3;

/// The program that runs, and what it was started with.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// By the path it was started by, where another executable lies after an upgrade. To be asked at start.
    pub fn of_this_process() -> Self {
        let mut arguments = env::args_os();
        let name = PathBuf::from(arguments.next().unwrap_or_default());
        let path = if name.components().count() > 1 {
            std::path::absolute(&name).ok()
        } else {
            let dirs = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&dirs).map(|dir| dir.join(&name)).find(|path| path.is_file())
        };
        let path = path.filter(|path| path.is_file()).or_else(|| env::current_exe().ok());
        Self { path: path.unwrap_or(name), arguments: arguments.collect() }
    }

    /// Where its executable is looked for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts it beside this process, with these listening sockets.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub fn start(&self, sockets: &[Passed]) -> io::Result<Child> {
        let list = |wanted: fn(&&Passed) -> bool| -> String {
            sockets.iter().filter(wanted).map(|socket| format!("{};", socket.fd.as_raw_fd())).collect()
        };
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        for variable in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
            command.env_remove(variable);
        }
        command.env(INHERITED, list(|_| true)).env(ACTIVATED, list(|socket| socket.activated));
        let fds: Vec<RawFd> = sockets.iter().map(|socket| socket.fd.as_raw_fd()).collect();
        let prepare = move || {
            // SAFETY: sigset_t is an array of integers, for which all zeroes is a valid value: the empty set.
            let none = unsafe { std::mem::zeroed::<libc::sigset_t>() };
            // SAFETY: `none` is initialised; the former mask is not asked for.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
            for fd in &fds {
                // SAFETY: F_SETFD takes an integer.
                check(unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) })?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec it makes two kinds of system calls and neither allocates nor locks.
        unsafe { command.pre_exec(prepare) };
        command.spawn()
    }
}

/// A listening socket on its way to another process.
#[derive(Debug)]
pub struct Passed {
    /// A descriptor of it.
    pub fd: OwnedFd,
    /// systemd opened it.
    pub activated: bool,
}

/// The sockets that this process was started with.
#[derive(Debug, Default)]
pub struct Inherited {
    /// They are no longer anybody else's here.
    pub sockets: Vec<ListenSocket>,
    /// The executable before this one gave them and may still use them.
    pub from_predecessor: bool,
    /// What was named and is no listening socket.
    pub wrong: Vec<String>,
}

impl Inherited {
    /// Takes them. To be called once, before anything else opens descriptors that it keeps.
    pub fn take() -> Self {
        let predecessors = env::var(INHERITED).ok();
        let mut inherited = Self { from_predecessor: predecessors.is_some(), ..Self::default() };
        let activated = env::var(ACTIVATED).unwrap_or_default();
        let activated: Vec<&str> = activated.split([';', ':']).collect();
        let given = predecessors.unwrap_or_default();
        for number in given.split([';', ':']).filter(|number| !number.is_empty()) {
            inherited.add(number, activated.contains(&number));
        }
        let number = |name| env::var(name).ok()?.parse::<RawFd>().ok();
        if number("LISTEN_PID").and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id()) {
            for fd in FIRST_ACTIVATED..FIRST_ACTIVATED.saturating_add(number("LISTEN_FDS").unwrap_or(0)) {
                inherited.add(&fd.to_string(), true);
            }
        }
        inherited
    }

    fn add(&mut self, number: &str, activated: bool) {
        let fd = number.parse().ok().filter(|fd| *fd > libc::STDERR_FILENO);
        let known = |fd: RawFd| self.sockets.iter().any(|socket| socket.fd() == fd);
        let socket = fd.filter(|fd| !known(*fd) && super::listener::is_listening(*fd)).and_then(|fd| {
            // SAFETY: a listening socket that this process did not open was handed to it; nobody else here uses it.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            ListenSocket::inherited(fd, activated).ok()
        });
        match socket {
            Some(socket) => self.sockets.push(socket),
            None => self.wrong.push(number.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_listening_socket_is_not_taken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let (ours, fd) = (listener.local_addr().unwrap(), OwnedFd::from(listener));
        let number = fd.as_raw_fd().to_string();
        std::mem::forget(fd);
        let mut inherited = Inherited::default();
        for wrong in ["", "x", "-1", "1", "2", "1000000", &file.as_raw_fd().to_string()] {
            inherited.add(wrong, false);
        }
        assert_eq!((inherited.sockets.len(), inherited.wrong.len()), (0, 7));
        inherited.add(&number, true);
        inherited.add(&number, true);
        assert_eq!((inherited.sockets.len(), inherited.wrong.len()), (1, 8), "not twice");
        assert_eq!(inherited.sockets[0].addr().to_string(), ours.to_string());
        assert!(inherited.sockets[0].is_activated());
    }

    #[test]
    fn a_program_is_found_again() {
        let program = Program::of_this_process();
        assert!(program.path().is_absolute() && program.path().is_file());
    }
}
