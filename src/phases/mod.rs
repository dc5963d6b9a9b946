//! The phases of a request: server rewrite, location, rewrite, content, and error pages around them.
//!
//! [`run`] cannot fail: whatever goes wrong becomes a response. The loop turns once per internal redirect; nginx's
//! bound of ten holds.

mod access;
mod addition;
mod auth_request;
mod background;
mod limits;
mod mirror;
mod parts;
mod post_action;
mod ssi;

use crate::config::filters::GzipStatic;
use crate::config::model::{HandlerConf, LocationConf, LocationId, LocationKind};
use crate::cycle::Cycle;
use crate::filter;
use crate::handler;
use crate::http::error_page;
use crate::http::exchange::{Exchange, Outcome};
use crate::http1::{Method, Status, target};
use crate::log::{Level, Raw};
use crate::route::LocationMatch;
use crate::shard::Shard;

pub use post_action::post_action;

/// What is to be done with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `exchange.response` is to be written.
    Respond,
    /// Close without an answer.
    Close,
}

/// Where the request enters the phases.
enum Entry {
    /// At the server level, with a search for the location.
    Server,
    /// In this location, its rewrite phase first.
    Location,
    /// An error already: the page of this status.
    Error(Status),
}

/// Runs a request to its response.
pub async fn run(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) -> Verdict {
    let verdict = drive(exchange, cycle, shard, Entry::Server).await;
    if has_parts(exchange) && verdict == Verdict::Respond {
        Box::pin(put_together(exchange, cycle, shard)).await;
    }
    verdict
}

/// The response is to be made of its body and parts.
fn has_parts(exchange: &Exchange) -> bool {
    exchange.response.before_ssi.is_some() || exchange.response.has_addition
}

/// Makes a response of its body and the parts that belong to it.
async fn put_together(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) {
    let conf = exchange.location_conf(cycle);
    if exchange.response.before_ssi.is_some() {
        ssi::expand(exchange, cycle, shard).await;
    }
    let addition = conf.filters.as_deref().and_then(|filters| filters.addition.as_ref());
    if let Some(addition) = addition.filter(|_| exchange.response.has_addition) {
        addition::run(exchange, cycle, shard, addition).await;
    }
}

/// `log_subrequest`
fn log_part(part: &Exchange, cycle: &Cycle, shard: &Shard) {
    if part.location_conf(cycle).log_subrequest {
        shard.log_access(part);
    }
}

/// Makes the answer to a request that could not be read.
pub async fn refuse(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard, status: Status) -> Verdict {
    let verdict = drive(exchange, cycle, shard, Entry::Error(status)).await;
    if has_parts(exchange) && verdict == Verdict::Respond {
        Box::pin(put_together(exchange, cycle, shard)).await;
    }
    verdict
}

async fn drive(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard, mut entry: Entry) -> Verdict {
    loop {
        let outcome = match entry {
            Entry::Server => enter_server(exchange, cycle, shard).await,
            Entry::Location => enter_location(exchange, cycle, shard).await,
            Entry::Error(status) => Outcome::Status(status),
        };
        entry = match settle(exchange, cycle, outcome) {
            Next::Done(verdict) => return verdict,
            Next::Again(entry) => entry,
        };
    }
}

enum Next {
    Done(Verdict),
    Again(Entry),
}

/// What follows from an outcome: an answer, or another turn.
fn settle(exchange: &mut Exchange, cycle: &Cycle, outcome: Outcome) -> Next {
    match outcome {
        Outcome::Response => match filter::apply(exchange, exchange.location_conf(cycle)) {
            None => Next::Done(Verdict::Respond),
            Some(status) => special_response(exchange, cycle, status),
        },
        Outcome::Close => Next::Done(Verdict::Close),
        Outcome::Declined => settle(exchange, cycle, Outcome::Status(Status(404))),
        Outcome::Status(status) => special_response(exchange, cycle, status),
        Outcome::Redirect => match internal_redirect(exchange, cycle) {
            Ok(()) => Next::Again(Entry::Server),
            Err(status) => special_response(exchange, cycle, status),
        },
        Outcome::Named(location) => match named_redirect(exchange, cycle, location) {
            Ok(()) => Next::Again(Entry::Location),
            Err(status) => special_response(exchange, cycle, status),
        },
    }
}

