//! `add_header`, `server_tokens`, and the headers every answer has.

use expect_test::expect;

use crate::support::{Origin, Server, get, lines};

#[test]
fn add_header_is_all_or_nothing() {
    let server = Server::start(
        r#"add_header X-Http http;
        server { listen {{port}}; add_header X-Server server; add_header X-Second "two words";
            location /inherits { return 200; }
            location /own { add_header X-Own own; return 200; }
            location /outer/ { add_header X-Outer o; location /outer/in { return 200; } }
        }
        server { listen {{port2}}; return 200; }"#,
    );
    for (path, expected) in [
        (
            "/inherits",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Connection: keep-alive
        X-Server: server
        X-Second: two words

    "#]],
        ),
        (
            "/own",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Connection: keep-alive
        X-Own: own

    "#]],
        ),
        (
            "/outer/in",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Connection: keep-alive
        X-Outer: o

    "#]],
        ),
    ] {
        server.check_get(path, expected);
    }
    assert_eq!(server.send_to("port2", get("/")).header("x-http"), "http");
}

#[test]
fn add_header_counts_for_some_statuses_unless_always() {
    let codes = [
        200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 413, 429, 500, 502,
        503,
    ];
    let locations: String = codes
        .iter()
        .map(|c| {
            let text = if (300..309).contains(c) && *c != 304 { "/to" } else { "" };
            format!("location = /{c} {{ return {c} {text}; }}\n")
        })
        .collect();
    let server = Server::start(&format!(
        "server {{ listen {{{{port}}}}; add_header X-Some yes; add_header X-Always yes always; {locations} }}"
    ));
    let mut text = String::new();
    for code in codes {
        let response = server.get(&format!("/{code}"));
        text += &format!("{code}: {:?} {:?}\n", response.headers("x-some"), response.headers("x-always"));
    }
    expect![[r#"
        200: ["yes"] ["yes"]
        201: ["yes"] ["yes"]
        202: [] ["yes"]
        204: ["yes"] ["yes"]
        206: ["yes"] ["yes"]
        301: ["yes"] ["yes"]
        302: ["yes"] ["yes"]
        303: ["yes"] ["yes"]
        304: ["yes"] ["yes"]
        307: ["yes"] ["yes"]
        308: ["yes"] ["yes"]
        400: [] ["yes"]
        401: [] ["yes"]
        403: [] ["yes"]
        404: [] ["yes"]
        405: [] ["yes"]
        413: [] ["yes"]
        429: [] ["yes"]
        500: [] ["yes"]
        502: [] ["yes"]
        503: [] ["yes"]
    "#]]
    .assert_eq(&text);
}

#[test]
fn add_header_values() {
    let server = Server::setup().file("root/a.txt", "a").start(
        r#"server { listen {{port}}; root {{root}};
            add_header X-Var "$request_method $uri";
            add_header X-Empty "";
            add_header X-None $arg_none;
            add_header X-Arg $arg_x;
            add_header X-Twice 1;
            add_header X-Twice 2;
            add_header x-lower-Name v;
            add_header Cache-Control "public, max-age=60";
            add_header Set-Cookie "a=1; Path=/";
            add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
        }"#,
    );
    server.check_get(
        "/a.txt?x=%41b",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 1
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-1"
        X-Var: GET /a.txt
        X-Arg: %41b
        X-Twice: 1
        X-Twice: 2
        x-lower-Name: v
        Cache-Control: public, max-age=60
        Set-Cookie: a=1; Path=/
        Strict-Transport-Security: max-age=31536000; includeSubDomains
        Accept-Ranges: bytes

        a"#]],
    );
    server.check_get(
        "/missing",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        Strict-Transport-Security: max-age=31536000; includeSubDomains

        {page: 404 Not Found}
    "#]],
    );
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nIf-None-Match: \"65937d25-1\""),
        expect![[r#"
        HTTP/1.1 304 Not Modified
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-1"
        X-Var: GET /a.txt
        X-Twice: 1
        X-Twice: 2
        x-lower-Name: v
        Cache-Control: public, max-age=60
        Set-Cookie: a=1; Path=/
        Strict-Transport-Security: max-age=31536000; includeSubDomains

    "#]],
    );
}

#[test]
fn add_header_replaces_the_headers_nginx_owns() {
    let server = Server::setup().file("root/a.txt", "a").start(
        r#"server { listen {{port}}; root {{root}};
            location /lm/ { alias {{root}}/; add_header Last-Modified "Mon, 01 Jan 2024 00:00:00 GMT"; }
            location /lm-off/ { alias {{root}}/; add_header Last-Modified ""; }
            location /etag/ { alias {{root}}/; add_header ETag "own"; }
        }"#,
    );
    for (path, expected) in [
        (
            "/lm/a.txt",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 1
        Connection: keep-alive
        ETag: "65937d25-1"
        Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT
        Accept-Ranges: bytes

        a"#]],
        ),
        (
            "/lm-off/a.txt",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 1
        Connection: keep-alive
        ETag: "65937d25-1"
        Accept-Ranges: bytes

        a"#]],
        ),
        (
            "/etag/a.txt",
            expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 1
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: own
        Accept-Ranges: bytes

        a"#]],
        ),
    ] {
        server.check_get(path, expected);
    }
}

