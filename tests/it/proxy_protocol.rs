//! `listen … proxy_protocol`: who the client is, from a balancer in front.

use expect_test::expect;
use rustls::version::{TLS12, TLS13};

use crate::support::{Server, escape, get, oracle, tls};

const CONF: &str = r#"
    log_format told "$remote_addr $proxy_protocol_addr $status"; access_log {{dir}}/told.log told;
    client_header_timeout 5s; keepalive_timeout 5s;
    server { listen {{port}} proxy_protocol;
        location / { return 200 "$proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port|$remote_addr|$connection_requests"; }
    }
    server { listen {{port2}} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
        location / { return 200 "$remote_addr|$remote_port|$realip_remote_addr"; }
        location /allowed { allow 192.0.2.1; deny all; try_files /none =204; }
    }
    server { listen {{port3}}; return 200 "[$proxy_protocol_addr]"; }
"#;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

/// A header of version 2.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &len, rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 0xbb];

#[test]
fn who_the_client_is() {
    let server = Server::start(CONF);
    let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 15], &[1], &[0, 80, 0, 81]].concat();
    let mut seen = String::new();
    for header in [
        LINE,
        b"PROXY TCP6 2001:0DB8::1 ::1 1 65535\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n",
        &v2(0x21, 0x11, &V4),
        &v2(0x21, 0x21, &v6),
        &v2(0x20, 0x00, b""),
        &v2(0x20, 0x11, &V4),
        &v2(0x21, 0x12, &V4),
        &v2(0x21, 0x11, &[&V4[..], &[5, 0, 2], b"id"].concat()),
    ] {
        let mut client = server.connect();
        let response = client.send([header, get("/").as_bytes()].concat()).response();
        seen += &format!("{} {}", response.status, response.text());
        // The connection is kept, and its client with it.
        let again = client.send(get("/")).response().text();
        assert_eq!(again.strip_suffix("|2"), response.text().strip_suffix("|1"));
        let response = server.send_to("port2", [header, get("/").as_bytes()].concat());
        let text = response.text();
        let mine = text.starts_with("127.0.0.1|") && !text.starts_with("127.0.0.1|0");
        seen += &format!("  {}\n", if mine { "itself" } else { &text });
    }
    expect![[r#"
        200 192.0.2.1|56324|198.51.100.7|443|127.0.0.1|1  192.0.2.1|56324|127.0.0.1
        200 2001:0DB8::1|1|::1|65535|127.0.0.1|1  2001:db8::1|1|127.0.0.1
        200 ||||127.0.0.1|1  itself
        200 ||||127.0.0.1|1  itself
        200 192.0.2.1|56324|198.51.100.7|443|127.0.0.1|1  192.0.2.1|56324|127.0.0.1
        200 2001:db8::1|80|::1|81|127.0.0.1|1  2001:db8::1|80|127.0.0.1
        200 ||||127.0.0.1|1  itself
        200 ||||127.0.0.1|1  itself
        200 ||||127.0.0.1|1  itself
        200 192.0.2.1|56324|198.51.100.7|443|127.0.0.1|1  192.0.2.1|56324|127.0.0.1
    "#]]
    .assert_eq(&seen);
    let allowed =
        |header: &[u8]| server.send_to("port2", [header, get("/allowed").as_bytes()].concat()).status;
    assert_eq!(
        (allowed(LINE), allowed(b"PROXY TCP4 192.0.2.9 1.1.1.1 1 1\r\n"), allowed(b"PROXY UNKNOWN\r\n")),
        (204, 403, 403)
    );
    assert_eq!(server.send_to("port3", get("/")).text(), "[]");
    assert_eq!(server.send_to("port3", [LINE, get("/").as_bytes()].concat()).status, 400);
    server.wait_file("told.log", |log| {
        log.contains("127.0.0.1 192.0.2.1 200\n") && log.contains("192.0.2.9 192.0.2.9 403\n")
    });
}

#[test]
fn what_is_no_header_ends_the_connection() {
    let server = Server::start(CONF);
    let mut version = v2(0x31, 0x11, &V4);
    version.extend_from_slice(b"GET / HTTP/1.0\r\n\r\n");
    for request in [
        get("/").as_bytes(),
        b"PROXY TCP4 192.0.2.1 198.51.100.7 5 66666\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 5 6\n\r\n",
        b"PROXY TCP5 192.0.2.1 198.51.100.7 5 6\r\n\r\n",
        b"PROXYTCP4 192.0.2.1 198.51.100.7 5 6\r\n\r\n",
        &version,
    ] {
        server.connect().send(request).expect_close();
    }
    let log = server.wait_error("unknown PROXY protocol version");
    server.connect().finish().expect_close();
    if oracle().is_some() {
        // Before 1.23.2 it writes all lines that came into its log.
        return;
    }
    let said: String = log
        .lines()
        .filter(|line| line.contains("[error]"))
        .map(|line| {
            let line = &line[line.find('[').unwrap()..];
            let (level, text) = line.split_once(' ').unwrap();
            let text = text.split_once(": *").and_then(|(_, text)| text.split_once(' ')).unwrap().1;
            format!("{level} {}\n", server.localised(text))
        })
        .collect();
    expect![[r#"
        [error] broken header: "GET / HTTP/1.1" while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
        [error] broken header: "PROXY TCP4 192.0.2.1 198.51.100.7 5 66666" while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
        [error] broken header: "PROXY TCP4 192.0.2.1 198.51.100.7 5 6" while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
        [error] broken header: "PROXY TCP5 192.0.2.1 198.51.100.7 5 6" while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
        [error] broken header: "PROXYTCP4 192.0.2.1 198.51.100.7 5 6" while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
        [error] unknown PROXY protocol version: 3 while reading PROXY protocol, client: 127.0.0.1, server: 0.0.0.0:{port}
    "#]].assert_eq(&said);
}

#[test]
fn a_header_too_late_ends_the_connection() {
    let server =
        Server::start("client_header_timeout 1s; server { listen {{port}} proxy_protocol; return 200 ok; }");
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.send(LINE);
    silent.expect_close();
    idle.expect_close();
}

#[test]
fn a_header_in_pieces_is_waited_for() {
    // nginx takes what came first for the whole.
    let server = Server::setup().ringx().start(CONF);
    for header in [LINE.to_vec(), v2(0x21, 0x11, &V4)] {
        let mut client = server.connect();
        for piece in header.chunks(9) {
            client.send(piece);
            std::thread::yield_now();
        }
        assert_eq!(client.send(get("/")).response().text(), "192.0.2.1|56324|198.51.100.7|443|127.0.0.1|1");
    }
    let mut late = server.connect();
    late.send(&LINE[..20]).finish();
    late.expect_close();
    let mut large = v2(0x21, 0x11, &[0; 5000]);
    large.extend_from_slice(b"GET / HTTP/1.0\r\n\r\n");
    server.connect().send(large).expect_close();
    server.wait_error("header is too large while reading PROXY protocol");
}

#[test]
fn a_handshake_comes_behind_it() {
    let server = Server::setup().value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls")).start(
        r#"ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key;
           server { listen {{port}} ssl proxy_protocol; return 200 "$scheme $proxy_protocol_addr $proxy_protocol_port"; }"#,
    );
    for header in [LINE.to_vec(), v2(0x21, 0x11, &V4)] {
        let mut client = server.connect();
        client.send(header);
        let mut client = client.shake_hands(&tls::client(&[&TLS12, &TLS13]), "a.example");
        for _ in 0..2 {
            assert_eq!(client.send(get("/")).response().text(), "https 192.0.2.1 56324");
        }
    }
    let plain = server.send([LINE, get("/").as_bytes()].concat());
    assert_eq!(plain.status, 400, "{}", escape(&plain.body));
}

#[test]
fn what_else_a_balancer_says() {
    // nginx has these variables since 1.23.2.
    let server = Server::setup().ringx().start(
        r#"server { listen {{port}} proxy_protocol;
            return 200 "$proxy_protocol_tlv_alpn $proxy_protocol_tlv_0x01 $proxy_protocol_tlv_ssl_version $proxy_protocol_tlv_ssl_verify [$proxy_protocol_tlv_ssl_cn]"; }"#,
    );
    let ssl = [&[1, 0, 0, 0, 7][..], &[0x21, 0, 7], b"TLSv1.3"].concat();
    let header = v2(0x21, 0x11, &[&V4[..], &[1, 0, 2], b"h2", &[0x20, 0, 15], &ssl].concat());
    assert_eq!(server.send([&header, get("/").as_bytes()].concat()).text(), "h2 h2 TLSv1.3 7 []");
    assert_eq!(server.send([LINE, get("/").as_bytes()].concat()).text(), "    []");
}

#[test]
fn a_reload_changes_nothing_for_who_is_here() {
    let mut server = Server::start(CONF);
    let mut client = server.connect();
    let text = client.send([LINE, get("/").as_bytes()].concat()).response().text();
    assert!(text.starts_with("192.0.2.1|"), "{text}");
    if oracle().is_some() {
        // Its old worker closes idle connections.
        return;
    }
    server.rewrite("server { listen {{port}}; return 200 \"new $proxy_protocol_addr\"; }");
    server.signal("HUP");
    while server.connect().send(get("/")).response_to("GET").is_none() {}
    assert_eq!(client.send(get("/")).response().text(), "new 192.0.2.1");
}
