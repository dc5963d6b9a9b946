//! Holds that a request in steady state costs no heap allocation, on the static path and on the proxy path.
//!
//! One worker runs on a thread whose allocations are counted; client and app run on other threads of this process and
//! are not. After a warm-up, in which buffers grow and caches fill, the counter must not move any more.
//! `ALLOCATIONS=trace cargo test --test allocations` prints where each allocation comes from.

#![allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and may read the clock")]

use std::alloc::{GlobalAlloc, Layout};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ringx::config::{self, LoadOptions};
use ringx::cycle::Cycle;
use ringx::io::listener::ListenOptions;
use ringx::io::mailbox::{Sender, mailbox};
use ringx::io::{ListenSocket, SockAddr};
use ringx::worker::{self, Order, Report, Start};

/// Requests before counting: buffers have grown, the pool of exchanges and the caches are filled.
const WARM_UP: usize = 200;

/// Requests that are counted.
const COUNTED: usize = 700;

/// A buffer may find its largest size late, when client and app happen to be slow at the same time; and a connection to
/// an app is replaced after 1000 requests. So one round without any allocation is asked for, out of so many.
const ROUNDS: usize = 6;

/// Client connections that take turns.
const CONNECTIONS: usize = 4;

/// Longest wait for one answer: a broken server fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(10);

#[global_allocator]
static ALLOCATOR: Counting = Counting(mimalloc::MiMalloc);

/// The program's allocator, with a counter for threads that have one.
struct Counting(mimalloc::MiMalloc);

thread_local! {
    /// This thread's counter; const, so that looking at it allocates nothing.
    static COUNTER: Cell<Option<&'static Counter>> = const { Cell::new(None) };
}

#[derive(Default)]
struct Counter {
    allocations: AtomicU64,
    tracing: AtomicBool,
}

fn note(layout: Layout) {
    let Some(counter) = COUNTER.get() else { return };
    counter.allocations.fetch_add(1, Ordering::Relaxed);
    if counter.tracing.load(Ordering::Relaxed) {
        // What the backtrace itself allocates does not count.
        COUNTER.set(None);
        eprintln!("{} bytes\n{}", layout.size(), Backtrace::force_capture());
        COUNTER.set(Some(counter));
    }
}

// SAFETY: every call goes to mimalloc as it came; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout);
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout);
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout);
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.dealloc(memory, layout) }
    }
}

