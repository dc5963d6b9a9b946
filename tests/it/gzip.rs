//! `gzip`, `gzip_static`, `gunzip`: heads byte for byte, bodies after decompression.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::support::{DEADLINE, Origin, Response, Server, escape, get};

/// What these gzip bytes hold; whether they are whole.
pub fn unzip(packed: &[u8]) -> (Vec<u8>, bool) {
    let mut inflate = Inflate::new(true, 15 + 16);
    let mut out = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (read, made) = (inflate.total_in() as usize, inflate.total_out());
        let status = inflate.decompress(&packed[read..], &mut buffer, InflateFlush::SyncFlush).unwrap();
        let count = (inflate.total_out() - made) as usize;
        out.extend_from_slice(&buffer[..count]);
        if status == Status::StreamEnd {
            assert_eq!(inflate.total_in() as usize, packed.len(), "bytes behind the end");
            return (out, true);
        }
        if count == 0 && inflate.total_in() as usize == read {
            return (out, false);
        }
    }
}

/// An answer to `path` with these request headers, its body unpacked.
fn ask(server: &Server, path: &str, headers: &str) -> Response {
    let mut response = server.send(request("GET", path, headers));
    if response.header("content-encoding") == "gzip" && response.body.starts_with(b"\x1f\x8b") {
        let (body, whole) = unzip(&response.body);
        assert!(whole, "the compressed body has no end");
        response.body = [b"{gzip} ", &body[..]].concat();
    }
    response
}

