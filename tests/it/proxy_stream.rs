//! Answers in time: streaming, buffering for slow clients, WebSocket tunnels.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Client, DEADLINE, Origin, Server, get};

/// An application that sends `first`, waits for the test's word, and sends `second`.
fn in_two_parts(head: &'static str, first: &'static str, second: &'static str) -> (Origin, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            connection.send(head);
            connection.send(first);
            told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            connection.send(second);
        }
    });
    (origin, tell)
}

#[test]
fn x_accel_buffering_no_passes_each_part_at_once() {
    let (origin, tell) = in_two_parts(
        "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        "data: one\n\n",
        "data: two\n\n",
    );
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: one\n\n") {
        seen.extend(client.read_some());
    }
    let head = String::from_utf8_lossy(&seen).to_lowercase();
    assert!(!head.contains("x-accel-buffering"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"));
    tell.send(()).unwrap();
    while !String::from_utf8_lossy(&seen).ends_with("0\r\n\r\n") {
        seen.extend(client.read_some());
    }
    assert!(String::from_utf8_lossy(&seen).contains("data: two\n\n"));
}

#[test]
fn proxy_buffering_off_passes_each_part_at_once() {
    let (origin, tell) = in_two_parts("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "one", "two");
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_buffering off; proxy_pass http://{{app}}; } }",
    );
    let mut client = server.connect();
    client.send(get("/"));
    let mut seen = Vec::new();
    while !seen.ends_with(b"one") {
        seen.extend(client.read_some());
    }
    tell.send(()).unwrap();
    assert_eq!(client.read_exact(3), b"two");
}

#[test]
fn a_slow_client_does_not_hold_the_application() {
    // More than socket buffers and proxy_buffers hold: the rest goes to a temporary file.
    let size = 12_000_000;
    let (done, finished) = mpsc::channel();
    let done = Mutex::new(done);
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
            let part: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
            for _ in 0..size / part.len() {
                if !connection.send(&part) {
                    return;
                }
            }
            done.lock().unwrap().send(()).unwrap();
        }
    });
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    // The client reads nothing at all, and the application is free.
    finished.recv_timeout(DEADLINE).expect("the application is held by a client that does not read");
    let response = client.response();
    assert_eq!(response.body.len(), size);
    assert!(response.body.iter().enumerate().all(|(i, &b)| b == (i % 1_000_000 % 251) as u8), "another body");
}

#[test]
fn without_temp_files_the_application_waits() {
    // More than all socket buffers on the way can grow to.
    let size = 64_000_000;
    let (done, finished) = mpsc::channel();
    let done = Mutex::new(done);
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
            connection.send(vec![b'x'; size]);
            done.lock().unwrap().send(()).unwrap();
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_buffering off; proxy_pass http://{{app}}; } }",
    );
    let mut client = server.connect();
    client.send(get("/"));
    let early = finished.recv_timeout(Duration::from_millis(500));
    assert!(early.is_err(), "proxy_buffering off must not take more than the client does");
    assert_eq!(client.response().body.len(), size);
    finished.recv_timeout(DEADLINE).unwrap();
}

const WEBSOCKET: &str = r#"server { listen {{port}};
    location / { proxy_pass http://{{app}}; }
    location /ws {
        proxy_pass http://{{app}};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_read_timeout 2s;
    }
}"#;

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Accepts the upgrade and sends back every byte.
fn echo_tunnel() -> Origin {
    Origin::start(|connection| {
        let Some(request) = connection.request() else { return };
        if request.header("upgrade").is_none() {
            connection.send(
                "HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\nConnection: close\r\n\r\nno upgrade",
            );
            return;
        }
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
        loop {
            let bytes = connection.read_raw(1);
            if bytes.is_empty() {
                return;
            }
            connection.send(bytes);
        }
    })
}

fn upgraded(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(ASK);
    let head = client.response();
    assert_eq!(head.status, 101);
    assert_eq!(head.header("upgrade"), "websocket");
    assert_eq!(head.header("connection").to_lowercase(), "upgrade");
    assert_eq!(head.header("sec-websocket-accept"), "x");
    client
}

