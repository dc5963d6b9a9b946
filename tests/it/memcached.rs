//! `memcached_pass`: what memcached has for a key.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use expect_test::expect;

use crate::differences::KEPT_ALIVE;
use crate::support::{Server, lines};

/// A memcached with some keys; it keeps what it was asked.
struct Memcached {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Memcached {
    fn start() -> Memcached {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (kept, counted) = (Arc::clone(&asked), Arc::clone(&connections));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    let mut stream = stream;
                    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                        let Ok(line) = line else { return };
                        kept.lock().unwrap().push(line.clone());
                        let Some(answer) = answer(&line) else { return };
                        if stream.write_all(answer.as_bytes()).is_err() || line == "get /cut" {
                            return;
                        }
                    }
                });
            }
        });
        Memcached { address, asked, connections }
    }

    fn asked(&self) -> String {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        // On a kept connection that closes a key is asked for twice.
        asked.dedup();
        asked.join("\n")
    }
}

/// `None`: the connection closes.
fn answer(line: &str) -> Option<String> {
    let key = line.strip_prefix("get ")?;
    let value =
        |flags: u32, value: &str| format!("VALUE {key} {flags} {}\r\n{value}\r\nEND\r\n", value.len());
    Some(match key {
        "/hello.html" => value(0, "<p>hello</p>"),
        "/empty.txt" => value(0, ""),
        "/packed.txt" => value(2, "packed"),
        "/big.bin" => value(0, &"0123456789".repeat(30_000)),
        "/query?a=b" => value(0, "with a query"),
        "/a%20b%25c" => value(0, "encoded"),
        "/short" => {
            return None;
        }
        "/cut" => "VALUE /cut 0 100\r\nonly this".to_owned(),
        "/error" => "SERVER_ERROR out of memory\r\n".to_owned(),
        "/key" => "VALUE /other 0 1\r\nx\r\nEND\r\n".to_owned(),
        "/flags" => "VALUE /flags x 1\r\nx\r\nEND\r\n".to_owned(),
        "/length" => "VALUE /length 0 x\r\nx\r\nEND\r\n".to_owned(),
        "/trailer" => "VALUE /trailer 0 1\r\nx\r\nNOT\r\n".to_owned(),
        _ => "END\r\n".to_owned(),
    })
}

const SERVER: &str = "types { text/html html; text/plain txt; }
    server { listen {{port}}; root {{root}}; default_type application/octet-stream;
        location / { set $memcached_key $uri$is_args$args; memcached_pass {{memcached}}; memcached_gzip_flag 2;
            memcached_read_timeout 10s; memcached_connect_timeout 5s; memcached_send_timeout 5s; memcached_buffer_size 4k; }
        location /app/ { set $memcached_key $uri; memcached_pass {{memcached}}; error_page 404 502 504 = @app; }
        location @app { return 200 'from the app: $uri'; }
        location /unset { set $memcached_key ''; memcached_pass {{memcached}}; }
        location /dead/ { set $memcached_key k; memcached_pass 127.0.0.1:{{dead}}; error_page 502 = @app; }
    }";

