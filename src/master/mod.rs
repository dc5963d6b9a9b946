//! The master thread: listeners, signals, reload, pid file, privileges.
//!
//! One process. The master binds sockets, opens logs, starts one worker thread per core, and then only waits for
//! signals and reports. It never runs on the request path; workers hear from it through their mailboxes.

mod announce;
mod keeper;
mod listeners;
mod pid_file;
mod sandbox;
mod temp_paths;
mod upgrade;
mod workers;

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{ErrorLogConf, LogTarget, MainConf};
use crate::config::{self, LoadOptions};
use crate::cycle::{Cycle, CycleError, LogFiles};
use crate::io::notify::Notifier;
use crate::io::signal::{Received, Signal};
use crate::io::successor::{Inherited, Program};
use crate::io::{self, ListenSocket, sys};
use crate::log::{self, Errno, Level};

use listeners::Listeners;
use pid_file::PidFile;
pub use pid_file::read as read_pid;
use sandbox::Sandbox;
use upgrade::Successor;
use workers::Workers;

/// How long the master sleeps before it looks at its workers' reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// How often the files of certificates are looked at, in milliseconds. A change is taken up at the second look.
const CERTIFICATES_MS: u64 = 2000;

/// After a worker's last words: how soon, and how often, the master looks whether its thread is gone.
const EXIT_INTERVAL: Duration = Duration::from_millis(2);
const EXIT_LOOKS: u32 = 10;

/// Why the program could not start. Its text is the whole message, in nginx's shape without the program's name.
#[derive(Debug)]
pub struct StartError {
    /// Usually emerg.
    pub level: Level,
    /// What failed.
    pub message: String,
}

impl StartError {
    fn emerg(message: impl Into<String>) -> Self {
        Self { level: Level::Emerg, message: message.into() }
    }
}

/// Starts serving and returns when told to end.
///
/// # Errors
/// A socket, log, pid file or user that cannot be had: nothing serves then.
pub fn run(options: &LoadOptions, mut conf: MainConf) -> Result<(), StartError> {
    let inherited = Inherited::take();
    let program = Program::of_this_process();
    set_utc_offset();
    let error_log = Arc::clone(&conf.error_log);
    let opened = identity(&conf).and_then(|identity| {
        temp_paths::prepare(&mut conf, identity.as_ref())?;
        Ok((open_cycle(conf, None)?, identity))
    });
    let (cycle, identity) = opened.inspect_err(|error| log_unopened(&error_log, error))?;
    let started = start(options, &cycle, identity, inherited, program);
    let (mut master, mut workers) =
        started.inspect_err(|error| log_start_error(&cycle, error.level, &error.message))?;
    // The first configuration ends with the first reload.
    drop(cycle);
    master.serve(&mut workers);
    master.end();
    Ok(())
}

/// From sockets to running workers.
fn start<'o>(
    options: &'o LoadOptions,
    cycle: &Arc<Cycle>,
    identity: Option<sys::Identity>,
    inherited: Inherited,
    program: Program,
) -> Result<(Master<'o>, Workers), StartError> {
    raise_file_limit(cycle);
    let notifier = Notifier::open();
    let (was_upgraded, wrong) = (inherited.from_predecessor, inherited.wrong.join(" "));
    let mut listeners = Listeners::inheriting(inherited);
    let say = |text: &str| {
        log::say(&format!("ringx: [emerg] {text}\n"));
        log_start_error(cycle, Level::Emerg, text);
    };
    let sockets = listeners.open(cycle, worker_count(&cycle.conf), &say)?;
    for addr in listeners.close_unnamed() {
        let text =
            format!("a socket for {addr} came with the start, which no \"listen\" names: it is closed");
        log_start_error(cycle, Level::Warn, &text);
    }
    if !wrong.is_empty() {
        log_start_error(
            cycle,
            Level::Warn,
            &format!("no listening sockets, as was said at the start: {wrong}"),
        );
    }
    match detach_and_work(options, cycle, sockets, identity, &program, was_upgraded) {
        Ok((pid_file, workers, sandbox)) => {
            let (cycle, daemon) = (Arc::clone(cycle), cycle.conf.daemon);
            // Another executable's successor is not the service before that one says so.
            if !was_upgraded {
                notifier.say(&format!("READY=1\nMAINPID={}", std::process::id()));
            }
            let master = Master {
                options,
                cycle,
                listeners,
                pid_file,
                sandbox,
                program,
                successor: None,
                was_upgraded,
                notifier,
                daemon,
                ending: false,
            };
            Ok((master, workers))
        }
        Err(error) => {
            listeners.close();
            Err(error)
        }
    }
}

