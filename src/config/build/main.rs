//! The main context and `events`: processes, files, user; everything that is not about requests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::{CpuAffinity, ErrorLogConf, HttpConf, MainConf};
use super::context::Context;
use super::{http, logs};

/// `worker_connections` when not written.
const DEFAULT_CONNECTIONS: usize = 512;
/// nginx's event methods: accepted, all of them mean our own.
const EVENT_METHODS: [&str; 8] =
    ["epoll", "poll", "select", "kqueue", "rtsig", "eventport", "/dev/poll", "io_uring"];

/// As written.
#[derive(Debug, Default)]
struct RawMain {
    /// `Some(None)` is `auto`.
    worker_processes: Option<Option<usize>>,
    worker_cpu_affinity: Option<CpuAffinity>,
    worker_connections: Option<u64>,
    use_: Option<()>,
    worker_rlimit_nofile: Option<u64>,
    worker_shutdown_timeout: Option<Duration>,
    user: Option<(String, Option<String>)>,
    pid: Option<String>,
    daemon: Option<bool>,
    sandbox: Option<bool>,
    master_process: Option<bool>,
    error_logs: Vec<ErrorLogConf>,
}

/// Reads the whole file; `error_log` on the command line takes the place of the default.
pub(super) fn main(cx: &mut Context, directives: &[Directive], error_log: Option<&str>) -> MainConf {
    let mut raw = RawMain::default();
    let (mut https, mut events): (Vec<&Directive>, Vec<&Directive>) = (Vec::new(), Vec::new());
    for d in directives {
        match d.name() {
            "http" => https.push(d),
            "events" => events.push(d),
            _ => raw.apply(cx, d),
        }
    }
    for extra in https.iter().skip(1).chain(events.iter().skip(1)) {
        cx.duplicate(extra);
    }
    if https.is_empty() && events.is_empty() && !cx.diagnostics.has_errors() {
        // An empty or cut file must not end what runs.
        cx.diagnostics.error(None, "no \"events\" section in configuration");
    }
    for line in events.iter().take(1).flat_map(|events| events.children()) {
        raw.apply_event(cx, line);
    }
    let error_log = raw.resolve_error_log(cx, error_log);
    cx.set_main_error_log(error_log.clone());
    let http = match https.first() {
        Some(d) => http::http(cx, d),
        None => HttpConf::default(),
    };
    raw.resolve(cx, error_log, http)
}

impl RawMain {
    fn apply(&mut self, cx: &mut Context, d: &Directive) {
        match d.name() {
            "worker_processes" => cx.set(d, &mut self.worker_processes, worker_processes),
            "worker_cpu_affinity" => cx.set(d, &mut self.worker_cpu_affinity, worker_cpu_affinity),
            "worker_rlimit_nofile" => cx.number(d, &mut self.worker_rlimit_nofile),
            "worker_shutdown_timeout" => cx.time(d, &mut self.worker_shutdown_timeout),
            "user" => cx.set(d, &mut self.user, user),
            "pid" => cx.text(d, &mut self.pid),
            "daemon" => cx.flag(d, &mut self.daemon),
            "sandbox" => cx.flag(d, &mut self.sandbox),
            "master_process" => cx.flag(d, &mut self.master_process),
            "error_log" => self.error_logs.extend(logs::error_log(cx, d)),
            _ => {}
        }
    }

    fn apply_event(&mut self, cx: &mut Context, d: &Directive) {
        match d.name() {
            "worker_connections" => cx.set(d, &mut self.worker_connections, |cx, d| {
                let number = super::context::read_number(d.arg(0)).filter(|number| *number > 0);
                if number.is_none() {
                    cx.error(d, format!("invalid number \"{}\"", d.arg(0)));
                }
                number
            }),
            "use" => cx.set(d, &mut self.use_, |cx, d| {
                let known = EVENT_METHODS.contains(&d.arg(0));
                if !known {
                    cx.error(d, format!("invalid event type \"{}\"", d.arg(0)));
                }
                known.then_some(())
            }),
            _ => {}
        }
    }