async fn enter_server(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) -> Outcome {
    let server = exchange.server_conf(cycle);
    exchange.location = server.root_location;
    let level = cycle.location(server.root_location);
    if let Some(real_ip) = &level.real_ip
        && !exchange.internal
    {
        handler::realip::run(exchange, real_ip);
    }
    if let Some(script) = &level.script
        && let Some(decided) = handler::rewrite::run(exchange, cycle, script, shard)
    {
        return decided;
    }
    match find_location(exchange, cycle) {
        None => enter_location(exchange, cycle, shard).await,
        Some(decided) => decided,
    }
}

/// Finds the location of the URI in force; gives what is decided without entering it.
fn find_location(exchange: &mut Exchange, cycle: &Cycle) -> Option<Outcome> {
    exchange.uri_changed = false;
    let mut redirects = false;
    let (uri, captures) = (&exchange.uri, &mut exchange.captures);
    let found = cycle.router.location(exchange.server, uri, |pattern| {
        captures.take(pattern, uri);
    });
    match found {
        LocationMatch::None => {}
        LocationMatch::Found(id) => exchange.location = id,
        LocationMatch::GivenUp(id) => return Some(given_up(exchange, cycle, id)),
        LocationMatch::AutoRedirect(id) => {
            exchange.location = id;
            redirects = true;
        }
    }
    let conf = exchange.location_conf(cycle);
    if conf.internal && !exchange.internal {
        return Some(Outcome::Status(Status(404)));
    }
    if let Some(refusal) = oversized(exchange, conf) {
        return Some(refusal);
    }
    redirects.then(|| auto_redirect(exchange, conf))
}

/// A hostile URI kept the regex of location `id` busy. What may be kept from strangers there must not come from elsewhere.
#[cold]
fn given_up(exchange: &Exchange, cycle: &Cycle, id: LocationId) -> Outcome {
    if let LocationKind::Regex(pattern) = &cycle.location(id).kind {
        let (uri, source) = (Raw(&exchange.uri), pattern.source());
        let message = format_args!("matching failed: too many steps on \"{uri}\" using \"{source}\"");
        exchange.log_error(Level::Alert, message);
    }
    Outcome::Status(Status::INTERNAL_SERVER_ERROR)
}

/// Rewrites in the location in force, then in each that is found for a rewritten URI.
fn rewrite(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) -> Option<Outcome> {
    loop {
        let server_level = exchange.server_conf(cycle).root_location;
        if let Some(script) = &exchange.location_conf(cycle).script
            && exchange.location != server_level
            && let Some(decided) = handler::rewrite::run(exchange, cycle, script, shard)
        {
            return Some(decided);
        }
        if !exchange.uri_changed {
            return None;
        }
        exchange.redirects_left = exchange.redirects_left.saturating_sub(1);
        if exchange.redirects_left == 0 {
            let uri = Raw(&exchange.uri);
            let message = format_args!("rewrite or internal redirection cycle while processing \"{uri}\"");
            exchange.log_error(Level::Error, message);
            return Some(Outcome::Status(Status::INTERNAL_SERVER_ERROR));
        }
        leave_location(exchange, cycle);
        exchange.location = server_level;
        if let Some(decided) = find_location(exchange, cycle) {
            return Some(decided);
        }
        limit_methods(exchange, cycle);
    }
}

/// `limit_except`: for all other methods its block is the location in force, which has no script.
fn limit_methods(exchange: &mut Exchange, cycle: &Cycle) {
    if let Some(limited) = &exchange.location_conf(cycle).limit_except
        && !limited.methods.contains(&exchange.method)
    {
        exchange.location = limited.location;
    }
}