/// With every socket open: into the background, then the pid file and the workers. Threads start after the fork; the
/// command that started a daemon returns when all of it is done.
fn detach_and_work(
    options: &LoadOptions,
    cycle: &Arc<Cycle>,
    sockets: Vec<Vec<ListenSocket>>,
    identity: Option<sys::Identity>,
    program: &Program,
    was_upgraded: bool,
) -> Result<(PidFile, Workers, Option<Sandbox>), StartError> {
    announce::kernel_tls(cycle);
    if cycle.conf.sandbox {
        announce::kernel_tls_before_sandbox(cycle);
    }
    // Its predecessor has left the terminal already, or was told not to.
    let verdict = match cycle.conf.daemon && !was_upgraded {
        true => Some(sys::daemonize().map_err(|e| failed("fork()", &e))?),
        false => None,
    };
    io::signal::block().map_err(|e| failed("sigprocmask()", &e))?;
    if let Some(identity) = &identity {
        cycle.logs.give_to(identity);
        keeper::start(options, cycle, identity, program).map_err(|e| failed("fork()", &e))?;
        sys::become_user(identity).map_err(|e| failed("setresuid()", &e))?;
    }
    sys::no_new_privileges().map_err(|e| failed("prctl()", &e))?;
    let sandbox = match cycle.conf.sandbox {
        true => Some(close_sandbox(options, cycle, identity.as_ref())?),
        false => None,
    };
    let pid_file = PidFile::write(&cycle.conf.pid).map_err(|e| cannot_open(&cycle.conf.pid, &e))?;
    let workers = match Workers::start(cycle, sockets) {
        Ok(workers) => workers,
        Err(message) => {
            pid_file.remove();
            return Err(StartError::emerg(message));
        }
    };
    announce::start(cycle, workers.count(), workers.rung());
    if let Some(verdict) = verdict {
        leave_stderr(cycle);
        verdict.started();
    }
    Ok((pid_file, workers, sandbox))
}

fn close_sandbox(
    options: &LoadOptions,
    cycle: &Cycle,
    user: Option<&sys::Identity>,
) -> Result<Sandbox, StartError> {
    let (sandbox, message) = Sandbox::close(&cycle.conf, options, user)?;
    if let Some(message) = message {
        log(&cycle.logs, &cycle.conf.error_log, Level::Warn, message);
    }
    Ok(sandbox)
}

fn failed(call: &str, error: &std::io::Error) -> StartError {
    StartError::emerg(format!("{call} failed ({})", describe(error)))
}

/// `-t`: whether a start would have its logs, addresses and pid file. An address in use is not an error: most often
/// the server that runs has it.
///
/// # Errors
/// What cannot be had.
pub fn check(options: &LoadOptions, conf: MainConf) -> Result<(), StartError> {
    if conf.sandbox {
        Sandbox::check(&conf, options)?;
    }
    let cycle = open_cycle(conf, None)?;
    let pid_file = || PidFile::try_write(&cycle.conf.pid).map_err(|e| cannot_open(&cycle.conf.pid, &e));
    listeners::try_all(&cycle)
        .and_then(|()| pid_file())
        .inspect_err(|error| log_start_error(&cycle, error.level, &error.message))
}

/// `user`: whether there is such a user and such a group.
///
/// # Errors
/// nginx's message when there is not.
pub fn find_user(user: &str, group: Option<&str>) -> Result<(), String> {
    sys::identity(user, None).map_err(|_| format!("getpwnam(\"{user}\") failed"))?;
    match group {
        Some(group) => {
            sys::identity(user, Some(group)).map_err(|_| format!("getgrnam(\"{group}\") failed")).map(drop)
        }
        None => Ok(()),
    }
}

