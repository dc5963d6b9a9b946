//! `uwsgi_pass`: what an application gets, what becomes of its answer, and that pools, buffers, retries and errors are
//! the proxy's. `scgi_pass`, which differs in how the variables are written alone, at the end.

use std::sync::{Arc, Mutex};

use expect_test::expect;

use crate::differences;
use crate::support::gateway::{CgiRequest, scgi_request, uwsgi_request};
use crate::support::{Origin, OriginConnection, Server, get, wait_for};

/// An application that answers each request with these bytes and closes.
fn answering(answer: impl Into<Vec<u8>>) -> Origin {
    let answer = answer.into();
    Origin::start(move |connection| {
        if uwsgi_request(connection).is_some() {
            connection.send(&answer);
        }
    })
}

/// An application that answers with what it got.
fn echo(read: fn(&mut OriginConnection) -> Option<CgiRequest>) -> Origin {
    Origin::start(move |connection| {
        if let Some(request) = read(connection) {
            let body = request.text();
            connection.send(format!(
                "Status: 200 OK\nContent-Type: text/plain\nContent-Length: {}\n\n{body}",
                body.len()
            ));
        }
    })
}

const PLAIN: &str = "server { listen {{port}}; location / { uwsgi_pass {{app}}; } }";

/// The text form of the answer to `GET /` when the application says this and closes.
fn answer(app: &str) -> String {
    let origin = answering(app);
    let server = Server::proxying(&origin, PLAIN);
    server.text(&server.get("/"))
}

/// The parameters of the distribution.
const PARAMS: &str = "uwsgi_param QUERY_STRING $query_string; uwsgi_param REQUEST_METHOD $request_method;
    uwsgi_param CONTENT_TYPE $content_type; uwsgi_param CONTENT_LENGTH $content_length;
    uwsgi_param REQUEST_URI $request_uri; uwsgi_param PATH_INFO $document_uri; uwsgi_param DOCUMENT_ROOT $document_root;
    uwsgi_param SERVER_PROTOCOL $server_protocol; uwsgi_param REQUEST_SCHEME $scheme;
    uwsgi_param HTTPS $https if_not_empty; uwsgi_param REMOTE_ADDR $remote_addr; uwsgi_param SERVER_NAME $server_name;";

