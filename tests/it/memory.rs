//! What one connection can make the program hold is bounded by the configuration: the formula of `docs/operations.md`, with many
//! connections at once in the states that hold the most.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Origin, Server, wait_for};

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

/// Private memory of the program that is in use, bytes.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * KIB
}

fn server(app: &Origin) -> Server {
    Server::setup().ringx().app(app).start(
        "large_client_header_buffers 4 8k; client_body_buffer_size 16k; client_max_body_size 0;
         proxy_buffers 8 8k; proxy_buffer_size 8k; proxy_busy_buffers_size 16k; proxy_max_temp_file_size 0;
         access_log off; error_log {{dir}}/error.log crit; client_header_timeout 60s; client_body_timeout 60s;
         server { listen {{port}}; location / { proxy_pass http://{{app}}; } }",
    )
}

/// Opens so many connections and lets each do its worst; the memory that they cost must not be more than `bound` each.
fn costs_at_most(app: &Origin, bound: u64, worst: impl Fn(TcpStream) -> TcpStream) {
    let server = server(app);
    // What the first requests allocate for all later ones.
    let warm: Vec<_> = (0..8).map(|_| worst(TcpStream::connect(server.address()).unwrap())).collect();
    settled(&server);
    drop(warm);
    let before = settled(&server);
    let held: Vec<_> = (0..MANY).map(|_| worst(TcpStream::connect(server.address()).unwrap())).collect();
    let each = settled(&server).saturating_sub(before).saturating_sub(ALLOCATOR) / MANY;
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

#[test]
fn answers_that_nobody_reads() {
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000)).repeat(64);
    let app = Origin::start(move |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            connection.send(&chunk);
            connection.send("0\r\n\r\n");
        }
    });
    let bound = STATE + 2 * (BUFFERS + READ) + 2 * (BUFFER + READ) + READ;
    costs_at_most(&app, bound, |mut client| {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        client.read_exact(&mut [0; 16]).unwrap();
        client
    });
}

#[test]
fn requests_that_come_before_their_answers_are_read() {
    // Pipelined without end, by a client that reads none of it: the server stops reading.
    let app = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let many = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let bound = STATE + 2 * (HEAD + 8 * KIB) + 2 * (BUFFERS + READ) + 2 * (BUFFER + READ) + READ;
    costs_at_most(&app, bound, |mut client| {
        send_all_it_takes(&mut client, many.as_bytes(), 64 << 10);
        client
    });
}
