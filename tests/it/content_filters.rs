//! `sub_filter`, `charset`, `add_trailer`: what is replaced in bodies, added to types, and sent behind bodies.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use expect_test::expect;

use crate::support::{DEADLINE, Origin, Server, escape, get, lines};

#[test]
fn sub_filter_replaces_in_files() {
    let server = Server::setup()
        .file("root/a.html", "<HEAD>one</head> two one Two ONE three <b>")
        .file("root/a.txt", "one")
        .file("root/empty.html", "")
        .start(
            r#"types { text/html html; text/plain txt; }
            server { listen {{port}}; root {{root}};
                sub_filter one 1; sub_filter '</head>' '<script src="$uri"></script></head>';
                location /all/ { alias {{root}}/; sub_filter_once off; sub_filter ONE $arg_with; sub_filter two ''; }
                location /inherited/ { alias {{root}}/; sub_filter_once off; sub_filter_last_modified on; }
                location /types/ { alias {{root}}/; sub_filter_types text/plain; }
                location /any/ { alias {{root}}/; sub_filter_types *; }
                location /variable/ { alias {{root}}/; sub_filter $arg_find found; }
                location /first/ { alias {{root}}/; sub_filter two SHORT; sub_filter 'two one' LONG; }
                location /longest/ { alias {{root}}/; sub_filter 'two one' LONG; sub_filter two SHORT; }
                location /return { default_type text/html; return 200 'once one'; } }"#,
        );
    server.check_get(
        "/a.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        <HEAD>1<script src="/a.html"></script></head> two one Two ONE three <b>"#]],
    );
    server.check_get(
        "/inherited/a.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"65937d25-2a"

        <HEAD>1<script src="/inherited/a.html"></script></head> two 1 Two 1 three <b>"#]],
    );
    server.check_get(
        "/return",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        once 1"#]],
    );
    server.check(
        lines("HEAD /a.html HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Connection: keep-alive

    "#]],
    );
    server.check(
        lines("GET /a.html HTTP/1.1\nHost: localhost\nRange: bytes=0-3"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        <HEAD>1<script src="/a.html"></script></head> two one Two ONE three <b>"#]],
    );
    server.check_until_close(
        lines("GET /a.html HTTP/1.0"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Connection: close

        <HEAD>1<script src="/a.html"></script></head> two one Two ONE three <b>
        ~
        {closed}
    "#]],
    );
    let mut text = String::new();
    for path in [
        "/all/a.html?with=1one1",
        "/a.txt",
        "/types/a.txt",
        "/types/a.html",
        "/any/a.txt",
        "/variable/a.html?find=two",
        "/variable/a.html",
        "/first/a.html",
        "/longest/a.html",
        "/empty.html",
    ] {
        let response = server.get(path);
        let length = response.header("content-length");
        text += &format!("{path}: {length} {} {:?}\n", response.header("etag"), response.text());
    }
    expect![[r#"
        /all/a.html?with=1one1:   "<HEAD>1one1</head>  1one1  1one1 three <b>"
        /a.txt: 3 "65937d25-3" "one"
        /types/a.txt:   "1"
        /types/a.html:   "<HEAD>1<script src=\"/types/a.html\"></script></head> two one Two ONE three <b>"
        /any/a.txt:   "1"
        /variable/a.html?find=two:   "<HEAD>one</head> found one Two ONE three <b>"
        /variable/a.html: 42 "65937d25-2a" "<HEAD>one</head> two one Two ONE three <b>"
        /first/a.html:   "<HEAD>one</head> SHORT one LONG three <b>"
        /longest/a.html:   "<HEAD>one</head> LONG SHORT ONE three <b>"
        /empty.html: 0 "65937d25-0" ""
    "#]]
    .assert_eq(&text);
}

#[test]
fn sub_filter_sees_across_the_reads_of_an_answer() {
    let (tell, told) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n",
            );
            connection
                .send("Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\nConnection: close\r\n\r\nhttp://in");
            told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            connection.send("ternal/ and http://internet/ and http://inter");
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; proxy_buffering off; sub_filter_once off;
            sub_filter http://internal/ https://outside/; location / { proxy_pass http://{{app}}; } }",
    );
    let mut client = server.connect();
    client.send(get("/"));
    let mut seen = Vec::new();
    while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
        seen.extend(client.read_some());
    }
    assert_eq!(escape(&super::gzip::dechunk(&seen)), "");
    tell.send(()).unwrap();
    seen.extend(client.read_to_end_of_chunks());
    let body = super::gzip::dechunk(&seen);
    assert_eq!(escape(&body), "https://outside/ and http://internet/ and http://inter");
    let head = String::from_utf8_lossy(&seen).into_owned();
    assert!(
        !head.contains("Last-Modified") && !head.contains("ETag") && head.contains("Accept-Ranges"),
        "{head}"
    );
}

#[test]
fn charset() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let kind = match &request.target()[..] {
                "/named" => "Content-Type: text/html; charset=koi8-r\r\n",
                "/parameter" => "Content-Type: text/html; x=1\r\n",
                "/encoded" => "Content-Type: text/html\r\nContent-Encoding: br\r\n",
                "/none" => "",
                _ => "Content-Type: text/html\r\n",
            };
            connection.send(format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: 2\r\n\r\nok"));
        }
    });
    let server = Server::setup()
        .app(&origin)
        .file("root/a.html", "a")
        .file("root/a.css", "a")
        .file("root/a.js", "a")
        .file("root/a.png", "a")
        .start(
            "types { text/html html; text/css css; application/javascript js; image/png png; }
            server { listen {{port}}; root {{root}}; charset utf-8;
                location /off/ { alias {{root}}/; charset off; }
                location /css/ { alias {{root}}/; charset_types text/css; }
                location /only/ { alias {{root}}/; charset_types text/css; charset koi8-r; }
                location /return { return 200 text; }
                location /moved { return 301 /there; }
                location /app/ { proxy_pass http://{{app}}/; } }",
        );
    let mut text = String::new();
    for path in [
        "/a.html",
        "/a.css",
        "/a.js",
        "/a.png",
        "/off/a.html",
        "/css/a.css",
        "/css/a.js",
        "/only/a.html",
        "/return",
        "/moved",
        "/missing",
        "/app/",
        "/app/named",
        "/app/parameter",
        "/app/encoded",
        "/app/none",
    ] {
        text += &format!("{path}: {:?}\n", server.get(path).headers("content-type"));
    }
    expect![[r#"
        /a.html: ["text/html; charset=utf-8"]
        /a.css: ["text/css"]
        /a.js: ["application/javascript; charset=utf-8"]
        /a.png: ["image/png"]
        /off/a.html: ["text/html"]
        /css/a.css: ["text/css; charset=utf-8"]
        /css/a.js: ["application/javascript"]
        /only/a.html: ["text/html; charset=koi8-r"]
        /return: ["text/plain; charset=utf-8"]
        /moved: ["text/html"]
        /missing: ["text/html; charset=utf-8"]
        /app/: ["text/html; charset=utf-8"]
        /app/named: ["text/html; charset=koi8-r"]
        /app/parameter: ["text/html; x=1"]
        /app/encoded: ["text/html; charset=utf-8"]
        /app/none: []
    "#]]
    .assert_eq(&text);
    server.check(
        lines("GET /a.html HTTP/1.1\nHost: localhost\nRange: bytes=0-0"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: text/html; charset=utf-8
        Content-Length: 1
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-1"
        Content-Range: bytes 0-0/1

        a"#]],
    );
}

#[test]
fn add_trailer() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            match &request.target()[..] {
                "/chunked" => connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                ),
                "/empty" => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                _ => connection.send("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello"),
            };
        }
    });
    let server = Server::setup().app(&origin).file("root/a.txt", "hello").start(
        "types { text/plain txt; }
        server { listen {{port}}; root {{root}}; add_trailer X-Uri $uri; add_trailer X-None $arg_none;
            location /always/ { add_trailer X-Always yes always; add_trailer X-Safe yes; }
            location /silent/ { alias {{root}}/; add_trailer X-None $arg_none; }
            location /return { return 200 text; }
            location /nothing { return 204; }
            location /moved { return 301 /there; }
            location /old/ { alias {{root}}/; chunked_transfer_encoding off; }
            location /app/ { proxy_pass http://{{app}}/; } }",
    );
    let mut text = String::new();
    for request in [
        "GET /a.txt HTTP/1.1\nHost: localhost",
        "HEAD /a.txt HTTP/1.1\nHost: localhost",
        "GET /a.txt HTTP/1.1\nHost: localhost\nRange: bytes=1-2",
        "GET /a.txt HTTP/1.1\nHost: localhost\nIf-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
        "GET /a.txt HTTP/1.0\nHost: localhost",
        "GET /missing HTTP/1.1\nHost: localhost",
        "GET /always/missing HTTP/1.1\nHost: localhost",
        "GET /silent/a.txt HTTP/1.1\nHost: localhost",
        "GET /old/a.txt HTTP/1.1\nHost: localhost",
        "GET /return HTTP/1.1\nHost: localhost",
        "GET /nothing HTTP/1.1\nHost: localhost",
        "GET /moved HTTP/1.1\nHost: localhost",
        "GET /app/ HTTP/1.1\nHost: localhost",
        "GET /app/chunked HTTP/1.1\nHost: localhost",
        "GET /app/empty HTTP/1.1\nHost: localhost",
        "GET /app/ HTTP/1.0\nHost: localhost",
    ] {
        text += &format!(
            "# {}\n{}\n~\n",
            request.replace('\n', " | "),
            server.text(&server.send(lines(request)))
        );
    }
    expect![[r##"
        # GET /a.txt HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: "65937d25-5"
        Accept-Ranges: bytes

        hello{trailer} X-Uri: /a.txt

        ~
        # HEAD /a.txt HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-5"
        Accept-Ranges: bytes


        ~
        # GET /a.txt HTTP/1.1 | Host: localhost | Range: bytes=1-2
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: "65937d25-5"
        Content-Range: bytes 1-2/5

        el{trailer} X-Uri: /a.txt

        ~
        # GET /a.txt HTTP/1.1 | Host: localhost | If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT
        HTTP/1.1 304 Not Modified
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-5"


        ~
        # GET /a.txt HTTP/1.0 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: "65937d25-5"
        Accept-Ranges: bytes

        hello
        ~
        # GET /missing HTTP/1.1 | Host: localhost
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}

        ~
        # GET /always/missing HTTP/1.1 | Host: localhost
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        {page: 404 Not Found}
        {trailer} X-Always: yes

        ~
        # GET /silent/a.txt HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: "65937d25-5"
        Accept-Ranges: bytes

        hello
        ~
        # GET /old/a.txt HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-5"
        Accept-Ranges: bytes

        hello
        ~
        # GET /return HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        text{trailer} X-Uri: /return

        ~
        # GET /nothing HTTP/1.1 | Host: localhost
        HTTP/1.1 204 No Content
        Connection: keep-alive


        ~
        # GET /moved HTTP/1.1 | Host: localhost
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Location: http://localhost:{port}/there
        Transfer-Encoding: chunked
        Connection: keep-alive

        {page: 301 Moved Permanently}
        {trailer} X-Uri: /moved

        ~
        # GET /app/ HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: a/b
        Transfer-Encoding: chunked
        Connection: keep-alive

        hello{trailer} X-Uri: /app/

        ~
        # GET /app/chunked HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: a/b
        Transfer-Encoding: chunked
        Connection: keep-alive

        hello{trailer} X-Uri: /app/chunked

        ~
        # GET /app/empty HTTP/1.1 | Host: localhost
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive

        {trailer} X-Uri: /app/empty

        ~
        # GET /app/ HTTP/1.0 | Host: localhost
        HTTP/1.1 200 OK
        Content-Type: a/b
        Content-Length: 5
        Connection: close

        hello
        ~
    "##]]
    .assert_eq(&text);
}

#[test]
fn several_filters_at_once() {
    let server = Server::setup().file("root/a.html", "<p>one</p>".repeat(50)).start(
        "types { text/html html; }
        server { listen {{port}}; root {{root}}; gzip on; charset utf-8; sub_filter one two; sub_filter_once off;
            add_trailer X-Done $status; add_header X-Own yes; }",
    );
    server.check(
        lines("HEAD /a.html HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html; charset=utf-8
        Connection: keep-alive
        X-Own: yes
        Content-Encoding: gzip

    "#]],
    );
    let response = server.send(lines("GET /a.html HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip"));
    assert_eq!(super::gzip::unzip(&response.body), ("<p>two</p>".repeat(50).into_bytes(), true));
    assert_eq!(response.trailers, [b"X-Done: 200"]);
    let plain = server.get("/a.html");
    assert_eq!(plain.text(), "<p>two</p>".repeat(50));
}
