//! `listen`: the addresses of the servers, their options, and which server answers by default.
//!
//! Several servers share one address; its options may be written once. Never opens a socket: that is the master's.

use std::path::PathBuf;

use super::super::model::{ListenAddr, ListenConf, ServerId, TcpKeepaliveConf};
use super::super::value;
use super::addr::{self, Endpoint};

/// `backlog` when not written (nginx's `NGX_LISTEN_BACKLOG` on Linux).
const DEFAULT_BACKLOG: i32 = 511;
/// Ports one range (`listen 8000-8010`) may hold.
const MAX_PORT_RANGE: u16 = 1024;

/// One `listen` line.
#[derive(Debug)]
pub(super) struct ListenLine {
    addrs: Vec<ListenAddr>,
    options: Options,
    default_server: bool,
    ssl: bool,
    http2: bool,
    /// A socket for HTTP/3, which is not opened.
    pub quic: bool,
    proxy_protocol: bool,
    /// Parameters that are accepted and do nothing here.
    pub ignored: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Options {
    /// Any option that belongs to the socket was written.
    set: bool,
    backlog: i32,
    ipv6only: bool,
    reuseport: bool,
    rcvbuf: Option<usize>,
    sndbuf: Option<usize>,
    fastopen: Option<u32>,
    so_keepalive: Option<TcpKeepaliveConf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            set: false,
            backlog: DEFAULT_BACKLOG,
            ipv6only: true,
            reuseport: false,
            rcvbuf: None,
            sndbuf: None,
            fastopen: None,
            so_keepalive: None,
        }
    }
}

impl ListenLine {
    /// Parses the arguments of `listen`; `size` reads `8k` and its like.
    ///
    /// # Errors
    /// nginx's message without ` in FILE:LINE`.
    pub(super) fn parse(args: &[&str], size: impl Fn(&str) -> Option<u64>) -> Result<Self, String> {
        let (text, parameters) =
            args.split_first().ok_or("invalid number of arguments in \"listen\" directive")?;
        let addrs =
            addresses(text).map_err(|why| format!("{why} in \"{text}\" of the \"listen\" directive"))?;
        let mut line = Self {
            addrs,
            options: Options::default(),
            default_server: false,
            ssl: false,
            http2: false,
            quic: false,
            proxy_protocol: false,
            ignored: Vec::new(),
        };
        for parameter in parameters {
            line.parameter(parameter, &size)?;
        }
        Ok(line)
    }

    /// The line of a server that has no `listen`: port 80 for the super-user, else 8000.
    pub(super) fn implied(superuser: bool) -> Self {
        let port = if superuser { 80 } else { 8000 };
        let addr = ListenAddr::Inet(std::net::SocketAddr::from(([0, 0, 0, 0], port)));
        Self {
            addrs: vec![addr],
            options: Options::default(),
            default_server: false,
            ssl: false,
            http2: false,
            quic: false,
            proxy_protocol: false,
            ignored: Vec::new(),
        }
    }

    fn parameter(&mut self, text: &str, size: &impl Fn(&str) -> Option<u64>) -> Result<(), String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let bytes = |value: &str| {
            let bytes = size(value).and_then(|bytes| usize::try_from(bytes).ok());
            bytes.ok_or_else(|| format!("invalid {name} \"{text}\""))
        };
        let options = &mut self.options;
        match (name, value) {
            ("default_server" | "default", None) => {
                self.default_server = true;
                return Ok(());
            }
            ("http2", None) => {
                self.http2 = true;
                return Ok(());
            }
            ("spdy", None) => {
                self.ignored.push("spdy");
                return Ok(());
            }
            ("ssl", None) => {
                self.ssl = true;
                return Ok(());
            }
            ("quic", None) => {
                self.quic = true;
                return Ok(());
            }
            ("proxy_protocol", None) => {
                self.proxy_protocol = true;
                return Ok(());
            }
            // Each address has a socket of its own, and none of several paths.
            ("bind" | "multipath", None) => {}
            ("setfib" | "accept_filter", Some(_)) => {}
            ("fastopen", Some(value)) => {
                let queue = value.parse().map_err(|_| format!("invalid fastopen \"{text}\""))?;
                options.fastopen = Some(queue);
            }
            ("backlog", Some(value)) => {
                let backlog = value.parse::<i32>().ok().filter(|backlog| *backlog > 0);
                options.backlog = backlog.ok_or_else(|| format!("invalid backlog \"{text}\""))?;
            }
            ("rcvbuf", Some(value)) => options.rcvbuf = Some(bytes(value)?),
            ("sndbuf", Some(value)) => options.sndbuf = Some(bytes(value)?),
            // Every TCP listener is.
            ("deferred", None) => {}
            ("reuseport", None) => options.reuseport = true,
            ("ipv6only", Some("on")) => options.ipv6only = true,
            ("ipv6only", Some("off")) => options.ipv6only = false,
            ("so_keepalive", Some(value)) => options.so_keepalive = Some(keepalive(value)?),
            _ => return Err(format!("invalid parameter \"{text}\"")),
        }
        options.set = true;
        Ok(())
    }
}

