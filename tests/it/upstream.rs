//! `upstream`: which peer gets the request, and the connections kept to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use expect_test::expect;

use crate::differences;
use crate::support::{Client, DEADLINE, Origin, Server, get, oracle, wait_for};

/// Applications that answer with their own letter.
fn letters(count: usize) -> Vec<Origin> {
    (0..count)
        .map(|i| {
            Origin::answering(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
                char::from(b'a' + u8::try_from(i).unwrap())
            ))
        })
        .collect()
}

fn started(origins: &[Origin], conf: &str) -> Server {
    let mut setup = Server::setup();
    for (name, origin) in ["a", "b", "c", "d"].into_iter().zip(origins) {
        setup = setup.named_app(name, origin);
    }
    setup.start(conf)
}

fn order(server: &Server, count: usize) -> String {
    (0..count).map(|_| server.get("/").text()).collect()
}

#[test]
fn round_robin_in_file_order() {
    let origins = letters(3);
    let server = started(
        &origins,
        "upstream u { server {{a}}; server {{b}}; server {{c}}; } server { listen {{port}}; location / { proxy_pass http://u; } }",
    );
    assert_eq!(order(&server, 9), "abcabcabc");
}

#[test]
fn weights_are_interleaved_smoothly() {
    let origins = letters(3);
    let server = started(
        &origins,
        "upstream u { server {{a}} weight=5; server {{b}} weight=1; server {{c}}; } server { listen {{port}}; location / { proxy_pass http://u; } }",
    );
    expect!["aabacaaaabacaa"].assert_eq(&order(&server, 14));
}

