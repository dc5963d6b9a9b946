//! Answers that come from no file and no app: `empty_gif` and `stub_status`.

use std::io::Write as _;

use bytes::Bytes;

use crate::http::{Body, Exchange, Outcome};
use crate::http1::{Method, Status};
use crate::limits::counters;

/// One transparent pixel, byte for byte nginx's.
const EMPTY_GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x01\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x01\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;";

/// Its date: Mon, 28 Sep 1970 06:00:00 GMT, as in nginx.
const EMPTY_GIF_MODIFIED: i64 = 23_349_600;

/// `empty_gif`
pub fn empty_gif(exchange: &mut Exchange) -> Outcome {
    if !matches!(exchange.method, Method::Get | Method::Head) {
        return Outcome::Status(Status::NOT_ALLOWED);
    }
    exchange.response.last_modified = Some(EMPTY_GIF_MODIFIED);
    respond(exchange, "image/gif", Bytes::from_static(EMPTY_GIF))
}

/// `stub_status`
pub fn stub_status(exchange: &mut Exchange) -> Outcome {
    if !matches!(exchange.method, Method::Get | Method::Head) {
        return Outcome::Status(Status::NOT_ALLOWED);
    }
    let sum = counters::sum();
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write!(
        page,
        "Active connections: {} \nserver accepts handled requests\n {} {} {} \nReading: {} Writing: {} Waiting: {} \n",
        sum.active, sum.accepted, sum.handled, sum.requests, sum.reading, sum.writing, sum.waiting,
    );
    respond(exchange, "text/plain", Bytes::from(page))
}

fn respond(exchange: &mut Exchange, content_type: &str, body: Bytes) -> Outcome {
    let response = &mut exchange.response;
    response.status = Status::OK;
    response.content_type.clear();
    response.content_type.extend_from_slice(content_type.as_bytes());
    response.content_length = Some(body.len() as u64);
    response.allow_not_modified = true;
    response.body = Body::Bytes(body);
    Outcome::Response
}
