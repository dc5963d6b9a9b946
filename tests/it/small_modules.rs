//! Modules of a few directives: `empty_gif`, `stub_status`, `random_index`.

use std::collections::BTreeSet;

use expect_test::expect;

use crate::support::{Server, escape, get, lines};

#[test]
fn an_empty_picture() {
    let server = Server::start(
        "server { listen {{port}}; location /x/ { empty_gif; } location = /f.gif { empty_gif; expires 1d; } }",
    );
    let response = server.get("/x/y.html");
    expect![[r#"GIF89a\x01\x00\x01\x00\x80\x01\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x01\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;"#]].assert_eq(&escape(&response.body));
    server.check(
        "HEAD /x/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: image/gif
        Content-Length: 43
        Last-Modified: Mon, 28 Sep 1970 06:00:00 GMT
        Connection: keep-alive

    "#]],
    );
    server.check(
        "GET /x/ HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT\r\n\r\n",
        expect![[r#"
            HTTP/1.1 304 Not Modified
            Last-Modified: Mon, 28 Sep 1970 06:00:00 GMT
            Connection: keep-alive

        "#]],
    );
    assert_eq!(server.send(lines("POST /x/ HTTP/1.1\nHost: a\nContent-Length: 0")).status, 405);
    assert_eq!(server.get("/f.gif").header("cache-control"), "max-age=86400");
    // No location of an app, so no redirect to it.
    assert_eq!(server.get("/x").status, 404);
}

#[test]
fn counters_of_all_cores() {
    let server = Server::setup().global("worker_processes 2;").start(
        r#"server { listen {{port}};
            location /status { stub_status; }
            location /old { stub_status on; }
            location /own { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting"; }
        }"#,
    );
    let told = |text: &str| -> Vec<u64> {
        text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let mut client = server.connect();
    let first = client.send(get("/status")).response();
    let before = told(&first.text());
    assert_eq!(first.header("content-type"), "text/plain");
    let text: String = first.text().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    expect![[r#"
        Active connections: 0 
        server accepts handled requests
         0 0 0 
        Reading: 0 Writing: 0 Waiting: 0 
    "#]]
    .assert_eq(&text.replace("00", "0"));
    // Eight that are idle behind a request, one whose head is not whole, one that sent nothing.
    let idle: Vec<_> = (0..8)
        .map(|_| {
            let mut idle = server.connect();
            idle.send(get("/none")).response();
            idle
        })
        .collect();
    let mut slow = server.connect();
    slow.send("GET / HTTP/1.1\r\n");
    let silent = server.connect();
    let expected = vec![11, before[1] + 10, before[2] + 10, before[3] + 10, 1, 1, 9];
    let mut seen = Vec::new();
    for asked in 1_u64.. {
        seen = told(&client.send(get("/status")).response().text());
        // nginx counts a request when its first byte is there, ringx when it is read.
        seen[3] = seen[3].saturating_sub(asked) + 1 + u64::from(crate::support::oracle().is_none());
        if seen == expected || asked > 500 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(seen, expected, "of {before:?}");
    assert_eq!(client.send(get("/own")).response().text(), "11 1 1 9");
    drop((idle, slow, silent));
    let mut left = String::new();
    for _ in 0..500 {
        left = client.send(get("/own")).response().text();
        if left == "1 0 1 0" {
            break;
        }
    }
    assert_eq!(left, "1 0 1 0");
    assert!(client.send(get("/old")).response().text().starts_with("Active connections: 1 \n"));
    assert_eq!(
        client.send(lines("POST /status HTTP/1.1\nHost: a\nContent-Length: 1\n\nx")).response().status,
        405
    );
}

#[test]
fn any_file_of_a_folder() {
    let server = Server::setup()
        .file("root/d/a", "a")
        .file("root/d/b", "b")
        .file("root/d/.hidden", "no")
        .file("root/d/inner/c", "no")
        .file("root/e/index.html", "index")
        .file("root/f/inner/x", "no")
        .start(
            r"server { listen {{port}}; root {{root}};
                location / { random_index on; }
                location /e/ { random_index off; }
            }",
        );
    let mut client = server.connect();
    let seen: BTreeSet<String> = (0..60).map(|_| client.send(get("/d/")).response().text()).collect();
    assert_eq!(seen, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    expect![[r#"
        /e/ -> 200 index
        /f/ -> 403
        /none/ -> 404
        /d/a/ -> 404
    "#]]
    .assert_eq(&server.table(&["/e/", "/f/", "/none/", "/d/a/"]));
}
