//! Limits: sizes, times, and how many requests a connection may carry.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::support::{Origin, Server, get, lines, wait_for};

#[test]
fn a_declared_body_that_is_too_large_is_413_before_it_is_read() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"client_max_body_size 100; server { listen {{port}};
            location / { proxy_pass http://{{app}}; }
            location /more/ { client_max_body_size 2k; proxy_pass http://{{app}}; }
            location /off/ { client_max_body_size 0; proxy_pass http://{{app}}; }
            location /text { return 200 "text"; }
        }"#,
    );
    server.check(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n",
        expect![[r#"
        HTTP/1.1 413 Request Entity Too Large
        Content-Type: text/html
        Content-Length: 171+{server}
        Connection: close

        {page: 413 Request Entity Too Large}
    "#]],
    );
    assert_eq!(origin.connections(), 0);
    let posted = |path: &str, size: usize| {
        server
            .send(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{}",
                "x".repeat(size)
            ))
            .status
    };
    assert_eq!(posted("/", 100), 200);
    assert_eq!(posted("/", 101), 413);
    assert_eq!(posted("/more/", 2048), 200);
    assert_eq!(posted("/more/", 2049), 413);
    assert_eq!(posted("/off/", 50_000), 200);
    assert_eq!(posted("/text", 101), 413, "the size is looked at before the content");
    let log = server.wait_error("client intended to send too large body");
    assert!(log.contains("client intended to send too large body: 101 bytes, client: 127.0.0.1"), "{log}");
}

#[test]
fn a_chunked_body_that_grows_too_large_is_413() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        "client_max_body_size 100; server { listen {{port}}; location / { proxy_pass http://{{app}}; } }",
    );
    let mut request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for _ in 0..20 {
        request += "a\r\n0123456789\r\n";
    }
    request += "0\r\n\r\n";
    assert_eq!(server.send(&request).status, 413);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_413_can_be_read_while_the_client_still_sends() {
    let server = Server::start(
        "server { listen {{port}}; client_max_body_size 1k; location / { proxy_pass http://127.0.0.1:{{dead}}; } }",
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    // Sends on, as browsers do: the answer must not be lost in a reset.
    client.send(vec![b'x'; 1_000_000]);
    let response = client.response();
    assert_eq!(response.status, 413);
    assert_eq!(response.header("connection"), "close");
    assert!(!response.incomplete);
}

#[test]
fn a_request_line_that_is_too_long_is_414() {
    let server = Server::start(
        "client_header_buffer_size 1k; large_client_header_buffers 2 2k; server { listen {{port}}; return 200 ok; }",
    );
    let asked =
        |length: usize| server.send(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length)));
    assert_eq!(asked(900).status, 200);
    assert_eq!(asked(1900).status, 200);
    let response = asked(2100);
    expect![[r#"
        HTTP/1.1 414 Request-URI Too Large
        Content-Type: text/html
        Content-Length: 165+{server}
        Connection: close

        {page: 414 Request-URI Too Large}
    "#]]
    .assert_eq(&server.text(&response));
    server.wait_error("client sent too long URI while reading client request");
}

#[test]
fn headers_that_are_too_large_are_400() {
    let server = Server::start(
        "client_header_buffer_size 1k; large_client_header_buffers 2 2k; server { listen {{port}}; return 200 ok; }",
    );
    let one = |length: usize| {
        server.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(length)))
    };
    assert_eq!(one(900).status, 200);
    assert_eq!(one(1900).status, 200);
    expect![[r#"
        HTTP/1.1 400 Bad Request
        Content-Type: text/html
        Content-Length: 221+{server}
        Connection: close

        <html>\r
        <head><title>400 Request Header Or Cookie Too Large</title></head>\r
        <body>\r
        <center><h1>400 Bad Request</h1></center>\r
        <center>Request Header Or Cookie Too Large</center>\r
        <hr><center>{server}</center>\r
        </body>\r
        </html>\r
    "#]]
    .assert_eq(&server.text(&one(2100)));
    let many = server.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X-Part: 0123456789012345678901234567890123456789\r\n".repeat(120)
    ));
    assert_eq!(many.status, 400);
    server.wait_error("client sent too long header line");
}

