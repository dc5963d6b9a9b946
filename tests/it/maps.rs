//! `map`, `geo`, `split_clients`: values by key, by address, by share.

use expect_test::expect;

use crate::support::{Origin, OriginConnection, Server, get, lines};

/// A server that answers with this template; `made` stands at the http level.
fn server(made: &str, template: &str) -> Server {
    Server::start(&format!(
        "{made} server {{ listen {{{{port}}}}; server_name s; location / {{ return 200 \"{template}\"; }} }}"
    ))
}

/// What the template gives for each `X-Key`.
fn by_key(server: &Server, keys: &[&str]) -> String {
    let one = |key: &&str| {
        server.send(lines(&format!("GET /p/q.css?a=B HTTP/1.1\nHost: h.test\nX-Key: {key}"))).text()
    };
    keys.iter().map(one).collect::<Vec<_>>().join("|")
}

#[test]
fn keys_and_the_default() {
    let server = server(
        r#"map $http_x_key $v { default none; a 1; "B c" 2; "" empty; \default escaped; ~^r(\d)x regex$1; ~*^S(?<rest>.*)$ "s=$rest"; t $uri:$args; ~^a never; }"#,
        "$v",
    );
    expect!["1|1|2|2|empty|escaped|regex7|none|s=Xy|s=Z|/p/q.css:a=B|none"].assert_eq(&by_key(
        &server,
        &["a", "A", "B c", "b C", "", "default", "r7x", "R7x", "sXy", "SZ", "t", "zzz"],
    ));
}

#[test]
fn without_a_default_it_is_empty() {
    let server = server("map $http_x_key $v { a 1; }", "[$v]");
    expect!["[1]|[]"].assert_eq(&by_key(&server, &["a", "b"]));
}

#[test]
fn composite_keys_and_chains() {
    let server = server(
        "map $request_method:$http_x_key $a { GET:x one; ~^GET:(?<tail>.+)$ two-$tail; } map $a $b { one 1; default <$a>; } map $b $c { 1 uno; default [$b]; }",
        "$c $a",
    );
    expect!["uno one|[<two-y>] two-y"].assert_eq(&by_key(&server, &["x", "y"]));
}

#[test]
fn hostnames() {
    let server = server(
        "map $http_x_key $v { hostnames; default d; example.com exact; *.example.com below; .both.org both; mail.* mail; *.a.example.com deep; ~^www regex; }",
        "$v",
    );
    expect!["exact|exact|below|below|deep|both|both|mail|regex|d"].assert_eq(&by_key(
        &server,
        &[
            "example.com",
            "EXAMPLE.com.",
            "x.example.com",
            "x.y.example.com",
            "x.a.example.com",
            "both.org",
            "q.both.org",
            "mail.net",
            "www.net",
            "org",
        ],
    ));
}

#[test]
fn without_hostnames_wildcards_are_text() {
    let server = server("map $http_x_key $v { default d; *.example.com text; }", "$v");
    expect!["text|d"].assert_eq(&by_key(&server, &["*.example.com", "x.example.com"]));
}

#[test]
fn a_value_is_kept_unless_volatile() {
    // It is asked for before and after an internal redirect.
    for (made, expected) in [
        ("map $request_uri:$uri $v { default $uri; }", "/first"),
        ("map $request_uri:$uri $v { volatile; default $uri; }", "/second"),
    ] {
        let server = Server::start(&format!(
            "{made} server {{ listen {{{{port}}}}; server_name s; root {{{{root}}}}; location = /first {{ try_files /no$v /second; }} location = /second {{ return 200 $v; }} }}"
        ));
        assert_eq!(server.send(get("/first")).text(), expected, "{made}");
    }
}

#[test]
fn names_of_groups_reach_further_than_the_value() {
    let server =
        server("map $http_x_key $v { default d; ~^(?<first>\\w)(?<rest>.*)$ got; }", "$v $first $rest");
    expect!["got a bc"].assert_eq(&by_key(&server, &["abc"]));
}

#[test]
fn a_web_socket_goes_through_the_usual_map() {
    let origin = Origin::start(|connection: &mut OriginConnection| {
        let Some(request) = connection.request() else { return };
        assert_eq!(request.header("connection").as_deref(), Some("upgrade"));
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        let heard = connection.read_raw(4);
        connection.send([b"echo:".as_slice(), &heard].concat());
    });
    let server = Server::proxying(
        &origin,
        r#"map $http_upgrade $connection_upgrade { default upgrade; '' close; }
           server { listen {{port}}; location / { proxy_pass http://{{app}}; proxy_http_version 1.1;
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; } }"#,
    );
    let mut client = server.connect();
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    assert_eq!(client.response().status, 101);
    client.send("ping");
    assert_eq!(client.read_exact(9), b"echo:ping");
}

#[test]
fn included_files() {
    let server = Server::setup().file("map.conf", "a 1;\nb 2;\n").start(
        "map $http_x_key $v { default d; include {{dir}}/map.conf; } server { listen {{port}}; location / { return 200 $v; } }",
    );
    expect!["1|2|d"].assert_eq(&by_key(&server, &["a", "b", "c"]));
}

#[test]
fn geo_by_network_and_range() {
    let made = r"geo $http_x_key $n { default world; 10.0.0.0/8 ten; 10.1.0.0/16 ten-one; 10.1.2.3 host; 2001:db8::/32 six; 10.9.0.0/16 gone; delete 10.9.0.0/16; }
        geo $http_x_key $r { ranges; default out; 10.0.0.1-10.0.0.9 low; 10.0.0.5-10.0.0.6 mid; }
        geo $me { default other; 127.0.0.0/8 local; }";
    let server = server(made, "$n,$r,$me");
    expect!["ten,low,local|ten,mid,local|ten-one,out,local|host,out,local|ten,out,local|six,out,local|world,out,local|world,out,local"].assert_eq(
        &by_key(
            &server,
            &["10.0.0.1", "10.0.0.6", "10.1.0.1", "10.1.2.3", "10.9.0.1", "2001:db8::7", "8.8.8.8", "no address"],
        ),
    );
}

#[test]
fn geo_behind_proxies() {
    let one = "geo $v { default d; proxy 127.0.0.0/8; 1.0.0.0/8 one; 2.0.0.0/8 two; }";
    let all = "geo $v { default d; proxy 127.0.0.0/8; proxy 2.0.0.0/8; proxy_recursive; 1.0.0.0/8 one; 2.0.0.0/8 two; }";
    for (made, expected) in [(one, "two"), (all, "one")] {
        let server = server(made, "$v");
        let text =
            server.send(lines("GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 9.9.9.9, 1.1.1.1, 2.2.2.2")).text();
        assert_eq!(text, expected, "{made}");
    }
}

#[test]
fn clients_are_split_as_nginx_splits_them() {
    let server = server(
        "split_clients \"${http_x_key}AAA\" $v { 0.5% .one; 25% .two; 33.33% .three; * \"\"; }",
        "[$v]",
    );
    let keys: Vec<String> = (0..24).map(|n| format!("10.0.0.{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    expect!["[.three]|[.two]|[]|[]|[]|[]|[.three]|[]|[.three]|[]|[]|[.two]|[]|[.three]|[.three]|[]|[]|[.three]|[]|[.three]|[.three]|[.two]|[]|[.two]"].assert_eq(&by_key(&server, &keys));
}

#[test]
fn a_variable_that_goes_in_circles_is_empty() {
    let server = server("map $b $a { default \"a$b\"; } map $a $b { default \"b$a\"; }", "x");
    assert_eq!(server.send(get("/")).status, 200, "nobody asks for them");
}