#[test]
fn down_and_backup() {
    let origins = letters(3);
    let server = started(
        &origins,
        r#"upstream u { server {{a}} down; server {{b}}; server {{c}} backup; }
        upstream dead { server 127.0.0.1:{{dead}}; server {{c}} backup; }
        server { listen {{port}}; location / { proxy_pass http://u; } location /dead { proxy_pass http://dead; } }"#,
    );
    assert_eq!(order(&server, 4), "bbbb");
    assert_eq!(server.get("/dead").text(), "c");
    assert_eq!(server.get("/dead").text(), "c");
}

#[test]
fn a_failed_peer_is_left_alone_for_its_time() {
    let origins = letters(1);
    let server = started(
        &origins,
        r#"upstream u { server 127.0.0.1:{{dead}} max_fails=2 fail_timeout=60s; server {{a}}; }
        log_format up "$upstream_addr"; access_log {{dir}}/up.log up;
        server { listen {{port}}; location / { proxy_pass http://u; } }"#,
    );
    for _ in 0..8 {
        assert_eq!(server.get("/").text(), "a");
    }
    let log = server.wait_file("up.log", |text| text.lines().count() >= 8);
    let tried = log.lines().filter(|line| line.contains(", ")).count();
    assert_eq!(tried, 2, "max_fails=2: {log}");
}

#[test]
fn max_fails_zero_never_gives_up() {
    let origins = letters(1);
    let server = started(
        &origins,
        r#"upstream u { server 127.0.0.1:{{dead}} max_fails=0; server {{a}}; }
        log_format up "$upstream_addr"; access_log {{dir}}/up.log up;
        server { listen {{port}}; location / { proxy_pass http://u; } }"#,
    );
    for _ in 0..6 {
        assert_eq!(server.get("/").text(), "a");
    }
    let log = server.wait_file("up.log", |text| text.lines().count() >= 6);
    assert_eq!(log.lines().filter(|line| line.contains(", ")).count(), 3, "{log}");
}

#[test]
fn unix_peers_and_names_in_a_group() {
    let origins = letters(1);
    let setup = Server::setup().named_app("a", &origins[0]);
    let path = setup.dir().join("b.sock");
    let _b = Origin::start_unix(&path, |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
        }
    });
    let server = setup.start(
        r#"upstream u { server {{a}}; server unix:{{dir}}/b.sock; }
        server { listen {{port}}; location / { proxy_pass http://u; } location /where { proxy_pass http://u; add_header X-Up $upstream_addr; } }"#,
    );
    assert_eq!(order(&server, 4), "abab");
    server.get("/");
    assert_eq!(server.localised(&server.get("/where").header("x-up")), "unix:{dir}/b.sock");
}

#[test]
fn a_name_that_cannot_be_resolved_is_fatal_at_start() {
    let server = Server::setup();
    let dir = server.dir().to_owned();
    let file = dir.join("bad.conf");
    std::fs::write(&file, "events {} http { upstream u { server no-such-host.invalid:80; } }").unwrap();
    let output = crate::support::run(&["-t", "-p", dir.to_str().unwrap(), "-c", file.to_str().unwrap()]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("host not found in upstream \"no-such-host.invalid:80\""),
        "{}",
        output.stderr
    );
}

#[test]
fn max_conns_bounds_what_runs_at_once() {
    let (tell, told) = mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        while connection.request().is_some() {
            told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = Server::proxying(
        &origin,
        "upstream u { server {{app}} max_conns=1; } server { listen {{port}}; location / { proxy_pass http://u; } }",
    );
    let mut first = server.connect();
    first.send(get("/"));
    origin.wait_requests(1);
    // The peer is full: there is no other.
    assert_eq!(server.get("/").status, 502);
    server.wait_error("no live upstreams");
    tell.send(()).unwrap();
    assert_eq!(first.response().text(), "ok");
}

const POOL: &str = r#"upstream u { server {{app}}; keepalive 4; }
    server { listen {{port}}; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://u; } }"#;

#[test]
fn a_connection_is_used_again() {
    let origin = Origin::ok();
    let server = Server::proxying(&origin, POOL);
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn connections_are_kept_without_an_upstream_block() {
    if !differences::KEPT_ALIVE.ringx_only() {
        return;
    }
    let origin = Origin::ok();
    let server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!(origin.connections(), 1);
    let request = origin.last();
    assert!(request.line().ends_with("HTTP/1.1"));
    assert_ne!(request.header("connection").as_deref(), Some("close"));
}

#[test]
fn answers_that_end_a_connection_are_not_pooled() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more than was promised",
    ] {
        let origin = Origin::answering(answer);
        let server = Server::proxying(&origin, POOL);
        for _ in 0..3 {
            assert_eq!(server.get("/").text(), "ok", "{answer}");
        }
        assert_eq!(origin.connections(), 3, "{answer}");
    }
}

#[test]
fn a_connection_that_the_application_closed_is_noticed() {
    // One answer a connection, and then it closes: as Gunicorn does after its keep-alive time.
    let origin = Origin::answering_once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let server = Server::proxying(&origin, POOL);
    for i in 0..20 {
        let response = if i % 2 == 0 {
            server.get("/")
        } else {
            server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        };
        // A POST may meet a close that is still on its way: then 502 is right, and it is never sent twice.
        assert!(response.status == 200 || (i % 2 == 1 && response.status == 502), "{i}: {}", response.status);
    }
    let requests = origin.requests();
    assert!(requests.iter().filter(|r| r.line().starts_with("POST")).count() <= 10);
}

#[test]
fn a_stale_connection_is_replaced_once_for_a_get_and_never_for_a_post() {
    // The second request on each connection is read and answered by a close.
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        connection.request();
    });
    let server = Server::proxying(&origin, POOL);
    assert_eq!(server.get("/").text(), "ok");
    assert_eq!(server.get("/second").text(), "ok", "a GET is tried again on a fresh connection");
    let lines: Vec<String> = origin.requests().iter().map(|r| r.target()).collect();
    assert_eq!(lines, ["/", "/second", "/second"]);
    let post = server.send("POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(post.status, 502);
    let posts = origin.requests().iter().filter(|r| r.target() == "/third").count();
    assert_eq!(posts, 1, "a POST that was sent is never sent again");
}

#[test]
fn half_a_head_on_a_kept_connection_is_asked_for_again() {
    // The second request on each connection gets the beginning of an answer.
    let origin = Origin::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 O");
        }
    });
    let server = Server::proxying(
        &origin,
        r#"upstream u { server {{app}}; keepalive 4; }
        server { listen {{port}}; proxy_http_version 1.1; proxy_set_header Connection "";
            location / { proxy_pass http://u; } location /off { proxy_next_upstream off; proxy_pass http://u; } }"#,
    );
    let statuses = |path: &str| [server.get(path).status, server.get(path).status];
    assert_eq!(statuses("/"), [200, 200]);
    // The connection of the last answer is kept: the next request fails on it.
    assert_eq!(statuses("/off"), [502, 200]);
    assert_eq!(server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").status, 502);
    let posts = origin.requests().iter().filter(|r| r.line().starts_with("POST")).count();
    assert_eq!(posts, 1);
}

#[test]
fn the_pool_is_bounded() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"upstream u { server {{app}}; keepalive 1; }
        server { listen {{port}}; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://u; } }"#,
    );
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
    let before = origin.connections();
    for _ in 0..3 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!(origin.connections(), before, "the one kept connection serves these");
}

#[test]
fn connections_beyond_the_pool_serve_the_next_burst_and_go_when_it_is_over() {
    if oracle().is_some() {
        // It closes them at once.
        return;
    }
    let open = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&open);
    let origin = Origin::start(move |connection| {
        counter.fetch_add(1, Ordering::SeqCst);
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        counter.fetch_sub(1, Ordering::SeqCst);
    });
    let server = Server::proxying(
        &origin,
        r#"upstream u { server {{app}}; keepalive 1; }
        server { listen {{port}}; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://u; } }"#,
    );
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    wait_for("all at once", || {
        for client in &mut clients {
            client.send(get("/"));
        }
        for client in &mut clients {
            assert_eq!(client.response().text(), "ok");
        }
        (open.load(Ordering::SeqCst) > 1).then_some(())
    });
    wait_for("those of the burst to go", || (open.load(Ordering::SeqCst) == 1).then_some(()));
    assert_eq!(server.get("/").text(), "ok");
    assert_eq!(open.load(Ordering::SeqCst), 1);
}

#[test]
fn keepalive_requests_and_timeout_of_the_upstream() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"upstream u { server {{app}}; keepalive 4; keepalive_requests 2; }
        upstream t { server {{app}}; keepalive 4; keepalive_timeout 200ms; }
        server { listen {{port}}; proxy_http_version 1.1; proxy_set_header Connection "";
            location / { proxy_pass http://u; } location /t { proxy_pass http://t; } }"#,
    );
    for _ in 0..6 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!(origin.connections(), 3, "two requests a connection");
    assert_eq!(server.get("/t").text(), "ok");
    let before = origin.connections();
    wait_for("the idle connection to be dropped", || {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.get("/t").text(), "ok");
        (origin.connections() > before).then_some(())
    });
}

#[test]
fn unread_answers_do_not_reach_the_next_client() {
    // The application says more than it promised: the rest must never be taken for the next answer.
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON",
    );
    let server = Server::proxying(&origin, POOL);
    for _ in 0..4 {
        assert_eq!(server.get("/").text(), "ok");
    }
}

/// What follows an answer in the socket must be seen although nothing asks for it, and also by a request that takes the
/// connection in the same moment.
#[test]
fn what_follows_an_answer_does_not_reach_a_pipelined_request() {
    // In one read, in one that its buffer bounds, and through a pipe.
    for size in [5, 16 << 10, 300_000] {
        let (body_wanted, wanted) = mpsc::channel();
        let wanted = Mutex::new(wanted);
        let origin = Origin::start(move |connection| {
            while connection.request().is_some() {
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
                if wanted.lock().unwrap().recv_timeout(DEADLINE).is_err() {
                    return;
                }
                let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
                connection.send([&vec![b'x'; size], poison.as_bytes()].concat());
            }
        });
        // Without buffering nginx too sends the head at once.
        let server = Server::proxying(&origin, &format!("proxy_buffering off; {POOL}"));
        let mut client = server.connect();
        client.send(["GET / HTTP/1.1\r\nHost: a\r\n\r\n"; 3].concat());
        for _ in 0..3 {
            // The head is with the client, so that what follows comes in a read of its own.
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.append(&mut client.read_exact(1));
            }
            let head = String::from_utf8(head).unwrap();
            assert!(head.contains(&format!("Content-Length: {size}\r\n")), "{head}");
            body_wanted.send(()).unwrap();
            let body = client.read_exact(size);
            assert!(body.iter().all(|b| *b == b'x'), "{size}");
        }
    }
}

#[test]
fn head_and_304_leave_a_pooled_connection_in_step() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            if request.line().starts_with("HEAD") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
            } else if target == "/304" {
                connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
            } else if target == "/204" {
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            } else {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        }
    });
    let server = Server::proxying(&origin, POOL);
    for _ in 0..3 {
        assert_eq!(server.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").header("content-length"), "500");
        assert_eq!(server.get("/").text(), "ok");
        assert_eq!(server.get("/304").status, 304);
        assert_eq!(server.get("/").text(), "ok");
        assert_eq!(server.get("/204").status, 204);
        assert_eq!(server.get("/").text(), "ok");
    }
}
