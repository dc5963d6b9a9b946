//! What one connection can make the program hold is bounded by the configuration: the formula of `docs/operations.md`, with many
//! connections at once in the states that hold the most.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};

use crate::support::http2::{
    ACK, DATA, END_HEADERS, Frames, HEADERS, PING, SETTINGS, WINDOW_UPDATE, block, pseudo,
};
use crate::support::{Client, Origin, Server, tls, wait_for};

const KIB: u64 = 1024;
/// Connections at once.
const MANY: u64 = 150;
/// `S` of the formula: the state of a request under way, without its buffers. (Larger without optimisation.)
const STATE: u64 = 40 * KIB;
/// What the allocator holds beside what is asked of it.
const ALLOCATOR: u64 = 2 << 20;

/// `large_client_header_buffers 4 8k`
const HEAD: u64 = 4 * 8 * KIB;
/// `client_body_buffer_size 16k`
const BODY: u64 = 16 * KIB;
/// `proxy_buffers 8 8k`
const BUFFERS: u64 = 8 * 8 * KIB;
/// `proxy_buffer_size 8k`
const BUFFER: u64 = 8 * KIB;
/// One read of a body, in either direction.
const READ: u64 = 64 * KIB;
/// A whole answer that nobody reads.
const ANSWER: u64 = 2 * (BUFFERS + READ) + 2 * (BUFFER + READ) + READ;
/// What a session of TLS keeps: keys, tickets, and what of the handshake is still to be asked for.
const SESSION: u64 = 16 * KIB;
/// Both windows of TLS.
const TLS: u64 = SESSION + 2 * READ;
/// A connection of HTTP/2 without its streams: tables, the frames that wait, what is read at once.
const HTTP2: u64 = 2 * READ + 64 * KIB;
/// A stream's answer that waits in frames.
const FRAMES: u64 = 2 * READ;

/// Private memory of the program that is in use, bytes.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * KIB
}

const BUFFERS_OF_THE_CASES: &str =
    "large_client_header_buffers 4 8k; client_body_buffer_size 16k; client_max_body_size 0;
     proxy_buffers 8 8k; proxy_buffer_size 8k; proxy_busy_buffers_size 16k; proxy_max_temp_file_size 0;
     access_log off; error_log {{dir}}/error.log crit; client_header_timeout 60s; client_body_timeout 60s;";

fn server(app: &Origin) -> Server {
    Server::setup().ringx().app(app).start(&format!(
        "{BUFFERS_OF_THE_CASES} server {{ listen {{{{port}}}}; location / {{ proxy_pass http://{{{{app}}}}; }} }}"
    ))
}

