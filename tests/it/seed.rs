//! The configuration most people copy: static files by `alias`, everything else to the application.

use expect_test::expect;

use crate::differences;
use crate::support::{Origin, Server, lines};

/// The seed configuration, its port, directory and application filled in.
const SEED: &str = "
server {
    listen {{port}};
    location /static/ { alias {{root}}/static/; }
    location / { proxy_pass http://{{app}}; }
}
";

fn seed(origin: &Origin) -> Server {
    Server::setup()
        .app(origin)
        .file("root/static/css/style.css", "body { color: red }\n")
        .verbatim()
        .start(SEED)
}

#[test]
fn a_file_comes_from_disk() {
    let origin = Origin::ok();
    let server = seed(&origin);
    let text = server.text(&server.get("/static/css/style.css"));
    let expected = expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: {its own}
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Accept-Ranges: bytes

        body { color: red }
    "#]];
    let kind = format!("Content-Type: {}\n", differences::BARE_TYPES.pick("text/plain", "text/css"));
    expected.assert_eq(&text.replace(&kind, "Content-Type: {its own}\n"));
    assert_eq!(origin.connections(), 0, "the application was bothered for a file");
}

#[test]
fn everything_else_goes_to_the_application() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n\
         Content-Type: text/html; charset=utf-8\r\nX-Frame-Options: DENY\r\nContent-Length: 5\r\n\r\nhello",
    );
    let server = seed(&origin);
    server.check_get(
        "/",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/html; charset=utf-8
            Content-Length: 5
            Connection: keep-alive
            X-Frame-Options: DENY

            hello"#]],
    );
    server.check_get(
        "/admin/login/?next=/admin/",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/html; charset=utf-8
            Content-Length: 5
            Connection: keep-alive
            X-Frame-Options: DENY

            hello"#]],
    );
    assert_eq!(origin.last().target(), "/admin/login/?next=/admin/");
}

#[test]
fn path_and_query_arrive_byte_for_byte() {
    let origin = Origin::ok();
    let server = seed(&origin);
    for target in [
        "/a%2Fb%20c//d/../e?q=1",
        "/%7euser/?x=%2B+%26&&y",
        "/a/./b/?",
        "/%C3%A9t%c3%a9/?\u{e9}=1",
        "/;p=1,2/@!$&'()*+",
        "/search?q=a?b",
        "//double//",
        "/x/%2e%2e/y",
    ] {
        server.send(lines(&format!("GET {target} HTTP/1.1\nHost: localhost")));
        let got = origin.requests().pop().unwrap();
        let line = String::from_utf8_lossy(&got.head).lines().next().unwrap().to_owned();
        let shown = line.split(' ').nth(1).unwrap().to_owned();
        assert_eq!(shown, target);
    }
}