#[test]
fn the_variables_of_a_request() {
    let origin = echo(uwsgi_request);
    let server = Server::setup().app(&origin).value("params", PARAMS).start(
        "server { listen {{port}}; server_name a.test; root /srv;
           location / { {{params}} uwsgi_pass {{app}}; } }",
    );
    server.check(
        "POST /a%20b/c?x=1&y HTTP/1.1\r\nHost: a.test:80\r\nUser-Agent: t\r\nX-One: 1\r\nContent-Type: a/b\r\n\
         X-Long-Name-With-CAPS: v\r\nAccept: */*\r\nCookie: a=1\r\nContent-Length: 5\r\nConnection: close\r\n\
         Empty:\r\n\r\nhello",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 432
            Connection: close
            Status: 200 OK

            modifiers 0 0
            QUERY_STRING=x=1&y
            REQUEST_METHOD=POST
            CONTENT_TYPE=a/b
            CONTENT_LENGTH=5
            REQUEST_URI=/a%20b/c?x=1&y
            PATH_INFO=/a b/c
            DOCUMENT_ROOT=/srv
            SERVER_PROTOCOL=HTTP/1.1
            REQUEST_SCHEME=http
            REMOTE_ADDR=127.0.0.1
            SERVER_NAME=a.test
            HTTP_HOST=a.test:80
            HTTP_USER_AGENT=t
            HTTP_X_ONE=1
            HTTP_CONTENT_TYPE=a/b
            HTTP_X_LONG_NAME_WITH_CAPS=v
            HTTP_ACCEPT=*/*
            HTTP_COOKIE=a=1
            HTTP_CONTENT_LENGTH=5
            HTTP_CONNECTION=close
            HTTP_EMPTY=

            hello"#]],
    );
}

#[test]
fn parameters_empty_repeated_and_replaced() {
    let origin = echo(uwsgi_request);
    let server = Server::setup().app(&origin).start(
        "server { listen {{port}}; uwsgi_modifier1 5; uwsgi_param OUTER o;
           location / {
             uwsgi_modifier2 9; uwsgi_param A 1; uwsgi_param A 2; uwsgi_param EMPTY ''; uwsgi_param NONE $arg_x;
             uwsgi_param GONE $arg_x if_not_empty; uwsgi_param HERE a if_not_empty;
             uwsgi_param HTTP_HOST $host; uwsgi_param HTTP_X_TAKEN ''; uwsgi_param HTTP_X_ARG $arg_x;
             uwsgi_param HTTP_ ''; uwsgi_pass uwsgi://{{app}}; }
           location /inherits { uwsgi_pass {{app}}; }
           location /bare { uwsgi_pass {{app}}; uwsgi_pass_request_headers off; } }",
    );
    let request = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: B.Test:81\r\nX-Taken: client\r\nX-Arg: client\r\nX-Kept: k\r\n\
             Transfer-Coding: x\r\n\r\n"
        )
    };
    server.check(
        request("/"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 116
        Connection: keep-alive
        Status: 200 OK

        modifiers 5 9
        A=1
        A=2
        EMPTY=
        NONE=
        HERE=a
        HTTP_HOST=b.test
        HTTP_X_ARG=
        HTTP_=
        HTTP_X_KEPT=k
        HTTP_TRANSFER_CODING=x

    "#]],
    );
    server.check(
        request("/inherits"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 118
        Connection: keep-alive
        Status: 200 OK

        modifiers 5 0
        OUTER=o
        HTTP_HOST=B.Test:81
        HTTP_X_TAKEN=client
        HTTP_X_ARG=client
        HTTP_X_KEPT=k
        HTTP_TRANSFER_CODING=x

    "#]],
    );
    server.check(
        request("/bare"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 23
        Connection: keep-alive
        Status: 200 OK

        modifiers 5 0
        OUTER=o

    "#]],
    );
}

#[test]
fn fields_that_came_more_than_once_are_joined() {
    if !differences::CGI_FIELDS.ringx_only() {
        return;
    }
    let origin = echo(uwsgi_request);
    let server = Server::proxying(&origin, PLAIN);
    server.check(
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: a=1\r\nx-a: 2\r\nCookie: b=2\r\nX-B: 3\r\nX-A: 3\r\n\
         Accept: x\r\nProxy: evil\r\nAccept: y\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 93
            Connection: keep-alive
            Status: 200 OK

            modifiers 0 0
            HTTP_HOST=a
            HTTP_X_A=1, 2, 3
            HTTP_COOKIE=a=1; b=2
            HTTP_X_B=3
            HTTP_ACCEPT=x, y

        "#]],
    );
}

#[test]
fn bodies_with_and_without_buffering() {
    for directives in [
        "",
        "uwsgi_request_buffering off;",
        "client_body_buffer_size 1k;",
        "client_body_in_single_buffer on;",
        "uwsgi_request_buffering off; client_body_buffer_size 1k;",
    ] {
        let origin = echo(uwsgi_request);
        let server = Server::setup().app(&origin).value("directives", directives).start(
            "server { listen {{port}}; location / { {{directives}} uwsgi_param CONTENT_LENGTH $content_length;
               uwsgi_pass {{app}}; } }",
        );
        for size in [0, 1, 1000, 20_000, 300_000] {
            let mut request =
                format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").into_bytes();
            request.extend(std::iter::repeat_n(b'b', size));
            let text = server.send(&request).text();
            let expected =
                format!("modifiers 0 0\nCONTENT_LENGTH={size}\nHTTP_HOST=a\nHTTP_CONTENT_LENGTH={size}\n\n");
            assert_eq!(
                text.strip_prefix(&expected).map(|b| b.len() > 6 || b.len() == size),
                Some(true),
                "{text}"
            );
            assert!(size < 1025 || text.ends_with(&format!("{{{size} bytes}}")), "{directives} {text}");
        }
        // Chunks are counted first, whatever is said about buffering.
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let text = server.send(chunked).text();
        assert_eq!(
            text, "modifiers 0 0\nCONTENT_LENGTH=5\nHTTP_HOST=a\nHTTP_TRANSFER_ENCODING=chunked\n\nabcde",
            "{directives}"
        );
    }
}

#[test]
fn a_body_is_passed_on_while_it_comes() {
    let (seen, first) = std::sync::mpsc::channel();
    let seen = Mutex::new(seen);
    let origin = Origin::start(move |connection| {
        let length = usize::from(u16::from_le_bytes(connection.read_raw(4)[1..3].try_into().unwrap()));
        connection.read_raw(length);
        let half = connection.read_raw(5);
        seen.lock().unwrap().send(half).unwrap();
        let rest = connection.read_raw(5);
        connection.send([b"Content-Type: a/b\n\n".to_vec(), rest].concat());
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { uwsgi_pass {{app}}; uwsgi_request_buffering off; } }",
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst");
    assert_eq!(first.recv_timeout(crate::support::DEADLINE).unwrap(), b"first");
    client.send("later");
    assert_eq!(client.response().text(), "later");
}

#[test]
fn a_body_that_is_not_passed_on() {
    let origin = Origin::start(|connection| {
        let length = usize::from(u16::from_le_bytes(connection.read_raw(4)[1..3].try_into().unwrap()));
        connection.read_raw(length);
        connection.send("Content-Type: a/b\n\nno body");
        assert!(connection.closed_by_peer());
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { uwsgi_pass {{app}}; uwsgi_pass_request_body off;
           uwsgi_read_timeout 1s; } }",
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status, 200);
}

#[test]
fn answers_in_all_their_forms() {
    expect![[r#"
        HTTP/1.1 200 Fine
        Content-Type: text/html
        Content-Length: 2
        Connection: keep-alive
        Server: app
        Date: {date}
        X-Pad: p
        Status: 200 Own
        Set-Cookie: a=1
        Location: /relative

        ok"#]].assert_eq(&answer(
        "HTTP/1.1 200 Fine\r\nServer: app\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n\
         Content-Type: text/html\r\nX-Pad: p\r\nX-Accel-Expires: 5\r\nX-Accel-Limit-Rate: 0\r\nStatus: 200 Own\r\n\
         Set-Cookie: a=1\r\nLocation: /relative\r\nContent-Length: 2\r\n\r\nok",
    ));
    expect![[r#"
        HTTP/1.1 404 Nowhere
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive
        Status: 404 Nowhere
        X-A: b

        gone"#]]
    .assert_eq(&answer("Status: 404 Nowhere\nContent-Type: text/plain\nX-A: b\n\ngone"));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        no status"#]]
    .assert_eq(&answer("Content-Type: text/plain\r\n\r\nno status"));
    expect![[r#"
        HTTP/1.1 302 Moved Temporarily
        Transfer-Encoding: chunked
        Connection: keep-alive
        Location: http://elsewhere/

    "#]]
    .assert_eq(&answer("Location: http://elsewhere/\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 204
        Connection: keep-alive
        Status: 204

    "#]]
    .assert_eq(&answer("Status: 204\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 304 Not Modified
        Connection: keep-alive
        ETag: "x"

    "#]]
    .assert_eq(&answer("HTTP/1.0 304 Not Modified\r\nETag: \"x\"\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Length: 0
        Connection: keep-alive

    "#]]
    .assert_eq(&answer("Content-Length: 0\r\n\r\n"));
    expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive

        only a body"#]]
    .assert_eq(&answer("\nonly a body"));
}

#[test]
fn an_answer_in_chunks() {
    let answer = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    let body = answer.rsplit_once("\n\n").unwrap().1;
    assert_eq!(body, differences::CHUNKED_UWSGI.pick("2\\r\nok\\r\n0\\r\n\\r\n", "ok"), "{answer}");
}

#[test]
fn answers_that_are_refused() {
    for bad in [
        "",
        "Status: abc\r\n\r\n",
        "Status: \r\n\r\n",
        "Bad\0Header: x\r\n\r\n",
        "Content-Type: a/b\r\nX-A",
        "HTTP/1.1 200 OK\r\nX-A: b",
    ] {
        let text = answer(bad);
        assert!(text.starts_with("HTTP/1.1 502 Bad Gateway\n"), "{bad:?} {text}");
    }
    let long = format!("Content-Type: a/b\r\nX-Long: {}\r\n\r\n", "x".repeat(5000));
    let origin = answering(long);
    let server = Server::proxying(&origin, PLAIN);
    assert_eq!(server.get("/").status, 502);
    let log = server.wait_error("too big header");
    expect![[r#"upstream sent too big header while reading response header from upstream, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "uwsgi://127.0.0.1:{app}", host: "localhost""#]].assert_eq(&server.localised(
        log.lines().find_map(|l| Some(&l[l.find("upstream sent too big")?..])).unwrap(),
    ));
}

#[test]
fn an_answer_cut_short_is_visible_to_the_client() {
    let origin = answering("Status: 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    let server = Server::proxying(&origin, PLAIN);
    let response = server.get("/");
    assert!(response.incomplete);
    assert_eq!(response.text(), "only this");
    server.wait_error("upstream prematurely closed connection while reading upstream");
}

#[test]
fn large_answers_come_whole() {
    let body: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n as u8).to_le_bytes()).collect();
    for (head, directives) in [
        ("Content-Type: a/b\n\n".to_owned(), ""),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()), ""),
        ("Content-Type: a/b\n\n".to_owned(), "uwsgi_buffering off;"),
        ("Content-Type: a/b\n\n".to_owned(), "uwsgi_max_temp_file_size 0;"),
        ("Content-Type: a/b\n\n".to_owned(), "uwsgi_buffers 4 4k; uwsgi_busy_buffers_size 8k;"),
    ] {
        let origin = answering([head.into_bytes(), body.clone()].concat());
        let server = Server::setup()
            .app(&origin)
            .value("directives", directives)
            .start("server { listen {{port}}; location / { {{directives}} uwsgi_pass {{app}}; } }");
        let response = server.get("/");
        assert!(!response.incomplete);
        assert!(response.body == body, "{directives}: {} bytes", response.body.len());
    }
}

#[test]
fn head_and_304_have_no_body() {
    let origin = answering("Status: 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello");
    let server = Server::proxying(&origin, PLAIN);
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.response_to("HEAD").unwrap();
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: a/b
        Content-Length: 5
        Connection: keep-alive
        Status: 200 OK

    "#]]
    .assert_eq(&server.text(&head));
    // The connection is in order: the next request gets its answer.
    client.send(get("/"));
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn the_next_server_is_asked() {
    let origin = echo(uwsgi_request);
    let refusing = answering("Status: 503 Busy\n\n");
    let broken = answering("Status: x\n\n");
    let server =
        Server::setup().app(&origin).named_app("refusing", &refusing).named_app("broken", &broken).start(
            "upstream dead { server 127.0.0.1:{{dead}}; server {{app}} backup; }
         upstream busy { server {{refusing}}; server {{app}} backup; }
         upstream broken { server {{broken}}; server {{app}} backup; }
         log_format tries '$uri $upstream_status'; access_log {{dir}}/tries.log tries;
         server { listen {{port}}; uwsgi_param CONTENT_LENGTH $content_length;
           location /dead { uwsgi_pass dead; }
           location /busy { uwsgi_pass busy; uwsgi_next_upstream http_503; }
           location /kept { uwsgi_pass busy; }
           location /broken { uwsgi_pass broken; uwsgi_next_upstream invalid_header; }
           location /off { uwsgi_pass dead; uwsgi_next_upstream off; }
           location /tries { uwsgi_pass dead; uwsgi_next_upstream_tries 1; } }",
        );
    let mut text = String::new();
    for path in ["/dead", "/busy", "/kept", "/broken"] {
        text += &format!("{path} {}\n", server.get(path).status);
    }
    expect![[r#"
        /dead 200
        /busy 200
        /kept 200
        /broken 200
    "#]]
    .assert_eq(&text);
    let log = wait_for("the log", || {
        std::fs::read_to_string(server.dir().join("tries.log")).ok().filter(|log| log.lines().count() == 4)
    });
    expect![[r#"
        /dead 502, 200
        /busy 503, 200
        /kept 200
        /broken 502, 200
    "#]]
    .assert_eq(&log);
}

#[test]
fn nobody_listens() {
    let server = Server::start(
        "server { listen {{port}}; location / { uwsgi_pass 127.0.0.1:{{dead}}; error_page 502 = /sorry; }
           location /sorry { return 200 'sorry'; } location /plain { uwsgi_pass 127.0.0.1:{{dead}}; } }",
    );
    assert_eq!(server.get("/").text(), "sorry");
    assert_eq!(server.get("/plain?x=1").status, 502);
    let log = server.wait_error("GET /plain");
    let line = log.lines().find(|line| line.contains("GET /plain")).unwrap();
    expect![[r#"connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /plain?x=1 HTTP/1.1", upstream: "uwsgi://127.0.0.1:{dead}", host: "localhost""#]].assert_eq(&server.localised(&line[line.find("connect()").unwrap()..]));
}

#[test]
fn time_outs() {
    let origin = Origin::start(|connection| {
        uwsgi_request(connection);
        connection.closed_by_peer();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { uwsgi_pass {{app}}; uwsgi_read_timeout 200ms; } }",
    );
    assert_eq!(server.get("/").status, 504);
    server.wait_error(
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
    );
}

#[test]
fn errors_are_intercepted_and_accel_headers_obeyed() {
    let origin = Origin::start(|connection| {
        let Some(request) = uwsgi_request(connection) else { return };
        connection.send(match request.variable("PATH") {
            "/error" => "Status: 500 Oh\n\nfrom the app".to_owned(),
            "/accel" => "X-Accel-Redirect: /inside?a=b\nSet-Cookie: c=1\n\nnever".to_owned(),
            "/hidden" => "X-A: 1\nX-B: 2\nX-Accel-Expires: 7\n\nbody".to_owned(),
            path => format!("Content-Type: a/b\n\n{path}"),
        });
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; uwsgi_param PATH $uri; error_page 500 = /page; uwsgi_intercept_errors on;
           location / { uwsgi_pass {{app}}; uwsgi_hide_header X-A; uwsgi_pass_header X-Accel-Expires; }
           location /page { return 200 'the page'; }
           location /inside { internal; return 200 'inside $args'; } }",
    );
    assert_eq!(server.get("/error").text(), "the page");
    server.check_get(
        "/accel",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 10
            Connection: keep-alive
            Set-Cookie: c=1

            inside a=b"#]],
    );
    server.check_get(
        "/hidden",
        expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive
        X-B: 2
        X-Accel-Expires: 7

        body"#]],
    );
}

#[test]
fn upgrades() {
    let origin = Origin::start(|connection| {
        let Some(request) = uwsgi_request(connection) else { return };
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
        if request.variable("HTTP_UPGRADE") == "echo" {
            let said = connection.read_raw(4);
            connection.send(said);
        }
    });
    let server = Server::proxying(&origin, PLAIN);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.response().status, 101);
    client.send("ping");
    assert_eq!(client.read_exact(4), b"ping");
}

#[test]
fn addresses_with_variables_and_unix_sockets() {
    let origin = echo(uwsgi_request);
    let dir = Server::setup();
    let path = dir.dir().join("app.sock");
    let unix = Origin::start_unix(&path, |connection| {
        if uwsgi_request(connection).is_some() {
            connection.send("Content-Type: a/b\n\nfrom the socket");
        }
    });
    let server = dir.app(&origin).start(
        "upstream group { server {{app}}; }
         server { listen {{port}};
           location /unix { uwsgi_pass unix://{{dir}}/app.sock; }
           location /var { uwsgi_pass $arg_to; } }",
    );
    assert_eq!(server.get("/unix").text(), "from the socket");
    let mut text = String::new();
    for to in ["group", "uwsgi://group", "nosuch", "127.0.0.1", "127.0.0.1:1/x"] {
        text += &format!("{to} {}\n", server.get(&format!("/var?to={to}")).status);
    }
    text += &format!("address {}\n", server.get(&format!("/var?to={}", origin.address)).status);
    text += &format!("unix {}\n", server.get(&format!("/var?to=unix:{}", path.display())).text());
    expect![[r#"
        group 200
        uwsgi://group 200
        nosuch 500
        127.0.0.1 500
        127.0.0.1:1/x 500
        address 200
        unix from the socket
    "#]]
    .assert_eq(&text);
    drop(unix);
}

#[test]
fn too_many_variables() {
    let origin = echo(uwsgi_request);
    let server = Server::setup().app(&origin).value("long", &"x".repeat(4000)).start(
        "server { listen {{port}}; large_client_header_buffers 16 8k; location / { uwsgi_pass {{app}}; } }",
    );
    let mut request = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned();
    for n in 0..10 {
        request += &format!("X-{n}: {}\r\n", "x".repeat(7000));
    }
    assert_eq!(server.send(request + "\r\n").status, 500);
    server.wait_error("uwsgi request is too big: 70");
}

#[test]
fn connections_are_not_kept() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let closed = Arc::clone(&seen);
    let origin = Origin::start(move |connection| {
        uwsgi_request(connection);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
        closed.lock().unwrap().push(connection.closed_by_peer());
    });
    let server = Server::proxying(
        &origin,
        "upstream group { server {{app}}; keepalive 4; }
         server { listen {{port}}; location / { uwsgi_pass group; } }",
    );
    for _ in 0..3 {
        assert_eq!(server.get("/").text(), "ok");
    }
    wait_for("three closes", || (*seen.lock().unwrap() == [true, true, true]).then_some(()));
    assert_eq!(origin.connections(), 3);
}

#[test]
fn scgi_writes_its_variables_otherwise() {
    let origin = echo(scgi_request);
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; scgi_param SCGI 1; scgi_param REQUEST_URI $request_uri;
           scgi_param GONE $arg_x if_not_empty; location / { scgi_pass {{app}}; } }",
    );
    server.check(
        "POST /x HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 100
            Connection: keep-alive

            netstring
            CONTENT_LENGTH=5
            SCGI=1
            REQUEST_URI=/x
            HTTP_HOST=a
            HTTP_X_A=b
            HTTP_CONTENT_LENGTH=5

            hello"#]],
    );
    server.check(
        get("/y"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 70
        Connection: keep-alive

        netstring
        CONTENT_LENGTH=0
        SCGI=1
        REQUEST_URI=/y
        HTTP_HOST=localhost

    "#]],
    );
}
