//! `access_log`, `log_format`, `error_log`.

use expect_test::expect;

use crate::support::{Origin, Server, get, lines};

/// A combined line without its time.
fn without_time(line: &str) -> String {
    let (Some(from), Some(to)) = (line.find('['), line.find(']')) else { return line.to_owned() };
    let time = &line[from + 1..to];
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert!(shape.starts_with("00/") && shape.len() == 26, "{time}");
    format!("{}[time]{}", &line[..from], &line[to + 1..])
}

#[test]
fn the_combined_format() {
    let server = Server::start(
        "server { listen {{port}}; location / { return 200 \"0123456789\"; } location /e { return 404; } }",
    );
    server.get("/");
    server.send(lines("GET /x?y=1 HTTP/1.0\nReferer: http://ref/\nUser-Agent: agent \"q\" \\ 1"));
    server.send(lines("POST /e HTTP/1.1\nHost: a\nContent-Length: 0\nAuthorization: Basic dXNlcjpwdw=="));
    server.send(lines("HEAD / HTTP/1.1\nHost: a"));
    server.send("GET / HTTP/1.1\r\n\r\n");
    server.send("garbage\r\n\r\n");
    let log = server.wait_file("access.log", |text| text.lines().count() == 6);
    let mut shown: Vec<String> = log.lines().map(without_time).collect();
    for line in &mut shown {
        // The size of a page depends on the product's name.
        if line.contains(" 40") {
            let mut parts: Vec<&str> = line.split(' ').collect();
            let at = parts.iter().position(|p| p.starts_with("40") && p.len() == 3).unwrap();
            parts[at + 1] = "{size}";
            *line = parts.join(" ");
        }
    }
    expect![[r#"
        127.0.0.1 - - [time] "GET / HTTP/1.1" 200 10 "-" "-"
        127.0.0.1 - - [time] "GET /x?y=1 HTTP/1.0" 200 10 "http://ref/" "agent \x22q\x22 \x5C 1"
        127.0.0.1 - user [time] "POST /e HTTP/1.1" 404 {size} "-" "-"
        127.0.0.1 - - [time] "HEAD / HTTP/1.1" 200 0 "-" "-"
        127.0.0.1 - - [time] "GET / HTTP/1.1" 400 {size} "-" "-"
        127.0.0.1 - - [time] "garbage" 400 {size} "-" "-""#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn custom_formats_and_escapes() {
    let server = Server::start(
        r#"log_format plain '$request_method $uri' ' "$arg_x" [$http_none]';
        log_format json escape=json '{"uri":"$uri","x":"$arg_x","ua":"$http_user_agent","none":"$http_none"}';
        log_format none escape=none '$uri $http_user_agent';
        log_format default escape=default '$uri $http_user_agent $http_none';
        access_log {{dir}}/plain.log plain; access_log {{dir}}/json.log json; access_log {{dir}}/none.log none; access_log {{dir}}/default.log default;
        server { listen {{port}}; location / { return 204; } }"#,
    );
    server.send(
        "GET /a%20%22b%5C%0A%C3%A9%7f?x=%22 HTTP/1.1\r\nHost: a\r\nUser-Agent: q\"b\\t\tu\u{e9}\r\n\r\n",
    );
    for (name, expected) in [
        (
            "plain",
            expect![[r#"
        GET /a \x22b\x5C\x0A\xC3\xA9\x7F "%22" [-]
    "#]],
        ),
        (
            "json",
            expect![[r#"
        {"uri":"/a \"b\\\né","x":"%22","ua":"q\"b\\t\tué","none":""}
    "#]],
        ),
        (
            "none",
            expect![[r#"
        /a "b\
        é q"b\t	ué
    "#]],
        ),
        (
            "default",
            expect![[r#"
        /a \x22b\x5C\x0A\xC3\xA9\x7F q\x22b\x5Ct\x09u\xC3\xA9 -
    "#]],
        ),
    ] {
        let log = server.wait_file(&format!("{name}.log"), |text| text.ends_with('\n'));
        expected.assert_eq(&log);
    }
}

#[test]
fn access_log_off_and_inheritance() {
    let server = Server::start(
        r#"log_format f "$uri";
        server { listen {{port}}; access_log {{dir}}/server.log f;
            location / { return 204; }
            location /off { access_log off; return 204; }
            location /own { access_log {{dir}}/own.log f; return 204; }
            location /both { access_log {{dir}}/own.log f; access_log {{dir}}/second.log f; return 204; }
        }"#,
    );
    for path in ["/off", "/own", "/both", "/"] {
        server.get(path);
    }
    assert_eq!(server.wait_file("server.log", |text| !text.is_empty()), "/\n");
    assert_eq!(server.wait_file("own.log", |text| text.lines().count() == 2), "/own\n/both\n");
    assert_eq!(server.wait_file("second.log", |text| !text.is_empty()), "/both\n");
    assert_eq!(server.read("access.log"), "");
}

#[test]
fn access_log_if() {
    let server = Server::start(
        r#"log_format f "$uri";
        server { listen {{port}}; access_log {{dir}}/if.log f if=$arg_log; location / { return 204; } }"#,
    );
    for path in ["/no", "/zero?log=0", "/yes?log=1", "/empty?log="] {
        server.get(path);
    }
    assert_eq!(server.wait_file("if.log", |text| !text.is_empty()), "/yes\n");
}

#[test]
fn a_buffered_log_is_written_by_time() {
    let server = Server::start(
        r#"log_format f "$uri";
        server { listen {{port}}; access_log {{dir}}/buffered.log f buffer=32k flush=300ms; location / { return 204; } }"#,
    );
    for i in 0..10 {
        server.get(&format!("/{i}"));
    }
    let log = server.wait_file("buffered.log", |text| text.lines().count() == 10);
    assert_eq!(log, "/0\n/1\n/2\n/3\n/4\n/5\n/6\n/7\n/8\n/9\n");
}

#[test]
fn a_buffered_log_is_written_when_full_and_at_the_end() {
    let mut server = Server::start(
        r#"log_format f "$request_uri";
        server { listen {{port}}; access_log {{dir}}/buffered.log f buffer=1k; location / { return 204; } }"#,
    );
    let long = "x".repeat(200);
    for _ in 0..20 {
        server.get(&format!("/{long}"));
    }
    server.wait_file("buffered.log", |text| text.len() > 3000);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    let log = server.read("buffered.log");
    assert_eq!(log.lines().count(), 20);
    assert!(log.lines().all(|line| line == format!("/{long}")), "{log}");
}

#[test]
fn lines_that_wait_belong_to_the_file_before_usr1() {
    let server = Server::setup().global("worker_processes 2;").start(
        r#"log_format f "$uri";
        server { listen {{port}}; access_log {{dir}}/a.log f buffer=64k; location / { return 204; } }"#,
    );
    for _ in 0..10 {
        server.get("/before");
    }
    assert_eq!(server.read("a.log"), "");
    std::fs::rename(server.dir().join("a.log"), server.dir().join("a.log.1")).unwrap();
    server.signal("USR1");
    server.wait_file("a.log.1", |text| text == "/before\n".repeat(10));
    crate::support::wait_for("the new file", || server.dir().join("a.log").exists().then_some(()));
    assert_eq!(server.read("a.log"), "");
}

#[test]
fn usr1_reopens_the_logs() {
    let server = Server::start(
        r#"log_format f "$uri"; server { listen {{port}}; access_log {{dir}}/a.log f; location / { return 204; } location /e { root {{root}}; } }"#,
    );
    server.get("/before");
    server.wait_file("a.log", |text| text == "/before\n");
    std::fs::rename(server.dir().join("a.log"), server.dir().join("a.log.1")).unwrap();
    std::fs::rename(server.dir().join("error.log"), server.dir().join("error.log.1")).unwrap();
    server.signal("USR1");
    crate::support::wait_for("the new files", || {
        (server.dir().join("a.log").exists() && server.dir().join("error.log").exists()).then_some(())
    });
    // A worker may still be about to switch: the line must be in one of the two, and the next ones in the new.
    crate::support::wait_for("a line in the new file", || {
        server.get("/after");
        server.read("a.log").contains("/after").then_some(())
    });
    assert!(server.read("a.log.1").starts_with("/before\n"));
    server.get("/e/none");
    server.wait_error("/e/none");
}

#[test]
fn a_log_file_is_appended_to() {
    let server = Server::setup().file("a.log", "earlier\n").start(
        r#"log_format f "$uri"; server { listen {{port}}; access_log {{dir}}/a.log f; location / { return 204; } }"#,
    );
    server.get("/now");
    assert_eq!(server.wait_file("a.log", |text| text.contains("now")), "earlier\n/now\n");
}

#[test]
fn error_log_levels() {
    let conf = |level: &str| {
        format!(
            "worker_processes 1; pid {{{{dir}}}}/server.pid; error_log {{{{dir}}}}/error.log {level};\nevents {{ worker_connections 64; }}\n\
             http {{\naccess_log off;\nserver {{ listen {{{{port}}}}; root {{{{root}}}}; location /dead {{ proxy_pass http://127.0.0.1:{{{{dead}}}}; }} }} }}"
        )
    };
    // A missing file is [error]; a client that goes away while it sends its head is [info].
    let quiet = Server::start(&conf("crit"));
    assert_eq!(quiet.get("/missing").status, 404);
    assert_eq!(quiet.get("/dead").status, 502);
    let loud = Server::start(&conf("info"));
    assert_eq!(loud.get("/missing").status, 404);
    let log = loud.wait_error("/missing");
    assert!(log.lines().any(|line| line.contains("[error]") && line.contains("/missing")), "{log}");
    assert!(!quiet.error_log().contains("missing"), "{}", quiet.error_log());
    assert!(!quiet.error_log().contains("refused"), "{}", quiet.error_log());
}

#[test]
fn the_shape_of_an_error_line() {
    let server = Server::setup()
        .directory("root")
        .start("server { listen {{port}}; server_name site.test; root {{root}}; }");
    server.send(lines("GET /missing?x HTTP/1.1\nHost: site.test\nReferer: http://ref/"));
    let log = server.wait_error("missing");
    let line = log.lines().find(|line| line.contains("missing")).unwrap();
    let shape: String = line[..19].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000/00/00 00:00:00");
    let rest = &line[19..];
    let level = rest.find(" [error] ").expect("the level");
    assert_eq!(level, 0);
    let ids: Vec<&str> = rest[9..].split(' ').next().unwrap().trim_end_matches(':').split('#').collect();
    assert!(ids.iter().all(|id| id.parse::<u32>().is_ok()), "{line}");
    let from = rest.find("*").expect("the connection's number");
    assert!(rest[from + 1..].split(' ').next().unwrap().parse::<u64>().is_ok(), "{line}");
    let text = &rest[from..];
    let text = &text[text.find(' ').unwrap() + 1..];
    expect![[r#"open() "{dir}/root/missing" failed (2: No such file or directory), client: 127.0.0.1, server: site.test, request: "GET /missing?x HTTP/1.1", host: "site.test", referrer: "http://ref/""#]].assert_eq(&server.localised(text));
}

#[test]
fn error_log_to_standard_error() {
    let server = Server::start(
        "worker_processes 1; pid {{dir}}/server.pid; error_log stderr;\nevents { worker_connections 64; }\n\
         http {\naccess_log /dev/stdout;\nserver { listen {{port}}; root {{root}}; } }",
    );
    assert_eq!(server.get("/missing").status, 404);
    server.wait_file("stderr.log", |text| {
        text.contains("/missing\" failed") && text.contains("\"GET /missing HTTP/1.1\" 404")
    });
}

#[test]
fn a_proxied_request_that_fails_names_peer_and_reason() {
    let origin = Origin::start(|connection| {
        connection.request();
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { proxy_pass http://{{app}}/base; } }",
    );
    server.send(get("/x"));
    let log = server.wait_error("prematurely");
    let line = log.lines().find(|line| line.contains("prematurely")).unwrap();
    let from = line.find("upstream prematurely").unwrap();
    expect![[r#"upstream prematurely closed connection while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /x HTTP/1.1", upstream: "http://127.0.0.1:{app}/basex", host: "localhost""#]].assert_eq(&server.localised(&line[from..]));
}

#[test]
fn gzip_of_a_log_is_a_buffer_too() {
    let server = Server::start(
        "server { listen {{port}}; access_log {{dir}}/a.log combined gzip flush=1s; location / { return 200 ok; } }",
    );
    assert_eq!(server.get("/").text(), "ok");
}
