//! When the application fails: 502, 504, the next peer, 499, and what the log says.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::differences;
use crate::support::{DEADLINE, Origin, Server, get, lines, wait_for};

/// The first line of the error log that has this text, from the text on.
fn logged(server: &Server, text: &str) -> String {
    let log = server.wait_error(text);
    let line = log.lines().find(|line| line.contains(text)).unwrap();
    server.localised(&line[line.find(text).unwrap()..])
}

const PLAIN: &str = "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }";

/// The status of the answer to `GET /` when the application says this and closes; `raw` if it is no HTTP, `closed` if
/// there is none.
fn status_of(said: &str) -> String {
    let origin = Origin::answering_once(said);
    let server = Server::proxying(&origin, PLAIN);
    let answer =
        server.connect().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").read_to_end();
    match answer.strip_prefix(b"HTTP/1.1 ") {
        Some(rest) => String::from_utf8_lossy(&rest[..3]).into_owned(),
        None if answer.is_empty() => "closed".to_owned(),
        None => "raw".to_owned(),
    }
}

#[test]
fn answers_with_a_bad_head_are_502() {
    for bad in [
        "",
        "HTTP/1.1 200 OK\r\nBad\0Header: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b",
        "HTTP/1.1 200 OK\r\nX-A",
        "HTTP/1.1 20",
    ] {
        assert_eq!(status_of(bad), "502", "{bad:?}");
    }
}

#[test]
fn answers_with_ambiguous_framing_are_502() {
    if !differences::STRICT_FRAMING.ringx_only() {
        return;
    }
    for bad in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(status_of(bad), "502", "{bad:?}");
    }
}

#[test]
fn answers_that_are_no_http_are_502() {
    if !differences::NO_HTTP_09.ringx_only() {
        return;
    }
    for bad in [
        "\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 9999 X\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "<html>hello</html>",
    ] {
        assert_eq!(status_of(bad), "502", "{bad:?}");
    }
}

#[test]
fn a_premature_close_before_the_head() {
    let origin = Origin::start(|connection| {
        connection.request();
    });
    let server = Server::proxying(&origin, PLAIN);
    server.check_get(
        "/x",
        expect![[r#"
        HTTP/1.1 502 Bad Gateway
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 502 Bad Gateway}
    "#]],
    );
    expect![[r#"upstream prematurely closed connection while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /x HTTP/1.1", upstream: "http://127.0.0.1:{app}/x", host: "localhost""#]].assert_eq(&logged(&server, "upstream prematurely closed"));
}

#[test]
fn a_reset_before_the_head() {
    let origin = Origin::start(|connection| {
        // Closing with unread bytes in the socket sends a reset.
        connection.read_raw(1);
    });
    let server = Server::proxying(&origin, PLAIN);
    let body = vec![b'x'; 400_000];
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n".to_vec();
    request.extend_from_slice(&body);
    assert_eq!(server.send(&request).status, 502);
}

#[test]
fn a_body_cut_short_is_visible_to_the_client() {
    for (head, case) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", "length"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", "chunked"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\nzz\r\n", "bad chunk"),
    ] {
        let origin = Origin::answering_once(head);
        let server = Server::proxying(
            &origin,
            "server { listen {{port}}; location / { proxy_http_version 1.1; proxy_pass http://{{app}}; } }",
        );
        // A bad chunk that comes together with the head may end the connection before anything was sent.
        let Some(response) = server.connect().send(get("/")).response_to("GET") else { continue };
        assert!(response.incomplete, "{case}: the client took it for complete: {response:?}");
        assert!("only this".starts_with(&response.text()), "{case}");
    }
}

#[test]
fn a_read_timeout_is_504() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_read_timeout 300ms; proxy_pass http://{{app}}; } }",
    );
    let since = Instant::now();
    server.check_get(
        "/slow",
        expect![[r#"
        HTTP/1.1 504 Gateway Time-out
        Content-Type: text/html
        Content-Length: 155+{server}
        Connection: keep-alive

        {page: 504 Gateway Time-out}
    "#]],
    );
    assert!(since.elapsed() >= Duration::from_millis(250));
    expect![[r#"upstream timed out (110: Connection timed out) while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /slow HTTP/1.1", upstream: "http://127.0.0.1:{app}/slow", host: "localhost""#]].assert_eq(&logged(&server, "upstream timed out"));
}

#[test]
fn the_read_timeout_counts_between_two_reads() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
        for byte in b"abcdef" {
            std::thread::sleep(Duration::from_millis(150));
            connection.send([*byte]);
        }
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_read_timeout 600ms; proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/").text(), "abcdef");
}

#[test]
fn a_timeout_in_the_middle_of_a_body_cuts_it() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        connection.closed_by_peer();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_read_timeout 300ms; proxy_pass http://{{app}}; } }",
    );
    let response = server.get("/");
    assert_eq!(response.status, 200);
    assert!(response.incomplete);
    logged(&server, "upstream timed out (110: Connection timed out) while reading upstream");
}

/// A socket whose backlog is full: connections are neither accepted nor refused.
struct FullBacklog {
    listener: TcpListener,
    _fill: Vec<TcpStream>,
}

impl FullBacklog {
    fn new() -> FullBacklog {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut fill = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            fill.push(stream);
            assert!(fill.len() < 10_000, "the backlog never fills");
        }
        FullBacklog { listener, _fill: fill }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }
}

