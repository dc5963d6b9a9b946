//! HTTP/2 floods: frames that cost a client next to nothing. Each ends its own connection, and nobody else notices.

use crate::support::http2::*;
use crate::support::{Client, Origin, Server, oracle, wait_for};

/// ENHANCE_YOUR_CALM.
const CALM: u32 = 11;

/// `/` answers at once, `/file` with more than any window of a case, `/app` never.
fn server() -> (Origin, Server) {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let server = Server::setup().app(&origin).file("root/file", "x".repeat(100_000)).start(
        // However slow the machine is, no other bound comes first.
        "server { listen {{port}} http2; root {{root}}; client_max_body_size 0; keepalive_requests 100000; location = / { return 200 ok; }
           location = /app { proxy_request_buffering off; proxy_pass http://{{app}}; } }",
    );
    (origin, server)
}

/// The head of a request with a body.
fn posted() -> Vec<u8> {
    block(&[(":method", "POST"), (":scheme", "http"), (":path", "/app"), (":authority", "localhost")])
}

/// Sends `flood` again and again: how the connection ends. Sending stops when the server has closed.
fn flood(server: &Server, begin: impl Fn(&mut Frames), flood: impl Fn(u32) -> Vec<u8>) -> Outcome {
    let mut frames = Frames::connect(server.address());
    begin(&mut frames);
    for share in 0..40 {
        frames.client.send((0..1000).flat_map(|n| flood(share * 1000 + n)).collect::<Vec<u8>>());
        frames.client.send(frame(PING, 0, 0, b"are you?"));
        loop {
            match frames.next() {
                Some(frame) if frame.kind == GOAWAY => return Outcome::GoAway(frame.code()),
                Some(frame) if frame.payload == b"are you?" => break,
                Some(_) => {}
                None => return Outcome::Closed,
            }
        }
    }
    Outcome::Pong
}

fn check(begin: impl Fn(&mut Frames), one: impl Fn(u32) -> Vec<u8>) {
    if oracle().is_some() {
        return; // nginx 1.22 is older than most of these.
    }
    let (_origin, server) = server();
    let mut bystander = Peer::connect(server.address());
    assert_eq!(bystander.get("/").text(), "ok");
    let ended = flood(&server, begin, one);
    assert!(matches!(ended, Outcome::GoAway(CALM)), "{ended:?}");
    assert_eq!(bystander.get("/").text(), "ok");
    assert!(!server.error_log().contains("panicked"), "{}", server.error_log());
}

/// The number of the n-th stream.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

#[test]
fn requests_that_are_given_up_at_once() {
    // CVE-2023-44487
    check(
        |_| {},
        |n| {
            let head = frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &block(&pseudo("/app")));
            [head, frame(RST_STREAM, 0, stream(n), &[0, 0, 0, 8])].concat()
        },
    );
}

#[test]
fn requests_that_are_given_up_when_they_run() {
    if oracle().is_some() {
        return;
    }
    let (_origin, server) = server();
    let mut frames = Frames::connect(server.address());
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for n in 0..20_000 {
        frames.get(stream(n), "/file").send(PING, 0, 0, b"are you?");
        // Its answer has begun, so it was looked at.
        loop {
            match frames.outcome() {
                Outcome::Answer(_) => {}
                Outcome::Pong => break,
                ended => return assert_eq!(ended, Outcome::GoAway(CALM), "after {n}"),
            }
        }
        frames.send(RST_STREAM, 0, stream(n), &[0, 0, 0, 8]);
    }
    panic!("20,000 requests were given up");
}

#[test]
fn streams_that_the_server_has_to_reset() {
    // CVE-2025-8671: the client never resets anything.
    check(
        |frames| {
            frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        },
        |n| {
            let head = frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &block(&pseudo("/file")));
            // A window beyond the largest is an error of its stream alone.
            let update = frame(WINDOW_UPDATE, 0, stream(n), &[0x7f, 0xff, 0xff, 0xff]);
            [&head[..], &update, &update].concat()
        },
    );
}

#[test]
fn a_head_that_never_ends() {
    let begin = |frames: &mut Frames| {
        frames.send(HEADERS, END_STREAM, 1, &block(&pseudo("/")));
    };
    check(begin, |_| frame(CONTINUATION, 0, 1, b""));
    check(begin, |n| frame(CONTINUATION, 0, 1, &block(&[(&format!("x-{n}"), "y")])));
}

#[test]
fn frames_that_ask_for_answers() {
    check(|_| {}, |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]));
    check(|_| {}, |_| frame(PING, 0, 0, b"12345678"));
}

