//! One loaded configuration and all that is built from it: immutable, shared by every worker.
//!
//! A reload builds a new cycle; each connection takes it up at its next request.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;

use crate::config::model::{
    ErrorLogConf, Level, LimitZoneConf, ListenAddr, ListenConf, ListenId, LocationConf, LocationId,
    LogTarget, MainConf, ServerConf, ServerId, UpstreamConf, UpstreamId,
};
use crate::io::log_file::LogKind;
use crate::io::{self, SockAddr};
use crate::limits::{ConnectionZone, RequestZone};
use crate::log::{self, Errno};
use crate::route::{Router, ServerMatch};
use crate::tls::{ClientCheck, Tls};

/// How a worker holds a cycle: the inner count is shared by all cores and touched once per reload, the outer one is the
/// worker's own and cheap enough for every request.
pub type CycleRef = Rc<Arc<Cycle>>;

/// A loaded configuration.
pub struct Cycle {
    /// What the file says.
    pub conf: MainConf,
    /// Compiled look-up of servers and locations.
    pub router: Router,
    /// Counts up with every reload, from 1.
    pub generation: u64,
    /// `$hostname`.
    pub hostname: String,
    /// The open logs.
    pub logs: LogFiles,
    /// What `limit_req` and `limit_conn` count.
    pub limits: LimitZones,
    /// What handshakes need.
    pub tls: Tls,
}

/// What becomes of a handshake once the client has said which server it wants.
#[derive(Debug, Clone, Copy)]
pub enum Handshake<'c> {
    /// It goes on with this configuration.
    With(&'c Arc<ServerConfig>),
    /// It ends with the alert `unrecognized_name` (`ssl_reject_handshake`).
    Rejected,
}

/// The zones of a configuration, by their index in it.
#[derive(Default)]
pub struct LimitZones(Vec<LimitZone>);

#[derive(Clone)]
enum LimitZone {
    Requests(Arc<RequestZone>),
    Connections(Arc<ConnectionZone>),
}

impl LimitZones {
    fn new(conf: &MainConf, old: Option<&Cycle>) -> Self {
        let make = |zone: &LimitZoneConf| match zone.rate {
            Some(_) => LimitZone::Requests(Arc::new(RequestZone::new(zone.size))),
            None => LimitZone::Connections(Arc::new(ConnectionZone::new(zone.size))),
        };
        let kept = |zone: &LimitZoneConf| {
            let old = old?;
            // A rate may change; another key would mix what is counted.
            let is_same = |had: &LimitZoneConf| {
                (&had.name, &had.key, had.size, had.rate.is_some())
                    == (&zone.name, &zone.key, zone.size, zone.rate.is_some())
            };
            let at = old.conf.http.limit_zones.iter().position(is_same)?;
            old.limits.0.get(at).cloned()
        };
        Self(conf.http.limit_zones.iter().map(|zone| kept(zone).unwrap_or_else(|| make(zone))).collect())
    }

    /// The zone of a `limit_req`.
    pub fn requests(&self, zone: usize) -> Option<&RequestZone> {
        match self.0.get(zone) {
            Some(LimitZone::Requests(zone)) => Some(zone),
            _ => None,
        }
    }

    /// The zone of a `limit_conn`.
    pub fn connections(&self, zone: usize) -> Option<&Arc<ConnectionZone>> {
        match self.0.get(zone) {
            Some(LimitZone::Connections(zone)) => Some(zone),
            _ => None,
        }
    }
}

impl Cycle {
    /// Compiles a configuration and opens its logs.
    ///
    /// # Errors
    /// A log that cannot be opened, or a certificate that cannot be used.
    pub fn new(conf: MainConf, generation: u64) -> Result<Self, CycleError> {
        Self::after(conf, generation, None)
    }

    /// The same after an `old` one, whose counts go on in the zones that stay the same.
    ///
    /// # Errors
    /// As [`Cycle::new`].
    pub fn after(conf: MainConf, generation: u64, old: Option<&Self>) -> Result<Self, CycleError> {
        let router = Router::build(&conf.http);
        let logs = LogFiles::open(&conf).map_err(CycleError::Log)?;
        let tls = Tls::load(&conf.http, old.map(|old| &old.tls)).map_err(CycleError::Tls)?;
        let limits = LimitZones::new(&conf, old);
        Ok(Self { conf, router, generation, hostname: io::sys::hostname(), logs, limits, tls })
    }

    /// What a handshake on this socket begins with; `None`: clients speak in plain text there. It serves every client, and
    /// those that name a server are served better by [`Cycle::tls_named`].
    pub fn tls(&self, id: ListenId) -> Option<&Arc<ServerConfig>> {
        let listen = self.listen(id);
        if !listen.ssl {
            return None;
        }
        self.tls
            .of_server(listen.default_server, self.offers_http2(id, listen.default_server))
            .or(self.tls.bare())
    }

