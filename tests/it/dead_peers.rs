//! Peers that are slow, deaf or gone, at every stage of a request: what they hold is let go of, and nothing else suffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};

use crate::support::{Client, DEADLINE, Origin, OriginConnection, Server, get, oracle, tls, wait_for};

/// How soon a client that left is noticed. (On a quiet machine it takes a tenth of a second.)
const SOON: Duration = Duration::from_secs(4);

/// What the application does until it sees that the proxy has left.
const STAGES: [&str; 6] = ["silent", "half-head", "head-only", "half-body", "half-chunk", "flood"];

/// What stands in the location.
const WAYS: [(&str, &str); 7] = [
    ("plain", "proxy_max_temp_file_size 20m;"),
    ("unbuffered", "proxy_buffering off;"),
    ("memory", "proxy_max_temp_file_size 0;"),
    ("gzip", "gzip on; gzip_types *; proxy_max_temp_file_size 0;"),
    ("sub", "sub_filter_types *; sub_filter x yy; proxy_max_temp_file_size 0;"),
    ("paced", "limit_rate 10m; proxy_max_temp_file_size 0;"),
    ("small-file", "proxy_buffers 2 4k; proxy_busy_buffers_size 4k; proxy_max_temp_file_size 1m;"),
];

/// Waits, at the stage that the target names, until the proxy closes; counts that.
fn patient(connection: &mut OriginConnection, freed: &AtomicUsize) {
    let Some(request) = connection.request() else { return };
    let target = request.target();
    let stage = target.rsplit('/').next().unwrap_or_default().to_owned();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    let said = match stage.as_str() {
        "silent" => String::new(),
        "half-head" => "HTTP/1.1 200 OK\r\nX-A".to_owned(),
        "head-only" => format!("{head}Content-Length: 1000\r\n\r\n"),
        "half-body" => format!("{head}Content-Length: 100000\r\n\r\n{}", "x".repeat(50_000)),
        "half-chunk" => format!("{head}Transfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
        _ => format!("{head}Content-Length: 999999999999\r\n\r\n"),
    };
    connection.send(said);
    // Not to be compressed, or it could go on for ever.
    let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    while stage == "flood" && connection.send(&noise) {}
    if stage == "flood" || connection.closed_by_peer() {
        freed.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    app: Origin,
    freed: Arc<AtomicUsize>,
    server: Server,
}

fn world(directives: &str) -> World {
    let freed = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&freed);
    let app = Origin::start(move |connection| patient(connection, &counts));
    let ways: String = WAYS
        .iter()
        .map(|(name, way)| format!("location /{name}/ {{ {way} proxy_pass http://{{{{app}}}}; }}\n"))
        .collect();
    let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
    let server = Server::setup().app(&app).value("tls", certificates).start(&format!(
        "log_format s '$uri $status'; access_log {{{{dir}}}}/s.log s; proxy_http_version 1.1; {directives}
         ssl_certificate {{{{tls}}}}/a.pem; ssl_certificate_key {{{{tls}}}}/a.key;
         server {{ listen {{{{port}}}} sndbuf=64k; listen {{{{port2}}}} ssl sndbuf=64k; {ways} }}"
    ));
    World { app, freed, server }
}

impl World {
    /// Asks for every way and stage at once with clients that `connect` makes, lets `leave` have each of them once its
    /// request has arrived at the application, and waits until all of the application's connections are free.
    fn everywhere(
        &self,
        connect: impl Fn(&Server) -> Client,
        leave: impl Fn(&str, Client) -> Option<Client>,
    ) {
        let mut clients = Vec::new();
        for (way, _) in WAYS {
            for stage in STAGES {
                let target = format!("/{way}/{stage}");
                let mut client = connect(&self.server);
                client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"));
                clients.push((target, client));
            }
        }
        let count = clients.len();
        wait_for("all requests at the application", || (self.app.requests().len() == count).then_some(()));
        let since = Instant::now();
        let kept: Vec<_> =
            clients.into_iter().filter_map(|(target, client)| leave(&target, client)).collect();
        let ended = || self.server.read("s.log").lines().count();
        while self.freed.load(Ordering::SeqCst) < count || ended() < count {
            let freed = self.freed.load(Ordering::SeqCst);
            let logged = self.server.read("s.log");
            assert!(since.elapsed() < SOON, "{freed} of {count} freed, {} logged:\n{logged}", ended());
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(kept);
        assert!(!self.server.error_log().contains("[alert]"), "{}", self.server.error_log());
    }
}

#[test]
fn whoever_leaves_frees_the_application_at_once() {
    world("").everywhere(Server::connect, |_, client| {
        drop(client);
        None
    });
}

#[test]
fn whoever_leaves_over_tls_frees_the_application_at_once() {
    let config = tls::client(&[&TLS12, &TLS13]);
    world("").everywhere(
        |server| Client::connect_tls(server.address_of("port2"), &config, "a.example"),
        |_, client| {
            drop(client);
            None
        },
    );
}

/// Bytes behind the request, which nobody reads before its answer, do not hide that the client has left.
#[test]
fn whoever_leaves_a_pipeline_frees_the_application_at_once() {
    world("").everywhere(Server::connect, |_, mut client| {
        client.send(get("/next"));
        drop(client);
        None
    });
}

/// A client that is there and takes nothing, or to whom nothing comes, ends by `send_timeout` or `proxy_read_timeout`.
#[test]
fn time_outs_free_the_application() {
    world("send_timeout 700ms; proxy_read_timeout 700ms;")
        .everywhere(Server::connect, |_, client| Some(client));
}

#[test]
fn time_outs_free_the_application_over_tls() {
    let config = tls::client(&[&TLS12, &TLS13]);
    world("send_timeout 700ms; proxy_read_timeout 700ms;").everywhere(
        |server| Client::connect_tls(server.address_of("port2"), &config, "a.example"),
        |_, client| Some(client),
    );
}

/// The request's body is on its way when the client leaves: to an application that reads nothing of it, or out of the
/// client, which has not sent all of it.
#[test]
fn whoever_leaves_with_a_body_on_its_way_frees_the_application() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let app = Origin::start(move |connection| {
        connection.request_head();
        // Nothing of the body is read before the test has seen the end of the request.
        let _ = told.lock().unwrap().recv_timeout(DEADLINE);
    });
    let server = Server::proxying(
        &app,
        "log_format s '$uri $status'; access_log {{dir}}/s.log s; proxy_http_version 1.1; client_max_body_size 0;
         server { listen {{port}};
            location /whole/ { proxy_pass http://{{app}}; }
            location /passed/ { proxy_request_buffering off; proxy_pass http://{{app}}; } }",
    );
    let body = vec![b'b'; 30_000_000];
    let head =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut whole = server.connect();
    whole.send(head("/whole/")).send(&body);
    app.wait_requests(1);
    drop(whole);
    server.wait_file("s.log", |log| log.contains("/whole/ 499"));
    let mut part = server.connect();
    part.send(head("/passed/")).send(&body[..1000]);
    app.wait_requests(2);
    drop(part);
    let passed = server.wait_file("s.log", |log| log.contains("/passed/"));
    // nginx: the body that did not come is the client's mistake.
    assert!(passed.contains("/passed/ 400") || passed.contains("/passed/ 499"), "{passed}");
    drop(tell);
}

/// An application that takes the head and then nothing: `proxy_send_timeout` ends it, whether the body was read before
/// (to memory, to a file) or is passed on as it comes. None of it is sent again.
#[test]
fn an_application_that_takes_nothing_is_504() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let app = Origin::start(move |connection| {
        connection.request_head();
        let _ = told.lock().unwrap().recv_timeout(DEADLINE);
    });
    let server = Server::proxying(
        &app,
        "proxy_http_version 1.1; client_max_body_size 0; proxy_send_timeout 500ms; proxy_read_timeout 1h;
         server { listen {{port}};
            location /file/ { proxy_pass http://{{app}}; }
            location /memory/ { client_body_buffer_size 32m; proxy_pass http://{{app}}; }
            location /passed/ { proxy_request_buffering off; proxy_pass http://{{app}}; } }",
    );
    let body = vec![b'b'; 30_000_000];
    for (count, path) in ["/file/", "/memory/", "/passed/"].into_iter().enumerate() {
        let mut client = server.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
        let since = Instant::now();
        client.send(&body);
        assert_eq!(client.response().status, 504, "{path}");
        assert!(since.elapsed() < 2 * SOON, "{path}: {:?}", since.elapsed());
        assert_eq!(app.requests().len(), count + 1, "{path}: sent again");
    }
    let text = "upstream timed out (110: Connection timed out) while sending request to upstream";
    assert_eq!(server.error_log().matches(text).count(), 3, "{}", server.error_log());
    drop(tell);
}

/// A head that comes a byte at a time has `client_header_timeout` for all of it, not for each byte.
#[test]
fn a_head_that_trickles_has_its_time_once() {
    let server = Server::start("client_header_timeout 1s; server { listen {{port}}; return 200 ok; }");
    let since = Instant::now();
    let mut client = server.connect();
    let mut sent = 0;
    let trickle = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ".iter().chain(std::iter::repeat(&b'a'));
    for byte in trickle {
        client.send([*byte]);
        sent += 1;
        if client.has_ended(Duration::from_millis(50)) {
            break;
        }
        assert!(since.elapsed() < SOON, "still open after {sent} bytes in {:?}", since.elapsed());
    }
    assert!(since.elapsed() >= Duration::from_millis(900), "{:?}", since.elapsed());
}

/// Slow uploads are read to their end before the application hears of them.
#[test]
fn bodies_that_trickle_hold_no_application() {
    let app = Origin::ok();
    let server =
        Server::proxying(&app, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n");
    }
    for _ in 0..39 {
        for client in &mut clients {
            client.send("b");
        }
    }
    assert_eq!(server.get("/").text(), "ok");
    assert_eq!(app.requests().len(), 1, "only the quick request");
    for client in &mut clients {
        assert_eq!(client.send("b").response().text(), "ok");
    }
}

/// An application that says one byte at a time, head and body.
#[test]
fn an_answer_may_trickle() {
    for framing in ["Content-Length: 26", "Transfer-Encoding: chunked", "Connection: close"] {
        let app = Origin::start(move |connection| {
            connection.request();
            let alphabet = "abcdefghijklmnopqrstuvwxyz";
            let body = match framing {
                "Transfer-Encoding: chunked" => format!("1a\r\n{alphabet}\r\n0\r\n\r\n"),
                _ => alphabet.to_owned(),
            };
            for byte in format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}").bytes() {
                connection.send([byte]);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let server = Server::proxying(
            &app,
            "proxy_http_version 1.1; proxy_read_timeout 2s;
             server { listen {{port}}; location / { proxy_pass http://{{app}}; }
                location /unbuffered { proxy_buffering off; proxy_pass http://{{app}}; } }",
        );
        for path in ["/", "/unbuffered"] {
            let answer = server.get(path);
            assert_eq!((answer.text().as_str(), answer.incomplete), ("abcdefghijklmnopqrstuvwxyz", false));
        }
    }
}

/// Interim answers are read up to a bound, whoever sends them quickly or slowly; then the connection ends.
#[test]
fn a_storm_of_interim_answers_ends() {
    if oracle().is_some() {
        // nginx takes the first of them for the answer.
        return;
    }
    for pause in [Duration::ZERO, Duration::from_millis(5)] {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let app = Origin::start(move |connection| {
            connection.request();
            while connection.send("HTTP/1.1 102 Processing\r\n\r\n") {
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(pause);
            }
        });
        let server =
            Server::proxying(&app, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
        assert_eq!(server.get("/").status, 502);
        let last = wait_for("the application to be left alone", || {
            let before = sent.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            (sent.load(Ordering::SeqCst) == before).then_some(before)
        });
        assert!(pause.is_zero() || last < 40, "{last} interim answers were read");
        server.wait_error("upstream sent too many interim responses");
    }
}
