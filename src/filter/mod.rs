//! From a response to a response: what nginx's header filters do, in nginx's order.
//!
//! `not_modified` (304, 412), `expires` and `headers` (`add_header`), `range` (206, 416). No I/O and no waiting; `phases` calls
//! [`apply`] once for every response, error pages included.

mod expires;
mod headers;
mod not_modified;
mod range;

use crate::config::model::LocationConf;
use crate::http::Exchange;
use crate::http1::Status;

/// Runs all filters over `exchange.response`.
///
/// A status that comes back replaces the response by its page: 412, or 416 whose `Content-Range` and `add_header`s
/// stay, as in nginx. Pages pass the filters too, and never bring another status.
#[must_use]
pub fn apply(exchange: &mut Exchange, conf: &LocationConf) -> Option<Status> {
    if let Some(status) = exchange.status_override.take() {
        exchange.response.status = status;
        exchange.response.has_reason = false;
    }
    let refused = not_modified::apply(exchange, conf).or_else(|| {
        headers::apply(exchange, conf);
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
