//! The application behind the proxy: a thread per connection that runs a script, and keeps every request byte for byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::client::find;
use super::{DEADLINE, escape, wait_for};

trait Stream: Read + Write + Send {
    /// Waits for bytes without reading them.
    fn wait_bytes(&self) -> bool;
}

impl Stream for TcpStream {
    fn wait_bytes(&self) -> bool {
        self.peek(&mut [0]).is_ok_and(|count| count == 1)
    }
}

impl Stream for UnixStream {
    fn wait_bytes(&self) -> bool {
        panic!("closing a unix socket resets nothing");
    }
}

/// One request as the application got it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The bytes of the head, with its blank line.
    pub head: Vec<u8>,
    /// The bytes of the body as they were framed.
    pub raw_body: Vec<u8>,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Received {
    /// The request as text, one header a line, the framed body behind the blank line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let head = self.head.strip_suffix(b"\r\n\r\n").unwrap_or(&self.head);
        let mut rest = head;
        while let Some(at) = find(rest, b"\r\n") {
            text += &escape(&rest[..at]);
            text.push('\n');
            rest = &rest[at + 2..];
        }
        text += &escape(rest);
        text += "\n\n";
        if self.raw_body.len() > 1024 {
            text += &format!("{{{} bytes}}", self.raw_body.len());
        } else {
            text += &escape(&self.raw_body);
        }
        text
    }

    /// The request line.
    pub fn line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// The target of the request line.
    pub fn target(&self) -> String {
        self.line().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The first header of this name, `None` if it was not sent.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\n\n").next().unwrap_or_default();
        head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// What the script of one connection holds.
pub struct OriginConnection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl OriginConnection {
    /// Reads one whole request and keeps it; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<Received> {
        let (slot, mut request) = self.head()?;
        let complete = self.read_body(&mut request);
        self.received.lock().unwrap()[slot] = request.clone();
        complete.then_some(request)
    }

    /// Reads the head of a request and keeps it; the body, or most of a long one, stays where it is.
    pub fn request_head(&mut self) -> Option<Received> {
        self.head().map(|(_, request)| request)
    }

    /// The head counts even if the body never comes: a case must see what reached the application.
    fn head(&mut self) -> Option<(usize, Received)> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill() {
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let request = Received { head, raw_body: Vec::new(), body: Vec::new() };
        let mut all = self.received.lock().unwrap();
        all.push(request.clone());
        Some((all.len() - 1, request))
    }

    fn read_body(&mut self, request: &mut Received) -> bool {
        if request.header("transfer-encoding").is_some_and(|te| te.eq_ignore_ascii_case("chunked")) {
            loop {
                let Some(line) = self.take_line(request) else { return false };
                let size =
                    usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).unwrap_or(0);
                if size == 0 {
                    while let Some(trailer) = self.take_line(request) {
                        if trailer.is_empty() {
                            return true;
                        }
                    }
                    return false;
                }
                let Some(data) = self.take(size + 2) else { return false };
                request.body.extend_from_slice(&data[..size]);
                request.raw_body.extend_from_slice(&data);
            }
        }
        let length = request.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        let Some(data) = self.take(length) else { return false };
        request.body.clone_from(&data);
        request.raw_body = data;
        true
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    fn take_line(&mut self, request: &mut Received) -> Option<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                request.raw_body.extend_from_slice(&line);
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                true
            }
        }
    }

    /// Reads raw bytes until this many are there (for tunnels); fewer at the end of the connection.
    pub fn read_raw(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count && self.fill() {}
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count).collect()
    }

    /// Waits for bytes that stay unread: closing the connection then sends a reset.
    pub fn leave_unread(&mut self) {
        assert!(self.buffer.is_empty(), "some were read");
        assert!(self.leave_more_unread(), "the connection ended");
    }

    /// The same behind bytes that were read. `false` at the end of the connection.
    pub fn leave_more_unread(&mut self) -> bool {
        self.stream.wait_bytes()
    }

    /// Sends these bytes; a peer that went away is not an error. `false` if it did.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Waits until the proxy closes this connection. `true` if it did within the deadline.
    pub fn closed_by_peer(&mut self) -> bool {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) => return !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }
}