/// `on`, `off`, or `[idle]:[interval]:[count]` of which at least one is written.
fn keepalive(text: &str) -> Result<TcpKeepaliveConf, String> {
    let invalid = || format!("invalid so_keepalive value: \"{text}\"");
    let mut conf = TcpKeepaliveConf { on: text != "off", ..TcpKeepaliveConf::default() };
    if matches!(text, "on" | "off") {
        return Ok(conf);
    }
    let mut parts = text.splitn(3, ':').map(|part| (!part.is_empty()).then_some(part));
    let mut next = || parts.next().flatten();
    conf.idle = next().map(|part| value::seconds(part).ok_or_else(invalid)).transpose()?;
    conf.interval = next().map(|part| value::seconds(part).ok_or_else(invalid)).transpose()?;
    conf.count = next().map(|part| part.parse().map_err(|_| invalid())).transpose()?;
    if conf.idle.is_none() && conf.interval.is_none() && conf.count.is_none() {
        Err(invalid())
    } else {
        Ok(conf)
    }
}

fn addresses(text: &str) -> Result<Vec<ListenAddr>, &'static str> {
    let mut url = addr::parse_listen(text, 80)?;
    if let Endpoint::Unix(path) = url.endpoint {
        return Ok(vec![ListenAddr::Unix(path)]);
    }
    if url.last_port - url.port >= MAX_PORT_RANGE {
        return Err("too many ports");
    }
    let mut addrs = Vec::new();
    for port in url.port..=url.last_port {
        url.port = port;
        addrs.extend(url.resolve()?.into_iter().map(ListenAddr::Inet));
    }
    Ok(addrs)
}

