//! What becomes of the application's answer: headers, framing, redirects.

use expect_test::expect;

use crate::differences;
use crate::support::{Origin, Server, get, lines};

const PLAIN: &str = "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }";

/// The text form of the answer to `GET /` when the application says this and closes.
fn answer(app: &str) -> String {
    let origin = Origin::answering_once(app);
    let server = Server::proxying(&origin, PLAIN);
    server.text(&server.get("/"))
}

#[test]
fn headers_are_passed_hidden_and_replaced() {
    expect![[r#"
        HTTP/1.1 200 Fine
        Content-Type: text/html; charset=utf-8
        Content-Length: 2
        Connection: keep-alive
        Set-Cookie: a=1; Path=/
        Set-Cookie: b=2; HttpOnly
        ETag: "x"
        Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT
        Cache-Control: no-cache
        Vary: Cookie
        X_Under: kept
        x-lower: kept
        X-Empty: 
        X-Spaces: wide
        Accept-Ranges: bytes
        Upgrade: h2c
        Trailer: X-T
        WWW-Authenticate: Basic
        Content-Encoding: identity

        ok"#]].assert_eq(&answer(
        "HTTP/1.1 200 Fine\r\nServer: gunicorn/23\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n\
         Keep-Alive: timeout=2\r\nContent-Type: text/html; charset=utf-8\r\nX-Pad: p\r\nX-Accel-Expires: 5\r\n\
         X-Accel-Limit-Rate: 0\r\nX-Accel-Charset: koi8-r\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; HttpOnly\r\n\
         ETag: \"x\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nCache-Control: no-cache\r\nVary: Cookie\r\n\
         X_Under: kept\r\nx-lower: kept\r\nX-Empty:\r\nX-Spaces:    wide   \r\nAccept-Ranges: bytes\r\nUpgrade: h2c\r\n\
         Trailer: X-T\r\nWWW-Authenticate: Basic\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    ));
}

#[test]
fn status_lines_as_the_application_wrote_them() {
    let mut text = String::new();
    for line in [
        "HTTP/1.1 200 OK",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1 404 Nowhere",
        "HTTP/1.1 299 Odd one",
        "HTTP/1.1 600 Own",
        "HTTP/1.1 999 Request denied",
        "HTTP/1.2 200 OK",
        "HTTP/1.1 500 Oh No!",
        "HTTP/1.1 599 x",
        "HTTP/1.1 451 Unavailable For Legal Reasons",
    ] {
        let shown = answer(&format!("{line}\r\nContent-Length: 0\r\n\r\n"));
        text += &format!("{line} -> {}\n", shown.lines().next().unwrap());
    }
    expect![[r#"
        HTTP/1.1 200 OK -> HTTP/1.1 200 OK
        HTTP/1.0 200 OK -> HTTP/1.1 200 OK
        HTTP/1.1 200 -> HTTP/1.1 200
        HTTP/1.1 200  -> HTTP/1.1 200 
        HTTP/1.1 404 Nowhere -> HTTP/1.1 404 Nowhere
        HTTP/1.1 299 Odd one -> HTTP/1.1 299 Odd one
        HTTP/1.1 600 Own -> HTTP/1.1 600 Own
        HTTP/1.1 999 Request denied -> HTTP/1.1 999 Request denied
        HTTP/1.2 200 OK -> HTTP/1.1 200 OK
        HTTP/1.1 500 Oh No! -> HTTP/1.1 500 Oh No!
        HTTP/1.1 599 x -> HTTP/1.1 599 x
        HTTP/1.1 451 Unavailable For Legal Reasons -> HTTP/1.1 451 Unavailable For Legal Reasons
    "#]]
    .assert_eq(&text);
}

#[test]
fn bodies_by_length_chunks_and_close() {
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 5
        Connection: keep-alive

        hello"#]]
    .assert_eq(&answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
    expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive

        until the end"#]]
    .assert_eq(&answer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        old style"#]]
    .assert_eq(&answer("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold style"));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 0
        Connection: keep-alive

    "#]]
    .assert_eq(&answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 204 No Content
        Connection: keep-alive
        X-A: b

    "#]]
    .assert_eq(&answer("HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 304 Not Modified
        Connection: keep-alive
        ETag: "x"

    "#]]
    .assert_eq(&answer("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"));
}

#[test]
fn a_chunked_answer_is_decoded_and_chunked_again() {
    let origin = Origin::answering_once(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_http_version 1.1; proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive

        hello world"#]],
    );
    server.check(
        "GET / HTTP/1.0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Connection: close

        hello world"#]],
    );
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to("HEAD").unwrap().status, 200);
    // The connection is still in step.
    assert_eq!(client.send(get("/")).response().text(), "hello world");
}

#[test]
fn head_has_the_headers_and_no_body() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
            if !request.line().starts_with("HEAD") {
                connection.send("hello");
            }
        }
    });
    let server = Server::proxying(&origin, PLAIN);
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.response_to("HEAD").unwrap();
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive

    "#]]
    .assert_eq(&server.text(&head));
    assert_eq!(client.send(get("/")).response().text(), "hello");
}

#[test]
fn proxy_hide_header_and_proxy_pass_header() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Powered-By: x\r\nX-Other: y\r\n\
         X-Accel-Expires: 0\r\nContent-Length: 0\r\n\r\n",
    );
    let server = Server::proxying(
        &origin,
        r#"proxy_hide_header X-Powered-By;
        server { listen {{port}};
            location /inherit { proxy_pass http://{{app}}; }
            location /own { proxy_hide_header x-OTHER; proxy_pass http://{{app}}; }
            location /pass { proxy_pass_header Server; proxy_pass_header Date; proxy_pass_header X-Accel-Expires; proxy_pass http://{{app}}; }
        }"#,
    );
    let mut text = String::new();
    for path in ["/inherit", "/own", "/pass"] {
        let response = server.get(path);
        for line in &response.head_lines[1..] {
            let line = String::from_utf8_lossy(line);
            if !line.starts_with("Date: ") || line.contains("1970") {
                text += &line.replace(
                    &response.header("server"),
                    if path == "/pass" { "gunicorn" } else { "{server}" },
                );
                text.push('\n');
            }
        }
        text += "--\n";
    }
    expect![[r#"
        Server: {server}
        Content-Length: 0
        Connection: keep-alive
        X-Other: y
        --
        Server: {server}
        Content-Length: 0
        Connection: keep-alive
        X-Powered-By: x
        --
        Content-Length: 0
        Connection: keep-alive
        Server: gunicorn
        Date: Thu, 01 Jan 1970 00:00:00 GMT
        X-Other: y
        X-Accel-Expires: 0
        --
    "#]]
    .assert_eq(&text);
}

#[test]
fn proxy_redirect_in_all_its_forms() {
    let origin = Origin::echo_location();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}}; server_name site.test;
            location /root/ { proxy_pass http://{{app}}/; }
            location /path/ { proxy_pass http://{{app}}/app/; }
            location /off/ { proxy_pass http://{{app}}/; proxy_redirect off; }
            location /own/ { proxy_pass http://{{app}}/; proxy_redirect http://inner.test/ http://outer.test/x/; }
            location /rel/ { proxy_pass http://{{app}}/; proxy_redirect http://inner.test/ /y/; }
            location /var/ { proxy_pass http://{{app}}/; proxy_redirect http://inner.test/ $scheme://$host/v/; }
            location /both/ { proxy_pass http://{{app}}/; proxy_redirect default; proxy_redirect http://inner.test/ /two/; }
            location /regex/ { proxy_pass http://{{app}}/; proxy_redirect ~^http://[^/]+(:\d+)?/(.+)$ /r/$2; }
            location /slash/ { proxy_pass http://{{app}}/; proxy_redirect / /prefixed/; }
        }"#,
    );
    let app = format!("http://{}", origin.address);
    let mut text = String::new();
    for (path, location) in [
        ("/root/", format!("{app}/x?y=1")),
        ("/root/", "http://elsewhere.test/".to_owned()),
        ("/root/", "/relative".to_owned()),
        ("/root/", "relative".to_owned()),
        ("/path/", format!("{app}/app/x")),
        ("/path/", format!("{app}/other")),
        ("/off/", format!("{app}/x")),
        ("/off/", "/relative".to_owned()),
        ("/own/", "http://inner.test/a".to_owned()),
        ("/rel/", "http://inner.test/a".to_owned()),
        ("/var/", "http://inner.test/a".to_owned()),
        ("/both/", format!("{app}/x")),
        ("/both/", "http://inner.test/a".to_owned()),
        ("/regex/", "http://any.test:99/p/q".to_owned()),
        ("/slash/", "/deep".to_owned()),
    ] {
        let response = server.send(lines(&format!("GET {path}?{location} HTTP/1.1\nHost: site.test")));
        text += &format!("{path} {location} -> {}\n", response.header("location"));
    }
    expect![[r#"
        /root/ http://127.0.0.1:{app}/x?y=1 -> http://site.test:{port}/root/x?y=1
        /root/ http://elsewhere.test/ -> http://elsewhere.test/
        /root/ /relative -> /relative
        /root/ relative -> relative
        /path/ http://127.0.0.1:{app}/app/x -> http://site.test:{port}/path/x
        /path/ http://127.0.0.1:{app}/other -> http://127.0.0.1:{app}/other
        /off/ http://127.0.0.1:{app}/x -> http://127.0.0.1:{app}/x
        /off/ /relative -> /relative
        /own/ http://inner.test/a -> http://outer.test/x/a
        /rel/ http://inner.test/a -> http://site.test:{port}/y/a
        /var/ http://inner.test/a -> http://site.test/v/a
        /both/ http://127.0.0.1:{app}/x -> http://site.test:{port}/both/x
        /both/ http://inner.test/a -> http://site.test:{port}/two/a
        /regex/ http://any.test:99/p/q -> http://site.test:{port}/r/p/q
        /slash/ /deep -> http://site.test:{port}/prefixed/deep
    "#]]
    .assert_eq(&server.localised(&text));
}

#[test]
fn refresh_headers_are_rewritten_too() {
    let origin = Origin::start(|connection| {
        while connection.request().is_some() {
            connection
                .send("HTTP/1.1 200 OK\r\nRefresh: 5; url=http://inner.test/a\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_pass http://{{app}}; proxy_redirect http://inner.test/ /outer/; } }",
    );
    expect!["5; url=/outer/a"].assert_eq(&server.localised(&server.get("/").header("refresh")));
}

#[test]
fn interim_answers() {
    let origin = Origin::answering_once(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal",
    );
    let server = Server::proxying(&origin, PLAIN);
    if !differences::INTERIM.ringx_only() {
        return;
    }
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut last = client.response();
    while last.status < 200 {
        last = client.response();
    }
    assert_eq!((last.status, last.text().as_str()), (200, "final"));
}

/// An interim answer in the middle of an upload is none: the body goes on.
#[test]
fn an_interim_answer_does_not_end_the_upload() {
    const LEN: usize = 16 << 20;
    let origin = Origin::start(|connection| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(connection.read_raw(1));
        }
        // The body does not fit the sockets: the proxy is still sending. The status comes in pieces.
        connection.send("HTTP/1.1 1");
        let begun = connection.read_raw(LEN / 4).len();
        connection.send("03 Early Hints\r\nLink: </a.css>\r\n\r\n");
        let rest = connection.read_raw(LEN - begun).len();
        let text = (begun + rest).to_string();
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        ));
    });
    let server = Server::proxying(
        &origin,
        "client_max_body_size 0; client_body_buffer_size 32m;
        server { listen {{port}}; proxy_http_version 1.1; proxy_read_timeout 3s; location / { proxy_pass http://{{app}}; }
            location /stream { proxy_request_buffering off; proxy_pass http://{{app}}; } }",
    );
    if !differences::INTERIM.ringx_only() {
        return;
    }
    for path in ["/stream", "/"] {
        let mut client = server.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {LEN}\r\n\r\n"));
        client.send(vec![b'z'; LEN]);
        let response = client.response();
        assert_eq!((response.status, response.text()), (200, LEN.to_string()), "{path}");
    }
}

#[test]
fn trailers_that_are_not_passed_on() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n",
    );
    // Which nginx did not do before 1.27.2, and does not know how to be told.
    let off = if crate::support::oracle().is_some() { "" } else { "proxy_pass_trailers off;" };
    let conf = format!(
        "server {{ listen {{{{port}}}}; location / {{ proxy_http_version 1.1; {off} proxy_pass http://{{{{app}}}}; }} }}"
    );
    let server = Server::proxying(&origin, &conf);
    server.check_get(
        "/",
        expect![[r#"
            HTTP/1.1 200 OK
            Transfer-Encoding: chunked
            Connection: keep-alive

            ok"#]],
    );
}

#[test]
fn trailers_of_the_application() {
    let origin = Origin::answering_once(
        "HTTP/1.1 200 OK\r\nTrailer: X-Sum, X-More\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\
         X-Sum: abc\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\nX-More:\r\n\r\n",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_http_version 1.1; proxy_pass http://{{app}}; } }",
    );
    let expected = differences::TRAILERS.pick(
        expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive
        Trailer: X-Sum, X-More

        ok"#]],
        expect![[r#"
            HTTP/1.1 200 OK
            Transfer-Encoding: chunked
            Connection: keep-alive
            Trailer: X-Sum, X-More

            ok{trailer} X-Sum: abc
            {trailer} X-More: 
        "#]],
    );
    server.check_get("/", expected);
    // A client of old cannot read them.
    server.check(
        "GET / HTTP/1.0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Connection: close
        Trailer: X-Sum, X-More

        ok"#]],
    );
    // Whatever came: the connection is in step.
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.send(get("/")).response().text(), "ok");
    }
}

#[test]
fn proxy_intercept_errors() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let status = request.target().rsplit('/').next().unwrap_or("200").to_owned();
            connection.send(format!(
                "HTTP/1.1 {status} App\r\nX-App: 1\r\nWWW-Authenticate: Basic\r\nContent-Length: 3\r\n\r\napp"
            ));
        }
    });
    let server = Server::setup().app(&origin).file("root/404.html", "our 404").start(
        r#"server { listen {{port}}; root {{root}};
            location /on/ { proxy_intercept_errors on; error_page 404 /404.html; error_page 401 = @login; proxy_pass http://{{app}}; }
            location /off/ { error_page 404 /404.html; proxy_pass http://{{app}}; }
            location @login { return 302 /login; }
        }"#,
    );
    for (path, expected) in [
        (
            "/on/404",
            expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 7
            Connection: keep-alive
            ETag: "65937d25-7"

            our 404"#]],
        ),
        (
            "/on/500",
            expect![[r#"
            HTTP/1.1 500 App
            Content-Length: 3
            Connection: keep-alive
            X-App: 1
            WWW-Authenticate: Basic

            app"#]],
        ),
        (
            "/on/401",
            expect![[r#"
            HTTP/1.1 302 Moved Temporarily
            Content-Type: text/html
            Content-Length: 133+{server}
            Location: http://localhost:{port}/login
            Connection: keep-alive
            WWW-Authenticate: Basic

            {page: 302 Found}
        "#]],
        ),
        (
            "/on/200",
            expect![[r#"
            HTTP/1.1 200 App
            Content-Length: 3
            Connection: keep-alive
            X-App: 1
            WWW-Authenticate: Basic

            app"#]],
        ),
        (
            "/off/404",
            expect![[r#"
            HTTP/1.1 404 App
            Content-Length: 3
            Connection: keep-alive
            X-App: 1
            WWW-Authenticate: Basic

            app"#]],
        ),
    ] {
        server.check_get(path, expected);
    }
}

#[test]
fn x_accel_redirect_serves_an_internal_file() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let to = request.target().replacen("/to", "", 1);
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nX-Accel-Redirect: {to}\r\nContent-Type: application/x-app\r\nSet-Cookie: s=1\r\n\
                 Content-Disposition: attachment\r\nCache-Control: private\r\nX-Own: gone\r\nContent-Length: 7\r\n\r\nignored"
            ));
        }
    });
    let server = Server::setup()
        .app(&origin)
        .file("files/report.pdf", "the report")
        .file("secret.txt", "SECRET")
        .start(
            r#"server { listen {{port}};
            location / { proxy_pass http://{{app}}; }
            location /protected/ { internal; alias {{dir}}/files/; }
        }"#,
        );
    server.check_get(
        "/to/protected/report.pdf",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: application/x-app
        Content-Length: 10
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: s=1
        Content-Disposition: attachment
        Cache-Control: private
        ETag: "65937d25-a"
        Accept-Ranges: bytes

        the report"#]],
    );
    assert_eq!(server.get("/to/protected/missing").status, 404);
    assert_eq!(server.get("/protected/report.pdf").status, 404);
    let outside = server.get("/to/protected/../secret.txt");
    assert!(!outside.text().contains("SECRET"));
}

#[test]
fn add_header_joins_the_applications_own() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nContent-Length: 0\r\n\r\n");
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; add_header X-Frame-Options SAMEORIGIN; location / { proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/").headers("x-frame-options"), ["DENY", "SAMEORIGIN"]);
}

#[test]
fn a_large_answer_arrives_whole_by_every_framing() {
    let body: Vec<u8> = (0..2_500_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = body.clone();
    let origin = Origin::start(move |connection| {
        let Some(request) = connection.request() else { return };
        let target = request.target();
        if target.contains("length") {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()));
            connection.send(&sent);
        } else if target.contains("chunked") {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for part in sent.chunks(100_003) {
                connection.send(format!("{:X}\r\n", part.len()));
                connection.send(part);
                connection.send("\r\n");
            }
            connection.send("0\r\n\r\n");
        } else {
            connection.send("HTTP/1.0 200 OK\r\n\r\n");
            connection.send(&sent);
        }
    });
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / { proxy_http_version 1.1; proxy_pass http://{{app}}; }
            location /nobuf/ { proxy_http_version 1.1; proxy_buffering off; proxy_pass http://{{app}}; }
        }"#,
    );
    for prefix in ["/", "/nobuf/"] {
        for framing in ["length", "chunked", "close"] {
            let response = server.get(&format!("{prefix}{framing}"));
            assert_eq!(response.status, 200);
            assert!(!response.incomplete, "{prefix}{framing} is cut short at {}", response.body.len());
            assert!(response.body == body, "{prefix}{framing}: another body");
        }
        let old = server.send(lines(&format!("GET {prefix}chunked HTTP/1.0")));
        assert!(old.body == body, "{prefix}chunked to HTTP/1.0");
    }
}

#[test]
fn of_several_content_types_the_last_counts() {
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/b
        Content-Length: 2
        Connection: keep-alive

        ok"#]]
    .assert_eq(&answer(
        "HTTP/1.1 200 OK\r\nContent-Type: text/a\r\nContent-Type: text/b\r\nContent-Length: 2\r\n\r\nok",
    ));
}

#[test]
fn each_of_several_locations_is_rewritten() {
    let origin = Origin::answering_once(
        "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_redirect / /new/; proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 302 Found
        Content-Length: 0
        Location: http://localhost:{port}/new/b
        Connection: keep-alive
        Location: /new/a

    "#]],
    );
}

#[test]
fn an_intercepted_status_comes_before_x_accel_redirect() {
    let origin = Origin::answering(
        "HTTP/1.1 404 Not Found\r\nX-Accel-Redirect: /other\r\nContent-Length: 2\r\n\r\nno",
    );
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}}; error_page 404 = @page;
            location / { proxy_intercept_errors on; proxy_pass http://{{app}}; }
            location /not/ { proxy_pass http://{{app}}; }
            location @page { return 200 "the page"; }
            location = /other { return 200 "the other"; }
        }"#,
    );
    assert_eq!(server.get("/").text(), "the page");
    assert_eq!(server.get("/not/").text(), "the other");
}

#[test]
fn fields_that_are_not_obeyed() {
    let accel =
        "X-Accel-Redirect: /inside\r\nX-Accel-Buffering: no\r\nX-B: b\r\nContent-Length: 4\r\n\r\nbody";
    let origin = Origin::answering(format!("HTTP/1.1 200 OK\r\n{accel}"));
    let uwsgi = Origin::start(move |connection| {
        if crate::support::gateway::uwsgi_request(connection).is_some() {
            connection.send(accel);
        }
    });
    let server = Server::setup().app(&origin).named_app("uwsgi", &uwsgi).start(
        "server { listen {{port}}; proxy_ignore_headers X-Accel-Redirect Vary;
           uwsgi_ignore_headers x-accel-redirect; uwsgi_ignore_headers X-Accel-Buffering;
           location / { proxy_pass http://{{app}}; }
           location /obeyed { proxy_pass http://{{app}}; proxy_ignore_headers Expires; }
           location /uwsgi { uwsgi_pass {{uwsgi}}; }
           location /inside { internal; return 200 inside; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 4
        Connection: keep-alive
        X-B: b

        body"#]],
    );
    assert_eq!(server.get("/obeyed").text(), "inside");
    server.check_get(
        "/uwsgi",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 4
        Connection: keep-alive
        X-B: b

        body"#]],
    );
}