#[test]
fn server_tokens_off_hides_the_version() {
    let server = Server::start(
        r#"server { listen {{port}}; server_tokens off; location / { return 404; } location /ok { return 200 ok; } location /on { server_tokens on; return 200 ok; } }"#,
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Server: {name}
        Date: {date}
        Content-Type: text/html
        Content-Length: 141+{name}
        Connection: keep-alive

        {page: 404 Not Found, no version}
    "#]],
    );
    server.check_get(
        "/ok",
        expect![[r#"
        HTTP/1.1 200 OK
        Server: {name}
        Date: {date}
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive

        ok"#]],
    );
    server.check_get(
        "/on",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive

        ok"#]],
    );
}

#[test]
fn the_date_is_now() {
    let server = Server::start("server { listen {{port}}; return 204; }");
    let date = server.get("/").header("date");
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // The minute and the second, within five of now (modulo an hour).
    let minute: u64 = date[20..22].parse().unwrap();
    let second: u64 = date[23..25].parse().unwrap();
    let shown = minute * 60 + second;
    let now = seconds % 3600;
    let apart = (now + 3600 - shown) % 3600;
    assert!(apart <= 5 || apart >= 3595, "{date} is not now ({now} of the hour)");
}

#[test]
fn headers_of_a_proxied_answer_with_everything() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nLocation: /x\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n\
         ETag: \"e\"\r\nExpires: Thu, 01 Jan 1970 00:00:01 GMT\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; add_header X-A 1; location / { proxy_pass http://{{app}}; } }",
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 2
        Connection: keep-alive
        Location: /x
        Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT
        ETag: "e"
        Expires: Thu, 01 Jan 1970 00:00:01 GMT
        Cache-Control: no-store
        X-A: 1

        ok"#]],
    );
}

/// `expires` and `add_header` write their values where the application's own stood.
#[test]
fn headers_of_the_application_are_replaced_in_their_places() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\ncache-control: private\r\nX-B: 2\r\nCache-Control: max-age=5\r\netag: \"x\"\r\n\
         X-C: 3\r\nlast-modified: Tue, 02 Jan 2024 03:04:05 GMT\r\nexpires: 0\r\nX-D: 4\r\n\r\nok",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}};
            location /expires { expires epoch; proxy_pass http://{{app}}; }
            location /add { expires epoch; proxy_pass http://{{app}}; add_header Cache-Control public; add_header Expires 1;
                add_header ETag y; add_header Last-Modified z; }
            location /empty { proxy_pass http://{{app}}; add_header ETag \"\"; add_header Last-Modified \"\"; } }",
    );
    server.check_get(
        "/expires",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 2
        Connection: keep-alive
        X-A: 1
        cache-control: no-cache
        X-B: 2
        etag: "x"
        X-C: 3
        last-modified: Tue, 02 Jan 2024 03:04:05 GMT
        expires: Thu, 01 Jan 1970 00:00:01 GMT
        X-D: 4

        ok"#]],
    );
    server.check_get(
        "/add",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 2
        Connection: keep-alive
        X-A: 1
        cache-control: no-cache
        X-B: 2
        ETag: y
        X-C: 3
        Last-Modified: z
        expires: Thu, 01 Jan 1970 00:00:01 GMT
        X-D: 4
        Cache-Control: public
        Expires: 1

        ok"#]],
    );
    server.check_get(
        "/empty",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 2
        Connection: keep-alive
        X-A: 1
        cache-control: private
        X-B: 2
        Cache-Control: max-age=5
        X-C: 3
        expires: 0
        X-D: 4

        ok"#]],
    );
}