#[test]
fn frames_that_say_nothing() {
    check(|_| {}, |_| frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]));
    check(|_| {}, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
    check(|_| {}, |_| frame(0xfe, 0, 0, b"unknown"));
    check(|_| {}, |_| frame(PING, ACK, 0, b"12345678"));
}

#[test]
fn bodies_of_nothing() {
    let begin = |frames: &mut Frames| {
        frames.send(HEADERS, END_HEADERS, 1, &posted());
    };
    check(begin, |_| frame(DATA, 0, 1, b""));
    // Padding is all there is.
    check(begin, |_| frame(DATA, PADDED, 1, &[0]));
}

#[test]
fn bodies_ahead_of_their_readers_are_bounded_for_a_connection() {
    if oracle().is_some() {
        // It takes two gigabytes.
        return;
    }
    let (_origin, server) = server();
    let mut frames = Frames::connect(server.address());
    frames.send(PING, 0, 0, &[0; 8]);
    // What may be sent before anybody has read of it: the connection's window, and what is added to it (RFC 9113 section 6.9.2).
    let mut window = 65_535;
    while let Some(frame) = frames.next().filter(|frame| frame.kind != PING) {
        if (frame.kind, frame.stream) == (WINDOW_UPDATE, 0) {
            window += u32::from_be_bytes(frame.payload[..4].try_into().unwrap());
        }
    }
    assert_eq!(window, 4 << 20);
}

/// Most memory that the server ever had, bytes.
fn peak_memory(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn small_heads_that_become_large_ones() {
    if oracle().is_some() {
        return;
    }
    let (_origin, server) = server();
    let mut frames = Frames::connect(server.address());
    // One long field goes into the table, and is named thousands of times.
    let long = "a".repeat(4000);
    let mut bomb = block(&pseudo("/"));
    bomb.extend_from_slice(&[0x40, 1, b'x', 0x7f]);
    bomb.extend_from_slice(&[(4000 - 127) as u8 & 0x7f | 0x80, ((4000 - 127) >> 7) as u8]);
    bomb.extend_from_slice(long.as_bytes());
    bomb.resize(16_000, 0xbe);
    let before = peak_memory(&server);
    frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
    let ended = frames.next_of_stream(1);
    let grown = peak_memory(&server) - before;
    assert!(grown < 8 << 20, "{grown} bytes");
    assert!(ended.is_none_or(|frame| frame.kind == RST_STREAM || !is_status_200(&frame)));
    // What is only a little too long is answered with a page, as over HTTP/1.1.
    let mut peer = Peer::connect(server.address());
    for (size, status) in [(7_000, 200), (9_000, 400), (40_000, 400)] {
        let request = http::Request::get("http://localhost/").header("x-long", "a".repeat(size));
        assert_eq!(peer.ask(request.body(()).unwrap(), b"").unwrap().status, status, "{size}");
    }
    let request = http::Request::get(format!("http://localhost/{}", "a".repeat(9_000)));
    assert_eq!(peer.ask(request.body(()).unwrap(), b"").unwrap().status, 414);
}

/// Asks for 100 files with windows for all of them, and does not read; how much came when the server has ended the connection.
fn take_nothing(size: usize, server: &str) -> (Server, usize) {
    let server = Server::setup().file("root/file", "x".repeat(size)).start(&format!(
        "server {{ listen {{{{port}}}} http2 sndbuf=64k; root {{{{root}}}}; {server}
           location = /status {{ stub_status; }} }}"
    ));
    let mut client = Client::connect(server.address());
    client.send(PREFACE);
    client.send(frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    client.send(frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xf0, 0, 0]));
    for n in 0..100 {
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &block(&pseudo("/file"))));
    }
    server.wait_file("access.log", |log| log.matches(" 200 ").count() == 100);
    // The server ends it before anything is read.
    let idle =
        || (server.get("/status").text().lines().next() == Some("Active connections: 1 ")).then_some(());
    wait_for("the end of the connection", idle);
    let mut left = 0;
    loop {
        match client.read_some().len() {
            0 => return (server, left),
            count => left += count,
        }
    }
}

#[test]
fn a_client_that_takes_nothing_and_never_leaves() {
    if oracle().is_some() {
        return;
    }
    // Requests that are not done: each has its `send_timeout`.
    let (server, left) = take_nothing(8 << 20, "send_timeout 300ms; keepalive_timeout 300ms;");
    assert!(left < 100 << 20, "{left} bytes");
    assert!(server.error_log().contains("client timed out"));
    // All are done, and what they left is not taken.
    let (_, left) = take_nothing(60_000, "send_timeout 300ms; keepalive_timeout 1h;");
    assert!(left < 100 * 60_000, "{left} bytes");
}
