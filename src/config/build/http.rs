//! The `http` block: reads everything inside, then resolves servers and locations against it.
//!
//! Reading and resolving are two passes, because a line of the http level counts for the servers above it too.

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::{HttpConf, ListenConf, ServerConf, ServerId};
use super::context::Context;
use super::level::{Level, Place};
use super::server::{self, HttpLevel, RawServer};
use super::server_name::{Claim, Claims};
use super::{charsets, derived, limits, listen, logs, tls, upstream};

/// Reads the `http` block and resolves it.
pub(super) fn http(cx: &mut Context, d: &Directive) -> HttpConf {
    let HttpLevel { mut level, mut head, mut tls, mut http2 } = HttpLevel::default();
    let mut servers: Vec<RawServer> = Vec::new();
    for line in d.children() {
        match line.name() {
            "server" => {
                let id = ServerId(u32::try_from(servers.len()).unwrap_or(u32::MAX));
                servers.push(server::server(cx, line, id));
            }
            "upstream" => upstream::upstream(cx, line),
            "limit_req_zone" | "limit_conn_zone" => limits::zone(cx, line),
            "map" | "geo" | "split_clients" => derived::derived(cx, line),
            "charset_map" => charsets::map(cx, line),
            "log_format" => logs::log_format(cx, line),
            _ => {
                if !head.apply(cx, line) && !tls.apply(cx, line) && !http2.apply(cx, line) {
                    level.apply(cx, line, Place { location: None, inside_if: false });
                }
            }
        }
    }
    // A `http` that nobody wrote stands where its first line does.
    if d.children().first().is_some_and(|first| first.pos == d.pos) {
        level.files.add_shipped_types();
    }
    level.inherit(&Level::default());
    limits::check(cx);
    let places: Vec<Pos> = servers.iter().map(|raw| raw.pos).collect();
    let on: Vec<bool> = servers.iter().map(|raw| raw.is_tls(&tls)).collect();
    let level = HttpLevel { level, head, tls, http2 };
    let servers: Vec<ServerConf> = servers.into_iter().map(|raw| raw.resolve(cx, &level)).collect();
    let mut listens = std::mem::take(&mut cx.listens).finish(cx.prefix());
    for listen in &mut listens {
        listen.ssl |= on.get(listen.default_server.0 as usize).copied().unwrap_or_default();
    }
    tls::check(cx, &listens, &servers, &places);
    check_names(cx, &listens, &servers);
    let locations = cx.take_locations();
    charsets::check(cx, &locations);
    HttpConf {
        servers,
        locations,
        listens,
        upstreams: std::mem::take(&mut cx.upstreams).into_confs(),
        derived: cx.take_derived(),
        limit_zones: std::mem::take(&mut cx.limit_zones),
        app_tls: std::mem::take(&mut cx.app_tls),
        charsets: std::mem::take(&mut cx.charsets),
        wants_client_hello: cx.scope.wants_client_hello(),
        scope: std::mem::take(&mut cx.scope),
    }
}

/// Names of servers that share a socket: the first server keeps a name that two have.
fn check_names(cx: &mut Context, listens: &[ListenConf], servers: &[ServerConf]) {
    let unnamed = [super::super::model::ServerName::Exact(String::new())];
    for socket in listens.iter().filter(|socket| socket.servers.len() > 1) {
        let mut claims = Claims::default();
        for id in &socket.servers {
            let Some(server) = servers.get(id.0 as usize) else { continue };
            let names = if server.names.is_empty() { &unnamed[..] } else { &server.names };
            for name in names {
                let Err((why, shown)) = claims.claim(name) else { continue };
                let addr = listen::display(&socket.addr);
                match why {
                    Claim::Taken => cx
                        .diagnostics
                        .warn(None, format!("conflicting server name \"{shown}\" on {addr}, ignored")),
                    Claim::Invalid => cx
                        .diagnostics
                        .error(None, format!("invalid server name or wildcard \"{shown}\" on {addr}")),
                }
            }
        }
    }
}
