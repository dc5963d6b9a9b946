//! TLS from clients: whatever works over a plain connection works over an encrypted one.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion};

use crate::differences::CUT_OVER_TLS;
use crate::support::{Client, DEADLINE, Origin, Response, Server, Setup, get, lines, oracle, tls};

/// Certificate and versions; to stand in a `server` or around it.
const CERTIFICATE: &str =
    "ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key; ssl_protocols TLSv1.2 TLSv1.3;";

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn setup() -> Setup {
    Server::setup().value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
}

/// Starts with a certificate in front of `conf`.
fn start(setup: Setup, conf: &str) -> Server {
    setup.start(&format!("{CERTIFICATE} {conf}"))
}

fn connect(server: &Server) -> Client {
    connect_as(server, &tls::client(&BOTH))
}

fn connect_as(server: &Server, config: &Arc<ClientConfig>) -> Client {
    Client::connect_tls(server.address(), config, "a.example")
}

fn ask(server: &Server, request: impl AsRef<[u8]>) -> Response {
    connect(server).send(request).response()
}

/// Bytes that show where they stand.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251 + i / 65536) as u8).collect()
}

#[test]
fn files_of_all_sizes_in_both_versions() {
    let sizes = [0, 1, 1000, 16 << 10, (16 << 10) + 1, 70_000, 1 << 20, 5_000_000];
    let mut setup = setup();
    for size in sizes {
        setup = setup.file(&format!("root/{size}"), pattern(size));
    }
    let server = start(setup, "server { listen {{port}} ssl; root {{root}}; }");
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut client = connect_as(&server, &tls::client(&[version]));
        assert_eq!(client.tls().protocol_version(), Some(expected));
        for size in sizes {
            let response = client.send(get(&format!("/{size}"))).response();
            assert_eq!(response.status, 200);
            assert!(response.body == pattern(size), "{size} bytes in {expected:?}");
        }
        let part =
            client.send(lines("GET /5000000 HTTP/1.1\nHost: a\nRange: bytes=100000-299999")).response();
        assert_eq!((part.status, part.body == pattern(5_000_000)[100_000..300_000]), (206, true));
        let parts = client.send(lines("GET /1000 HTTP/1.1\nHost: a\nRange: bytes=0-9,500-509")).response();
        assert_eq!(parts.status, 206);
        assert_eq!(
            client.send(lines("HEAD /5000000 HTTP/1.1\nHost: a")).response_to("HEAD").unwrap().status,
            200
        );
    }
}

#[test]
fn the_scheme_is_https() {
    let server = start(
        setup(),
        r#"log_format tls "$scheme,$https,$server_port"; access_log {{dir}}/tls.log tls;
           server { listen {{port}} ssl; listen {{port2}}; location / { return 200 "$scheme,$https,$server_port\n"; } }"#,
    );
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 15
        Connection: keep-alive

        https,on,{port}
    "#]]
    .assert_eq(&server.text(&ask(&server, get("/"))));
    assert_eq!(server.localised(&server.send_to("port2", get("/")).text()), "http,,{port2}\n");
    let log = server.wait_file("tls.log", |log| log.lines().count() == 2);
    assert_eq!(server.localised(&log), "https,on,{port}\nhttp,,{port2}\n");
}

#[test]
fn redirects_are_absolute_with_https() {
    let server = start(
        setup().file("root/dir/index.html", "x"),
        "server { listen {{port}} ssl; server_name a.example; root {{root}};
           location /moved { return 301 /new; } location /portless { port_in_redirect off; return 302 /new; } }",
    );
    let location = |target: &str| {
        let response = ask(&server, lines(&format!("GET {target} HTTP/1.1\nHost: a.example")));
        server.localised(&response.header("location"))
    };
    assert_eq!(location("/moved"), "https://a.example:{port}/new");
    assert_eq!(location("/portless"), "https://a.example/new");
    assert_eq!(location("/dir"), "https://a.example:{port}/dir/");
}

