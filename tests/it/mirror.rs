//! `mirror`: requests go to a second app too.

use expect_test::expect;

use crate::differences::NOT_WAITED_FOR;
use crate::support::{Origin, Server, lines, wait_for};

/// What the mirror got, each request as a text, sorted: they come in any order.
fn mirrored(server: &Server, mirror: &Origin, count: usize) -> String {
    let mut seen: Vec<String> =
        mirror.wait_requests(count).iter().map(|request| server.received(request)).collect();
    seen.sort();
    assert_eq!(seen.len(), count);
    seen.join("\n----\n")
}

#[test]
fn requests_go_to_both() {
    let (app, mirror) = (Origin::ok(), Origin::answering("HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nnone"));
    let server = Server::setup().app(&app).named_app("mirror", &mirror).file("root/f", "file").start(
        "upstream test_backend { server {{mirror}}; }
        map $uri $mapped { default other; /app/x app-x; }
        server { listen {{port}}; root {{root}};
            location /app/ { mirror /mirror; set $own mine; proxy_pass http://{{app}}; }
            location = /mirror { internal; proxy_pass http://test_backend$request_uri;
                proxy_set_header X-Method $request_method; proxy_set_header X-Uri $uri?$args;
                proxy_set_header X-Own $own; proxy_set_header X-Mapped $mapped; }
            location /files/ { mirror /mirror; alias {{root}}/; }
            location /plain/ { mirror /plain-mirror; mirror_request_body off; proxy_pass http://{{app}}/p/; }
            location /plain-mirror { proxy_pass http://{{mirror}}; proxy_pass_request_body off;
                proxy_set_header Content-Length \"\"; proxy_set_header X-Original-URI $request_uri; }
            location /off/ { mirror off; proxy_pass http://{{app}}; }
            location /dead/ { mirror /dead-mirror; proxy_pass http://{{app}}; }
            location = /dead-mirror { proxy_pass http://127.0.0.1:{{dead}}; }
            location /nowhere/ { mirror /not/there; proxy_pass http://{{app}}; }
            location /text/ { mirror /text-mirror; proxy_pass http://{{app}}; }
            location = /text-mirror { return 200 text; }
            location /returned/ { mirror /mirror; return 200 returned; }
        }",
    );
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nsome body").into_bytes()
    };
    let chunked =
        b"PUT /app/z HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let mut statuses = Vec::new();
    for request in [
        lines("GET /app/x?a=b HTTP/1.1\nHost: a.example\nX-More: more\nConnection: close"),
        lines("HEAD /app/x HTTP/1.1\nHost: a.example\nConnection: close"),
        post("/app/y%20z"),
        chunked.to_vec(),
        lines("GET /files/f HTTP/1.1\nHost: a.example\nConnection: close"),
        post("/plain/x?y"),
        post("/off/x"),
        post("/dead/x"),
        post("/nowhere/x"),
        post("/text/x"),
        lines("GET /returned/ HTTP/1.1\nHost: a.example\nConnection: close"),
    ] {
        let mut client = server.connect();
        let method = if request.starts_with(b"HEAD") { "HEAD" } else { "GET" };
        let answer = client.send(request).response_to(method).unwrap();
        statuses.push(format!("{} {}", answer.status, answer.text()));
    }
    expect![[r#"
        200 ok
        200 
        200 ok
        200 ok
        200 file
        200 ok
        200 ok
        200 ok
        200 ok
        200 ok
        200 returned"#]]
    .assert_eq(&statuses.join("\n"));
    expect![[r#"
        GET /app/x?a=b HTTP/1.1
        X-Method: GET
        X-Uri: /mirror?a=b
        X-Own: mine
        X-Mapped: other
        Host: test_backend
        X-More: more


        ----
        GET /files/f HTTP/1.1
        X-Method: GET
        X-Uri: /mirror?
        X-Mapped: other
        Host: test_backend


        ----
        HEAD /app/x HTTP/1.1
        X-Method: HEAD
        X-Uri: /mirror?
        X-Own: mine
        X-Mapped: other
        Host: test_backend


        ----
        POST /app/y%20z HTTP/1.1
        X-Method: POST
        X-Uri: /mirror?
        X-Own: mine
        X-Mapped: other
        Host: test_backend
        Content-Length: 9

        some body
        ----
        POST /plain-mirror?y HTTP/1.1
        X-Original-URI: /plain/x?y
        Host: 127.0.0.1:{mirror}


        ----
        PUT /app/z HTTP/1.1
        X-Method: PUT
        X-Uri: /mirror?
        X-Own: mine
        X-Mapped: other
        Host: test_backend
        Content-Length: 5

        abcde"#]]
    .assert_eq(&mirrored(&server, &mirror, 6));
    let app = app.requests();
    assert_eq!(app.len(), 9);
    assert!(app[2].text().ends_with("some body") && app[3].text().ends_with("abcde"), "{}", app[3].text());
}

#[test]
fn several_mirrors_and_inheritance() {
    let (app, mirror) = (Origin::ok(), Origin::ok());
    let server = Server::setup().app(&app).named_app("mirror", &mirror).file("root/index.html", "index").start(
        "server { listen {{port}}; root {{root}}; mirror /m/a; mirror /m/b; mirror_request_body off;
            proxy_set_header Host h;
            location /m/ { internal; proxy_pass http://{{mirror}}; }
            location /both/ { proxy_pass http://{{app}}; }
            location /own/ { mirror /m/own; mirror_request_body on; proxy_pass http://{{app}}; }
            location /off/ { mirror off; proxy_pass http://{{app}}; location /off/in/ { proxy_pass http://{{app}}; } }
            location / { }
        }",
    );
    let mut seen = Vec::new();
    for (path, count) in [("/both/x?q", 2), ("/own/x", 1), ("/off/x", 0), ("/off/in/x", 0), ("/", 4)] {
        let before = mirror.requests().len();
        server.send(format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
        ));
        let own = path.starts_with("/own/");
        // Nobody waits for a mirror: its body may come later than the answer of the application.
        let requests = wait_for("the mirrors", || {
            let all = mirror.requests();
            (all.len() >= before + count && (!own || all[before].body == b"body")).then_some(all)
        });
        let mut asked: Vec<String> = requests[before..]
            .iter()
            .map(|request| format!("{} {}", request.target(), request.text().ends_with("body")))
            .collect();
        asked.sort();
        seen.push(format!("{path}: {}", asked.join(", ")));
    }
    expect![[r#"
        /both/x?q: /m/a?q false, /m/b?q false
        /own/x: /m/own true
        /off/x: 
        /off/in/x: 
        /: /m/a false, /m/a false, /m/b false, /m/b false"#]]
    .assert_eq(&seen.join("\n"));
}

#[test]
fn bodies_of_all_sizes() {
    let (app, mirror) = (Origin::ok(), Origin::ok());
    let server = Server::setup().app(&app).named_app("mirror", &mirror).start(
        "client_max_body_size 8m; client_body_buffer_size 8k;
        server { listen {{port}}; location / { mirror /mirror; proxy_pass http://{{app}}; }
            location /limited/ { mirror /mirror; client_max_body_size 10; proxy_pass http://{{app}}; }
            location = /mirror { internal; proxy_pass http://{{mirror}}; } }",
    );
    for (at, size) in [0, 1, 8192, 8193, 300_000, 3_000_000].into_iter().enumerate() {
        let body: String = (0..size).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
        let request = format!(
            "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}"
        );
        assert_eq!(server.send(request).status, 200);
        for origin in [&app, &mirror] {
            wait_for(&format!("{size} bytes"), || {
                origin.requests().get(at).is_some_and(|got| got.body == body.as_bytes()).then_some(())
            });
        }
    }
    let chunks = "1000\r\n".to_owned() + &"c".repeat(4096) + "\r\n";
    let request = format!(
        "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}0\r\n\r\n",
        chunks.repeat(100)
    );
    assert_eq!(server.send(request).status, 200);
    wait_for("all chunks", || {
        let got = mirror.requests();
        got.get(6).is_some_and(|got| got.body == "c".repeat(409_600).as_bytes()).then_some(())
    });
    let refused = "POST /limited/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nhello world";
    assert_eq!(server.send(refused).status, 413);
    assert_eq!(mirror.requests().len(), 7);
}

#[test]
fn a_mirror_that_does_not_answer_harms_nobody() {
    let app = Origin::ok();
    let mirror = Origin::start(|connection| {
        while connection.request().is_some() {
            // Never an answer: it waits for the other end to give up.
            while !connection.closed_by_peer() {}
        }
    });
    let server = Server::setup().app(&app).named_app("mirror", &mirror).start(
        "server { listen {{port}}; location / { mirror /mirror; proxy_pass http://{{app}}; }
            location = /mirror { internal; proxy_pass http://{{mirror}}; proxy_read_timeout 2s; } }",
    );
    for _ in 0..3 {
        // The answer is whole, and the close comes, before the mirror has given up (nginx closes after that).
        let mut client = server.connect();
        let answer =
            client.send(lines("GET / HTTP/1.1\nHost: localhost\nConnection: close")).response_to("GET");
        assert_eq!(answer.map(|answer| answer.status), Some(200));
    }
    mirror.wait_requests(3);
    let log = server.wait_error("upstream timed out");
    assert!(log.contains("subrequest: \"/mirror\""), "{log}");
    wait_for("the app's answer after that", || (server.get("/").status == 200).then_some(()));
}

#[test]
fn nobody_waits_for_a_mirror() {
    if !NOT_WAITED_FOR.ringx_only() {
        return;
    }
    let app = Origin::ok();
    let mirror = Origin::start(|connection| {
        while connection.request().is_some() {
            while !connection.closed_by_peer() {}
        }
    });
    let server = Server::setup().app(&app).named_app("mirror", &mirror).start(
        "server { listen {{port}}; location / { mirror /mirror; proxy_pass http://{{app}}; }
            location = /mirror { internal; proxy_pass http://{{mirror}}; } }",
    );
    // The next request of the same connection is answered, and the connection closes, while the mirror is silent.
    let mut client = server.connect();
    for count in 1..=20 {
        let last = if count == 20 { "close" } else { "keep-alive" };
        let request = lines(&format!("GET / HTTP/1.1\nHost: localhost\nConnection: {last}"));
        assert_eq!(client.send(request).response_to("GET").map(|answer| answer.status), Some(200));
    }
    client.expect_close();
    assert_eq!(mirror.wait_requests(20).len(), 20);
    assert!(!server.error_log().contains("timed out"), "{}", server.error_log());
}

#[test]
fn a_silent_mirror_collects_no_more_than_a_bound() {
    if !NOT_WAITED_FOR.ringx_only() {
        return;
    }
    let app = Origin::ok();
    // Nobody accepts there beyond the kernel's queue.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let server = Server::setup().app(&app).value("silent", &address).start(
        "server { listen {{port}}; location / { mirror /mirror; proxy_pass http://{{app}}; }
            location = /mirror { internal; proxy_pass http://{{silent}}; } }",
    );
    let mut client = server.connect();
    for _ in 0..600 {
        let answer = client.send(lines("GET / HTTP/1.1\nHost: localhost")).response_to("GET");
        assert_eq!(answer.map(|answer| answer.status), Some(200));
    }
    server.wait_error("512 requests are under way in the background, this one is left out");
}

#[test]
fn subrequests_in_the_log() {
    let (app, mirror) = (Origin::ok(), Origin::ok());
    let server = Server::setup().app(&app).named_app("mirror", &mirror).start(
        "log_format own '$uri $request_uri $status $upstream_status'; access_log {{dir}}/own.log own;
        server { listen {{port}}; location / { mirror /mirror; auth_request /auth; proxy_pass http://{{app}}; }
            location = /auth { log_subrequest on; return 204; }
            location = /mirror { log_subrequest on; internal; proxy_pass http://{{mirror}}; }
            location = /quiet { mirror /quiet-mirror; proxy_pass http://{{app}}; }
            location = /quiet-mirror { proxy_pass http://{{mirror}}; } }",
    );
    server.get("/x?y");
    server.get("/quiet");
    mirror.wait_requests(2);
    let log = server.wait_file("own.log", |log| log.lines().count() >= 4);
    let mut log: Vec<&str> = log.lines().collect();
    log.sort();
    expect![[r#"
        /auth /x?y 204 -
        /mirror /x?y 200 200
        /quiet /quiet 200 200
        /x /x?y 200 200"#]]
    .assert_eq(&log.join("\n"));
}