    fn resolve_error_log(&mut self, cx: &mut Context, command_line: Option<&str>) -> Arc<[ErrorLogConf]> {
        if !self.error_logs.is_empty() {
            return std::mem::take(&mut self.error_logs).into();
        }
        let mut log = logs::default_error_log(cx.logs_folder().as_deref());
        match command_line {
            Some("stderr") => log.target = super::super::model::LogTarget::Stderr,
            Some(file) => log.target = super::super::model::LogTarget::File(cx.absolute(file)),
            None => {}
        }
        Arc::new([log])
    }

    fn resolve(self, cx: &mut Context, error_log: Arc<[ErrorLogConf]>, http: HttpConf) -> MainConf {
        if let (Some(Some(count)), Some(CpuAffinity::Masks(masks))) =
            (self.worker_processes, &self.worker_cpu_affinity)
            && masks.len() != count
            && masks.len() > 1
        {
            cx.diagnostics.warn(
                None,
                "the number of \"worker_processes\" is not equal to the number of \"worker_cpu_affinity\" masks, \
                 using last mask for remaining worker processes",
            );
        }
        let connections = self.worker_connections.and_then(|number| usize::try_from(number).ok());
        MainConf {
            // Not written: one per core, for there is no reason to leave the others idle.
            worker_processes: self.worker_processes.unwrap_or(None),
            worker_cpu_affinity: self.worker_cpu_affinity.unwrap_or(CpuAffinity::Auto(None)),
            worker_connections: connections.unwrap_or(DEFAULT_CONNECTIONS),
            worker_rlimit_nofile: self.worker_rlimit_nofile,
            worker_shutdown_timeout: self.worker_shutdown_timeout,
            user: self.user,
            pid: pid(cx, self.pid.as_deref()),
            error_log,
            daemon: self.daemon.unwrap_or(true),
            sandbox: self.sandbox.unwrap_or(false),
            prefix: cx.prefix().to_owned(),
            default_temp_paths: std::mem::take(&mut cx.default_temp_paths).into_iter().collect(),
            http,
        }
    }
}

/// `pid`: below `logs/` where that exists, else in the prefix.
fn pid(cx: &Context, written: Option<&str>) -> PathBuf {
    match written {
        Some(path) => cx.absolute(path),
        None if cx.logs_folder().is_some() => cx.absolute("logs/ringx.pid"),
        None => cx.absolute("ringx.pid"),
    }
}

/// `worker_processes auto`, `worker_processes N`.
fn worker_processes(cx: &mut Context, d: &Directive) -> Option<Option<usize>> {
    let text = d.arg(0);
    if text == "auto" {
        return Some(None);
    }
    let count = super::context::read_number(text).and_then(|count| usize::try_from(count).ok());
    if count.is_none() {
        cx.error(d, "\"worker_processes\" directive invalid value");
    }
    count.map(|count| Some(count.max(1)))
}

/// `worker_cpu_affinity auto [mask]`, `worker_cpu_affinity mask ...`.
fn worker_cpu_affinity(cx: &mut Context, d: &Directive) -> Option<CpuAffinity> {
    let auto = d.arg(0) == "auto";
    let mut masks = Vec::new();
    for i in usize::from(auto)..d.args().len() {
        let mut cores = Vec::new();
        for (bit, character) in d.arg(i).chars().rev().enumerate() {
            match character {
                '0' => {}
                '1' => cores.push(bit),
                _ => {
                    cx.error(d, format!("invalid character \"{character}\" in \"worker_cpu_affinity\""));
                    return None;
                }
            }
        }
        masks.push(cores);
    }
    if !auto {
        return Some(CpuAffinity::Masks(masks));
    }
    if masks.len() > 1 {
        cx.error(d, "invalid number of arguments in \"worker_cpu_affinity\" directive");
        return None;
    }
    Some(CpuAffinity::Auto(masks.pop()))
}

/// `user name [group]`: only for the super-user.
fn user(cx: &mut Context, d: &Directive) -> Option<(String, Option<String>)> {
    if !cx.superuser {
        cx.warn(
            d,
            "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored",
        );
    }
    let group = d.args().get(1).map(|_| d.arg(1).to_owned());
    if let (true, Some(find)) = (cx.superuser, cx.find_user)
        && let Err(message) = find(d.arg(0), group.as_deref())
    {
        cx.error(d, message);
        return None;
    }
    Some((d.arg(0).to_owned(), group))
}
