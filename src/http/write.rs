//! The only writer to the client: the response head in nginx's order, then the body the way it says it can be sent.
//!
//! Small bodies leave with their head in one send; files go by sendfile(2) after a head sent with MSG_MORE; an app's
//! answer is pumped by its [`Relay`](super::relay::Relay). Nothing here chooses a status or looks at a location's job.

use std::cell::RefCell;

use super::body::{Body, Segment};
use super::error_page::{SERVER_BARE, SERVER_WITH_VERSION};
use super::exchange::Exchange;
use super::response::Response;
use crate::config::model::LocationConf;
use crate::cycle::Cycle;
use crate::files::OpenFile;
use crate::http1::encode::{self, push_field};
use crate::http1::{Status, Version, target};
use crate::io::Transfer;

/// Bodies up to this size are copied behind the head and leave with it in one send; a larger one leaves the core's
/// cache by a vectored send(2) without a copy.
const COPY_LIMIT: usize = 16 * 1024;

/// Bytes of a file sent before other connections get their turn.
const FAIR_SHARE: usize = 512 * 1024;

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Whole, and the connection may carry another request.
    KeepAlive,
    /// Whole, and the connection closes.
    Close,
    /// Cut short: the client must see a broken connection.
    Broken,
}

impl Exchange {
    /// Writes the response. Infallible: what goes wrong ends in [`Sent::Broken`] and the error log.
    pub async fn respond(&mut self, cycle: &Cycle, conf: &LocationConf) -> Sent {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        self.write_head(cycle, conf, &mut out);
        let body = std::mem::take(&mut self.response.body);
        let head_len = out.len() as u64;
        let begun = match self.client.http2.clone() {
            None => Ok(()),
            Some(stream) => self.begin_stream(&stream, &mut out),
        };
        if conf.limit_rate.is_some() || self.limit_rate.is_some() {
            self.begin_pace(conf);
        }
        let result = if begun.is_err() {
            begun
        } else if self.leaves_with_head(&body, &mut out) {
            match self.send_now(&mut out) {
                Ok(_) if out.is_empty() => Ok(()),
                Ok(sent) => self.send_rest(conf, &mut out, sent).await,
                Err(error) => Err(error),
            }
        } else if self.header_only {
            if let Body::Relay(relay) = body {
                relay.finish_without_body(self);
            }
            self.send_out(conf, &mut out).await
        } else if let Some(transform) = self.response.transform.take() {
            self.send_filtered(conf, &mut out, body, transform).await
        } else {
            match body {
                Body::Empty => self.send_out(conf, &mut out).await,
                Body::Bytes(bytes) if self.chunked => {
                    encode::push_chunk(&mut out, &bytes);
                    out.extend_from_slice(encode::LAST_CHUNK);
                    self.send_out(conf, &mut out).await
                }
                Body::Bytes(bytes) => self.send_with(conf, &mut out, &bytes).await,
                Body::Cached(file) => match &file.content {
                    Some(content) => self.send_with(conf, &mut out, content).await,
                    None => {
                        let all = [Segment::File { start: 0, len: file.size }];
                        self.send_segments(conf, &mut out, &file, &all).await
                    }
                },
                Body::Part { file, start, len } => match file.content_part(start, len) {
                    Some(part) => self.send_with(conf, &mut out, part).await,
                    None => self.send_segments(conf, &mut out, &file, &[Segment::File { start, len }]).await,
                },
                Body::Segments(file, segments) => self.send_segments(conf, &mut out, &file, &segments).await,
                Body::Relay(relay) => relay.pump(self, conf, &mut out, None).await,
            }
        };
        self.body_bytes_sent = self.bytes_sent.saturating_sub(head_len);
        out.clear();
        self.scratch = out;
        if let Some(stream) = self.client.http2.clone() {
            self.end_stream(&stream, &result);
        }
        match result {
            Err(error) => {
                self.note_send_error(&error);
                if self.ends_with_close() {
                    // Nothing but a reset tells the client that this is not all.
                    self.client.stream.set_linger_reset();
                }
                Sent::Broken
            }
            Ok(()) => {
                self.completed = true;
                if self.keep_alive { Sent::KeepAlive } else { Sent::Close }
            }
        }
    }

