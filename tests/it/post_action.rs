//! `post_action`: a request that follows another one.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

#[test]
fn a_request_follows() {
    let counter = Origin::ok();
    let app =
        Origin::answering("HTTP/1.1 404 No\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nno\n");
    let server = Server::setup().app(&app).named_app("counter", &counter).file("root/f", "file").start(
        "server { listen {{port}}; root {{root}};
            location / { post_action /done; }
            location = /gone { post_action /done; return 404 gone; }
            location = /nothing { log_not_found off; }
            location = /done { internal; proxy_pass http://{{counter}}/count?s=$status&b=$body_bytes_sent&c=$request_completion&r=$request_uri; }
            location /app/ { proxy_pass http://{{app}}; post_action @done; }
            location @done { proxy_pass http://{{counter}}; proxy_set_header X-Sent \"$status $body_bytes_sent\"; }
            location /returned { set $who joe; post_action /named; return 200 hello; }
            location = /named { proxy_pass http://{{counter}}/$who; }
            location /none/ { post_action \"\"; return 200 none; }
            location /missing/ { post_action /nothing; return 200 missing; }
            location /unknown/ { post_action @nobody; return 200 unknown; }
            location /inner/ { alias {{root}}/; post_action /loop; }
            location = /loop { post_action /loop; return 204; }
        }",
    );
    let mut seen = Vec::new();
    for (path, count) in [
        ("/f?a=b", 1),
        ("/gone", 1),
        ("/app/x?y=z", 1),
        ("/returned", 1),
        ("/none/", 0),
        ("/missing/", 0),
        ("/unknown/", 0),
        ("/inner/f", 0),
        ("/f", 1),
    ] {
        let before = counter.requests().len();
        let mut client = server.connect();
        let status = client.send(lines(&format!("GET {path} HTTP/1.1\nHost: localhost"))).response().status;
        let followed = &counter.wait_requests(before + count)[before..];
        let followed: Vec<String> = followed
            .iter()
            .map(|request| format!("{} {}", request.target(), request.header("x-sent").unwrap_or_default()))
            .collect();
        seen.push(format!("{path} -> {status}: {}", followed.join(", ")));
    }
    expect![[r#"
        /f?a=b -> 200: /count?s=200&b=4&c=OK&r=/f?a=b 
        /gone -> 404: /count?s=404&b=4&c=OK&r=/gone 
        /app/x?y=z -> 404: /app/x?y=z 404 3
        /returned -> 200: /joe 
        /none/ -> 200: 
        /missing/ -> 200: 
        /unknown/ -> 200: 
        /inner/f -> 200: 
        /f -> 200: /count?s=200&b=4&c=OK&r=/f "#]]
    .assert_eq(&seen.join("\n"));
    // The same connection goes on.
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.send(lines("GET /f HTTP/1.1\nHost: localhost")).response().text(), "file");
    }
    counter.wait_requests(8);
}