/// Compiles a configuration and opens its logs.
fn open_cycle(conf: MainConf, old: Option<&Cycle>) -> Result<Arc<Cycle>, StartError> {
    let generation = old.map_or(1, |old| old.generation + 1);
    Cycle::after(conf, generation, old).map(Arc::new).map_err(|error| match error {
        CycleError::Log(log) => cannot_open(&log.path, &log.error),
        CycleError::Tls(message) => StartError::emerg(message),
    })
}

fn cannot_open(path: &Path, error: &std::io::Error) -> StartError {
    StartError::emerg(format!("open() \"{}\" failed ({})", path.display(), describe(error)))
}

/// An error as nginx writes it: `2: No such file or directory`.
pub fn describe(error: &std::io::Error) -> String {
    Errno(error).to_string()
}

/// The master at work.
struct Master<'o> {
    options: &'o LoadOptions,
    cycle: Arc<Cycle>,
    listeners: Listeners,
    pid_file: PidFile,
    sandbox: Option<Sandbox>,
    program: Program,
    /// The next executable, while it runs beside this one.
    successor: Option<Successor>,
    /// Another executable has started this one (USR2).
    was_upgraded: bool,
    notifier: Notifier,
    /// Detached: standard error follows the error log.
    daemon: bool,
    /// Told to end: what is loaded now would open the ports again.
    ending: bool,
}

