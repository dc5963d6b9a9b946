//! `access_log`, `error_log`, `log_format`, `log_not_found` and `log_subrequest`.
//!
//! A log's default file is used only where its directory exists: a bare prefix then logs to nowhere (access) or to
//! standard error, instead of failing at start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::{AccessLogConf, ErrorLogConf, Level, LogEscape, LogFormat, LogTarget};
use super::context::Context;
use super::level::{List, inherit};
use super::location::is_unsupported;

/// nginx's predefined format.
pub(super) const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" \
                                   $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawLogs {
    access: List<AccessLogConf>,
    /// `access_log` stands at this level or an outer one; `Some(true)` is `off`.
    access_off: Option<bool>,
    pub error: List<ErrorLogConf>,
    pub not_found: Option<bool>,
    pub subrequest: Option<bool>,
}

impl RawLogs {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "access_log" if d.arg(0) == "off" => match d.args().get(1) {
                None => self.access_off = Some(true),
                Some(extra) => cx.error(d, format!("invalid parameter \"{}\"", extra.text())),
            },
            "access_log" => {
                self.access_off = self.access_off.or(Some(false));
                if let Some(log) = access_log(cx, d) {
                    self.access.push(log);
                }
            }
            "error_log" => {
                if let Some(log) = error_log(cx, d) {
                    self.error.push(log);
                }
            }
            "log_not_found" => cx.flag(d, &mut self.not_found),
            "log_subrequest" => cx.flag(d, &mut self.subrequest),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        if self.access_off.is_some() {
            self.access.inherit(&List::default());
        } else {
            self.access.inherit(&outer.access);
            self.access_off = outer.access_off;
        }
        self.error.inherit(&outer.error);
        inherit!(self, outer; not_found, subrequest);
    }

    /// The access logs in force; `default` when no level says anything.
    pub(super) fn access_logs(&self, default: &Arc<[AccessLogConf]>) -> Arc<[AccessLogConf]> {
        match self.access_off {
            None => default.clone(),
            Some(true) => Arc::new([]),
            Some(false) => self.access.get().unwrap_or_default(),
        }
    }
}

/// What `gzip` alone means for the buffer.
const GZIP_BUFFER: usize = 64 * 1024;

/// `access_log path [format [buffer=size] [flush=time] [gzip] [if=condition]]`.
fn access_log(cx: &mut Context, d: &Directive) -> Option<AccessLogConf> {
    let path = d.arg(0);
    let format_name = if d.args().len() > 1 { d.arg(1) } else { "combined" };
    let Some(format) = cx.log_format(format_name) else {
        cx.error(d, format!("unknown log format \"{format_name}\""));
        return None;
    };
    let (mut buffer, mut flush, mut condition) = (None, None, None);
    for i in 2..d.args().len() {
        let text = d.arg(i);
        match text.split_once('=') {
            Some(("buffer", value)) => {
                buffer =
                    cx.read_size(value).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
                if buffer.is_none() {
                    cx.error(d, format!("invalid buffer size \"{value}\""));
                    return None;
                }
            }
            Some(("flush", value)) => {
                flush = cx.read_time(value).filter(|time| !time.is_zero());
                if flush.is_none() {
                    cx.error(d, format!("invalid flush time \"{value}\""));
                    return None;
                }
            }
            Some(("if", value)) => {
                let template = cx.template(d, value)?;
                // An empty variable would mean that nothing is ever logged.
                if template.uses(is_unsupported) {
                    cx.warn(
                        d,
                        format!(
                            "\"{text}\" has a variable that is not supported yet: all requests are logged"
                        ),
                    );
                } else {
                    condition = Some(template);
                }
            }
            Some(("gzip", level)) if !matches!(level.parse(), Ok(1..=9)) => {
                cx.error(d, format!("invalid compression level \"{level}\""));
                return None;
            }
            Some(("gzip", _)) => {
                buffer = buffer.or(Some(GZIP_BUFFER));
                cx.warn(d, format!("\"{text}\" of \"access_log\" is ignored: the log is plain text"));
            }
            None if text == "gzip" => {
                buffer = buffer.or(Some(GZIP_BUFFER));
                cx.warn(d, "\"gzip\" of \"access_log\" is ignored: the log is plain text");
            }
            _ => {
                cx.error(d, format!("invalid parameter \"{text}\""));
                return None;
            }
        }
    }
    if flush.is_some() && buffer.is_none() {
        cx.error(d, format!("no buffer is defined for access_log \"{path}\""));
        return None;
    }
    if path.starts_with("syslog:") {
        cx.warn(d, "\"access_log\" to syslog is not supported yet: ignored");
        return None;
    }
    if path.contains('$') {
        cx.error(d, format!("variables in the path of \"access_log\" are not supported: \"{path}\""));
        return None;
    }
    Some(AccessLogConf { target: LogTarget::File(cx.absolute(path)), format, buffer, flush, condition })
}

