//! What a start says: a line of the event loop in the log, one of the kernel's TLS where it is asked for, and in the foreground the URLs to open.

use crate::config::model::ListenAddr;
use crate::cycle::Cycle;
use crate::io::{self, RingMode, sys, tls};
use crate::log::Level;

use super::{log, log_start_error};

/// One log line with what the kernel gave, and in the foreground the URLs to open.
pub(super) fn start(cycle: &Cycle, workers: usize, rung: RingMode) {
    let probe = io::runtime::probe();
    let event_loop = if rung == probe.mode {
        probe.line()
    } else {
        format!(
            "{}; not every worker got {}: raise the limits for locked memory (ulimit -l) and open files to get more",
            rung.description(),
            probe.mode.description()
        )
    };
    let line = format!(
        "ringx/{} on Linux {}, {workers} worker{}: {}",
        env!("CARGO_PKG_VERSION"),
        io::runtime::kernel_release(),
        if workers == 1 { "" } else { "s" },
        event_loop,
    );
    log(&cycle.logs, &cycle.conf.error_log, Level::Notice, &line);
    if let Some(message) = io::runtime::unknown_mode() {
        log_start_error(cycle, Level::Warn, &message);
    }
    if cycle.conf.user.is_none() && sys::is_root() {
        let text =
            "no \"user\" is written, so workers keep running as root: write one (nginx would become nobody)";
        log(&cycle.logs, &cycle.conf.error_log, Level::Warn, text);
    }
    if cycle.conf.daemon {
        return;
    }
    let mut text = format!("{line}\n");
    for listen in &cycle.conf.http.listens {
        text.push_str(&match &listen.addr {
            ListenAddr::Inet(addr) => {
                let scheme = if listen.ssl { "https" } else { "http" };
                format!("serving {scheme}://{}/\n", browsable(*addr))
            }
            ListenAddr::Unix(path) => format!("serving unix:{}\n", path.display()),
        });
    }
    // A closed standard output is nobody's loss.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

/// Whether the kernel makes the records of TLS where the configuration asks for that. It is asked here: as long as this process is
/// root, the kernel may load its module for it.
pub(super) fn kernel_tls(cycle: &Cycle) {
    let mut servers = cycle.conf.http.servers.iter().filter(|server| !server.tls.certificates.is_empty());
    if servers.any(|server| server.tls.kernel) {
        let line = format!("kernel TLS: {}", tls::kernel::ask().line());
        log(&cycle.logs, &cycle.conf.error_log, Level::Notice, &line);
    }
}

/// A sandbox that closes now does not let the kernel be asked later, when a reload wants to know.
pub(super) fn kernel_tls_before_sandbox(cycle: &Cycle) {
    if cycle.conf.http.listens.iter().any(|listen| listen.ssl) {
        tls::kernel::ask();
    }
}

/// An address that a browser on this machine can open.
fn browsable(mut addr: std::net::SocketAddr) -> String {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    if addr.port() == 80 { addr.to_string().trim_end_matches(":80").to_owned() } else { addr.to_string() }
}
