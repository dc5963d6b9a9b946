//! Parts of a page (SSI): requests made for the client of another one, and bodies read into memory instead of sent.
//!
//! A part has the head of the request it belongs to, a URI of its own, the method GET and no body. It is answered like any
//! request and never written to the client.

use std::io;
use std::rc::Rc;

use super::body::{Body, Segment};
use super::content_type::named_charset;
use super::exchange::Exchange;
use super::transform::{Then, Transform};
use super::variables;
use crate::config::model::LocationConf;
use crate::files::OpenFile;
use crate::http1::{BodyFraming, Method};
use crate::io::file::read_exact_at;

/// Parts of one page, those of its parts included (nginx's `NGX_HTTP_MAX_SUBREQUESTS`).
pub(super) const MAX_PARTS: u8 = 50;

/// Parts inside parts.
const MAX_DEPTH: u8 = 16;

/// Bytes of a page that is put together in memory.
pub const MAX_PAGE: usize = 4 << 20;

/// Bytes of a file read at a time.
const SLICE: usize = 32 << 10;

impl Exchange {
    /// This request is for a part of a page.
    pub fn is_part(&self) -> bool {
        self.depth > 0
    }

    /// Makes this exchange, which has the same client, a part of `whole`; `false` when a page has no more.
    pub fn begin_part(&mut self, whole: &Exchange, uri: &[u8], args: &[u8]) -> bool {
        if whole.depth >= MAX_DEPTH || whole.parts_left == 0 {
            return false;
        }
        self.start();
        self.cycle = Rc::clone(&whole.cycle);
        self.request.clone_from(&whole.request);
        self.input.clear();
        self.input.extend_from_slice(&whole.input[..whole.request.len]);
        self.consumed = whole.request.len;
        self.started = whole.started;
        self.method = Method::Get;
        self.whole_method = Some(whole.whole_method.unwrap_or(whole.method));
        self.uri.extend_from_slice(uri);
        self.args.extend_from_slice(args);
        self.uri_is_original = false;
        self.host.extend_from_slice(&whole.host);
        if let Some(address) = &whole.told_remote {
            self.set_remote(address.clone());
        }
        self.server = whole.server;
        self.internal = true;
        self.body.begin(BodyFraming::None, false);
        // A page counts once against each limit, whatever its parts are.
        self.limit_req_status = whole.limit_req_status;
        self.limit_conn_status = whole.limit_conn_status;
        self.page_charset = whole.charset_of_page();
        self.depth = whole.depth + 1;
        self.parts_left = whole.parts_left - 1;
        true
    }

    /// The charset into which parts are brought; `None` without a table that could do that.
    fn charset_of_page(&self) -> Option<Vec<u8>> {
        if !self.cycle.conf.http.charsets.has_maps() {
            return None;
        }
        if self.is_part() {
            return self.page_charset.clone();
        }
        named_charset(&self.response.content_type).map(|(_, name)| name.to_vec())
    }

    /// Exchanges the variables that have a value of their own with another request: those of `set` and its like, named
    /// groups, and what was derived. Parts have those of their whole, as in nginx; `whole` has them back by a second call.
    pub fn swap_variables(&mut self, whole: &mut Exchange) {
        self.captures.swap_named(&mut whole.captures);
        std::mem::swap(&mut self.derived, &mut whole.derived);
        self.request_id.swap(&whole.request_id);
    }

    /// Makes this exchange, which has the same client, a request beside `whole` that nobody waits for: the same method and
    /// arguments, and its body if that was read. `false` when that is not possible (already logged).
    pub fn begin_beside(
        &mut self,
        whole: &Exchange,
        uri: &[u8],
        conf: &LocationConf,
        with_body: bool,
    ) -> bool {
        if !self.begin_part(whole, uri, &whole.args) {
            return false;
        }
        self.method = whole.method;
        self.header_only = true;
        self.background = true;
        self.request_id.set(Some(variables::request_id(whole)));
        self.captures.copy_named(&whole.captures);
        self.derived.clone_from(&whole.derived);
        if with_body && let Err(error) = self.body.copy(&whole.body, conf) {
            whole.log_body_error(&error);
            return false;
        }
        true
    }

    /// Makes this exchange, which has the same client, a request that follows `whole`, which was answered: its variables say
    /// how. `false` when that is not possible.
    pub fn begin_behind(&mut self, whole: &Exchange, uri: &[u8]) -> bool {
        if !self.begin_part(whole, uri, b"") {
            return false;
        }
        self.header_only = true;
        self.background = true;
        self.request_id.set(Some(variables::request_id(whole)));
        self.captures.copy_named(&whole.captures);
        self.derived.clone_from(&whole.derived);
        self.upstream.tries.clone_from(&whole.upstream.tries);
        self.log_status = Some(whole.logged_status());
        self.completed = whole.completed;
        self.bytes_sent = whole.bytes_sent;
        self.body_bytes_sent = whole.body_bytes_sent;
        self.request_length = whole.request_length;
        true
    }

    /// Drops the response's body: nobody wants it. The app's connection is kept if little of it is outstanding and has
    /// come already.
    pub fn drop_body(&mut self, conf: &LocationConf) {
        if let Body::Relay(relay) = std::mem::take(&mut self.response.body) {
            relay.finish_arrived(self, conf);
        }
    }

    /// Appends the response's body, as `transform` changes it, to `out`.
    ///
    /// # Errors
    /// What the file or the app suffered; `ConnectionAborted` for an answer that ended early (already logged),
    /// `FileTooLarge` when `out` would grow beyond [`MAX_PAGE`].
    pub async fn collect(
        &mut self,
        conf: &LocationConf,
        transform: Option<Transform>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut transform = transform.unwrap_or_default();
        match std::mem::take(&mut self.response.body) {
            Body::Relay(relay) => return relay.collect(self, conf, transform, out, MAX_PAGE).await,
            Body::Empty => {}
            Body::Bytes(bytes) => take(&mut transform, &bytes, out)?,
            Body::Cached(file) => take_file(&mut transform, &file, 0, file.size, out)?,
            Body::Part { file, start, len } => take_file(&mut transform, &file, start, len, out)?,
            Body::Segments(file, segments) => {
                for segment in &segments {
                    match segment {
                        Segment::Bytes(bytes) => take(&mut transform, bytes, out)?,
                        Segment::File { start, len } => take_file(&mut transform, &file, *start, *len, out)?,
                    }
                }
            }
        }
        let ended = transform.run(b"", Then::Finish, out);
        ended.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.0))
    }
}

fn take(transform: &mut Transform, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    for slice in bytes.chunks(SLICE) {
        if out.len() + slice.len() > MAX_PAGE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let made = transform.run(slice, Then::More, out);
        made.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.0))?;
    }
    Ok(())
}

fn take_file(
    transform: &mut Transform,
    file: &OpenFile,
    start: u64,
    len: u64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    if let Some(part) = file.content_part(start, len) {
        return take(transform, part, out);
    }
    if len > MAX_PAGE as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let Some(fd) = file.fd() else { return Err(io::ErrorKind::NotFound.into()) };
    let (mut offset, end) = (start, start + len);
    let mut slice = vec![0; SLICE];
    while offset < end {
        let count = usize::try_from(end - offset).unwrap_or(usize::MAX).min(SLICE);
        read_exact_at(fd, &mut slice[..count], offset)?;
        take(transform, &slice[..count], out)?;
        offset += count as u64;
    }
    Ok(())
}