async fn enter_location(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) -> Outcome {
    limit_methods(exchange, cycle);
    if (exchange.uri_changed || exchange.location_conf(cycle).script.is_some())
        && let Some(decided) = rewrite(exchange, cycle, shard)
    {
        return decided;
    }
    let conf = exchange.location_conf(cycle);
    if let Some(real_ip) = &conf.real_ip {
        handler::realip::run(exchange, real_ip);
    }
    if let Some(limits) = &conf.limits
        && let Some(refusal) = limits::run(exchange, cycle, limits).await
    {
        return refusal;
    }
    // A part of a page is asked for by the page, as in nginx: who may see that may see all of it.
    if let Some(access) = &conf.access
        && !exchange.is_part()
        && let Some(refusal) = access::run(exchange, cycle, shard, access).await
    {
        return refusal;
    }
    if let Some(try_files) = &conf.try_files {
        match handler::try_files::run(exchange, cycle, conf, try_files, shard) {
            Outcome::Declined => {}
            decided => return decided,
        }
    }
    if let Some(mirror) = &conf.mirror
        && !exchange.is_part()
        && let Some(refusal) = Box::pin(mirror::run(exchange, conf, mirror, shard)).await
    {
        return refusal;
    }
    match &conf.handler {
        HandlerConf::Proxy(pass) => handler::proxy::run(exchange, cycle, conf, pass, shard).await,
        HandlerConf::Refused(reason) => {
            exchange.log_error(Level::Error, format_args!("{reason}"));
            Outcome::Status(Status(502))
        }
        HandlerConf::EmptyGif => handler::fixed::empty_gif(exchange),
        HandlerConf::StubStatus => handler::fixed::stub_status(exchange),
        HandlerConf::Flv if !exchange.uri.ends_with(b"/") => handler::flv::run(exchange, cycle, conf, shard),
        HandlerConf::Flv | HandlerConf::Static => serve_file(exchange, cycle, conf, shard),
    }
}

/// nginx's content handlers in order: index, autoindex, static.
fn serve_file(exchange: &mut Exchange, cycle: &Cycle, conf: &LocationConf, shard: &Shard) -> Outcome {
    if !exchange.uri.ends_with(b"/") {
        if let Some(filters) =
            conf.filters.as_deref().filter(|filters| filters.gzip_static != GzipStatic::Off)
        {
            match handler::gzip_static::run(exchange, conf, filters, shard) {
                Outcome::Declined => {}
                decided => return decided,
            }
        }
        return handler::static_file::run(exchange, cycle, conf, shard);
    }
    if conf.random_index {
        match handler::random_index::run(exchange, conf) {
            Outcome::Declined => {}
            decided => return decided,
        }
    }
    match handler::index::run(exchange, cycle, conf, shard) {
        Outcome::Declined => {}
        decided => return decided,
    }
    match handler::autoindex::run(exchange, cycle, conf, shard) {
        Outcome::Declined => {}
        decided => return decided,
    }
    handler::index::forbidden(exchange, cycle, conf)
}

/// 413 before the body is read, when its length is known (`client_max_body_size`).
fn oversized(exchange: &mut Exchange, conf: &LocationConf) -> Option<Outcome> {
    let limit = conf.client_max_body_size;
    // The page of a 413 is not refused for the same body again.
    let is_refused = exchange.error_status == Some(Status(413));
    match exchange.body.framing() {
        crate::http1::BodyFraming::Length(length) if limit != 0 && length > limit && !is_refused => {
            exchange.log_error(
                Level::Error,
                format_args!("client intended to send too large body: {length} bytes"),
            );
            Some(Outcome::Status(Status(413)))
        }
        _ => None,
    }
}

/// `/x` where only the proxied `/x/` exists: 301 to it, arguments kept.
fn auto_redirect(exchange: &mut Exchange, conf: &LocationConf) -> Outcome {
    let response = &mut exchange.response;
    response.location.clear();
    target::escape(conf.kind.matched_prefix(), target::Escape::Uri, &mut response.location);
    if !exchange.args.is_empty() {
        response.location.push(b'?');
        response.location.extend_from_slice(&exchange.args);
    }
    Outcome::Status(Status(301))
}

fn internal_redirect(exchange: &mut Exchange, cycle: &Cycle) -> Result<(), Status> {
    count_redirect(exchange, cycle)?;
    exchange.internal = true;
    exchange.uri_is_original = false;
    exchange.uri_is_whole = false;
    exchange.uri_below_alias = false;
    exchange.location = exchange.server_conf(cycle).root_location;
    Ok(())
}

fn named_redirect(exchange: &mut Exchange, cycle: &Cycle, location: LocationId) -> Result<(), Status> {
    count_redirect(exchange, cycle)?;
    exchange.internal = true;
    exchange.uri_below_alias = false;
    exchange.location = location;
    Ok(())
}