#[test]
fn a_client_that_goes_away_while_the_connection_is_made_is_499() {
    let full = FullBacklog::new();
    let server = Server::setup().value("app", &full.address()).start(
        r#"log_format s "$status"; access_log {{dir}}/s.log s;
        server { listen {{port}}; location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send(get("/"));
    drop(client);
    let log = server.wait_file("s.log", |text| !text.is_empty());
    assert_eq!(log, "499\n");
    logged(
        &server,
        "client prematurely closed connection, so upstream connection is closed too while connecting to upstream",
    );
}

#[test]
fn a_connect_timeout_is_504() {
    let full = FullBacklog::new();
    let server = Server::setup().value("app", &full.address()).start(
        "server { listen {{port}}; location / { proxy_connect_timeout 300ms; proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/").status, 504);
    logged(&server, "while connecting to upstream");
}

#[test]
fn no_socket_file_and_nobody_behind_it_are_502() {
    let server =
        Server::start("server { listen {{port}}; location / { proxy_pass http://unix:{{dir}}/none.sock; } }");
    assert_eq!(server.get("/").status, 502);
    expect![[r#"connect() to unix:{dir}/none.sock failed (2: No such file or directory) while connecting to upstream, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://unix:{dir}/none.sock:/", host: "localhost""#]].assert_eq(&logged(&server, "connect() to unix:"));
}

#[test]
fn the_next_peer_is_tried() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"upstream app { server 127.0.0.1:{{dead}}; server {{app}}; }
        log_format up "$status $upstream_addr $upstream_status";
        access_log {{dir}}/up.log up;
        server { listen {{port}}; location / { proxy_pass http://app; } }"#,
    );
    assert_eq!(server.get("/").text(), "ok");
    let log = server.wait_file("up.log", |text| text.lines().count() >= 1);
    expect![[r#"
        200 127.0.0.1:{dead}, 127.0.0.1:{app} 502, 200
    "#]]
    .assert_eq(&server.localised(&log));
    logged(&server, "connect() failed (111: Connection refused) while connecting to upstream");
}

#[test]
fn when_no_peer_is_left_the_answer_is_502() {
    let server = Server::start(
        r#"upstream app { server 127.0.0.1:{{dead}}; server 127.0.0.1:{{dead2}}; }
        log_format up "$status $upstream_addr $upstream_status"; access_log {{dir}}/up.log up;
        server { listen {{port}}; location / { proxy_pass http://app; } }"#,
    );
    assert_eq!(server.get("/").status, 502);
    // Both are down now: nobody is asked, and both are tried again.
    assert_eq!(server.get("/").status, 502);
    expect![[r#"no live upstreams while connecting to upstream, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://app/", host: "localhost""#]].assert_eq(&logged(&server, "no live upstreams"));
    let log = server.wait_file("up.log", |text| text.lines().count() >= 2);
    expect![[r#"
        502 127.0.0.1:{dead}, 127.0.0.1:{dead2} 502, 502
        502 app 502
    "#]]
    .assert_eq(&server.localised(&log));
}

#[test]
fn a_post_that_was_sent_is_never_sent_again() {
    let hangs_up = || {
        Origin::start(|connection| {
            connection.request();
        })
    };
    let (one, two) = (hangs_up(), hangs_up());
    let conf = r#"upstream app { server {{one}} max_fails=0; server {{two}} max_fails=0; }
        server { listen {{port}};
            location / { proxy_pass http://app; }
            location /again/ { proxy_next_upstream error timeout non_idempotent; proxy_pass http://app; }
            location /off/ { proxy_next_upstream off; proxy_pass http://app; }
        }"#;
    let server = Server::setup().named_app("one", &one).named_app("two", &two).start(conf);
    let asked = |request: &str| {
        let before = one.requests().len() + two.requests().len();
        assert_eq!(server.send(request).status, 502, "{request}");
        one.requests().len() + two.requests().len() - before
    };
    assert_eq!(asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 2, "a GET may try both");
    assert_eq!(asked("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 2, "PUT is idempotent");
    assert_eq!(asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 1, "a POST may not");
    assert_eq!(asked("PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 1, "nor a PATCH");
    assert_eq!(asked("LOCK / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 1, "nor a LOCK");
    assert_eq!(
        asked("POST /again/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
        2,
        "non_idempotent allows it"
    );
    assert_eq!(asked("GET /off/ HTTP/1.1\r\nHost: a\r\n\r\n"), 1, "off forbids it");
}

#[test]
fn an_unbuffered_body_that_came_with_its_head_may_be_sent_again() {
    let bad = Origin::start(|connection| {
        connection.request();
    });
    let good = Origin::ok();
    let server = Server::setup().named_app("bad", &bad).named_app("good", &good).start(
        r#"upstream app { server {{bad}} max_fails=0; server {{good}} backup; }
        server { listen {{port}}; location / { proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://app; } }"#,
    );
    let whole = server.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!((whole.status, good.last().body.as_slice()), (200, b"body".as_slice()));
    let chunked =
        server.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(chunked.status, 200);
    assert_eq!(good.last().header("content-length").as_deref(), Some("4"));
    // What comes later was read from the client once, and is gone with the peer that got it.
    let mut client = server.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    bad.wait_requests(3);
    client.send("dy");
    assert_eq!(client.response().status, 502);
    assert_eq!(good.requests().len(), 2);
}

#[test]
fn a_post_may_go_on_when_nothing_was_sent() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        "upstream app { server 127.0.0.1:{{dead}}; server {{app}}; } server { listen {{port}}; location / { proxy_pass http://app; } }",
    );
    assert_eq!(server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").text(), "ok");
    assert_eq!(origin.last().body, b"body");
}

#[test]
fn statuses_that_ask_the_next_peer() {
    let bad = Origin::answering("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    let good = Origin::ok();
    let server = Server::setup().named_app("bad", &bad).named_app("good", &good).start(
        r#"upstream app { server {{bad}} max_fails=0; server {{good}} max_fails=0; }
        upstream all_bad { server {{bad}} max_fails=0; server {{bad}} max_fails=0; }
        server { listen {{port}};
            location / { proxy_pass http://app; }
            location /next/ { proxy_next_upstream error timeout http_503; proxy_pass http://app; }
            location /none/ { proxy_next_upstream http_503; proxy_pass http://all_bad; }
            location /tries/ { proxy_next_upstream http_503; proxy_next_upstream_tries 1; proxy_pass http://app; }
            location /404/ { proxy_next_upstream http_404; proxy_pass http://all_bad; }
        }"#,
    );
    let statuses = |path: &str| (0..4).map(|_| server.get(path).status).collect::<Vec<_>>();
    let plain = statuses("/");
    assert!(plain.contains(&503) && plain.contains(&200), "{plain:?}");
    assert_eq!(statuses("/next/"), [200, 200, 200, 200]);
    let tries = statuses("/tries/");
    assert!(tries.contains(&503) && tries.contains(&200), "{tries:?}");
    let none = server.get("/none/");
    assert_eq!((none.status, none.text().as_str()), (503, "busy"));
}

#[test]
fn a_client_that_goes_away_is_499_and_takes_the_application_along() {
    let origin = Origin::start(|connection| {
        connection.request();
        assert!(connection.closed_by_peer(), "the upstream connection stayed open");
        // Only after the proxy closed: a second connection tells the test.
    });
    let server = Server::proxying(
        &origin,
        r#"log_format s "$status $upstream_status"; access_log {{dir}}/s.log s;
        server { listen {{port}}; location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    drop(client);
    let log = server.wait_file("s.log", |text| !text.is_empty());
    assert_eq!(log.split(' ').next(), Some("499"), "{log}");
}

#[test]
fn proxy_ignore_client_abort_lets_the_application_finish() {
    let (tell, told) = std::sync::mpsc::channel();
    let go = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.request();
        go.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let server = Server::proxying(
        &origin,
        r#"log_format s "$status $upstream_status"; access_log {{dir}}/s.log s;
        server { listen {{port}}; location / { proxy_ignore_client_abort on; proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    drop(client);
    // Another request proves that the close was seen before the application goes on.
    assert_eq!(server.read("s.log"), "");
    tell.send(()).unwrap();
    let log = server.wait_file("s.log", |text| !text.is_empty());
    assert_eq!(log, "200 200\n");
}

#[test]
fn a_half_closed_client_still_counts_as_gone() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let server = Server::proxying(&origin, PLAIN);
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    client.finish();
    client.expect_close();
}

#[test]
fn error_pages_stand_in_for_a_dead_application() {
    let server = Server::setup().file("root/50x.html", "starting…").start(
        r#"server { listen {{port}}; error_page 502 504 /50x.html;
            location = /50x.html { root {{root}}; internal; }
            location / { proxy_pass http://127.0.0.1:{{dead}}; }
            location /named/ { error_page 502 = @wait; proxy_pass http://127.0.0.1:{{dead}}; }
            location @wait { add_header Retry-After 5 always; return 503 "wait\n"; }
        }"#,
    );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 502 Bad Gateway
        Content-Type: text/html
        Content-Length: 11
        Connection: keep-alive
        ETag: "65937d25-b"

        starting\xe2\x80\xa6"#]],
    );
    server.check_get(
        "/named/",
        expect![[r#"
        HTTP/1.1 503 Service Temporarily Unavailable
        Content-Type: text/plain
        Content-Length: 5
        Connection: keep-alive
        Retry-After: 5

        wait
    "#]],
    );
    server.check(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        expect![[r#"
        HTTP/1.1 502 Bad Gateway
        Content-Type: text/html
        Content-Length: 11
        Connection: keep-alive
        ETag: "65937d25-b"

        starting\xe2\x80\xa6"#]],
    );
}

#[test]
fn too_big_a_head_from_the_application_is_502() {
    let origin = Origin::answering_once(format!(
        "HTTP/1.1 200 OK\r\nX-Big: {}\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(9000)
    ));
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / { proxy_pass http://{{app}}; }
            location /big/ { proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_pass http://{{app}}; }
        }"#,
    );
    assert_eq!(server.get("/").status, 502);
    logged(&server, "upstream sent too big header while reading response header from upstream");
    let big = server.get("/big/");
    assert_eq!((big.status, big.header("x-big").len()), (200, 9000));
}

#[test]
fn an_answer_before_the_body_was_sent_counts() {
    let origin = Origin::start(|connection| {
        // Answers without reading the body, as applications do that refuse an upload.
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        connection.closed_by_peer();
    });
    let server = Server::proxying(
        &origin,
        "client_max_body_size 0; server { listen {{port}}; location / { proxy_pass http://{{app}}; } }",
    );
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n".to_vec();
    request.resize(request.len() + 3_000_000, b'x');
    let response = server.send(&request);
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
}

#[test]
fn the_upstream_is_asked_again_after_it_recovers() {
    let server = Server::start(
        r#"upstream app { server 127.0.0.1:{{dead}} max_fails=1 fail_timeout=1s; server 127.0.0.1:{{dead2}} backup; }
        server { listen {{port}}; location / { proxy_pass http://app; } }"#,
    );
    assert_eq!(server.get("/").status, 502);
    let _origin = Origin::start_at(server.port("dead"), |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
        }
    });
    wait_for("the peer to be tried again", || (server.get("/").status == 200).then_some(()));
    assert_eq!(server.send(lines("GET / HTTP/1.1\nHost: a")).text(), "up");
}
