//! Modules of a few directives: `empty_gif`, `stub_status`, `random_index`, `flv`, `mp4`.

use std::collections::BTreeSet;

use expect_test::expect;

use crate::support::{Origin, Server, escape, get, lines};

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
    // The connection that found the port open may be counted later.
    let before = crate::support::wait_for("the first connections to be counted", || {
        let told = told(&client.send(get("/status")).response().text());
        (told[1] >= 2).then_some(told)
    });
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

const BROWSERS: &str = r#"server { listen {{port}};
    location /none { return 200 "[$modern_browser] [$ancient_browser] [$msie]"; }
    location / { return 200 "[$modern_browser] [$ancient_browser] [$msie]";
        modern_browser msie 5.5; modern_browser gecko 1.0.5; modern_browser opera 9.0; modern_browser safari 413;
        modern_browser konqueror 3.0; modern_browser unlisted; ancient_browser Links Lynx netscape4;
        modern_browser_value new; ancient_browser_value old;
        location /in { modern_browser safari 10; return 200 "[$modern_browser] [$ancient_browser] [$msie]"; }
    }
}"#;

#[test]
fn modern_and_ancient_browsers() {
    let server = Server::start(BROWSERS);
    let mut client = server.connect();
    let mut seen = String::new();
    for agent in [
        "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
        "Mozilla/4.0 (compatible; MSIE 5.0; Windows 98)",
        "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1) Opera 8.50",
        "Opera/9.80 (X11; Linux) Presto/2.12",
        "Mozilla/5.0 (X11; U; Linux; rv:1.0.5) Gecko/2002",
        "Mozilla/5.0 (X11; U; Linux; rv:1.0.4) Gecko/2002",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh) AppleWebKit/85 (KHTML, like Gecko) Safari/85",
        "Mozilla/5.0 (compatible; Konqueror/2.2; Linux)",
        "Mozilla/4.72 [en] (X11; Linux)",
        "Mozilla/4.72 [en]",
        "Lynx/2.8",
        "Safari/",
        "curl/8",
        "MSIE 7",
        "",
    ] {
        for path in ["/none", "/", "/in"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n");
            seen += &format!("{:10}", client.send(request).response().text());
            seen += "  ";
        }
        seen += &format!("{agent}\n");
    }
    let without = client.send(lines("GET / HTTP/1.1\nHost: a")).response().text();
    expect![[r#"
        [] [1] [1]  [new] [] [1]  [] [old] [1]  Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)
        [] [1] [1]  [] [old] [1]  [] [old] [1]  Mozilla/4.0 (compatible; MSIE 5.0; Windows 98)
        [] [1] []   [] [old] []  [] [old] []  Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1) Opera 8.50
        [] [1] []   [new] [] []  [] [old] []  Opera/9.80 (X11; Linux) Presto/2.12
        [] [1] []   [new] [] []  [] [old] []  Mozilla/5.0 (X11; U; Linux; rv:1.0.5) Gecko/2002
        [] [1] []   [] [old] []  [] [old] []  Mozilla/5.0 (X11; U; Linux; rv:1.0.4) Gecko/2002
        [] [1] []   [new] [] []  [] [old] []  Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
        [] [1] []   [new] [] []  [new] [] []  Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36
        [] [1] []   [] [old] []  [new] [] []  Mozilla/5.0 (Macintosh) AppleWebKit/85 (KHTML, like Gecko) Safari/85
        [] [1] []   [] [old] []  [] [old] []  Mozilla/5.0 (compatible; Konqueror/2.2; Linux)
        [] [1] []   [] [old] []  [] [old] []  Mozilla/4.72 [en] (X11; Linux)
        [] [1] []   [] [old] []  [] [old] []  Mozilla/4.72 [en]
        [] [1] []   [] [old] []  [] [old] []  Lynx/2.8
        [] [1] []   [new] [] []  [] [old] []  Safari/
        [] [1] []   [new] [] []  [] [old] []  curl/8
        [] [1] []   [new] [] []  [] [old] []  MSIE 7
        [] [1] []   [new] [] []  [] [old] []  
        [new] [] []
    "#]].assert_eq(&format!("{seen}{without}\n"));
}

