//! Clients and applications that leave at any moment: nothing leaks, nothing panics, the next request is answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Origin, Server, get, oracle, wait_for};

const CONF: &str = r#"
client_max_body_size 0; client_body_buffer_size 16k;
server { listen {{port}}; root {{root}};
    location /app { proxy_pass http://{{app}}; }
    location /unbuffered { proxy_buffering off; proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://{{app}}; }
    location /ws { proxy_pass http://{{app}}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
    location /dead { proxy_pass http://127.0.0.1:{{dead}}; }
    location /canary { return 200 canary; }
}
"#;

/// An application that does something else for each connection.
fn moody() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            let mood = target.bytes().map(usize::from).sum::<usize>() % 8;
            // What is said, and whether the connection stays open behind it.
            let (said, stay): (Vec<u8>, bool) = match mood {
                0 => (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into(), true),
                1 => (
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n{}", "x".repeat(500_000))
                        .into(),
                    true,
                ),
                2 => (
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into(),
                    true,
                ),
                3 => (b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\ncut".into(), false),
                4 => (Vec::new(), false),
                5 => (
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhi".into(),
                    false,
                ),
                6 => (b"HTTP/1.0 200 OK\r\n\r\nuntil the end".into(), false),
                _ => (b"garbage".into(), false),
            };
            if !connection.send(said) || !stay {
                return;
            }
        }
    })
}

/// One visit that may end anywhere.
fn visit(address: std::net::SocketAddr, number: usize) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let path = ["/app", "/unbuffered", "/ws", "/dead", "/big", "/missing", "/canary"][number % 7];
    let request = match number % 5 {
        0 => format!(
            "POST {path}/{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{}",
            "p".repeat(number * 37 % 100_001)
        ),
        1 => format!("GET {path}/{number} HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        2 => format!("GET {path}/{number} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(4),
        3 => format!(
            "POST {path}/{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        ),
        _ => format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    let cut = if number.is_multiple_of(3) { request.len() * (number % 11) / 11 } else { request.len() };
    if stream.write_all(&request.as_bytes()[..cut]).is_err() {
        return;
    }
    // Reads nothing, a little, or until a moment of silence; then leaves, with bytes unread or not.
    let mut buffer = vec![0; 4096];
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    for _ in 0..[0, 1, 3, 200][number % 4] {
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => {}
            _ => return,
        }
    }
}

fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count)
}

#[test]
fn whoever_leaves_leaves_nothing_behind() {
    let origin = moody();
    let server = Server::setup()
        .app(&origin)
        .global("worker_processes 2;")
        .file("root/big", vec![b'b'; 2_000_000])
        .start(CONF);
    assert_eq!(server.get("/canary").text(), "canary");
    let before = open_files(&server);
    let address = server.address();
    let crowd: Vec<_> = (0..8)
        .map(|thread| {
            std::thread::spawn(move || {
                for number in 0..60 {
                    visit(address, thread * 1009 + number * 13);
                }
            })
        })
        .collect();
    for visitor in crowd {
        visitor.join().unwrap();
    }
    assert_eq!(server.get("/canary").text(), "canary");
    if oracle().is_some() {
        return;
    }
    // Kept connections to the application and cached files remain; those of clients must not.
    wait_for("the connections of those who left to be closed", || {
        (open_files(&server) <= before + 80).then_some(())
    });
    let log = server.error_log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("[alert]"), "{log}");
    assert_eq!(server.send(get("/canary")).text(), "canary");
}