impl Master<'_> {
    /// Waits for signals and reports until every worker ended.
    fn serve(&mut self, workers: &mut Workers) {
        // A thread that says it ends is not gone yet: it is looked at again soon, a few times.
        let mut soon = 0;
        let mut certificates_ms = crate::time::refresh().monotonic_ms;
        while workers.any_running() {
            let interval = if soon > 0 { EXIT_INTERVAL } else { REPORT_INTERVAL };
            match io::signal::wait(interval) {
                // Workers are threads: it only says that one of them is about to end.
                Some(Received { signal: Signal::Child, .. }) => {
                    soon = EXIT_LOOKS;
                    crate::time::refresh();
                }
                Some(received) => {
                    crate::time::refresh();
                    self.log(Level::Notice, &heard(received));
                    self.obey(received.signal, workers);
                }
                None => {
                    soon = soon.saturating_sub(1);
                    crate::time::refresh();
                }
            }
            let now_ms = crate::time::now().monotonic_ms;
            if now_ms.saturating_sub(certificates_ms) >= CERTIFICATES_MS {
                certificates_ms = now_ms;
                self.refresh_certificates();
            }
            self.look_for_successor(workers);
            for message in workers.hear(&self.cycle) {
                self.log(Level::Alert, &message);
            }
            self.settle_ports(workers);
        }
    }

    /// certbot and its like write new files and send no signal.
    fn refresh_certificates(&self) {
        for refreshed in self.cycle.tls.refresh() {
            match refreshed {
                Ok(path) => self.log(Level::Notice, &format!("certificate \"{path}\" changed and is in use")),
                Err(why) => self.log(Level::Error, &format!("{why}; the certificate in use stays")),
            }
        }
    }

    fn obey(&mut self, signal: Signal, workers: &mut Workers) {
        match signal {
            Signal::Reload if self.ending => self.log(Level::Notice, "shutting down, SIGHUP ignored"),
            Signal::Reload if self.successor.is_some() => self.wake(workers),
            Signal::Reload => {
                self.notifier.reloading();
                self.reload(workers);
                self.notifier.say("READY=1");
            }
            Signal::Quit => {
                self.ending = true;
                self.announce_end();
                self.log(Level::Notice, "gracefully shutting down");
                self.listeners.close();
                workers.drain(self.cycle.conf.worker_shutdown_timeout);
            }
            Signal::Terminate | Signal::Interrupt => {
                self.ending = true;
                self.announce_end();
                self.listeners.close();
                workers.stop();
            }
            Signal::Reopen => {
                self.log(Level::Notice, "reopening logs");
                workers.flush_logs();
                for error in self.cycle.logs.reopen() {
                    let text =
                        format!("open() \"{}\" failed ({})", error.path.display(), describe(&error.error));
                    self.log(Level::Emerg, &text);
                }
                if self.daemon {
                    leave_stderr(&self.cycle);
                }
            }
            Signal::Upgrade => self.upgrade(workers),
            Signal::Winch => self.rest(workers),
            Signal::Child => {}
        }
    }

    /// Takes up a new configuration; an invalid one leaves the old one running.
    fn reload(&mut self, workers: &mut Workers) {
        self.log(Level::Notice, "reconfiguring");
        set_utc_offset();
        let loaded = match config::load(&keeper::options(self.options)) {
            Ok(loaded) => loaded,
            Err(diagnostics) => {
                for (level, text) in diagnostics.lines() {
                    self.log(level, &text);
                }
                self.log(Level::Emerg, "the new configuration is invalid, the old one stays in force");
                return;
            }
        };
        for (level, text) in loaded.diagnostics.lines() {
            self.log(level, &text);
        }
        match self.take_up(loaded.conf, workers) {
            Ok(()) => self.log(Level::Notice, "reconfigured"),
            Err(error) => {
                self.log(error.level, &error.message);
                self.log(Level::Emerg, "the new configuration cannot be used, the old one stays in force");
            }
        }
    }

    fn take_up(&mut self, mut conf: MainConf, workers: &mut Workers) -> Result<(), StartError> {
        if let Some(sandbox) = &self.sandbox {
            sandbox.holds(&conf, self.options)?;
        }
        temp_paths::prepare(&mut conf, None)?;
        let cycle = open_cycle(conf, Some(&self.cycle))?;
        announce::kernel_tls(&cycle);
        let old = Arc::clone(&self.cycle);
        let new_pid_file = cycle.conf.pid != old.conf.pid;
        if new_pid_file {
            PidFile::try_write(&cycle.conf.pid).map_err(|e| cannot_open(&cycle.conf.pid, &e))?;
        }
        let say = |text: &str| log(&old.logs, &old.conf.error_log, Level::Emerg, text);
        let (count, wanted) = (workers.count(), worker_count(&cycle.conf));
        if wanted > count
            && let Err(error) = workers.grow(&cycle, wanted)
        {
            self.log(error.level, &format!("{}, {count} workers go on", error.message));
        }
        let sockets = self.listeners.open(&cycle, workers.count(), &say);
        let sockets = sockets.inspect_err(|_| workers.shrink(&old, count))?;
        // Those of a rest take the new configuration up too.
        workers.resume();
        if new_pid_file {
            match PidFile::write(&cycle.conf.pid) {
                Ok(pid_file) => std::mem::replace(&mut self.pid_file, pid_file).remove(),
                Err(e) => self.log(Level::Emerg, &cannot_open(&cycle.conf.pid, &e).message),
            }
        }
        if cycle.conf.sandbox != self.cycle.conf.sandbox {
            self.log(Level::Warn, "\"sandbox\" changes only with a restart");
        }
        if cycle.conf.user != self.cycle.conf.user {
            self.log(Level::Warn, "the \"user\" changes only with a restart");
        }
        if cycle.conf.worker_cpu_affinity != self.cycle.conf.worker_cpu_affinity {
            self.log(Level::Warn, "\"worker_cpu_affinity\" changes only with a restart");
        }
        for message in workers.adopt(&cycle, sockets) {
            self.log(Level::Alert, &message);
        }
        if wanted < workers.count() {
            workers.shrink(&cycle, wanted);
        }
        self.cycle = cycle;
        if self.daemon {
            leave_stderr(&self.cycle);
        }
        Ok(())
    }

    fn end(self) {
        self.log(Level::Notice, "exit");
        self.listeners.remove_unix_sockets(&self.cycle);
        self.pid_file.remove();
    }

    fn log(&self, level: Level, message: &str) {
        log(&self.cycle.logs, &self.cycle.conf.error_log, level, message);
    }
}

