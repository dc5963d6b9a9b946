//! A request over HTTP/2 to a peer: the head as a stream's head, the body beside the answer.
//!
//! Head and answer are those of HTTP/1.1 in another form (`http::http2`, `upstream::Http2`). The body is not sent before the
//! answer is read but while it is: an app may answer from the first byte on and go on listening (gRPC's streams). What
//! is left of it when the head has gone is the connection's errand, done whenever the exchange's task waits for the app.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::PeerRequest;
use super::error::PeerError;
use crate::config::model::LocationConf;
use crate::http::http2::read_request;
use crate::http::request_body::DetachedBody;
use crate::http::{BodyError, Client, Exchange};
use crate::http1::{BodyFraming, Known};
use crate::io::{Carrier as _, Deadline, file};
use crate::upstream::{Failure, Http2, PeerConnection};

/// Most bytes of a file read at a time.
const FILE_SHARE: usize = 64 << 10;

/// Bytes sent before others get their turn.
const FAIR_SHARE: usize = 1 << 20;

/// Where the body comes from.
enum Body {
    Memory(Vec<u8>),
    File(OwnedFd, u64),
    Client(Box<DetachedBody>),
}

/// How the errand ended.
enum Delivered {
    /// All of it is sent, or the app wants no more of it: what was detached comes back.
    Done(Option<Box<DetachedBody>>),
    /// The client did not send it.
    Client(BodyError),
    /// The app does not take it.
    Timeout,
    /// A temporary file cannot be read.
    Local(io::Error),
}

/// The field that says that trailers are understood (RFC 9110 section 10.1.4), when the client says so.
pub(super) fn push_te(exchange: &Exchange, out: &mut Vec<u8>) {
    let fields = &exchange.request.headers;
    let is_trailers = |item: &[u8]| item.eq_ignore_ascii_case(b"trailers");
    if fields
        .get(Known::Te, &exchange.input)
        .is_some_and(|te| crate::http1::headers::list_items(te).any(is_trailers))
    {
        out.extend_from_slice(b"te: trailers\r\n");
    }
}

/// Sends the request's head and sees to its body.
pub(super) async fn request(
    exchange: &mut Exchange,
    conf: &LocationConf,
    http2: &Rc<Http2>,
    request: &mut PeerRequest,
) -> Result<(), PeerError> {
    let scheme = if exchange.upstream.tls { "https" } else { "http" };
    let head = read_request(&request.head, scheme).ok_or(PeerError::NoForm)?;
    let made = conf.proxy.set_body.is_some();
    let sends_body = made || request.sends_body(&conf.proxy);
    let length = match request.framing {
        BodyFraming::Length(length) => Some(length),
        BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilClose => None,
    };
    let ends = !sends_body || length == Some(0) || request.framing == BodyFraming::None;
    http2.ask(head, length, ends).map_err(PeerError::Send)?;
    request.sent = true;
    exchange.upstream.note_sent(request.head.len());
    if ends {
        return Ok(());
    }
    let body = if made {
        Body::Memory(exchange.upstream.made_body.clone())
    } else if request.streams {
        request.body_gone = true;
        Body::Client(Box::new(exchange.detach_body(conf)))
    } else {
        match &exchange.body.file {
            Some(file) => Body::File(file.try_clone().map_err(PeerError::Local)?, exchange.body.length),
            None => Body::Memory(exchange.body.memory.clone()),
        }
    };
    let sent = exchange.body.length;
    exchange.upstream.note_sent(usize::try_from(sent).unwrap_or(usize::MAX));
    let errand = deliver(Rc::clone(http2), body, conf.proxy.send_timeout);
    http2.carry(Box::pin(async move { Box::new(errand.await) as _ }));
    Ok(())
}

/// The head of the answer is there: a body that was read to its end meanwhile is the exchange's again.
pub(super) fn settle(exchange: &mut Exchange, http2: &Http2) {
    match http2.report().and_then(|report| report.downcast::<Delivered>().ok()).map(|report| *report) {
        Some(Delivered::Done(Some(body))) => {
            exchange.upstream.note_sent(usize::try_from(body.length()).unwrap_or(usize::MAX));
            exchange.attach_body(*body);
        }
        // What the client still sends is read beside the exchange: nobody knows where the next request begins.
        _ if !exchange.body.is_finished() && exchange.client.http2.is_none() => exchange.keep_alive = false,
        _ => {}
    }
}