#[test]
fn links_with_a_checksum_in_the_path() {
    let (simple, longer) = (md5_of("linksecret"), md5_of("d/link?a=1secret"));
    let server = Server::start(
        r#"server { listen {{port}};
            location /s/ { secure_link_secret secret; if ($secure_link = "") { return 403; } return 200 "$secure_link"; }
        }"#,
    );
    let upper = simple.to_ascii_uppercase();
    let wrong = simple.replace(|c: char| c.is_ascii_digit(), "0");
    let seen = server.table(&[
        &format!("/s/{simple}/link"),
        &format!("/s/{longer}/d/link?a=1"),
        &format!("/s/{upper}/link"),
        &format!("/s/{wrong}/link"),
        &format!("/s/{simple}/link2"),
        &format!("/s/{simple}/"),
        &format!("/s/{simple}"),
        "/s/short/link",
        "/s/",
    ]);
    let seen = seen
        .replace(&simple, "SIMPLE")
        .replace(&longer, "LONGER")
        .replace(&upper, "UPPER")
        .replace(&wrong, "WRONG");
    expect![[r#"
        /s/SIMPLE/link -> 200 link
        /s/LONGER/d/link?a=1 -> 200 d/link?a=1
        /s/UPPER/link -> 200 link
        /s/WRONG/link -> 403
        /s/SIMPLE/link2 -> 403
        /s/SIMPLE/ -> 403
        /s/SIMPLE -> 403
        /s/short/link -> 403
        /s/ -> 403
    "#]]
    .assert_eq(&seen);
}

fn md5_of(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_the_kernel_and_the_filters_tell() {
    let server = Server::setup().file("root/f.html", "compress me ".repeat(500)).start(
        r#"log_format ratio "$uri $gzip_ratio $http2"; access_log {{dir}}/ratio.log ratio;
        server { listen {{port}}; root {{root}}; gzip on;
            location /tcp { return 200 "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space"; }
        }"#,
    );
    let told = server.get("/tcp").text();
    let numbers: Vec<u32> = told.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(numbers.len() == 4 && numbers[2] > 0 && numbers[3] > 0, "{told}");
    server.send(lines("GET /f.html HTTP/1.1\nHost: a\nAccept-Encoding: gzip"));
    let log = server.wait_file("ratio.log", |log| log.contains("/f.html"));
    let mut lines = log.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("/tcp -")), "{log}");
    let ratio = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    assert!(ratio.parse::<f64>().is_ok_and(|ratio| ratio > 20.0), "{log}");
    assert_eq!(ratio.split_once('.').map(|(_, digits)| digits.len()), Some(2));
}

const USERID: &str = r#"
    log_format who "$uri $uid_got $uid_set"; access_log {{dir}}/who.log who;
    server { listen {{port}};
        location / { return 200; }
        location /on { userid on; return 200 "$uid_set"; }
        location /v1 { userid v1; userid_name id; userid_path /v1; userid_expires max; userid_domain a.example; userid_p3p "CP=x"; return 200; }
        location /log { userid log; return 200 "$uid_got|$uid_set"; }
        location /got { userid on; return 200 "$uid_got"; }
        location /mark { userid on; userid_mark m; userid_flags httponly secure samesite=lax; userid_expires 1d; add_header X-A b; return 204; }
        location /reset { userid on; set $uid_reset 1; return 200 "$uid_got"; }
        location /error { userid on; return 404; }
        location /service { userid on; userid_service 305419896; return 200 "$uid_set"; }
    }"#;