/// A location on the way that keeps no connection decides for those behind it.
fn leave_location(exchange: &mut Exchange, cycle: &Cycle) {
    let left = exchange.location_conf(cycle);
    if left.keepalive_timeout.is_zero() || exchange.client.requests.get() >= left.keepalive_requests {
        exchange.keep_alive = false;
    }
}

fn count_redirect(exchange: &mut Exchange, cycle: &Cycle) -> Result<(), Status> {
    leave_location(exchange, cycle);
    exchange.redirects_left = exchange.redirects_left.saturating_sub(1);
    if exchange.redirects_left == 0 {
        exchange.log_error(
            Level::Error,
            format_args!(
                "rewrite or internal redirection cycle while internally redirecting to \"{}\"",
                Raw(&exchange.uri)
            ),
        );
        return Err(Status(500));
    }
    // What the new location proxies to is not known yet.
    exchange.upstream.proxy_host.clear();
    exchange.upstream.proxy_port.clear();
    Ok(())
}

/// `error_page` of a status, or the built-in page (nginx's `ngx_http_special_response_handler`).
fn special_response(exchange: &mut Exchange, cycle: &Cycle, status: Status) -> Next {
    if exchange.has_stub {
        exchange.response.clear();
        exchange.response.status = status;
        return Next::Done(Verdict::Respond);
    }
    let conf = exchange.location_conf(cycle);
    if error_page::closes(status) {
        exchange.keep_alive = false;
    }
    if let Some(page) = error_page::find(exchange, conf, status) {
        let mut uri = std::mem::take(&mut exchange.scratch);
        uri.clear();
        crate::http::variables::evaluate(exchange, &page.target, &mut uri);
        let next = take_error_page(exchange, cycle, conf, status, page.overwrite, &uri);
        exchange.scratch = uri;
        if let Some(next) = next {
            return next;
        }
    }
    if exchange.status_override.is_none() && exchange.error_status.is_some() {
        // A failing error page answers with its own status unless `error_page` named one.
        exchange.error_status = Some(status);
    }
    exchange.status_override = None;
    Next::Done(page(exchange, conf, status))
}

/// The built-in page. It passes the filters, none of which has anything against a page.
fn page(exchange: &mut Exchange, conf: &LocationConf, status: Status) -> Verdict {
    error_page::build(exchange, conf, status);
    let refused = filter::apply(exchange, conf);
    debug_assert!(refused.is_none(), "a page has no ranges and no conditions");
    Verdict::Respond
}

fn take_error_page(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    status: Status,
    overwrite: Option<u16>,
    uri: &[u8],
) -> Option<Next> {
    exchange.in_error_page = !conf.recursive_error_pages;
    exchange.error_status = Some(status);
    exchange.status_override = match overwrite {
        None => Some(status.on_the_wire()),
        Some(0) => None,
        Some(code) => Some(Status(code)),
    };
    let location = std::mem::take(&mut exchange.response.location);
    exchange.response.clear_for_error_page();
    if status.is_redirect() {
        // `error_page 301 = @named`: the answer of the page still says where to.
        exchange.response.location = location;
    }
    match uri.first() {
        Some(b'/') => {
            let (path, args) = target::split_query(uri);
            exchange.uri.clear();
            exchange.uri.extend_from_slice(path);
            exchange.args.clear();
            exchange.args.extend_from_slice(args.unwrap_or_default());
            if exchange.method != Method::Head {
                exchange.method = Method::Get;
            }
            Some(settle(exchange, cycle, Outcome::Redirect))
        }
        Some(b'@') => match cycle.router.named(exchange.server, uri) {
            Some(location) => Some(settle(exchange, cycle, Outcome::Named(location))),
            None => {
                exchange
                    .log_error(Level::Error, format_args!("could not find named location \"{}\"", Raw(uri)));
                exchange.status_override = None;
                Some(special_response(exchange, cycle, Status(500)))
            }
        },
        Some(_) => {
            let status = match overwrite {
                Some(code @ (301 | 302 | 303 | 307 | 308)) => Status(code),
                _ => Status(302),
            };
            exchange.status_override = None;
            exchange.response.location.clear();
            exchange.response.location.extend_from_slice(uri);
            Some(Next::Done(page(exchange, conf, status)))
        }
        None => None,
    }
}
