//! When the next peer is asked: every condition of `proxy_next_upstream` with requests that may and may not be sent
//! again; and what of an answer is obeyed, shown, hidden and replaced by a page.

use std::fmt::Write as _;

use expect_test::expect;

use crate::support::{Origin, OriginConnection, Server, get, lines};

/// An app that fails in the way that the target names.
fn bad() -> Origin {
    Origin::start(|connection: &mut OriginConnection| {
        let Some(request) = connection.request() else { return };
        let target = request.target();
        let how = target.rsplit('/').next().unwrap_or_default();
        match how {
            "close" => {}
            "silent" => {
                connection.closed_by_peer();
            }
            "big" => {
                connection.send(format!("HTTP/1.1 200 OK\r\nX-Big: {}\r\n\r\n", "x".repeat(3000)));
            }
            status => {
                connection.send(format!("HTTP/1.1 {status} Failed\r\nContent-Length: 4\r\n\r\nbad\n"));
            }
        }
    })
}

fn good() -> Origin {
    Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ngood\n")
}

/// What `proxy_next_upstream` may say.
const CONDITIONS: [&str; 13] = [
    "off",
    "error",
    "timeout",
    "invalid_header",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "non_idempotent",
    "error timeout invalid_header http_500 http_429",
];

/// Was the next peer asked: GET, POST, and POST where such may be sent twice.
fn ask(server: &Server, at: usize, how: &str) -> [bool; 3] {
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
    };
    let paths = [format!("/{at}/{how}"), format!("/post/{at}/{how}")];
    [get(&paths[0]), post(&paths[0]), post(&paths[1])].map(|request| {
        let answer = server.send(request);
        let next = answer.header("x-up").contains(',');
        assert_eq!(next || how == "200", answer.text().ends_with("good\n") || how == "200", "{}", paths[0]);
        next
    })
}

