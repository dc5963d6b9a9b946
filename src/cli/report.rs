//! What the program says about itself and its configuration.

use std::os::fd::{AsFd as _, OwnedFd};

use crate::config::{self, LoadOptions, ModuleSupport};
use crate::io::file::write_all;
use crate::io::log_file::append_open;
use crate::io::runtime;
use crate::io::tls::kernel;
use crate::log::{Errno, Level, format_line, say};
use crate::master;

/// `-h`.
pub(super) const USAGE: &str = "Usage: ringx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives] [--strict]
       ringx --listen ADDRESS [--proxy ADDRESS] [--static /PREFIX=DIRECTORY]...

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the current directory)
  -e filename   : set error log file
  -c filename   : set configuration file (default: conf/nginx.conf, else /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file
  --strict      : refuse every directive that is unknown or not supported yet
  --listen, --proxy, --static : serve without a configuration file

";

/// `-v`.
pub(super) fn version_line() -> String {
    format!("ringx version: ringx/{}\n", env!("CARGO_PKG_VERSION"))
}

/// nginx's modules that its `configure` builds in unless told `--without-`.
const BUILT_IN: [&str; 29] = [
    "http_access",
    "http_auth_basic",
    "http_autoindex",
    "http_browser",
    "http_charset",
    "http_empty_gif",
    "http_fastcgi",
    "http_geo",
    "http_grpc",
    "http_gzip",
    "http_limit_conn",
    "http_limit_req",
    "http_map",
    "http_memcached",
    "http_mirror",
    "http_proxy",
    "http_referer",
    "http_rewrite",
    "http_scgi",
    "http_split_clients",
    "http_ssi",
    "http_upstream_hash",
    "http_upstream_ip_hash",
    "http_upstream_keepalive",
    "http_upstream_least_conn",
    "http_upstream_random",
    "http_upstream_zone",
    "http_userid",
    "http_uwsgi",
];

/// Those that it builds when told `--with-`.
const OPTIONAL: [&str; 21] = [
    "http_addition",
    "http_auth_request",
    "http_dav",
    "http_flv",
    "http_geoip",
    "http_gunzip",
    "http_gzip_static",
    "http_image_filter",
    "http_mp4",
    "http_perl",
    "http_random_index",
    "http_realip",
    "http_secure_link",
    "http_slice",
    "http_ssl",
    "http_stub_status",
    "http_sub",
    "http_v2",
    "http_v3",
    "http_xslt",
    "mail",
];

/// The rest of `-V`: what the kernel offers, and which of nginx's modules are here.
///
/// Scripts look for the arguments of nginx's `configure`: `--with-` names each of its modules that works,
/// `--without-` those of which nothing does although nginx has them by default. One that works in part has neither.
pub(super) fn build_lines() -> String {
    let modules = config::modules();
    let all = |support: ModuleSupport| {
        let names = modules.iter().filter(move |(_, s)| **s == support);
        names.map(|(name, _)| configure_name(name)).collect::<Vec<_>>()
    };
    let mut arguments = Vec::new();
    for name in all(ModuleSupport::Works) {
        if BUILT_IN.contains(&name) || OPTIONAL.contains(&name) {
            arguments.push(format!("--with-{name}_module"));
        }
    }
    for name in all(ModuleSupport::Missing) {
        if BUILT_IN.contains(&name) {
            arguments.push(format!("--without-{name}_module"));
        }
    }
    format!(
        // Scripts look for the line about SNI, which is nginx's.
        "built for Linux, running on Linux {}\nevent loop: {}\nTLS: rustls with ring; kernel TLS (experimental, off): {}\n\
         TLS SNI support enabled\nconfigure arguments: {}\n",
        runtime::kernel_release(),
        runtime::probe().line(),
        kernel::ask().line(),
        arguments.join(" "),
    )
}

/// `ngx_http_gzip_filter_module` as configure's switches name it: `http_gzip`.
fn configure_name(module: &str) -> &str {
    let name = module.strip_prefix("ngx_").unwrap_or(module);
    let name = name.strip_suffix("_module").unwrap_or(name);
    match name.strip_suffix("_filter") {
        Some(stem) if stem != "http_image" => stem,
        _ => name,
    }
}

/// Standard output: `-T` prints every file that was read there, as nginx does.
pub(super) fn dump(files: &[u8]) {
    use std::io::Write;
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().lock().write_all(files);
}

/// Where messages go before any configuration is in force: to standard error and, as with nginx, to the log of `-e`.
pub(super) struct Messages {
    log: Option<OwnedFd>,
}

impl Messages {
    /// Opens the log. One that cannot be opened is named and done without.
    pub(super) fn open(options: &LoadOptions) -> Self {
        let file = options.error_log.as_deref().filter(|name| *name != "stderr");
        let Some(path) = file.map(|name| options.prefix.join(name)) else { return Self { log: None } };
        master::set_utc_offset();
        match append_open(&path) {
            Ok(log) => Self { log: Some(log) },
            Err(error) => {
                let why = format!("open() \"{}\" failed ({})", path.display(), Errno(&error));
                say(&format!("ringx: [alert] could not open error log file: {why}\n"));
                Self { log: None }
            }
        }
    }

    /// Says it in both places.
    pub(super) fn tell(&self, level: Level, message: &str) {
        say(&format!("ringx: [{}] {message}\n", level.as_str()));
        self.write(level, message);
    }

    /// What standard error hears of a configuration in its own form goes to the log line by line.
    pub(super) fn record(&self, diagnostics: &config::Report) {
        for (level, message) in diagnostics.lines().iter().filter(|(level, _)| *level <= Level::Warn) {
            self.write(*level, message);
        }
    }

    fn write(&self, level: Level, message: &str) {
        let Some(log) = &self.log else { return };
        let mut line = Vec::new();
        format_line(&mut line, level, 0, format_args!("{message}"));
        // A full disk is no reason to fail.
        let _ = write_all(log.as_fd(), &line);
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, OPTIONAL, build_lines, configure_name};
    use crate::config;

    #[test]
    fn the_arguments_are_true() {
        let lines = build_lines();
        let (_, arguments) = lines.split_once("configure arguments: ").unwrap();
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        for works in [
            "proxy",
            "rewrite",
            "autoindex",
            "upstream_keepalive",
            "upstream_hash",
            "upstream_zone",
            "map",
            "grpc",
        ] {
            assert!(arguments.contains(&format!("--with-http_{works}_module").as_str()), "{lines}");
        }
        assert!(!arguments.contains(&"--with-http_mp4_module"), "{lines}");
        // They are no arguments of configure.
        for neither in ["http_core", "regex", "event_core", "http_brotli"] {
            assert!(!lines.contains(&format!("-{neither}_module")), "{lines}");
        }
    }

    #[test]
    fn every_argument_is_a_module_of_the_table() {
        let known: Vec<&str> = config::modules().into_keys().map(configure_name).collect();
        for name in BUILT_IN.iter().chain(&OPTIONAL) {
            assert!(known.contains(name), "{name}");
        }
    }
}
