//! `grpc_pass`, and HTTP/2 to the apps of `proxy_pass`: what the app is asked, what of its answer reaches the client, and how
//! streams and connections end. The application is scripted.

mod real;
mod streams;

use expect_test::{Expect, expect};
use h2::Reason;

use crate::support::http2::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, Peer, SETTINGS, frame, post,
};
use crate::support::http2_app::{App, Call};
use crate::support::{DEADLINE, Origin, Server, Setup, oracle};

/// An app whose answers are named by their path.
fn app() -> App {
    App::start(|mut call: Call| async move {
        let body = call.body().await;
        match &*call.path() {
            "/app.Say/Hello" => {
                let fields = "content-type: application/grpc\nx-one: 1\nx-two: 2\nserver: app\ndate: then";
                call.answer(200, fields, b"\0\0\0\0\x05hello", "grpc-status: 0\ngrpc-message: fine").await;
            }
            "/app.Say/Echo" => {
                call.answer(200, "content-type: application/grpc", &body, "grpc-status: 0").await;
            }
            "/app.Say/Nothing" => {
                call.answer(200, "content-type: application/grpc\ngrpc-status: 12", b"", "").await;
            }
            "/plain" if call.request.method() == "HEAD" => {
                call.answer(200, "content-type: text/plain\ncontent-length: 5", b"", "").await;
            }
            "/plain" => call.answer(200, "content-type: text/plain\ncontent-length: 5", b"plain", "").await,
            "/length" => {
                call.answer(200, "content-type: text/plain\ncontent-length: 5", b"plain", "x-after: it")
                    .await;
            }
            "/missing" => call.answer(404, "content-type: text/plain", b"not here", "").await,
            "/failed" => call.answer(503, "content-type: text/plain", b"not now", "").await,
            "/204" => call.answer(204, "x-a: b", b"", "").await,
            "/reset" => call.reset(Reason::INTERNAL_ERROR),
            "/refuse" => call.reset(Reason::ENHANCE_YOUR_CALM),
            "/close" => call.close(),
            "/never" => std::future::pending().await,
            "/big" => call.answer(200, &format!("x-big: {}", "X".repeat(20_000)), b"big", "").await,
            "/redirect" => call.answer(200, "x-accel-redirect: /inside", b"", "").await,
            "/bye" => {
                call.go_away();
                call.answer(200, "", b"bye", "").await;
            }
            path => panic!("{path}"),
        }
    })
}

fn setup(app: &App) -> Setup {
    Server::setup()
        .value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
        .value("app", &app.address.port().to_string())
}

