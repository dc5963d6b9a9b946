//! `location`: its kind, what may stand inside it, and its resolved form.
//!
//! The order of locations is the file's; which of them answers a URI is decided in `route`.

use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::expires::ExpiresConf;
use super::super::model::{
    AliasConf, BodyFile, HandlerConf, IfModifiedSince, LimitExceptConf, LingeringClose, LocationConf,
    LocationId, LocationKind, RootConf, ServerId, SizeConf,
};
use super::super::pattern::Pattern;
use super::super::template::{Template, VariableId};
use super::context::Context;
use super::level::{self, ContentHandler, Level};
use super::{proxy, proxy_pass, rewrite};
use crate::http1::Method;

/// What kind of location a directive stands in.
#[derive(Debug)]
pub(super) struct Place {
    kind: PlaceKind,
    /// The path, the expression, or `@name`.
    name: String,
}

#[derive(Debug)]
enum PlaceKind {
    Prefix { stops_regex: bool },
    Exact,
    Regex { caseless: bool },
    Named,
}

impl Place {
    /// Reads the arguments of `location`; a modifier may be glued to the path.
    fn parse(args: &[&str]) -> Result<Self, String> {
        let (kind, name) = match args {
            [modifier, name] => match *modifier {
                "=" => (PlaceKind::Exact, *name),
                "^~" => (PlaceKind::Prefix { stops_regex: true }, *name),
                "~" => (PlaceKind::Regex { caseless: false }, *name),
                "~*" => (PlaceKind::Regex { caseless: true }, *name),
                _ => return Err(format!("invalid location modifier \"{modifier}\"")),
            },
            [glued] => {
                if let Some(name) = glued.strip_prefix('=') {
                    (PlaceKind::Exact, name)
                } else if let Some(name) = glued.strip_prefix("^~") {
                    (PlaceKind::Prefix { stops_regex: true }, name)
                } else if let Some(name) = glued.strip_prefix("~*") {
                    (PlaceKind::Regex { caseless: true }, name)
                } else if let Some(name) = glued.strip_prefix('~') {
                    (PlaceKind::Regex { caseless: false }, name)
                } else if glued.starts_with('@') {
                    (PlaceKind::Named, *glued)
                } else {
                    (PlaceKind::Prefix { stops_regex: false }, *glued)
                }
            }
            _ => return Err("invalid number of arguments in \"location\" directive".to_owned()),
        };
        Ok(Self { kind, name: name.to_owned() })
    }

    /// `location @name`.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.kind, PlaceKind::Named)
    }

    /// A URI part of `proxy_pass` has a prefix that it can take the place of.
    pub(super) fn has_prefix(&self) -> bool {
        matches!(self.kind, PlaceKind::Prefix { .. } | PlaceKind::Exact)
    }

    /// The prefix or exact path; empty for other kinds.
    pub(super) fn matched_prefix(&self) -> &str {
        if self.has_prefix() { &self.name } else { "" }
    }

    /// What an `alias` written here takes the place of.
    pub(super) fn alias(&self) -> AliasConf {
        match self.kind {
            PlaceKind::Regex { .. } => AliasConf::Whole,
            _ => AliasConf::Prefix(self.name.len()),
        }
    }

    /// May this location stand inside `outer`?
    fn fits(&self, outer: &Self) -> Result<(), String> {
        let (name, outer_name) = (&self.name, &outer.name);
        match outer.kind {
            PlaceKind::Exact => {
                return Err(format!(
                    "location \"{name}\" cannot be inside the exact location \"{outer_name}\""
                ));
            }
            PlaceKind::Named => {
                return Err(format!(
                    "location \"{name}\" cannot be inside the named location \"{outer_name}\""
                ));
            }
            PlaceKind::Prefix { .. } | PlaceKind::Regex { .. } => {}
        }
        match self.kind {
            PlaceKind::Named => Err(format!("named location \"{name}\" can be on the server level only")),
            PlaceKind::Prefix { .. } | PlaceKind::Exact if !name.starts_with(outer_name.as_str()) => {
                Err(format!("location \"{name}\" is outside location \"{outer_name}\""))
            }
            _ => Ok(()),
        }
    }
}

