//! Request bodies that do not come whole, come too fast, or find no room: what the application and the log see of them.

use std::fs;
use std::time::Duration;

use crate::support::{Origin, OriginConnection, Server, oracle};

/// `/` reads the body first, `/stream` passes it on as it comes.
const BOTH: &str = r#"server { listen {{port}}; server_name s; client_body_timeout 10s; client_max_body_size 1m;
    proxy_http_version 1.1;
    location / { client_body_temp_path {{dir}}/bodies; proxy_pass http://{{app}}; }
    location /stream { proxy_request_buffering off; proxy_pass http://{{app}}; } }"#;

#[test]
fn a_chunked_body_that_came_with_its_head_has_a_length() {
    let origin = Origin::ok();
    let server = Server::proxying(&origin, BOTH);
    for path in ["/", "/stream"] {
        let response = server.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        ));
        assert_eq!(response.status, 200);
        let request = origin.last();
        assert_eq!(request.body, b"abcde", "{path}");
        assert_eq!(request.header("content-length").as_deref(), Some("5"), "{path}");
        assert_eq!(request.header("transfer-encoding"), None, "{path}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_body() {
    let (told, heard) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        let whole = connection.request().is_some();
        told.lock().unwrap().send(whole).unwrap();
    });
    let server = Server::proxying(&origin, BOTH);
    for framing in ["Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n64\r\nhalf"] {
        server.connect().send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}"));
        let mut client = server.connect();
        let requests = origin.requests().len();
        client.send(format!("POST /stream HTTP/1.1\r\nHost: a\r\n{framing}"));
        origin.wait_requests(requests + 1);
        assert!(heard.try_recv().is_err(), "the application has it all");
        drop(client);
        let whole = heard.recv_timeout(Duration::from_secs(5)).expect("the application is not told");
        assert!(!whole);
    }
    assert_eq!(
        origin.connections(),
        2,
        "a body that never became whole is none of the application's business"
    );
    let log =
        server.wait_file("error.log", |log| log.matches("client prematurely closed connection").count() == 4);
    assert_eq!(log.matches("client prematurely closed connection, client: ").count(), 2, "{log}");
    let streamed = "client prematurely closed connection while sending request to upstream, client: ";
    assert_eq!(log.matches(streamed).count(), 2, "{log}");
    let access = server.wait_file("access.log", |log| log.lines().count() == 4);
    assert_eq!(access.matches("HTTP/1.1\" 400 0 ").count(), 4, "{access}");
}

#[test]
fn bodies_that_are_refused_are_logged() {
    let origin = Origin::ok();
    let server = Server::proxying(&origin, BOTH);
    for path in ["/", "/stream"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(server.send(format!("{head}zz\r\n")).status, 400);
        let chunk = format!("186a0\r\n{}\r\n", "x".repeat(100_000));
        assert_eq!(server.send(head + &chunk.repeat(12)).status, 413);
    }
    let log =
        server.wait_file("error.log", |log| log.matches("client intended to send too large").count() == 2);
    let lines =
        |text: &str| log.lines().filter(|line| line.contains("[error]") && line.contains(text)).count();
    assert_eq!(lines("client sent invalid chunked body, client: "), 2, "{log}");
    assert_eq!(lines("client intended to send too large chunked body: "), 2, "{log}");
    assert_eq!(lines(" bytes while sending request to upstream, client: "), 1, "{log}");
}

#[test]
fn a_body_that_finds_no_room_is_500() {
    let origin = Origin::ok();
    let server = Server::proxying(&origin, &BOTH.replace("max_body_size 1m", "max_body_size 3m"));
    // The directory becomes something else while the program runs: that stops root too.
    let bodies = server.dir().join("bodies");
    if bodies.exists() {
        fs::remove_dir_all(&bodies).unwrap();
    }
    fs::write(&bodies, "").unwrap();
    let size = 2_000_000;
    let body = "x".repeat(size);
    let post = |path: &str| {
        server.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{body}"))
    };
    assert_eq!(post("/").status, 500);
    assert_eq!(origin.connections(), 0);
    assert_eq!(post("/stream").status, 200, "which needs no file");
    let name = if oracle().is_some() { "/0000000001" } else { "" };
    let log = server.wait_error("[crit]");
    let expected = format!(" open() \"{}{name}\" failed (20: Not a directory), client: ", bodies.display());
    assert!(log.contains(&expected), "{log}");
}

#[test]
fn bodies_of_every_size_arrive_whole() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"log_format bodies "$request_length [$request_body]"; server { listen {{port}}; client_max_body_size 3m;
            client_body_buffer_size 1k; client_body_temp_path {{dir}}/bodies; access_log {{dir}}/bodies.log bodies;
            location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut expected = String::new();
    // In memory, in memory although larger than the buffer, and in a file.
    for size in [1_usize, 1024, 4000, 8192, 70_000, 1 << 20, (1 << 20) + 1, 3 << 20] {
        let body: Vec<u8> = (0..size).map(|at| b'a' + (at % 23) as u8).collect();
        let mut request =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").into_bytes();
        let length = request.len() + size;
        request.extend_from_slice(&body);
        assert_eq!(server.send(request).status, 200, "{size}");
        assert!(origin.last().body == body, "{size}");
        let logged = if size <= 1024 { String::from_utf8(body).unwrap() } else { "-".to_owned() };
        expected.push_str(&format!("{length} [{logged}]\n"));
    }
    let log = server.wait_file("bodies.log", |log| log.lines().count() == 8);
    assert_eq!(log, expected);
}

#[test]
fn an_application_that_refuses_a_body_is_heard() {
    let refuse = |connection: &mut OriginConnection| {
        // Answers without reading the body, and hangs on until the other end has enough of it.
        connection.send("HTTP/1.1 413 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        connection.closed_by_peer();
    };
    let tcp = Origin::start(refuse);
    let setup = Server::setup().app(&tcp);
    let _unix = Origin::start_unix(&setup.dir().join("app.sock"), refuse);
    let server = setup.start(
        r#"server { listen {{port}}; client_max_body_size 0; proxy_http_version 1.1;
        location /tcp/whole { proxy_pass http://{{app}}; }
        location /tcp/stream { proxy_request_buffering off; proxy_pass http://{{app}}; }
        location /unix/whole { proxy_pass http://unix:{{dir}}/app.sock; }
        location /unix/stream { proxy_request_buffering off; proxy_pass http://unix:{{dir}}/app.sock; } }"#,
    );
    let size = 5_000_000;
    let chunks = format!("186a0\r\n{}\r\n", "x".repeat(100_000)).repeat(size / 100_000) + "0\r\n\r\n";
    for path in ["/tcp/whole", "/tcp/stream", "/unix/whole", "/unix/stream"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n");
        let counted = format!("{head}Content-Length: {size}\r\n\r\n{}", "x".repeat(size));
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        for request in [counted, chunked] {
            let response = server.send(request);
            assert_eq!((response.status, response.text().as_str()), (413, "big"), "{path}");
        }
    }
}
