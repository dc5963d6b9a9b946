//! Dozens of reloads under load, with WebSockets held open: nothing fails, and nothing is left behind.
//!
//! `RELOADS=5000 cargo test --test it under_load -- --nocapture` goes on for longer and says what it saw.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::version::TLS13;

use crate::support::{Client, DEADLINE, Origin, Server, get, lines, oracle, tls, wait_for};

/// Reloads of the run in continuous integration.
const RELOADS: usize = 40;

/// WebSockets, each on a connection of its own.
const SOCKETS: usize = 16;

/// Connections that idle from the first reload to the last.
const IDLE: usize = 32;

/// An app that answers, or echoes once it was asked to.
fn app() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            if request.line().contains("/ws") {
                connection.send(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                );
                loop {
                    let bytes = connection.read_raw(1);
                    if bytes.is_empty() {
                        return;
                    }
                    connection.send(bytes);
                }
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\napp");
        }
    })
}

/// Every second configuration has a port, a log and an upstream more; the answer says which one it is.
fn conf(number: usize) -> String {
    let more = if number.is_multiple_of(2) { "" } else { "listen {{port3}}; access_log {{dir}}/more.log;" };
    let keepalive = 4 + number % 3;
    format!(
        "keepalive_timeout 1h; upstream up {{ server {{{{app}}}}; keepalive {keepalive}; }}
        server {{ listen {{{{port}}}}; listen {{{{port2}}}} ssl; {more} root {{{{root}}}};
            ssl_certificate {{{{dir}}}}/live.pem; ssl_certificate_key {{{{dir}}}}/live.key;
            location = /number {{ return 200 {number:06}; }}
            location /app {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
            location /ws {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection upgrade; }} }}"
    )
}

struct Load {
    stop: AtomicBool,
    requests: AtomicUsize,
    handshakes: AtomicUsize,
}

/// Asks on a kept connection for files and answers of the app, in turns.
fn ask_on_one(address: SocketAddr, load: &Load) {
    let mut client = Client::connect(address);
    let mut number = 0;
    while !load.stop.load(Ordering::SeqCst) {
        number += 1;
        // As many as keepalive_requests allows.
        if number % 900 == 0 {
            client = Client::connect(address);
        }
        let path = if number % 2 == 0 { "/app" } else { "/file" };
        let response = client.send(get(path)).response();
        assert_eq!((response.status, response.incomplete), (200, false), "{path}");
        load.requests.fetch_add(1, Ordering::SeqCst);
    }
}

fn ask_on_new_ones(plain: SocketAddr, secure: SocketAddr, load: &Load) {
    let config = tls::client(&[&TLS13]);
    while !load.stop.load(Ordering::SeqCst) {
        let request = lines("GET /app HTTP/1.1\nHost: localhost\nConnection: close");
        let response = Client::connect(plain).send(&request).response();
        assert_eq!((response.status, response.text().as_str()), (200, "app"));
        let response = Client::connect_tls(secure, &config, "localhost").send(&request).response();
        assert_eq!((response.status, response.text().as_str()), (200, "app"));
        load.requests.fetch_add(2, Ordering::SeqCst);
        load.handshakes.fetch_add(1, Ordering::SeqCst);
    }
}

fn open_socket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

fn echo(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("a WebSocket ended in a reload");
    assert_eq!(back, text.as_bytes());
}

/// What a process holds: descriptors, threads, and anonymous memory in kilobytes.
fn holds(server: &Server) -> (usize, usize, usize) {
    let process = format!("/proc/{}", server.pid());
    let count = |dir: &str| std::fs::read_dir(format!("{process}/{dir}")).map_or(0, Iterator::count);
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    (count("fd"), count("task"), memory.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn reloads_under_load_lose_nothing_and_keep_nothing() {
    if oracle().is_some() {
        // nginx closes idle connections with each reload (differences::RELOAD).
        return;
    }
    let reloads = std::env::var("RELOADS").ok().and_then(|text| text.parse().ok()).unwrap_or(RELOADS);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
    let pem = |name: &str| std::fs::read(format!("{folder}/{name}")).unwrap();
    let origin = app();
    let mut server = Server::setup()
        .ringx()
        .app(&origin)
        .global("worker_processes 2;")
        .file("root/file", "f".repeat(5000))
        .file("live.pem", pem("a.pem"))
        .file("live.key", pem("a.key"))
        .start(&conf(0));
    let (plain, secure) = (server.address(), server.address_of("port2"));
    let load = Arc::new(Load {
        stop: AtomicBool::new(false),
        requests: AtomicUsize::new(0),
        handshakes: AtomicUsize::new(0),
    });
    let mut sockets: Vec<TcpStream> = (0..SOCKETS).map(|_| open_socket(plain)).collect();
    let mut idle: Vec<Client> = (0..IDLE).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.send(get("/number")).response().text(), "000000");
    }
    let clients: Vec<_> = (0..3)
        .map(|kind| {
            let load = Arc::clone(&load);
            std::thread::spawn(move || match kind {
                0 => ask_on_new_ones(plain, secure, &load),
                _ => ask_on_one(plain, &load),
            })
        })
        .collect();
    let mut before = (0, 0, 0);
    for number in 1..=reloads {
        if number % 8 == 0 {
            let name = if number % 16 == 0 { "a" } else { "b" };
            std::fs::write(server.dir().join("live.pem"), pem(&format!("{name}.pem"))).unwrap();
            std::fs::write(server.dir().join("live.key"), pem(&format!("{name}.key"))).unwrap();
        }
        server.rewrite(&conf(number));
        server.signal("HUP");
        if number % 5 == 0 {
            server.signal("USR1");
        }
        let text = format!("{number:06}");
        wait_for("the next configuration", || (server.get("/number").text() == text).then_some(()));
        for stream in &mut sockets {
            echo(stream, &text);
        }
        if number == reloads / 2 / 2 * 2 {
            before = holds(&server);
        }
    }
    load.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("a request failed in a reload");
    }
    let requests = load.requests.load(Ordering::SeqCst);
    assert!(requests > 2 * reloads, "{requests} requests are no load");
    assert!(load.handshakes.load(Ordering::SeqCst) > 0);
    let last = format!("{reloads:06}");
    for client in &mut idle {
        assert_eq!(client.send(get("/number")).response().text(), last, "an idle connection was closed");
    }
    // No more than in the middle of it. Clients have gone, connections to the app come and go.
    let after = wait_for("descriptors and threads to be as many as before", || {
        let after = holds(&server);
        (after.0 <= before.0 + 8 && after.1 == before.1).then_some(after)
    });
    assert!(after.2 < before.2 * 3 / 2 + 8 * 1024, "memory grew from {before:?} to {after:?}");
    let log = server.error_log();
    assert!(!log.contains("[alert]") && !log.contains("[emerg]") && !log.contains("panicked"), "{log}");
    println!("{reloads} reloads, {requests} requests, (descriptors, threads, kB) {before:?} then {after:?}");
}
