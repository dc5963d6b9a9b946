//! Every variable, as a template sees it.

use expect_test::expect;

use crate::differences;
use crate::support::{Client, Origin, Server, get, lines};

/// A server that answers with this template, and the answer to a request.
fn evaluated(template: &str, request: &str) -> String {
    let server = Server::start(&format!(
        "server {{ listen {{{{port}}}}; server_name site.test other.test; root {{{{root}}}}; location / {{ return 200 \"{template}\"; }} }}"
    ));
    server.localised(&server.send(lines(request)).text())
}

const FULL: &str = "GET /a%20b/c.txt?x=1&y=%41&X=2&empty=&flag HTTP/1.1\nHost: Site.Test:81\nUser-Agent: agent/1\nReferer: http://ref/\n\
    Cookie: a=1; sid=abc; b=2\nCookie: late=3\nX-Forwarded-For: 1.1.1.1\nX-Custom-Header: custom\nContent-Type: text/x\nContent-Length: 4\n\
    Accept: */*\nAuthorization: Basic dXNlcjpwdw==\nVia: 1.1 v";

#[test]
fn of_the_request_line() {
    expect!["GET /a%20b/c.txt?x=1&y=%41&X=2&empty=&flag HTTP/1.1|GET|/a%20b/c.txt?x=1&y=%41&X=2&empty=&flag|/a b/c.txt|/a b/c.txt|x=1&y=%41&X=2&empty=&flag|x=1&y=%41&X=2&empty=&flag|?|HTTP/1.1|http|"].assert_eq(&evaluated(
        "$request|$request_method|$request_uri|$uri|$document_uri|$args|$query_string|$is_args|$server_protocol|$scheme|$https",
        FULL,
    ));
    expect!["GET /plain HTTP/1.0|/plain|/plain|||HTTP/1.0"].assert_eq(&evaluated(
        "$request|$request_uri|$uri|$args|$is_args|$server_protocol",
        "GET /plain HTTP/1.0",
    ));
    expect!["GET /q? HTTP/1.1|/q?|/q||"]
        .assert_eq(&evaluated("$request|$request_uri|$uri|$args|$is_args", "GET /q? HTTP/1.1\nHost: a"));
}