#[test]
fn every_condition_by_itself() {
    let (bad, good) = (bad(), good());
    let locations: String = CONDITIONS
        .iter()
        .enumerate()
        .map(|(at, words)| {
            format!("location /{at}/ {{ proxy_next_upstream {words}; proxy_pass http://group; }}\n")
                + &format!("location /post/{at}/ {{ proxy_next_upstream {words} non_idempotent; proxy_pass http://group; }}\n")
        })
        .collect();
    let conf = format!(
        "upstream group {{ server {{{{bad}}}} max_fails=0; server {{{{good}}}} backup; }}
         server {{
             listen {{{{port}}}};
             proxy_buffer_size 1k;
             proxy_buffers 8 1k;
             proxy_busy_buffers_size 2k;
             proxy_read_timeout 2s;
             add_header X-Up $upstream_status always;
             {locations}
         }}"
    );
    let server = Server::setup().named_app("bad", &bad).named_app("good", &good).start(&conf);
    let mut text = String::new();
    for how in ["close", "silent", "big", "500", "502", "503", "504", "403", "404", "429", "501", "200"] {
        let mut went_on = [Vec::new(), Vec::new(), Vec::new()];
        std::thread::scope(|scope| {
            let server = &server;
            let asked: Vec<_> =
                (0..CONDITIONS.len()).map(|at| scope.spawn(move || ask(server, at, how))).collect();
            for (words, asked) in CONDITIONS.iter().zip(asked) {
                for (went_on, next) in went_on.iter_mut().zip(asked.join().unwrap()) {
                    went_on.extend(next.then_some(*words));
                }
            }
        });
        writeln!(
            text,
            "{how}\n  GET {:?}\n  POST {:?}\n  non_idempotent POST {:?}",
            went_on[0], went_on[1], went_on[2]
        )
        .unwrap();
    }
    expect![[r#"
        close
          GET ["error", "error timeout invalid_header http_500 http_429"]
          POST []
          non_idempotent POST ["error", "error timeout invalid_header http_500 http_429"]
        silent
          GET ["timeout", "error timeout invalid_header http_500 http_429"]
          POST []
          non_idempotent POST ["timeout", "error timeout invalid_header http_500 http_429"]
        big
          GET ["invalid_header", "error timeout invalid_header http_500 http_429"]
          POST []
          non_idempotent POST ["invalid_header", "error timeout invalid_header http_500 http_429"]
        500
          GET ["http_500", "error timeout invalid_header http_500 http_429"]
          POST []
          non_idempotent POST ["http_500", "error timeout invalid_header http_500 http_429"]
        502
          GET ["http_502"]
          POST []
          non_idempotent POST ["http_502"]
        503
          GET ["http_503"]
          POST []
          non_idempotent POST ["http_503"]
        504
          GET ["http_504"]
          POST []
          non_idempotent POST ["http_504"]
        403
          GET ["http_403"]
          POST []
          non_idempotent POST ["http_403"]
        404
          GET ["http_404"]
          POST []
          non_idempotent POST ["http_404"]
        429
          GET ["http_429", "error timeout invalid_header http_500 http_429"]
          POST []
          non_idempotent POST ["http_429", "error timeout invalid_header http_500 http_429"]
        501
          GET []
          POST []
          non_idempotent POST []
        200
          GET []
          POST []
          non_idempotent POST []
    "#]]
    .assert_eq(&text);
}

#[test]
fn tries_and_time_are_bounded() {
    let (bad, good) = (bad(), good());
    let server = Server::setup().named_app("bad", &bad).named_app("good", &good).start(
        "upstream group { server {{bad}} max_fails=0; server {{bad}} max_fails=0; server {{bad}} max_fails=0; server {{good}} backup; }
         server {
             listen {{port}};
             proxy_next_upstream error http_503 timeout;
             proxy_read_timeout 300ms;
             add_header X-Up $upstream_status always;
             location /all/ { proxy_pass http://group; }
             location /one/ { proxy_next_upstream_tries 1; proxy_pass http://group; }
             location /two/ { proxy_next_upstream_tries 2; proxy_pass http://group; }
             location /nine/ { proxy_next_upstream_tries 9; proxy_pass http://group; }
             location /time/ { proxy_next_upstream_timeout 450ms; proxy_pass http://group; }
             location /long/ { proxy_next_upstream_timeout 1m; proxy_pass http://group; }
         }",
    );
    let mut text = String::new();
    for target in [
        "/all/503",
        "/one/503",
        "/two/503",
        "/nine/503",
        "/all/close",
        "/two/close",
        "/time/silent",
        "/time/503",
        "/long/503",
    ] {
        let answer = server.get(target);
        writeln!(text, "{target} -> {} {}", answer.status, answer.header("x-up")).unwrap();
    }
    expect![[r#"
        /all/503 -> 200 503, 503, 503, 200
        /one/503 -> 503 503
        /two/503 -> 503 503, 503
        /nine/503 -> 200 503, 503, 503, 200
        /all/close -> 200 502, 502, 502, 200
        /two/close -> 502 502, 502
        /time/silent -> 504 504, 504
        /time/503 -> 200 503, 503, 503, 200
        /long/503 -> 200 503, 503, 503, 200
    "#]]
    .assert_eq(&text);
}

const FIELDS: &str = "Server: app\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Pad: pad\r\nX-Accel-Expires: 1\r\n\
    X-Accel-Charset: koi8-r\r\nX-Accel-Buffering: yes\r\nX-Accel-Limit-Rate: 0\r\nX-Powered-By: x\r\nSet-Cookie: a=b\r\n\
    Expires: 0\r\nCache-Control: no-store\r\nVary: *\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n";

#[test]
fn fields_are_hidden_passed_and_ignored() {
    let origin = Origin::answering(format!("HTTP/1.1 200 OK\r\n{FIELDS}\r\nok\n"));
    let server = Server::proxying(
        &origin,
        "proxy_hide_header X-Powered-By;
         server {
             listen {{port}};
             location /inherits { proxy_pass http://{{app}}; }
             location /hides { proxy_hide_header set-cookie; proxy_hide_header VARY; proxy_pass http://{{app}}; }
             location /passes {
                 proxy_pass_header Server; proxy_pass_header date; proxy_pass_header X-PAD;
                 proxy_pass_header X-Accel-Expires; proxy_pass_header X-Accel-Charset; proxy_pass_header X-Powered-By;
                 proxy_pass http://{{app}};
             }
             location /both { proxy_hide_header Server; proxy_pass_header Server; proxy_hide_header X-Powered-By; proxy_pass_header X-Powered-By; proxy_pass http://{{app}}; }
             location /ignores {
                 proxy_ignore_headers X-Accel-Expires X-Accel-Charset X-Accel-Buffering X-Accel-Limit-Rate X-Accel-Redirect Expires Cache-Control Set-Cookie Vary;
                 proxy_pass http://{{app}};
             }
             location /content { proxy_hide_header Content-Type; proxy_pass http://{{app}}; }
         }",
    );
    let mut text = String::new();
    for target in ["/inherits", "/hides", "/passes", "/both", "/ignores", "/content"] {
        writeln!(text, "{target}\n{}", server.text(&server.get(target))).unwrap();
    }
    expect![[r#"
        /inherits
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        Set-Cookie: a=b
        Expires: 0
        Cache-Control: no-store
        Vary: *

        ok

        /hides
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        X-Powered-By: x
        Expires: 0
        Cache-Control: no-store

        ok

        /passes
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        Server: app
        Date: {date}
        X-Pad: pad
        X-Accel-Expires: 1
        X-Accel-Charset: koi8-r
        X-Powered-By: x
        Set-Cookie: a=b
        Expires: 0
        Cache-Control: no-store
        Vary: *

        ok

        /both
        HTTP/1.1 200 OK
        Date: {date}
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        Server: app
        X-Powered-By: x
        Set-Cookie: a=b
        Expires: 0
        Cache-Control: no-store
        Vary: *

        ok

        /ignores
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        Set-Cookie: a=b
        Expires: 0
        Cache-Control: no-store
        Vary: *

        ok

        /content
        HTTP/1.1 200 OK
        Content-Length: 3
        Connection: keep-alive
        X-Powered-By: x
        Set-Cookie: a=b
        Expires: 0
        Cache-Control: no-store
        Vary: *

        ok

    "#]]
    .assert_eq(&text);
}

#[test]
fn errors_of_the_application_become_pages() {
    let origin = Origin::start(|connection: &mut OriginConnection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            let status = target.rsplit('/').next().unwrap_or_default();
            let field = match status {
                "301" => "Location: http://elsewhere.test/x\r\n",
                "401" => "WWW-Authenticate: Basic realm=\"app\"\r\nSet-Cookie: a=b\r\n",
                _ => "Set-Cookie: a=b\r\n",
            };
            connection
                .send(format!("HTTP/1.1 {status} Theirs\r\n{field}Content-Length: 6\r\n\r\n{status} \r\n"));
        }
    });
    let server = Server::setup().file("root/page.html", "page\n").app(&origin).start(
        "server {
             listen {{port}};
             root {{root}};
             proxy_intercept_errors on;
             error_page 404 500 502 /page.html;
             error_page 401 /page.html;
             error_page 403 =200 /page.html;
             error_page 503 = @fallback;
             error_page 301 /page.html;
             error_page 418 = /other/299;
             location / { proxy_pass http://{{app}}; }
             location /off/ { proxy_intercept_errors off; proxy_pass http://{{app}}; }
             location /own/ { error_page 410 /page.html; proxy_pass http://{{app}}; }
             location = /page.html { }
             location @fallback { return 200 'fallback for $uri\\n'; }
         }",
    );
    let mut text = String::new();
    for target in [
        "/404", "/500", "/401", "/403", "/503", "/301", "/418", "/410", "/off/404", "/own/404", "/own/410",
        "/429",
    ] {
        writeln!(text, "{target}\n{}", server.text(&server.get(target))).unwrap();
    }
    expect![[r#"
        /404
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 5
        Connection: keep-alive
        ETag: "65937d25-5"

        page

        /500
        HTTP/1.1 500 Internal Server Error
        Content-Type: text/html
        Content-Length: 5
        Connection: close
        ETag: "65937d25-5"

        page

        /401
        HTTP/1.1 401 Unauthorized
        Content-Type: text/html
        Content-Length: 5
        Connection: keep-alive
        WWW-Authenticate: Basic realm="app"
        ETag: "65937d25-5"

        page

        /403
        HTTP/1.1 200 OK
        Content-Type: text/html
        Content-Length: 5
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-5"
        Accept-Ranges: bytes

        page

        /503
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 18
        Connection: keep-alive

        fallback for /503

        /301
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 5
        Connection: keep-alive
        ETag: "65937d25-5"

        page

        /418
        HTTP/1.1 299 Theirs
        Content-Length: 6
        Connection: keep-alive
        Set-Cookie: a=b

        299 \r

        /410
        HTTP/1.1 410 Theirs
        Content-Length: 6
        Connection: keep-alive
        Set-Cookie: a=b

        410 \r

        /off/404
        HTTP/1.1 404 Theirs
        Content-Length: 6
        Connection: keep-alive
        Set-Cookie: a=b

        404 \r

        /own/404
        HTTP/1.1 404 Theirs
        Content-Length: 6
        Connection: keep-alive
        Set-Cookie: a=b

        404 \r

        /own/410
        HTTP/1.1 410 Gone
        Content-Type: text/html
        Content-Length: 5
        Connection: keep-alive
        ETag: "65937d25-5"

        page

        /429
        HTTP/1.1 429 Theirs
        Content-Length: 6
        Connection: keep-alive
        Set-Cookie: a=b

        429 \r

    "#]]
    .assert_eq(&text);
    server.check(
        lines("HEAD /404 HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 5
        Connection: keep-alive
        ETag: "65937d25-5"

    "#]],
    );
}

/// An interim answer shows that the app took the request: it did not close a connection that it held for idle, and what it
/// began is not begun twice where that is forbidden.
#[test]
fn what_was_heard_of_on_a_kept_connection_is_not_asked_again() {
    let app = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/begun" {
                connection.send("HTTP/1.1 103 Early Hints\r\n\r\n");
                return;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = Server::setup().ringx().app(&app).start(
        "server { listen {{port}}; location / { proxy_pass http://{{app}}; proxy_next_upstream off; } }",
    );
    assert_eq!(server.get("/kept").status, 200);
    assert_eq!(server.get("/begun").status, 502);
    let targets: Vec<String> = app.requests().iter().map(|request| request.target()).collect();
    assert_eq!((targets, app.connections()), (vec!["/kept".to_owned(), "/begun".to_owned()], 1));
}