fn request(method: &str, path: &str, headers: &str) -> String {
    let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn check(server: &Server, path: &str, headers: &str, expected: Expect) {
    expected.assert_eq(&server.text(&ask(server, path, headers)));
}

/// One line a case: what the head says about the body.
fn summary(response: &Response) -> String {
    let packed = response.body.starts_with(b"{gzip} ") || response.body.starts_with(b"\x1f\x8b");
    let mut text = format!("{}{}", response.status, if packed { " packed" } else { "" });
    // Our own page of an error names the product.
    let own_page = response.text().contains("<hr><center>");
    let length = if own_page { "" } else { "content-length" };
    for name in [length, "content-encoding", "vary", "etag", "accept-ranges"] {
        for value in response.headers(name) {
            text += &format!(", {name} {value}");
        }
    }
    text
}

const ACCEPT: &str = "Accept-Encoding: gzip";

fn text(len: usize) -> String {
    (0..len / 8).map(|i| format!("{:07} ", (i * i) % 99_991)).collect()
}

#[test]
fn a_file_is_compressed() {
    let server = Server::setup()
        .file("root/page.html", text(600))
        .file("root/style.css", text(600))
        .file("root/tiny.html", "tiny")
        .file("root/large.html", text(400_000))
        .start(
            "types { text/html html; text/css css; }
             server { listen {{port}}; root {{root}}; gzip on; gzip_vary on; add_header X-Own yes;
                location /css { alias {{root}}; gzip_types text/css; }
                location /novary { alias {{root}}; gzip_vary off; }
                location /off { alias {{root}}; gzip off; } }",
        );
    check(
        &server,
        "/page.html",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: W/"65937d25-258"
        X-Own: yes
        Content-Encoding: gzip

        {gzip} 0000000 0000001 0000004 0000009 0000016 0000025 0000036 0000049 0000064 0000081 0000100 0000121 0000144 0000169 0000196 0000225 0000256 0000289 0000324 0000361 0000400 0000441 0000484 0000529 0000576 0000625 0000676 0000729 0000784 0000841 0000900 0000961 0001024 0001089 0001156 0001225 0001296 0001369 0001444 0001521 0001600 0001681 0001764 0001849 0001936 0002025 0002116 0002209 0002304 0002401 0002500 0002601 0002704 0002809 0002916 0003025 0003136 0003249 0003364 0003481 0003600 0003721 0003844 0003969 0004096 0004225 0004356 0004489 0004624 0004761 0004900 0005041 0005184 0005329 0005476 "#]],
    );
    check(
        &server,
        "/page.html",
        "",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 600
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: "65937d25-258"
        X-Own: yes
        Accept-Ranges: bytes

        0000000 0000001 0000004 0000009 0000016 0000025 0000036 0000049 0000064 0000081 0000100 0000121 0000144 0000169 0000196 0000225 0000256 0000289 0000324 0000361 0000400 0000441 0000484 0000529 0000576 0000625 0000676 0000729 0000784 0000841 0000900 0000961 0001024 0001089 0001156 0001225 0001296 0001369 0001444 0001521 0001600 0001681 0001764 0001849 0001936 0002025 0002116 0002209 0002304 0002401 0002500 0002601 0002704 0002809 0002916 0003025 0003136 0003249 0003364 0003481 0003600 0003721 0003844 0003969 0004096 0004225 0004356 0004489 0004624 0004761 0004900 0005041 0005184 0005329 0005476 "#]],
    );
    check(
        &server,
        "/tiny.html",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 4
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-4"
        X-Own: yes
        Accept-Ranges: bytes

        tiny"#]],
    );
    let mut lines = String::new();
    for path in
        ["/style.css", "/css/style.css", "/novary/page.html", "/off/page.html", "/large.html", "/none"]
    {
        lines += &format!("{path}: {}\n", summary(&ask(&server, path, ACCEPT)));
    }
    expect![[r#"
        /style.css: 200, content-length 600, etag "65937d25-258", accept-ranges bytes
        /css/style.css: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        /novary/page.html: 200 packed, content-encoding gzip, etag W/"65937d25-258"
        /off/page.html: 200, content-length 600, etag "65937d25-258", accept-ranges bytes
        /large.html: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-61a80"
        /none: 404 packed, content-encoding gzip, vary Accept-Encoding
    "#]]
    .assert_eq(&lines);
    let large = ask(&server, "/large.html", ACCEPT);
    assert!(large.body == format!("{{gzip}} {}", text(400_000)).into_bytes());
    assert!(large.chunks.iter().sum::<usize>() < 400_000 / 2, "what was sent is hardly smaller");
}

#[test]
fn methods_conditions_and_ranges() {
    let server = Server::setup()
        .file("root/page.html", text(600))
        .start("types { text/html html; } server { listen {{port}}; root {{root}}; gzip on; gzip_vary on; }");
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: W/"65937d25-258"
        Content-Encoding: gzip

    "#]]
    .assert_eq(&server.text(&server.send(request("HEAD", "/page.html", ACCEPT))));
    let with = |line: &str| format!("{ACCEPT}\n{line}");
    check(
        &server,
        "/page.html",
        &with("If-None-Match: W/\"6593813d-258\""),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: W/"65937d25-258"
        Content-Encoding: gzip

        {gzip} 0000000 0000001 0000004 0000009 0000016 0000025 0000036 0000049 0000064 0000081 0000100 0000121 0000144 0000169 0000196 0000225 0000256 0000289 0000324 0000361 0000400 0000441 0000484 0000529 0000576 0000625 0000676 0000729 0000784 0000841 0000900 0000961 0001024 0001089 0001156 0001225 0001296 0001369 0001444 0001521 0001600 0001681 0001764 0001849 0001936 0002025 0002116 0002209 0002304 0002401 0002500 0002601 0002704 0002809 0002916 0003025 0003136 0003249 0003364 0003481 0003600 0003721 0003844 0003969 0004096 0004225 0004356 0004489 0004624 0004761 0004900 0005041 0005184 0005329 0005476 "#]],
    );
    check(
        &server,
        "/page.html",
        &with("If-None-Match: \"6593813d-258\""),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: W/"65937d25-258"
        Content-Encoding: gzip

        {gzip} 0000000 0000001 0000004 0000009 0000016 0000025 0000036 0000049 0000064 0000081 0000100 0000121 0000144 0000169 0000196 0000225 0000256 0000289 0000324 0000361 0000400 0000441 0000484 0000529 0000576 0000625 0000676 0000729 0000784 0000841 0000900 0000961 0001024 0001089 0001156 0001225 0001296 0001369 0001444 0001521 0001600 0001681 0001764 0001849 0001936 0002025 0002116 0002209 0002304 0002401 0002500 0002601 0002704 0002809 0002916 0003025 0003136 0003249 0003364 0003481 0003600 0003721 0003844 0003969 0004096 0004225 0004356 0004489 0004624 0004761 0004900 0005041 0005184 0005329 0005476 "#]],
    );
    let whole = ask(&server, "/page.html", &with("Range: bytes=0-9"));
    expect![[r#"200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258""#]]
        .assert_eq(&summary(&whole));
    let plain = ask(&server, "/page.html", "Range: bytes=0-9");
    expect![[r#"206, content-length 10, vary Accept-Encoding, etag "65937d25-258""#]]
        .assert_eq(&summary(&plain));
}

#[test]
fn http10_closes() {
    let server = Server::setup().file("root/page.html", text(600)).start(
        "types { text/html html; } server { listen {{port}}; root {{root}}; gzip on;
            location /old/ { alias {{root}}/; gzip_http_version 1.0; } }",
    );
    let old = |path: &str| {
        format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n")
    };
    expect![[r#"200, content-length 600, etag "65937d25-258", accept-ranges bytes"#]]
        .assert_eq(&summary(&server.send(old("/page.html"))));
    let mut client = server.connect();
    client.send(old("/old/page.html"));
    let response = client.response();
    assert_eq!(unzip(&response.body), (text(600).into_bytes(), true));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: W/"65937d25-258"
        Content-Encoding: gzip

    "#]]
    .assert_eq(&server.text(&Response { body: Vec::new(), ..response }));
}

#[test]
fn who_gets_it() {
    let server = Server::setup().file("root/page.html", text(600)).start(
        r#"types { text/html html; } server { listen {{port}}; root {{root}}; gzip on; gzip_vary on;
            gzip_disable msie6 "oldbot|Ancient/[12]"; }"#,
    );
    let mut lines = String::new();
    for headers in [
        "Accept-Encoding: gzip, deflate, br",
        "Accept-Encoding: deflate, GZIP",
        "Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1",
        "Accept-Encoding: gzip;q=0",
        "Accept-Encoding: gzip;q=0.000",
        "Accept-Encoding: gzip;q=0.001",
        "Accept-Encoding: gzip;q=1.001",
        "Accept-Encoding: gzip ; q=0.5",
        "Accept-Encoding: gzip;level=9",
        "Accept-Encoding: x-gzip",
        "Accept-Encoding: gzippy",
        "Accept-Encoding: *",
        "Accept-Encoding: deflate",
        "Accept-Encoding:",
        "",
        "Accept-Encoding: gzip\nVia: 1.1 cache",
        "Accept-Encoding: gzip\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
        "Accept-Encoding: gzip\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
        "Accept-Encoding: gzip\nUser-Agent: OLDBOT",
        "Accept-Encoding: gzip\nUser-Agent: ancient/2",
        "Accept-Encoding: gzip\nUser-Agent: ancient/3",
    ] {
        lines +=
            &format!("{}: {}\n", headers.replace('\n', " + "), summary(&ask(&server, "/page.html", headers)));
    }
    expect![[r#"
        Accept-Encoding: gzip, deflate, br: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: deflate, GZIP: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: gzip;q=0: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip;q=0.000: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip;q=0.001: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: gzip;q=1.001: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip ; q=0.5: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: gzip;level=9: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: x-gzip: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzippy: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: *: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: deflate: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding:: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        : 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip + Via: 1.1 cache: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip + User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1): 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip + User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1): 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
        Accept-Encoding: gzip + User-Agent: OLDBOT: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip + User-Agent: ancient/2: 200, content-length 600, vary Accept-Encoding, etag "65937d25-258", accept-ranges bytes
        Accept-Encoding: gzip + User-Agent: ancient/3: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"65937d25-258"
    "#]].assert_eq(&lines);
}

/// An application that answers every request with the response head that its URI's number says.
fn app_with(heads: &'static [&'static str]) -> Origin {
    Origin::start(move |connection| {
        while let Some(request) = connection.request() {
            let number: usize = request.target().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
            let body = text(600);
            connection.send(format!(
                "HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{body}",
                heads[number],
                body.len()
            ));
        }
    })
}

#[test]
fn answers_of_an_app() {
    const HEADS: &[&str] = &[
        "200 OK\r\nContent-Type: text/html; charset=utf-8\r\nETag: \"strong\"\r\nAccept-Ranges: bytes",
        "200 OK\r\nContent-Type: TEXT/HTML\r\nETag: W/\"weak\"\r\nVary: Cookie",
        "200 OK\r\nContent-Type: text/html\r\nETag: odd",
        "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br",
        "200 OK\r\nContent-Type: application/json",
        "200 OK",
        "201 Created\r\nContent-Type: text/html",
        "404 Not Found\r\nContent-Type: text/html",
        "403 Forbidden\r\nContent-Type: text/html",
        "500 Oops\r\nContent-Type: text/html",
    ];
    let origin = app_with(HEADS);
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { gzip on; gzip_vary on; proxy_pass http://{{app}}; }
            location /any { gzip on; gzip_types *; proxy_pass http://{{app}}; } }",
    );
    let mut lines = String::new();
    for (number, head) in HEADS.iter().enumerate() {
        let response = ask(&server, &format!("/{number}"), ACCEPT);
        lines += &format!("{}: {}\n", escape(head.as_bytes()), summary(&response));
        assert!(response.body.ends_with(text(600).as_bytes()));
    }
    for number in [4, 5] {
        lines += &format!("any {number}: {}\n", summary(&ask(&server, &format!("/any{number}"), ACCEPT)));
    }
    expect![[r#"
        200 OK\r\nContent-Type: text/html; charset=utf-8\r\nETag: "strong"\r\nAccept-Ranges: bytes: 200 packed, content-encoding gzip, vary Accept-Encoding, etag W/"strong"
        200 OK\r\nContent-Type: TEXT/HTML\r\nETag: W/"weak"\r\nVary: Cookie: 200 packed, content-encoding gzip, vary Accept-Encoding, vary Cookie, etag W/"weak"
        200 OK\r\nContent-Type: text/html\r\nETag: odd: 200 packed, content-encoding gzip, vary Accept-Encoding
        200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br: 200, content-length 600, content-encoding br
        200 OK\r\nContent-Type: application/json: 200, content-length 600
        200 OK: 200, content-length 600
        201 Created\r\nContent-Type: text/html: 201, content-length 600
        404 Not Found\r\nContent-Type: text/html: 404 packed, content-encoding gzip, vary Accept-Encoding
        403 Forbidden\r\nContent-Type: text/html: 403 packed, content-encoding gzip, vary Accept-Encoding
        500 Oops\r\nContent-Type: text/html: 500, content-length 600
        any 4: 200 packed, content-encoding gzip
        any 5: 200 packed, content-encoding gzip
    "#]].assert_eq(&lines);
}

#[test]
fn answers_to_proxies() {
    const HEADS: &[&str] = &[
        "200 OK\r\nContent-Type: text/html",
        "200 OK\r\nContent-Type: text/html\r\nExpires: Thu, 01 Jan 1970 00:00:01 GMT",
        "200 OK\r\nContent-Type: text/html\r\nExpires: Thu, 01 Jan 2970 00:00:01 GMT",
        "200 OK\r\nContent-Type: text/html\r\nCache-Control: public, no-cache",
        "200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store",
        "200 OK\r\nContent-Type: text/html\r\nCache-Control: private",
        "200 OK\r\nContent-Type: text/html\r\nLast-Modified: Thu, 01 Jan 1970 00:00:01 GMT",
        "200 OK\r\nContent-Type: text/html\r\nETag: \"a\"",
    ];
    let words =
        ["off", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag", "auth", "any"];
    let locations: String = words
        .iter()
        .map(|word| format!("location /{word}/ {{ gzip_proxied {word}; proxy_pass http://{{{{app}}}}/; }}\n"))
        .collect();
    let origin = app_with(HEADS);
    let server =
        Server::proxying(&origin, &format!("server {{ listen {{{{port}}}}; gzip on; {locations} }}"));
    let mut lines = String::new();
    for word in words {
        for credentials in ["", "\nAuthorization: Basic eA=="] {
            let headers = format!("{ACCEPT}\nVia: 1.1 cache{credentials}");
            let packed: String = (0..HEADS.len())
                .map(|number| ask(&server, &format!("/{word}/{number}"), &headers))
                .map(|response| if response.header("content-encoding").is_empty() { '-' } else { 'z' })
                .collect();
            lines += &format!(
                "{word}{}: {packed}\n",
                if credentials.is_empty() { "" } else { " with credentials" }
            );
        }
    }
    expect![[r#"
        off: --------
        off with credentials: --------
        expired: zz----zz
        expired with credentials: zz----zz
        no-cache: z--z--zz
        no-cache with credentials: z--z--zz
        no-store: z---z-zz
        no-store with credentials: z---z-zz
        private: z----zzz
        private with credentials: z----zzz
        no_last_modified: z------z
        no_last_modified with credentials: z------z
        no_etag: z-----z-
        no_etag with credentials: z-----z-
        auth: z-----zz
        auth with credentials: zzzzzzzz
        any: zzzzzzzz
        any with credentials: zzzzzzzz
    "#]]
    .assert_eq(&lines);
}

#[test]
fn pages_and_texts() {
    let server = Server::start(
        "server { listen {{port}}; gzip on; gzip_vary on; gzip_types text/plain;
            location = /text { return 200 'a text that is long enough to be compressed'; }
            location = /short { return 200 short; }
            location = /moved { return 301 /there; }
            location = /forbidden { return 403; } }",
    );
    check(
        &server,
        "/text",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        Content-Encoding: gzip

        {gzip} a text that is long enough to be compressed"#]],
    );
    for path in ["/short", "/moved"] {
        assert_eq!(ask(&server, path, ACCEPT).header("content-encoding"), "");
    }
    check(
        &server,
        "/forbidden",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 403 Forbidden
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        Content-Encoding: gzip

        {gzip} <html>\r
        <head><title>403 Forbidden</title></head>\r
        <body>\r
        <center><h1>403 Forbidden</h1></center>\r
        <hr><center>{server}</center>\r
        </body>\r
        </html>\r
    "#]],
    );
}

#[test]
fn a_stream_is_flushed_when_the_app_pauses() {
    for (conf, head) in [
        (
            "proxy_buffering off;",
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        ),
        (
            "",
            "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        ),
    ] {
        let (tell, told) = mpsc::channel();
        let told = Arc::new(Mutex::new(told));
        let origin = Origin::start(move |connection| {
            if connection.request().is_some() {
                connection.send(head);
                for _ in 0..2 {
                    connection.send("data: one\n\n");
                    told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                }
            }
        });
        let server = Server::proxying(
            &origin,
            &format!(
                "server {{ listen {{{{port}}}}; gzip on; gzip_types text/event-stream; {conf}
                    location / {{ proxy_pass http://{{{{app}}}}; }} }}"
            ),
        );
        let mut client = server.connect();
        client.send(request("GET", "/", ACCEPT));
        let mut seen = Vec::new();
        for round in 1..=2 {
            while payload(&seen) != "data: one\n\n".repeat(round).as_bytes() {
                let more = client.read_some();
                assert!(!more.is_empty(), "closed after {}", escape(&seen));
                seen.extend(more);
            }
            tell.send(()).unwrap();
        }
        seen.extend(client.read_to_end_of_chunks());
        assert!(seen.ends_with(b"0\r\n\r\n"));
    }
}

/// What can be read so far of a chunked, compressed answer.
fn payload(bytes: &[u8]) -> Vec<u8> {
    unzip(&dechunk(bytes)).0
}

/// What has come of the body of a chunked answer, whose head is part of `bytes`.
pub fn dechunk(bytes: &[u8]) -> Vec<u8> {
    let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Vec::new() };
    let mut rest = &bytes[head + 4..];
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 || rest.len() < end + 4 + size {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}

#[test]
fn a_long_answer_of_an_app() {
    let body = text(3_000_000);
    let sent = body.clone();
    let origin = Origin::start(move |connection| {
        while connection.request().is_some() {
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{sent}",
                sent.len()
            ));
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; gzip on; gzip_comp_level 5; location / { proxy_pass http://{{app}}; } }",
    );
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(request("GET", "/", ACCEPT));
        let response = client.response();
        assert_eq!(response.header("content-encoding"), "gzip");
        let (unpacked, whole) = unzip(&response.body);
        assert!(whole && unpacked == body.as_bytes());
    }
}

#[test]
fn an_answer_that_ends_early_never_looks_whole() {
    let origin = Origin::start(move |connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n");
            connection.send(text(400));
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; gzip on; location / { proxy_pass http://{{app}}; } }",
    );
    let response = server.send(request("GET", "/", ACCEPT));
    assert!(response.incomplete, "{}", server.text(&response));
    assert_eq!(unzip(&response.body), (text(400).into_bytes(), false));
}

/// A gzip file of this text, stored without compression.
fn stored(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    let crc = text.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01".to_vec();
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend_from_slice(text);
    out.extend((!crc).to_le_bytes());
    out.extend(u32::from(len).to_le_bytes());
    out
}

#[test]
fn gzip_static() {
    let server = Server::setup()
        .file("root/a.css", "plain")
        .file("root/a.css.gz", stored(b"made before"))
        .file("root/b.css", "only plain")
        .file("root/c.css.gz", stored(b"only packed"))
        .directory("root/d.css.gz")
        .file("root/d.css", "beside a directory")
        .file("root/index.html", "index")
        .file("root/index.html.gz", stored(b"packed index"))
        .start(
            "types { text/css css; text/html html; } root {{root}};
             server { listen {{port}}; gzip_static on; gzip_vary on; add_header X-Own yes;
                location /novary/ { alias {{root}}/; gzip_vary off; }
                location /always/ { alias {{root}}/; gzip_static always; }
                location /gunzip/ { alias {{root}}/; gzip_static always; gunzip on; } }",
        );
    check(
        &server,
        "/a.css",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/css
        Content-Length: 34
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: "65937d25-22"
        Content-Encoding: gzip
        X-Own: yes

        {gzip} made before"#]],
    );
    check(
        &server,
        "/a.css",
        "",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/css
        Content-Length: 5
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: "65937d25-5"
        X-Own: yes
        Accept-Ranges: bytes

        plain"#]],
    );
    check(
        &server,
        "/",
        ACCEPT,
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 35
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: "65937d25-23"
        Content-Encoding: gzip
        X-Own: yes

        {gzip} packed index"#]],
    );
    let mut lines = String::new();
    for path in
        ["/b.css", "/c.css", "/d.css", "/novary/a.css", "/always/a.css", "/always/b.css", "/gunzip/a.css"]
    {
        for headers in ["", ACCEPT] {
            lines += &format!("{path} {headers}: {}\n", summary(&ask(&server, path, headers)));
        }
    }
    lines += &format!("HEAD: {}\n", summary(&server.send(request("HEAD", "/a.css", ACCEPT))));
    lines += &format!("POST: {}\n", summary(&server.send(request("POST", "/a.css", ACCEPT))));
    lines +=
        &format!("Range: {}\n", summary(&ask(&server, "/a.css", "Accept-Encoding: gzip\nRange: bytes=0-3")));
    let known = "Accept-Encoding: gzip\nIf-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT";
    lines += &format!("known: {}\n", summary(&ask(&server, "/a.css", known)));
    expect![[r#"
        /b.css : 200, content-length 10, etag "65937d25-a", accept-ranges bytes
        /b.css Accept-Encoding: gzip: 200, content-length 10, etag "65937d25-a", accept-ranges bytes
        /c.css : 404, vary Accept-Encoding
        /c.css Accept-Encoding: gzip: 200 packed, content-length 34, content-encoding gzip, vary Accept-Encoding, etag "65937d25-22"
        /d.css : 200, content-length 18, vary Accept-Encoding, etag "65937d25-12", accept-ranges bytes
        /d.css Accept-Encoding: gzip: 200, content-length 18, vary Accept-Encoding, etag "65937d25-12", accept-ranges bytes
        /novary/a.css : 200, content-length 5, etag "65937d25-5", accept-ranges bytes
        /novary/a.css Accept-Encoding: gzip: 200 packed, content-length 34, content-encoding gzip, etag "65937d25-22"
        /always/a.css : 200 packed, content-length 34, content-encoding gzip, etag "65937d25-22"
        /always/a.css Accept-Encoding: gzip: 200 packed, content-length 34, content-encoding gzip, etag "65937d25-22"
        /always/b.css : 200, content-length 10, etag "65937d25-a", accept-ranges bytes
        /always/b.css Accept-Encoding: gzip: 200, content-length 10, etag "65937d25-a", accept-ranges bytes
        /gunzip/a.css : 200, vary Accept-Encoding, etag W/"65937d25-22"
        /gunzip/a.css Accept-Encoding: gzip: 200 packed, content-length 34, content-encoding gzip, vary Accept-Encoding, etag "65937d25-22"
        HEAD: 200, content-length 34, content-encoding gzip, vary Accept-Encoding, etag "65937d25-22"
        POST: 405
        Range: 200 packed, content-length 34, content-encoding gzip, vary Accept-Encoding, etag "65937d25-22"
        known: 304, vary Accept-Encoding, etag "65937d25-22"
    "#]].assert_eq(&lines);
    assert_eq!(ask(&server, "/gunzip/a.css", "").text(), "made before");
}

#[test]
fn gunzip() {
    let packed = stored(text(40_000).as_bytes());
    let origin = Origin::start(move |connection| {
        while let Some(request) = connection.request() {
            let body = match &request.target()[..] {
                "/cut" => &packed[..20_000],
                "/odd" => b"not packed at all",
                _ => &packed[..],
            };
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ));
            connection.send(body);
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; gunzip on; gzip_vary on; location / { proxy_pass http://{{app}}; } }",
    );
    check(
        &server,
        "/",
        "",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/css
        Transfer-Encoding: chunked
        Connection: keep-alive
        Vary: Accept-Encoding
        ETag: W/"a"

        {40000 bytes, sum 0de680454eaf3d43}"#]],
    );
    assert!(server.send(get("/")).body == text(40_000).as_bytes());
    expect![[r#"200 packed, content-length 40023, content-encoding gzip, vary Accept-Encoding, etag "a""#]]
        .assert_eq(&summary(&ask(&server, "/", ACCEPT)));
    // The head may have left already, or not.
    for path in ["/cut", "/odd"] {
        let mut client = server.connect();
        client.send(get(path));
        let response = client.response_to("GET");
        assert!(response.is_none_or(|response| response.incomplete), "{path}");
    }
    server.wait_error("inflate()");
}