#[test]
fn a_websocket_is_a_tunnel_both_ways() {
    let origin = echo_tunnel();
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = upgraded(&server);
    for message in ["hello", "\x00\u{ff}GET / HTTP/1.1\r\n\r\n", "bye"] {
        client.send(message);
        assert_eq!(client.read_exact(message.len()), message.as_bytes());
    }
    let request = origin.last();
    assert_eq!(request.header("connection").as_deref(), Some("upgrade"));
    assert_eq!(request.header("upgrade").as_deref(), Some("websocket"));
}

#[test]
fn bytes_sent_with_the_upgrade_are_not_lost() {
    let origin = echo_tunnel();
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = server.connect();
    client.send(format!("{ASK}early"));
    assert_eq!(client.response().status, 101);
    assert_eq!(client.read_exact(5), b"early");
}

#[test]
fn a_lot_goes_through_a_tunnel() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        connection.send(vec![b'd'; 3_000_000]);
        let got = connection.read_raw(3_000_000);
        connection.send(format!("{}", got.len()));
    });
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = server.connect();
    client.send(ASK);
    assert_eq!(client.response().status, 101);
    assert!(client.read_exact(3_000_000).iter().all(|&b| b == b'd'));
    client.send(vec![b'u'; 3_000_000]);
    assert_eq!(client.read_exact(7), b"3000000");
    client.expect_close();
}

#[test]
fn a_tunnel_ends_when_either_side_does() {
    let origin = echo_tunnel();
    let server = Server::proxying(&origin, WEBSOCKET);
    let client = upgraded(&server);
    drop(client);
    let log = server.wait_file("access.log", |text| text.contains("/ws"));
    assert!(log.contains("\"GET /ws HTTP/1.1\" 101 "), "{log}");

    let closing = Origin::start(|connection| {
        connection.request();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbye");
    });
    let server = Server::proxying(&closing, WEBSOCKET);
    let mut client = server.connect();
    client.send(ASK);
    assert_eq!(client.response().status, 101);
    assert_eq!(client.read_to_end(), b"bye");
}

#[test]
fn a_silent_tunnel_ends_by_the_read_timeout() {
    let origin = echo_tunnel();
    let server =
        Server::proxying(&origin, &WEBSOCKET.replace("proxy_read_timeout 2s", "proxy_read_timeout 1s"));
    let mut client = upgraded(&server);
    // Traffic keeps it open beyond its timeout.
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(300));
        client.send("x");
        assert_eq!(client.read_exact(1), b"x");
    }
    client.expect_close();
}

#[test]
fn the_upgrade_is_not_passed_on_unasked() {
    let origin = echo_tunnel();
    let server = Server::proxying(&origin, WEBSOCKET);
    // The location that does not forward it.
    let response = server.send(ASK.replace("/ws", "/"));
    assert_eq!((response.status, response.text().as_str()), (400, "no upgrade"));
    // An ordinary request to the location that does.
    let plain = server.get("/ws");
    assert_eq!(plain.status, 400);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    let origin = Origin::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = server.connect();
    client.send(ASK);
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
}

#[test]
fn an_unasked_101_is_no_tunnel() {
    let origin = Origin::answering_once(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw",
    );
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.response();
    if crate::support::oracle().is_none() {
        assert_eq!(response.status, 502);
    }
    // Whatever the status is: what the client sends next does not reach the application.
    client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_to_end();
    assert!(origin.requests().iter().all(|r| r.target() != "/smuggled"));
}

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

#[test]
fn what_an_application_said_before_it_closed_arrives() {
    if crate::support::oracle().is_some() {
        // nginx ends with the first send that fails: `differences::HALF_CLOSE`.
        return;
    }
    let size = 20_000_000;
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let setup = Server::setup();
    let _origin = Origin::start_unix(&setup.dir().join("app.sock"), move |connection| {
        connection.request();
        connection.send(SWITCHED);
        connection.send(vec![b'd'; size]);
        tell.lock().unwrap().send(()).unwrap();
    });
    let server = setup.start(&WEBSOCKET.replace("http://{{app}}", "http://unix:{{dir}}/app.sock"));
    let mut client = server.connect();
    client.send(ASK);
    assert_eq!(client.response().status, 101);
    // Read slowly, so that the buffers on the way are full when the application is done.
    let mut got = 0;
    while told.recv_timeout(Duration::from_millis(3)).is_err() {
        got += client.read_some().len();
    }
    // It is gone, and sent to all the same.
    for _ in 0..20 {
        client.send("ping");
    }
    got += client.read_to_end().len();
    assert_eq!(got, size);
}

