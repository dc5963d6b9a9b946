//! What generated sites showed, each as a case of its own.

use expect_test::expect;

use crate::support::{Origin, Server};

#[test]
fn a_request_line_that_is_refused_has_no_version() {
    // The page's length is not known with `ssi`: it ends with the connection. A climbing path is found later.
    let server = Server::start("server { listen {{port}}; ssi on; }");
    server.check(
        "GET http://a_b.test/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 400 Bad Request
        Content-Type: text/html
        Connection: close

        {page: 400 Bad Request}
    "#]],
    );
    server.check(
        "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 400 Bad Request
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: close

        {page: 400 Bad Request}
    "#]],
    );
}

#[test]
fn ranges_of_a_page_with_commands_are_not_accepted() {
    let app = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccept-Ranges: bytes\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = Server::proxying(
        &app,
        "server { listen {{port}};
            location /ssi { ssi on; proxy_pass http://{{app}}; }
            location /sub { sub_filter ok OK; proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/ssi",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        ok"#]],
    );
    server.check_get(
        "/sub",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive
        Accept-Ranges: bytes

        OK"#]],
    );
}

#[test]
fn a_date_that_was_added_is_not_the_date_of_416() {
    let server = Server::setup().file("root/a.txt", "content").start(
        "server { listen {{port}}; root {{root}}; add_header Last-Modified sometime; add_header X-Added yes; }",
    );
    server.check(
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=99-\r\n\r\n",
        expect![[r#"
        HTTP/1.1 416 Requested Range Not Satisfiable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        X-Added: yes
        Content-Range: bytes */7

        {page: 416 Requested Range Not Satisfiable}
    "#]],
    );
}

#[test]
fn the_charset_of_an_app_stays_on_the_page_of_an_error() {
    let app = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=koi8-r\r\nAccept-Ranges: bytes\r\n\
         X-Accel-Redirect: /none\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = Server::proxying(
        &app,
        "server { listen {{port}}; root {{root}}; location /app { proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/app",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html; charset=koi8-r
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}
    "#]],
    );
}

#[test]
fn every_location_on_the_way_may_end_the_connection() {
    let server = Server::setup().file("root/b.txt", "content").start(
        "server { listen {{port}}; root {{root}};
            location = /first { keepalive_requests 1; try_files /none /b.txt; }
            location = /never { keepalive_timeout 0; error_page 404 /b.txt; }
            location = /named { keepalive_timeout 0; try_files /none @named; }
            location = /rewritten { keepalive_timeout 0; rewrite ^ /b.txt last; }
            location @named { return 200 named; } }",
    );
    for path in ["/first", "/never", "/named", "/rewritten"] {
        let close = server.get(path).header("connection");
        assert_eq!(close, "close", "{path}");
    }
}

#[test]
fn expires_counts_from_the_date_of_an_app() {
    let app = Origin::answering(
        "HTTP/1.1 200 OK\r\nLast-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = Server::proxying(
        &app,
        "server { listen {{port}}; expires modified 1h; location / { proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 2
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Expires: Tue, 02 Jan 2024 04:04:05 GMT
        Cache-Control: no-cache

        ok"#]],
    );
}

#[test]
fn the_url_of_an_error_page_takes_the_place_of_a_redirects() {
    let server = Server::start(
        "server { listen {{port}}; error_page 302 http://a.test/page; location / { return 302 http://b.test/there; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 302 Moved Temporarily
        Content-Type: text/html
        Content-Length: 133+{server}
        Connection: keep-alive
        Location: http://a.test/page

        {page: 302 Found}
    "#]],
    );
}

#[test]
fn the_page_of_a_refused_request_may_have_commands() {
    let server = Server::setup().file("root/50x.html", "page of <!--# echo var=uri -->").start(
        "server { listen {{port}}; root {{root}}; ssi on; error_page 400 =410 /50x.html;
            try_files $uri.html $uri /none?$uri; }",
    );
    server.check(
        "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 410 Gone
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: close

        page of [an error occurred while processing the directive]"#]],
    );
    server.check(
        "GET http://a_b.test/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 410 Gone
        Content-Type: text/html
        Connection: close

        page of [an error occurred while processing the directive]"#]],
    );
}

#[test]
fn a_redirect_of_an_app_stays_in_its_place() {
    let app = Origin::answering(
        "HTTP/1.1 302 Found\r\nX-First: 1\r\nLocation: http://a.test/there\r\nContent-Length: 0\r\n\r\n",
    );
    let server = Server::proxying(
        &app,
        "server { listen {{port}}; proxy_redirect http://a.test/ /;
            location /absolute { proxy_pass http://{{app}}; }
            location /relative { absolute_redirect off; proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/absolute",
        expect![[r#"
        HTTP/1.1 302 Found
        Content-Length: 0
        Location: http://localhost:{port}/there
        Connection: keep-alive
        X-First: 1

    "#]],
    );
    server.check_get(
        "/relative",
        expect![[r#"
        HTTP/1.1 302 Found
        Content-Length: 0
        Connection: keep-alive
        X-First: 1
        Location: /there

    "#]],
    );
}
