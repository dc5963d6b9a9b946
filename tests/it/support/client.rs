//! A client that speaks bytes, and answers cut apart by RFC 9112's framing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection};

use super::DEADLINE;
use super::tls::{self, Tls};

/// One answer, parsed without forgiving anything: a head line that does not end in CRLF is left as it is and shows.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status line and the headers, without their CRLF.
    pub head_lines: Vec<Vec<u8>>,
    /// The status, 0 if the status line has none.
    pub status: u16,
    /// The body, chunks joined.
    pub body: Vec<u8>,
    /// The size of each chunk, if the body came chunked.
    pub chunks: Vec<usize>,
    pub trailers: Vec<Vec<u8>>,
    /// The request was HEAD.
    pub head_only: bool,
    /// The connection ended before the framing said so.
    pub incomplete: bool,
}

impl Response {
    /// The first header of this name, `""` if there is none.
    pub fn header(&self, name: &str) -> String {
        self.headers(name).into_iter().next().unwrap_or_default()
    }

    /// Every value of the headers of this name.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.head_lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line);
            if let Some((n, value)) = line.split_once(':')
                && n.eq_ignore_ascii_case(name)
            {
                found.push(value.trim().to_owned());
            }
        }
        found
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Tls>),
}

impl Socket {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.write_all(bytes),
            Socket::Unix(stream) => stream.write_all(bytes),
            Socket::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buf),
            Socket::Unix(stream) => stream.read(buf),
            Socket::Tls(stream) => stream.read(buf),
        }
    }
}

/// One client connection.
pub struct Client {
    socket: Socket,
    /// Bytes that came after the last answer that was cut off.
    buffer: Vec<u8>,
    eof: bool,
    /// TLS: the end came without being told.
    cut: bool,
}

impl Client {
    /// Connects, with [`DEADLINE`] on each read and write.
    pub fn connect(address: SocketAddr) -> Client {
        Client { socket: Socket::Tcp(connect(address)), buffer: Vec::new(), eof: false, cut: false }
    }

    /// Connects and shakes hands, naming the server `name` (SNI).
    pub fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Client {
        Client::try_connect_tls(address, config, name)
            .unwrap_or_else(|e| panic!("handshake with {address}: {e}"))
    }

    /// The same; the error of the handshake, if it fails.
    pub fn try_connect_tls(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        name: &str,
    ) -> std::io::Result<Client> {
        let stream = tls::handshake(connect(address), config, name)?;
        Ok(Client { socket: Socket::Tls(Box::new(stream)), buffer: Vec::new(), eof: false, cut: false })
    }

    /// Shakes hands behind what was sent so far in the clear.
    pub fn shake_hands(self, config: &Arc<ClientConfig>, name: &str) -> Client {
        let Socket::Tcp(socket) = self.socket else { panic!("a TCP connection in the clear") };
        let stream = tls::handshake(socket, config, name).unwrap();
        Client { socket: Socket::Tls(Box::new(stream)), ..self }
    }

    /// What was agreed in the handshake.
    pub fn tls(&self) -> &ClientConnection {
        match &self.socket {
            Socket::Tls(stream) => &stream.conn,
            Socket::Tcp(_) | Socket::Unix(_) => panic!("this connection is not encrypted"),
        }
    }

    /// The same, to say something of TLS with the next bytes.
    pub fn tls_mut(&mut self) -> &mut ClientConnection {
        match &mut self.socket {
            Socket::Tls(stream) => &mut stream.conn,
            Socket::Tcp(_) | Socket::Unix(_) => panic!("this connection is not encrypted"),
        }
    }

    /// The end of a connection came behind TLS's `close_notify`: what was read is whole.
    pub fn ended_in_good_order(&self) -> bool {
        self.eof && !self.cut
    }

    /// Connects to a unix socket.
    pub fn connect_unix(path: &Path) -> Client {
        let stream = UnixStream::connect(path).unwrap_or_else(|e| panic!("connect {}: {e}", path.display()));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Client { socket: Socket::Unix(stream), buffer: Vec::new(), eof: false, cut: false }
    }

    /// The address it is connected to.
    pub fn peer(&self) -> SocketAddr {
        match &self.socket {
            Socket::Tcp(stream) => stream.peer_addr().unwrap(),
            Socket::Tls(stream) => stream.sock.peer_addr().unwrap(),
            Socket::Unix(_) => panic!("a unix socket has none"),
        }
    }

    /// The port this client speaks from.
    pub fn local_port(&self) -> u16 {
        match &self.socket {
            Socket::Tcp(stream) => stream.local_addr().unwrap().port(),
            Socket::Tls(stream) => stream.sock.local_addr().unwrap().port(),
            Socket::Unix(_) => 0,
        }
    }

