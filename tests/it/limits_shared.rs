//! `limit_req` and `limit_conn`: counts that all cores share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use expect_test::expect;

use crate::support::{Client, Origin, Server, get, wait_for};

fn statuses(server: &Server, path: &str, count: usize) -> String {
    let line = |_| {
        let response = server.get(path);
        format!("{} {}", response.status, response.header("x-limit"))
    };
    (0..count).map(line).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_burst_and_no_more() {
    let server = Server::setup().file("root/f", "file").start(
        r#"limit_req_zone $arg_k zone=a:1m rate=1r/m;
        limit_req_zone $binary_remote_addr zone=b:1m rate=2r/m;
        server { listen {{port}}; root {{root}}; add_header X-Limit $limit_req_status always;
            location /one { limit_req zone=a; alias {{root}}/f; }
            location /three { limit_req zone=a burst=2 nodelay; alias {{root}}/f; }
            location /mixed { limit_req zone=a burst=5 delay=3; limit_req_status 429; alias {{root}}/f; }
            location /status { limit_req zone=a burst=1 nodelay; limit_req_status 429; alias {{root}}/f; }
            location /dry { limit_req zone=a; limit_req_dry_run on; alias {{root}}/f; }
            location /drydelay { limit_req zone=a burst=1; limit_req_dry_run on; alias {{root}}/f; }
            location /page { limit_req zone=a; error_page 503 =200 /three?k=page2; alias {{root}}/f; }
            location /two { limit_req zone=a burst=9 nodelay; limit_req zone=b burst=1 nodelay; alias {{root}}/f; }
            location /returned { limit_req zone=a; return 200 returned; }
            location /free { alias {{root}}/f; }
        }"#,
    );
    let mut seen = String::new();
    for (path, count) in [
        ("/one?k=one", 3),
        ("/one?k=other", 2),
        ("/one", 3),
        ("/three?k=three", 5),
        ("/mixed?k=mixed", 4),
        ("/status?k=status", 3),
        ("/dry?k=dry", 3),
        ("/drydelay?k=drydelay", 3),
        ("/page?k=page", 3),
        ("/two?k=two", 4),
        ("/three?k=two", 3),
        ("/returned?k=r", 2),
        ("/free?k=one", 2),
    ] {
        seen += &format!("{path} -> {}\n", statuses(&server, path, count));
    }
    expect![[r#"
        /one?k=one -> 200 PASSED, 503 REJECTED, 503 REJECTED
        /one?k=other -> 200 PASSED, 503 REJECTED
        /one -> 200 , 200 , 200 
        /three?k=three -> 200 PASSED, 200 PASSED, 200 PASSED, 503 REJECTED, 503 REJECTED
        /mixed?k=mixed -> 200 PASSED, 200 PASSED, 200 PASSED, 200 PASSED
        /status?k=status -> 200 PASSED, 200 PASSED, 429 REJECTED
        /dry?k=dry -> 200 PASSED, 200 REJECTED_DRY_RUN, 200 REJECTED_DRY_RUN
        /drydelay?k=drydelay -> 200 PASSED, 200 DELAYED_DRY_RUN, 200 REJECTED_DRY_RUN
        /page?k=page -> 200 PASSED, 200 REJECTED, 200 REJECTED
        /two?k=two -> 200 PASSED, 200 PASSED, 503 REJECTED, 503 REJECTED
        /three?k=two -> 200 PASSED, 503 REJECTED, 503 REJECTED
        /returned?k=r -> 200 , 200 
        /free?k=one -> 200 , 200 
    "#]]
    .assert_eq(&seen);
    server.check_get(
        "/one?k=one",
        expect![[r#"
        HTTP/1.1 503 Service Temporarily Unavailable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        X-Limit: REJECTED

        {page: 503 Service Temporarily Unavailable}
    "#]],
    );
    let log = server.error_log();
    for line in [
        "[error] {pid}: {n} limiting requests, excess: 1.000 by zone \"a\", client: 127.0.0.1, server: , request: \"GET /one?k=one",
        "limiting requests, dry run, excess: 1.000 by zone \"a\", client",
        "[warn] {pid}: {n} delaying request, dry run, excess: 1.000, by zone \"a\", client",
    ] {
        let wanted = line.split("{n} ").last().unwrap();
        assert!(log.contains(wanted), "{wanted}\n{log}");
    }
}

#[test]
fn levels_of_the_log() {
    let server = Server::setup().file("root/f", "file").start(
        r#"limit_req_zone $uri zone=a:1m rate=1r/m; limit_conn_zone $uri zone=c:1m;
        server { listen {{port}}; root {{root}};
            location /w/ { limit_req zone=a; limit_req_log_level warn; alias {{root}}/; }
            location /i/ { limit_req zone=a; limit_req_log_level info; alias {{root}}/; }
        }"#,
    );
    for path in ["/w/f", "/w/f", "/i/f", "/i/f"] {
        server.get(path);
    }
    let log = server.error_log();
    let level_of = |path: &str| {
        let line = log.lines().find(|l| l.contains("limiting") && l.contains(path)).unwrap().to_owned();
        line.split(['[', ']']).nth(1).unwrap().to_owned()
    };
    assert_eq!((level_of("/w/f"), level_of("/i/f")), ("warn".to_owned(), "info".to_owned()));
}

#[test]
fn what_comes_too_early_waits() {
    let server = Server::setup().file("root/f", "file").start(
        r#"limit_req_zone $arg_k zone=a:1m rate=20r/s;
        server { listen {{port}}; root {{root}}; add_header X-Limit $limit_req_status;
            location /f { limit_req zone=a burst=10; }
            location /g { limit_req zone=a burst=10 delay=2; alias {{root}}/f; }
        }"#,
    );
    let began = Instant::now();
    let mut clients: Vec<Client> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("/f?k=1"));
    }
    let mut seen: Vec<String> = clients.iter_mut().map(|c| c.response().header("x-limit")).collect();
    seen.sort();
    assert_eq!(seen, ["DELAYED", "DELAYED", "DELAYED", "DELAYED", "DELAYED", "PASSED"]);
    let took = began.elapsed().as_millis();
    assert!((220..5000).contains(&took), "the last of six waits 250 ms: {took}");
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("/g?k=2"));
    }
    let mut seen: Vec<String> = clients.iter_mut().map(|c| c.response().header("x-limit")).collect();
    seen.sort();
    assert_eq!(seen, ["DELAYED", "PASSED", "PASSED", "PASSED"]);
    server.wait_error("delaying request, excess: ");
}

#[test]
fn all_cores_count_together() {
    let server = Server::setup().global("worker_processes 2;").file("root/f", "file").start(
        r#"limit_req_zone $binary_remote_addr zone=a:1m rate=1r/m;
        server { listen {{port}}; root {{root}}; location /f { limit_req zone=a burst=19 nodelay; } }"#,
    );
    let passed = (0..80).filter(|_| server.get("/f").status == 200).count();
    assert_eq!(passed, 20);
}

#[test]
fn counts_outlive_a_reload() {
    let conf = r#"limit_req_zone $binary_remote_addr zone=a:1m rate=1r/m;
        server { listen {{port}}; root {{root}}; location / { limit_req zone=a burst=3 nodelay; } # ROUND
        }"#;
    let mut server =
        Server::setup().file("root/f", "file").file("root/g", "g").start(&conf.replace("ROUND", "1"));
    assert_eq!(statuses(&server, "/f", 2), "200 , 200 ");
    server.rewrite(&conf.replace("} # ROUND", "add_header X-New 1 always; } "));
    server.signal("HUP");
    // The request that shows the new configuration counts too, and is asked for until it does.
    let mut passed = 2;
    wait_for("the new configuration", || {
        let response = server.get("/f");
        passed += usize::from(response.status == 200);
        (response.header("x-new") == "1").then_some(())
    });
    passed += (0..5).filter(|_| server.get("/g").status == 200).count();
    assert_eq!(passed, 4);
}

/// An application that answers when it is told to.
fn waiting_app() -> (Origin, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&open);
    let app = Origin::start(move |connection| {
        while connection.request().is_some() {
            wait_for("the word", || theirs.load(Ordering::SeqCst).then_some(()));
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (app, open)
}

#[test]
fn requests_at_once() {
    let (app, open) = waiting_app();
    let server = Server::setup().global("worker_processes 2;").app(&app).file("root/f", "file").start(
        r#"limit_conn_zone $arg_k zone=c:1m; limit_conn_zone $server_name zone=s:32k;
        server { listen {{port}}; root {{root}}; add_header X-Limit $limit_conn_status always;
            location /app { limit_conn c 2; proxy_pass http://{{app}}; }
            location /two { limit_conn c 5; limit_conn s 1; proxy_pass http://{{app}}; }
            location /status { limit_conn c 2; limit_conn_status 429; limit_conn_log_level warn; alias {{root}}/f; }
            location /dry { limit_conn c 2; limit_conn_dry_run on; alias {{root}}/f; }
            location /free { alias {{root}}/f; }
            server_name it;
        }"#,
    );
    let mut held: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut held {
        client.send(get("/app?k=1"));
    }
    app.wait_requests(2);
    server.check_get(
        "/app?k=1",
        expect![[r#"
        HTTP/1.1 503 Service Temporarily Unavailable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        X-Limit: REJECTED

        {page: 503 Service Temporarily Unavailable}
    "#]],
    );
    let mut two = server.connect();
    two.send(get("/two?k=2"));
    app.wait_requests(3);
    let mut seen = String::new();
    for path in [
        "/app?k=1",
        "/status?k=1",
        "/status?k=2",
        "/dry?k=1",
        "/dry?k=3",
        "/free?k=1",
        "/two?k=1",
        "/two?k=3",
    ] {
        seen += &format!("{path} -> {}\n", statuses(&server, path, 2));
    }
    expect![[r#"
        /app?k=1 -> 503 REJECTED, 503 REJECTED
        /status?k=1 -> 429 REJECTED, 429 REJECTED
        /status?k=2 -> 200 PASSED, 200 PASSED
        /dry?k=1 -> 200 REJECTED_DRY_RUN, 200 REJECTED_DRY_RUN
        /dry?k=3 -> 200 PASSED, 200 PASSED
        /free?k=1 -> 200 , 200 
        /two?k=1 -> 503 REJECTED, 503 REJECTED
        /two?k=3 -> 503 REJECTED, 503 REJECTED
    "#]]
    .assert_eq(&seen);
    open.store(true, Ordering::SeqCst);
    for client in held.iter_mut().chain([&mut two]) {
        assert_eq!(client.response().status, 200);
    }
    // Kept connections count for nothing while they are idle.
    wait_for("the counts to come back", || (server.get("/app?k=1").status == 200).then_some(()));
    let log = server.error_log();
    assert!(
        log.contains(
            "limiting connections by zone \"c\", client: 127.0.0.1, server: it, request: \"GET /app?k=1"
        ),
        "{log}"
    );
    assert!(log.contains("limiting connections, dry run, by zone \"c\""), "{log}");
    assert!(log.contains("limiting connections by zone \"s\""), "{log}");
}

#[test]
fn a_client_that_leaves_is_counted_no_more() {
    let (app, open) = waiting_app();
    let server = Server::proxying(
        &app,
        r#"limit_conn_zone $binary_remote_addr zone=c:1m;
        server { listen {{port}}; location / { limit_conn c 1; proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send(get("/"));
    app.wait_requests(1);
    assert_eq!(server.get("/").status, 503);
    drop(client);
    open.store(true, Ordering::SeqCst);
    wait_for("its place", || (server.get("/").status == 200).then_some(()));
}