#[test]
fn the_request_as_the_application_sees_it() {
    let origin = Origin::ok();
    let server = seed(&origin);
    server.send(lines(
        "GET /x HTTP/1.1\nHost: www.example.com:8080\nUser-Agent: curl/8\nAccept: */*\nCookie: a=1; b=2\n\
         X-Forwarded-For: 10.0.0.1\nAccept-Encoding: gzip, br\nConnection: keep-alive",
    ));
    expect![[r#"
        GET /x HTTP/1.1
        Host: 127.0.0.1:{app}
        User-Agent: curl/8
        Accept: */*
        Cookie: a=1; b=2
        X-Forwarded-For: 10.0.0.1
        Accept-Encoding: gzip, br

    "#]]
    .assert_eq(&server.received(&origin.last()));
}

#[test]
fn another_port_reaches_another_application() {
    let (one, two) = (Origin::ok(), Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"));
    let server = Server::setup().app(&two).verbatim().start(SEED);
    assert_eq!(server.get("/").text(), "two");
    assert_eq!(one.connections(), 0);
}

#[test]
fn a_dead_application_is_502_at_once_and_the_log_says_why() {
    let server = Server::setup().verbatim().start(&SEED.replace("{{app}}", "127.0.0.1:{{dead}}"));
    let started = std::time::Instant::now();
    server.check_get(
        "/page?q=1",
        expect![[r#"
            HTTP/1.1 502 Bad Gateway
            Content-Type: text/html
            Content-Length: 145+{server}
            Connection: keep-alive

            {page: 502 Bad Gateway}
        "#]],
    );
    assert!(started.elapsed().as_secs() < 2, "a refused connection must not be waited for");
    let log = server.wait_error("while connecting to upstream");
    let line = log.lines().find(|l| l.contains("while connecting")).unwrap();
    let from = line.find("connect() failed").unwrap();
    expect![[r#"connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /page?q=1 HTTP/1.1", upstream: "http://127.0.0.1:{dead}/page?q=1", host: "localhost""#]].assert_eq(&server.localised(&line[from..]));
}

#[test]
fn when_the_application_starts_the_very_next_request_succeeds() {
    let server = Server::setup().verbatim().start(&SEED.replace("{{app}}", "127.0.0.1:{{dead}}"));
    for _ in 0..5 {
        assert_eq!(server.get("/").status, 502);
    }
    let _origin = Origin::start_at(server.port("dead"), |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
        }
    });
    assert_eq!(server.get("/").text(), "up");
}

#[test]
fn root_in_place_of_alias_appends_the_whole_path() {
    let origin = Origin::ok();
    let server = Server::setup().app(&origin).file("root/static/a.txt", "by root").verbatim().start(
        "server { listen {{port}}; location /static/ { root {{root}}; } location / { proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/static/a.txt").text(), "by root");
    server.check_get(
        "/static/b.txt",
        expect![[r#"
            HTTP/1.1 404 Not Found
            Content-Type: text/html
            Content-Length: 141+{server}
            Connection: keep-alive

            {page: 404 Not Found}
        "#]],
    );
    assert_eq!(origin.connections(), 0);
}

#[test]
fn swapped_locations_swap_the_roles() {
    let origin = Origin::ok();
    let server = Server::setup().app(&origin).file("root/index.html", "<p>site").verbatim().start(
        "server { listen {{port}}; location / { alias {{root}}/; } location /static/ { proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/").text(), "<p>site");
    assert_eq!(server.get("/static/css/style.css").text(), "ok");
    assert_eq!(origin.last().target(), "/static/css/style.css");
}

#[test]
fn proxy_redirect_off_leaves_the_location_alone() {
    let origin = Origin::echo_location();
    let on = Server::setup().app(&origin).verbatim().start(SEED);
    let off = Server::setup()
        .app(&origin)
        .verbatim()
        .start(&SEED.replace("proxy_pass", "proxy_redirect off; proxy_pass"));
    let target = format!("http://{}/next", origin.address);
    let request = format!("GET /?{target} HTTP/1.1\r\nHost: site.test\r\n\r\n");
    assert_eq!(off.send(&request).header("location"), target);
    assert_eq!(on.localised(&on.send(&request).header("location")), "http://site.test:{port}/next");
}

#[test]
fn the_whole_nginx_conf_form_works_too() {
    let origin = Origin::ok();
    let server = Server::setup().app(&origin).file("root/static/a.css", "a{}").start(
        "worker_processes 1;\nerror_log {{dir}}/error.log;\npid {{dir}}/server.pid;\nevents { worker_connections 64; }\n\
         http {\ntypes { text/css css; }\ndefault_type application/octet-stream;\nsendfile on;\naccess_log off;\n\
         server {\nlisten {{port}} default_server;\nserver_name _;\nlocation /static/ { alias {{root}}/static/; }\n\
         location / { proxy_pass http://{{app}}; }\n}\n}\n",
    );
    server.check_get(
        "/static/a.css",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/css
            Content-Length: 3
            Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
            Connection: keep-alive
            ETag: "65937d25-3"
            Accept-Ranges: bytes

            a{}"#]],
    );
    assert_eq!(server.get("/x").text(), "ok");
}

#[test]
fn the_request_body_and_its_length_arrive() {
    let origin = Origin::ok();
    let server = seed(&origin);
    server.send(
        "POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 7\r\n\r\na=1&b=2",
    );
    expect![[r#"
        POST /form HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 7
        Content-Type: application/x-www-form-urlencoded

        a=1&b=2"#]]
    .assert_eq(&server.received(&origin.last()));
}

#[test]
fn one_connection_serves_many_requests() {
    let origin = Origin::ok();
    let server = seed(&origin);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.send(lines("GET /static/css/style.css HTTP/1.1\nHost: a")).response().status, 200);
        assert_eq!(client.send(lines("GET / HTTP/1.1\nHost: a")).response().text(), "ok");
    }
}