/// What an error is that came of reading the answer.
pub(super) fn explain(error: PeerError, exchange: &mut Exchange, connection: &PeerConnection) -> PeerError {
    let Some(http2) = &connection.http2 else { return error };
    if let Some(report) = http2.report().and_then(|report| report.downcast::<Delivered>().ok()) {
        match *report {
            Delivered::Done(Some(body)) => exchange.attach_body(*body),
            Delivered::Done(None) => {}
            Delivered::Client(error) => return PeerError::ClientBody(error),
            Delivered::Timeout => return PeerError::SendTimeout,
            Delivered::Local(error) => return PeerError::Local(error),
        }
    }
    if !exchange.body.is_finished() && exchange.client.http2.is_none() {
        exchange.keep_alive = false;
    }
    match (http2.failure(), error) {
        (Some(Failure::Rejected(code)), PeerError::Read(_)) => PeerError::Rejected(code),
        (Some(Failure::Refused(code)), PeerError::Read(_)) => PeerError::GoAway(code),
        (Some(Failure::Protocol(why)), PeerError::Read(_)) => PeerError::Frames(why),
        (_, error) => error,
    }
}

/// Sends a body to its end.
async fn deliver(http2: Rc<Http2>, body: Body, timeout: Duration) -> Delivered {
    let mut sender = Sender { http2: &http2, deadline: Deadline::new(), timeout, share: 0 };
    let result = match body {
        Body::Memory(bytes) => sender.push(&bytes, None).await.map(|()| None),
        Body::File(fd, length) => sender.push_file(fd, length).await.map(|()| None),
        Body::Client(body) => sender.pass(body).await.map(Some),
    };
    match result {
        Ok(body) => {
            http2.finish();
            Delivered::Done(body)
        }
        // What the answer says counts then, and it may be whole.
        Err(Broken::App) => Delivered::Done(None),
        Err(Broken::Because(why)) => {
            http2.fail();
            why
        }
    }
}

enum Broken {
    /// The app takes no more.
    App,
    Because(Delivered),
}

struct Sender<'h> {
    http2: &'h Http2,
    deadline: Deadline,
    timeout: Duration,
    share: usize,
}

impl Sender<'_> {
    async fn pass(&mut self, mut body: Box<DetachedBody>) -> Result<Box<DetachedBody>, Broken> {
        let mut piece = Vec::new();
        loop {
            let more = body.next(&mut piece).await;
            let more = more.map_err(|error| Broken::Because(Delivered::Client(error)))?;
            self.push(&piece, Some(body.client())).await?;
            piece.clear();
            if !more {
                return Ok(body);
            }
        }
    }

    async fn push_file(&mut self, fd: OwnedFd, length: u64) -> Result<(), Broken> {
        let local = |error| Broken::Because(Delivered::Local(error));
        let file = File::from(fd);
        let mut piece = vec![0; FILE_SHARE];
        let mut at = 0;
        while at < length {
            let wanted = usize::try_from(length - at).map_or(FILE_SHARE, |left| left.min(FILE_SHARE));
            match file::read_at(file.as_fd(), &mut piece[..wanted], at).map_err(local)? {
                0 => return Err(local(io::ErrorKind::UnexpectedEof.into())),
                count => {
                    self.push(&piece[..count], None).await?;
                    at += count as u64;
                }
            }
        }
        Ok(())
    }

    async fn push(&mut self, mut bytes: &[u8], client: Option<&Client>) -> Result<(), Broken> {
        while !bytes.is_empty() {
            if self.share >= FAIR_SHARE {
                self.share = 0;
                crate::io::timer::sleep(Duration::from_millis(1)).await;
            }
            match self.http2.send(&[IoSlice::new(bytes)]) {
                Ok(count) => {
                    self.share += count;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(client).await?,
                Err(_) => return Err(Broken::App),
            }
        }
        Ok(())
    }

    /// Waits until the app takes more; the client may give the request up meanwhile.
    async fn wait(&mut self, client: Option<&Client>) -> Result<(), Broken> {
        self.deadline.arm(self.timeout);
        let mut over = pin!(self.deadline.over());
        poll_fn(|context| {
            if let Some(stream) = client.and_then(|client| client.http2.as_ref())
                && stream.is_given_up(context)
            {
                return Poll::Ready(Err(Broken::Because(Delivered::Client(BodyError::Closed))));
            }
            match self.http2.poll_writable(context) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Broken::App)),
                Poll::Pending => {
                    over.as_mut().poll(context).map(|_| Err(Broken::Because(Delivered::Timeout)))
                }
            }
        })
        .await
    }
}
