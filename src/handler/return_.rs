//! `return`: a status, a redirect, or a text.

use bytes::Bytes;

use crate::config::model::{LocationConf, ReturnConf};
use crate::config::template::Template;
use crate::cycle::Cycle;
use crate::files::mime;
use crate::http::{Body, Exchange, Outcome, variables};
use crate::http1::Status;

/// Answers as the directive says, whatever the method.
pub fn run(exchange: &mut Exchange, _cycle: &Cycle, conf: &LocationConf, return_: &ReturnConf) -> Outcome {
    let status = return_.status;
    match &return_.text {
        // nginx ends the connection for its own "timed out" and "client gone" too.
        None if matches!(status, Status::CLOSE | Status::CLIENT_CLOSED_REQUEST | Status::REQUEST_TIMEOUT) => {
            exchange.log_status = Some(status);
            Outcome::Close
        }
        None if status >= Status::BAD_REQUEST => Outcome::Status(status),
        text if status.is_redirect() => redirect(exchange, status, text.as_ref()),
        text => {
            respond(exchange, conf, status, text.as_ref());
            Outcome::Response
        }
    }
}

fn redirect(exchange: &mut Exchange, status: Status, url: Option<&Template>) -> Outcome {
    let mut location = std::mem::take(&mut exchange.response.location);
    location.clear();
    if let Some(url) = url {
        variables::evaluate(exchange, url, &mut location);
    }
    if location.is_empty() {
        // nginx sends the empty header; a `Response` without location would not.
        exchange.response.fields.push(b"Location", b"");
    }
    exchange.response.location = location;
    Outcome::Status(status)
}

fn respond(exchange: &mut Exchange, conf: &LocationConf, status: Status, text: Option<&Template>) {
    exchange.response.status = status;
    // As the page of an error that keeps its status it is an empty answer.
    if status == Status::NO_CONTENT && exchange.status_override.is_none() {
        return;
    }
    let body = match text {
        None => Bytes::new(),
        Some(text) => match text.as_literal() {
            Some(literal) => Bytes::copy_from_slice(literal),
            None => {
                let mut value = Vec::new();
                variables::evaluate(exchange, text, &mut value);
                Bytes::from(value)
            }
        },
    };
    let response = &mut exchange.response;
    // An app that sent the request here (`X-Accel-Redirect`) has said what it is.
    if response.content_type.is_empty() {
        let content_type = mime::content_type(&exchange.uri, &conf.types, &conf.default_type);
        response.content_type.extend_from_slice(content_type.as_bytes());
    }
    response.content_length = Some(body.len() as u64);
    response.allow_not_modified = true;
    response.body =
        if body.is_empty() || status == Status::NOT_MODIFIED { Body::Empty } else { Body::Bytes(body) };
}