    /// Sends these bytes; a server that has closed already is no error here, its answer may still be readable.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        let bytes = bytes.as_ref();
        if let Err(error) = self.socket.write_all(bytes) {
            assert!(
                matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                "send: {error}"
            );
        }
        self
    }

    /// Ends the sending direction (FIN, with TLS only its `close_notify`), and still reads.
    pub fn finish(&mut self) -> &mut Client {
        let how = std::net::Shutdown::Write;
        let done = match &mut self.socket {
            Socket::Tcp(stream) => stream.shutdown(how),
            Socket::Unix(stream) => stream.shutdown(how),
            Socket::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
        };
        drop(done);
        self
    }

    /// Reads what is there, waiting for at least a byte. `false` at the end of the connection.
    fn fill(&mut self) -> bool {
        if self.eof {
            return false;
        }
        let mut chunk = [0; 65536];
        match self.socket.read(&mut chunk) {
            Ok(0) => self.eof = true,
            Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                (self.eof, self.cut) = (true, true);
            }
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => (self.eof, self.cut) = (true, true),
            // TLS says that it is over.
            Err(e) if e.to_string().contains("received fatal alert") => (self.eof, self.cut) = (true, true),
            Err(e) => {
                let shown = &self.buffer[..self.buffer.len().min(300)];
                panic!("read: {e}; so far {} bytes: {:?}", self.buffer.len(), super::escape(shown));
            }
        }
        !self.eof
    }

    /// Everything up to the end of the connection.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Waits until the server closes, and fails if it sends anything before.
    pub fn expect_close(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "expected the end, got {:?}", super::escape(&rest));
    }

    /// Whether the server ends the connection within this time; what it sends is kept.
    pub fn has_ended(&mut self, within: Duration) -> bool {
        let socket = match &self.socket {
            Socket::Tcp(stream) => stream.try_clone().unwrap(),
            Socket::Tls(stream) => stream.sock.try_clone().unwrap(),
            Socket::Unix(_) => panic!("a TCP connection"),
        };
        socket.set_read_timeout(Some(within)).unwrap();
        let ended = match socket.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        ended
    }

    /// Waits for at least one byte more, and gives what is there; empty at the end of the connection.
    pub fn read_some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Everything up to the end of a chunked body, taken as it came.
    pub fn read_to_end_of_chunks(&mut self) -> Vec<u8> {
        while !self.buffer.ends_with(b"0\r\n\r\n") && self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// So many raw bytes, taken off the connection.
    pub fn read_exact(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "the connection ended after {:?}", super::escape(&self.buffer));
        }
        self.buffer.drain(..count).collect()
    }

    /// The same; `None` when the connection ends before.
    pub fn try_read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// The next answer to a request that was not HEAD.
    pub fn response(&mut self) -> Response {
        self.response_to("GET").expect("an answer, not the end of the connection")
    }

    /// The next answer; `None` if the connection ended instead. The method decides whether there is a body.
    pub fn response_to(&mut self, method: &str) -> Option<Response> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if !self.fill() {
                if self.buffer.is_empty() {
                    return None;
                }
                let rest = std::mem::take(&mut self.buffer);
                return Some(Response { body: rest, incomplete: true, ..Response::default() });
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let mut response = parse_head(&head[..end]);
        let status = response.status;
        response.head_only = method == "HEAD";
        if method == "HEAD" || status == 204 || status == 304 || (100..200).contains(&status) {
            return Some(response);
        }
        if response.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            self.read_chunks(&mut response);
        } else if let Ok(length) = response.header("content-length").parse::<usize>() {
            while self.buffer.len() < length && self.fill() {}
            response.incomplete = self.buffer.len() < length;
            response.body = self.buffer.drain(..length.min(self.buffer.len())).collect();
        } else {
            response.body = self.read_to_end();
        }
        Some(response)
    }

    fn read_chunks(&mut self, response: &mut Response) {
        while let Some(line) = self.line() {
            let text = String::from_utf8_lossy(&line);
            let digits = text.split(';').next().unwrap_or_default();
            let Ok(size) = usize::from_str_radix(digits, 16) else {
                panic!("chunk size {text:?} after {} bytes", response.body.len());
            };
            if size == 0 {
                while let Some(trailer) = self.line() {
                    if trailer.is_empty() {
                        return;
                    }
                    response.trailers.push(trailer);
                }
                break;
            }
            while self.buffer.len() < size + 2 && self.fill() {}
            if self.buffer.len() < size + 2 {
                response.body.append(&mut self.buffer);
                break;
            }
            response.body.extend(self.buffer.drain(..size));
            response.chunks.push(size);
            let end: Vec<u8> = self.buffer.drain(..2).collect();
            assert_eq!(end, b"\r\n", "a chunk must end in CRLF");
        }
        response.incomplete = true;
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                line.truncate(at);
                return Some(line);
            }
            if !self.fill() {
                return None;
            }
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("connect {address}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn parse_head(head: &[u8]) -> Response {
    let mut rest = head;
    let mut head_lines = Vec::new();
    while let Some(at) = find(rest, b"\r\n") {
        head_lines.push(rest[..at].to_vec());
        rest = &rest[at + 2..];
    }
    head_lines.push(rest.to_vec());
    let status_line = String::from_utf8_lossy(&head_lines[0]);
    let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Response { head_lines, status, ..Response::default() }
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A request written as lines: each LF becomes CRLF, and the blank line that ends the head is added.
/// `lines("GET / HTTP/1.1\nHost: a")` is a whole request.
pub fn lines(text: &str) -> Vec<u8> {
    let mut bytes = text.trim_end_matches('\n').replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}