#[test]
fn values_by_key() {
    let memcached = Memcached::start();
    let server = Server::setup().value("memcached", &memcached.address.to_string()).start(SERVER);
    expect![[r#"
        /hello.html -> 200 <p>hello</p>
        /empty.txt -> 200
        /query?a=b -> 200 with a query
        /a%20b%25c -> 200 encoded
        /none.html -> 404
        /short -> 502
        /error -> 502
        /key -> 502
        /length -> 502
        /trailer -> 200 x
        /app/x -> 200 from the app: /app/x
        /unset -> 500
        /dead/x -> 200 from the app: /dead/x
    "#]]
    .assert_eq(&server.table(&[
        "/hello.html",
        "/empty.txt",
        "/query?a=b",
        "/a%20b%25c",
        "/none.html",
        "/short",
        "/error",
        "/key",
        "/length",
        "/trailer",
        "/app/x",
        "/unset",
        "/dead/x",
    ]));
    expect![[r#"
        get /hello.html
        get /empty.txt
        get /query?a=b
        get /a%20b%25c
        get /none.html
        get /short
        get /error
        get /key
        get /length
        get /trailer
        get /app/x"#]]
    .assert_eq(&memcached.asked());
    server.check_get(
        "/hello.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 12
        Connection: keep-alive
        Accept-Ranges: bytes

        <p>hello</p>"#]],
    );
    server.check_get(
        "/none.html",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}
    "#]],
    );
    server.check(
        lines("HEAD /hello.html HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 12
        Connection: keep-alive
        Accept-Ranges: bytes

    "#]],
    );
    let packed = server.send(lines("GET /packed.txt HTTP/1.1\nHost: localhost\nConnection: close"));
    assert_eq!((packed.header("content-encoding"), packed.body.len()), ("gzip".to_owned(), 6));
    assert_eq!(
        server
            .send(lines("POST /hello.html HTTP/1.1\nHost: localhost\nContent-Length: 0\nConnection: close"))
            .status,
        405
    );
    assert!(server.get("/big.bin").text() == "0123456789".repeat(30_000));
    let flags = server.get("/flags");
    assert_eq!(flags.status, 502);
    let cut =
        server.until_close(server.connect(), lines("GET /cut HTTP/1.1\nHost: localhost\nConnection: close"));
    assert!(cut.contains("Content-Length: 100") && cut.contains("only this"), "{cut}");
    let log = server.error_log();
    for line in [
        "key: \"/none.html\" was not found by memcached",
        "memcached sent invalid response: \"SERVER_ERROR out of memory\"",
        "memcached sent invalid key in response \"VALUE /other 0 1\" for key \"/key\"",
        "memcached sent invalid flags in response \"VALUE /flags x 1\" for key \"/flags\"",
        "memcached sent invalid length in response \"VALUE /length 0 x\" for key \"/length\"",
        "memcached sent invalid trailer",
        "the \"$memcached_key\" variable is not set",
        &format!("upstream: \"memcached://{}\"", memcached.address),
    ] {
        assert!(log.contains(line), "no line with {line} in {log}");
    }
}

#[test]
fn connections_are_kept() {
    if !KEPT_ALIVE.ringx_only() {
        return;
    }
    let memcached = Memcached::start();
    let server = Server::setup().value("memcached", &memcached.address.to_string()).start(SERVER);
    for _ in 0..5 {
        assert_eq!(server.get("/hello.html").text(), "<p>hello</p>");
        assert_eq!(server.get("/none.html").status, 404);
    }
    assert_eq!(memcached.connections.load(Ordering::Relaxed), 1);
    // Whatever was left on a connection, the next answer is the right one.
    for path in ["/empty.txt", "/trailer", "/big.bin", "/cut", "/length", "/error"] {
        server.until_close(
            server.connect(),
            lines(&format!("GET {path} HTTP/1.1\nHost: localhost\nConnection: close")),
        );
        server.send(lines("HEAD /hello.html HTTP/1.1\nHost: localhost\nConnection: close"));
        assert_eq!(server.get("/hello.html").text(), "<p>hello</p>", "{path}");
    }
}

#[test]
fn the_key_must_be_known() {
    let mut setup = Server::setup();
    let conf = setup.fill("server { listen {{port}}; location / { memcached_pass 127.0.0.1:{{dead}}; } }");
    let conf = setup.wrap(&conf);
    let conf = setup.fill(&conf);
    let setup = setup.file("test.conf", &conf);
    let file = setup.dir().join("test.conf").display().to_string();
    let output = crate::support::run(&["-t", "-c", &file]);
    assert!(output.code != Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("unknown \"memcached_key\" variable"), "{}", output.stderr);
}
