//! From a response to a response: what nginx's header filters do, in nginx's order.
//!
//! `not_modified` (304, 412), `expires` and `headers` (`add_header`), `trailers`, `sub`, `addition`, `charset`, `ssi`, `gzip`, `range` (206, 416). No I/O and no waiting; `phases` calls
//! [`apply`] once for every response, error pages included.

mod addition;
mod charset;
mod expires;
mod gzip;
mod headers;
mod not_modified;
mod range;
mod ssi;
mod sub;
mod trailers;
mod userid;

use crate::config::filters::FilterConf;
use crate::config::model::LocationConf;
use crate::http::{Exchange, Response};
use crate::http1::Status;

pub use gzip::accepts as accepts_gzip;

/// Runs all filters over `exchange.response`.
///
/// A status that comes back replaces the response by its page: 412, or 416 whose `Content-Range` and `add_header`s
/// stay, as in nginx. Pages pass the filters too, and never bring another status.
#[must_use]
pub fn apply(exchange: &mut Exchange, conf: &LocationConf) -> Option<Status> {
    if exchange.is_part() {
        return apply_to_part(exchange, conf);
    }
    if let Some(status) = exchange.status_override.take() {
        exchange.response.status = status;
        exchange.response.has_reason = false;
        if status == Status::NO_CONTENT {
            // What the page of the error is stays unsaid with its bytes (RFC 9110, 8.6).
            exchange.response.content_type.clear();
            exchange.response.content_length = None;
        }
    }
    let refused = not_modified::apply(exchange, conf).or_else(|| {
        headers::apply(exchange, conf);
        if let Some(userid) = &conf.userid {
            userid::apply(exchange, userid);
        }
        if let Some(filters) = &conf.filters {
            transform(exchange, conf, filters);
        } else if !exchange.response.told_charset.is_empty() {
            charset::apply(exchange, None);
        }
        range::apply(exchange, conf)
    });
    let response = &mut exchange.response;
    if !matches!(response.status, Status::OK | Status::PARTIAL_CONTENT | Status::NOT_MODIFIED) {
        // A file that stands in for an error has no date worth remembering (nginx's ngx_http_header_filter).
        response.last_modified = None;
        response.allow_ranges = false;
    }
    refused
}

/// The part of a page (SSI) has no head of its own: only what changes bodies counts.
fn apply_to_part(exchange: &mut Exchange, conf: &LocationConf) -> Option<Status> {
    let filters = conf.filters.as_deref();
    if let Some(filters) = filters {
        // Nobody asks a part for its encoding: the whole page gets one.
        exchange.response.gzip_accepted = Some(false);
        gzip::decompress(exchange, filters);
        if let Some(sub) = &filters.sub {
            sub::apply(exchange, sub);
        }
    }
    if exchange.page_charset.is_some() {
        charset::apply_to_part(exchange, filters.and_then(|filters| filters.charset.as_ref()));
    }
    if let Some(ssi) = filters.and_then(|filters| filters.ssi.as_ref()) {
        ssi::apply(exchange, ssi);
    }
    None
}

/// Filters that change bodies, in nginx's order.
fn transform(exchange: &mut Exchange, location: &LocationConf, conf: &FilterConf) {
    if !conf.trailers.is_empty() {
        trailers::announce(exchange, location, conf);
    }
    gzip::decompress(exchange, conf);
    if let Some(sub) = &conf.sub {
        sub::apply(exchange, sub);
    }
    if let Some(addition) = &conf.addition {
        addition::apply(exchange, addition);
    }
    if conf.charset.is_some() || !exchange.response.told_charset.is_empty() {
        charset::apply(exchange, conf.charset.as_ref());
    }
    if let Some(ssi) = &conf.ssi {
        ssi::apply(exchange, ssi);
    }
    gzip::compress(exchange, conf);
}

/// The body will be another one: its length is not known, no part of it can be asked for, and its tag is a weak one.
fn forget_length(response: &mut Response) {
    response.content_length = None;
    response.allow_ranges = false;
    response.fields.remove(b"accept-ranges");
    weaken_etag(response);
}

/// The body will have been put together from others: its date and tag say nothing, unless the configuration says so.
fn forget_validators(response: &mut Response, keeps_date: bool) {
    response.content_length = None;
    response.allow_ranges = false;
    if keeps_date {
        weaken_etag(response);
        return;
    }
    response.last_modified = None;
    response.fields.remove(b"last-modified");
    response.etag.clear();
    response.fields.remove(b"etag");
}

/// nginx's `ngx_http_weak_etag`: what is no tag at all goes.
fn weaken_etag(response: &mut Response) {
    if !response.etag.is_empty() {
        if response.etag.starts_with(b"\"") {
            response.etag.splice(..0, *b"W/");
        }
        return;
    }
    let Some(tag) = response.fields.get(b"etag") else { return };
    if tag.starts_with(b"\"") {
        response.fields.prefix_value(b"etag", b"W/");
    } else if !tag.starts_with(b"W/") {
        response.fields.remove(b"etag");
    }
}