/// A location as written.
#[derive(Debug)]
pub(super) struct RawLocation {
    place: Place,
    pattern: Option<Pattern>,
    shown: String,
    at: Pos,
    level: Level,
    internal: bool,
    limit_except: Option<RawLimitExcept>,
    children: Vec<RawLocation>,
}

/// `limit_except` as written.
#[derive(Debug)]
struct RawLimitExcept {
    methods: Vec<Method>,
    level: Level,
}

/// Reads one `location` block; `None` when its own line is invalid.
pub(super) fn location(cx: &mut Context, d: &Directive, outer: Option<&Place>) -> Option<RawLocation> {
    let args: Vec<&str> = (0..d.args().len()).map(|i| d.arg(i)).collect();
    let place = Place::parse(&args).and_then(|place| match outer {
        Some(outer) => place.fits(outer).map(|()| place),
        None => Ok(place),
    });
    let place = match place {
        Ok(place) => place,
        Err(message) => {
            cx.error(d, message);
            return None;
        }
    };
    let pattern = match place.kind {
        PlaceKind::Regex { caseless } => Some(cx.pattern(d, &place.name, caseless)?),
        _ => None,
    };
    let mut level = Level::default();
    let mut children = Vec::new();
    let mut internal = false;
    let mut limited = None;
    for line in d.children() {
        match line.name() {
            "location" => children.extend(location(cx, line, Some(&place))),
            "limit_except" if limited.is_some() => cx.duplicate(line),
            "limit_except" => limited = limit_except(cx, line),
            "internal" if internal => cx.duplicate(line),
            "internal" => internal = true,
            _ => {
                level.apply(cx, line, level::Place { location: Some(&place), inside_if: false });
            }
        }
    }
    check_duplicates(cx, &children);
    Some(RawLocation {
        place,
        pattern,
        shown: args.join(" "),
        at: d.pos,
        level,
        internal,
        limit_except: limited,
        children,
    })
}

fn limit_except(cx: &mut Context, d: &Directive) -> Option<RawLimitExcept> {
    let mut methods = Vec::new();
    for arg in d.args() {
        let name = arg.text().to_ascii_uppercase();
        // TRACE and CONNECT are refused before.
        let known = |method: &Method| !matches!(method, Method::Trace | Method::Connect | Method::Other);
        let Some(method) = Some(Method::from_bytes(name.as_bytes())).filter(known) else {
            cx.error(d, format!("invalid method \"{}\"", arg.text()));
            return None;
        };
        methods.push(method);
    }
    if methods.contains(&Method::Get) {
        methods.push(Method::Head);
    }
    let mut level = Level::default();
    for line in d.children() {
        level.apply(cx, line, level::Place { location: None, inside_if: false });
    }
    Some(RawLimitExcept { methods, level })
}

/// Two locations of one level with the same path and kind (regular expressions and names may repeat).
pub(super) fn check_duplicates(cx: &mut Context, siblings: &[RawLocation]) {
    let mut seen = std::collections::HashSet::new();
    for raw in siblings.iter().filter(|raw| raw.place.has_prefix()) {
        let exact = matches!(raw.place.kind, PlaceKind::Exact);
        if !seen.insert((exact, raw.place.name.as_str())) {
            cx.error_at(raw.at, format!("duplicate location \"{}\"", raw.place.name));
        }
    }
}

/// What a location takes from around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    /// The outer level, which has inherited already.
    pub level: &'a Level,
    /// `internal` of the outer location.
    pub internal: bool,
    /// The server.
    pub server: ServerId,
}

