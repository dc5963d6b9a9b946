//! `return` in all its forms, and redirects.

use expect_test::expect;

use crate::differences;
use crate::support::{Server, get, lines};

#[test]
fn every_form_of_return() {
    let server = Server::start(
        r#"default_type text/plain; server { listen {{port}};
            location = /text { return 200 "hello\n"; }
            location = /empty { return 200 ""; }
            location = /nobody { return 200; }
            location = /204 { return 204; }
            location = /301 { return 301 /there; }
            location = /302 { return 302 http://other.test/x?y=1; }
            location = /303 { return 303 https://$host$request_uri; }
            location = /307 { return 307 /a; }
            location = /308 { return 308 /b; }
            location = /url { return http://only.test/; }
            location = /urls { return https://only.test/; }
            location = /scheme { return $scheme://s.test/; }
            location = /301-empty { return 301; }
            location = /404 { return 404; }
            location = /404text { return 404 "nothing here"; }
            location = /403 { return 403; }
            location = /405 { return 405; }
            location = /418 { return 418; }
            location = /599 { return 599; }
            location = /500 { return 500; }
            location = /503 { return 503 "{\"error\": true}"; }
            location = /x.json { return 200 "{}"; }
            location = /x.html { return 200 "<p>"; }
            location = /299 { return 299 "odd"; }
        }"#,
    );
    for (path, expected) in [
        (
            "/text",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/plain
                Content-Length: 6
                Connection: keep-alive

                hello
            "#]],
        ),
        (
            "/empty",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/plain
                Content-Length: 0
                Connection: keep-alive

            "#]],
        ),
        (
            "/nobody",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/plain
                Content-Length: 0
                Connection: keep-alive

            "#]],
        ),
        (
            "/204",
            expect![[r#"
                HTTP/1.1 204 No Content
                Connection: keep-alive

            "#]],
        ),
        (
            "/301",
            expect![[r#"
                HTTP/1.1 301 Moved Permanently
                Content-Type: text/html
                Content-Length: 157+{server}
                Location: http://localhost:{port}/there
                Connection: keep-alive

                {page: 301 Moved Permanently}
            "#]],
        ),
        (
            "/302",
            expect![[r#"
                HTTP/1.1 302 Moved Temporarily
                Content-Type: text/html
                Content-Length: 133+{server}
                Connection: keep-alive
                Location: http://other.test/x?y=1

                {page: 302 Found}
            "#]],
        ),
        (
            "/303",
            expect![[r#"
                HTTP/1.1 303 See Other
                Content-Type: text/html
                Content-Length: 141+{server}
                Connection: keep-alive
                Location: https://localhost/303

                {page: 303 See Other}
            "#]],
        ),
        (
            "/307",
            expect![[r#"
                HTTP/1.1 307 Temporary Redirect
                Content-Type: text/html
                Content-Length: 159+{server}
                Location: http://localhost:{port}/a
                Connection: keep-alive

                {page: 307 Temporary Redirect}
            "#]],
        ),
        (
            "/308",
            expect![[r#"
                HTTP/1.1 308 Permanent Redirect
                Content-Type: text/html
                Content-Length: 159+{server}
                Location: http://localhost:{port}/b
                Connection: keep-alive

                {page: 308 Permanent Redirect}
            "#]],
        ),
        (
            "/url",
            expect![[r#"
                HTTP/1.1 302 Moved Temporarily
                Content-Type: text/html
                Content-Length: 133+{server}
                Connection: keep-alive
                Location: http://only.test/

                {page: 302 Found}
            "#]],
        ),
        (
            "/urls",
            expect![[r#"
                HTTP/1.1 302 Moved Temporarily
                Content-Type: text/html
                Content-Length: 133+{server}
                Connection: keep-alive
                Location: https://only.test/

                {page: 302 Found}
            "#]],
        ),
        (
            "/scheme",
            expect![[r#"
                HTTP/1.1 302 Moved Temporarily
                Content-Type: text/html
                Content-Length: 133+{server}
                Connection: keep-alive
                Location: http://s.test/

                {page: 302 Found}
            "#]],
        ),
        (
            "/301-empty",
            expect![[r#"
                HTTP/1.1 301 Moved Permanently
                Content-Type: text/html
                Content-Length: 157+{server}
                Connection: keep-alive
                Location: 

                {page: 301 Moved Permanently}
            "#]],
        ),
        (
            "/404",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/html
                Content-Length: 141+{server}
                Connection: keep-alive

                {page: 404 Not Found}
            "#]],
        ),
        (
            "/404text",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/plain
                Content-Length: 12
                Connection: keep-alive

                nothing here"#]],
        ),
        (
            "/403",
            expect![[r#"
                HTTP/1.1 403 Forbidden
                Content-Type: text/html
                Content-Length: 141+{server}
                Connection: keep-alive

                {page: 403 Forbidden}
            "#]],
        ),
        (
            "/405",
            expect![[r#"
                HTTP/1.1 405 Not Allowed
                Content-Type: text/html
                Content-Length: 145+{server}
                Connection: keep-alive

                {page: 405 Not Allowed}
            "#]],
        ),
        (
            "/418",
            expect![[r#"
                HTTP/1.1 418 
                Content-Length: 0
                Connection: keep-alive

            "#]],
        ),
        (
            "/599",
            expect![[r#"
                HTTP/1.1 599 
                Content-Length: 0
                Connection: keep-alive

            "#]],
        ),
        (
            "/500",
            expect![[r#"
                HTTP/1.1 500 Internal Server Error
                Content-Type: text/html
                Content-Length: 165+{server}
                Connection: close

                {page: 500 Internal Server Error}
            "#]],
        ),
        (
            "/503",
            expect![[r#"
                HTTP/1.1 503 Service Temporarily Unavailable
                Content-Type: text/plain
                Content-Length: 15
                Connection: keep-alive

                {"error": true}"#]],
        ),
        (
            "/x.json",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/plain
                Content-Length: 2
                Connection: keep-alive

                {}"#]],
        ),
        (
            "/x.html",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/html
                Content-Length: 3
                Connection: keep-alive

                <p>"#]],
        ),
        (
            "/299",
            expect![[r#"
                HTTP/1.1 299 
                Content-Type: text/plain
                Content-Length: 3
                Connection: keep-alive

                odd"#]],
        ),
    ] {
        server.check_get(path, expected);
    }
}

#[test]
fn the_page_of_every_status() {
    let codes = [
        400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 421, 429, 495, 496, 497,
        500, 501, 502, 503, 504, 505, 507,
    ];
    let locations: String = codes.iter().map(|c| format!("location = /{c} {{ return {c}; }}\n")).collect();
    let server = Server::start(&format!("server {{ listen {{{{port}}}}; {locations} }}"));
    let mut text = String::new();
    for code in codes {
        let response = server.get(&format!("/{code}"));
        let status = String::from_utf8_lossy(&response.head_lines[0]).into_owned();
        let body = response.text();
        let title =
            body.split("<title>").nth(1).and_then(|t| t.split("</title>").next()).unwrap_or("-").to_owned();
        let heading =
            body.split("<h1>").nth(1).and_then(|t| t.split("</h1>").next()).unwrap_or("-").to_owned();
        text += &format!("{status} | {title} | {heading} | {}\n", response.header("connection"));
    }
    expect![[r#"
        HTTP/1.1 400 Bad Request | 400 Bad Request | 400 Bad Request | close
        HTTP/1.1 401 Unauthorized | 401 Authorization Required | 401 Authorization Required | keep-alive
        HTTP/1.1 402 Payment Required | 402 Payment Required | 402 Payment Required | keep-alive
        HTTP/1.1 403 Forbidden | 403 Forbidden | 403 Forbidden | keep-alive
        HTTP/1.1 404 Not Found | 404 Not Found | 404 Not Found | keep-alive
        HTTP/1.1 405 Not Allowed | 405 Not Allowed | 405 Not Allowed | keep-alive
        HTTP/1.1 406 Not Acceptable | 406 Not Acceptable | 406 Not Acceptable | keep-alive
        HTTP/1.1 409 Conflict | 409 Conflict | 409 Conflict | keep-alive
        HTTP/1.1 410 Gone | 410 Gone | 410 Gone | keep-alive
        HTTP/1.1 411 Length Required | 411 Length Required | 411 Length Required | keep-alive
        HTTP/1.1 412 Precondition Failed | 412 Precondition Failed | 412 Precondition Failed | keep-alive
        HTTP/1.1 413 Request Entity Too Large | 413 Request Entity Too Large | 413 Request Entity Too Large | close
        HTTP/1.1 414 Request-URI Too Large | 414 Request-URI Too Large | 414 Request-URI Too Large | close
        HTTP/1.1 415 Unsupported Media Type | 415 Unsupported Media Type | 415 Unsupported Media Type | keep-alive
        HTTP/1.1 416 Requested Range Not Satisfiable | 416 Requested Range Not Satisfiable | 416 Requested Range Not Satisfiable | keep-alive
        HTTP/1.1 421 Misdirected Request | 421 Misdirected Request | 421 Misdirected Request | keep-alive
        HTTP/1.1 429 Too Many Requests | 429 Too Many Requests | 429 Too Many Requests | keep-alive
        HTTP/1.1 400 Bad Request | 400 The SSL certificate error | 400 Bad Request | close
        HTTP/1.1 400 Bad Request | 400 No required SSL certificate was sent | 400 Bad Request | close
        HTTP/1.1 400 Bad Request | 400 The plain HTTP request was sent to HTTPS port | 400 Bad Request | close
        HTTP/1.1 500 Internal Server Error | 500 Internal Server Error | 500 Internal Server Error | close
        HTTP/1.1 501 Not Implemented | 501 Not Implemented | 501 Not Implemented | close
        HTTP/1.1 502 Bad Gateway | 502 Bad Gateway | 502 Bad Gateway | keep-alive
        HTTP/1.1 503 Service Temporarily Unavailable | 503 Service Temporarily Unavailable | 503 Service Temporarily Unavailable | keep-alive
        HTTP/1.1 504 Gateway Time-out | 504 Gateway Time-out | 504 Gateway Time-out | keep-alive
        HTTP/1.1 505 HTTP Version Not Supported | 505 HTTP Version Not Supported | 505 HTTP Version Not Supported | keep-alive
        HTTP/1.1 507 Insufficient Storage | 507 Insufficient Storage | 507 Insufficient Storage | keep-alive
    "#]].assert_eq(&text);
}

#[test]
fn return_to_other_methods_and_versions() {
    let server = Server::start(
        r#"server { listen {{port}}; location / { return 200 "body"; } location /r { return 302 /x; } location /e { return 404; } }"#,
    );
    server.check(
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 4
            Connection: keep-alive

        "#]],
    );
    server.check(
        "HEAD /r HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 302 Moved Temporarily
            Content-Type: text/html
            Content-Length: 133+{server}
            Location: http://a:{port}/x
            Connection: keep-alive

        "#]],
    );
    server.check(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 4
            Connection: keep-alive

            body"#]],
    );
    server.check(
        "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 4
            Connection: keep-alive

            body"#]],
    );
    server.check(
        "PATCH /e HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: keep-alive

            {page: 404 Not Found}
        "#]],
    );
    server.check(
        "GET / HTTP/1.0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 4
            Connection: close

            body"#]],
    );
    server.check(
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 4
            Connection: keep-alive

            body"#]],
    );
    server.check(
        "GET /e HTTP/1.0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: close

            {page: 404 Not Found}
        "#]],
    );
    server.check(
        "GET /r HTTP/1.0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 302 Moved Temporarily
            Content-Type: text/html
            Content-Length: 133+{server}
            Location: http://127.0.0.1:{port}/x
            Connection: close

            {page: 302 Found}
        "#]],
    );
    let head = server.send("HEAD /e HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (404, 0));
}

#[test]
fn relative_redirects_become_absolute() {
    let server = Server::start(
        r#"
        server { listen {{port}}; server_name main.test;
            location = /a { return 301 /b; }
            location = /rel { return 301 b; }
            location = /port { port_in_redirect off; return 301 /b; }
            location = /name { server_name_in_redirect on; return 301 /b; }
            location = /plain { absolute_redirect off; return 301 /b; }
            location = /space { return 302 "/a b"; }
            location = /var { return 302 /x$uri?$args; }
        }
        server { listen {{port2}}; server_name_in_redirect on; return 301 /b; }
        "#,
    );
    let mut text = String::new();
    for path in ["/a", "/rel", "/port", "/name", "/plain", "/space", "/var?q=1"] {
        for host in ["main.test", "Other.Test:1234", "127.0.0.1:1"] {
            let response = server.send(lines(&format!("GET {path} HTTP/1.1\nHost: {host}")));
            text += &format!("{host} {path} -> {} {}\n", response.status, response.header("location"));
        }
    }
    for request in ["GET /a HTTP/1.0", "GET http://abs.test:77/a HTTP/1.1\nHost: x"] {
        text += &format!("{request} -> {}\n", server.send(lines(request)).header("location"));
    }
    text += &format!("nameless -> {}\n", server.send_to("port2", get("/")).header("location"));
    expect![[r#"
        main.test /a -> 301 http://main.test:{port}/b
        Other.Test:1234 /a -> 301 http://other.test:{port}/b
        127.0.0.1:1 /a -> 301 http://127.0.0.1:{port}/b
        main.test /rel -> 301 b
        Other.Test:1234 /rel -> 301 b
        127.0.0.1:1 /rel -> 301 b
        main.test /port -> 301 http://main.test/b
        Other.Test:1234 /port -> 301 http://other.test/b
        127.0.0.1:1 /port -> 301 http://127.0.0.1/b
        main.test /name -> 301 http://main.test:{port}/b
        Other.Test:1234 /name -> 301 http://main.test:{port}/b
        127.0.0.1:1 /name -> 301 http://main.test:{port}/b
        main.test /plain -> 301 /b
        Other.Test:1234 /plain -> 301 /b
        127.0.0.1:1 /plain -> 301 /b
        main.test /space -> 302 http://main.test:{port}/a b
        Other.Test:1234 /space -> 302 http://other.test:{port}/a b
        127.0.0.1:1 /space -> 302 http://127.0.0.1:{port}/a b
        main.test /var?q=1 -> 302 http://main.test:{port}/x/var?q=1
        Other.Test:1234 /var?q=1 -> 302 http://other.test:{port}/x/var?q=1
        127.0.0.1:1 /var?q=1 -> 302 http://127.0.0.1:{port}/x/var?q=1
        GET /a HTTP/1.0 -> http://127.0.0.1:{port}/b
        GET http://abs.test:77/a HTTP/1.1
        Host: x -> http://abs.test:{port}/b
        nameless -> http://:{port2}/b
    "#]]
    .assert_eq(&server.localised(&text));
}

#[test]
fn a_decoded_uri_cannot_split_the_answer() {
    if !differences::INJECTION.ringx_only() {
        return;
    }
    let server = Server::start(
        "server {
            listen {{port}};
            location /u { return 302 http://x$uri; }
            location /r { return 302 http://x$request_uri; }
            location /e { return 403; error_page 403 http://x$uri; }
            location /p { return 403; error_page 403 =301 http://x$uri; }
            location ~ ^/c/(?<rest>.*)$ { return 301 /$rest; }
            location /h { add_header X-Uri $uri; return 200; }
        }",
    );
    for target in [
        "/u/%0d%0aX-Evil:%201",
        "/r/%0d%0aX-Evil:%201",
        "/u/%0aX-Evil:1",
        "/u%00x",
        "/e/%0d%0aX-Evil:%201",
        "/p/%0aX-Evil:1",
        "/c/%0d%0aX-Evil:%201",
        "/h/%0d%0aX-Evil:%201",
    ] {
        let response = server.get(target);
        assert!(response.headers("x-evil").is_empty(), "{target}: {:?}", response.head_lines);
        for line in &response.head_lines {
            assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "{target}: {line:?}");
        }
    }
}

#[test]
fn status_444_closes_without_a_word() {
    let server = Server::start("server { listen {{port}}; return 444; }");
    server.connect().send(get("/")).expect_close();
}

#[test]
fn status_408_closes_as_a_timeout_does() {
    let server = Server::start("server { listen {{port}}; return 408; }");
    server.connect().send(get("/")).expect_close();
}