#[test]
fn of_arguments_and_cookies() {
    expect!["1|%41|1|||"].assert_eq(&evaluated("$arg_x|$arg_y|$arg_X|$arg_empty|$arg_flag|$arg_none", FULL));
    expect!["1|abc|2|3||abc"]
        .assert_eq(&evaluated("$cookie_a|$cookie_sid|$cookie_b|$cookie_late|$cookie_none|$cookie_SID", FULL));
    expect!["2|1|"].assert_eq(&evaluated("$arg_a|$arg_ab|$arg_b", "GET /?ab=1&a=2&a=3&b HTTP/1.1\nHost: a"));
    expect![[r#""q"|x=y"#]]
        .assert_eq(&evaluated("$cookie_a|$cookie_b", "GET / HTTP/1.1\nHost: a\nCookie: a=\"q\";b=x=y; a=2"));
}

#[test]
fn of_headers() {
    expect!["Site.Test:81|agent/1|http://ref/|custom|a=1; sid=abc; b=2; late=3||1.1.1.1|1.1 v|*/*|Basic dXNlcjpwdw=="].assert_eq(&evaluated(
        "$http_host|$http_user_agent|$http_referer|$http_x_custom_header|$http_cookie|$http_none|$http_x_forwarded_for|$http_via|$http_accept|$http_authorization",
        FULL,
    ));
    expect!["text/x|4|user"].assert_eq(&evaluated("$content_type|$content_length|$remote_user", FULL));
    differences::JOINED
        .pick(expect!["[1] []"], expect!["[1, 2] []"])
        .assert_eq(&evaluated("[$http_x_a] [$http_x_b]", "GET / HTTP/1.1\nHost: a\nX-A: 1\nx-a: 2\nX-B:"));
    expect!["127.0.0.1"].assert_eq(&evaluated("$proxy_add_x_forwarded_for", "GET / HTTP/1.1\nHost: a"));
    expect!["1.1.1.1, 127.0.0.1"].assert_eq(&evaluated("$proxy_add_x_forwarded_for", FULL));
    expect!["1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1"].assert_eq(&evaluated(
        "$proxy_add_x_forwarded_for",
        "GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2, 3.3.3.3",
    ));
}

#[test]
fn of_the_server_and_the_connection() {
    expect!["site.test|site.test|{port}|127.0.0.1|127.0.0.1|1|{version}||."].assert_eq(&evaluated("$host|$server_name|$server_port|$server_addr|$remote_addr|$connection_requests|$nginx_version|$request_completion|$pipe", FULL)
        .replace(env!("CARGO_PKG_VERSION"), "{version}").replace("1.22.1", "{version}"));
    let server = Server::start(
        r#"server { listen {{port}}; location / { return 200 "$remote_port $connection $connection_requests"; } }"#,
    );
    let mut client = server.connect();
    let port = client.local_port();
    let first = client.send(get("/")).response().text();
    let second = client.send(get("/")).response().text();
    let parts = |text: &str| text.split(' ').map(|n| n.parse::<u64>().unwrap()).collect::<Vec<_>>();
    let (first, second) = (parts(&first), parts(&second));
    assert_eq!(first[0], u64::from(port));
    assert_eq!(first[1], second[1], "one connection has one number");
    assert_eq!((first[2], second[2]), (1, 2));
    let other = parts(&Client::connect(server.address()).send(get("/")).response().text());
    assert_ne!(other[1], first[1]);
}

#[test]
fn of_the_host() {
    let expected = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    let expected = String::from_utf8(expected).unwrap();
    assert_eq!(evaluated("$hostname", "GET / HTTP/1.1\nHost: a"), expected.trim().to_lowercase());
}

#[test]
fn of_files() {
    let server = Server::setup().file("real/a.txt", "a").start(
        r#"server { listen {{port}}; root {{dir}}/link;
            location / { return 200 "$document_root|$realpath_root|$request_filename"; }
            location /al/ { alias {{dir}}/real/; return 200 "$document_root|$request_filename"; } }"#,
    );
    std::os::unix::fs::symlink("real", server.dir().join("link")).unwrap();
    expect!["{dir}/link|{dir}/real|{dir}/link/x/a.txt"]
        .assert_eq(&server.localised(&server.get("/x/a.txt").text()));
    expect!["{dir}/real/|{dir}/real/a.txt"].assert_eq(&server.localised(&server.get("/al/a.txt").text()));
}

#[test]
fn of_time() {
    let shape = |text: String| {
        text.chars()
            .map(|c| {
                if c.is_ascii_digit() {
                    '0'
                } else if c.is_ascii_alphabetic() {
                    'a'
                } else {
                    c
                }
            })
            .collect::<String>()
    };
    let shown = shape(evaluated("$msec|$time_iso8601|$time_local|$request_time", "GET / HTTP/1.1\nHost: a"));
    assert_eq!(
        shown.replace('-', "+"),
        "0000000000.000|0000+00+00a00:00:00+00:00|00/aaa/0000:00:00:00 +0000|0.000"
    );
}

#[test]
fn of_identity() {
    let server = Server::start(
        r#"server { listen {{port}}; location / { return 200 "$request_id $request_id $pid"; } }"#,
    );
    let ids = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (ids(server.get("/").text()), ids(server.get("/").text()));
    assert_eq!(one[0], one[1], "the same within a request");
    assert_ne!(one[0], two[0], "another for the next");
    assert_eq!(one[0].len(), 32);
    assert!(one[0].bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    assert!(one[2].parse::<u32>().is_ok());
}

#[test]
fn of_the_answer() {
    let origin = Origin::answering(
        "HTTP/1.1 201 Made\r\nContent-Type: text/plain\r\nX-App: one\r\nSet-Cookie: s=1\r\nCache-Control: no-cache\r\nContent-Length: 5\r\n\r\nhello",
    );
    let server = Server::proxying(
        &origin,
        r#"log_format all "$status|$body_bytes_sent|$sent_http_content_type|$sent_http_x_app|$sent_http_none|$sent_http_content_length|$sent_http_location|$sent_http_connection|$sent_http_cache_control|$upstream_status|$upstream_addr|$upstream_response_length|$upstream_http_x_app|$upstream_http_none|$upstream_cookie_s|$upstream_http_content_type|$proxy_host|$proxy_port";
        log_format sizes "$bytes_sent $request_length $body_bytes_sent";
        log_format times "$request_time|$upstream_response_time|$upstream_header_time|$upstream_connect_time|$upstream_bytes_received|$upstream_bytes_sent";
        access_log {{dir}}/all.log all; access_log {{dir}}/sizes.log sizes; access_log {{dir}}/times.log times;
        server { listen {{port}}; location / { proxy_pass http://{{app}}; } }"#,
    );
    let mut client = server.connect();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
    let raw = client.read_to_end();
    let all = server.wait_file("all.log", |text| text.ends_with('\n'));
    expect![[r#"
        201|5|text/plain|one|-|5|-|close|no-cache|201|127.0.0.1:{app}|5|one|-|1|text/plain|127.0.0.1:{app}|{app}
    "#]].assert_eq(&server.localised(&all));
    let sizes = server.wait_file("sizes.log", |text| text.ends_with('\n'));
    assert_eq!(sizes, format!("{} 71 5\n", raw.len()));
    let times = server.wait_file("times.log", |text| text.ends_with('\n'));
    let fields: Vec<&str> = times.trim().split('|').collect();
    for time in &fields[..4] {
        let (whole, part) = time.split_once('.').unwrap_or_else(|| panic!("{times}"));
        assert!(whole.parse::<u32>().is_ok() && part.len() == 3, "{times}");
    }
    assert!(fields[4].parse::<u32>().unwrap() > 100, "{times}");
    assert!(fields[5].parse::<u32>().unwrap() > 50, "{times}");
}

#[test]
fn of_the_answer_in_add_header() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nX-App: one\r\nContent-Length: 0\r\n\r\n");
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location / { proxy_pass http://{{app}}; add_header X-Seen "$upstream_http_x_app,$upstream_status,$status,$sent_http_x_app"; } }"#,
    );
    expect!["one,200,200,one"].assert_eq(&server.get("/").header("x-seen"));
}

#[test]
fn several_tries_are_listed() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"upstream u { server 127.0.0.1:{{dead}}; server {{app}}; }
        log_format up "$upstream_addr|$upstream_status|$upstream_response_length"; access_log {{dir}}/up.log up;
        server { listen {{port}}; location / { proxy_pass http://u; } location /none { return 204; } }"#,
    );
    server.get("/");
    server.get("/none");
    let log = server.wait_file("up.log", |text| text.lines().count() == 2);
    expect![[r#"
        127.0.0.1:{dead}, 127.0.0.1:{app}|502, 200|0, 2
        -|-|-
    "#]]
    .assert_eq(&server.localised(&log));
}

#[test]
fn of_proxying() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"upstream named { server {{app}}; }
        server { listen {{port}};
            location /a { proxy_pass http://{{app}}/x; proxy_set_header X-V "$proxy_host|$proxy_port|$proxy_add_x_forwarded_for"; }
            location /b { proxy_pass http://named; proxy_set_header X-V "$proxy_host|$proxy_port|$host|$http_host"; } }"#,
    );
    server.send(lines("GET /a HTTP/1.1\nHost: H.test"));
    expect!["127.0.0.1:{app}|{app}|127.0.0.1"]
        .assert_eq(&server.localised(&origin.last().header("x-v").unwrap()));
    server.send(lines("GET /b HTTP/1.1\nHost: H.test:1"));
    expect!["named|80|h.test|H.test:1"].assert_eq(&server.localised(&origin.last().header("x-v").unwrap()));
}

#[test]
fn spelling() {
    expect!["site.testx|site.test-y|site.test.z|1|a/a b/c.txt"]
        .assert_eq(&evaluated("${host}x|$host-y|$host.z|${arg_x}|a$uri", FULL));
    expect!["12"].assert_eq(&evaluated("$arg_a$arg_b", "GET /?a=1&b=2 HTTP/1.1\nHost: a"));
}

#[test]
fn decoded_arguments_stay_encoded() {
    expect!["caf%C3%A9+x|q=caf%C3%A9+x|/café"]
        .assert_eq(&evaluated("$arg_q|$args|$uri", "GET /caf%C3%A9?q=caf%C3%A9+x HTTP/1.1\nHost: a"));
}

/// `$pipe` tells a request that was there before the one before it was answered; a body is no request.
#[test]
fn of_pipelines() {
    let server = Server::setup().file("root/a.txt", "0123456789").start(
        r#"log_format f '$request_method $pipe [$https] [$sent_http_accept_ranges] $connection_requests'; access_log {{dir}}/f.log f;
        server { listen {{port}}; root {{root}}; location /return { return 200 "$pipe[$https]"; } }"#,
    );
    let mut client = server.connect();
    client.send("POST /return HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.response().text(), ".[]");
    client.send([get("/return"), get("/a.txt"), get("/none")].concat());
    assert_eq!(client.response().text(), ".[]");
    assert_eq!((client.response().status, client.response().status), (200, 404));
    let log = server.wait_file("f.log", |text| text.lines().count() == 4);
    expect![[r#"
        POST . [] [-] 1
        GET . [] [-] 2
        GET p [] [bytes] 3
        GET p [] [-] 4
    "#]]
    .assert_eq(&log);
}

#[test]
fn the_port_that_was_asked_for() {
    // nginx has these since 1.29.3.
    let server = Server::setup()
        .ringx()
        .start(r#"server { listen {{port}}; return 200 "$host$is_request_port$request_port"; }"#);
    for (head, expected) in [
        ("GET / HTTP/1.1\r\nHost: a.test:8080\r\n\r\n", "a.test:8080"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test"),
        ("GET / HTTP/1.1\r\nHost: a.test.:80\r\n\r\n", "a.test:80"),
        ("GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", "[::1]:81"),
        ("GET http://b.test:82/x HTTP/1.1\r\nHost: a.test:8080\r\n\r\n", "b.test:82"),
        ("GET / HTTP/1.0\r\n\r\n", ""),
    ] {
        assert_eq!(server.send(head).text(), expected, "{head}");
    }
}