/// A signal as nginx logs it: who sent it and what follows.
fn heard(Received { signal, from }: Received) -> String {
    let from = if from == 0 { String::new() } else { format!(" from {from}") };
    let action = match signal {
        Signal::Reload => ", reconfiguring",
        Signal::Quit => ", shutting down",
        Signal::Terminate | Signal::Interrupt => ", exiting",
        Signal::Reopen => ", reopening logs",
        Signal::Upgrade => ", changing binary",
        Signal::Winch | Signal::Child => "",
    };
    format!("signal {} ({}) received{from}{action}", signal.number(), signal.name())
}

/// What standard error has heard already goes to the logs that are files.
fn log_start_error(cycle: &Cycle, level: Level, message: &str) {
    let files: Vec<ErrorLogConf> =
        cycle.conf.error_log.iter().filter(|log| log.target != LogTarget::Stderr).cloned().collect();
    log(&cycle.logs, &files, level, message);
}

/// The same while no log is open yet.
fn log_unopened(targets: &[ErrorLogConf], error: &StartError) {
    let mut line = Vec::new();
    log::format_line(&mut line, error.level, 0, format_args!("{}", error.message));
    for file in targets.iter().filter(|log| error.level <= log.level) {
        if let LogTarget::File(path) = &file.target
            && let Ok(file) = io::log_file::append_open(path)
        {
            let _ = io::file::write_all(file.as_fd(), &line);
        }
    }
}

fn log(logs: &LogFiles, targets: &[ErrorLogConf], level: Level, message: &str) {
    logs.error(targets, level, 0, format_args!("{message}"));
}

/// `worker_processes`.
fn worker_count(conf: &MainConf) -> usize {
    conf.worker_processes.unwrap_or_else(sys::auto_workers).max(1)
}

/// `worker_rlimit_nofile`; without it, as many as the hard limit allows.
fn raise_file_limit(cycle: &Cycle) {
    let wanted = match (cycle.conf.worker_rlimit_nofile, sys::open_file_limit()) {
        (Some(files), _) => files,
        (None, Ok((soft, hard))) if soft < hard => hard,
        (None, _) => return,
    };
    if let Err(error) = sys::set_open_file_limit(wanted) {
        let text = format!("setrlimit(RLIMIT_NOFILE, {wanted}) failed ({})", describe(&error));
        log(&cycle.logs, &cycle.conf.error_log, Level::Alert, &text);
    }
}

/// The `user` that the program becomes; only when started as root.
fn identity(conf: &MainConf) -> Result<Option<sys::Identity>, StartError> {
    match &conf.user {
        Some((user, group)) if sys::is_root() => sys::identity(user, group.as_deref())
            // `user root;` says to stay what it is.
            .map(|identity| Some(identity).filter(|identity| identity.uid != 0))
            .map_err(|e| StartError::emerg(format!("getpwnam(\"{user}\") failed ({})", describe(&e)))),
        Some(_) | None => Ok(None),
    }
}

/// The offset of local time, for the lines of logs; it changes twice a year.
pub fn set_utc_offset() {
    let now = crate::time::refresh().unix_secs();
    crate::time::set_utc_offset(sys::utc_offset(now));
    sys::zone_name(now, crate::time::set_zone_name);
}

/// A daemon does not keep the standard error of the command that started it (a pipe would never end): what is still
/// written there goes to the error log, unless that is standard error itself.
fn leave_stderr(cycle: &Cycle) {
    let file = cycle.conf.error_log.iter().find_map(|log| match &log.target {
        LogTarget::File(path) => Some(io::log_file::append_open(path)),
        LogTarget::Stderr => None,
    });
    let kept = cycle.conf.error_log.iter().any(|log| matches!(log.target, LogTarget::Stderr));
    if let (Some(Ok(file)), false) = (file, kept) {
        let _ = io::log_file::dup3_over(file.as_fd(), std::io::stderr().as_raw_fd());
    }
}
