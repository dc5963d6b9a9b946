//! The client's side of a location: body limits, timeouts, keep-alive, lingering close, socket options.

use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::{BodyFile, LingeringClose, SizeConf};
use super::context::Context;
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawClient {
    pub max_body_size: Option<u64>,
    pub body_buffer_size: Option<usize>,
    pub body_timeout: Option<Duration>,
    pub body_temp_path: Option<(String, [u8; 3])>,
    pub body_in_file_only: Option<BodyFile>,
    pub limit_rate: Option<SizeConf>,
    pub limit_rate_after: Option<SizeConf>,
    pub send_timeout: Option<Duration>,
    /// The timeout and the seconds for the `Keep-Alive` header.
    pub keepalive_timeout: Option<(Duration, Option<u64>)>,
    pub keepalive_requests: Option<u64>,
    pub keepalive_time: Option<Duration>,
    pub lingering_close: Option<LingeringClose>,
    pub lingering_time: Option<Duration>,
    pub lingering_timeout: Option<Duration>,
    pub reset_timedout_connection: Option<bool>,
    pub sendfile: Option<bool>,
    pub tcp_nopush: Option<bool>,
    pub tcp_nodelay: Option<bool>,
    pub chunked_transfer_encoding: Option<bool>,
}

impl RawClient {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "client_max_body_size" => cx.size(d, &mut self.max_body_size),
            "client_body_buffer_size" => cx.buffer(d, &mut self.body_buffer_size),
            "client_body_timeout" => cx.time(d, &mut self.body_timeout),
            "client_body_in_file_only" => cx.choice(
                d,
                &mut self.body_in_file_only,
                &[("off", BodyFile::Off), ("on", BodyFile::On), ("clean", BodyFile::Clean)],
            ),
            "client_body_temp_path" => cx.folder(d, &mut self.body_temp_path),
            "limit_rate" => cx.size_or_template(d, &mut self.limit_rate),
            "limit_rate_after" => cx.size_or_template(d, &mut self.limit_rate_after),
            "send_timeout" => cx.time(d, &mut self.send_timeout),
            "keepalive_timeout" => cx.set(d, &mut self.keepalive_timeout, keepalive_timeout),
            "keepalive_requests" => cx.number(d, &mut self.keepalive_requests),
            "keepalive_time" => cx.time(d, &mut self.keepalive_time),
            "lingering_close" => cx.choice(
                d,
                &mut self.lingering_close,
                &[
                    ("off", LingeringClose::Off),
                    ("on", LingeringClose::On),
                    ("always", LingeringClose::Always),
                ],
            ),
            "lingering_time" => cx.time(d, &mut self.lingering_time),
            "lingering_timeout" => cx.time(d, &mut self.lingering_timeout),
            "reset_timedout_connection" => cx.flag(d, &mut self.reset_timedout_connection),
            "sendfile" => cx.flag(d, &mut self.sendfile),
            "tcp_nopush" => cx.flag(d, &mut self.tcp_nopush),
            "tcp_nodelay" => cx.flag(d, &mut self.tcp_nodelay),
            "chunked_transfer_encoding" => cx.flag(d, &mut self.chunked_transfer_encoding),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer;
            max_body_size, body_buffer_size, body_timeout, body_temp_path, body_in_file_only, limit_rate, limit_rate_after, send_timeout, keepalive_timeout,
            keepalive_requests, keepalive_time, lingering_close, lingering_time, lingering_timeout,
            reset_timedout_connection, sendfile, tcp_nopush, tcp_nodelay, chunked_transfer_encoding);
    }
}

/// `keepalive_timeout timeout [header_timeout]`.
fn keepalive_timeout(cx: &mut Context, d: &Directive) -> Option<(Duration, Option<u64>)> {
    let timeout = cx.time_of(d, 0)?;
    let header = if d.args().len() > 1 { Some(cx.time_of(d, 1)?.as_secs()) } else { None };
    Some((timeout, header.filter(|seconds| *seconds > 0)))
}