/// `error_log file [level]`.
pub(super) fn error_log(cx: &mut Context, d: &Directive) -> Option<ErrorLogConf> {
    let path = d.arg(0);
    let mut level = None;
    for i in 1..d.args().len() {
        let word = d.arg(i);
        let Some(parsed) = Level::from_word(word) else {
            cx.error(d, format!("invalid log level \"{word}\""));
            return None;
        };
        if level.replace(parsed).is_some_and(|earlier| earlier != Level::Debug || parsed != Level::Debug) {
            cx.error(d, format!("duplicate log level \"{word}\""));
            return None;
        }
    }
    if path.starts_with("syslog:") || path.starts_with("memory:") {
        let kind = path.split(':').next().unwrap_or_default();
        cx.warn(d, format!("\"error_log\" to {kind} is not supported yet: ignored"));
        return None;
    }
    let target = if path == "stderr" { LogTarget::Stderr } else { LogTarget::File(cx.absolute(path)) };
    Some(ErrorLogConf { target, level: level.unwrap_or(Level::Error) })
}

/// `log_format name [escape=default|json|none] string ...`; registers it.
pub(super) fn log_format(cx: &mut Context, d: &Directive) {
    let name = d.arg(0);
    if name == "combined" || cx.log_format(name).is_some() {
        cx.error(d, format!("duplicate \"log_format\" name \"{name}\""));
        return;
    }
    let mut from = 1;
    let mut escape = LogEscape::Default;
    if let Some(word) = (d.args().len() > 1).then(|| d.arg(1)).and_then(|word| word.strip_prefix("escape=")) {
        from = 2;
        escape = match word {
            "default" => LogEscape::Default,
            "json" => LogEscape::Json,
            "none" => LogEscape::None,
            _ => {
                cx.error(d, format!("unknown log format escaping \"{word}\""));
                return;
            }
        };
    }
    let joined: String = (from..d.args().len()).map(|i| d.arg(i)).collect();
    if let Some(template) = cx.template(d, &joined) {
        cx.add_log_format(LogFormat { name: name.to_owned(), template, escape });
    }
}

/// The error log when `error_log` is not written: `logs/error.log` below the prefix, or standard error.
pub(super) fn default_error_log(folder: Option<&Path>) -> ErrorLogConf {
    let target = match folder.map(|folder| folder.join("error.log")) {
        Some(file) => LogTarget::File(file),
        None => LogTarget::Stderr,
    };
    ErrorLogConf { target, level: Level::Error }
}

/// The access log when `access_log` is not written: `logs/access.log` below the prefix, or none.
pub(super) fn default_access_log(folder: Option<&Path>, combined: Arc<LogFormat>) -> Option<AccessLogConf> {
    let target = LogTarget::File(folder?.join("access.log"));
    let (buffer, flush): (Option<usize>, Option<Duration>) = (None, None);
    Some(AccessLogConf { target, format: combined, buffer, flush, condition: None })
}
