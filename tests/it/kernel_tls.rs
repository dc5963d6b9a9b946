//! `ssl_conf_command Options KTLS`: what a client sees is the same whoever makes the records. Where the kernel offers none, all of this
//! goes by way of the process; `HTTP="ssl_conf_command Options KTLS;"` in the environment does the same to all cases.

use std::fs;

use rustls::version::{TLS12, TLS13};

use crate::support::{Client, Origin, Server, Setup, get, lines, oracle, tls};

const CONF: &str = "ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_conf_command Options KTLS;
    server { listen {{port}} ssl; root {{root}}; keepalive_timeout 60s;
        location /app { proxy_pass http://{{app}}; proxy_http_version 1.1; client_max_body_size 0; }
        location /facts { return 200 \"$ssl_protocol $ssl_server_name $ssl_alpn_protocol $ssl_session_reused\"; } }";

fn setup() -> Setup {
    Server::setup().value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251 + i / 65536) as u8).collect()
}

/// Connections whose records the kernel has begun to make, of the whole machine.
fn taken_over() -> u64 {
    let text = fs::read_to_string("/proc/net/tls_stat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("TlsTxSw"));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_default()
}

/// Whether this kernel has it: as the program says.
fn is_offered(server: &Server) -> bool {
    let log = server.error_log();
    let offered = log.contains("kernel TLS: offered by this kernel (TLS 1.3, ");
    if oracle().is_none() {
        assert!(offered != log.contains("kernel TLS: not offered ("), "{log}");
    }
    offered
}

#[test]
fn files_answers_and_uploads_are_whole() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let body = if request.body.is_empty() { pattern(3_000_000) } else { request.body };
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            connection.send(&body);
        }
    });
    let sizes = [0, 1, 16 << 10, 70_000, 3_000_001];
    let mut setup = setup().app(&origin);
    for size in sizes {
        setup = setup.file(&format!("root/{size}"), pattern(size));
    }
    let server = setup.start(CONF);
    let offered = is_offered(&server);
    for version in [&TLS12, &TLS13] {
        let config = tls::client(&[version]);
        for resumed in [".", "r"] {
            let before = taken_over();
            let mut client = Client::connect_tls(server.address(), &config, "a.example");
            let facts = String::from_utf8(client.send(get("/facts")).response().body).unwrap();
            let name = if version.version == TLS13.version { "TLSv1.3" } else { "TLSv1.2" };
            let expected = format!("{name} a.example  {resumed}");
            assert_eq!(facts, expected);
            if offered && name == "TLSv1.3" {
                assert!(taken_over() > before, "the kernel has nothing to do with it");
            }
            for size in sizes {
                let response = client.send(get(&format!("/{size}"))).response();
                assert!(!response.incomplete && response.body == pattern(size), "{size} bytes, {facts}");
            }
            assert!(client.send(get("/app")).response().body == pattern(3_000_000), "{facts}");
            for size in [1, 100_000, 2 << 20] {
                let head = lines(&format!("POST /app HTTP/1.1\nHost: a\nContent-Length: {size}"));
                let answer = client.send(head).send(pattern(size)).response();
                assert!(answer.body == pattern(size), "{size} bytes, {facts}");
            }
            for _ in 0..20 {
                client.send(get("/1"));
            }
            for _ in 0..20 {
                assert_eq!(client.response().body, pattern(1));
            }
            let last = client.send(lines("GET /70000 HTTP/1.1\nHost: a\nConnection: close")).response();
            client.expect_close();
            assert!(last.body == pattern(70_000) && client.ended_in_good_order(), "{facts}");
        }
    }
}

#[test]
fn a_client_that_changes_its_keys_harms_nobody() {
    let server = setup().app(&Origin::ok()).file("root/file", "content").start(CONF);
    let config = tls::client(&[&TLS13]);
    let mut other = Client::connect_tls(server.address(), &config, "a.example");
    assert_eq!(other.send(get("/file")).response().body, b"content");
    let mut client = Client::connect_tls(server.address(), &config, "a.example");
    assert_eq!(client.send(get("/file")).response().body, b"content");
    client.tls_mut().refresh_traffic_keys().unwrap();
    if is_offered(&server) {
        // The kernel cannot follow: the connection ends.
        assert_eq!(client.send(get("/file")).read_to_end(), b"");
    } else {
        assert_eq!(client.send(get("/file")).response().body, b"content");
    }
    assert_eq!(other.send(get("/file")).response().body, b"content");
}

#[test]
fn an_end_comes_behind_all_that_was_sent() {
    let sizes = [1, 20_000, 50_000, 100_000, 200_000, 1_000_000];
    let mut setup = setup().app(&Origin::ok());
    for size in sizes {
        setup = setup.file(&format!("root/{size}"), pattern(size));
    }
    let server = setup.start(&CONF.replace("{{port}} ssl", "{{port}} ssl sndbuf=32k"));
    let offered = is_offered(&server);
    let config = tls::client(&[&TLS13]);
    let clients: Vec<_> = sizes
        .iter()
        .flat_map(|size| {
            ["GET /{} HTTP/1.0", "GET /{} HTTP/1.1\nHost: a\nConnection: close"].map(|request| {
                let mut client = Client::connect_tls(server.address(), &config, "a.example");
                client.send(lines(&request.replace("{}", &size.to_string())));
                (client, *size)
            })
        })
        .collect();
    // Whatever the sockets between take is taken by now.
    std::thread::sleep(std::time::Duration::from_millis(300));
    for (mut client, size) in clients {
        let response = client.response();
        client.read_to_end();
        assert!(!response.incomplete && response.body == pattern(size), "{size} bytes");
        // Where the process makes the records, a full socket does not take the `close_notify`.
        assert!(client.ended_in_good_order() || !offered && oracle().is_none(), "{size} bytes");
    }
}
