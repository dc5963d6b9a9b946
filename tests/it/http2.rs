//! HTTP/2 from clients: what works over HTTP/1.1 works over it, and what a connection and its streams go through.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use expect_test::expect;
use http::Request;
use rustls::version::TLS13;

use crate::support::http2::{Frames, Outcome, Peer, get, post};
use crate::support::{Client, DEADLINE, Origin, Server, Setup, oracle, tls, wait_for};

fn setup() -> Setup {
    Server::setup().value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
}

/// Bytes that show where they stand.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251 + i / 65536) as u8).collect()
}

/// Answers of one connection, as text.
fn transcript(server: &Server, requests: &[(&str, &str)]) -> String {
    let mut peer = Peer::connect(server.address());
    let mut text = String::new();
    for (line, fields) in requests {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        for field in fields.lines() {
            let (name, value) = field.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let mut answer = peer.ask(request.body(()).unwrap(), b"").unwrap().response();
        answer.head_only = *method == *"HEAD";
        text += &format!("> {line}\n{}\n~\n", server.text(&answer));
    }
    text
}

#[test]
fn answers_are_those_of_http_1() {
    let server = setup().file("root/index.html", "<p>index</p>").file("root/data.txt", pattern(64)).start(
        "server { listen {{port}} http2; root {{root}};
           location = /text { return 200 text; }
           location = /moved { return 301 /text; }
           location = /fields { add_header X-One one; add_header X-Two two; return 200 x; }
           location = /trailer { add_trailer X-Behind it; try_files /index.html =404; }
           location = /empty { return 204; }
           error_page 404 /missing; location = /missing { return 404 \"not here\"; } }",
    );
    let text = transcript(
        &server,
        &[
            ("GET /", ""),
            ("HEAD /", ""),
            ("GET /text", ""),
            ("GET /moved", ""),
            ("GET /fields", ""),
            ("GET /trailer", ""),
            ("GET /empty", ""),
            ("GET /nowhere", ""),
            ("GET /data.txt", "range: bytes=1-3"),
            ("GET /data.txt", "range: bytes=1-3,5-6"),
            ("GET /data.txt", "if-none-match: \"6593813d-40\""),
            ("DELETE /data.txt", ""),
        ],
    );
    // The boundary is random.
    let boundary = text.split("boundary=").nth(1).unwrap().lines().next().unwrap().to_owned();
    expect![[r##"
        > GET /
        HTTP/2 200
        Content-Type: text/html
        Content-Length: 12
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-c"
        Accept-Ranges: bytes

        <p>index</p>
        ~
        > HEAD /
        HTTP/2 200
        Content-Type: text/html
        Content-Length: 12
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-c"
        Accept-Ranges: bytes


        ~
        > GET /text
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 4

        text
        ~
        > GET /moved
        HTTP/2 301
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://localhost:{port}/text

        {page: 301 Moved Permanently}

        ~
        > GET /fields
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 1
        X-One: one
        X-Two: two

        x
        ~
        > GET /trailer
        HTTP/2 200
        Content-Type: text/html
        Content-Length: 12
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-c"
        Accept-Ranges: bytes

        <p>index</p>{trailer} X-Behind: it

        ~
        > GET /empty
        HTTP/2 204


        ~
        > GET /nowhere
        HTTP/2 404
        Content-Type: text/plain
        Content-Length: 8

        not here
        ~
        > GET /data.txt
        HTTP/2 206
        Content-Type: text/plain
        Content-Length: 3
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-40"
        Content-Range: bytes 1-3/64

        \x01\x02\x03
        ~
        > GET /data.txt
        HTTP/2 206
        Content-Type: multipart/byteranges; boundary={boundary}
        Content-Length: 199
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-40"

        \r
        --{boundary}\r
        Content-Type: text/plain\r
        Content-Range: bytes 1-3/64\r
        \r
        \x01\x02\x03\r
        --{boundary}\r
        Content-Type: text/plain\r
        Content-Range: bytes 5-6/64\r
        \r
        \x05\x06\r
        --{boundary}--\r

        ~
        > GET /data.txt
        HTTP/2 200
        Content-Type: text/plain
        Content-Length: 64
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Etag: "65937d25-40"
        Accept-Ranges: bytes

        \x00\x01\x02\x03\x04\x05\x06\x07\x08\t
        \x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&'()*+,-./0123456789:;<=>?
        ~
        > DELETE /data.txt
        HTTP/2 405
        Content-Type: text/html
        Content-Length: 145+{server}

        {page: 405 Not Allowed}

        ~
    "##]].assert_eq(&text.replace(&boundary, "{boundary}"));
}

#[test]
fn variables_of_a_request() {
    let server = setup().start(
        r#"log_format it '$request|$status|$body_bytes_sent|$http2|$server_protocol|$connection_requests|$request_completion';
           server { listen {{port}} http2; access_log {{dir}}/it.log it;
             return 200 "$request|$http2|$server_protocol|$scheme|$host|$http_host|$uri|$args|$request_method|$content_length|$http_cookie|$http_x_a|$is_args|$https"; }"#,
    );
    let mut peer = Peer::connect(server.address());
    let request = Request::get("http://a.example:81/a%20b/../c?d=e&f")
        .header("cookie", "one=1")
        .header("x-a", "first")
        .header("cookie", "two=2")
        .body(());
    let mut text = peer.ask(request.unwrap(), b"").unwrap().text() + "\n";
    text += &peer.ask(post("/"), b"body").unwrap().text();
    text += "\n";
    text += &server.wait_file("it.log", |log| log.lines().count() == 2);
    expect![[r#"
        GET /a%20b/../c?d=e&f HTTP/2.0|h2c|HTTP/2.0|http|a.example|a.example:81|/c|d=e&f|GET||one=1; two=2|first|?|
        POST / HTTP/2.0|h2c|HTTP/2.0|http|localhost|localhost|/||POST|||||
        GET /a%20b/../c?d=e&f HTTP/2.0|200|107|h2c|HTTP/2.0|1|OK
        POST / HTTP/2.0|200|66|h2c|HTTP/2.0|2|OK
    "#]].assert_eq(&text);
}

#[test]
fn what_the_app_is_asked() {
    let origin = Origin::echo();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; client_max_body_size 0;
           location / { proxy_pass http://{{app}}; }
           location /streamed { proxy_request_buffering off; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_pass http://{{app}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let fields = |path: &str| {
        Request::post(format!("http://localhost{path}"))
            .header("te", "trailers")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("x-field", "value")
            .header("expect", "100-continue")
    };
    let mut text = String::new();
    for (request, body) in [
        (fields("/get?x").method("GET").body(()).unwrap(), ""),
        (fields("/whole").body(()).unwrap(), "a body"),
        (fields("/known").header("content-length", "6").body(()).unwrap(), "a body"),
        (fields("/streamed/known").header("content-length", "6").body(()).unwrap(), "a body"),
    ] {
        assert_eq!(peer.ask(request, body.as_bytes()).unwrap().status, 200);
        text += &server.received(&origin.last());
        text += "\n~\n";
    }
    expect![[r#"
        GET /get?x HTTP/1.1
        Host: 127.0.0.1:{app}
        x-field: value
        cookie: a=1; b=2


        ~
        POST /whole HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 6
        x-field: value
        cookie: a=1; b=2

        a body
        ~
        POST /known HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 6
        x-field: value
        cookie: a=1; b=2

        a body
        ~
        POST /streamed/known HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 6
        x-field: value
        cookie: a=1; b=2

        a body
        ~
    "#]]
    .assert_eq(&text);
    // Of unknown length, and longer than all windows.
    let body = pattern(700_000);
    for path in ["/long", "/streamed/long"] {
        assert_eq!(peer.ask(post(path), &body).unwrap().status, 200);
        assert!(origin.last().body == body, "{path}");
    }
}

#[test]
fn bodies_of_all_sizes_in_many_streams_at_once() {
    let sizes = [0, 1, 16 << 10, 70_000, 1 << 20, 3_000_000];
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let size: usize = request.target().rsplit('/').next().unwrap().parse().unwrap();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
            connection.send(pattern(size));
        }
    });
    let mut setup = setup().app(&origin);
    for size in sizes {
        setup = setup.file(&format!("root/{size}"), pattern(size));
    }
    let server = setup.start(
        "server { listen {{port}} http2; listen {{port2}} ssl http2; root {{root}};
           ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key; ssl_protocols TLSv1.3;
           location /app { proxy_pass http://{{app}}; }
           location /unbuffered { proxy_buffering off; proxy_pass http://{{app}}; }
           location /slow { limit_rate 3m; alias {{root}}; }
           location /gzip { gzip on; gzip_types *; alias {{root}}; } }",
    );
    for mut peer in [
        Peer::connect(server.address()),
        Peer::connect_tls(server.address_of("port2"), &tls::client(&[&TLS13]), "a.example"),
    ] {
        let mut begun = Vec::new();
        for place in ["", "/app", "/unbuffered", "/slow", "/gzip"] {
            for size in sizes {
                let path = format!("{place}/{size}");
                begun.push((peer.begin(get(&path), true).0, path, size));
            }
        }
        // The last one first: nobody waits for another.
        for (response, path, size) in begun.into_iter().rev() {
            let answer = peer.answer(response).unwrap();
            assert_eq!(answer.status, 200);
            assert!(answer.body == pattern(size), "{path}");
        }
    }
}

#[test]
fn a_client_that_reads_nothing_holds_neither_memory_nor_the_app() {
    if oracle().is_some() {
        return; // nginx has its own buffers.
    }
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let origin = Origin::start(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        let part = vec![b'x'; 1 << 20];
        let sent = (0..100).take_while(|_| connection.send(&part)).count();
        tell.lock().unwrap().send(sent).unwrap();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; send_timeout 300ms; location / { proxy_buffering off; proxy_pass http://{{app}}; } }",
    );
    let mut peer = Peer::with(server.address(), &mut h2::client::Builder::new());
    let (response, _) = peer.begin(get("/"), true);
    let (status, mut body) = peer.head(response);
    assert_eq!(status, 200);
    // Nothing is released, so one window comes, and then the stream is over.
    let mut got = 0;
    let error = loop {
        match peer.wait(body.data()) {
            Some(Ok(data)) => got += data.len(),
            Some(Err(error)) => break error,
            None => panic!("the body cannot be whole"),
        }
    };
    assert_eq!((got, error.reason()), (65_535, Some(h2::Reason::INTERNAL_ERROR)));
    assert!(told.recv_timeout(DEADLINE).unwrap() < 20, "the app could send although nobody read");
    server.wait_error("client timed out (110: Connection timed out) while sending to client");
    // The connection goes on.
    drop(body);
    let (response, _) = peer.begin(get("/"), true);
    assert_eq!(peer.head(response).0, 200);
}

#[test]
fn a_client_that_sends_what_nobody_reads_is_held_up() {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let origin = Origin::start(move |connection| {
        // Reads nothing before it is told to.
        told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; client_max_body_size 0; http2_body_preread_size 64k;
           location / { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://{{app}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    let body = bytes::Bytes::from(vec![b'x'; 64 << 10]);
    let mut sent = 0;
    // Until nothing more is taken for a while, at the latest when the sockets to the app are full.
    let mut waits = 0;
    while waits < 200 {
        stream.reserve_capacity(body.len());
        let room = peer.wait(async { stream.capacity() });
        if room == 0 {
            waits += 1;
            peer.turn();
            std::thread::sleep(std::time::Duration::from_millis(1));
            continue;
        }
        waits = 0;
        let count = room.min(body.len());
        stream.send_data(body.slice(..count), false).unwrap();
        sent += count;
        assert!(sent < 64 << 20, "{sent} bytes were taken although nobody reads");
    }
    tell.send(()).unwrap();
    stream.send_data(bytes::Bytes::new(), true).unwrap();
    assert_eq!(peer.answer(response).unwrap().text(), "ok");
    assert_eq!(origin.last().body.len(), sent);
}

#[test]
fn a_reset_cancels_what_the_app_does() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let origin = Origin::start(move |connection| {
        connection.request();
        tell.lock().unwrap().send(connection.closed_by_peer()).unwrap();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; location / { proxy_pass http://{{app}}; } location = /ok { return 200 ok; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(get("/"), true);
    origin.wait_requests(1);
    stream.send_reset(h2::Reason::CANCEL);
    drop(response);
    peer.turn();
    assert_eq!(peer.get("/ok").text(), "ok");
    assert!(told.recv_timeout(DEADLINE).unwrap(), "the app's connection stayed open");
    server.wait_file("access.log", |log| log.contains("\"GET / HTTP/2.0\" 499"));
    // And so does the end of the whole connection.
    let mut frames = Frames::connect(server.address());
    frames.get(1, "/");
    origin.wait_requests(2);
    drop(frames);
    assert!(told.recv_timeout(DEADLINE).unwrap());
    server.wait_file("access.log", |log| log.matches("\"GET / HTTP/2.0\" 499").count() == 2);
}

#[test]
fn an_answer_may_come_before_the_body_is_read() {
    let server = setup().start(
        "server { listen {{port}} http2; client_max_body_size 1k; location / { return 200 early; }
           location /app { proxy_pass http://127.0.0.1:{{dead}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (response, stream) = peer.begin(post("/"), false);
    assert_eq!(peer.answer(response).unwrap().text(), "early");
    drop(stream);
    // What is too long is refused when its length is told, or when it has come.
    let told = Request::post("http://localhost/app").header("content-length", "2000").body(()).unwrap();
    let (response, stream) = peer.begin(told, false);
    assert_eq!(peer.answer(response).unwrap().status, 413);
    drop(stream);
    assert_eq!(peer.ask(post("/app"), &pattern(5000)).unwrap().status, 413);
    assert_eq!(peer.get("/").text(), "early");
}

#[test]
fn an_answer_that_ends_early_does_not_look_whole() {
    let origin = Origin::answering_once("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; location / { proxy_pass http://{{app}}; } location = /close { return 444; } }",
    );
    let mut peer = Peer::connect(server.address());
    for path in ["/", "/close"] {
        let error = peer.ask(get(path), b"").unwrap_err();
        // nginx calls an answer that is not given a PROTOCOL_ERROR.
        let given = path == "/" || oracle().is_none();
        assert_eq!(error.reason() == Some(h2::Reason::INTERNAL_ERROR), given, "{path}");
    }
    server.wait_error("upstream prematurely closed connection");
}

#[test]
fn trailers_of_the_app_are_passed_on() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n",
    );
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; location / { proxy_pass http://{{app}}; } location /ours { add_trailer X-Ours one; proxy_pass http://{{app}}; } }",
    );
    if oracle().is_some() {
        return; // nginx drops them.
    }
    let mut peer = Peer::connect(server.address());
    let answer = peer.get("/");
    assert_eq!((answer.text().as_str(), answer.trailers["x-sum"].to_str().unwrap()), ("body", "4"));
    assert_eq!(answer.header("transfer-encoding"), "");
    let answer = peer.get("/ours");
    assert_eq!((answer.trailers.len(), answer.trailers["x-ours"].to_str().unwrap()), (2, "one"));
}

#[test]
fn heads_that_two_readers_could_understand_differently_are_refused() {
    if oracle().is_some() {
        return; // nginx drops some of these fields, and passes others on.
    }
    let origin = Origin::echo();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; location / { proxy_pass http://{{app}}; } }",
    );
    use crate::support::http2::{END_HEADERS, END_STREAM, HEADERS, block};
    let plain = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")];
    let with = |fields: &[(&'static str, &'static str)]| [&plain[..], fields].concat();
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("another host", with(&[("host", "evil.example")])),
        ("two hosts", with(&[("host", "localhost"), ("host", "b.example")])),
        ("a field that ends the head", with(&[("x", "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n")])),
        ("a field of the connection", with(&[("transfer-encoding", "chunked")])),
        ("connection", with(&[("connection", "close")])),
        ("te", with(&[("te", "gzip")])),
        ("upper case", with(&[("X-Upper", "1")])),
        ("a name with a colon", with(&[("x:y", "1")])),
        ("a name with a space", with(&[("x y", "1")])),
        ("an empty name", with(&[("", "1")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "1")])),
        ("a length that is none", with(&[("content-length", "+5")])),
        ("a length without a body", with(&[("content-length", "5")])),
        ("a nul", with(&[("x", "a\0b")])),
        ("white space around", with(&[("x", " a")])),
        ("a path with a line end", vec![plain[0], plain[1], (":path", "/ HTTP/1.1\r\nx: y"), plain[3]]),
        ("a path with a space", vec![plain[0], plain[1], (":path", "/a b"), plain[3]]),
        ("a whole URI", vec![plain[0], plain[1], (":path", "http://evil.example/"), plain[3]]),
        ("a path without a slash", vec![plain[0], plain[1], (":path", "evil"), plain[3]]),
        ("a host that is none", vec![plain[0], plain[1], plain[2], (":authority", "a b")]),
        ("a host with a user", vec![plain[0], plain[1], plain[2], (":authority", "a@b")]),
        ("a method with a space", vec![(":method", "GET /x"), plain[1], plain[2], plain[3]]),
        ("CONNECT", vec![(":method", "CONNECT"), (":authority", "b.example:443")]),
        ("TRACE", vec![(":method", "TRACE"), plain[1], plain[2], plain[3]]),
        ("no host", vec![plain[0], plain[1], plain[2]]),
    ];
    for (what, fields) in cases {
        let mut frames = Frames::connect(server.address());
        frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields));
        let refused = match frames.next_of_stream(1) {
            Some(frame) if frame.kind == HEADERS => !crate::support::http2::is_status_200(&frame),
            _ => true,
        };
        assert!(refused, "{what} was answered");
    }
    assert_eq!(
        origin.requests().len(),
        0,
        "{:?}",
        origin.requests().iter().map(|r| r.text()).collect::<Vec<_>>()
    );
}

#[test]
fn quit_finishes_what_runs_and_takes_nothing_new() {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.request();
        told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    });
    let mut server = Server::proxying(
        &origin,
        "server { listen {{port}} http2; location / { proxy_pass http://{{app}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let mut idle = Frames::connect(server.address());
    let (response, _) = peer.begin(get("/"), true);
    origin_waits(&origin);
    server.signal("QUIT");
    // An idle connection is told, and closed.
    assert_eq!(idle.outcome(), Outcome::GoAway(0));
    tell.send(()).unwrap();
    assert_eq!(peer.answer(response).unwrap().text(), "last");
    assert!(peer.end().is_ok());
    assert_eq!(server.wait_exit(), Some(0));
}

fn origin_waits(origin: &Origin) {
    origin.wait_requests(1);
}

#[test]
fn a_reload_counts_from_the_next_stream_on() {
    let conf = |text: &str| format!("server {{ listen {{{{port}}}} http2; return 200 {text}; }}");
    let mut server = Server::start(&conf("old"));
    let mut peer = Peer::connect(server.address());
    assert_eq!(peer.get("/").text(), "old");
    server.rewrite(&conf("new"));
    server.signal("HUP");
    if oracle().is_some() {
        return; // nginx's old worker closes it.
    }
    wait_for("the new configuration", || (peer.get("/").text() == "new").then_some(()));
    // A port that goes away: its connections end.
    server.rewrite("server { listen {{port2}} http2; return 200 other; }");
    server.signal("HUP");
    assert!(peer.end().is_ok());
}

#[test]
fn connections_end_after_their_requests_and_their_rest() {
    let server = Server::start(
        "server { listen {{port}} http2; keepalive_requests 3; return 200 ok; }
         server { listen {{port2}} http2; keepalive_timeout 200ms; client_header_timeout 300ms; return 200 ok; }",
    );
    let mut peer = Peer::connect(server.address());
    for _ in 0..3 {
        assert_eq!(peer.get("/").text(), "ok");
    }
    assert!(peer.end().is_ok());
    let mut peer = Peer::connect(server.address_of("port2"));
    assert_eq!(peer.get("/").text(), "ok");
    assert!(peer.end().is_ok());
    // Who never asks is not waited for: with a preface, or without a whole one.
    let mut frames = Frames::connect(server.address_of("port2"));
    assert_eq!(frames.outcome(), Outcome::GoAway(0));
    let mut client = Client::connect(server.address_of("port2"));
    client.send("PRI * HTTP/2.0\r\n");
    client.read_to_end();
}

#[test]
fn a_port_for_both_speaks_what_the_client_begins_with() {
    if oracle().is_some() {
        return; // nginx 1.22 has no `http2 on`, and on such a port nothing but HTTP/2.
    }
    let server = Server::start(
        "server { listen {{port}} http2; return 200 old; } server { listen {{port2}}; http2 on; return 200 on; }
         server { listen {{port3}}; return 200 off; }",
    );
    for (port, text) in [("port", "old"), ("port2", "on")] {
        assert_eq!(Peer::connect(server.address_of(port)).get("/").text(), text);
        assert_eq!(server.send_to(port, crate::support::get("/")).text(), text);
        // Its first letters alone may be POST's.
        let mut client = Client::connect(server.address_of(port));
        client.send("P").send("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.response().text(), text);
    }
    let mut client = Client::connect(server.address_of("port3"));
    assert_eq!(client.send(crate::support::http2::PREFACE).response().status, 400);
}

#[test]
fn what_is_agreed_in_a_handshake() {
    if oracle().is_some() {
        return; // `http2 on` is newer.
    }
    let server = setup().start(
        "ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key;
         server { listen {{port}} ssl; http2 on; server_name on.example; return 200 \"$http2|$ssl_alpn_protocol|$server_protocol|$https|$scheme|$ssl_server_name\"; }
         server { listen {{port}} ssl; server_name off.example; return 200 off; }
         server { listen {{port2}} ssl http2; return 200 both; }",
    );
    let config = tls::client(&[&TLS13]);
    let mut peer = Peer::connect_tls(server.address(), &config, "on.example");
    let request = Request::get("https://on.example/").body(()).unwrap();
    assert_eq!(peer.ask(request, b"").unwrap().text(), "h2|h2|HTTP/2.0|on|https|on.example");
    let agreed = |port: &str, name: &str, offers: &[&[u8]]| {
        let mut config = (*config).clone();
        config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
        let client = Client::connect_tls(server.address_of(port), &Arc::new(config), name);
        client.tls().alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    };
    let both: [&[u8]; 2] = [b"http/1.1", b"h2"];
    assert_eq!(agreed("port", "on.example", &both).as_deref(), Some("h2"));
    assert_eq!(agreed("port", "off.example", &both).as_deref(), Some("http/1.1"));
    assert_eq!(agreed("port2", "off.example", &both).as_deref(), Some("h2"));
    assert_eq!(agreed("port2", "off.example", &both[..1]).as_deref(), Some("http/1.1"));
    assert_eq!(agreed("port2", "off.example", &[]), None);
}

#[test]
fn limits_count_streams() {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.request();
        told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let server = setup().app(&origin).file("root/rate", "").start(
        "limit_conn_zone $binary_remote_addr zone=c:1m; limit_req_zone $uri zone=r:1m rate=1r/m;
         server { listen {{port}} http2; http2_max_concurrent_streams 4;
           location / { limit_conn c 1; proxy_pass http://{{app}}; } location /held/ { proxy_pass http://{{app}}; } location /rate { limit_req zone=r; root {{root}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (first, _) = peer.begin(get("/"), true);
    origin_waits(&origin);
    assert_eq!(peer.get("/").status, 503);
    tell.send(()).unwrap();
    assert_eq!(peer.answer(first).unwrap().text(), "ok");
    assert_eq!([peer.get("/rate").status, peer.get("/rate").status], [200, 503]);
    // More at once than are allowed are refused without being looked at.
    let mut frames = Frames::connect(server.address());
    for stream in [1, 3, 5, 7, 9] {
        frames.get(stream, "/held/");
    }
    let refused = loop {
        match frames.outcome() {
            Outcome::Answer(_) => {}
            outcome => break outcome,
        }
    };
    assert_eq!(refused, Outcome::Reset(9, 7));
    for _ in 0..4 {
        let _ = tell.send(());
    }
}

#[test]
fn pages_made_of_parts_and_permissions_and_copies() {
    let origin = Origin::ok();
    let server = setup()
        .app(&origin)
        .file("root/page.html", "<!--#include virtual=\"/part\" -->|<!--#echo var=\"http2\" -->")
        .start(
            "server { listen {{port}} http2; root {{root}}; ssi on;
               location = /part { return 200 part; }
               location = /asked { auth_request /may; try_files /page.html =404; } location = /may { proxy_pass http://{{app}}; }
               location = /copied { mirror /copy; try_files /page.html =404; } location = /copy { proxy_pass http://{{app}}; } }",
        );
    let mut peer = Peer::connect(server.address());
    for path in ["/page.html", "/asked", "/copied"] {
        assert_eq!(peer.get(path).text(), "part|h2c", "{path}");
    }
    origin.wait_requests(2);
}
