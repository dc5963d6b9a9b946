//! `add_trailer`: whether there will be fields behind the body. `http::trailers` says which, once the body is sent.

use crate::config::filters::FilterConf;
use crate::config::model::LocationConf;
use crate::http::{Body, Exchange};
use crate::http1::Version;
use bytes::Bytes;

/// Has the body sent in chunks when a field will follow it; clients of HTTP/1.0 get none.
pub(super) fn announce(exchange: &mut Exchange, conf: &LocationConf, filters: &FilterConf) {
    if exchange.request.version == Version::Http10
        || !conf.chunked_transfer_encoding
        || exchange.header_only
        || matches!(exchange.response.status.0, ..200 | 204 | 304)
        || !exchange.will_have_trailers(filters)
    {
        return;
    }
    let response = &mut exchange.response;
    response.has_trailers = true;
    response.transform.get_or_insert_default();
    if matches!(response.body, Body::Empty) {
        response.body = Body::Bytes(Bytes::new());
    }
}
