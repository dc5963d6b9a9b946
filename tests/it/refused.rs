//! Requests that are refused before a location is chosen: their answers, their access log lines, and what the error log
//! says of them.

use std::fmt::Write;

use expect_test::expect;

use crate::support::{Server, get};

#[test]
fn head_has_no_body_whatever_is_wrong() {
    let server = Server::start("server { listen {{port}}; large_client_header_buffers 4 1k; }");
    let mut text = String::new();
    for request in [
        "HEAD / HTTP/9.1\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD / HTTP/2\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.x\r\n\r\n".to_owned(),
        "HEAD / FOO\r\n\r\n".to_owned(),
        "HEAD /\x01 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD /%00 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.1\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n".to_owned(),
        format!("HEAD /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(2000)),
        format!("HEAD / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(2000)),
        "GET / HTTP/9.1\r\n\r\n".to_owned(),
        "head / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ] {
        let answer = server.connect().send(&request).finish().read_to_end();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.lines().next().unwrap_or_default();
        let body = if body.is_empty() { "no body" } else { "body" };
        let request = request.split("\r\n").next().unwrap();
        writeln!(text, "{:.20} -> {status}, {body}", request.replace('\x01', "^A")).unwrap();
    }
    expect![[r#"
        HEAD / HTTP/9.1 -> HTTP/1.1 505 HTTP Version Not Supported, no body
        HEAD / HTTP/2 -> HTTP/1.1 505 HTTP Version Not Supported, no body
        HEAD / HTTP/1.x -> HTTP/1.1 400 Bad Request, no body
        HEAD / FOO -> HTTP/1.1 400 Bad Request, no body
        HEAD /^A HTTP/1.1 -> HTTP/1.1 400 Bad Request, no body
        HEAD /%00 HTTP/1.1 -> HTTP/1.1 400 Bad Request, no body
        HEAD / HTTP/1.1 -> HTTP/1.1 400 Bad Request, no body
        HEAD / HTTP/1.1 -> HTTP/1.1 400 Bad Request, no body
        HEAD / HTTP/1.1 -> HTTP/1.1 501 Not Implemented, no body
        HEAD /xxxxxxxxxxxxxx -> HTTP/1.1 414 Request-URI Too Large, no body
        HEAD / HTTP/1.1 -> HTTP/1.1 400 Bad Request, no body
        GET / HTTP/9.1 -> HTTP/1.1 505 HTTP Version Not Supported, body
        head / HTTP/1.1 -> HTTP/1.1 400 Bad Request, body
        PRI * HTTP/2.0 -> HTTP/1.1 400 Bad Request, body
        TRACE / HTTP/1.1 -> HTTP/1.1 405 Not Allowed, body
    "#]]
    .assert_eq(&text);
}

/// What is known of a refused request is in its access log line, in the log of the server it named.
#[test]
fn the_access_log_of_refused_requests() {
    let server = Server::start(
        r#"log_format f '$request|$status|$request_method|$uri|$args|$host|$http_x|$server_name|$server_protocol|$request_completion|$connection_requests';
        access_log {{dir}}/f.log f;
        server { listen {{port}} default_server; server_name first; }
        server { listen {{port}}; server_name second; error_page 400 =418 /page; location /page { return 200 second; } }"#,
    );
    let mut text = String::new();
    for request in [
        "GET /a?b HTTP/1.1\r\n\r\n",
        "get /a?b HTTP/1.1\r\nHost: second\r\n\r\n",
        "GET /a/../../b HTTP/1.1\r\nHost: second\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nHost: second\r\nX: y\r\nContent-Length: x\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nHost: second\r\nX: y\r\n: z\r\nY: z\r\n\r\n",
        "GET http://second/a?b HTTP/1.1\r\nX: y\r\n\r\n",
        "TRACE /a?b HTTP/1.1\r\nHost: second\r\n\r\n",
        "\r\nGET /x y\r\n\r\n",
    ] {
        let response = server.until_close(server.connect(), request);
        writeln!(text, "{}", response.lines().next().unwrap_or_default()).unwrap();
    }
    text += &server.wait_file("f.log", |text| text.lines().count() == 8);
    expect![[r#"
        HTTP/1.1 400 Bad Request
        HTTP/1.1 400 Bad Request
        HTTP/1.1 400 Bad Request
        HTTP/1.1 418 
        HTTP/1.1 418 
        HTTP/1.1 418 
        HTTP/1.1 405 Not Allowed
        HTTP/1.1 400 Bad Request
        GET /a?b HTTP/1.1|400|GET|/a|b|first|-|first|HTTP/1.1|OK|1
        get /a?b HTTP/1.1|400|-|-|-|first|-|first|-|OK|1
        GET /a/../../b HTTP/1.1|400|GET||-|first|-|first|HTTP/1.1|OK|1
        GET /a?b HTTP/1.1|418|GET|/page|-|second|y|second|HTTP/1.1|OK|1
        GET /a?b HTTP/1.1|418|GET|/page|-|second|y|second|HTTP/1.1|OK|1
        GET http://second/a?b HTTP/1.1|418|GET|/page|-|second|y|second|HTTP/1.1|OK|1
        TRACE /a?b HTTP/1.1|405|TRACE|/a|b|second|-|second|HTTP/1.1|OK|1
        GET /x y|400|-|-|-|first|-|first|-|OK|1
    "#]]
    .assert_eq(&text);
}

/// The error log's words without time and numbers.
fn said(server: &Server, level: &str) -> String {
    let mut out = String::new();
    for line in server.error_log().lines().filter(|line| line.contains(level)) {
        let from = line.find('*').and_then(|at| line[at..].find(' ').map(|end| at + end + 1)).unwrap_or(0);
        out += &server.localised(&line[from..]);
        out.push('\n');
    }
    out
}

#[test]
fn the_error_log_of_refused_requests() {
    let server = Server::start(
        "server { listen {{port}} default_server; server_name first; }
        server { listen {{port}}; server_name second; }",
    );
    for request in [
        "GET / HTTP/9.1\r\nHost: a\r\n\r\n",
        "GET / FOO\r\n\r\n",
        "get / HTTP/1.1\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: second\r\n\r\n",
        "GET /x HTTP/1.1\r\nReferer: http://ref/\r\n\r\n",
        "GET /x HTTP/1.0\r\nHost: second\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: second\r\nContent-Length: 1x\r\n\r\n",
    ] {
        server.until_close(server.connect(), request);
    }
    for unfinished in ["GET /half", "GET /whole HTTP/1.1\r\nHost: se"] {
        let mut client = server.connect();
        client.send(unfinished);
        client.finish();
        client.read_to_end();
        server.wait_error(unfinished.split("\r\n").next().unwrap());
    }
    expect![[r#"
        client closed connection while waiting for request, client: 127.0.0.1, server: 0.0.0.0:{port}
        client sent invalid version while reading client request line, client: 127.0.0.1, server: first, request: "GET / HTTP/9.1"
        client sent invalid request while reading client request line, client: 127.0.0.1, server: first, request: "GET / FOO"
        client sent invalid method while reading client request line, client: 127.0.0.1, server: first, request: "get / HTTP/1.1"
        client sent invalid request while reading client request line, client: 127.0.0.1, server: first, request: "GET /%00 HTTP/1.1"
        client sent HTTP/1.1 request without "Host" header while reading client request headers, client: 127.0.0.1, server: first, request: "GET /x HTTP/1.1", referrer: "http://ref/"
        client sent HTTP/1.0 request with "Transfer-Encoding" header while reading client request headers, client: 127.0.0.1, server: second, request: "GET /x HTTP/1.0", host: "second"
        client sent invalid "Content-Length" header while reading client request headers, client: 127.0.0.1, server: second, request: "GET /x HTTP/1.1", host: "second"
        client prematurely closed connection while reading client request line, client: 127.0.0.1, server: first, request: "GET /half"
        client prematurely closed connection while reading client request headers, client: 127.0.0.1, server: first, request: "GET /whole HTTP/1.1"
    "#]].assert_eq(&said(&server, "[info]"));
}

#[test]
fn the_error_log_of_clients_that_leave() {
    let server = Server::start("server { listen {{port}}; location / { return 204; } }");
    let mut client = server.connect();
    client.send(get("/")).response();
    drop(client);
    server.wait_error("closed keepalive connection");
    drop(server.connect());
    let address = server.address();
    let log = server.wait_error(&format!("server: 0.0.0.0:{}", address.port()));
    let has = |text: &str| log.lines().any(|line| line.contains("[info]") && line.ends_with(text));
    assert!(has(" client 127.0.0.1 closed keepalive connection"), "{log}");
    let text = format!(
        " client closed connection while waiting for request, client: 127.0.0.1, server: 0.0.0.0:{}",
        address.port()
    );
    assert!(has(&text), "{log}");
}

/// What is no UTF-8 is written as it is.
#[test]
fn bytes_in_the_error_log() {
    let server = Server::setup().directory("root").start("server { listen {{port}}; root {{root}}; }");
    server.send(b"GET /f\xe9\xff\xc3\xa9 HTTP/1.1\r\nHost: a\r\nReferer: \xe9\r\n\r\n");
    server.wait_error("referrer");
    let log = std::fs::read(server.dir().join("error.log")).unwrap();
    let has = |bytes: &[u8]| log.windows(bytes.len()).any(|part| part == bytes);
    assert!(has(b"/root/f\xe9\xff\xc3\xa9\" failed"), "{}", log.escape_ascii());
    assert!(has(b"request: \"GET /f\xe9\xff\xc3\xa9 HTTP/1.1\""), "{}", log.escape_ascii());
    assert!(has(b"referrer: \"\xe9\""), "{}", log.escape_ascii());
}
