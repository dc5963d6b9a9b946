//! What else of the request and the answer the proxy's directives change: `proxy_set_body` and what follows.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;

use expect_test::expect;

use crate::command_line::first_error;
use crate::support::{Origin, Server, get};

#[test]
fn the_body_may_be_the_configurations() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        "server {
             listen {{port}};
             client_body_buffer_size 1k;
             location / { proxy_set_body 'uri $uri, length $content_length'; proxy_pass http://{{app}}; }
             location /empty { proxy_set_body $arg_b; proxy_pass http://{{app}}; }
             location /off { proxy_set_body set; proxy_pass_request_body off; proxy_pass http://{{app}}; }
             location /header { proxy_set_body set; proxy_set_header Content-Length 100; proxy_pass http://{{app}}; }
             location /stream { proxy_set_body set; proxy_request_buffering off; proxy_pass http://{{app}}; }
             location /method { proxy_set_body set; proxy_method PUT; proxy_pass http://{{app}}; }
             location /long { proxy_set_body '{{long}}'; proxy_pass http://{{app}}; }
         }"
        .replace("{{long}}", &"0123456789".repeat(400))
        .as_str(),
    );
    let mut text = String::new();
    let post = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for request in [
        get("/a"),
        post("/b", "twelve bytes"),
        post("/large", &"x".repeat(5000)),
        "POST /chunked HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        get("/empty"),
        get("/empty?b=1"),
        post("/off", "abc"),
        post("/stream", "abc"),
        get("/method"),
    ] {
        assert_eq!(server.send(request).status, 200);
        writeln!(text, "{}", server.received(&origin.last())).unwrap();
    }
    expect![[r#"
        GET /a HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 15

        uri /a, length 
        POST /b HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 17

        uri /b, length 12
        POST /large HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 23

        uri /large, length 5000
        POST /chunked HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 22

        uri /chunked, length 3
        GET /empty HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 0


        GET /empty?b=1 HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 1

        1
        POST /off HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
        POST /stream HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
        PUT /method HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
    "#]]
    .assert_eq(&text);
    server.get("/long");
    assert_eq!(origin.last().body, "0123456789".repeat(400).as_bytes());
}

/// An app that says from where it is asked, one request a connection.
fn mirror() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let from = stream.peer_addr().unwrap().ip().to_string();
                let mut request = [0; 4096];
                while matches!(std::io::Read::read(&mut stream, &mut request), Ok(1..)) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{from}", from.len());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn connections_come_from_where_they_are_to() {
    let app = mirror();
    let server = Server::setup().value("mirror", &app.to_string()).start(
        "proxy_bind 127.0.0.2;
         server {
             listen {{port}};
             location / { proxy_pass http://{{mirror}}; }
             location /off { proxy_bind off; proxy_pass http://{{mirror}}; }
             location /variable { proxy_bind $arg_from; proxy_pass http://{{mirror}}; }
             location /port { proxy_bind ${arg_from}:{{dead}}; proxy_pass http://{{mirror}}; }
             location /transparent { proxy_bind 127.0.0.5 transparent; proxy_pass http://{{mirror}}; }
             location /nobody { proxy_bind 192.0.2.77; proxy_pass http://{{mirror}}; }
             location /family { proxy_bind ::1; proxy_pass http://{{mirror}}; }
         }",
    );
    // Each twice: a connection that is kept is of use only to those who would open one like it.
    expect![[r#"
        / -> 200 127.0.0.2
        /off -> 200 127.0.0.1
        /variable?from=127.0.0.3 -> 200 127.0.0.3
        / -> 200 127.0.0.2
        /off -> 200 127.0.0.1
        /variable?from=127.0.0.3 -> 200 127.0.0.3
        /variable -> 200 127.0.0.1
        /variable?from=nowhere -> 200 127.0.0.1
        /variable?from=127.0.0.4 -> 200 127.0.0.4
        /port?from=127.0.0.6 -> 200 127.0.0.6
        /transparent -> 200 127.0.0.5
        /nobody -> 500
        /family -> 500
    "#]]
    .assert_eq(&server.table(&[
        "/",
        "/off",
        "/variable?from=127.0.0.3",
        "/",
        "/off",
        "/variable?from=127.0.0.3",
        "/variable",
        "/variable?from=nowhere",
        "/variable?from=127.0.0.4",
        "/port?from=127.0.0.6",
        "/transparent",
        "/nobody",
        "/family",
    ]));
    let log = server.error_log();
    for expected in [
        "[error] {}invalid local address \"nowhere\"",
        "[crit] {}bind(192.0.2.77) failed (99: Cannot assign requested address) while connecting to upstream",
    ] {
        let (level, message) = expected.split_once("{}").unwrap();
        assert!(
            log.lines().any(|line| line.contains(level) && line.contains(message)),
            "{expected} in {log}"
        );
    }
}

#[test]
fn mistakes() {
    let mut text = String::new();
    for directive in [
        "proxy_bind 127.0.0.1 foo;",
        "proxy_bind foo;",
        "proxy_bind off; proxy_bind off;",
        "proxy_bind off transparent;",
        "proxy_bind unix:/x;",
        "proxy_bind 127.0.0.1:0;",
        "proxy_set_body a; proxy_set_body b;",
        "uwsgi_bind 1.2.3;",
        "fastcgi_limit_rate many;",
        "limit_rate 10x;",
        "limit_rate 1; limit_rate 1;",
    ] {
        let conf = format!("events {{}} http {{ {directive} }}");
        writeln!(text, "{directive}\n    {}", first_error(&conf)).unwrap();
    }
    expect![[r#"
        proxy_bind 127.0.0.1 foo;
            {name}: [emerg] invalid parameter "foo" in {dir}/server.conf:1
        proxy_bind foo;
            {name}: [emerg] invalid address "foo" in {dir}/server.conf:1
        proxy_bind off; proxy_bind off;
            {name}: [emerg] "proxy_bind" directive is duplicate in {dir}/server.conf:1
        proxy_bind off transparent;
            {name}: [emerg] invalid address "off" in {dir}/server.conf:1
        proxy_bind unix:/x;
            {name}: [emerg] invalid address "unix:/x" in {dir}/server.conf:1
        proxy_bind 127.0.0.1:0;
            {name}: [emerg] invalid address "127.0.0.1:0" in {dir}/server.conf:1
        proxy_set_body a; proxy_set_body b;
            {name}: [emerg] "proxy_set_body" directive is duplicate in {dir}/server.conf:1
        uwsgi_bind 1.2.3;
            {name}: [emerg] invalid address "1.2.3" in {dir}/server.conf:1
        fastcgi_limit_rate many;
            {name}: [emerg] "fastcgi_limit_rate" directive invalid value in {dir}/server.conf:1
        limit_rate 10x;
            {name}: [emerg] "limit_rate" directive invalid value in {dir}/server.conf:1
        limit_rate 1; limit_rate 1;
            {name}: [emerg] "limit_rate" directive is duplicate in {dir}/server.conf:1
    "#]]
    .assert_eq(&text);
}