    /// Whether nothing else is to be done with the body than to send it behind the head: it is put there then.
    #[inline]
    fn leaves_with_head(&self, body: &Body, out: &mut Vec<u8>) -> bool {
        let bytes = match body {
            Body::Bytes(bytes) if !self.chunked => bytes,
            Body::Cached(file) => match &file.content {
                Some(content) => content,
                None => return false,
            },
            _ => return false,
        };
        let changes = self.header_only || self.response.transform.is_some() || self.pace.is_some();
        if changes || bytes.len() > COPY_LIMIT {
            return false;
        }
        out.extend_from_slice(bytes);
        true
    }

    /// Appends the head to `out`.
    fn write_head(&mut self, cycle: &Cycle, conf: &LocationConf, out: &mut Vec<u8>) {
        if let Some(status) = self.status_override.take() {
            self.response.status = status;
            self.response.has_reason = false;
        }
        self.chunked = self.decide_framing(conf);
        let response = &self.response;
        write_start(response, conf, out);
        if !response.content_type.is_empty() {
            push_field(out, b"Content-Type", &response.content_type);
        }
        match &response.body {
            Body::Cached(file)
                if response.content_length == Some(file.size)
                    && response.last_modified == Some(file.mtime) =>
            {
                out.extend_from_slice(file.head());
            }
            _ => write_size_and_date(response, out),
        }
        let made_absolute = conf.absolute_redirect && response.location.first() == Some(&b'/');
        if made_absolute {
            out.extend_from_slice(b"Location: ");
            self.write_origin(cycle, conf, out);
            target::escape_controls(&response.location, out);
            out.extend_from_slice(b"\r\n");
        }
        if self.chunked {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        self.write_connection(conf, out);
        let response = &self.response;
        if response.gzip_vary {
            out.extend_from_slice(b"Vary: Accept-Encoding\r\n");
        }
        if !made_absolute && !response.location.is_empty() {
            out.extend_from_slice(b"Location: ");
            target::escape_controls(&response.location, out);
            out.extend_from_slice(b"\r\n");
        }
        for (name, value) in response.fields.iter().take(response.etag_at) {
            push_field(out, name, value);
        }
        if let Body::Cached(file) = &response.body
            && response.allow_ranges
            && response.etag == file.etag()
            && response.fields.len() == response.etag_at
        {
            out.extend_from_slice(file.tail());
            out.extend_from_slice(b"\r\n");
            return;
        }
        if !response.etag.is_empty() {
            push_field(out, b"ETag", &response.etag);
        }
        for (name, value) in response.fields.iter().skip(response.etag_at) {
            push_field(out, name, value);
        }
        if response.allow_ranges {
            push_field(out, b"Accept-Ranges", b"bytes");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Decides how the end of the body is told (RFC 9112 section 6.3); `true` is chunked.
    fn decide_framing(&mut self, conf: &LocationConf) -> bool {
        let status = self.response.status.0;
        self.header_only = self.header_only || status == 304 || status == 204;
        // A client that still waits for 100 Continue may send its body or leave it: what comes next is unknown.
        if self.response.close || self.body.expects_continue() {
            self.keep_alive = false;
        }
        // HTTP/2 has trailers also behind a body whose length is told.
        if self.response.has_trailers && !self.header_only && self.client.http2.is_none() {
            self.response.content_length = None;
            return true;
        }
        if self.response.content_length.is_some() || self.header_only || status == 101 {
            return false;
        }
        if matches!(self.response.body, Body::Empty) {
            // Nothing follows, and a length was not given: the end has to be told.
            self.response.content_length = Some(0);
            return false;
        }
        if self.request.version == Version::Http11 && conf.chunked_transfer_encoding {
            return true;
        }
        self.keep_alive = false;
        false
    }

    /// Whether the body of the answer ends where the connection does: neither a length nor chunks tell the client.
    fn ends_with_close(&self) -> bool {
        !self.chunked
            && !self.header_only
            && self.response.content_length.is_none()
            && self.response.status.0 != 101
    }

    fn write_connection(&self, conf: &LocationConf, out: &mut Vec<u8>) {
        if self.response.status.0 == 101 {
            out.extend_from_slice(b"Connection: upgrade\r\n");
        } else if self.keep_alive {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
            if let Some(seconds) = conf.keepalive_header {
                out.extend_from_slice(b"Keep-Alive: timeout=");
                encode::push_decimal(out, seconds);
                out.extend_from_slice(b"\r\n");
            }
        } else {
            out.extend_from_slice(b"Connection: close\r\n");
        }
    }

    /// `scheme://host[:port]` of an absolute redirect (`server_name_in_redirect`, `port_in_redirect`).
    pub(super) fn write_origin(&self, cycle: &Cycle, conf: &LocationConf, out: &mut Vec<u8>) {
        out.extend_from_slice(self.client.scheme().as_bytes());
        out.extend_from_slice(b"://");
        if conf.server_name_in_redirect {
            out.extend_from_slice(self.server_conf(cycle).primary_name.as_bytes());
        } else if !self.host.is_empty() {
            out.extend_from_slice(&self.host);
        } else {
            self.client.write_local_address(out);
        }
        if conf.port_in_redirect
            && let Some(port) = self.client.local_port()
            && port != if self.client.stream.is_tls() { 443 } else { 80 }
        {
            out.push(b':');
            encode::push_decimal(out, u64::from(port));
        }
    }

    /// Sends what `out` holds and empties it.
    pub async fn send_out(&mut self, conf: &LocationConf, out: &mut Vec<u8>) -> std::io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        if self.pace.is_some() {
            let result = Box::pin(self.send_paced(conf, out)).await;
            out.clear();
            return result;
        }
        let sent = self.send_now(out)?;
        if out.is_empty() { Ok(()) } else { self.send_rest(conf, out, sent).await }
    }

    /// Sends what goes of `out` without a wait, and empties it if that is all: how much went. Knows no pace.
    ///
    /// # Errors
    /// What the connection suffered.
    #[inline]
    pub(super) fn send_now(&mut self, out: &mut Vec<u8>) -> std::io::Result<usize> {
        let sent = if out.is_empty() { 0 } else { self.client.stream.send_at_once(out)? };
        if sent == out.len() {
            out.clear();
            self.bytes_sent += sent as u64;
        }
        Ok(sent)
    }

    /// Sends what [`Exchange::send_now`] left of `out` behind its first `sent` bytes, and empties it.
    pub(super) async fn send_rest(
        &mut self,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        sent: usize,
    ) -> std::io::Result<()> {
        let (client, len) = (&self.client, out.len());
        client.deadline.arm(conf.send_timeout);
        let result = if sent == 0 {
            let (result, buffer) = client.stream.send_all(std::mem::take(out), &client.deadline).await;
            *out = buffer;
            result
        } else {
            client.stream.send_slice(&out[sent..], &client.deadline).await
        };
        out.clear();
        if result.is_ok() {
            self.bytes_sent += len as u64;
        }
        result
    }

    async fn send_with(
        &mut self,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        body: &[u8],
    ) -> std::io::Result<()> {
        if body.len() <= COPY_LIMIT {
            out.extend_from_slice(body);
            return self.send_out(conf, out).await;
        }
        if self.pace.is_some() {
            self.send_out(conf, out).await?;
            return Box::pin(self.send_paced(conf, body)).await;
        }
        self.client.deadline.arm(conf.send_timeout);
        self.client.stream.send_slices(&[out, body], false, &self.client.deadline).await?;
        self.bytes_sent += (out.len() + body.len()) as u64;
        Ok(())
    }

    async fn send_segments(
        &mut self,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        file: &OpenFile,
        segments: &[Segment],
    ) -> std::io::Result<()> {
        for segment in segments {
            match segment {
                Segment::Bytes(bytes) => out.extend_from_slice(bytes),
                Segment::File { start, len } => {
                    self.flush_before_file(conf, out).await?;
                    self.send_file(conf, file, *start, *len).await?;
                }
            }
        }
        if out.is_empty() { Ok(()) } else { self.send_out(conf, out).await }
    }

    /// Sends pending bytes so that the kernel joins them with the file's first ones.
    async fn flush_before_file(&mut self, conf: &LocationConf, out: &mut Vec<u8>) -> std::io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        if self.pace.is_some() {
            return self.send_out(conf, out).await;
        }
        match self.client.stream.try_send(out, true) {
            Ok(n) => {
                self.bytes_sent += n as u64;
                out.drain(..n);
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        self.send_out(conf, out).await
    }

    async fn send_file(
        &mut self,
        conf: &LocationConf,
        file: &OpenFile,
        start: u64,
        len: u64,
    ) -> std::io::Result<()> {
        if self.pace.is_some() {
            return Box::pin(self.send_file_paced(conf, file, start, len)).await;
        }
        let Some(fd) = file.fd() else { return Err(std::io::ErrorKind::NotFound.into()) };
        let mut offset = start;
        let end = start + len;
        let mut share = 0;
        self.client.deadline.arm(conf.send_timeout);
        while offset < end {
            let want = usize::try_from(end - offset).unwrap_or(usize::MAX).min(FAIR_SHARE - share);
            match crate::io::splice::sendfile(&self.client.stream, fd, &mut offset, want)? {
                Transfer::Moved(n) => {
                    self.bytes_sent += n as u64;
                    share += n;
                    self.client.deadline.arm(conf.send_timeout);
                    if share >= FAIR_SHARE {
                        share = 0;
                        self.client.stream.writable(&self.client.deadline).await?;
                    }
                }
                Transfer::WouldBlock => {
                    share = 0;
                    self.client.stream.writable(&self.client.deadline).await?;
                }
                Transfer::Eof => {
                    return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "file was truncated"));
                }
            }
        }
        while !self.client.stream.flush()? {
            self.client.stream.writable(&self.client.deadline).await?;
        }
        Ok(())
    }
}

fn write_size_and_date(response: &Response, out: &mut Vec<u8>) {
    if let Some(length) = response.content_length {
        encode::push_number_field(out, b"Content-Length", length);
    }
    if let Some(seconds) = response.last_modified {
        push_field(out, b"Last-Modified", &crate::time::http_date(seconds));
    }
}

thread_local! {
    /// How nearly every head begins, made once per second: the second, `server_tokens`, and the bytes.
    static USUAL_START: RefCell<(i64, bool, Vec<u8>)> = const { RefCell::new((i64::MIN, false, Vec::new())) };
}

/// Status line, `Server` and `Date`.
fn write_start(response: &Response, conf: &LocationConf, out: &mut Vec<u8>) {
    let is_usual = response.status == Status::OK
        && !response.has_server
        && !response.has_date
        && (!response.has_reason || response.reason == b" OK");
    if !is_usual {
        make_start(response, conf, out);
        return;
    }
    USUAL_START.with_borrow_mut(|(second, tokens, bytes)| {
        let now = crate::time::now().unix_secs();
        if *second != now || *tokens != conf.server_tokens {
            bytes.clear();
            make_start(response, conf, bytes);
            (*second, *tokens) = (now, conf.server_tokens);
        }
        out.extend_from_slice(bytes);
    });
}

fn make_start(response: &Response, conf: &LocationConf, out: &mut Vec<u8>) {
    if response.has_reason {
        encode::push_status_line_as_sent(out, Version::Http11, response.status, &response.reason);
    } else {
        encode::push_status_line(out, Version::Http11, response.status);
    }
    if !response.has_server {
        let name = if conf.server_tokens { SERVER_WITH_VERSION } else { SERVER_BARE };
        push_field(out, b"Server", name.as_bytes());
    }
    if !response.has_date {
        push_field(out, b"Date", &crate::time::http_date_now());
    }
}
