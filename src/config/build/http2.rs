//! `http2` and its like, which stand at http or server level only.

use super::super::ast::Directive;
use super::super::model::Http2Conf;
use super::context::Context;
use super::level::inherit;

/// `http2_max_concurrent_streams` when not written, as in nginx.
const CONCURRENT_STREAMS: u64 = 128;

/// `http2_body_preread_size` when not written. nginx has 64k and asks for more once somebody reads.
const STREAM_WINDOW: u64 = 256 << 10;

/// The largest window there is (RFC 9113 section 6.9.1).
const MAX_WINDOW: u64 = (1 << 31) - 1;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawHttp2 {
    on: Option<bool>,
    max_concurrent_streams: Option<u64>,
    body_preread_size: Option<u64>,
}

impl RawHttp2 {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "http2" => cx.flag(d, &mut self.on),
            "http2_max_concurrent_streams" => cx.number(d, &mut self.max_concurrent_streams),
            "http2_body_preread_size" => cx.size(d, &mut self.body_preread_size),
            _ => return false,
        }
        true
    }

    /// Resolves a server's against the http level.
    pub(super) fn resolve(mut self, http: &Self) -> Http2Conf {
        let outer = http;
        inherit!(self, outer; on, max_concurrent_streams, body_preread_size);
        let streams = self.max_concurrent_streams.unwrap_or(CONCURRENT_STREAMS);
        let window = self.body_preread_size.unwrap_or(STREAM_WINDOW).min(MAX_WINDOW);
        Http2Conf {
            on: self.on.unwrap_or(false),
            max_concurrent_streams: u32::try_from(streams).unwrap_or(u32::MAX),
            stream_window: u32::try_from(window).unwrap_or(u32::MAX),
        }
    }
}