/// The running application. It listens until it is dropped.
pub struct Origin {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    unix: Option<std::path::PathBuf>,
}

impl Origin {
    /// Runs `script` for each connection.
    pub fn start(script: impl Fn(&mut OriginConnection) + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Origin::on(listener, script)
    }

    /// The same on a port that was reserved before, so that a test can start the application late.
    pub fn start_at(port: u16, script: impl Fn(&mut OriginConnection) + Send + Sync + 'static) -> Origin {
        Origin::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), script)
    }

    fn on(listener: TcpListener, script: impl Fn(&mut OriginConnection) + Send + Sync + 'static) -> Origin {
        let origin = Origin::new(listener.local_addr().unwrap());
        let (received, connections, stop) = origin.shared();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.set_nodelay(true).unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, received) = (Arc::clone(&script), Arc::clone(&received));
                std::thread::spawn(move || {
                    let mut connection =
                        OriginConnection { stream: Box::new(stream), buffer: Vec::new(), received };
                    script(&mut connection);
                });
            }
        });
        origin
    }

    /// The same on a unix socket.
    pub fn start_unix(path: &Path, script: impl Fn(&mut OriginConnection) + Send + Sync + 'static) -> Origin {
        let listener = UnixListener::bind(path).unwrap();
        let mut origin = Origin::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        origin.unix = Some(path.to_owned());
        let (received, connections, stop) = origin.shared();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, received) = (Arc::clone(&script), Arc::clone(&received));
                std::thread::spawn(move || {
                    let mut connection =
                        OriginConnection { stream: Box::new(stream), buffer: Vec::new(), received };
                    script(&mut connection);
                });
            }
        });
        origin
    }

    fn new(address: SocketAddr) -> Origin {
        Origin {
            address,
            received: Arc::default(),
            connections: Arc::default(),
            stop: Arc::default(),
            unix: None,
        }
    }

    fn shared(&self) -> (Arc<Mutex<Vec<Received>>>, Arc<AtomicUsize>, Arc<AtomicBool>) {
        (Arc::clone(&self.received), Arc::clone(&self.connections), Arc::clone(&self.stop))
    }

    /// Answers every request of every connection with these bytes, and keeps the connection open.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Origin {
        let answer = answer.into();
        Origin::start(move |connection| {
            while connection.request().is_some() {
                if !connection.send(&answer) {
                    return;
                }
            }
        })
    }

    /// Answers one request of each connection with these bytes, and closes.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Origin {
        let answer = answer.into();
        Origin::start(move |connection| {
            if connection.request().is_some() {
                connection.send(&answer);
            }
        })
    }

    /// Answers 200 with the body `ok`.
    pub fn ok() -> Origin {
        Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    /// Answers each request with the bytes it got as the body: what reached the application is then part of the answer.
    pub fn echo() -> Origin {
        Origin::start(|connection| {
            while let Some(request) = connection.request() {
                let body = request.text();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                if !connection.send(head + &body) {
                    return;
                }
            }
        })
    }

    /// Redirects to whatever follows the first question mark of the target.
    pub fn echo_location() -> Origin {
        Origin::start(|connection| {
            while let Some(request) = connection.request() {
                let target = request.target();
                let to = target.split_once('?').map_or("", |(_, query)| query);
                let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
                if !connection.send(answer) {
                    return;
                }
            }
        })
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until this many requests have come, and gives them.
    pub fn wait_requests(&self, count: usize) -> Vec<Received> {
        wait_for("requests at the application", || {
            let all = self.requests();
            (all.len() >= count).then_some(all)
        })
    }

    /// The last request, once there is one.
    pub fn last(&self) -> Received {
        self.wait_requests(1).pop().unwrap()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag and frees the port.
        match &self.unix {
            Some(path) => drop(UnixStream::connect(path)),
            None => drop(TcpStream::connect(self.address)),
        }
    }
}
