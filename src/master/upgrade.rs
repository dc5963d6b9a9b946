//! Another executable in this one's place, as nginx does it: USR2 starts it beside this one with the listening sockets, QUIT
//! ends the old one, or the new one, and neither way loses a request. WINCH lets the old one rest, HUP wakes it again.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::process::Child;

use crate::io::keeper::{self, Ask};
use crate::io::listener::{self, ListenSocket};
use crate::io::successor::{Passed, Program};
use crate::log::Level;

use super::workers::Workers;
use super::{Master, describe};

/// The next executable while it runs.
#[derive(Debug)]
pub(super) struct Successor {
    pid: u32,
    /// `None`: the keeper has started it.
    child: Option<Child>,
}

impl Successor {
    /// Starts it as this process, or as the root that this process was.
    fn start(program: &Program, sockets: &[Passed]) -> io::Result<Self> {
        if !keeper::is_there() {
            let child = program.start(sockets)?;
            return Ok(Self { pid: child.id(), child: Some(child) });
        }
        for socket in sockets {
            let origin: &[u8] = if socket.activated { b"activated" } else { b"" };
            keeper::ask_with(Ask::PassOn, origin, Some(socket.fd.as_fd())).transpose()?;
        }
        let mut pid = String::new();
        std::fs::File::from(keeper::ask_for_fd(Ask::Upgrade, b"")?).read_to_string(&mut pid)?;
        let pid = pid.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Self { pid, child: None })
    }

    fn runs(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => matches!(keeper::ask(Ask::Runs, b""), Some(Ok(_))),
        }
    }
}

impl Master<'_> {
    /// USR2.
    pub(super) fn upgrade(&mut self, workers: &Workers) {
        if self.ending || self.successor.is_some() || self.listeners.has_predecessor() {
            let text = "the changing binary signal is ignored: end the old or the new process first";
            self.log(Level::Emerg, text);
            return;
        }
        if self.sandbox.is_some() && !keeper::is_there() {
            let text = "the changing binary signal is ignored: \"sandbox on\" lets nobody start a program but the keeper, \
                        which is there when the start was as root with a \"user\"; restart instead";
            self.log(Level::Alert, text);
            return;
        }
        if let Err(error) = self.pid_file.set_aside() {
            self.log(Level::Alert, &format!("the pid file cannot be renamed ({})", describe(&error)));
            return;
        }
        let sockets: io::Result<Vec<Passed>> = workers.sockets().map(ListenSocket::pass).collect();
        let started = sockets.and_then(|sockets| Successor::start(&self.program, &sockets));
        match started {
            Ok(successor) => {
                self.log(Level::Notice, &format!("start new binary process {}", successor.pid));
                self.successor = Some(successor);
                self.listeners.has_successor = true;
                self.settle_ports(workers);
            }
            Err(error) => {
                let path = self.program.path().display().to_string();
                self.log(
                    Level::Alert,
                    &format!(
                        "execve() failed while executing new binary process \"{path}\" ({})",
                        describe(&error)
                    ),
                );
                self.bring_pid_back();
            }
        }
    }

    /// Takes notice of its end: this process has the place for itself again.
    pub(super) fn look_for_successor(&mut self, workers: &mut Workers) {
        if self.successor.as_mut().is_none_or(Successor::runs) {
            return;
        }
        if let Some(successor) = self.successor.take() {
            self.log(Level::Notice, &format!("new binary process {} exited", successor.pid));
        }
        self.listeners.has_successor = false;
        if !self.ending {
            self.bring_pid_back();
            workers.resume();
        }
    }

    /// Whether ports are to stay open when sockets are closed now.
    pub(super) fn settle_ports(&self, workers: &Workers) {
        listener::leave_open(self.successor.is_some() || (!self.ending && workers.are_resting()));
    }

    fn bring_pid_back(&mut self) {
        if let Err(error) = self.pid_file.bring_back() {
            self.log(Level::Alert, &format!("the pid file cannot be renamed ({})", describe(&error)));
        }
    }

    /// WINCH: the workers finish what they began, and the ports stay open. From a terminal it says that a window has another
    /// size.
    pub(super) fn rest(&self, workers: &mut Workers) {
        if self.ending || !(self.daemon || self.was_upgraded || self.successor.is_some()) {
            return;
        }
        self.log(Level::Notice, "gracefully shutting down workers");
        listener::leave_open(true);
        workers.rest(self.cycle.conf.worker_shutdown_timeout);
    }

    /// HUP while another executable runs: no new configuration, but workers again.
    pub(super) fn wake(&self, workers: &mut Workers) {
        workers.resume();
        self.log(Level::Notice, "another binary runs: workers as before, the configuration is not read");
    }

    /// What the service manager is to know of an end: another process is the service now, or none.
    pub(super) fn announce_end(&self) {
        match &self.successor {
            Some(successor) => self.notifier.say(&format!("MAINPID={}", successor.pid)),
            None => self.notifier.say("STOPPING=1"),
        }
    }
}