/// How messages show an address.
pub(super) fn display(addr: &ListenAddr) -> String {
    match addr {
        ListenAddr::Inet(addr) => addr.to_string(),
        ListenAddr::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// All addresses of all servers.
#[derive(Debug, Default)]
pub(super) struct ListenTable {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    addr: ListenAddr,
    options: Options,
    default_server: ServerId,
    default_written: bool,
    ssl: bool,
    http2: bool,
    proxy_protocol: bool,
    servers: Vec<ServerId>,
}

impl ListenTable {
    /// Puts `server` on every address of `line`.
    ///
    /// # Errors
    /// nginx's message without ` in FILE:LINE`; the table stays usable.
    pub(super) fn add(&mut self, server: ServerId, line: ListenLine) -> Result<(), String> {
        for addr in line.addrs {
            let Some(entry) = self.entries.iter_mut().find(|entry| entry.addr == addr) else {
                self.entries.push(Entry {
                    addr,
                    options: line.options.clone(),
                    default_server: server,
                    default_written: line.default_server,
                    ssl: line.ssl,
                    http2: line.http2,
                    proxy_protocol: line.proxy_protocol,
                    servers: vec![server],
                });
                continue;
            };
            if entry.servers.contains(&server) {
                return Err(format!("a duplicate listen {}", display(&entry.addr)));
            }
            entry.servers.push(server);
            // One line says it for all servers of the address.
            entry.ssl |= line.ssl;
            entry.http2 |= line.http2;
            entry.proxy_protocol |= line.proxy_protocol;
            if line.options.set {
                if entry.options.set {
                    return Err(format!("duplicate listen options for {}", display(&entry.addr)));
                }
                entry.options = line.options.clone();
            }
            if line.default_server {
                if entry.default_written {
                    return Err(format!("a duplicate default server for {}", display(&entry.addr)));
                }
                entry.default_written = true;
                entry.default_server = server;
            }
        }
        Ok(())
    }

    /// The resolved form, in the order of first appearance; relative unix paths start at `prefix`.
    pub(super) fn finish(self, prefix: &std::path::Path) -> Vec<ListenConf> {
        self.entries.into_iter().map(|entry| entry.finish(prefix)).collect()
    }
}

impl Entry {
    fn finish(self, prefix: &std::path::Path) -> ListenConf {
        let Options { backlog, ipv6only, reuseport, rcvbuf, sndbuf, fastopen, so_keepalive, .. } =
            self.options;
        let addr = match self.addr {
            ListenAddr::Unix(path) => ListenAddr::Unix(absolute(prefix, path)),
            inet @ ListenAddr::Inet(_) => inet,
        };
        ListenConf {
            addr,
            backlog,
            ssl: self.ssl,
            http2: self.http2,
            proxy_protocol: self.proxy_protocol,
            ipv6only,
            reuseport,
            rcvbuf,
            sndbuf,
            fastopen,
            so_keepalive,
            default_server: self.default_server,
            servers: self.servers,
        }
    }
}

fn absolute(prefix: &std::path::Path, path: PathBuf) -> PathBuf {
    // The working directory of nginx is where it was started; an absolute path holds after `daemon` too.
    if path.is_absolute() { path } else { prefix.join(path) }
}

#[cfg(test)]
mod tests {
    use super::{ListenLine, ListenTable};
    use crate::config::model::{ListenAddr, ServerId};

    fn line(text: &str) -> Result<ListenLine, String> {
        let args: Vec<&str> = text.split(' ').collect();
        ListenLine::parse(&args, |text| text.trim_end_matches('k').parse::<u64>().ok().map(|n| n * 1024))
    }

    fn table(lines: &[(u32, &str)]) -> Result<ListenTable, String> {
        let mut table = ListenTable::default();
        for (server, text) in lines {
            table.add(ServerId(*server), line(text).unwrap())?;
        }
        Ok(table)
    }

    #[test]
    fn options_of_the_socket() {
        let listens =
            table(&[(0, "[::]:80 ipv6only=off backlog=64 rcvbuf=8k reuseport deferred so_keepalive=on")])
                .unwrap()
                .finish("/p/".as_ref());
        let listen = &listens[0];
        assert!(!listen.ipv6only && listen.reuseport && listen.so_keepalive.is_some_and(|k| k.on));
        assert_eq!((listen.backlog, listen.rcvbuf, listen.sndbuf), (64, Some(8192), None));
        let listens = table(&[(0, "unix:run/x.sock")]).unwrap().finish("/p/".as_ref());
        assert_eq!(listens[0].addr, ListenAddr::Unix("/p/run/x.sock".into()));
        assert_eq!(listens[0].backlog, 511);
    }

    #[test]
    fn default_server_is_the_first_unless_written() {
        let listens =
            table(&[(0, "80"), (1, "*:80 default_server"), (2, "0.0.0.0:80")]).unwrap().finish("/".as_ref());
        assert_eq!(listens.len(), 1);
        assert_eq!(listens[0].default_server, ServerId(1));
        assert_eq!(listens[0].servers, [ServerId(0), ServerId(1), ServerId(2)]);
        let listens = table(&[(0, "8000-8002")]).unwrap().finish("/".as_ref());
        assert_eq!(listens.len(), 3);
    }

    #[test]
    fn errors_across_servers() {
        for (lines, message) in [
            ([(0, "80"), (0, "80")], "a duplicate listen 0.0.0.0:80"),
            (
                [(0, "80 default_server"), (1, "80 default_server")],
                "a duplicate default server for 0.0.0.0:80",
            ),
            ([(0, "[::]:80 backlog=4"), (1, "[::]:80 backlog=4")], "duplicate listen options for [::]:80"),
        ] {
            assert_eq!(table(&lines).unwrap_err(), message);
        }
    }

    #[test]
    fn errors_of_one_line() {
        for (text, message) in [
            ("80 foo", "invalid parameter \"foo\""),
            ("80 backlog=x", "invalid backlog \"backlog=x\""),
            ("80 rcvbuf=x", "invalid rcvbuf \"rcvbuf=x\""),
            ("[::]:80 ipv6only=maybe", "invalid parameter \"ipv6only=maybe\""),
            ("80 so_keepalive=::", "invalid so_keepalive value: \"::\""),
            ("80 so_keepalive=1m:2:3:4", "invalid so_keepalive value: \"1m:2:3:4\""),
            ("80 so_keepalive=x", "invalid so_keepalive value: \"x\""),
            ("localhost:0", "invalid port in \"localhost:0\" of the \"listen\" directive"),
            (
                "no.such.host.invalid:80",
                "host not found in \"no.such.host.invalid:80\" of the \"listen\" directive",
            ),
        ] {
            assert_eq!(line(text).unwrap_err(), message, "{text}");
        }
    }
}