#[test]
fn a_request_that_cannot_be_read_belongs_to_the_server_of_the_handshake() {
    let server = start(
        setup(),
        "server { listen {{port}} ssl default_server; server_name b.example; add_header X-Server default always; }
         server { listen {{port}} ssl; server_name a.example; add_header X-Server named always; }",
    );
    let answer = |request: &str| {
        let response = ask(&server, lines(request));
        format!("{} {}", response.status, response.header("x-server"))
    };
    assert_eq!(answer("GET /%zz HTTP/1.1\nHost: a.example"), "400 named");
    assert_eq!(answer("GET /../x HTTP/1.1\nHost: a.example"), "400 named");
    // A host that nobody has is the default server's all the same.
    assert_eq!(answer("GET / HTTP/1.1\nHost: c.example"), "404 default");
    assert_eq!(answer("GET / HTTP/1.0"), "404 default");
}

#[test]
fn plain_http_on_a_port_for_tls() {
    let conf = "server { listen {{port}} ssl; server_name a.example; location / { return 200 in; } }";
    let server = start(setup(), conf);
    server.check_until_close(
        get("/"),
        expect![[r#"
            HTTP/1.1 400 Bad Request
            Content-Type: text/html
            Content-Length: 243+{server}
            Connection: close

            <html>\r
            <head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r
            <body>\r
            <center><h1>400 Bad Request</h1></center>\r
            <center>The plain HTTP request was sent to HTTPS port</center>\r
            <hr><center>{server}</center>\r
            </body>\r
            </html>\r

            ~
            {closed}
        "#]],
    );
    server.wait_error(
        "client sent plain HTTP request to HTTPS port while reading client request headers, client: 127.0.0.1, server: a.example, request: \"GET / HTTP/1.1\"",
    );
    let log = server.wait_file("access.log", |log| log.contains('\n'));
    assert!(log.contains("\"GET / HTTP/1.1\" 400 "), "{log}");
    // The other requests of the connection are not read.
    let two = [get("/"), get("/")].concat();
    assert_eq!(server.until_close(server.connect(), two).matches("HTTP/1.1 400").count(), 1);
}

#[test]
fn plain_http_sent_on_to_https() {
    let server = start(
        setup(),
        "server { listen {{port}} ssl; error_page 497 =301 https://$host:{{port}}$request_uri; }
         server { listen {{port2}} ssl; error_page 497 /page; location = /page { return 200 page; } }",
    );
    let response = server.send(get("/some/where?x=1"));
    assert_eq!(response.status, 301);
    assert_eq!(server.localised(&response.header("location")), "https://localhost:{port}/some/where?x=1");
    assert_eq!(response.header("connection"), "close");
    let response = server.send_to("port2", get("/"));
    assert_eq!((response.status, response.text()), (400, "page".to_owned()));
}

#[test]
fn what_is_no_handshake() {
    let server = start(setup(), "server { listen {{port}} ssl; client_header_timeout 1s; return 200 in; }");
    // A record of another kind's length, a record that never ends, and an end of file.
    let mut client = server.connect();
    let alert = client.send(b"\x16\x03\x01\x00\x05hello").read_to_end();
    assert!(alert.is_empty() || alert[0] == 0x15, "{alert:?}");
    server.wait_error("SSL_do_handshake() failed (SSL: ");
    server.connect().send(b"\x16\x03\x01").finish().expect_close();
    server.wait_error(
        "peer closed connection in SSL handshake while SSL handshaking, client: 127.0.0.1, server: ",
    );
    server.connect().send(b"\x16\x03\x01").expect_close();
    let log = server
        .wait_error("client timed out (110: Connection timed out) while SSL handshaking, client: 127.0.0.1");
    assert!(
        log.contains("client closed connection while SSL handshaking, client: 127.0.0.1, server: "),
        "{log}"
    );
    assert_eq!(log.matches("while SSL handshaking").count(), 4, "{log}");
    assert!(log.lines().filter(|line| line.contains("SSL handshaking")).all(|line| line.contains("[info]")));
    assert_eq!(ask(&server, get("/")).status, 200);
    let log = server.wait_file("access.log", |log| log.contains('\n'));
    assert_eq!(log.lines().count(), 1, "a handshake is no request: {log}");
}

#[test]
fn a_request_that_comes_with_the_end_of_the_handshake_and_of_the_client() {
    let server = start(setup(), "server { listen {{port}} ssl; return 200 in; }");
    let socket = std::net::TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut stream = tls::all_at_once(socket, &tls::client(&[&TLS13]), get("/").as_bytes());
    let mut answer = String::new();
    // The server needs not answer the client's close.
    drop(stream.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nin"), "{answer}");
}

#[test]
fn many_requests_on_a_connection_and_many_at_once() {
    let server = start(
        setup().file("root/a", "file a").file("root/long", pattern(100_000)),
        "server { listen {{port}} ssl; root {{root}}; location = /text { return 200 text; } }",
    );
    let mut client = connect(&server);
    for _ in 0..50 {
        assert_eq!(client.send(get("/a")).response().text(), "file a");
        assert_eq!(client.send(get("/text")).response().text(), "text");
    }
    let all: Vec<u8> =
        ["/a", "/long", "/text"].iter().cycle().take(120).flat_map(|path| get(path).into_bytes()).collect();
    client.send(all);
    for i in 0..120 {
        let response = client.response();
        assert!(response.body == [&b"file a"[..], &pattern(100_000), b"text"][i % 3], "answer {i}");
    }
    // One byte to a record.
    for byte in get("/a").into_bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "file a");
    client.send(lines("GET /a HTTP/1.1\nHost: a\nConnection: close"));
    assert_eq!(client.response().text(), "file a");
    client.expect_close();
    assert!(client.ended_in_good_order());
}

#[test]
fn many_clients_at_once() {
    let sizes = [1, 1000, 5000, 20_000, 100_000];
    let mut setup = setup();
    for size in sizes {
        setup = setup.file(&format!("root/{size}"), pattern(size));
    }
    let server = start(setup, "server { listen {{port}} ssl; root {{root}}; }");
    let config = tls::client(&BOTH);
    std::thread::scope(|scope| {
        for first in 0..24 {
            let (server, config) = (&server, &config);
            scope.spawn(move || {
                let mut client = connect_as(server, config);
                for i in first..first + 40 {
                    let size = sizes[i % sizes.len()];
                    let response = client.send(get(&format!("/{size}"))).response();
                    assert!(response.body == pattern(size), "{size} bytes");
                }
            });
        }
    });
}

const PROXY: &str = "server { listen {{port}} ssl; client_max_body_size 10m; proxy_http_version 1.1;
    location / { proxy_pass http://{{app}}; proxy_set_header X-Forwarded-Proto $scheme; }
    location /stream { proxy_request_buffering off; proxy_buffering off; proxy_pass http://{{app}}; }
    location /slow { proxy_buffers 4 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k; proxy_pass http://{{app}}; }
    location /ws { proxy_pass http://{{app}}; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade; } }";

#[test]
fn the_app_is_told_the_scheme() {
    let origin = Origin::ok();
    let server = start(setup().app(&origin), PROXY);
    assert_eq!(ask(&server, get("/")).status, 200);
    assert_eq!(origin.last().header("x-forwarded-proto").as_deref(), Some("https"));
}

#[test]
fn uploads_with_a_length_and_in_chunks() {
    let origin = Origin::ok();
    let server = start(setup().app(&origin), PROXY);
    let body = pattern(3 << 20);
    for path in ["/", "/stream"] {
        let mut client = connect(&server);
        for size in [10, 20_000, 1 << 20, 3 << 20] {
            let head = lines(&format!("POST {path} HTTP/1.1\nHost: a\nContent-Length: {size}"));
            assert_eq!(client.send(head).send(&body[..size]).response().status, 200);
            assert!(origin.last().body == body[..size], "{size} bytes to {path}");
            client.send(lines(&format!("POST {path} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked")));
            for chunk in body[..size].chunks(50_000) {
                client.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
            }
            assert_eq!(client.send("0\r\n\r\n").response().status, 200);
            assert!(origin.last().body == body[..size], "{size} bytes in chunks to {path}");
        }
        client
            .send(lines(&format!("POST {path} HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue")));
        assert_eq!(client.response_to("POST").unwrap().status, 100);
        assert_eq!(client.send("hello").response().status, 200);
        assert_eq!(origin.last().body, b"hello");
    }
}

/// Content and overhead of each record of the answer to `GET path`, by TLS 1.2.
fn records(server: &Server, path: &str) -> Vec<usize> {
    let socket = std::net::TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = lines(&format!("GET {path} HTTP/1.1\nHost: a\nConnection: close"));
    let bytes = tls::answer_on_the_wire(socket, &tls::client(&[&TLS12]), &request);
    let (mut rest, mut sizes) = (&bytes[..], Vec::new());
    while let [kind, _, _, high, low, body @ ..] = rest {
        let len = usize::from(*high) << 8 | usize::from(*low);
        if *kind == 0x17 {
            sizes.push(len);
        }
        rest = &body[len..];
    }
    sizes
}

#[test]
fn records_are_as_long_as_ssl_buffer_size_says() {
    let server = start(
        setup().file("root/file", pattern(1 << 20)),
        "server { listen {{port}} ssl; root {{root}}; ssl_buffer_size 1k; }",
    );
    let sizes = records(&server, "/file");
    assert!(sizes.iter().all(|size| *size <= 1024 + 24), "{sizes:?}");
    assert!(sizes.len() >= 1024, "{} records", sizes.len());
}

#[test]
fn the_first_records_are_short_and_the_others_long() {
    let server =
        start(setup().file("root/file", pattern(1 << 20)), "server { listen {{port}} ssl; root {{root}}; }");
    let sizes = records(&server, "/file");
    let longest = *sizes.iter().max().unwrap();
    assert!((16 << 10..=(16 << 10) + 24).contains(&longest), "{sizes:?}");
    if oracle().is_none() {
        assert!(sizes[..16].iter().all(|size| *size <= (4 << 10) + 24), "{sizes:?}");
        assert!(sizes[20..sizes.len() - 1].iter().all(|size| *size == longest), "{sizes:?}");
    }
}

/// An application that answers each request with `body`, framed by `framing`.
fn answering(framing: &str, body: Vec<u8>) -> Origin {
    let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
    Origin::start(move |connection| {
        while connection.request().is_some() {
            connection.send(&head);
            connection.send(&body);
            if head.contains("Connection: close") {
                return;
            }
        }
    })
}

#[test]
fn long_answers_to_quick_and_slow_clients() {
    let body = pattern(20 << 20);
    let origin = answering(&format!("Content-Length: {}", body.len()), body.clone());
    let server = start(setup().app(&origin), PROXY);
    for path in ["/", "/stream", "/slow"] {
        let mut client = connect(&server);
        for pause in [0, 300] {
            client.send(get(path));
            // The application's answer goes to memory and to a file meanwhile.
            std::thread::sleep(Duration::from_millis(pause));
            let response = client.response();
            assert!(!response.incomplete && response.body == body, "{path}, {} bytes", response.body.len());
        }
    }
}

#[test]
fn an_answer_that_ends_early_does_not_look_whole() {
    // The end of the answer is the end of the connection: for TLS only in good order.
    let whole = answering("Connection: close", pattern(300_000));
    let cut = answering("Content-Length: 300001\r\nConnection: close", pattern(300_000));
    let server = start(
        setup().named_app("whole", &whole).named_app("cut", &cut),
        "server { listen {{port}} ssl; location /whole { proxy_pass http://{{whole}}; }
           location /cut { proxy_pass http://{{cut}}; proxy_http_version 1.1; proxy_hide_header Content-Length; } }",
    );
    let mut client = connect(&server);
    let response = client.send("GET /whole HTTP/1.0\r\n\r\n").response();
    assert!(response.body == pattern(300_000) && client.ended_in_good_order());
    let mut client = connect(&server);
    client.send("GET /cut HTTP/1.0\r\n\r\n").response();
    assert_eq!(client.ended_in_good_order(), CUT_OVER_TLS.pick(true, false));
}

#[test]
fn a_tunnel() {
    let origin = Origin::start(|connection| {
        if connection.request().is_some() {
            connection.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello",
            );
            for round in [5, 70_000, 1 << 20] {
                let bytes = connection.read_raw(round);
                connection.send(bytes);
            }
        }
    });
    let server = start(setup().app(&origin), PROXY);
    let mut client = connect(&server);
    client.send(lines("GET /ws HTTP/1.1\nHost: a\nUpgrade: echo\nConnection: Upgrade"));
    assert_eq!(client.response().status, 101);
    assert_eq!(client.read_exact(5), b"hello");
    for round in [5, 70_000, 1 << 20] {
        client.send(pattern(round));
        assert!(client.read_exact(round) == pattern(round), "{round} bytes");
    }
    client.expect_close();
    assert!(client.ended_in_good_order());
}

#[test]
fn sessions_are_resumed() {
    let server =
        start(setup(), "server { listen {{port}} ssl; ssl_session_cache shared:x:1m; return 200 in; }");
    for version in BOTH {
        let config = tls::client(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let mut client = connect_as(&server, &config);
            assert_eq!(client.send(get("/")).response().status, 200);
            kinds.push(client.tls().handshake_kind());
        }
        assert_eq!(kinds[0], Some(HandshakeKind::Full));
        assert_eq!(kinds[1..], [Some(HandshakeKind::Resumed); 2], "{version:?}");
    }
}

#[test]
fn idle_connections_close_in_good_order() {
    let server = start(
        setup(),
        "server { listen {{port}} ssl; keepalive_timeout 1s; client_header_timeout 1s; return 200 in; }",
    );
    let mut client = connect(&server);
    client.send(get("/")).response();
    client.expect_close();
    assert!(client.ended_in_good_order());
    let mut silent = connect(&server);
    silent.expect_close();
}

#[test]
fn a_reload_and_a_graceful_end_leave_connections_whole() {
    let mut server = start(
        setup().file("root/long", pattern(30 << 20)),
        "server { listen {{port}} ssl; root {{root}}; location = /v { return 200 one; } }",
    );
    let mut idle = connect(&server);
    assert_eq!(idle.send(get("/v")).response().text(), "one");
    let mut loading = connect(&server);
    loading.send(get("/long"));
    let begun = loading.read_exact(1000);
    server.rewrite(&format!(
        "{CERTIFICATE} server {{ listen {{{{port}}}} ssl; root {{{{root}}}}; location = /v {{ return 200 two; }} }}"
    ));
    server.signal("HUP");
    let answers_two = || ask(&server, get("/v")).text() == "two";
    crate::support::wait_for("the new configuration", || answers_two().then_some(()));
    if oracle().is_none() {
        assert_eq!(idle.send(get("/v")).response().text(), "two");
    }
    server.signal("QUIT");
    idle.read_to_end();
    let mut rest = begun;
    rest.extend(loading.read_to_end());
    let body = rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    assert!(rest[body..] == pattern(30 << 20));
    assert!(loading.ended_in_good_order());
    server.wait_exit();
}

#[test]
fn a_response_at_a_pace() {
    let origin = answering("Content-Length: 60000", pattern(60_000));
    let server = start(
        setup().app(&origin).file("root/file", pattern(60_000)),
        "server { listen {{port}} ssl; root {{root}}; limit_rate 20k; location /app { proxy_pass http://{{app}}; } }",
    );
    for path in ["/file", "/app"] {
        let begun = std::time::Instant::now();
        let mut client = connect(&server);
        let mut answer = client.send(get(path)).read_some();
        assert!(
            begun.elapsed() < Duration::from_millis(900),
            "{path}: nothing came for {:?}",
            begun.elapsed()
        );
        while !answer.ends_with(&pattern(60_000)) {
            let more = client.read_some();
            assert!(!more.is_empty(), "{path} ended after {} bytes", answer.len());
            answer.extend(more);
        }
        assert!(begun.elapsed() > Duration::from_millis(900), "{path}: {:?}", begun.elapsed());
    }
}
