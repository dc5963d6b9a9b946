//! HTTP/2 clients: one that speaks it through the `h2` crate, and one that speaks frames.

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tls::{self, Tls};
use super::{Client, DEADLINE, Response};

/// Between two looks at a socket.
pub(super) const TURN: Duration = Duration::from_micros(300);

/// A socket that is asked again and again.
pub(super) enum Socket {
    Tcp(TcpStream),
    Tls(Box<Tls>),
}

fn polled<T>(result: std::io::Result<T>) -> Poll<std::io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let spare = buf.initialize_unfilled();
        let result = match &mut *self {
            Socket::Tcp(stream) => stream.read(spare),
            Socket::Tls(stream) => stream.read(spare),
        };
        polled(result).map_ok(|count| buf.advance(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        polled(match &mut *self {
            Socket::Tcp(stream) => stream.write(buf),
            Socket::Tls(stream) => stream.write(buf),
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        polled(match &mut *self {
            Socket::Tcp(stream) => stream.flush(),
            Socket::Tls(stream) => stream.flush(),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// One HTTP/2 connection. It moves on only while something of it is waited for.
pub struct Peer {
    requests: SendRequest<Bytes>,
    connection: Connection<Socket, Bytes>,
    ended: Option<Result<(), h2::Error>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

impl Answer {
    /// As text, in the form of the other answers: what is compared with nginx's.
    pub fn response(&self) -> Response {
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let mut line = Vec::new();
            for (at, part) in name.as_str().split('-').enumerate() {
                line.extend_from_slice(if at == 0 { b"" } else { b"-" });
                line.extend(
                    part.bytes().enumerate().map(|(at, b)| if at == 0 { b.to_ascii_uppercase() } else { b }),
                );
            }
            [line, b": ".to_vec(), value.as_bytes().to_vec()].concat()
        };
        let mut head_lines = vec![format!("HTTP/2 {}", self.status).into_bytes()];
        head_lines.extend(self.headers.iter().map(line));
        Response {
            head_lines,
            status: self.status,
            body: self.body.clone(),
            trailers: self.trailers.iter().map(line).collect(),
            ..Response::default()
        }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first field of this name, `""` if there is none.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }
}

impl Peer {
    /// Begins with HTTP/2 in plain text.
    pub fn connect(address: SocketAddr) -> Peer {
        Peer::with(address, &mut roomy())
    }

    /// The same with settings.
    pub fn with(address: SocketAddr, builder: &mut Builder) -> Peer {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer::over(Socket::Tcp(stream), builder)
    }

    /// Agrees on HTTP/2 in a handshake that names the server `name`.
    pub fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Peer {
        let mut config = (**config).clone();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = tls::handshake(stream, &Arc::new(config), name).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
        stream.sock.set_nonblocking(true).unwrap();
        Peer::over(Socket::Tls(Box::new(stream)), &mut roomy())
    }

    fn over(socket: Socket, builder: &mut Builder) -> Peer {
        let (requests, connection) = drive(pin!(builder.handshake(socket)), "a beginning", || {}).unwrap();
        Peer { requests, connection, ended: None }
    }

    /// Moves the connection on until `future` is ready.
    pub fn wait<F: Future>(&mut self, future: F) -> F::Output {
        let Peer { connection, ended, .. } = self;
        drive(pin!(future), "HTTP/2", || {
            let mut context = Context::from_waker(Waker::noop());
            if ended.is_none()
                && let Poll::Ready(result) = Pin::new(&mut *connection).poll(&mut context)
            {
                *ended = Some(result);
            }
        })
    }

    /// Waits until the server ends the connection, and gives its reason.
    pub fn end(&mut self) -> Result<(), h2::Error> {
        match self.ended.take() {
            Some(ended) => ended,
            None => drive(Pin::new(&mut self.connection), "the end", || {}),
        }
    }

    /// Sends a request; `body` is still to come.
    pub fn begin(&mut self, request: Request<()>, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let ready = self.requests.clone().ready();
        let mut requests = self.wait(ready).unwrap();
        let begun = requests.send_request(request, ends).unwrap();
        self.turn();
        begun
    }

    /// Sends and takes what can be sent and taken now.
    pub fn turn(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        if self.ended.is_none()
            && let Poll::Ready(result) = Pin::new(&mut self.connection).poll(&mut context)
        {
            self.ended = Some(result);
        }
    }

    /// Sends a request with this body.
    pub fn ask(&mut self, request: Request<()>, body: &[u8]) -> Result<Answer, h2::Error> {
        let (response, stream) = self.begin(request, body.is_empty());
        if !body.is_empty() {
            self.send_body(stream, body)?;
        }
        self.answer(response)
    }

    /// Sends a body as fast as it is taken; an answer may come earlier.
    fn send_body(&mut self, mut stream: SendStream<Bytes>, mut body: &[u8]) -> Result<(), h2::Error> {
        while !body.is_empty() {
            stream.reserve_capacity(body.len());
            match self.wait(std::future::poll_fn(|context| stream.poll_capacity(context))) {
                Some(Ok(room)) => {
                    let (part, rest) = body.split_at(room.min(body.len()));
                    stream.send_data(Bytes::copy_from_slice(part), rest.is_empty())?;
                    body = rest;
                }
                // The server wants no more.
                Some(Err(_)) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Waits for a whole answer.
    pub fn answer(&mut self, response: ResponseFuture) -> Result<Answer, h2::Error> {
        let (head, mut body) = self.wait(response)?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = self.wait(body.data()) {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            bytes.extend_from_slice(&data);
        }
        let trailers = self.wait(body.trailers())?.unwrap_or_default();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: bytes, trailers })
    }

    /// The head of an answer, and its body that nobody has read.
    pub fn head(&mut self, response: ResponseFuture) -> (u16, RecvStream) {
        let response = self.wait(response).unwrap();
        (response.status().as_u16(), response.into_body())
    }

    /// `GET path` with the authority `localhost`.
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask(get(path), b"").unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Room for all answers of a case, in whatever order they are read.
fn roomy() -> Builder {
    let mut builder = Builder::new();
    builder.initial_window_size(8 << 20).initial_connection_window_size(256 << 20);
    builder
}

/// `GET path` with the authority `localhost`.
pub fn get(path: &str) -> Request<()> {
    Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

/// `POST path` with the authority `localhost`.
pub fn post(path: &str) -> Request<()> {
    Request::post(format!("http://localhost{path}")).body(()).unwrap()
}

fn drive<F: Future>(mut future: Pin<&mut F>, what: &str, mut between: impl FnMut()) -> F::Output {
    let deadline = Instant::now() + DEADLINE;
    loop {
        between();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(TURN);
    }
}

/// Frame types (RFC 9113 section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags of theirs.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

/// What a connection begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK's literals that are not indexed (RFC 7541 section 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_integer(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A length with a prefix of seven bits (RFC 7541 section 5.1).
fn push_integer(block: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return block.push(value as u8);
    }
    block.push(127);
    value -= 127;
    while value >= 128 {
        block.push(value as u8 % 128 + 128);
        value /= 128;
    }
    block.push(value as u8);
}

/// The pseudo-fields of a plain `GET path`.
pub fn pseudo(path: &str) -> Vec<(&str, &str)> {
    vec![(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
}

/// A client that speaks frames.
pub struct Frames {
    pub client: Client,
}

impl Frames {
    /// Sends the preface and empty SETTINGS, and waits for those of the server.
    pub fn connect(address: SocketAddr) -> Frames {
        let mut frames = Frames { client: Client::connect(address) };
        frames.client.send(PREFACE);
        frames.send(SETTINGS, 0, 0, b"");
        let settings = frames.next().expect("SETTINGS");
        assert_eq!((settings.kind, settings.flags), (SETTINGS, 0));
        frames
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Frames {
        self.client.send(frame(kind, flags, stream, payload));
        self
    }

    /// `GET path` on this stream.
    pub fn get(&mut self, stream: u32, path: &str) -> &mut Frames {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block(&pseudo(path)))
    }

    /// The next frame; `None` at the end of the connection.
    pub fn next(&mut self) -> Option<Frame> {
        let head = self.client.try_read_exact(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let payload = self.client.try_read_exact(length)?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next frame of this type; `None` when the connection ends before.
    pub fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            match self.next() {
                Some(frame) if frame.kind != kind => {}
                frame => return frame,
            }
        }
    }

    /// How this ends: the next GOAWAY or RST_STREAM with its code, an answer, or the end.
    pub fn outcome(&mut self) -> Outcome {
        while let Some(frame) = self.next() {
            match frame.kind {
                GOAWAY => return Outcome::GoAway(frame.code()),
                RST_STREAM => return Outcome::Reset(frame.stream, frame.code()),
                HEADERS => return Outcome::Answer(frame.stream),
                PING if frame.flags == ACK => return Outcome::Pong,
                _ => {}
            }
        }
        Outcome::Closed
    }
}

/// See [`Frames::outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    GoAway(u32),
    Reset(u32, u32),
    Answer(u32),
    Pong,
    Closed,
}

impl Frames {
    /// The next frame on this stream; `None` when the connection ends before, or says that it will.
    pub fn next_of_stream(&mut self, stream: u32) -> Option<Frame> {
        loop {
            match self.next() {
                Some(frame) if frame.kind == GOAWAY => return None,
                Some(frame) if frame.stream != stream || frame.kind == WINDOW_UPDATE => {}
                frame => return frame,
            }
        }
    }
}

/// The head of an answer begins with 200, which is in HPACK's static table (RFC 7541 appendix A).
pub fn is_status_200(head: &Frame) -> bool {
    head.payload.first() == Some(&0x88)
}
