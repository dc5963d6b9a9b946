//! The clients and the app, both played by the thread of the test and in lock-step: every client asks, the app has every
//! question before it answers the first, every client has its answer before one asks again. So a run does the same
//! things in the same order each time. Called by `callgrind` and `kernel`.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::program::{Program, poll};
use crate::support::DEADLINE;

/// Bytes of a request, as a browser sends it.
const REQUEST: usize = 430;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A file of 1 KiB.
    Static,
    /// An answer of 41 bytes, of an app.
    Proxied,
}

impl Row {
    /// Bytes of the body of the answer.
    pub fn body(self) -> usize {
        match self {
            Self::Static => 1024,
            Self::Proxied => 41,
        }
    }

    /// A browser's request; the cookie makes it as long as it has to be.
    fn request(self) -> String {
        let target = if self == Self::Static { "/static/k1.css" } else { "/" };
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: www.example.com\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
             Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
             Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\
             Upgrade-Insecure-Requests: 1\r\nCookie: csrftoken="
        );
        let cookie = "c".repeat(REQUEST - head.len() - "\r\n\r\n".len());
        format!("{head}{cookie}\r\n\r\n")
    }
}

/// Connected clients, and the app.
pub struct Load {
    row: Row,
    clients: Vec<TcpStream>,
    listener: TcpListener,
    upstreams: Vec<Upstream>,
}

/// A connection the program keeps to the app.
struct Upstream {
    stream: TcpStream,
    /// What came of the next request.
    input: Vec<u8>,
}

impl Load {
    /// The app listens; there is no client yet.
    pub fn new(row: Row) -> Load {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Load { row, clients: Vec::new(), listener, upstreams: Vec::new() }
    }

    /// Where the app listens.
    pub fn app(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// So many clients connect.
    pub fn connect(&mut self, program: &Program, clients: usize) {
        for _ in 0..clients {
            let client = TcpStream::connect(program.address).unwrap();
            client.set_nodelay(true).unwrap();
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            self.clients.push(client);
        }
    }

    /// Each client asks so many times. The program has nothing left to do when it ends.
    pub fn run(&mut self, program: &Program, rounds: usize) {
        let request = self.row.request();
        for _ in 0..rounds {
            burst(program, self.clients.len(), || {
                for client in &mut self.clients {
                    client.write_all(request.as_bytes()).unwrap();
                }
            });
            if self.row == Row::Proxied {
                self.answer(program);
            }
            for client in &mut self.clients {
                receive(client, self.row.body());
            }
        }
        program.wait_idle();
    }

    /// Waits until every request has come through to the app, and answers all of them.
    fn answer(&mut self, program: &Program) {
        let mut asking = Vec::new();
        poll("the requests to reach the app", || {
            while let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(true).unwrap();
                stream.set_nodelay(true).unwrap();
                self.upstreams.push(Upstream { stream, input: Vec::new() });
            }
            for (number, upstream) in self.upstreams.iter_mut().enumerate() {
                if upstream.has_request() {
                    asking.push(number);
                }
            }
            (asking.len() == self.clients.len()).then_some(())
        });
        let body = self.row.body();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nServer: app\r\nDate: Tue, 02 Jan 2024 03:04:05 GMT\r\nContent-Type: text/plain\r\n\
             Content-Length: {body}\r\nConnection: keep-alive\r\n\r\n{}",
            "x".repeat(body)
        );
        burst(program, asking.len(), || {
            for number in asking {
                self.upstreams[number].stream.write_all(answer.as_bytes()).unwrap();
            }
        });
    }
}

impl Upstream {
    /// Whether a whole request has come, which is then forgotten.
    fn has_request(&mut self) -> bool {
        let mut part = [0; 4096];
        match self.stream.read(&mut part) {
            Ok(length) => self.input.extend_from_slice(&part[..length]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        let whole = self.input.ends_with(b"\r\n\r\n");
        if whole {
            self.input.clear();
        }
        whole
    }
}

/// Sends when the program has nothing left to do, and so that all of it arrives in one piece (a single message is one by
/// itself): each burst is one turn of its event loop, however busy the machine is.
fn burst(program: &Program, messages: usize, send: impl FnOnce()) {
    program.wait_idle();
    if messages == 1 {
        return send();
    }
    program.freeze();
    send();
    program.thaw();
}

/// Reads one answer, which must be the right one.
fn receive(client: &mut TcpStream, body: usize) {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    let head = loop {
        let length = client.read(&mut part).unwrap();
        assert!(length > 0, "closed after {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(head) = end.map(|end| end + 4).filter(|head| answer.len() >= head + body) {
            break head;
        }
    };
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(answer.len(), head + body, "{}", String::from_utf8_lossy(&answer));
    assert!(answer[head..].iter().all(|&byte| byte == b'x'), "{}", String::from_utf8_lossy(&answer));
}