#[test]
fn the_default_buffers_take_eight_kilobytes_a_line() {
    let server = Server::start("server { listen {{port}}; return 200 ok; }");
    let line = |length: usize| {
        server.send(format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", "x".repeat(length))).status
    };
    assert_eq!(line(8000), 200);
    assert_eq!(line(8300), 400);
    let target = |length: usize| {
        server.send(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length))).status
    };
    assert_eq!(target(8000), 200);
    assert_eq!(target(8300), 414);
    // Four such lines fit into the four buffers.
    let four =
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X-L: {}\r\n", "y".repeat(7000)).repeat(4));
    assert_eq!(server.send(four).status, 200);
    let six =
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X-L: {}\r\n", "y".repeat(7000)).repeat(6));
    assert_eq!(server.send(six).status, 400);
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let server =
        Server::start("server { listen {{port}}; location / { return 200 \"$request_uri|$http_x_a\"; } }");
    let mut client = server.connect();
    for byte in "GET /slow?x=%20 HTTP/1.1\r\nHost: a\r\nX-A: b c\r\n\r\n".bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "/slow?x=%20|b c");
}

#[test]
fn client_header_timeout_closes() {
    let server = Server::start("client_header_timeout 400ms; server { listen {{port}}; return 200 ok; }");
    for start in ["", "GET / HTTP/1.1\r\nHost: a\r\nX"] {
        let since = Instant::now();
        let mut client = server.connect();
        client.send(start);
        // nginx says nothing and closes; 408 would be right too.
        let rest = client.read_to_end();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
        assert!(since.elapsed() >= Duration::from_millis(300), "after {:?}", since.elapsed());
    }
}

