//! Responses that go at a pace: `limit_rate` and what else sets it, on every way a body takes to the client.
//!
//! Times are bounded below by what the rate must take (less a second, which is how nginx counts), and above by far more.

use std::time::{Duration, Instant};

use expect_test::expect;

use crate::differences;
use crate::support::{Origin, OriginConnection, Response, Server, get, lines};

/// With 100k a second: 100k at once, and the rest when the third second after that has begun.
const SIZE: usize = 400_000;

/// What that takes at least and at most.
const TAKES: (Duration, Duration) = (Duration::from_millis(1950), Duration::from_secs(9));

/// What goes without a pause is there before. Far more than a test machine needs under load.
const AT_ONCE: Duration = Duration::from_millis(1900);

fn body() -> Vec<u8> {
    (0..SIZE as u32).map(|i| b'a' + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 26).collect()
}

/// An app that answers with [`body`], framed as the target says, and with the header that the arguments name.
fn app() -> Origin {
    Origin::start(|connection: &mut OriginConnection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            let field = target
                .split_once("?x=")
                .map_or(String::new(), |(_, rate)| format!("X-Accel-Limit-Rate: {rate}\r\n"));
            if target.contains("redirect") {
                connection.send(format!(
                    "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /plain\r\n{field}Content-Length: 0\r\n\r\n"
                ));
            } else if target.contains("chunked") {
                connection.send(format!("HTTP/1.1 200 OK\r\n{field}Transfer-Encoding: chunked\r\n\r\n"));
                for part in body().chunks(70_001) {
                    connection.send([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
                }
                connection.send("0\r\n\r\n");
            } else {
                connection.send(format!("HTTP/1.1 200 OK\r\n{field}Content-Length: {SIZE}\r\n\r\n"));
                connection.send(body());
            }
        }
    })
}

