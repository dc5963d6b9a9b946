//! What else of the request and the answer the proxy's directives change: `proxy_set_body` and what follows.

use std::fmt::Write as _;

use expect_test::expect;

use crate::support::{Origin, Server, get};

#[test]
fn the_body_may_be_the_configurations() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        "server {
             listen {{port}};
             client_body_buffer_size 1k;
             location / { proxy_set_body 'uri $uri, length $content_length'; proxy_pass http://{{app}}; }
             location /empty { proxy_set_body $arg_b; proxy_pass http://{{app}}; }
             location /off { proxy_set_body set; proxy_pass_request_body off; proxy_pass http://{{app}}; }
             location /header { proxy_set_body set; proxy_set_header Content-Length 100; proxy_pass http://{{app}}; }
             location /stream { proxy_set_body set; proxy_request_buffering off; proxy_pass http://{{app}}; }
             location /method { proxy_set_body set; proxy_method PUT; proxy_pass http://{{app}}; }
             location /long { proxy_set_body '{{long}}'; proxy_pass http://{{app}}; }
         }"
        .replace("{{long}}", &"0123456789".repeat(400))
        .as_str(),
    );
    let mut text = String::new();
    let post = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for request in [
        get("/a"),
        post("/b", "twelve bytes"),
        post("/large", &"x".repeat(5000)),
        "POST /chunked HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        get("/empty"),
        get("/empty?b=1"),
        post("/off", "abc"),
        post("/stream", "abc"),
        get("/method"),
    ] {
        assert_eq!(server.send(request).status, 200);
        writeln!(text, "{}", server.received(&origin.last())).unwrap();
    }
    expect![[r#"
        GET /a HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 15

        uri /a, length 
        POST /b HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 17

        uri /b, length 12
        POST /large HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 23

        uri /large, length 5000
        POST /chunked HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 22

        uri /chunked, length 3
        GET /empty HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 0


        GET /empty?b=1 HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 1

        1
        POST /off HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
        POST /stream HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
        PUT /method HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 3

        set
    "#]]
    .assert_eq(&text);
    server.get("/long");
    assert_eq!(origin.last().body, "0123456789".repeat(400).as_bytes());
}