#[test]
fn clients_are_known_by_a_cookie() {
    let server = Server::start(USERID);
    let cookie = |path: &str, cookie: &str| {
        let response = server.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n"));
        (response.header("set-cookie"), response)
    };
    // Sixteen bytes, and what stands around them.
    let shape = |cookie: &str| {
        let (name, rest) = cookie.split_once('=').unwrap_or_default();
        let (value, rest) = rest.split_at(24.min(rest.len()));
        let timed = match (rest.contains("-37"), rest.split_once("expires="), rest.split_once(" GMT")) {
            (false, Some((before, _)), Some((_, after))) => format!("{before}expires=TIME{after}"),
            _ => rest.to_owned(),
        };
        let kind = if value.ends_with("==") { "ID==" } else { &value[value.len().saturating_sub(2)..] };
        format!("{name}={kind}{timed}\n")
    };
    let (fresh, response) = cookie("/on", "a=b");
    let mut seen = shape(&fresh);
    let hex = response.text();
    assert!(
        hex.starts_with("uid=") && hex.len() == 36 && hex == hex.to_ascii_uppercase().replace("UID", "uid"),
        "{hex}"
    );
    // The first word is the server's address, as this machine holds it.
    assert!(hex.starts_with("uid=0100007F"), "{hex}");
    assert!(cookie("/service", "").1.text().starts_with("uid=78563412"));
    let (again, _) = cookie("/on", "");
    assert_ne!(fresh, again);
    let known = fresh.split(';').next().unwrap().to_owned();
    for (path, sent) in [
        ("/on", &*known),
        ("/got", &known),
        ("/", &known),
        ("/log", &known),
        ("/log", "uid=short"),
        ("/got", "uid=short"),
        ("/got", "uid=!!!!!!!!!!!!!!!!!!!!!!!!"),
        ("/v1", &known),
        ("/mark", &known),
        ("/reset", &known),
        ("/error", ""),
    ] {
        let (set, response) = cookie(path, sent);
        seen += &format!(
            "{path} -> {} {}{}",
            response.text().replace(&hex, "HEX").lines().next().unwrap_or_default(),
            response.header("p3p"),
            shape(&set)
        );
    }
    let (marked, response) = cookie("/mark", &known);
    assert_eq!(marked.get(..28), Some(format!("{}m=", &known[..26]).as_str()));
    let names: Vec<_> = response.head_lines[1..]
        .iter()
        .map(|line| String::from_utf8_lossy(line).split(':').next().unwrap().to_owned())
        .collect();
    seen += &format!("{names:?}\n");
    let marked = marked.split(';').next().unwrap().to_owned();
    seen += &format!("marked -> {}", shape(&cookie("/mark", &marked).0));
    expect![[r#"
        uid=ID==; path=/
        /on ->  =
        /got -> HEX =
        / ->  =
        /log -> HEX| =
        /log -> | =
        /got ->  uid=ID==; path=/
        /got ->  uid=ID==; path=/
        /v1 ->  CP=xid=ID==; expires=Thu, 31-Dec-37 23:55:55 GMT; domain=a.example; path=/v1
        /mark ->  uid=m=; expires=TIME; path=/; secure; httponly; samesite=lax
        /reset -> HEX uid=ID==; path=/
        /error -> <html> uid=ID==; path=/
        ["Server", "Date", "Connection", "X-A", "Set-Cookie"]
        marked -> =
    "#]]
    .assert_eq(&seen);
    server.wait_file("who.log", |log| {
        log.contains(&format!("/on - {hex}\n")) && log.contains(&format!("/log {hex} -\n"))
    });
}

#[test]
fn flash_video_from_where_the_player_asks() {
    let large = format!("FLV{}", "0123456789".repeat(40_000));
    let server = Server::setup()
        .file("root/small.flv", "FLV\x01\x05\0\0\0\x09\0\0\0\0and its tags")
        .file("root/large.flv", &large)
        .start("server { listen {{port}}; root {{root}}; location / { flv; } }");
    server.check_get(
        "/small.flv?start=17",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 21
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-15"
        Accept-Ranges: bytes

        FLV\x01\x05\x00\x00\x00\t\x00\x00\x00\x00its tags"#]],
    );
    for start in
        ["", "?start=", "?start=0", "?start=25", "?start=x", "?start=-1", "?start=99999999999999999999"]
    {
        assert_eq!(server.get(&format!("/small.flv{start}")).body.len(), 25, "{start}");
    }
    assert_eq!(server.get("/small.flv?q=1&Start=4").body.len(), 13 + 21);
    let response = server.get("/large.flv?start=399990");
    assert_eq!(response.body, b"FLV\x01\x05\0\0\0\x09\0\0\0\x007890123456789");
    let response = server.get("/large.flv?start=3");
    assert_eq!(response.header("content-length"), "400013");
    assert_eq!(&response.body[13..], &large.as_bytes()[3..]);
    assert_eq!(server.get("/none.flv?start=3").status, 404);
    assert_eq!(server.send(lines("POST /small.flv HTTP/1.1\nHost: a\nContent-Length: 0")).status, 405);
}

#[test]
fn a_film_is_a_file() {
    let server = Server::setup()
        .file("root/a.mp4", "0123456789")
        .start("server { listen {{port}}; root {{root}}; location / { mp4; mp4_buffer_size 1m; mp4_max_buffer_size 5m; } }");
    server.check_get(
        "/a.mp4",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 10
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-a"
        Accept-Ranges: bytes

        0123456789"#]],
    );
    server.check(
        "GET /a.mp4 HTTP/1.1\nHost: a\nRange: bytes=2-4\n\n".replace('\n', "\r\n"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 3
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-a"
        Content-Range: bytes 2-4/10

        234"#]],
    );
}

#[test]
fn of_several_content_handlers_the_last_one_counts() {
    let app = Origin::ok();
    let server = Server::setup().app(&app).start(
        "server { listen {{port}};
            location /gif { proxy_pass http://{{app}}; empty_gif; }
            location /app { empty_gif; proxy_pass http://{{app}}; }
            location /after { fastcgi_pass 127.0.0.1:1; proxy_pass http://{{app}}; }
            location /status { proxy_pass http://{{app}}; uwsgi_pass 127.0.0.1:1; stub_status; }
            location /if { empty_gif; if ($arg_app) { proxy_pass http://{{app}}; } }
            location /none { proxy_pass http://{{app}}; scgi_pass 127.0.0.1:1; } }",
    );
    let table: String = ["/gif", "/app", "/after", "/status", "/if", "/if?app=1", "/none"]
        .map(|target| {
            let answer = server.get(target);
            format!("{target}: {} {}\n", answer.status, answer.header("content-type"))
        })
        .concat();
    expect![[r#"
        /gif: 200 image/gif
        /app: 200 
        /after: 200 
        /status: 200 text/plain
        /if: 200 image/gif
        /if?app=1: 200 
        /none: 502 text/html
    "#]]
    .assert_eq(&table);
}