/// Resolves a location with all that is nested in it.
pub(super) fn resolve(cx: &mut Context, raw: RawLocation, around: Around<'_>) -> LocationId {
    let RawLocation { place, pattern, shown, mut level, internal, limit_except, children, .. } = raw;
    level.inherit(around.level);
    let internal = internal || around.internal;
    let inner = Around { level: &level, internal, server: around.server };
    let children = children.into_iter().map(|child| resolve(cx, child, inner)).collect();
    let path = place.name.clone().into_bytes();
    let kind = match (place.kind, pattern) {
        (PlaceKind::Prefix { stops_regex }, _) => LocationKind::Prefix { path, stops_regex },
        (PlaceKind::Exact, _) => LocationKind::Exact(path),
        (PlaceKind::Regex { .. }, Some(pattern)) => LocationKind::Regex(pattern),
        (PlaceKind::Regex { .. }, None) | (PlaceKind::Named, _) => LocationKind::Named(place.name),
    };
    let limit_except = limit_except.map(|limited| {
        let RawLimitExcept { methods, level: mut inner } = limited;
        inner.inherit(&level);
        inner.inherit_handler(&level);
        let (kind, name) = (kind.clone(), shown.clone());
        let resolved = Resolved {
            kind,
            name,
            children: Vec::new(),
            internal,
            limit_except: None,
            server: around.server,
            level: inner,
        };
        LimitExceptConf { methods, location: finish(cx, resolved) }
    });
    let server = around.server;
    finish(cx, Resolved { kind, name: shown, children, internal, limit_except, server, level })
}

/// A level that has inherited, and what it is the level of.
pub(super) struct Resolved {
    /// What selects it.
    pub kind: LocationKind,
    /// For messages.
    pub name: String,
    /// Nested locations.
    pub children: Vec<LocationId>,
    /// `internal`.
    pub internal: bool,
    /// `limit_except`.
    pub limit_except: Option<LimitExceptConf>,
    /// The server.
    pub server: ServerId,
    /// Everything else.
    pub level: Level,
}

