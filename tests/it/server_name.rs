//! `server_name`: which server of a socket answers, and what it calls itself.

use expect_test::expect;

use crate::differences;
use crate::support::{Server, lines};

/// One line per Host: `host -> answer`.
fn hosts(server: &Server, hosts: &[&str]) -> String {
    let mut text = String::new();
    for host in hosts {
        let response = server.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        let body = if response.status == 200 { response.text() } else { String::new() };
        text += &server.localised(&format!("{host} -> {} {body}\n", response.status));
    }
    text
}

#[test]
fn exact_then_leading_then_trailing_wildcard_then_regex() {
    let server = Server::start(
        r#"
        server { listen {{port}} default_server; server_name _; return 200 "default"; }
        server { listen {{port}}; server_name example.com; return 200 "exact"; }
        server { listen {{port}}; server_name *.example.com; return 200 "*.example.com"; }
        server { listen {{port}}; server_name *.deep.example.com; return 200 "*.deep.example.com"; }
        server { listen {{port}}; server_name www.example.*; return 200 "www.example.*"; }
        server { listen {{port}}; server_name .both.test; return 200 ".both.test"; }
        server { listen {{port}}; server_name ~^(?<sub>[a-z]+)\.regex\.test$; return 200 "regex $sub"; }
        server { listen {{port}}; server_name ~^[a-z]+\.regex\.; return 200 "second regex"; }
        server { listen {{port}}; server_name one.test two.test; return 200 "$server_name for $host"; }
        server { listen {{port}}; server_name Upper.Test; return 200 "upper"; }
        "#,
    );
    let table = hosts(
        &server,
        &[
            "example.com",
            "EXAMPLE.com",
            "example.com:8080",
            "example.com.",
            "www.example.com",
            "a.b.example.com",
            "x.deep.example.com",
            "deep.example.com",
            "www.example.org",
            "www.example.co.uk",
            "both.test",
            "a.both.test",
            "xboth.test",
            "abc.regex.test",
            "ABC.regex.test",
            "abc.regex.org",
            "1.regex.test",
            "one.test",
            "two.test",
            "TWO.test:80",
            "upper.test",
            "unknown",
            "_",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[::1]:80",
            "",
        ],
    );
    expect![[r#"
        example.com -> 200 exact
        EXAMPLE.com -> 200 exact
        example.com:8080 -> 200 exact
        example.com. -> 200 exact
        www.example.com -> 200 *.example.com
        a.b.example.com -> 200 *.example.com
        x.deep.example.com -> 200 *.deep.example.com
        deep.example.com -> 200 *.example.com
        www.example.org -> 200 www.example.*
        www.example.co.uk -> 200 www.example.*
        both.test -> 200 .both.test
        a.both.test -> 200 .both.test
        xboth.test -> 200 default
        abc.regex.test -> 200 regex abc
        ABC.regex.test -> 200 regex abc
        abc.regex.org -> 200 second regex
        1.regex.test -> 200 default
        one.test -> 200 one.test for one.test
        two.test -> 200 one.test for two.test
        TWO.test:80 -> 200 one.test for two.test
        upper.test -> 200 upper
        unknown -> 200 default
        _ -> 200 default
        localhost -> 200 default
        127.0.0.1 -> 200 default
        [::1] -> 200 default
        [::1]:80 -> 200 default
         -> 400 
    "#]]
    .assert_eq(&table);
}

#[test]
fn without_default_server_the_first_one_answers() {
    let server = Server::start(
        r#"
        server { listen {{port}}; server_name a.test; return 200 "a"; }
        server { listen {{port}}; server_name b.test; return 200 "b"; }
        "#,
    );
    let table = hosts(&server, &["a.test", "b.test", "c.test"]);
    expect![[r#"
        a.test -> 200 a
        b.test -> 200 b
        c.test -> 200 a
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_request_without_a_host() {
    let server = Server::start(
        r#"
        server { listen {{port}}; server_name first.test; return 200 "first $host|$http_host|$server_name"; }
        server { listen {{port}}; server_name ""; return 200 "no name: $host|$http_host|$server_name"; }
        "#,
    );
    server.check(
        lines("GET / HTTP/1.0"),
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 11
            Connection: close

            no name: ||"#]],
    );
    server.check(
        lines("GET / HTTP/1.1"),
        expect![[r#"
            HTTP/1.1 400 Bad Request
            Content-Type: text/html
            Content-Length: 145+{server}
            Connection: close

            {page: 400 Bad Request}
        "#]],
    );
}

#[test]
fn host_variables() {
    let server = Server::start(
        r#"server { listen {{port}}; server_name main.test alias.test; return 200 "$host|$http_host|$server_name|$server_port"; }"#,
    );
    let table = hosts(
        &server,
        &[
            "main.test",
            "ALIAS.test",
            "alias.test:1234",
            "alias.test.",
            "other.",
            "Other.Test.:99",
            "127.0.0.1:80",
            "[::1]:80",
            "[fe80::1]",
            "a_b.test",
            "-x",
            "xn--nxasmq6b",
        ],
    );
    expect![[r#"
        main.test -> 200 main.test|main.test|main.test|{port}
        ALIAS.test -> 200 alias.test|ALIAS.test|main.test|{port}
        alias.test:1234 -> 200 alias.test|alias.test:1234|main.test|{port}
        alias.test. -> 200 alias.test|alias.test.|main.test|{port}
        other. -> 200 other|other.|main.test|{port}
        Other.Test.:99 -> 200 other.test|Other.Test.:99|main.test|{port}
        127.0.0.1:80 -> 200 127.0.0.1|127.0.0.1:80|main.test|{port}
        [::1]:80 -> 200 [::1]|[::1]:80|main.test|{port}
        [fe80::1] -> 200 [fe80::1]|[fe80::1]|main.test|{port}
        a_b.test -> 200 a_b.test|a_b.test|main.test|{port}
        -x -> 200 -x|-x|main.test|{port}
        xn--nxasmq6b -> 200 xn--nxasmq6b|xn--nxasmq6b|main.test|{port}
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_bad_host_is_400() {
    let server = Server::start("server { listen {{port}}; return 200 ok; }");
    let mut text = String::new();
    for host in [
        "a/b", "a b", "a..b", ".a", "a:b", "a:80:80", "a\\b", "[::1", "[::1]x", "a%00", "@", "a,b", "a?b",
        "a#b", "..", ":80", "a:",
    ] {
        let response = server.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        text += &format!("{host} -> {}\n", response.status);
    }
    differences::STRICT_HOST
        .pick(
            expect![[r#"
        a/b -> 400
        a b -> 400
        a..b -> 400
        .a -> 200
        a:b -> 200
        a:80:80 -> 200
        a\b -> 200
        [::1 -> 200
        [::1]x -> 200
        a%00 -> 200
        @ -> 200
        a,b -> 200
        a?b -> 200
        a#b -> 200
        .. -> 400
        :80 -> 400
        a: -> 200
    "#]],
            expect![[r#"
        a/b -> 400
        a b -> 400
        a..b -> 400
        .a -> 200
        a:b -> 400
        a:80:80 -> 400
        a\b -> 400
        [::1 -> 400
        [::1]x -> 400
        a%00 -> 200
        @ -> 400
        a,b -> 200
        a?b -> 400
        a#b -> 400
        .. -> 400
        :80 -> 400
        a: -> 200
    "#]],
        )
        .assert_eq(&text);
    server.check(
        lines("GET / HTTP/1.1\nHost: a\nHost: a"),
        expect![[r#"
            HTTP/1.1 400 Bad Request
            Content-Type: text/html
            Content-Length: 145+{server}
            Connection: close

            {page: 400 Bad Request}
        "#]],
    );
}

#[test]
fn an_absolute_request_target_names_the_host() {
    let server = Server::start(
        r#"
        server { listen {{port}}; server_name a.test; return 200 "a $host|$http_host|$request_uri|$uri"; }
        server { listen {{port}}; server_name b.test; return 200 "b $host|$http_host|$request_uri|$uri|$args"; }
        "#,
    );
    for (target, expected) in [
        ("http://b.test/x/../y?q=1", expect!["200 b b.test|a.test|/x/../y?q=1|/y|q=1"]),
        ("HTTP://B.TEST:81/%61", expect!["200 b b.test|a.test|/%61|/a|"]),
        ("http://b.test", expect!["200 b b.test|a.test|/|/|"]),
        ("https://b.test/", expect!["200 b b.test|a.test|/|/|"]),
    ] {
        let response = server.send(lines(&format!("GET {target} HTTP/1.1\nHost: a.test")));
        expected.assert_eq(&server.localised(&format!("{} {}", response.status, response.text())));
    }
}

#[test]
fn an_absolute_target_without_a_path() {
    let server = Server::start(
        r#"server { listen {{port}}; server_name b.test; return 200 "$host|$request_uri|$uri|$args"; }"#,
    );
    let text = server.send(lines("GET http://b.test?x=1 HTTP/1.1\nHost: a.test")).text();
    differences::ABSOLUTE_TARGET
        .pick(expect!["b.test|?x=1|/|x=1"], expect!["b.test|/?x=1|/|x=1"])
        .assert_eq(&text);
}

#[test]
fn regex_names_give_captures_to_the_whole_server() {
    let server = Server::setup().file("root/joe/index.txt", "joe's page").start(
        r#"server { listen {{port}}; server_name ~^(www\.)?(?<user>.+)\.users\.test$;
            root {{root}}/$user;
            location /name { return 200 "$user|$1|$2"; }
        }"#,
    );
    let get =
        |host: &str, path: &str| server.send(lines(&format!("GET {path} HTTP/1.1\nHost: {host}"))).text();
    assert_eq!(get("joe.users.test", "/index.txt"), "joe's page");
    assert_eq!(get("www.joe.users.test", "/name"), "joe|www.|joe");
    assert_eq!(get("JOE.users.test", "/name"), "joe||joe");
}