#[test]
fn a_small_file() {
    Site::new().costs_nothing("GET /static/small.css HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 1000);
}

#[test]
fn a_large_file() {
    Site::new().costs_nothing("GET /static/large.bin HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 300_000);
}

#[test]
fn files_that_are_looked_at_again_every_second() {
    let site = Site::new();
    let requests = [("small.css", 1000), ("large.bin", 300_000)];
    for (file, length) in requests {
        let request = format!("GET /static/{file} HTTP/1.1\r\nHost: a\r\n\r\n");
        site.costs_nothing_for(Duration::from_millis(1300), &request, "200 OK", length);
    }
}

#[test]
fn part_of_a_file() {
    let request = "GET /static/large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=100000-100999\r\n\r\n";
    Site::new().costs_nothing(request, "206 Partial Content", 1000);
}

#[test]
fn part_of_a_small_file() {
    let request = "GET /static/small.css HTTP/1.1\r\nHost: a\r\nRange: bytes=-100\r\n\r\n";
    Site::new().costs_nothing(request, "206 Partial Content", 100);
}

#[test]
fn an_unchanged_file() {
    let request = "GET /static/small.css HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n";
    Site::new().costs_nothing(request, "304 Not Modified", 0);
}

#[test]
fn a_decoded_path_with_arguments() {
    let request = "GET /static/../static/%73mall.css?v=1&w=%20 HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\n\
                   User-Agent: Mozilla/5.0\r\nReferer: http://a/\r\n\r\n";
    Site::new().costs_nothing(request, "200 OK", 1000);
}

#[test]
fn a_file_by_regex() {
    Site::new().costs_nothing("GET /regex/small.css HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 1000);
}

#[test]
fn a_rewritten_uri() {
    Site::new().costs_nothing("GET /script/x HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 1000);
}

#[test]
fn an_index() {
    Site::new().costs_nothing("GET /static/ HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 1000);
}

#[test]
fn a_file_or_else_the_app() {
    let site = Site::new();
    site.costs_nothing("GET /try/small.css HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 1000);
    site.costs_nothing("GET /try/page HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 41);
}

#[test]
fn an_answer_of_an_app_chosen_by_hash() {
    Site::new().costs_nothing("GET /hash/small HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 41);
}

#[test]
fn an_answer_of_an_app_chosen_by_address() {
    Site::new().costs_nothing("GET /ip/small HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 41);
}

#[test]
fn an_answer_of_the_app_with_a_variable_destination() {
    Site::new().costs_nothing("GET /variable/small?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 41);
}

#[test]
fn an_answer_of_the_app() {
    Site::new().costs_nothing("GET /small?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 41);
}

#[test]
fn an_answer_of_the_app_with_the_usual_forwarded_headers() {
    let request = "GET /forwarded/small HTTP/1.1\r\nHost: a\r\nCookie: sessionid=x\r\nAccept: */*\r\n\
                   X-Forwarded-For: 192.0.2.1\r\n\r\n";
    Site::new().costs_nothing(request, "200 OK", 41);
}

#[test]
fn a_chunked_answer_of_the_app() {
    Site::new().costs_nothing("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 10);
}

#[test]
fn a_long_chunked_answer_of_the_app() {
    Site::new().costs_nothing("GET /long HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 240_000);
}

#[test]
fn a_large_answer_of_the_app() {
    Site::new().costs_nothing("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", 300_000);
}

#[test]
fn a_form_for_the_app() {
    let body = "a=b&".repeat(500);
    let request = format!("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Site::new().costs_nothing(&request, "200 OK", 41);
}

#[test]
fn an_answer_of_a_fastcgi_app() {
    let site = Site::new();
    site.costs_nothing("GET /fastcgi/small?a=b HTTP/1.1\r\nHost: a\r\nX-Field: b\r\n\r\n", "200 OK", 10);
    let body = "a=b&".repeat(500);
    let form = format!("POST /fastcgi/ HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    site.costs_nothing(&form, "200 OK", 10);
}

#[test]
fn bodies_that_are_changed() {
    let site = Site::new();
    for path in ["/gzip/small.css", "/gzip-app/", "/gzip-app/long", "/sub/small.css"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        site.costs_nothing(&request, "200 OK", site.chunked_size(&request));
    }
}

#[test]
fn the_counter_sees_an_allocation() {
    let counter: &'static Counter = Box::leak(Box::default());
    std::thread::spawn(move || {
        COUNTER.set(Some(counter));
        drop(std::hint::black_box(vec![1u8; 100]));
        COUNTER.set(None);
    })
    .join()
    .unwrap();
    assert_eq!(counter.allocations.load(Ordering::Relaxed), 1);
}

/// A Django site's two locations behind one counted worker, with an app.
struct Site {
    dir: PathBuf,
    address: SocketAddr,
    counter: &'static Counter,
    orders: Sender<Order>,
    worker: Option<JoinHandle<()>>,
}

impl Site {
    fn new() -> Site {
        let dir = directory();
        std::fs::create_dir_all(dir.join("static")).unwrap();
        std::fs::create_dir_all(dir.join("temp")).unwrap();
        write_old(&dir.join("static/index.html"), &"i".repeat(1000));
        write_old(&dir.join("static/small.css"), &"x".repeat(1000));
        write_old(&dir.join("static/large.bin"), &"y".repeat(300_000));
        let any = SockAddr::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listens = ListenSocket::bind(&any, &ListenOptions::default(), 1).unwrap();
        let port = listens[0].addr().port().unwrap();
        let cycle = cycle(&dir, port, serve_app(serve_connection), serve_app(serve_records));

        let counter: &'static Counter = Box::leak(Box::default());
        let (orders, inbox) = mailbox().unwrap();
        let (reports, heard) = mpsc::channel();
        let start = Start { index: 0, cycle, listens, orders: inbox, reports };
        let worker = std::thread::spawn(move || {
            COUNTER.set(Some(counter));
            worker::run(start);
            COUNTER.set(None);
        });
        assert!(matches!(heard.recv_timeout(PATIENCE), Ok(Report::Started(..))));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Site { dir, address, counter, orders, worker: Some(worker) }
    }

    /// Length of the answer's chunked body.
    fn chunked_size(&self, request: &str) -> usize {
        let mut client = Client::connect(self.address);
        client.send(request);
        let head = client.read_head();
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        client.read_chunks()
    }

    /// Sends the request over and over; once warm, the worker must not allocate for it.
    fn costs_nothing(&self, request: &str, status: &str, body: usize) {
        self.costs_nothing_for(Duration::ZERO, request, status, body);
    }

    /// The same for so long at least, so that what happens once a second happens.
    fn costs_nothing_for(&self, at_least: Duration, request: &str, status: &str, body: usize) {
        let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(self.address)).collect();
        // All of them at once, so that several requests are in flight and several connections to the app are in use.
        let mut ask = |times: usize| {
            for _ in 0..times / CONNECTIONS {
                for client in &mut clients {
                    client.send(request);
                }
                for client in &mut clients {
                    client.receive(status, body);
                }
            }
        };
        ask(WARM_UP);
        let trace = std::env::var("ALLOCATIONS").is_ok_and(|v| v == "trace");
        self.counter.tracing.store(trace, Ordering::Relaxed);
        let mut costs = Vec::new();
        for _ in 0..ROUNDS {
            let before = self.counter.allocations.load(Ordering::Relaxed);
            let (begun, mut requests) = (Instant::now(), 0);
            while requests < COUNTED || begun.elapsed() < at_least {
                ask(COUNTED);
                requests += COUNTED;
            }
            costs.push(self.counter.allocations.load(Ordering::Relaxed) - before);
            if costs.ends_with(&[0]) {
                break;
            }
        }
        self.counter.tracing.store(false, Ordering::Relaxed);
        assert!(costs.ends_with(&[0]), "allocations in each round of {COUNTED} requests: {costs:?}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("ringx-allocations-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(name)
}

/// A file that has not changed for long: one that was written just now is read once more after a second.
fn write_old(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_164_645)).unwrap();
}

fn cycle(dir: &Path, port: u16, app: SocketAddr, fastcgi: SocketAddr) -> Arc<Cycle> {
    let dir = dir.display();
    let text = format!(
        r#"
        error_log {dir}/error.log;
        pid {dir}/pid;
        events {{ }}
        http {{
            access_log {dir}/access.log;
            proxy_temp_path {dir}/temp;
            fastcgi_temp_path {dir}/temp;
            client_body_temp_path {dir}/temp;
            keepalive_requests 100000;
            upstream app {{ server {app}; keepalive 8; keepalive_requests 100000; }}
            upstream fastcgi {{ server {fastcgi}; keepalive 8; keepalive_requests 100000; }}
            upstream hashed {{ server {app}; server 127.0.0.1:1 down; hash $request_uri consistent; keepalive 8; keepalive_requests 100000; }}
            upstream sticky {{ server {app}; ip_hash; keepalive 8; keepalive_requests 100000; }}
            server {{
                listen 127.0.0.1:{port};
                location /static/ {{ alias {dir}/static/; }}
                location / {{ proxy_pass http://{app}; }}
                location /gzip/ {{ alias {dir}/static/; gzip on; gzip_types *; gzip_vary on; }}
                location /gzip-app/ {{ proxy_pass http://{app}/; gzip on; gzip_types *; gzip_comp_level 5; }}
                location /sub/ {{ alias {dir}/static/; sub_filter_types *; sub_filter yx $uri; sub_filter x z; sub_filter_once off; }}
                location /fastcgi/ {{
                    fastcgi_pass fastcgi;
                    fastcgi_keep_conn on;
                    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
                    fastcgi_param CONTENT_LENGTH $content_length;
                    fastcgi_param HTTPS $https if_not_empty;
                }}
                location /script/ {{
                    set $kind css;
                    set $name "small.$kind";
                    if ($uri ~ "no such") {{ return 403; }}
                    if ($name = small.css) {{ set $from $uri; }}
                    rewrite ^/script /static/$name last;
                }}
                location /hash/ {{ proxy_pass http://hashed; }}
                location /ip/ {{ proxy_pass http://sticky; }}
                location /variable/ {{ proxy_pass http://app$request_uri; }}
                location /try/ {{ alias {dir}/static/; try_files $uri @app; }}
                location @app {{ proxy_pass http://app; }}
                location ~ ^/regex/.*\.(?:css|js|png)$ {{ alias {dir}/static/small.css; }}
                location /forwarded/ {{
                    proxy_pass http://app/;
                    proxy_set_header Host $host;
                    proxy_set_header X-Real-IP $remote_addr;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;
                    add_header X-Frame-Options DENY;
                }}
            }}
        }}"#
    );
    let options = LoadOptions {
        text: Some(text),
        prefix: PathBuf::from(dir.to_string()),
        superuser: Some(false),
        ..LoadOptions::default()
    };
    let loaded = config::load(&options).unwrap_or_else(|report| panic!("{}", report.render("ringx")));
    Arc::new(Cycle::new(loaded.conf, 1).unwrap_or_else(|error| panic!("{error:?}")))
}

/// One kept connection.
struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, input: Vec::new() }
    }

    fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    /// Checks an answer: its status, and how long the body is without chunk framing.
    fn receive(&mut self, status: &str, body: usize) {
        let head = self.read_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
        assert!(!head.contains("Connection: close"), "{head}");
        let length = field(&head, "Content-Length").and_then(|value| value.parse().ok());
        match length {
            Some(length) => {
                assert_eq!(length, body, "{head}");
                self.read_exactly(length);
            }
            None if body == 0 => {}
            None => assert_eq!(self.read_chunks(), body, "{head}"),
        }
        assert!(self.input.is_empty(), "more than one answer");
    }

    fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(4).position(|w| w == b"\r\n\r\n") {
                let rest = self.input.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.input, rest)).unwrap();
            }
            self.fill();
        }
    }

    fn read_exactly(&mut self, length: usize) {
        while self.input.len() < length {
            self.fill();
        }
        self.input.drain(..length);
    }

    /// Length of the payload of a chunked body, whose end must be exact.
    fn read_chunks(&mut self) -> usize {
        let mut payload = 0;
        loop {
            let line = loop {
                if let Some(end) = self.input.windows(2).position(|w| w == b"\r\n") {
                    break String::from_utf8(self.input.drain(..end + 2).collect()).unwrap();
                }
                self.fill();
            };
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            self.read_exactly(size + 2);
            if size == 0 {
                return payload;
            }
            payload += size;
        }
    }

    fn fill(&mut self) {
        let mut piece = [0; 65_536];
        let count = self.stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed in the middle of an answer: {}", String::from_utf8_lossy(&self.input));
        self.input.extend_from_slice(&piece[..count]);
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The app: keeps its connections, one thread each. It ends with the process.
fn serve_app(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// The same in FastCGI: each request gets ten bytes.
fn serve_records(mut stream: TcpStream) {
    const END_OF_BODY: &[u8] = &[1, 5, 0, 1, 0, 0, 0, 0];
    stream.set_nodelay(true).unwrap();
    let text = "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789";
    let mut answer = vec![1, 6, 0, 1, 0, text.len() as u8, 3, 0];
    answer.extend_from_slice(text.as_bytes());
    answer.extend_from_slice(&[0; 3]);
    answer.extend_from_slice(&[1, 6, 0, 1, 0, 0, 0, 0]);
    answer.extend_from_slice(&[1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut input = Vec::new();
    let mut piece = [0; 65_536];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        input.extend_from_slice(&piece[..count]);
        if input.ends_with(END_OF_BODY) {
            input.clear();
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

fn serve_connection(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut connection = Client { stream, input: Vec::new() };
    loop {
        // The pool may close the connection between requests, and does when the worker ends.
        if connection.input.is_empty() && !matches!(connection.stream.peek(&mut [0]), Ok(1)) {
            return;
        }
        let head = connection.read_head();
        let length = field(&head, "Content-Length").map_or(0, |value| value.parse().unwrap());
        connection.read_exactly(length);
        let plain = |body: &str| {
            format!("HTTP/1.1 200 OK\r\nServer: app\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let answer = match head.split(' ').nth(1).unwrap() {
            "/chunked" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
                    .into()
            }
            "/long" => format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                format!("1f40\r\n{}\r\n", "z".repeat(8000)).repeat(30)
            ),
            "/large" => plain(&"z".repeat(300_000)),
            _ => plain(&"a".repeat(41)),
        };
        if connection.stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
