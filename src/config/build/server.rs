//! `server` blocks: names, sockets, request head limits, and the locations inside.

use std::time::Duration;

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::{LocationKind, ServerConf, ServerId, ServerName};
use super::context::Context;
use super::http2::RawHttp2;
use super::level::{Level, Place, inherit};
use super::listen::ListenLine;
use super::location::{self, Around, RawLocation, Resolved};
use super::server_name::{self, ParsedName};
use super::tls::RawTls;

/// Settings of the request head, which stand at http or server level only.
#[derive(Debug, Default)]
pub(super) struct RawHead {
    header_buffer_size: Option<usize>,
    large_header_buffers: Option<(usize, usize)>,
    header_timeout: Option<Duration>,
    ignore_invalid_headers: Option<bool>,
    underscores_in_headers: Option<bool>,
    merge_slashes: Option<bool>,
}

impl RawHead {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "client_header_buffer_size" => cx.buffer(d, &mut self.header_buffer_size),
            "large_client_header_buffers" => cx.set(d, &mut self.large_header_buffers, Context::buffers_of),
            "client_header_timeout" => cx.time(d, &mut self.header_timeout),
            "ignore_invalid_headers" => cx.flag(d, &mut self.ignore_invalid_headers),
            "underscores_in_headers" => cx.flag(d, &mut self.underscores_in_headers),
            "merge_slashes" => cx.flag(d, &mut self.merge_slashes),
            _ => return false,
        }
        true
    }

    fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer;
            header_buffer_size, large_header_buffers, header_timeout, ignore_invalid_headers,
            underscores_in_headers, merge_slashes);
    }
}

/// What stands in `http {}` outside of servers.
#[derive(Debug, Default)]
pub(super) struct HttpLevel {
    pub level: Level,
    pub head: RawHead,
    pub tls: RawTls,
    pub http2: RawHttp2,
}

/// A server as written.
#[derive(Debug)]
pub(super) struct RawServer {
    id: ServerId,
    names: Vec<ServerName>,
    primary_name: Option<String>,
    head: RawHead,
    tls: RawTls,
    http2: RawHttp2,
    /// Where it begins.
    pub(super) pos: Pos,
    level: Level,
    locations: Vec<RawLocation>,
}

/// Reads one `server` block and puts it on its sockets.
pub(super) fn server(cx: &mut Context, d: &Directive, id: ServerId) -> RawServer {
    let mut raw = RawServer {
        id,
        names: Vec::new(),
        primary_name: None,
        head: RawHead::default(),
        tls: RawTls::default(),
        http2: RawHttp2::default(),
        pos: d.pos,
        level: Level::default(),
        locations: Vec::new(),
    };
    let mut listens = false;
    for line in d.children() {
        match line.name() {
            "listen" => {
                listens = true;
                listen(cx, line, id);
            }
            "server_name" => raw.server_name(cx, line),
            "location" => raw.locations.extend(location::location(cx, line, None)),
            _ => {
                if !raw.head.apply(cx, line) && !raw.tls.apply(cx, line) && !raw.http2.apply(cx, line) {
                    raw.level.apply(cx, line, Place { location: None, inside_if: false });
                }
            }
        }
    }
    if !listens {
        let line = ListenLine::implied(cx.superuser);
        if let Err(message) = cx.listens.add(id, line) {
            cx.error(d, message);
        }
    }
    location::check_duplicates(cx, &raw.locations);
    raw
}

fn listen(cx: &mut Context, d: &Directive, id: ServerId) {
    let args: Vec<&str> = (0..d.args().len()).map(|i| d.arg(i)).collect();
    let line = match ListenLine::parse(&args, |text| cx.read_size(text)) {
        Ok(line) => line,
        Err(message) => {
            cx.error(d, message);
            return;
        }
    };
    for parameter in &line.ignored {
        let message = format!("the \"{parameter}\" parameter of \"listen\" is ignored: HTTP/2 is served");
        cx.diagnostics.notice(d.pos, message);
    }
    if line.quic {
        cx.diagnostics
            .notice(d.pos, "\"listen ... quic\" opens no socket: HTTP/3 is not served, clients use TCP");
        return;
    }
    if let Err(message) = cx.listens.add(id, line) {
        cx.error(d, message);
    }
}

impl RawServer {
    /// `ssl on`.
    pub(super) fn is_tls(&self, http: &RawTls) -> bool {
        self.tls.is_on(http)
    }

    fn server_name(&mut self, cx: &mut Context, d: &Directive) {
        for i in 0..d.args().len() {
            let written = d.arg(i);
            let hostname;
            let text = if written == "$hostname" {
                hostname = cx.hostname();
                hostname.as_str()
            } else {
                written
            };
            let name = match server_name::parse(text) {
                Ok(ParsedName::Literal(kind, name)) => {
                    if name.contains('/') {
                        cx.warn(d, format!("server name \"{text}\" has suspicious symbols"));
                    }
                    kind.name(name)
                }
                Ok(ParsedName::Regex { source, caseless }) => match cx.pattern(d, &source, caseless) {
                    Some(pattern) => ServerName::Regex(pattern),
                    None => continue,
                },
                Err(message) => {
                    cx.error(d, message);
                    continue;
                }
            };
            let shown = if text.starts_with('~') { text.to_owned() } else { text.to_ascii_lowercase() };
            self.primary_name.get_or_insert_with(|| shown.strip_prefix('.').unwrap_or(&shown).to_owned());
            self.names.push(name);
        }
    }

    /// Resolves the server against the http level.
    pub(super) fn resolve(self, cx: &mut Context, http: &HttpLevel) -> ServerConf {
        let Self { id, names, primary_name, mut head, tls, http2, pos, mut level, locations } = self;
        level.inherit(&http.level);
        head.inherit(&http.head);
        let tls = tls.resolve(cx, &http.tls, pos);
        let around = Around { level: &level, internal: false, server: id };
        let locations = locations.into_iter().map(|raw| location::resolve(cx, raw, around)).collect();
        let root_location = location::finish(
            cx,
            Resolved {
                kind: LocationKind::ServerLevel,
                name: String::new(),
                children: Vec::new(),
                internal: false,
                limit_except: None,
                server: id,
                level,
            },
        );
        ServerConf {
            names,
            primary_name: primary_name.unwrap_or_default(),
            root_location,
            tls,
            locations,
            client_header_buffer_size: head.header_buffer_size.unwrap_or(1024),
            large_client_header_buffers: head.large_header_buffers.unwrap_or((4, 8192)),
            client_header_timeout: head.header_timeout.unwrap_or(Duration::from_secs(60)),
            ignore_invalid_headers: head.ignore_invalid_headers.unwrap_or(true),
            underscores_in_headers: head.underscores_in_headers.unwrap_or(false),
            merge_slashes: head.merge_slashes.unwrap_or(true),
            http2: http2.resolve(&http.http2),
        }
    }
}
