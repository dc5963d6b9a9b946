//! What the logs say of proxied requests: `$upstream_*` of failures, and the words of the error log.

use std::fmt::Write;

use expect_test::expect;

use crate::support::{Origin, Server, lines};

/// An application whose path says how it misbehaves.
fn application() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let answer: &[u8] = match request.target().split('?').next().unwrap_or_default() {
                "/more" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA",
                "/bad" => b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
                "/colon" => b"HTTP/1.1 200 OK\r\nX-A: 1\r\n: x\r\n\r\n",
                "/accel" => b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /../x\r\nContent-Length: 0\r\n\r\n",
                "/named" => b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: @none\r\nContent-Length: 0\r\n\r\n",
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            };
            if !connection.send(answer) {
                return;
            }
        }
    })
}

const CONF: &str = r#"log_format up '$request_uri $status [$upstream_status] [$upstream_addr] [$proxy_host:$proxy_port]'; access_log {{dir}}/up.log up;
    upstream App { server {{app}}; }
    upstream down { server 127.0.0.1:1 down; }
    server { listen {{port}};
        location / { proxy_pass http://app; }
        location /host { proxy_pass http://$arg_h/; }
        location /url { proxy_pass $arg_u; }
        location /down { proxy_pass http://down; }
        location /caught { proxy_pass http://down; error_page 502 = @fallback; }
        location /left { proxy_pass http://down; error_page 502 = /page; }
        location /page { return 200 page; }
        location @fallback { proxy_pass http://app; }
    }"#;

#[test]
fn no_live_upstream_is_a_try_of_the_group() {
    let origin = application();
    let server = Server::proxying(&origin, CONF);
    for path in ["/", "/down", "/caught", "/left"] {
        server.get(path);
    }
    let log = server.wait_file("up.log", |text| text.lines().count() == 4);
    expect![[r#"
        / 200 [200] [127.0.0.1:{app}] [app:80]
        /down 502 [502] [down] [down:80]
        /caught 200 [502 : 200] [down : 127.0.0.1:{app}] [app:80]
        /left 200 [502] [down] [-:-]
    "#]]
    .assert_eq(&server.localised(&log));
}

/// `proxy_pass` with variables: what is a host, and how a group is found.
#[test]
fn hosts_out_of_variables() {
    let origin = application();
    let server = Server::proxying(&origin, CONF);
    let mut text = String::new();
    for target in [
        "/host?h=App",
        "/host?h=app",
        "/host?h=APP",
        "/host?h=app:80",
        "/host?h=",
        "/host?h=:80",
        "/host?h=app:x",
        "/host?h=app:99999",
        "/host?h=[::1",
        "/host?h=nowhere.invalid",
        "/url?u=HTTP://APP/x",
        "/url?u=http://",
        "/url?u=http:///x",
        "/url?u=http://unix:",
        "/url?u=foo",
        "/url?u=",
    ] {
        writeln!(text, "{target} -> {}", server.get(target).status).unwrap();
    }
    for line in server.error_log().lines().filter(|line| line.contains("[error]")) {
        let line = line.split_once('*').map_or(line, |(_, behind)| behind);
        let words = line.split_once(' ').map_or(line, |(_, behind)| behind);
        writeln!(text, "{}", words.split(", client").next().unwrap_or_default()).unwrap();
    }
    expect![[r#"
        /host?h=App -> 200
        /host?h=app -> 200
        /host?h=APP -> 200
        /host?h=app:80 -> 502
        /host?h= -> 500
        /host?h=:80 -> 500
        /host?h=app:x -> 500
        /host?h=app:99999 -> 500
        /host?h=[::1 -> 500
        /host?h=nowhere.invalid -> 502
        /url?u=HTTP://APP/x -> 200
        /url?u=http:// -> 500
        /url?u=http:///x -> 500
        /url?u=http://unix: -> 500
        /url?u=foo -> 500
        /url?u= -> 500
        no resolver defined to resolve app
        no host in upstream "/"
        no host in upstream ":80/"
        invalid port in upstream "app:x/"
        invalid port in upstream "app:99999/"
        invalid host in upstream "[::1/"
        no resolver defined to resolve nowhere.invalid
        invalid URL prefix in "http://"
        no host in upstream "/x"
        no path in the unix domain socket in upstream "unix:"
        invalid URL prefix in "foo"
        invalid URL prefix in ""
    "#]]
    .assert_eq(&text);
}

/// A line of the error log with these words, from its level on, without the connection's number.
fn logged(server: &Server, words: &str) -> String {
    let log = server.wait_error(words);
    let line = log.lines().find(|line| line.contains(words)).unwrap();
    let level = line[line.find('[').unwrap()..].split(' ').next().unwrap();
    let from = line.find('*').and_then(|at| line[at..].find(' ').map(|end| at + end)).unwrap();
    server.localised(&format!("{level}{}", &line[from..]))
}

#[test]
fn answers_that_are_odd() {
    let origin = application();
    let server = Server::proxying(&origin, CONF);
    for (path, words, expected) in [
        (
            "/more",
            "more data",
            expect![[
                r#"[warn] upstream sent more data than specified in "Content-Length" header while reading upstream, client: 127.0.0.1, server: , request: "GET /more HTTP/1.1", upstream: "http://127.0.0.1:{app}/more", host: "localhost""#
            ]],
        ),
        (
            "/bad",
            "\"bad",
            expect![[
                r#"[error] upstream sent invalid header: "bad\x20..." while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /bad HTTP/1.1", upstream: "http://127.0.0.1:{app}/bad", host: "localhost""#
            ]],
        ),
        (
            "/colon",
            "\"\\x3a",
            expect![[
                r#"[error] upstream sent invalid header: "\x3a..." while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /colon HTTP/1.1", upstream: "http://127.0.0.1:{app}/colon", host: "localhost""#
            ]],
        ),
        (
            "/accel",
            "unsafe URI",
            expect![[
                r#"[error] unsafe URI "/../x" was detected while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /accel HTTP/1.1", upstream: "http://127.0.0.1:{app}/accel", host: "localhost""#
            ]],
        ),
        (
            "/named",
            "named location",
            expect![[
                r#"[error] could not find named location "@none" while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /named HTTP/1.1", upstream: "http://127.0.0.1:{app}/named", host: "localhost""#
            ]],
        ),
    ] {
        server.get(path);
        expected.assert_eq(&logged(&server, words));
    }
}

#[test]
fn a_peer_that_is_given_up() {
    let origin = application();
    let server = Server::proxying(
        &origin,
        "upstream two { server 127.0.0.1:1; server {{app}} backup; }
        server { listen {{port}}; location / { proxy_pass http://two; } }",
    );
    assert_eq!(server.get("/x").text(), "ok");
    expect![[r#"[warn] upstream server temporarily disabled while connecting to upstream, client: 127.0.0.1, server: , request: "GET /x HTTP/1.1", upstream: "http://127.0.0.1:1/x", host: "localhost""#]].assert_eq(&logged(&server, "temporarily disabled"));
}

/// A client that leaves is no failure of the application.
#[test]
fn a_client_that_leaves() {
    let origin = Origin::start(|connection| {
        if connection.request().is_some() {
            connection.closed_by_peer();
        }
    });
    let server = Server::proxying(&origin, CONF);
    let mut client = server.connect();
    client.send(lines("GET /slow HTTP/1.1\nHost: a"));
    origin.wait_requests(1);
    drop(client);
    let log = server.wait_file("up.log", |text| text.contains("/slow"));
    expect![[r#"
        /slow 499 [-] [127.0.0.1:{app}] [app:80]
    "#]]
    .assert_eq(&server.localised(&log));
}