/// Asks over HTTP/2, a body of `body` each; what came and, behind it, what the app was asked.
fn ask(server: &Server, app: &App, paths: &[&str]) -> String {
    let mut text = String::new();
    for path in paths {
        let mut peer = Peer::connect(server.address());
        let mut request = post(path);
        for (name, value) in [("te", "trailers"), ("content-type", "application/grpc"), ("x-client", "c")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = match peer.ask(request, b"\0\0\0\0\x04body") {
            Ok(answer) => server.text(&answer.response()),
            Err(error) => format!("{error}"),
        };
        text += &format!("> {path}\n{answer}\n");
        let asked = server.localised(&app.asked().replace(&app.address.to_string(), "APP"));
        text += &format!("< {}~\n", asked);
    }
    text
}

fn check(server: &Server, app: &App, paths: &[&str], expected: &Expect) {
    expected.assert_eq(&ask(server, app, paths));
}

#[test]
fn calls() {
    let app = app();
    let server =
        setup(&app).start("server { listen {{port}} http2; location / { grpc_pass 127.0.0.1:{{app}}; } }");
    check(
        &server,
        &app,
        &["/app.Say/Hello", "/app.Say/Echo", "/app.Say/Nothing", "/204"],
        &expect![[r#"
        > /app.Say/Hello
        HTTP/2 200
        Content-Type: application/grpc
        X-One: 1
        X-Two: 2

        \x00\x00\x00\x00\x05hello{trailer} Grpc-Status: 0
        {trailer} Grpc-Message: fine

        < POST http://APP/app.Say/Hello
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /app.Say/Echo
        HTTP/2 200
        Content-Type: application/grpc

        \x00\x00\x00\x00\x04body{trailer} Grpc-Status: 0

        < POST http://APP/app.Say/Echo
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /app.Say/Nothing
        HTTP/2 200
        Content-Type: application/grpc
        Content-Length: 0
        Grpc-Status: 12


        < POST http://APP/app.Say/Nothing
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /204
        HTTP/2 204
        X-A: b


        < POST http://APP/204
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
    "#]],
    );
}

#[test]
fn lengths_and_trailers() {
    let app = app();
    let server =
        setup(&app).start("server { listen {{port}} http2; location / { grpc_pass 127.0.0.1:{{app}}; } }");
    check(
        &server,
        &app,
        &["/plain", "/length"],
        &expect![[r#"
        > /plain
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 5

        plain
        < POST http://APP/plain
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /length
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 5

        plain{trailer} X-After: it

        < POST http://APP/length
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
    "#]],
    );
}

#[test]
fn fields() {
    let app = app();
    let server = setup(&app).start(
        "server { listen {{port}} http2; location / { grpc_pass grpc://127.0.0.1:{{app}};
           grpc_set_header X-Set set-$request_method; grpc_set_header X-Client ''; grpc_set_header X-Empty '';
           grpc_hide_header X-One; grpc_pass_header Server; add_header X-Added a; } }",
    );
    check(
        &server,
        &app,
        &["/app.Say/Hello"],
        &expect![[r#"
        > /app.Say/Hello
        HTTP/2 200
        Date: {date}
        Content-Type: application/grpc
        X-Two: 2
        Server: app
        X-Added: a

        \x00\x00\x00\x00\x05hello{trailer} Grpc-Status: 0
        {trailer} Grpc-Message: fine

        < POST http://APP/app.Say/Hello
        content-type: application/grpc
        te: trailers
        x-set: set-POST
        ~
    "#]],
    );
}

#[test]
fn errors_of_the_app() {
    let app = app();
    let server = setup(&app).start(
        "server { listen {{port}} http2;
           location / { grpc_pass 127.0.0.1:{{app}}; grpc_read_timeout 200ms; }
           location = /failed { grpc_pass 127.0.0.1:{{app}}; grpc_intercept_errors on; error_page 503 /page; }
           location = /page { return 503 page; }
           location = /inside { return 200 inside; } }",
    );
    let paths = ["/missing", "/failed", "/reset", "/refuse", "/close", "/never", "/big", "/redirect"];
    check(
        &server,
        &app,
        &paths,
        &expect![[r#"
            > /missing
            HTTP/2 404
            Content-Type: text/plain

            not here
            < POST http://APP/missing
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /failed
            HTTP/2 503
            Content-Type: text/plain
            Content-Length: 4

            page
            < POST http://APP/failed
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /reset
            HTTP/2 502
            Content-Type: text/html
            Content-Length: 145+{server}

            {page: 502 Bad Gateway}

            < POST http://APP/reset
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /refuse
            HTTP/2 502
            Content-Type: text/html
            Content-Length: 145+{server}

            {page: 502 Bad Gateway}

            < POST http://APP/refuse
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /close
            HTTP/2 502
            Content-Type: text/html
            Content-Length: 145+{server}

            {page: 502 Bad Gateway}

            < POST http://APP/close
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /never
            HTTP/2 504
            Content-Type: text/html
            Content-Length: 155+{server}

            {page: 504 Gateway Time-out}

            < POST http://APP/never
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /big
            HTTP/2 502
            Content-Type: text/html
            Content-Length: 145+{server}

            {page: 502 Bad Gateway}

            < POST http://APP/big
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
            > /redirect
            HTTP/2 200
            Content-Type: text/plain
            Content-Length: 6

            inside
            < POST http://APP/redirect
            content-type: application/grpc
            te: trailers
            x-client: c
            ~
        "#]],
    );
}

/// What people write so that gRPC's clients see a status of theirs.
#[test]
fn error_page_for_grpc() {
    let app = app();
    let server = setup(&app).start(
        "server { listen {{port}} http2;
           location / { grpc_pass 127.0.0.1:{{dead}}; error_page 502 = @unavailable; }
           location = /never { grpc_pass 127.0.0.1:{{app}}; grpc_read_timeout 100ms; error_page 504 = @late; }
           location @unavailable { internal; default_type application/grpc; add_header grpc-status 14;
             add_header grpc-message unavailable; return 204; }
           location @late { internal; default_type application/grpc; add_header grpc-status 4; return 204; } }",
    );
    check(
        &server,
        &app,
        &["/app.Say/Hello", "/never"],
        &expect![[r#"
        > /app.Say/Hello
        HTTP/2 204
        Grpc-Status: 14
        Grpc-Message: unavailable


        < ~
        > /never
        HTTP/2 204
        Grpc-Status: 4


        < POST http://APP/never
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
    "#]],
    );
}

#[test]
fn clients_of_http_1() {
    let app = app();
    let server = setup(&app).start("server { listen {{port}}; location / { grpc_pass 127.0.0.1:{{app}}; } }");
    let mut text = String::new();
    for request in [
        "POST /app.Say/Hello HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nContent-Length: 3\r\n\r\nabc",
        "POST /app.Say/Echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /length HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /app.Say/Hello HTTP/1.0\r\n\r\n",
    ] {
        let response = server.send(request);
        let asked = server.localised(&app.asked().replace(&app.address.to_string(), "APP"));
        text += &format!("{}\n< {asked}~\n", server.text(&response));
    }
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Transfer-Encoding: chunked
        Connection: keep-alive
        x-one: 1
        x-two: 2

        \x00\x00\x00\x00\x05hello{trailer} grpc-status: 0
        {trailer} grpc-message: fine

        < POST http://APP/app.Say/Hello
        content-length: 3
        te: trailers
        ~
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Transfer-Encoding: chunked
        Connection: keep-alive

        abcde{trailer} grpc-status: 0

        < POST http://APP/app.Say/Echo
        content-length: 5
        ~
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive

        plain
        < GET http://APP/plain
        ~
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive

        plain
        < GET http://APP/length
        ~
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Connection: close
        x-one: 1
        x-two: 2

        \x00\x00\x00\x00\x05hello
        < GET http://APP/app.Say/Hello
        ~
    "#]]
    .assert_eq(&text);
}

#[test]
fn connections_are_kept_until_the_app_says_goodbye() {
    let app = app();
    let server = setup(&app).start(
        "upstream app { server 127.0.0.1:{{app}}; keepalive 4; }
         server { listen {{port}} http2; location / { grpc_pass app; } }",
    );
    let mut peer = Peer::connect(server.address());
    let mut seen = Vec::new();
    for path in ["/plain", "/app.Say/Hello", "/204", "/bye", "/plain", "/missing", "/reset", "/plain"] {
        let answer = peer.ask(post(path), b"\0\0\0\0\x04body").unwrap();
        seen.push((path, answer.status, app.connections()));
    }
    let expected = [
        ("/plain", 200, 1),
        ("/app.Say/Hello", 200, 1),
        ("/204", 204, 1),
        ("/bye", 200, 1),
        ("/plain", 200, 2),
        ("/missing", 404, 2),
        ("/reset", 502, 2),
        ("/plain", 200, 3),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn over_tls() {
    let app = app();
    let server = setup(&app).start(
        "server { listen {{port}} http2;
           location / { grpc_pass grpcs://127.0.0.1:{{port2}}; grpc_ssl_server_name on; grpc_ssl_name a.example;
             grpc_ssl_verify on; grpc_ssl_verify_depth 2; grpc_ssl_trusted_certificate {{tls}}/authority.pem; }
           location /other { grpc_pass grpcs://127.0.0.1:{{port2}}; grpc_ssl_name c.example;
             grpc_ssl_verify on; grpc_ssl_trusted_certificate {{tls}}/authority.pem; }
           location /plain { grpc_pass grpc://127.0.0.1:{{port2}}; } }
         server { listen {{port2}} ssl http2; ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key;
           location / { return 200 \"$server_protocol $ssl_server_name $ssl_alpn_protocol $request_method $uri\"; } }",
    );
    check(
        &server,
        &app,
        &["/call", "/other", "/plain"],
        &expect![[r#"
        > /call
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 32

        HTTP/2.0 a.example h2 POST /call
        < ~
        > /other
        HTTP/2 502
        Content-Type: text/html
        Content-Length: 145+{server}

        {page: 502 Bad Gateway}

        < ~
        > /plain
        HTTP/2 502
        Content-Type: text/html
        Content-Length: 145+{server}

        {page: 502 Bad Gateway}

        < ~
    "#]],
    );
}

#[test]
fn addresses_of_every_kind() {
    let app = app();
    let server = setup(&app).start(
        "upstream app { server 127.0.0.1:{{app}}; }
         map $http_x_client $to { c 127.0.0.1:{{app}}; }
         server { listen {{port}} http2;
           location /plain { grpc_pass $to; }
           location /204 { grpc_pass grpc://$to; }
           location /missing { set $group app; grpc_pass grpc://$group; }
           location /length { grpc_pass grpc://unix:{{dir}}/none.sock; } }",
    );
    check(
        &server,
        &app,
        &["/plain", "/204", "/missing", "/length"],
        &expect![[r#"
        > /plain
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 5

        plain
        < POST http://APP/plain
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /204
        HTTP/2 204
        X-A: b


        < POST http://APP/204
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /missing
        HTTP/2 404
        Content-Type: text/plain

        not here
        < POST http://app/missing
        content-type: application/grpc
        te: trailers
        x-client: c
        ~
        > /length
        HTTP/2 502
        Content-Type: text/html
        Content-Length: 145+{server}

        {page: 502 Bad Gateway}

        < ~
    "#]],
    );
}

/// nginx knows `proxy_http_version 2` since 1.29.4.
#[test]
fn proxy_http_version_2() {
    if oracle().is_some() {
        return;
    }
    let app = app();
    let server = setup(&app).start(
        "upstream app { server 127.0.0.1:{{app}}; keepalive 4; }
         server { listen {{port}}; location / { proxy_pass http://app; proxy_http_version 2; proxy_set_header Host $host; }
           location /sub/ { proxy_pass http://app/; proxy_http_version 2; proxy_set_body made; } }",
    );
    let mut text = String::new();
    for request in [
        "GET /plain?a=b%20c HTTP/1.1\r\nHost: a.example\r\nCookie: x\r\nConnection: keep-alive, x-hop\r\nX-One: 1\r\n\r\n",
        "POST /app.Say/Echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc",
        "POST /sub/app.Say/Echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc",
        "HEAD /plain HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /missing?<>\"`{} HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ] {
        let response = server.send(request);
        text += &format!("{}\n< {}~\n", server.text(&response), app.asked());
    }
    assert_eq!(app.connections(), 1);
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive

        plain
        < GET http://a.example/plain?a=b%20c
        cookie: x
        x-one: 1
        ~
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Transfer-Encoding: chunked
        Connection: keep-alive

        abc{trailer} grpc-status: 0

        < POST http://a.example/app.Say/Echo
        content-length: 3
        ~
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Transfer-Encoding: chunked
        Connection: keep-alive

        made{trailer} grpc-status: 0

        < POST http://app/app.Say/Echo
        content-length: 4
        ~
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive


        < HEAD http://a.example/plain
        ~
        HTTP/1.1 404 Not Found
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        not here
        < GET http://a.example/missing?%3C%3E%22%60%7B%7D
        ~
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_program_that_ends_says_goodbye_to_apps() {
    if oracle().is_some() {
        return;
    }
    // Frame by frame, as a library does not show how its connection ended: SETTINGS, an answer without a body, and then all that comes.
    let (told, heard) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.send(frame(SETTINGS, 0, 0, b""));
        assert_eq!(connection.read_raw(PREFACE.len()), PREFACE);
        let mut last = Vec::new();
        loop {
            let head = connection.read_raw(9);
            if head.len() < 9 {
                break;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if matches!(head[3], HEADERS | DATA) && head[4] & END_STREAM != 0 {
                connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x88]));
            }
            last = [head, connection.read_raw(length)].concat();
        }
        told.lock().unwrap().send(last).unwrap();
    });
    let mut server = Server::setup().app(&origin).start(
        "upstream app { server {{app}}; keepalive 4; }
         server { listen {{port}} http2; location / { grpc_pass app; } }",
    );
    let mut peer = Peer::connect(server.address());
    assert_eq!(peer.ask(post("/plain"), b"").unwrap().status, 200);
    drop(peer);
    server.signal("QUIT");
    server.wait_exit();
    let last = heard.recv_timeout(DEADLINE).unwrap();
    // The last stream that the app has begun, and NO_ERROR.
    assert_eq!(last, frame(GOAWAY, 0, 0, &[0; 8]));
}
