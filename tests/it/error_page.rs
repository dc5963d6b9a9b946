//! `error_page` in all its forms, and `internal`.

use expect_test::expect;

use crate::support::{Origin, Server};

#[test]
fn error_page_to_a_file_keeps_the_status() {
    let server = Server::setup()
        .file("root/404.html", "<h1>custom 404</h1>\n")
        .file("root/50x.html", "custom 50x\n")
        .start(
            r#"types { text/html html; }
        server { listen {{port}}; root {{root}};
            error_page 404 /404.html;
            error_page 500 502 503 504 /50x.html;
            location = /500 { return 500; }
            location = /503 { return 503; }
            location = /dead { proxy_pass http://127.0.0.1:{{dead}}; }
            location = /text { return 503 "with a text"; }
        }"#,
        );
    server.check_get(
        "/missing",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 20
            Connection: keep-alive
            ETag: "65937d25-14"

            <h1>custom 404</h1>
        "#]],
    );
    server.check_get(
        "/500",
        expect![[r#"
            HTTP/1.1 500 Internal Server Error
            Content-Type: text/html
            Content-Length: 11
            Connection: close
            ETag: "65937d25-b"

            custom 50x
        "#]],
    );
    server.check_get(
        "/dead",
        expect![[r#"
            HTTP/1.1 502 Bad Gateway
            Content-Type: text/html
            Content-Length: 11
            Connection: keep-alive
            ETag: "65937d25-b"

            custom 50x
        "#]],
    );
    server.check_get(
        "/text",
        expect![[r#"
            HTTP/1.1 503 Service Temporarily Unavailable
            Content-Type: text/plain
            Content-Length: 11
            Connection: keep-alive

            with a text"#]],
    );
    server.check(
        "HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 20
            Connection: keep-alive
            ETag: "65937d25-14"

        "#]],
    );
    server.check(
        "POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 20
            Connection: keep-alive
            ETag: "65937d25-14"

            <h1>custom 404</h1>
        "#]],
    );
    server.check("GET /missing HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT\r\nRange: bytes=0-3\r\n\r\n", expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 20
        Connection: keep-alive
        ETag: "65937d25-14"

        <h1>custom 404</h1>
    "#]]);
}

#[test]
fn error_page_forms() {
    let server = Server::setup().file("root/ok.html", "a page").start(
        r#"server { listen {{port}}; root {{root}};
            location /change/ { error_page 404 =200 /ok.html; }
            location /to410/ { error_page 404 =410 /ok.html; }
            location /plain/ { error_page 404 = /ok.html; }
            location /answer/ { error_page 404 = /teapot; }
            location /named/ { error_page 404 = @named; }
            location /named-keep/ { error_page 404 @named; }
            location /named-code/ { error_page 404 =201 @named; }
            location /url/ { error_page 404 http://other.test/missing; }
            location /url301/ { error_page 404 =301 http://other.test/missing?$args; }
            location /var/ { error_page 404 /vars$uri; }
            location /vars/ { return 200 "vars $uri"; }
            location /many/ { error_page 403 404 410 /ok.html; }
            location /absent/ { error_page 404 /not-there.html; }
            location /own { return 403; }
            location /redirected { error_page 302 = @named; return 302 /x; }
            location = /teapot { return 418 "short and stout"; }
            location @named { return 202 "named got $request_method $uri"; }
            location /idiom { error_page 418 = @named; return 418; }
            location /query/ { error_page 404 /q?code=404; }
            location = /q { return 200 "q: $args"; }
        }"#,
    );
    for (path, expected) in [
        (
            "/change/x",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/html
                Content-Length: 6
                Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
                Connection: keep-alive
                ETag: "65937d25-6"
                Accept-Ranges: bytes

                a page"#]],
        ),
        (
            "/to410/x",
            expect![[r#"
                HTTP/1.1 410 Gone
                Content-Type: text/html
                Content-Length: 6
                Connection: keep-alive
                ETag: "65937d25-6"

                a page"#]],
        ),
        (
            "/plain/x",
            expect![[r#"
                HTTP/1.1 200 OK
                Content-Type: text/html
                Content-Length: 6
                Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
                Connection: keep-alive
                ETag: "65937d25-6"
                Accept-Ranges: bytes

                a page"#]],
        ),
        (
            "/answer/x",
            expect![[r#"
                HTTP/1.1 418 
                Content-Type: text/plain
                Content-Length: 15
                Connection: keep-alive

                short and stout"#]],
        ),
        (
            "/named/x",
            expect![[r#"
                HTTP/1.1 202 Accepted
                Content-Type: text/plain
                Content-Length: 22
                Connection: keep-alive

                named got GET /named/x"#]],
        ),
        (
            "/named-keep/x",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/plain
                Content-Length: 27
                Connection: keep-alive

                named got GET /named-keep/x"#]],
        ),
        (
            "/named-code/x",
            expect![[r#"
                HTTP/1.1 201 Created
                Content-Type: text/plain
                Content-Length: 27
                Connection: keep-alive

                named got GET /named-code/x"#]],
        ),
        (
            "/url/x",
            expect![[r#"
                HTTP/1.1 302 Moved Temporarily
                Content-Type: text/html
                Content-Length: 133+{server}
                Connection: keep-alive
                Location: http://other.test/missing

                {page: 302 Found}
            "#]],
        ),
        (
            "/url301/x?a=b",
            expect![[r#"
                HTTP/1.1 301 Moved Permanently
                Content-Type: text/html
                Content-Length: 157+{server}
                Connection: keep-alive
                Location: http://other.test/missing?a=b

                {page: 301 Moved Permanently}
            "#]],
        ),
        (
            "/var/x",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/plain
                Content-Length: 16
                Connection: keep-alive

                vars /vars/var/x"#]],
        ),
        (
            "/many/x",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/html
                Content-Length: 6
                Connection: keep-alive
                ETag: "65937d25-6"

                a page"#]],
        ),
        (
            "/absent/x",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/html
                Content-Length: 141+{server}
                Connection: keep-alive

                {page: 404 Not Found}
            "#]],
        ),
        (
            "/own",
            expect![[r#"
                HTTP/1.1 403 Forbidden
                Content-Type: text/html
                Content-Length: 141+{server}
                Connection: keep-alive

                {page: 403 Forbidden}
            "#]],
        ),
        (
            "/redirected",
            expect![[r#"
                HTTP/1.1 202 Accepted
                Content-Type: text/plain
                Content-Length: 25
                Location: http://localhost:{port}/x
                Connection: keep-alive

                named got GET /redirected"#]],
        ),
        (
            "/idiom",
            expect![[r#"
                HTTP/1.1 202 Accepted
                Content-Type: text/plain
                Content-Length: 20
                Connection: keep-alive

                named got GET /idiom"#]],
        ),
        (
            "/query/x?orig=1",
            expect![[r#"
                HTTP/1.1 404 Not Found
                Content-Type: text/plain
                Content-Length: 11
                Connection: keep-alive

                q: code=404"#]],
        ),
    ] {
        server.check_get(path, expected);
    }
    server.check(
        "POST /named/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 202 Accepted
            Content-Type: text/plain
            Content-Length: 23
            Connection: keep-alive

            named got POST /named/x"#]],
    );
    server.check(
        "POST /answer/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 418 
            Content-Type: text/plain
            Content-Length: 15
            Connection: keep-alive

            short and stout"#]],
    );
}

#[test]
fn error_page_inheritance_is_all_or_nothing() {
    let server = Server::start(
        r#"error_page 404 /outer;
        server { listen {{port}}; root {{root}};
            location = /outer { return 200 "outer"; }
            location = /inner { return 200 "inner"; }
            location /inherits/ { }
            location /replaces/ { error_page 403 /inner; }
            location /nested/ { error_page 404 /inner; location /nested/x/ { } }
        }"#,
    );
    let mut text = String::new();
    for path in ["/inherits/x", "/replaces/x", "/nested/x/y"] {
        let response = server.get(path);
        text += &format!(
            "{path} -> {} {}\n",
            response.status,
            response.text().lines().next().unwrap_or_default()
        );
    }
    expect![[r#"
        /inherits/x -> 404 outer
        /replaces/x -> 404 <html>
        /nested/x/y -> 404 inner
    "#]]
    .assert_eq(&text);
}

#[test]
fn an_error_in_an_error_page_does_not_loop() {
    let server = Server::start(
        r#"server { listen {{port}}; root {{root}};
            error_page 404 /missing-too;
            location /a { error_page 403 /b; return 403; }
            location /b { error_page 404 /c; return 404; }
            location /c { return 200 "c"; }
        }"#,
    );
    server.check_get(
        "/x",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: keep-alive

            {page: 404 Not Found}
        "#]],
    );
    server.check_get(
        "/a",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: keep-alive

            {page: 404 Not Found}
        "#]],
    );
}

#[test]
fn recursive_error_pages_follow_one_another() {
    let server = Server::start(
        r#"server { listen {{port}}; recursive_error_pages on;
            location /a { error_page 403 = /b; return 403; }
            location /b { error_page 404 = /c; return 404; }
            location /c { return 200 "c"; }
            location /loop { error_page 404 = /loop; return 404; }
        }"#,
    );
    assert_eq!(server.get("/a").text(), "c");
    assert_eq!(server.get("/loop").status, 500);
}

#[test]
fn internal_locations_are_404_from_outside() {
    let server = Server::setup().file("root/secret/x.txt", "inside").start(
        r#"server { listen {{port}}; root {{root}};
            location /secret/ { internal; }
            location = /err { internal; return 200 "error page"; }
            location /try/ { try_files /secret$uri /secret/x.txt; }
            location /fail { error_page 403 /err; return 403; }
        }"#,
    );
    server.check_get(
        "/secret/x.txt",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: keep-alive

            {page: 404 Not Found}
        "#]],
    );
    let table = server.table(&["/err", "/try/y", "/fail", "/secret/", "/secret"]);
    expect![[r#"
        /err -> 404
        /try/y -> 200 inside
        /fail -> 403
        /secret/ -> 404
        /secret -> 301 http://localhost:{port}/secret/
    "#]]
    .assert_eq(&table);
    assert_eq!(server.get("/fail").text(), "error page");
}

#[test]
fn locally_made_errors_take_the_error_page_and_the_applications_do_not() {
    let origin = Origin::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nfrom app");
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            error_page 404 502 = @page;
            location @page { return 200 "page"; }
            location /app { proxy_pass http://{{app}}; }
            location /caught { proxy_pass http://{{app}}; proxy_intercept_errors on; }
            location /dead { proxy_pass http://127.0.0.1:{{dead}}; }
        }"#,
    );
    assert_eq!(server.get("/app").text(), "from app");
    assert_eq!(server.get("/caught").text(), "page");
    assert_eq!(server.get("/dead").text(), "page");
}

#[test]
fn an_error_that_becomes_a_204_says_nothing_of_the_page() {
    let origin =
        Origin::answering("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nfrom app");
    let server = Server::setup().file("root/404.html", "custom\n").app(&origin).start(
        r#"server { listen {{port}}; root {{root}};
            location /file { error_page 404 =204 /404.html; }
            location /empty { error_page 404 =204 /nothing; }
            location /text { error_page 404 =204 /something; }
            location /app { error_page 404 =204 /proxied; }
            location /nothing { return 204; }
            location /something { return 200 "text"; }
            location /proxied { proxy_pass http://{{app}}; }
        }"#,
    );
    server.check_get(
        "/file",
        expect![[r#"
        HTTP/1.1 204 No Content
        Connection: keep-alive
        ETag: "65937d25-7"

    "#]],
    );
    server.check_get(
        "/empty",
        expect![[r#"
        HTTP/1.1 204 No Content
        Connection: keep-alive

    "#]],
    );
    server.check_get(
        "/text",
        expect![[r#"
        HTTP/1.1 204 No Content
        Connection: keep-alive

    "#]],
    );
    server.check_get(
        "/app",
        expect![[r#"
        HTTP/1.1 204 No Content
        Connection: keep-alive

    "#]],
    );
}