    /// The server of a socket that has this name, lower-case.
    pub fn server_named(&self, id: ListenId, name: &str) -> Option<ServerId> {
        // Who names nobody is not looked for among the servers without a name.
        let named = self.router.server_named(id, name.as_bytes()).filter(|_| !name.is_empty());
        named.map(|ServerMatch { server, .. }| server)
    }

    /// What a server holds clients' certificates against, when it asks for them.
    pub fn client_check(&self, id: ServerId) -> Option<&ClientCheck> {
        self.tls.client_check(id)
    }

    /// What a handshake goes on with whose client hello names `server_name` (SNI); the server's own certificate, protocols
    /// and checks, else those of the default server. `None` for a socket that speaks plain text.
    pub fn tls_named(&self, id: ListenId, server_name: Option<&str>) -> Option<Handshake<'_>> {
        let begun_with = self.tls(id)?;
        let default = self.listen(id).default_server;
        let name = server_name.map(str::to_ascii_lowercase).unwrap_or_default();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let server = self.server_named(id, name).unwrap_or(default);
        if self.server(server).tls.reject_handshake {
            return Some(Handshake::Rejected);
        }
        let http2 = self.offers_http2(id, server);
        Some(Handshake::With(self.tls.of_server(server, http2).unwrap_or(begun_with)))
    }

    /// Whether clients of this socket may speak HTTP/2 to this server: one `listen` line or the server says so.
    pub fn offers_http2(&self, id: ListenId, server: ServerId) -> bool {
        self.listen(id).http2 || self.server(server).http2.on
    }

    /// A server by id.
    pub fn server(&self, id: ServerId) -> &ServerConf {
        &self.conf.http.servers[id.0 as usize]
    }

    /// The `listen` of a socket's address, if this configuration has one.
    pub fn listen_of(&self, addr: &SockAddr) -> Option<ListenId> {
        let at = self.conf.http.listens.iter().position(|listen| match (&listen.addr, addr) {
            (ListenAddr::Inet(a), SockAddr::Inet(b)) => a == b,
            (ListenAddr::Unix(a), SockAddr::Unix(b)) => a == b,
            (ListenAddr::Inet(_), SockAddr::Unix(_)) | (ListenAddr::Unix(_), SockAddr::Inet(_)) => false,
        })?;
        Some(ListenId(at as u32))
    }

    /// The `listen` for a connection that came by the socket `socket` to the address `local`: a specific address wins
    /// over the wildcard whose socket took the connection.
    pub fn listen_for(&self, socket: &SockAddr, local: &SockAddr) -> Option<ListenId> {
        self.listen_of(local).or_else(|| self.listen_of(socket))
    }

    /// A listening socket's configuration by id.
    pub fn listen(&self, id: ListenId) -> &ListenConf {
        &self.conf.http.listens[id.0 as usize]
    }

    /// A location by id.
    pub fn location(&self, id: LocationId) -> &LocationConf {
        &self.conf.http.locations[id.0 as usize]
    }

    /// An upstream by id.
    pub fn upstream(&self, id: UpstreamId) -> &UpstreamConf {
        &self.conf.http.upstreams[id.0 as usize]
    }
}

impl std::fmt::Debug for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cycle {}", self.generation)
    }
}

/// Every file that `error_log` and `access_log` name, opened once for all cores.
///
/// USR1 replaces the file behind a descriptor and leaves its number alone, so that no worker needs to be told.
#[derive(Debug, Default)]
pub struct LogFiles {
    files: Vec<LogFile>,
    /// Where it is told that another log cannot be written.
    alerts: Vec<LogTarget>,
}

#[derive(Debug)]
struct LogFile {
    target: LogTarget,
    fd: OwnedFd,
    kind: LogKind,
    /// When it was last told that it cannot be written, `Now::monotonic_ms`; 0: never.
    told_ms: AtomicU64,
}

impl LogFile {
    /// Lines are lost: `Some` when it is time to tell.
    fn is_to_be_told(&self) -> bool {
        let now = crate::time::now().monotonic_ms.max(1);
        let told = self.told_ms.load(Ordering::Relaxed);
        let due = told == 0 || now.saturating_sub(told) >= LOST_LINES_TOLD_MS;
        due && self.told_ms.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn name(&self) -> std::path::Display<'_> {
        match &self.target {
            LogTarget::File(path) => path.display(),
            LogTarget::Stderr => Path::new("stderr").display(),
        }
    }
}

/// How often it is told that a log cannot be written, as in nginx.
const LOST_LINES_TOLD_MS: u64 = 60_000;

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum CycleError {
    /// One of its logs cannot be opened.
    Log(LogOpenError),
    /// One of its certificates cannot be used: the message.
    Tls(String),
}