#[test]
fn a_client_may_end_its_side_of_a_tunnel_first() {
    if crate::support::oracle().is_some() {
        // nginx closes both: `differences::HALF_CLOSE`.
        return;
    }
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send(SWITCHED);
        while !connection.read_raw(1).is_empty() {}
        connection.send("the answer to all of it");
    });
    let server = Server::proxying(&origin, WEBSOCKET);
    let mut client = server.connect();
    client.send(ASK);
    assert_eq!(client.response().status, 101);
    client.send("question").finish();
    assert_eq!(client.read_to_end(), b"the answer to all of it");
}

#[test]
fn the_end_of_a_tunnel_is_logged_as_by_nginx() {
    let origin = echo_tunnel();
    let log = r#"log_format t "$status $request_length"; access_log {{dir}}/t.log t; "#;
    let conf = WEBSOCKET.replace("proxy_read_timeout 2s", "proxy_read_timeout 200ms");
    let server = Server::proxying(&origin, &format!("{log}{conf}"));
    let mut client = upgraded(&server);
    client.send("some bytes more");
    assert_eq!(client.read_exact(15), b"some bytes more");
    client.expect_close();
    let text = server.wait_file("t.log", |text| text.ends_with('\n'));
    // What goes through the tunnel is no part of the request.
    assert_eq!(text, format!("101 {}\n", ASK.len()));
    let text = server.wait_error("while proxying upgraded connection");
    let words = "upstream timed out (110: Connection timed out) while proxying upgraded connection";
    assert!(text.lines().any(|line| line.contains("[info]") && line.contains(words)), "{text}");

    let resetting = Origin::start(|connection| {
        connection.request();
        connection.send(SWITCHED);
        connection.leave_unread();
    });
    let server = Server::proxying(&resetting, WEBSOCKET);
    let mut client = server.connect();
    client.send(ASK);
    assert_eq!(client.response().status, 101);
    client.send("unread");
    client.expect_close();
    let words = "() failed (104: Connection reset by peer) while proxying upgraded connection";
    let text = server.wait_error("while proxying upgraded connection");
    assert!(text.lines().any(|line| line.contains("[error]") && line.contains(words)), "{text}");
}

/// To a client of HTTP/1.0 nothing but the close tells where an answer ends: one that is cut short must not end like a whole one.
#[test]
fn what_is_cut_short_ends_in_a_reset_where_only_the_close_tells() {
    use std::io::Read;
    let app = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let end = if request.target() == "/whole" { "0\r\n\r\n" } else { "no chunk" };
            connection
                .send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{end}"));
        }
    });
    let server = Server::setup().ringx().app(&app).start(
        "server { listen {{port}}; location / { proxy_pass http://{{app}}; }
            location /plain/ { proxy_pass http://{{app}}/; chunked_transfer_encoding off; } }",
    );
    let ask = |request: &str| {
        let mut client = std::net::TcpStream::connect(server.address()).unwrap();
        std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = client.read_to_end(&mut answer);
        (String::from_utf8_lossy(&answer).contains("hello"), end.map_err(|error| error.kind()).err())
    };
    let reset = Some(std::io::ErrorKind::ConnectionReset);
    assert_eq!(ask("GET /whole HTTP/1.0\r\n\r\n"), (true, None));
    assert_eq!(ask("GET /cut HTTP/1.0\r\n\r\n").1, reset);
    assert_eq!(ask("GET /plain/whole HTTP/1.1\r\nHost: h\r\n\r\n"), (true, None));
    assert_eq!(ask("GET /plain/cut HTTP/1.1\r\nHost: h\r\n\r\n").1, reset);
    // Who reads chunks sees it anyway, and all that came.
    assert_eq!(ask("GET /cut HTTP/1.1\r\nHost: h\r\n\r\n"), (true, None));
}
