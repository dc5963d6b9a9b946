//! A request on its way to a peer: head and buffered body, or a body that is passed on while it comes.
//!
//! Watches for an app that answers before it has read everything. Notes as soon as a byte may have reached the peer.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use super::PeerRequest;
use super::error::{PeerError, SENDING};
use crate::cgi::fastcgi;
use crate::config::model::LocationConf;
use crate::http::relay::wait::{WaitError, unless_left};
use crate::http::{Client, Exchange};
use crate::http1::{BodyFraming, encode};
use crate::io::stream::{either_readable, writable_or_readable};
use crate::io::{Liveness, Side, Transfer, splice};
use crate::upstream::PeerConnection;

/// Bodies up to this size leave in one send with the head.
const JOIN_LIMIT: usize = 16 << 10;

/// Most bytes of a temporary file sent in one call.
const FILE_SHARE: usize = 512 << 10;

/// Most bytes given to one app before other connections get their turn.
const FAIR_SHARE: usize = 1 << 20;

/// Most bytes of an answer read while the request is still being sent.
const EARLY_READ: usize = 16 << 10;

/// Whose leaving ends the wait for an app that takes no more; nobody's with `proxy_ignore_client_abort`.
type Watched<'c> = Option<&'c Client>;

/// How far the request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// All of it.
    Whole,
    /// The app answered before it had everything; the rest is not sent.
    Part,
}

/// Sends the request.
pub(super) async fn request(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
) -> Result<Sent, PeerError> {
    let sends_body = request.sends_body(&conf.proxy);
    if request.streams {
        return stream(exchange, conf, connection, request).await;
    }
    if !sends_body || (exchange.body.file.is_none() && exchange.body.memory.len() <= JOIN_LIMIT) {
        let head_len = request.head.len();
        if sends_body {
            frame(request.in_records, request.framing, &exchange.body.memory, true, &mut request.head);
        }
        request.sent = true;
        let len = request.head.len();
        let result = match connection.stream.send_at_once(&request.head) {
            Ok(sent) if sent == len => Ok(()),
            Ok(0) => {
                let bytes = std::mem::take(&mut request.head);
                connection.deadline.arm(conf.proxy.send_timeout);
                let (result, bytes) = connection.stream.send_all(bytes, &connection.deadline).await;
                request.head = bytes;
                result
            }
            Ok(sent) => {
                connection.deadline.arm(conf.proxy.send_timeout);
                connection.stream.send_slice(&request.head[sent..], &connection.deadline).await
            }
            Err(error) => Err(error),
        };
        exchange.upstream.note_sent(len);
        request.head.truncate(head_len);
        return match result {
            Ok(()) => Ok(Sent::Whole),
            Err(error) => broken(connection, error),
        };
    }
    connection.deadline.arm(conf.proxy.send_timeout);
    let client = Rc::clone(&exchange.client);
    let watched = exchange.watched_client(conf).is_some().then_some(&*client);
    if push(connection, watched, &request.head, true, &mut request.sent).await? == Sent::Part {
        return Ok(Sent::Part);
    }
    exchange.upstream.note_sent(request.head.len());
    let sent = match &exchange.body.file {
        Some(file) if request.in_records => {
            records(file.as_fd(), exchange.body.length, connection, watched).await?
        }
        Some(body) => file(body.as_fd(), 0..exchange.body.length, connection, watched).await?,
        None if request.in_records => memory_records(&exchange.body.memory, connection, watched).await?,
        None => push(connection, watched, &exchange.body.memory, false, &mut true).await?,
    };
    exchange.upstream.note_sent(usize::try_from(exchange.body.length).unwrap_or(usize::MAX));
    Ok(sent)
}

/// Sends `bytes`; ends early when the app answers. `sent` becomes true with the first byte.
async fn push(
    connection: &mut PeerConnection,
    watched: Watched<'_>,
    mut bytes: &[u8],
    more: bool,
    sent: &mut bool,
) -> Result<Sent, PeerError> {
    let mut share = 0;
    while !bytes.is_empty() {
        if share >= FAIR_SHARE {
            share = 0;
            if wait_writable(connection, watched).await? == Sent::Part {
                return Ok(Sent::Part);
            }
        }
        match connection.stream.try_send(bytes, more) {
            Ok(count) => {
                *sent = true;
                share += count;
                bytes = &bytes[count..];
                connection.deadline.rearm();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if wait_writable(connection, watched).await? == Sent::Part {
                    return Ok(Sent::Part);
                }
            }
            Err(error) => return broken(connection, error),
        }
    }
    if more { Ok(Sent::Whole) } else { drain(connection, watched).await }
}