#[test]
fn client_body_timeout_is_408() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"client_body_timeout 400ms; log_format s "$status"; access_log {{dir}}/s.log s;
        server { listen {{port}}; location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    let rest = client.read_to_end();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    assert_eq!(server.wait_file("s.log", |text| !text.is_empty()), "408\n");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn keepalive_timeout_closes_an_idle_connection() {
    let server = Server::start(
        r#"server { listen {{port}}; keepalive_timeout 400ms; location / { return 200 ok; } }
        server { listen {{port2}}; keepalive_timeout 0; location / { return 200 ok; } }
        server { listen {{port3}}; keepalive_timeout 60s 30s; location / { return 200 ok; } }"#,
    );
    let mut client = server.connect();
    let since = Instant::now();
    assert_eq!(client.send(get("/")).response().header("connection"), "keep-alive");
    client.expect_close();
    assert!(since.elapsed() >= Duration::from_millis(300));
    let zero = server.send_to("port2", get("/"));
    assert_eq!(zero.header("connection"), "close");
    let response = server.send_to("port3", get("/"));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive
        Keep-Alive: timeout=30

        ok"#]]
    .assert_eq(&server.text(&response));
}

#[test]
fn keepalive_requests_bound_a_connection() {
    let server =
        Server::start("server { listen {{port}}; keepalive_requests 3; location / { return 200 ok; } }");
    let mut client = server.connect();
    assert_eq!(client.send(get("/")).response().header("connection"), "keep-alive");
    assert_eq!(client.send(get("/")).response().header("connection"), "keep-alive");
    assert_eq!(client.send(get("/")).response().header("connection"), "close");
    client.expect_close();
}

#[test]
fn everything_on_a_connection_until_it_closes() {
    let server = Server::start(
        "server { listen {{port}}; keepalive_requests 2; location / { return 200 ok; } location /no { return 403; } }",
    );
    server.check_until_close(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /no HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 2
            Connection: keep-alive

            ok
            ~
            HTTP/1.1 403 Forbidden
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: close

            {page: 403 Forbidden}

            ~
            {closed}
        "#]],
    );
    server.check_until_close(
        "GET / HTTP/1.0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 2
        Connection: close

        ok
        ~
        {closed}
    "#]],
    );
    server.check_until_close(
        "BAD\r\n\r\n",
        expect![[r#"
        HTTP/1.1 400 Bad Request
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: close

        {page: 400 Bad Request}

        ~
        {closed}
    "#]],
    );
}

#[test]
fn who_wants_to_close_and_who_to_stay() {
    let server = Server::start("server { listen {{port}}; return 200 ok; }");
    let mut text = String::new();
    for request in [
        "GET / HTTP/1.1\nHost: a",
        "GET / HTTP/1.1\nHost: a\nConnection: close",
        "GET / HTTP/1.1\nHost: a\nConnection: Close",
        "GET / HTTP/1.1\nHost: a\nConnection: keep-alive",
        "GET / HTTP/1.1\nHost: a\nConnection: x, close",
        "GET / HTTP/1.1\nHost: a\nConnection: upgrade",
        "GET / HTTP/1.0",
        "GET / HTTP/1.0\nConnection: keep-alive",
        "GET / HTTP/1.0\nConnection: Keep-Alive",
        "GET / HTTP/1.0\nConnection: close",
        "GET / HTTP/1.1\nHost: a\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0)",
    ] {
        let response = server.send(lines(request));
        text += &format!("{} -> {:?}\n", request.replace('\n', " | "), response.headers("connection"));
    }
    expect![[r#"
        GET / HTTP/1.1 | Host: a -> ["keep-alive"]
        GET / HTTP/1.1 | Host: a | Connection: close -> ["close"]
        GET / HTTP/1.1 | Host: a | Connection: Close -> ["close"]
        GET / HTTP/1.1 | Host: a | Connection: keep-alive -> ["keep-alive"]
        GET / HTTP/1.1 | Host: a | Connection: x, close -> ["close"]
        GET / HTTP/1.1 | Host: a | Connection: upgrade -> ["keep-alive"]
        GET / HTTP/1.0 -> ["close"]
        GET / HTTP/1.0 | Connection: keep-alive -> ["keep-alive"]
        GET / HTTP/1.0 | Connection: Keep-Alive -> ["keep-alive"]
        GET / HTTP/1.0 | Connection: close -> ["close"]
        GET / HTTP/1.1 | Host: a | User-Agent: Mozilla/4.0 (compatible; MSIE 6.0) -> ["keep-alive"]
    "#]]
    .assert_eq(&text);
}

#[test]
fn keepalive_disable_is_accepted() {
    let server = Server::start("keepalive_disable none; server { listen {{port}}; return 200 ok; }");
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    });
    let server = Server::setup().app(&origin).file("root/f.txt", "file").start(
        r#"server { listen {{port}}; location / { proxy_pass http://{{app}}; } location /r { return 200 "return"; } location /f { alias {{root}}/f.txt; } }"#,
    );
    let mut client = server.connect();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /r HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         GET /f HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n\
         HEAD /r HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /5 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let mut seen = Vec::new();
    for method in ["GET", "GET", "POST", "GET", "POST", "HEAD", "GET"] {
        seen.push(client.response_to(method).unwrap().text());
    }
    assert_eq!(seen, ["/1", "return", "/2", "file", "/3", "", "/4"]);
    client.expect_close();
    assert!(origin.requests().iter().all(|r| r.target() != "/5"), "nothing counts after close");
}

#[test]
fn many_pipelined_requests_in_one_packet() {
    let server = Server::start("server { listen {{port}}; location / { return 200 \"$request_uri\"; } }");
    let mut client = server.connect();
    let all: String = (0..200).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all);
    for i in 0..200 {
        assert_eq!(client.response().text(), format!("/{i}"));
    }
}

#[test]
fn a_body_that_nobody_wants_is_read_away() {
    let server = Server::setup().file("root/a.txt", "file").start(
        r#"server { listen {{port}}; root {{root}}; location /r { return 200 "r"; } location /n { return 404; } }"#,
    );
    let mut client = server.connect();
    for (path, status) in [("/r", 200), ("/n", 404), ("/a.txt", 405), ("/missing", 404)] {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: "
        ));
        assert_eq!(client.response().status, status);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ));
        assert_eq!(client.response().status, status);
    }
    assert_eq!(client.send(get("/a.txt")).response().text(), "file");
    // With a body the file is served all the same.
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().text(), "file");
    assert_eq!(client.send(get("/a.txt")).response().text(), "file");
}

