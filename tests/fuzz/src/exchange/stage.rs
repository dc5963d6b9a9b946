//! The program's own worker in a thread, its client and its application in hand: whoever drives the stage decides which bytes
//! come when, and looks at what became of them while the worker sleeps.
//!
//! The sockets are unix ones, so that thousands of runs leave no ports behind. The clock is held: time passes when it is told to.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ringx::config::{self, LoadOptions};
use ringx::cycle::Cycle;
use ringx::io::mailbox::{self, Sender};
use ringx::io::{ListenOptions, ListenSocket, SockAddr};
use ringx::worker::{self, Order, Start};

/// What `passes` of time is enough for every time-out of the configuration, in milliseconds.
pub(super) const LONG: u64 = 5000;

/// The table of deadlines is looked at so often (`ringx::io::timer::TICK`), and a little more.
const LOOK: Duration = Duration::from_millis(25);

const CONF: &str = "
error_log DIR/error.log alert; pid DIR/pid; daemon off; worker_processes 1; user root;
events { worker_connections 64; }
http {
    access_log off; keepalive_requests 1000; client_max_body_size 64k; client_body_buffer_size 1k;
    client_header_timeout 2s; client_body_timeout 2s; send_timeout 2s; keepalive_timeout 2s; lingering_timeout 2s;
    client_body_temp_path DIR/temp; proxy_temp_path DIR/temp;
    proxy_connect_timeout 2s; proxy_read_timeout 2s; proxy_send_timeout 2s;
    proxy_next_upstream off; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host app;
    upstream app { server unix:DIR/app max_fails=0; keepalive 2; }
    server { listen unix:DIR/buffered; location / { proxy_pass http://app; } }
    server { listen unix:DIR/streamed;
        location / { proxy_pass http://app; proxy_buffering off; proxy_request_buffering off; } }
    server { listen unix:DIR/status; location / { stub_status; } }
}
";

/// A worker that waits for clients.
pub(super) struct Stage {
    dir: PathBuf,
    app: UnixListener,
    /// `/proc/self/task/…/stat` of the worker.
    stat: File,
    clock: u64,
    _orders: Sender<Order>,
}

impl Stage {
    /// Starts the worker.
    pub(super) fn new() -> Stage {
        let dir = std::env::temp_dir().join(format!("ringx-fuzz-{}", std::process::id()));
        remove_abandoned();
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(dir.join("temp")).expect("a directory for sockets");
        let app = UnixListener::bind(dir.join("app")).expect("the application's socket");
        app.set_nonblocking(true).expect("non-blocking");
        ringx::time::hold_at(1);
        let text = CONF.replace("DIR", &dir.display().to_string());
        let loaded = config::load(&LoadOptions {
            text: Some(text),
            prefix: dir.clone(),
            superuser: Some(false),
            strict: true,
            ..LoadOptions::default()
        });
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render("ringx")));
        let cycle = Arc::new(Cycle::new(loaded.conf, 1).expect("a cycle"));
        let listens = ["buffered", "streamed", "status"].map(|name| listen(&dir.join(name)));
        let (orders, mailbox) = mailbox::mailbox().expect("a mailbox");
        let (reports, heard) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let task = fs::read_link("/proc/thread-self").expect("procfs");
            tell.send(task).expect("somebody waits");
            let listens = listens.into_iter().collect();
            worker::run(Start { index: 0, cycle, listens, orders: mailbox, reports });
        });
        let task = told.recv().expect("the worker's thread");
        let stat = File::open(Path::new("/proc").join(task).join("stat")).expect("procfs");
        heard.recv().expect("the worker's first words");
        let stage = Stage { dir, app, stat, clock: 1, _orders: orders };
        stage.settle();
        stage
    }

    /// Waits until the worker sleeps: whatever it could do with the bytes it has is done.
    pub(super) fn settle(&self) {
        let mut text = [0; 512];
        loop {
            let len = self.stat.read_at(&mut text, 0).expect("the worker lives");
            // `pid (name) S …`: the name may hold anything.
            let name_end = text[..len].iter().rposition(|b| *b == b')').expect("a line of stat");
            if text[name_end + 2] == b'S' {
                return;
            }
            thread::yield_now();
        }
    }

    /// Time passes, and whoever waited for it is heard.
    pub(super) fn passes(&mut self, millis: u64) {
        self.clock += millis;
        ringx::time::hold_at(self.clock);
        thread::sleep(LOOK);
        self.settle();
    }

    /// A new client at one of the server's sockets.
    pub(super) fn client(&self, socket: &str) -> End {
        let stream = UnixStream::connect(self.dir.join(socket)).expect("the worker listens");
        let end = End::new(stream);
        self.settle();
        end
    }

    /// The next connection that came to the application.
    pub(super) fn accept(&self) -> Option<End> {
        match self.app.accept() {
            Ok((stream, _)) => Some(End::new(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("accept: {error}"),
        }
    }

    /// Fails when the worker has said anything that it says in an emergency only, a panic in a request among them.
    pub(super) fn expect_calm(&self) {
        let log = self.dir.join("error.log");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let said = fs::read_to_string(&log).unwrap_or_default();
            drop(fs::write(&log, ""));
            panic!("the worker said {said}");
        }
    }

    /// How many clients the worker counts, the one that asks among them.
    pub(super) fn active(&self) -> String {
        let mut client = self.client("status");
        client.send(b"GET / HTTP/1.0\r\n\r\n");
        self.settle();
        client.take();
        let text = String::from_utf8_lossy(&client.got).into_owned();
        text.lines().find(|line| line.starts_with("Active")).unwrap_or(&text).to_owned()
    }
}

fn listen(path: &Path) -> ListenSocket {
    let sockets = ListenSocket::bind(&SockAddr::Unix(path.to_owned()), &ListenOptions::default(), 1);
    sockets.expect("the server's socket").pop().expect("one")
}

/// Directories of runs that were killed.
fn remove_abandoned() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let pid = name.strip_prefix("ringx-fuzz-");
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Our end of a connection, and all that went over it.
pub(super) struct End {
    stream: UnixStream,
    pub(super) sent: Vec<u8>,
    pub(super) got: Vec<u8>,
    /// The worker has closed its side.
    pub(super) ended: bool,
    /// We have closed ours.
    pub(super) left: bool,
}

impl End {
    fn new(stream: UnixStream) -> End {
        stream.set_nonblocking(true).expect("non-blocking");
        End { stream, sent: Vec::new(), got: Vec::new(), ended: false, left: false }
    }

    /// Sends these bytes, unless the worker has left.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if !self.left && (&self.stream).write_all(bytes).is_ok() {
            self.sent.extend_from_slice(bytes);
        }
    }

    /// Takes what is there to be read; whether there was anything.
    pub(super) fn take(&mut self) -> bool {
        let before = (self.got.len(), self.ended);
        let mut piece = [0; 16 << 10];
        while !self.ended {
            match (&self.stream).read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => self.got.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.ended = true,
            }
        }
        before != (self.got.len(), self.ended)
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish(&mut self) {
        drop(self.stream.shutdown(Shutdown::Write));
        self.left = true;
    }

    /// Goes away in both directions.
    pub(super) fn leave(&mut self) {
        drop(self.stream.shutdown(Shutdown::Both));
        (self.left, self.ended) = (true, true);
    }
}