const CONF: &str = "
    map $arg_r $rate { default 0; s 100k; bad x; }
    log_format rate '$request_uri $limit_rate $status';
    server {
        listen {{port}};
        root {{root}};
        access_log {{dir}}/rate.log rate;
        location / { limit_rate 100k; try_files /file =404; }
        location /range { limit_rate 100k; try_files /file =404; }
        location /plain { try_files /file =404; }
        location /sub { limit_rate 100k; sub_filter_types *; sub_filter zzzzz yyyyy; try_files /file =404; }
        location /variable { limit_rate $rate; try_files /file =404; }
        location /set { set $limit_rate 100k; try_files /file =404; }
        location /set-badly { limit_rate 100k; set $limit_rate many; try_files /file =404; }
        location /unset { limit_rate 100k; set $limit_rate 0; try_files /file =404; }
        location /if { if ($arg_slow) { limit_rate 100k; } }
        location /after { limit_rate 10k; limit_rate_after 1m; try_files /file =404; }
        location /after-variable { limit_rate 100k; limit_rate_after ${arg_a}k; try_files /file =404; }
        location /bytes { limit_rate 1k; return 200 \"{{long}}\"; }
        location /app/ { limit_rate 100k; proxy_pass http://{{app}}; }
        location /unbuffered/ { limit_rate 100k; proxy_buffering off; proxy_pass http://{{app}}; }
        location /no-file/ { limit_rate 100k; proxy_max_temp_file_size 0; proxy_pass http://{{app}}; }
        location /app-sub/ { limit_rate 100k; sub_filter_types *; sub_filter zzzzz yyyyy; proxy_pass http://{{app}}; }
        location /told/ { proxy_pass http://{{app}}; }
        location /deaf/ { proxy_ignore_headers X-Accel-Limit-Rate; proxy_pass http://{{app}}; }
        location /reading/ { proxy_limit_rate 100k; proxy_pass http://{{app}}; }
        location /reading-off/ { proxy_limit_rate 100k; proxy_buffering off; proxy_pass http://{{app}}; }
    }";

fn server(origin: &Origin) -> Server {
    Server::setup()
        .file("root/file", body())
        .file("root/if", body())
        .value("long", &"x".repeat(4000))
        .app(origin)
        .start(CONF)
}

/// Asks for all targets at the same time; gives each answer and how long it took.
fn ask_all(server: &Server, targets: &[&str]) -> Vec<(Response, Duration)> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = targets
            .iter()
            .map(|target| {
                scope.spawn(move || {
                    let begun = Instant::now();
                    let answer = server.send(get(target));
                    (answer, begun.elapsed())
                })
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn check_slow(server: &Server, targets: &[&str]) {
    for (target, (answer, took)) in targets.iter().zip(ask_all(server, targets)) {
        assert!(answer.body == body(), "{target}: {} bytes", answer.body.len());
        assert!((TAKES.0..TAKES.1).contains(&took), "{target} took {took:?}");
    }
}

fn check_quick(server: &Server, targets: &[&str]) {
    for target in targets {
        let begun = Instant::now();
        let answer = server.get(target);
        let took = begun.elapsed();
        assert!(answer.body == body(), "{target}: {} bytes", answer.body.len());
        assert!(took < AT_ONCE, "{target} took {took:?}");
    }
}

#[test]
fn every_way_to_the_client_keeps_to_the_rate() {
    let origin = app();
    let server = server(&origin);
    check_slow(
        &server,
        &[
            "/",
            "/sub",
            "/variable?r=s",
            "/set",
            "/set-badly",
            "/if?slow=1",
            "/app/length",
            "/app/chunked",
            "/no-file/length",
            "/app-sub/length",
            "/told/length?x=102400",
            "/told/chunked?x=102400",
            "/told/redirect?x=102400",
            "/reading/length",
            "/reading/chunked",
        ],
    );
    let log = server.wait_file("rate.log", |log| log.lines().count() == 15);
    for expected in [
        "/sub 102400 200",
        "/variable?r=s 102400 200",
        "/told/length?x=102400 102400 200",
        "/reading/length 0 200",
    ] {
        assert!(log.lines().any(|line| line == expected), "{expected} in {log}");
    }
    assert!(server.error_log().contains("invalid $limit_rate \"many\""), "{}", server.error_log());
}

#[test]
fn what_is_not_limited_goes_at_once() {
    let origin = app();
    let server = server(&origin);
    check_quick(
        &server,
        &[
            "/plain",
            "/variable",
            "/variable?r=bad",
            "/unset",
            "/if",
            "/after",
            "/after-variable?a=350",
            "/told/length?x=0",
            "/told/length?x=fast",
            "/told/length?x=100k",
            "/told/chunked",
            "/deaf/length?x=102400",
            "/reading-off/length",
            "/unbuffered/length",
            "/unbuffered/length?x=102400",
        ],
    );
    assert!(server.error_log().contains("invalid size \"x\""), "{}", server.error_log());
}

#[test]
fn bytes_in_memory_and_ranges_keep_to_it_too() {
    let origin = app();
    let server = server(&origin);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            let answer = server.get("/bytes");
            assert_eq!(answer.body.len(), 4000);
            assert!((TAKES.0..TAKES.1).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        });
        scope.spawn(|| {
            let begun = Instant::now();
            let answer = server.send(lines(&format!(
                "GET /range HTTP/1.1\nHost: localhost\nRange: bytes=0-9,100-{}",
                SIZE - 1
            )));
            assert_eq!(answer.status, 206);
            assert!(!answer.incomplete);
            assert!((TAKES.0..TAKES.1).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        });
    });
}

#[test]
fn a_connection_is_kept_and_each_response_counts_anew() {
    let origin = app();
    let server = server(&origin);
    let mut client = server.connect();
    for _ in 0..2 {
        let begun = Instant::now();
        client.send(get("/"));
        assert!(client.response().body == body());
        assert!((TAKES.0..TAKES.1).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }
    let begun = Instant::now();
    client.send([get("/plain"), get("/plain")].concat());
    for _ in 0..2 {
        assert!(client.response().body == body());
    }
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn a_pause_is_no_reason_to_give_up() {
    let server = Server::setup().value("long", &"x".repeat(2500)).start(
        "server { listen {{port}}; send_timeout 500ms; location / { limit_rate 1000; return 200 \"{{long}}\"; } }",
    );
    let answer = server.get("/");
    assert_eq!((answer.body.len(), answer.incomplete), (2500, false));
}

#[test]
fn a_client_that_leaves_in_a_pause_is_noticed() {
    let origin = app();
    let server = Server::setup().file("root/file", body()).app(&origin).start(
        "server { listen {{port}}; root {{root}}; location / { limit_rate 1k; } location /app { limit_rate 1k; proxy_pass http://{{app}}; } }",
    );
    for target in ["/file", "/app"] {
        let mut client = server.connect();
        client.send(get(target));
        client.read_some();
    }
    let log = server.wait_file("access.log", |log| log.lines().count() == 2);
    assert!(log.contains("\"GET /file HTTP/1.1\" ") && log.contains("\"GET /app HTTP/1.1\" "), "{log}");
}

#[test]
fn an_app_behind_tls_is_read_and_passed_on_at_the_rate() {
    let server = Server::setup()
        .value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
        .file("root/file", body())
        .directory("store")
        .start(
            "server {
                 listen {{port2}} ssl;
                 ssl_certificate {{tls}}/a.pem;
                 ssl_certificate_key {{tls}}/a.key;
                 root {{root}};
             }
             server {
                 listen {{port}};
                 location /sent/ { limit_rate 100k; proxy_pass https://127.0.0.1:{{port2}}/; }
                 location /read/ { proxy_limit_rate 100k; proxy_pass https://127.0.0.1:{{port2}}/; }
                 location /both/ { limit_rate 100k; proxy_limit_rate 200k; proxy_pass https://127.0.0.1:{{port2}}/; }
                 location /quick/ { proxy_bind 127.0.0.2; proxy_store {{dir}}/store/file; proxy_pass https://127.0.0.1:{{port2}}/; }
             }",
        );
    check_slow(&server, &["/sent/file", "/read/file", "/both/file"]);
    check_quick(&server, &["/quick/file"]);
    server.wait_file("store/file", |stored| stored.as_bytes() == body());
}

#[test]
fn a_client_that_has_said_all_gets_all() {
    let origin = app();
    let server = server(&origin);
    let mut text = String::new();
    for target in ["/", "/app/length"] {
        let mut client = server.connect();
        client.send(get(target));
        let mut answer = client.read_some();
        client.finish();
        answer.extend(client.read_to_end());
        text += &format!("{target} {}\n", if answer.ends_with(&body()) { "whole" } else { "cut" });
    }
    let expected = differences::HALF_CLOSE.pick(
        expect![[r#"
            / cut
            /app/length cut
        "#]],
        expect![[r#"
            / whole
            /app/length whole
        "#]],
    );
    expected.assert_eq(&text);
}