/// The same for clients that speak TLS and, where they agree on it or begin with it, HTTP/2.
fn server_of_tls(app: &Origin) -> Server {
    let setup =
        Server::setup().ringx().app(app).value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"));
    setup.start(&format!(
        "{BUFFERS_OF_THE_CASES} ssl_certificate {{{{tls}}}}/a.pem; ssl_certificate_key {{{{tls}}}}/a.key; http2 on;
         http2_body_preread_size 1m;
         server {{ listen {{{{port}}}} ssl; listen {{{{port2}}}}; location / {{ proxy_pass http://{{{{app}}}}; }}
           location /waits {{ auth_request /asked; proxy_pass http://{{{{app}}}}; }}
           location /asked {{ proxy_pass http://{{{{app}}}}; proxy_read_timeout 60s; }} }}"
    ))
}

/// Opens so many connections and lets each do its worst; the memory that they cost must not be more than `bound` each.
fn costs_at_most(app: &Origin, bound: u64, worst: impl Fn(TcpStream) -> TcpStream) {
    let server = server(app);
    each_costs_at_most(&server, MANY, bound, || worst(TcpStream::connect(server.address()).unwrap()));
}

fn each_costs_at_most<T>(server: &Server, many: u64, bound: u64, worst: impl Fn() -> T) {
    // What the first requests allocate for all later ones.
    let warm: Vec<_> = (0..2).map(|_| worst()).collect();
    settled(server);
    drop(warm);
    let before = settled(server);
    let held: Vec<_> = (0..many).map(|_| worst()).collect();
    let each = settled(server).saturating_sub(before).saturating_sub(ALLOCATOR) / many;
    println!("{each} bytes for each of {} connections, at most {bound}", held.len());
    assert!(each <= bound, "{each} bytes for each connection, and the formula says {bound}");
    drop(held);
}

/// The memory in use once it has stopped growing.
fn settled(server: &Server) -> u64 {
    let mut last = (0, 0);
    wait_for("the memory in use to rest", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = resident(server);
        last = if now > last.0 { (now, 0) } else { (last.0, last.1 + 1) };
        (last.1 >= 6).then_some(now)
    })
}

/// Sends until the server takes no more for a while.
fn send_all_it_takes(client: &mut TcpStream, bytes: &[u8], most: usize) {
    client.set_write_timeout(Some(Duration::from_millis(30))).unwrap();
    let mut sent = 0;
    while sent < most {
        match client.write(&bytes[..bytes.len().min(most - sent)]) {
            Ok(count) => sent += count,
            Err(_) => return,
        }
    }
}

#[test]
fn heads_that_never_end() {
    let app = Origin::ok();
    // 900 short fields and three long lines: nearly all that is allowed.
    let mut head = String::from("GET / HTTP/1.1\r\nHost: localhost\r\n");
    (0..900).for_each(|_| head.push_str("a: b\r\n"));
    (0..3).for_each(|_| head += &format!("c: {}\r\n", "d".repeat(8000)));
    assert!(head.len() < HEAD as usize);
    costs_at_most(&app, STATE + 2 * (HEAD + 8 * KIB) + 1000 * 24, |mut client| {
        client.write_all(head.as_bytes()).unwrap();
        client
    });
}

#[test]
fn bodies_that_never_end() {
    let app = Origin::ok();
    // Far more than fits into memory: the rest is in temporary files.
    let chunk = format!("4000\r\n{}\r\n", "b".repeat(0x4000)).repeat(16);
    costs_at_most(&app, STATE + 2 * (BODY + READ) + 2 * READ, |mut client| {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(chunk.as_bytes()).unwrap();
        client
    });
}

#[test]
fn bodies_of_known_length_share_the_room_of_a_core() {
    let app = Origin::ok();
    let body = vec![b'b'; (1 << 20) - 1];
    // 150 of nearly 1 MiB, of which 32 MiB of a core are in memory, whatever their number.
    let shared = 2 * (32 << 20) / MANY;
    costs_at_most(&app, shared + STATE + 2 * (BODY + READ) + 2 * READ, |mut client| {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&body).unwrap();
        client
    });
}

/// An app whose answers never end.
fn endless() -> Origin {
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000)).repeat(64);
    Origin::start(move |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            connection.send(&chunk);
            connection.send("0\r\n\r\n");
        }
    })
}

#[test]
fn answers_that_nobody_reads() {
    let app = endless();
    costs_at_most(&app, STATE + ANSWER, |mut client| {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        client.read_exact(&mut [0; 16]).unwrap();
        client
    });
}

#[test]
fn requests_that_come_before_their_answers_are_read() {
    // Pipelined without end, by a client that reads none of it: the server stops reading, and the kernel holds the rest.
    let app = endless();
    let server = server(&app);
    let many = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    each_costs_at_most(&server, 20, STATE + 2 * (HEAD + 8 * KIB) + ANSWER, || {
        let mut client = TcpStream::connect(server.address()).unwrap();
        send_all_it_takes(&mut client, many.as_bytes(), 8 << 20);
        client
    });
}

#[test]
fn clients_of_tls_that_rest() {
    let app = Origin::ok();
    for version in [&TLS12, &TLS13] {
        let server = server_of_tls(&app);
        let config = tls::client(&[version]);
        each_costs_at_most(&server, 4 * MANY, SESSION, || {
            Client::connect_tls(server.address(), &config, "a.example")
        });
    }
}

#[test]
fn answers_over_tls_that_nobody_reads() {
    let app = endless();
    let server = server_of_tls(&app);
    let config = tls::client(&[&TLS13]);
    each_costs_at_most(&server, MANY, STATE + ANSWER + TLS, || {
        let mut client = Client::connect_tls(server.address(), &config, "a.example");
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(client.read_some().starts_with(b"HTTP/1.1 200"));
        client
    });
}

#[test]
fn clients_of_http2_that_rest() {
    let app = Origin::ok();
    let server = server_of_tls(&app);
    each_costs_at_most(&server, MANY, HTTP2, || {
        let mut client = Frames::connect(server.address_of("port2"));
        client.get(1, "/").next_of_stream(1).expect("an answer");
        client
    });
}

#[test]
fn answers_in_streams_that_nobody_reads() {
    const STREAMS: u64 = 10;
    let app = endless();
    let server = server_of_tls(&app);
    let each = STATE + ANSWER + FRAMES;
    each_costs_at_most(&server, 15, HTTP2 + STREAMS * each, || {
        // Windows that never open: each stream has the 64 KiB that it begins with, and so has the connection.
        let mut client = Frames::connect(server.address_of("port2"));
        for n in 0..STREAMS {
            client.get(2 * n as u32 + 1, "/");
        }
        (0..STREAMS).for_each(|_| assert!(client.next_of(HEADERS).is_some()));
        client
    });
}

#[test]
fn bodies_in_streams_that_nobody_reads() {
    const STREAMS: u32 = 8;
    // Each stream may have 1 MiB unread, all of them 4 MiB.
    let window = 4 << 20;
    // Whether they may be sent is never said.
    let app =
        Origin::start(|connection| assert!(connection.request().is_some() && connection.closed_by_peer()));
    let server = server_of_tls(&app);
    let each = STATE + 2 * (BODY + READ) + 2 * READ;
    each_costs_at_most(&server, 15, HTTP2 + window + window / 2 + u64::from(STREAMS) * each, || {
        let mut client = Frames::connect(server.address_of("port2"));
        client.send(SETTINGS, ACK, 0, b"");
        let mut head = pseudo("/waits");
        head[0].1 = "POST";
        for n in 0..STREAMS {
            client.send(HEADERS, END_HEADERS, 2 * n + 1, &block(&head));
        }
        let part = vec![b'b'; 16 << 10];
        let mut sent = 0;
        // All that the connection's window takes.
        while sent + part.len() <= window as usize {
            let stream = 2 * (sent as u32 / (16 << 10) % STREAMS) + 1;
            client.send(DATA, 0, stream, &part);
            sent += part.len();
        }
        // All of it has been read, and none of it refused.
        client.send(PING, 0, 0, &[0; 8]);
        while let Some(frame) = client.next().filter(|frame| frame.kind != PING) {
            assert!(matches!(frame.kind, SETTINGS | WINDOW_UPDATE), "{frame:?}");
        }
        client
    });
}