/// Waits until what TLS holds back is with the kernel; without TLS it always is.
async fn drain(connection: &mut PeerConnection, watched: Watched<'_>) -> Result<Sent, PeerError> {
    loop {
        match connection.stream.flush() {
            Ok(true) => return Ok(Sent::Whole),
            Ok(false) => {}
            Err(error) => return broken(connection, error),
        }
        if wait_writable(connection, watched).await? == Sent::Part {
            return Ok(Sent::Part);
        }
    }
}

/// Sends the body's temporary file.
async fn file(
    file: BorrowedFd<'_>,
    Range { start: mut offset, end }: Range<u64>,
    connection: &mut PeerConnection,
    watched: Watched<'_>,
) -> Result<Sent, PeerError> {
    let mut share = 0;
    while offset < end {
        if share >= FAIR_SHARE {
            share = 0;
            if wait_writable(connection, watched).await? == Sent::Part {
                return Ok(Sent::Part);
            }
        }
        let max = usize::try_from(end - offset).unwrap_or(usize::MAX).min(FILE_SHARE);
        match splice::sendfile(&connection.stream, file, &mut offset, max) {
            Ok(Transfer::Moved(count)) => {
                share += count;
                connection.deadline.rearm();
            }
            Ok(Transfer::Eof) => return Err(PeerError::Local(io::ErrorKind::UnexpectedEof.into())),
            Ok(Transfer::WouldBlock) => {
                if wait_writable(connection, watched).await? == Sent::Part {
                    return Ok(Sent::Part);
                }
            }
            Err(error) => return broken(connection, error),
        }
    }
    drain(connection, watched).await
}

/// Sends a body in memory in FastCGI records.
async fn memory_records(
    body: &[u8],
    connection: &mut PeerConnection,
    watched: Watched<'_>,
) -> Result<Sent, PeerError> {
    for share in body.chunks(fastcgi::STDIN_SHARE) {
        for part in [&fastcgi::stdin_header(share.len())[..], share, fastcgi::stdin_padding(share.len())] {
            if push(connection, watched, part, true, &mut true).await? == Sent::Part {
                return Ok(Sent::Part);
            }
        }
    }
    push(connection, watched, &fastcgi::stdin_header(0), false, &mut true).await
}

/// Sends the body's temporary file in FastCGI records.
async fn records(
    body: BorrowedFd<'_>,
    length: u64,
    connection: &mut PeerConnection,
    watched: Watched<'_>,
) -> Result<Sent, PeerError> {
    let mut at = 0;
    while at < length {
        let share = (length - at).min(fastcgi::STDIN_SHARE as u64);
        let header = fastcgi::stdin_header(share as usize);
        if push(connection, watched, &header, true, &mut true).await? == Sent::Part
            || file(body, at..at + share, connection, watched).await? == Sent::Part
        {
            return Ok(Sent::Part);
        }
        at += share;
    }
    let padding = fastcgi::stdin_padding((length % fastcgi::STDIN_SHARE as u64) as usize);
    if push(connection, watched, padding, true, &mut true).await? == Sent::Part {
        return Ok(Sent::Part);
    }
    push(connection, watched, &fastcgi::stdin_header(0), false, &mut true).await
}

/// Passes the body on as it comes from the client.
async fn stream(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
) -> Result<Sent, PeerError> {
    // With the head goes what arrived of the body, which may be nothing.
    let mut out = request.head.clone();
    let mut payload = std::mem::take(&mut exchange.body.memory);
    let client = Rc::clone(&exchange.client);
    let watched = exchange.watched_client(conf).is_some().then_some(&*client);
    loop {
        exchange.take_arrived_body(conf, &mut payload).map_err(PeerError::ClientBody)?;
        request.body_gone |= !payload.is_empty();
        frame(request.in_records, request.framing, &payload, exchange.body.is_finished(), &mut out);
        payload.clear();
        if !out.is_empty() {
            connection.deadline.arm(conf.proxy.send_timeout);
            let sent = push(connection, watched, &out, false, &mut request.sent).await?;
            exchange.upstream.note_sent(out.len());
            out.clear();
            if sent == Sent::Part {
                return Ok(Sent::Part);
            }
        }
        if exchange.body.is_finished() {
            return Ok(Sent::Whole);
        }
        if !exchange.body.expects_continue() {
            connection.deadline.arm(conf.client_body_timeout);
            match either_readable(&exchange.client.stream, &connection.stream, &connection.deadline).await {
                Ok(Side::A) => {}
                Ok(Side::B) if answered(connection)? => return Ok(Sent::Part),
                Ok(Side::B) => continue,
                Err(error) => return Err(client_wait_error(error)),
            }
        }
        exchange.next_body_chunk(conf, &mut payload).await.map_err(PeerError::ClientBody)?;
        request.body_gone |= !payload.is_empty();
        frame(request.in_records, request.framing, &payload, false, &mut out);
        payload.clear();
    }
}