/// A log that could not be opened.
#[derive(Debug)]
pub struct LogOpenError {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub error: std::io::Error,
}

impl LogFiles {
    /// Every log that a configuration names, some more than once.
    pub fn targets(conf: &MainConf) -> impl Iterator<Item = &LogTarget> {
        let errors = conf.error_log.iter().chain(conf.http.locations.iter().flat_map(|l| l.error_log.iter()));
        let accesses = conf.http.locations.iter().flat_map(|l| l.access_logs.iter());
        errors.map(|e| &e.target).chain(accesses.map(|a| &a.target))
    }

    fn open(conf: &MainConf) -> Result<Self, LogOpenError> {
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        for target in Self::targets(conf) {
            if !seen.insert(target) {
                continue;
            }
            let opened = match target {
                LogTarget::File(path) => {
                    io::log_file::append_open(path).map(|fd| (io::log_file::log_kind(fd.as_fd()), fd))
                }
                LogTarget::Stderr => io::log_file::stderr_log().map(|(fd, kind)| (kind, fd)),
            };
            let (kind, fd) = opened.map_err(|error| {
                let path = match target {
                    LogTarget::File(path) => path.clone(),
                    LogTarget::Stderr => PathBuf::from("stderr"),
                };
                LogOpenError { path, error }
            })?;
            files.push(LogFile { target: target.clone(), fd, kind, told_ms: AtomicU64::new(0) });
        }
        let alerts = conf.error_log.iter().filter(|log| Level::Alert <= log.level);
        Ok(Self { files, alerts: alerts.map(|log| log.target.clone()).collect() })
    }

    /// Makes root's files in directories of the user the user's, who has to open them again: there root opens nothing later.
    /// A path with symbolic links, or a file with another name, may be what the user made of it and stays whose it is.
    pub fn give_to(&self, user: &io::sys::Identity) {
        for LogFile { target, fd, .. } in &self.files {
            if let LogTarget::File(path) = target
                && io::granted::is_in_reach(path, user)
                && path.canonicalize().is_ok_and(|real| real == *path)
                && let Err(error) = io::sys::give_file(fd.as_fd(), user.uid)
            {
                let path = path.display();
                log::say(&format!("ringx: [warn] chown() \"{path}\" failed ({})\n", log::Errno(&error)));
            }
        }
    }

    fn file(&self, target: &LogTarget) -> Option<&LogFile> {
        self.files.iter().find(|file| file.target == *target)
    }

    /// Whether this log is open.
    pub fn has(&self, target: &LogTarget) -> bool {
        self.file(target).is_some()
    }

    /// Writes whole lines, and waits for nobody. A log that cannot be written (a full disk, a pipe whose reader sleeps) loses
    /// them, which is told once a minute in the error log: requests go on.
    pub fn write(&self, target: &LogTarget, lines: &[u8]) {
        let Some(file) = self.file(target) else { return };
        if let Err(error) = io::log_file::write_log(file.fd.as_fd(), file.kind, lines) {
            self.tell_loss(file, &error);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_loss(&self, lost: &LogFile, error: &std::io::Error) {
        if !lost.is_to_be_told() {
            return;
        }
        let mut line = Vec::new();
        let message =
            format_args!("write() to \"{}\" failed ({}), lines are lost", lost.name(), Errno(error));
        log::format_line(&mut line, Level::Alert, 0, message);
        for file in self.alerts.iter().filter_map(|target| self.file(target)) {
            // What an error log suffers itself can be told nowhere else.
            let _ = io::log_file::write_log(file.fd.as_fd(), file.kind, &line);
        }
    }

    /// Writes one `error_log` line to each log whose level asks for it.
    pub fn error(
        &self,
        logs: &[ErrorLogConf],
        level: Level,
        connection: u64,
        message: std::fmt::Arguments<'_>,
    ) {
        if !logs.iter().any(|log| level <= log.level) {
            return;
        }
        let mut line = Vec::with_capacity(256);
        log::format_line(&mut line, level, connection, message);
        for log in logs.iter().filter(|log| level <= log.level) {
            self.write(&log.target, &line);
        }
    }

    /// Opens every path anew behind its old descriptor (USR1).
    ///
    /// # Errors
    /// One entry for each log that could not be reopened; it goes on in the old file.
    pub fn reopen(&self) -> Vec<LogOpenError> {
        let mut errors = Vec::new();
        for file in &self.files {
            if let LogTarget::File(path) = &file.target {
                let reopened = io::log_file::append_open(path)
                    .and_then(|new| io::log_file::dup3_over(new.as_fd(), file.fd.as_raw_fd()));
                if let Err(error) = reopened {
                    errors.push(LogOpenError { path: path.clone(), error });
                }
            }
        }
        errors
    }
}