#[test]
fn fields_that_mean_one_thing_come_once() {
    let server = Server::start("server { listen {{port}}; location / { return 200 ok; } }");
    let mut text = String::new();
    for field in [
        "If-Match: \"x\"",
        "If-None-Match: \"x\"",
        "If-Modified-Since: x",
        "If-Unmodified-Since: x",
        "If-Range: x",
        "Content-Range: bytes 0-1/2",
        "Expect: x",
        "Authorization: x",
        "Range: bytes=0-1",
        "User-Agent: x",
        "Cookie: a=b",
        "Content-Type: x",
        "Upgrade: x",
    ] {
        let response = server.send(lines(&format!("GET / HTTP/1.1\nHost: a\n{field}\n{field}")));
        text += &format!("{field} twice -> {}\n", response.status);
    }
    expect![[r#"
        If-Match: "x" twice -> 400
        If-None-Match: "x" twice -> 400
        If-Modified-Since: x twice -> 400
        If-Unmodified-Since: x twice -> 400
        If-Range: x twice -> 400
        Content-Range: bytes 0-1/2 twice -> 400
        Expect: x twice -> 400
        Authorization: x twice -> 400
        Range: bytes=0-1 twice -> 200
        User-Agent: x twice -> 200
        Cookie: a=b twice -> 200
        Content-Type: x twice -> 200
        Upgrade: x twice -> 200
    "#]]
    .assert_eq(&text);
}

#[test]
fn blank_lines_before_a_request_are_skipped() {
    let server = Server::start("server { listen {{port}}; return 200 ok; }");
    let mut client = server.connect();
    client.send("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
    client.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn send_timeout_ends_a_client_that_does_not_read() {
    let server = Server::setup().file("root/big", vec![b'x'; 30_000_000]).start(
        r#"log_format s "$status $bytes_sent"; access_log {{dir}}/s.log s; send_timeout 500ms;
        server { listen {{port}}; root {{root}}; }"#,
    );
    let mut client = server.connect();
    client.send(get("/big"));
    let log = server.wait_file("s.log", |text| !text.is_empty());
    assert!(log.starts_with("200 "), "{log}");
    let sent: usize = log.trim().split(' ').next_back().unwrap().parse().unwrap();
    assert!(sent < 30_000_000, "{log}");
}

#[test]
fn lingering_close_directives_are_accepted() {
    let server = Server::start(
        "lingering_close always; lingering_time 2s; lingering_timeout 1s; server { listen {{port}}; return 200 ok; }",
    );
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn idle_connections_make_room() {
    let server = Server::start(
        "worker_processes 1; pid {{dir}}/server.pid; error_log {{dir}}/error.log info;
         events { worker_connections 24; }
         http { access_log off; server { listen {{port}}; location / { return 200 ok; } } }",
    );
    let mut idle = Vec::new();
    for _ in 0..60 {
        let mut client = server.connect();
        assert_eq!(client.send(get("/")).response().text(), "ok");
        idle.push(client);
    }
    // Connections that never sent anything are idle too.
    for _ in 0..60 {
        idle.push(server.connect());
    }
    assert_eq!(server.get("/").text(), "ok");
}

/// Those that are in the middle of a request make none: the newest is closed, and who has a place keeps it.
#[test]
fn more_than_worker_connections_are_closed() {
    let answer = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&answer);
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            let told = || (told.load(Ordering::Relaxed)).then_some(());
            wait_for("permission to answer", told);
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    let server = Server::setup().ringx().app(&origin).start(
        "worker_processes 1; pid {{dir}}/server.pid; error_log {{dir}}/error.log info;
         events { worker_connections 24; }
         http { access_log off; server { listen {{port}}; location / { proxy_pass http://{{app}}; } } }",
    );
    let ask = || {
        let mut client = server.connect();
        client.send(get("/"));
        client
    };
    let mut clients: Vec<_> = (0..24).map(|_| ask()).collect();
    origin.wait_requests(24);
    for mut more in (0..40).map(|_| ask()).collect::<Vec<_>>() {
        more.expect_close();
    }
    server.wait_error("24 worker_connections are not enough");
    answer.store(true, Ordering::Relaxed);
    let answered = clients.iter_mut().filter_map(|client| client.response_to("GET")).count();
    assert_eq!(answered, 24);
    assert_eq!(origin.requests().len(), 24);
    drop(clients);
    wait_for("room", || server.connect().send(get("/")).response_to("GET"));
}

/// A client that always has another request there, and reads every answer, does not keep the core to itself.
#[test]
fn pipelined_requests_let_others_have_their_turn() {
    let server = Server::setup()
        .ringx()
        .start("keepalive_requests 1000000000; access_log off; server { listen {{port}}; return 200 ok; }");
    let mut other = server.connect();
    let (mut requests, mut answers) = {
        let socket = std::net::TcpStream::connect(server.address()).unwrap();
        (socket.try_clone().unwrap(), socket)
    };
    let many = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5000);
    let sender = std::thread::spawn(move || while requests.write_all(many.as_bytes()).is_ok() {});
    let ended = answers.try_clone().unwrap();
    let mut first = [0; 64];
    answers.read_exact(&mut first).unwrap();
    let reader = std::thread::spawn(move || {
        let mut chunk = vec![0; 1 << 20];
        while answers.read(&mut chunk).is_ok_and(|count| count > 0) {}
    });
    for _ in 0..20 {
        assert_eq!(other.send(get("/")).response().text(), "ok");
    }
    ended.shutdown(std::net::Shutdown::Both).unwrap();
    sender.join().unwrap();
    reader.join().unwrap();
}

/// A chunked body is refused at the size of the chunk that is too much, before its data.
#[test]
fn chunked_bodies_that_are_refused() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"log_format f '$request_uri $status $request_length $content_length'; access_log {{dir}}/f.log f;
        client_max_body_size 10;
        server { listen {{port}}; location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut text = String::new();
    for (path, body) in [
        ("/ok", "5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"),
        ("/second", "5\r\nabcde\r\n7\r\nabcdefg\r\n0\r\n\r\n"),
        ("/announced", "5\r\nabcde\r\n7000000\r\nx"),
        ("/first", "b\r\nabcdefghijk\r\n0\r\n\r\n"),
        ("/bad", "5\r\nabcde\r\nzz\r\n"),
    ] {
        let mut client = server.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        text += &format!("{}\n", client.response().status);
    }
    text += &server.wait_file("f.log", |text| text.lines().count() == 5);
    for line in server.error_log().lines().filter(|line| line.contains("[error]")) {
        text += line.split_once("client ").map_or(line, |(_, words)| words);
        text.push('\n');
    }
    expect![[r#"
        200
        413
        413
        413
        400
        /ok 200 83 10
        /second 413 62 5
        /announced 413 65 5
        /first 413 61 0
        /bad 400 59 5
        intended to send too large chunked body: 5+7 bytes, client: 127.0.0.1, server: , request: "POST /second HTTP/1.1", host: "a"
        intended to send too large chunked body: 5+117440512 bytes, client: 127.0.0.1, server: , request: "POST /announced HTTP/1.1", host: "a"
        intended to send too large chunked body: 0+11 bytes, client: 127.0.0.1, server: , request: "POST /first HTTP/1.1", host: "a"
        sent invalid chunked body, client: 127.0.0.1, server: , request: "POST /bad HTTP/1.1", host: "a"
    "#]].assert_eq(&text);
}
