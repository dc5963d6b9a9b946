//! What reaches the application: target, headers, body.

use expect_test::expect;

use crate::differences;
use crate::support::{Origin, Received, Server, escape, lines};

/// The request line's target as raw bytes: the application may get bytes that a text form would hide.
fn target(request: &Received) -> String {
    let line = request.head.split(|&b| b == b'\r').next().unwrap();
    let first = line.iter().position(|&b| b == b' ').unwrap();
    let last = line.iter().rposition(|&b| b == b' ').unwrap();
    escape(&line[first + 1..last])
}

/// `target -> what the application got`, one line each.
fn targets(server: &Server, origin: &Origin, targets: &[&str]) -> String {
    let mut text = String::new();
    for asked in targets {
        let before = origin.requests().len();
        let response = server.send(lines(&format!("GET {asked} HTTP/1.1\nHost: localhost")));
        let got = match origin.requests().get(before) {
            Some(request) => target(request),
            None => format!("({} {})", response.status, response.header("location")),
        };
        text += &format!("{asked} -> {}\n", server.localised(&got));
    }
    text
}

#[test]
fn proxy_pass_without_a_uri_sends_the_target_as_it_came() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / { proxy_pass http://{{app}}; }
            location /up/ { proxy_pass http://{{app}}; }
            location ~ \.cgi$ { proxy_pass http://{{app}}; }
        }"#,
    );
    let table = targets(
        &server,
        &origin,
        &[
            "/",
            "/?",
            "/a%2Fb%20c//d/../e?q=1",
            "/up/x",
            "/x.cgi?y",
            "//",
            "/%41",
            "/a?b?c=%20",
            "http://other.test/abs?x",
            "http://other.test",
        ],
    );
    expect![[r#"
        / -> /
        /? -> /?
        /a%2Fb%20c//d/../e?q=1 -> /a%2Fb%20c//d/../e?q=1
        /up/x -> /up/x
        /x.cgi?y -> /x.cgi?y
        // -> //
        /%41 -> /%41
        /a?b?c=%20 -> /a?b?c=%20
        http://other.test/abs?x -> /abs?x
        http://other.test -> /
    "#]]
    .assert_eq(&table);
}

#[test]
fn proxy_pass_with_a_uri_replaces_the_prefix() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /root/ { proxy_pass http://{{app}}/; }
            location /path/ { proxy_pass http://{{app}}/x/y/; }
            location /noslash { proxy_pass http://{{app}}/n; }
            location /cut/ { proxy_pass http://{{app}}/cut; }
            location /query/ { proxy_pass http://{{app}}/q?fixed=1; }
            location = /exact { proxy_pass http://{{app}}/other; }
            location /encoded/ { proxy_pass http://{{app}}/%20/a%2Fb/; }
        }"#,
    );
    let table = targets(
        &server,
        &origin,
        &[
            "/root/",
            "/root/a?b=c",
            "/root/a%2Fb%20c//d?q=1",
            "/root/%3F%23%25",
            "/root/%41",
            "/root/a+b&c;d,e@f",
            "/root/caf%C3%A9",
            "/root/caf\u{e9}",
            "/root/%22%3C%3E%5C%5E%60%7B%7C%7D",
            "/root/../root/x",
            "/root/%0a%0dx",
            "/root/%7f",
            "/path/z",
            "/path/",
            "/noslash",
            "/noslash/a",
            "/noslashed",
            "/cut/z",
            "/query/z",
            "/query/z?mine=2",
            "/exact",
            "/exact?x",
            "/encoded/b%2Fc",
        ],
    );
    expect![[r#"
        /root/ -> /
        /root/a?b=c -> /a?b=c
        /root/a%2Fb%20c//d?q=1 -> /a/b%20c/d?q=1
        /root/%3F%23%25 -> /%3F%23%25
        /root/%41 -> /A
        /root/a+b&c;d,e@f -> /a+b&c;d,e@f
        /root/caf%C3%A9 -> /caf%C3%A9
        /root/café -> /caf\xc3\xa9
        /root/%22%3C%3E%5C%5E%60%7B%7C%7D -> /%22%3C%3E%5C%5E%60%7B%7C%7D
        /root/../root/x -> /x
        /root/%0a%0dx -> /%0A%0Dx
        /root/%7f -> /%7F
        /path/z -> /x/y/z
        /path/ -> /x/y/
        /noslash -> /n
        /noslash/a -> /n/a
        /noslashed -> /ned
        /cut/z -> /cutz
        /query/z -> /q?fixed=1z
        /query/z?mine=2 -> /q?fixed=1z?mine=2
        /exact -> /other
        /exact?x -> /other?x
        /encoded/b%2Fc -> /%20/a%2Fb/b/c
    "#]]
    .assert_eq(&table);
}

#[test]
fn proxy_pass_with_variables_is_used_as_it_is() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"
        upstream named { server {{app}}; }
        server { listen {{port}};
            location /host/ { proxy_pass http://$http_x_app; }
            location /slash/ { proxy_pass http://$http_x_app/; }
            location /uri/ { proxy_pass http://$http_x_app/fixed$uri; }
            location /full/ { proxy_pass http://$http_x_app$request_uri; }
            location /args/ { proxy_pass http://$http_x_app/a$is_args$args; }
            location ~ ^/re/(.*)$ { proxy_pass http://$http_x_app/y/$1; }
            location /up/ { proxy_pass http://$arg_where; }
            location /scheme/ { proxy_pass $arg_s://{{app}}/s; }
        }"#,
    );
    let app = origin.address;
    let mut text = String::new();
    for asked in [
        "/host/a%20b?x=1",
        "/slash/a?x=1",
        "/uri/a%2Fb?x=1",
        "/full/a%20b?x=1",
        "/args/z?x=1",
        "/args/z",
        "/re/plain?q=1",
        "/re/a/b",
        "/up/a?where=named",
        "/up/a?where=unknown.invalid",
        "/scheme/?s=http",
        "/scheme/?s=ftp",
    ] {
        let before = origin.requests().len();
        let response = server.send(lines(&format!("GET {asked} HTTP/1.1\nHost: localhost\nX-App: {app}")));
        let got = origin.requests().get(before).map_or(format!("({})", response.status), target);
        text += &format!("{asked} -> {}\n", server.localised(&got));
    }
    expect![[r#"
        /host/a%20b?x=1 -> /host/a%20b?x=1
        /slash/a?x=1 -> /
        /uri/a%2Fb?x=1 -> /fixed/uri/a/b
        /full/a%20b?x=1 -> /full/a%20b?x=1
        /args/z?x=1 -> /a?x=1
        /args/z -> /a
        /re/plain?q=1 -> /y/plain
        /re/a/b -> /y/a/b
        /up/a?where=named -> /up/a?where=named
        /up/a?where=unknown.invalid -> (502)
        /scheme/?s=http -> /s
        /scheme/?s=ftp -> (500)
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_variable_host_finds_upstreams_and_other_literal_peers() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /literal { proxy_pass http://{{app}}; }
            location /by-name/ { proxy_pass http://$arg_h; }
        }"#,
    );
    assert_eq!(server.get(&format!("/by-name/?h={}", origin.address)).status, 200);
    assert_eq!(server.get("/by-name/?h=nobody.invalid").status, 502);
    let log = server.wait_error("no resolver defined");
    assert!(log.contains("no resolver defined to resolve nobody.invalid, client: 127.0.0.1"), "{log}");
}

#[test]
fn the_application_behind_a_unix_socket() {
    let setup = Server::setup();
    let path = setup.dir().join("app.sock");
    let origin = Origin::start_unix(&path, |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = setup.start(
        r#"
        upstream sock { server unix:{{dir}}/app.sock; }
        server { listen {{port}};
            location / { proxy_pass http://unix:{{dir}}/app.sock; }
            location /colon/ { proxy_pass http://unix:{{dir}}/app.sock:; }
            location /uri/ { proxy_pass http://unix:{{dir}}/app.sock:/x/; }
            location /up/ { proxy_pass http://sock; }
        }"#,
    );
    let mut text = String::new();
    for asked in ["/a%20b?x", "/colon/a", "/uri/a%20b?x", "/up/a"] {
        assert_eq!(server.get(asked).text(), "ok");
        let request = origin.last();
        text += &format!(
            "{asked} -> {} Host: {}\n",
            target(&request),
            request.header("host").unwrap_or_default()
        );
    }
    expect![[r#"
        /a%20b?x -> /a%20b?x Host: localhost
        /colon/a -> /colon/a Host: localhost
        /uri/a%20b?x -> /x/a%20b?x Host: localhost
        /up/a -> /up/a Host: sock
    "#]]
    .assert_eq(&server.localised(&text));
}

#[test]
fn headers_that_are_passed_replaced_and_dropped() {
    let origin = Origin::ok();
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    server.send(lines(
        "GET /x HTTP/1.1\nhost: Site.Test\nACCEPT: text/html\nX-Two: 1\nx-two: 2\nConnection: close, X-Hop\nX-Hop: hop\n\
         Keep-Alive: timeout=5\nTE: trailers\nUpgrade: websocket\n\
         X_Under: dropped\nX-Empty:\nX-Spaces:   padded   \nRange: bytes=0-1\nIf-None-Match: \"x\"\nAuthorization: Basic eA==\n\
         Cookie: a=1\nCookie: b=2\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nReferer: http://a/\nVia: 1.1 x\nTrailer: X-T",
    ));
    expect![[r#"
        GET /x HTTP/1.1
        Host: 127.0.0.1:{app}
        ACCEPT: text/html
        X-Two: 1
        x-two: 2
        X-Hop: hop
        X-Empty: 
        X-Spaces: padded
        Range: bytes=0-1
        If-None-Match: "x"
        Authorization: Basic eA==
        Cookie: a=1
        Cookie: b=2
        X-Forwarded-For: 1.2.3.4
        X-Forwarded-Proto: https
        Referer: http://a/
        Via: 1.1 x
        Trailer: X-T

    "#]]
    .assert_eq(&server.received(&origin.last()));
}

#[test]
fn proxy_set_header_replaces_adds_and_removes() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / {
                proxy_pass http://{{app}};
                proxy_set_header Host $host;
                proxy_set_header X-Real-IP $remote_addr;
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header X-Forwarded-Proto $scheme;
                proxy_set_header Accept-Encoding "";
                proxy_set_header X-Literal "two words";
                proxy_set_header x-mixed-CASE "$request_method:$uri";
                proxy_set_header X-Gone $arg_none;
            }
        }"#,
    );
    server.send(lines(
        "GET /x?y HTTP/1.1\nHost: Site.Test:81\nAccept-Encoding: gzip\nX-Real-IP: 6.6.6.6\nX-Forwarded-For: 1.2.3.4\n\
         X-Forwarded-For: 5.6.7.8\nX-Forwarded-Proto: https\nX-Forwarded-Proto: http\nX-Gone: was here\nX-Other: stays",
    ));
    expect![[r#"
        GET /x?y HTTP/1.1
        Host: site.test
        X-Real-IP: 127.0.0.1
        X-Forwarded-For: 1.2.3.4, 5.6.7.8, 127.0.0.1
        X-Forwarded-Proto: http
        X-Literal: two words
        x-mixed-CASE: GET:/x
        X-Other: stays

    "#]]
    .assert_eq(&server.received(&origin.last()));
    server.send(lines("GET / HTTP/1.0"));
    differences::HOST_ALWAYS
        .pick(
            expect![[r#"
        GET / HTTP/1.1
        X-Real-IP: 127.0.0.1
        X-Forwarded-For: 127.0.0.1
        X-Forwarded-Proto: http
        X-Literal: two words
        x-mixed-CASE: GET:/

    "#]],
            expect![[r#"
        GET / HTTP/1.1
        Host: 
        X-Real-IP: 127.0.0.1
        X-Forwarded-For: 127.0.0.1
        X-Forwarded-Proto: http
        X-Literal: two words
        x-mixed-CASE: GET:/

    "#]],
        )
        .assert_eq(&server.received(&origin.last()));
}

#[test]
fn proxy_set_header_is_inherited_all_or_nothing() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"proxy_set_header X-Http http; proxy_set_header Host $host;
        server { listen {{port}};
            location /inherits/ { proxy_pass http://{{app}}; }
            location /own/ { proxy_set_header X-Own own; proxy_pass http://{{app}}; }
            location /outer/ { proxy_set_header X-Outer outer; location /outer/in/ { proxy_pass http://{{app}}; } }
        }"#,
    );
    let mut text = String::new();
    for path in ["/inherits/", "/own/", "/outer/in/"] {
        server.send(lines(&format!("GET {path} HTTP/1.1\nHost: site.test")));
        text += &server.received(&origin.last());
    }
    expect![[r#"
        GET /inherits/ HTTP/1.1
        X-Http: http
        Host: site.test

        GET /own/ HTTP/1.1
        X-Own: own
        Host: 127.0.0.1:{app}

        GET /outer/in/ HTTP/1.1
        X-Outer: outer
        Host: 127.0.0.1:{app}

    "#]]
    .assert_eq(&text);
}

#[test]
fn proxy_http_version_and_connection() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /11/ { proxy_http_version 1.1; proxy_pass http://{{app}}; }
            location /10/ { proxy_http_version 1.0; proxy_pass http://{{app}}; }
            location /pool/ { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://{{app}}; }
            location /own/ { proxy_http_version 1.1; proxy_set_header Connection "keep-alive, x"; proxy_pass http://{{app}}; }
        }"#,
    );
    server.get("/10/");
    expect![[r#"
        GET /10/ HTTP/1.0
        Host: 127.0.0.1:{app}

    "#]]
    .assert_eq(&server.localised(&origin.last().text()).replace("Connection: close\n", ""));
    server.get("/pool/");
    expect![[r#"
        GET /pool/ HTTP/1.1
        Host: 127.0.0.1:{app}

    "#]]
    .assert_eq(&server.localised(&origin.last().text()));
    server.get("/own/");
    expect![[r#"
        GET /own/ HTTP/1.1
        Connection: keep-alive, x
        Host: 127.0.0.1:{app}

    "#]]
    .assert_eq(&server.localised(&origin.last().text()));
    server.get("/11/");
    assert!(origin.last().line().ends_with("HTTP/1.1"));
}

#[test]
fn other_ways_to_shape_the_request() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /method/ { proxy_method PUT; proxy_pass http://{{app}}; }
            location /nobody/ { proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://{{app}}; }
            location /noheaders/ { proxy_pass_request_headers off; proxy_pass http://{{app}}; }
        }"#,
    );
    let mut text = String::new();
    for path in ["/method/", "/nobody/", "/noheaders/"] {
        server.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nX-Mine: 1\r\nContent-Length: 4\r\n\r\nbody"));
        text += &server.received(&origin.last());
        text += "\n--\n";
    }
    expect![[r#"
        PUT /method/ HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 4
        X-Mine: 1

        body
        --
        POST /nobody/ HTTP/1.1
        Host: 127.0.0.1:{app}
        X-Mine: 1


        --
        POST /noheaders/ HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 4

        body
        --
    "#]]
    .assert_eq(&text);
}

#[test]
fn every_method_passes_through() {
    let origin = Origin::ok();
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "MKCOL", "LOCK", "PURGE",
        "X-OWN", "M_Y",
    ] {
        let response = server.send(lines(&format!("{method} /m HTTP/1.1\nHost: a\nContent-Length: 0")));
        assert_eq!(response.status, 200, "{method}");
        assert!(
            origin.last().line().starts_with(&format!("{method} /m HTTP/1.")),
            "{}",
            origin.last().line()
        );
    }
}

#[test]
fn a_chunked_body_is_counted_before_it_is_passed_on() {
    let origin = Origin::ok();
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    server.send(
        "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
    );
    expect![[r#"
        POST /up HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 11

        hello world"#]]
    .assert_eq(&server.received(&origin.last()));
}

#[test]
fn large_bodies_arrive_whole_from_memory_and_from_disk() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"client_max_body_size 0; server { listen {{port}};
            location / { proxy_pass http://{{app}}; }
            location /small/ { client_body_buffer_size 1k; proxy_pass http://{{app}}; }
            location /stream/ { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://{{app}}; }
        }"#,
    );
    let body: Vec<u8> = (0..600_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for path in ["/", "/small/", "/stream/"] {
        for size in [0, 1, 1023, 1024, 1025, 8192, 16384, 16385, 600_000] {
            let mut request =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").into_bytes();
            request.extend_from_slice(&body[..size]);
            assert_eq!(server.send(&request).status, 200, "{path} {size}");
            assert!(origin.last().body == body[..size], "{path} {size}: another body arrived");
        }
        let mut request =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
        for part in body.chunks(7919) {
            request.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        assert_eq!(server.send(&request).status, 200, "{path} chunked");
        assert!(origin.last().body == body, "{path} chunked: another body arrived");
    }
}

#[test]
fn the_application_is_not_bothered_until_the_body_is_there() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_pass http://{{app}}; } location = /ping { return 204; } }",
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
    for _ in 0..5 {
        assert_eq!(server.get("/ping").status, 204);
    }
    assert_eq!(origin.connections(), 0, "the application was bothered with half a body");
    client.send("whole");
    assert_eq!(client.response().status, 200);
    assert_eq!(origin.last().body, b"half.whole");
}

#[test]
fn without_request_buffering_the_body_streams() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone");
    });
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
    // The head reaches the application while the body is still on its way.
    origin.wait_requests(1);
    client.send("whole");
    assert_eq!(client.response().text(), "done");
    assert_eq!(origin.last().body, b"half.whole");

    let mut client = server.connect();
    client.send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf.\r\n");
    origin.wait_requests(2);
    client.send("5\r\nwhole\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "done");
    let request = origin.last();
    assert_eq!(request.body, b"half.whole");
    assert_eq!(request.header("transfer-encoding").as_deref(), Some("chunked"));
    assert_eq!(request.header("content-length"), None);
}

#[test]
fn expect_100_continue_is_answered_by_the_proxy() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}}; client_max_body_size 100;
            location / { proxy_pass http://{{app}}; }
            location /stream/ { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://{{app}}; }
            location /return { return 200 ok; }
        }"#,
    );
    for path in ["/", "/stream/"] {
        let mut client = server.connect();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        ));
        let first = client.read_exact(25);
        assert_eq!(escape(&first), "HTTP/1.1 100 Continue\\r\\n\\r\\n");
        client.send("body");
        assert_eq!(client.response().text(), "ok");
        assert_eq!(origin.last().body, b"body");
        assert_eq!(origin.last().header("expect"), None);
    }
    // Too large: refused at once, without a 100.
    let refused =
        server.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
    assert_eq!(refused.status, 413);
    // The body comes along unasked: no 100 is needed, one answer is enough.
    let mut client = server.connect();
    client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_body_that_never_ends_is_not_passed_on() {
    let origin = Origin::ok();
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").finish();
    client.expect_close();
    assert_eq!(origin.connections(), 0);
}