/// Appends a piece of a body; the last one ends it.
fn frame(in_records: bool, framing: BodyFraming, payload: &[u8], last: bool, out: &mut Vec<u8>) {
    if in_records {
        fastcgi::push_stdin(payload, out);
        if last {
            fastcgi::push_stdin_end(out);
        }
    } else if framing == BodyFraming::Chunked {
        encode::push_chunk(out, payload);
        if last {
            out.extend_from_slice(encode::LAST_CHUNK);
        }
    } else {
        out.extend_from_slice(payload);
    }
}

fn client_wait_error(error: io::Error) -> PeerError {
    let why = crate::http::BodyError::Timeout;
    if error.kind() == io::ErrorKind::TimedOut { PeerError::ClientBody(why) } else { PeerError::Local(error) }
}

/// Waits until the peer takes more; `Part` when it answered instead.
async fn wait_writable(connection: &mut PeerConnection, watched: Watched<'_>) -> Result<Sent, PeerError> {
    let stream = &connection.stream;
    let wait = writable_or_readable(stream, stream, &connection.deadline);
    let ended = match watched {
        Some(client) => match unless_left(wait, client).await {
            Err(WaitError::ClientGone) => return Err(PeerError::ClientGone(SENDING)),
            Err(WaitError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(WaitError::Io(error)) => Err(error),
            Ok(side) => Ok(side),
        },
        None => wait.await,
    };
    match ended {
        Ok(Side::A) => Ok(Sent::Whole),
        Ok(Side::B) if answered(connection)? => Ok(Sent::Part),
        Ok(Side::B) => Ok(Sent::Whole),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(PeerError::SendTimeout),
        Err(error) => Err(PeerError::Send(error)),
    }
}

/// Reads what the app says while it is still being sent to; true when it is an answer (and not an interim one).
fn answered(connection: &mut PeerConnection) -> Result<bool, PeerError> {
    match connection.recv(EARLY_READ) {
        Ok(0) => return Err(PeerError::PrematureClose),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(PeerError::Read(error)),
    }
    let input = &mut connection.input;
    if input.first() == Some(&1) {
        // A FastCGI record: no other answer begins so.
        return Ok(input.len() > EARLY_READ || fastcgi::begins_answer(input));
    }
    while is_interim(input) {
        let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else { break };
        input.drain(..end + 4);
    }
    // A head without end is an answer too: whoever reads it refuses it.
    Ok(input.len() > EARLY_READ || !(may_become_interim(input) || is_interim(input)))
}

/// The beginning of a 1xx answer that a final one will follow (100 Continue, 103 Early Hints).
fn is_interim(input: &[u8]) -> bool {
    let status = input.strip_prefix(b"HTTP/1.1 ").or_else(|| input.strip_prefix(b"HTTP/1.0 "));
    status.is_some_and(|code| matches!(code, [b'1', second, third, ..] if (*second, *third) != (b'0', b'1')))
}

/// So little of an answer that it may be such a one.
fn may_become_interim(input: &[u8]) -> bool {
    [b"HTTP/1.1 1xx", b"HTTP/1.0 1xx"]
        .iter()
        .any(|shape| input.len() < shape.len() && input.iter().zip(*shape).all(|(b, s)| b == s || *s == b'x'))
}

/// Sending failed. An app that refuses a body answers and closes: its answer may still be there to be read.
fn broken(connection: &mut PeerConnection, error: io::Error) -> Result<Sent, PeerError> {
    if error.kind() == io::ErrorKind::TimedOut {
        return Err(PeerError::SendTimeout);
    }
    if connection.stream.peek_closed() == Liveness::HasData && answered(connection)? {
        return Ok(Sent::Part);
    }
    Err(PeerError::Send(error))
}

#[cfg(test)]
mod tests {
    use super::{is_interim, may_become_interim};

    #[test]
    fn which_beginnings_are_interim() {
        for (bytes, interim, maybe) in [
            ("", false, true),
            ("HTTP/1.", false, true),
            ("HTTP/1.1 1", false, true),
            ("HTTP/1.1 10", false, true),
            ("HTTP/1.1 100", true, false),
            ("HTTP/1.1 103 Early Hints", true, false),
            ("HTTP/1.0 100", true, false),
            ("HTTP/1.1 101", false, false),
            ("HTTP/1.1 2", false, false),
            ("HTTP/1.1 200 OK", false, false),
            ("garbage", false, false),
        ] {
            let bytes = bytes.as_bytes();
            assert_eq!((is_interim(bytes), may_become_interim(bytes)), (interim, maybe), "{bytes:?}");
        }
    }
}