/// Puts nginx's defaults where nothing is written and registers the location.
pub(super) fn finish(cx: &mut Context, resolved: Resolved) -> LocationId {
    const TIMEOUT: Duration = Duration::from_secs(60);
    let mut resolved = resolved;
    let script = rewrite::resolve(cx, &mut resolved);
    let Resolved { kind, name, children, internal, limit_except, server, level } = resolved;
    let Level {
        access,
        browsers,
        client,
        closed,
        content,
        errors,
        files,
        filters,
        gateways,
        headers,
        limits,
        logs,
        mirror,
        proxy,
        real_ip,
        resolver,
        referers,
        secure_link,
        rewrite,
        userid,
    } = level;
    let passing = if proxy.pass.is_some() { &proxy } else { gateways.passing().unwrap_or(&proxy) };
    let matched_prefix = kind.matched_prefix().to_vec();
    let handler = proxy_pass::resolve_handler(cx, closed.reason(), passing.pass.as_ref(), &matched_prefix);
    let handler = match (handler, content) {
        (HandlerConf::Static, Some(ContentHandler::EmptyGif)) => HandlerConf::EmptyGif,
        (HandlerConf::Static, Some(ContentHandler::StubStatus)) => HandlerConf::StubStatus,
        (HandlerConf::Static, Some(ContentHandler::Flv)) => HandlerConf::Flv,
        (handler, _) => handler,
    };
    let auto_redirect =
        matches!(handler, HandlerConf::Proxy(_) | HandlerConf::Refused(_)) && matched_prefix.ends_with(b"/");
    let root = files.root.clone().unwrap_or_else(|| default_root(cx));
    let handler = match handler {
        // An empty variable would make it the root of the whole file system.
        HandlerConf::Static if root.path.uses(is_unsupported) => {
            HandlerConf::Refused("\"root\" or \"alias\" has a variable that is not supported".to_owned())
        }
        other => other,
    };
    let proxy_conf = passing.resolve(cx, &gateways, &matched_prefix);
    let body_temp_path = client.body_temp_path.as_ref().map(|(path, _)| path.as_str());
    let (keepalive_timeout, keepalive_header) =
        client.keepalive_timeout.unwrap_or((Duration::from_secs(75), None));
    let conf = LocationConf {
        name,
        server,
        children,
        auto_redirect,
        internal,
        limit_except,
        secure_link: secure_link.resolve(cx),
        browsers: browsers.resolve(),
        referers: referers.resolve(cx),
        real_ip: real_ip.resolve(),
        resolver: resolver.resolve(),
        limits: limits.resolve(cx),
        access: access.resolve(cx),
        post_action: mirror.post_action(),
        mirror: mirror.resolve(),
        script,
        uninitialized_variable_warn: rewrite.warns(),
        handler,
        root,
        index: files.index.get().unwrap_or_else(|| cx.default_index()),
        autoindex: files.autoindex(),
        random_index: files.random_index.unwrap_or(false),
        types: files.types.clone().unwrap_or_else(|| cx.default_types()),
        default_type: files.default_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
        etag: files.etag.unwrap_or(true),
        if_modified_since: files.if_modified_since.unwrap_or(IfModifiedSince::Exact),
        error_pages: errors.pages.get().unwrap_or_default(),
        recursive_error_pages: errors.recursive.unwrap_or(false),
        absolute_redirect: headers.absolute_redirect.unwrap_or(true),
        port_in_redirect: headers.port_in_redirect.unwrap_or(true),
        server_name_in_redirect: headers.server_name_in_redirect.unwrap_or(false),
        server_tokens: headers.server_tokens.unwrap_or(true),
        expires: headers.expires.clone().unwrap_or(ExpiresConf::Off),
        filters: filters.resolve(headers.add_trailers.get()),
        userid: userid.resolve(),
        add_headers: headers.add_headers.get().unwrap_or_default(),
        access_logs: logs.access_logs(&cx.default_access_log()),
        error_log: logs.error.get().unwrap_or_else(|| cx.main_error_log()),
        log_not_found: logs.not_found.unwrap_or(true),
        log_subrequest: logs.subrequest.unwrap_or(false),
        client_max_body_size: client.max_body_size.unwrap_or(1 << 20),
        client_body_buffer_size: client.body_buffer_size.unwrap_or(16 << 10),
        client_body_timeout: client.body_timeout.unwrap_or(TIMEOUT),
        client_body_temp_path: cx.temp_path(body_temp_path, "client_body_temp"),
        client_body_temp_levels: client.body_temp_path.as_ref().map_or([0; 3], |(_, levels)| *levels),
        client_body_in_file_only: client.body_in_file_only.unwrap_or(BodyFile::Off),
        limit_rate: client.limit_rate.clone().filter(SizeConf::is_limit),
        limit_rate_after: client.limit_rate_after.clone(),
        send_timeout: client.send_timeout.unwrap_or(TIMEOUT),
        keepalive_timeout,
        keepalive_header,
        keepalive_requests: client.keepalive_requests.unwrap_or(1000),
        keepalive_time: client.keepalive_time.unwrap_or(Duration::from_secs(3600)),
        lingering_close: client.lingering_close.unwrap_or(LingeringClose::On),
        lingering_time: client.lingering_time.unwrap_or(Duration::from_secs(30)),
        lingering_timeout: client.lingering_timeout.unwrap_or(Duration::from_secs(5)),
        reset_timedout_connection: client.reset_timedout_connection.unwrap_or(false),
        sendfile: client.sendfile.unwrap_or(false),
        tcp_nopush: client.tcp_nopush.unwrap_or(false),
        tcp_nodelay: client.tcp_nodelay.unwrap_or(true),
        chunked_transfer_encoding: client.chunked_transfer_encoding.unwrap_or(true),
        max_ranges: files.max_ranges.unwrap_or(u64::MAX),
        open_file_cache: files.open_file_cache(),
        links: files.links.flatten(),
        try_files: files.try_files,
        proxy: proxy::shared(proxy_conf),
        fastcgi_script: gateways.script(),
        kind,
    };
    cx.add_location(conf)
}

/// A variable that is always empty here.
pub(super) fn is_unsupported(variable: &VariableId) -> bool {
    matches!(variable, VariableId::Unsupported(_))
}

/// `html` below the prefix.
fn default_root(cx: &mut Context) -> RootConf {
    let path = cx.absolute_text("html");
    RootConf { path: Arc::new(Template::literal(path.as_bytes())), alias: AliasConf::Root }
}
