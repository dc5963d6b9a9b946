//! The response head in the making.
//!
//! Fields that nginx writes in a fixed place have a member; all others are kept in order in [`Fields`], whose bytes
//! live in one reusable buffer: no allocation per request in steady state.

use super::body::Body;
use super::transform::Transform;
use crate::http1::{Span, Status};

/// A response before it is written.
#[derive(Default)]
pub struct Response {
    /// The status; its line is nginx's unless `has_reason`.
    pub status: Status,
    /// What follows the code in an app's status line, passed on unchanged, the space before the phrase included.
    pub reason: Vec<u8>,
    /// `reason` counts, even if empty; else the phrase is nginx's own.
    pub has_reason: bool,
    /// `fields` hold the app's `Server` (`proxy_pass_header Server`): ours is not sent.
    pub has_server: bool,
    /// `fields` hold the app's `Date` (`proxy_pass_header Date`): ours is not sent.
    pub has_date: bool,
    /// `Content-Type`; empty is not sent.
    pub content_type: Vec<u8>,
    /// `X-Accel-Charset`: what the app wants in place of `charset`; empty is nothing.
    pub told_charset: Vec<u8>,
    /// `Content-Length`; `None` with a body means chunked, or close for HTTP/1.0.
    pub content_length: Option<u64>,
    /// `Last-Modified`, seconds since 1970.
    pub last_modified: Option<i64>,
    /// `Location`; empty is not sent. A value that begins with `/` is made absolute by the writer as
    /// `absolute_redirect` asks.
    pub location: Vec<u8>,
    /// `ETag`, quotes included; empty is not sent.
    pub etag: Vec<u8>,
    /// Fields that were there before the `ETag` and go before it.
    pub etag_at: usize,
    /// `Accept-Ranges: bytes` is sent, and the range filter may act.
    pub allow_ranges: bool,
    /// The body is an app's: of several ranges none is cut out (`proxy_force_ranges`).
    pub single_range: bool,
    /// The conditional filter (304, 412) may act: static answers only, as in nginx.
    pub allow_not_modified: bool,
    /// All other fields in order.
    pub fields: Fields,
    /// What follows the head.
    pub body: Body,
    /// What the body goes through on its way out.
    pub transform: Option<Transform>,
    /// The page has commands (`ssi`): what it goes through before they are carried out.
    pub before_ssi: Option<Transform>,
    /// Parts are to be put before and behind the body (`add_before_body`, `add_after_body`).
    pub has_addition: bool,
    /// `Vary: Accept-Encoding` is sent.
    pub gzip_vary: bool,
    /// The client is served compressed bodies; `None` when nobody asked yet.
    pub gzip_accepted: Option<bool>,
    /// `add_trailer` has something to say behind the body, if it is chunked.
    pub has_trailers: bool,
    /// The connection must close after this response.
    pub close: bool,
}

impl Response {
    /// Empties it for the next request; buffers keep their memory.
    pub fn clear(&mut self) {
        self.status = Status::default();
        self.reason.clear();
        self.has_reason = false;
        self.has_server = false;
        self.has_date = false;
        self.clear_content();
        self.told_charset.clear();
        self.location.clear();
        self.fields.clear();
        self.has_trailers = false;
        self.gzip_vary = false;
        self.gzip_accepted = None;
        self.close = false;
    }

    /// Empties it for an error page; what asks the client for credentials stays, as in nginx.
    pub fn clear_for_error_page(&mut self) {
        let asks = self.fields.get(b"www-authenticate").map(<[u8]>::to_vec);
        self.clear();
        if let Some(value) = asks {
            self.fields.push(b"WWW-Authenticate", &value);
        }
    }

    /// Drops body and everything that describes it, as nginx does before an error page (`ngx_http_clean_header` keeps
    /// nothing; `add_header`s come later).
    pub fn clear_content(&mut self) {
        self.content_type.clear();
        self.content_length = None;
        self.last_modified = None;
        self.etag.clear();
        self.etag_at = 0;
        self.allow_ranges = false;
        self.single_range = false;
        self.allow_not_modified = false;
        self.body = Body::Empty;
        self.transform = None;
        self.before_ssi = None;
        self.has_addition = false;
    }
}

/// Header fields in order, their bytes in one buffer.
#[derive(Default)]
pub struct Fields {
    bytes: Vec<u8>,
    spans: Vec<(Span, Span)>,
}

impl Fields {
    /// Removes all; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Appends a field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        let value = self.append(value);
        self.spans.push((name, value));
    }

    /// Appends a field whose value is written in place.
    pub fn push_with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let name = self.append(name);
        let start = self.bytes.len();
        write(&mut self.bytes);
        let value = Span { start: start as u32, len: (self.bytes.len() - start) as u32 };
        self.spans.push((name, value));
    }

    /// The first field of that name, any case.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Puts this field in the place of the first of that name, any case, and removes the others; appends it if there
    /// is none.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        self.replace(name, value, Some(name));
    }

    /// The same, but a field that is there keeps its name as it is written.
    pub fn set_value(&mut self, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        self.replace(name, value, None);
    }

    fn replace(&mut self, name: Span, value: &[u8], rename: Option<Span>) {
        let value = self.append(value);
        let bytes = &self.bytes;
        let mut found = false;
        self.spans.retain_mut(|(n, v)| {
            if !n.of(bytes).eq_ignore_ascii_case(name.of(bytes)) {
                return true;
            }
            (*n, *v) = (rename.unwrap_or(*n), value);
            !std::mem::replace(&mut found, true)
        });
        if !found {
            self.spans.push((name, value));
        }
    }

    /// Removes all fields of that name, any case.
    pub fn remove(&mut self, name: &[u8]) {
        let bytes = &self.bytes;
        self.spans.retain(|(n, _)| !n.of(bytes).eq_ignore_ascii_case(name));
    }

    /// Puts `prefix` before the value of the first field of that name, any case.
    pub fn prefix_value(&mut self, name: &[u8], prefix: &[u8]) {
        let Self { bytes, spans } = self;
        let Some((_, value)) = spans.iter_mut().find(|(n, _)| n.of(bytes).eq_ignore_ascii_case(name)) else {
            return;
        };
        let (start, old) = (bytes.len(), *value);
        bytes.extend_from_slice(prefix);
        bytes.extend_from_within(old.start as usize..(old.start + old.len) as usize);
        *value = Span { start: start as u32, len: (bytes.len() - start) as u32 };
    }

    /// Removes the first field of that name, any case.
    pub fn remove_first(&mut self, name: &[u8]) {
        let bytes = &self.bytes;
        if let Some(at) = self.spans.iter().position(|(n, _)| n.of(bytes).eq_ignore_ascii_case(name)) {
            self.spans.remove(at);
        }
    }

    /// Name and value in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|(n, v)| (n.of(&self.bytes), v.of(&self.bytes)))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    fn append(&mut self, bytes: &[u8]) -> Span {
        let span = Span { start: self.bytes.len() as u32, len: bytes.len() as u32 };
        self.bytes.extend_from_slice(bytes);
        span
    }
}
