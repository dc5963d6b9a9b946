//! Tests of the request head: what is taken, what is refused and with which status, in whatever pieces it comes.

use super::*;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> Result<RequestHead, RequestError> {
    let mut head = RequestHead::default();
    match head.parse(bytes, &HeadLimits::default())? {
        Progress::Complete => Ok(head),
        Progress::Partial => panic!("a whole head: {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// Status that a whole request head is refused with, 0 if it is accepted.
fn refusal(bytes: impl AsRef<[u8]>) -> u16 {
    match parse(bytes.as_ref()) {
        Ok(_) => 0,
        Err(error) => error.status().0,
    }
}

fn with_fields(fields: &str) -> Vec<u8> {
    format!("POST /p HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

#[test]
fn an_ordinary_request() {
    let bytes =
        b"GET /a/b?c=d HTTP/1.1\r\nHost: Example.com.:8080\r\nX-One:  1 \t\r\nCookie: k=v\r\n\r\nrest";
    let head = parse(bytes).unwrap();
    assert_eq!(head.method, Method::Get);
    assert_eq!(head.method_name.of(bytes), b"GET");
    assert_eq!(head.line.of(bytes), b"GET /a/b?c=d HTTP/1.1");
    assert_eq!(head.target.of(bytes), b"/a/b?c=d");
    assert_eq!(head.path.of(bytes), b"/a/b");
    assert_eq!(head.query.unwrap().of(bytes), b"c=d");
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.headers.len(), 3);
    assert_eq!(head.headers.find(b"x-one", bytes), Some(&b"1"[..]));
    assert_eq!(head.host.unwrap().of(bytes), b"Example.com.:8080");
    assert_eq!(head.server_name.unwrap().of(bytes), b"Example.com");
    assert_eq!(head.framing, BodyFraming::None);
    assert_eq!(head.len, bytes.len() - 4);
    assert!(head.keep_alive && !head.expect_continue && !head.connection_upgrade);
    assert!(head.authority.is_none());
}

#[test]
fn a_head_is_reusable_and_pipelined_requests_follow_each_other() {
    let bytes = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.0\r\n\r\n";
    let mut head = RequestHead::default();
    assert_eq!(head.parse(bytes, &HeadLimits::default()), Ok(Progress::Complete));
    assert_eq!(head.framing, BodyFraming::Length(5));
    let rest = &bytes[head.len + 5..];
    head.reset();
    assert_eq!(head.parse(rest, &HeadLimits::default()), Ok(Progress::Complete));
    assert_eq!((head.path.of(rest), head.version), (&b"/2"[..], Version::Http10));
    assert!(head.headers.is_empty() && head.host.is_none() && head.framing == BodyFraming::None);
    assert_eq!(head.len, rest.len());
}

#[test]
fn absolute_form() {
    for (target, host, path, query, forwarded) in [
        ("http://Ab.c:80/x?y", "Ab.c", "/x", Some("y"), "/x?y"),
        ("HTTPS://ab.c", "ab.c", "/", None, "/"),
        ("http://ab.c?x=1", "ab.c", "/", Some("x=1"), "/?x=1"),
        ("http://[::1]:80//x/", "[::1]", "//x/", None, "//x/"),
        ("http://ab.c:/x", "ab.c", "/x", None, "/x"),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: other\r\n\r\n").into_bytes();
        let head = parse(&bytes).unwrap();
        assert_eq!(head.server_name.unwrap().of(&bytes), host.as_bytes(), "{target}");
        assert_eq!(head.host.unwrap().of(&bytes), b"other");
        assert_eq!(head.path.of(&bytes), path.as_bytes(), "{target}");
        assert_eq!(head.query.map(|q| q.of(&bytes)), query.map(str::as_bytes), "{target}");
        let mut out = Vec::new();
        head.push_origin_form(&bytes, &mut out);
        assert_eq!(out, forwarded.as_bytes(), "{target}");
    }
}

#[test]
fn targets_that_are_refused() {
    for target in [
        "*",
        "",
        "?x",
        "a",
        "/a#b",
        "/a?x#y",
        "http://ab.c/x#y",
        "http://u@ab.c/x",
        "http:///x",
        "http:/x",
        "http://ab.c:8x/x",
        "http://a_b/x",
        "ftp://ab.c/x",
        "http:",
        "//\t",
        "/a\tb",
        "/a\x7fb",
        "/a\x01b",
        "/a\0b",
        "/a b",
        "http://",
        "http://[::1/x",
        "!",
        "example.com:443",
    ] {
        assert_eq!(refusal(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")), 400, "{target:?}");
    }
    // As in nginx: bytes that RFC 3986 would have encoded are no danger and reach the app unchanged.
    for target in ["/\u{e9}", "/a\"<>\\^`{|}", "//", "/a;b?c?d"] {
        assert_eq!(refusal(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")), 0, "{target:?}");
    }
    assert_eq!(refusal(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
}

#[test]
fn methods() {
    for (method, status) in [
        ("get", 400),
        ("GET1", 400),
        ("G(T", 400),
        ("\0ET", 400),
        (" GET", 400),
        ("", 400),
        ("CONNECT", 405),
        ("TRACE", 405),
        ("G_T", 0),
        ("M-SEARCH", 0),
        ("PRI", 0),
    ] {
        assert_eq!(refusal(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")), status, "{method:?}");
    }
    assert_eq!(refusal("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"), 405);
    assert_eq!(refusal(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(100_000))), 414);
}

#[test]
fn versions() {
    for (version, status) in [
        ("HTTP/1.0", 0),
        ("HTTP/1.1", 0),
        ("HTTP/1.2", 0),
        ("HTTP/1.10", 400),
        ("HTTP/2.0", 505),
        ("HTTP/9.9", 505),
        ("HTTP/0.9", 400),
        ("HTTP/1.", 400),
        ("HTTP/1", 400),
        ("http/1.1", 400),
        ("HTTP/1.1 ", 400),
        ("HTTP/1.1x", 400),
        (" HTTP/1.1", 400),
        ("HTTP/01.1", 400),
        ("HTTP/1,1", 400),
        ("", 400),
        ("HTTP/1.1\t", 400),
        ("x HTTP/1.1", 400),
    ] {
        assert_eq!(refusal(format!("GET / {version}\r\nHost: a\r\n\r\n")), status, "{version:?}");
    }
    assert_eq!(refusal("GET /\r\nHost: a\r\n\r\n"), 400, "HTTP/0.9");
    assert_eq!(refusal("GET\r\nHost: a\r\n\r\n"), 400);
    assert_eq!(refusal("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

#[test]
fn line_ends() {
    for bytes in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET /\nHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nX: b\rX-Evil: 1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(refusal(bytes), 400, "{bytes:?}");
    }
    assert_eq!(refusal("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_eq!(refusal("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_eq!(refusal("\r\n".repeat(200_000)), 400);
}

#[test]
fn garbage_is_refused_without_waiting_for_a_line_end() {
    let limits = HeadLimits::default();
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\x00", b"{", b" G", b"\x80"] {
        let mut head = RequestHead::default();
        assert_eq!(head.parse(garbage, &limits), Err(RequestError::MethodByte), "{garbage:?}");
    }
    let mut head = RequestHead::default();
    assert_eq!(head.parse(b"GET / http/1.1\r\n", &limits), Err(RequestError::Version));
    for partial in [&b""[..], b"\r", b"\r\n", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: loc"] {
        assert_eq!(RequestHead::default().parse(partial, &limits), Ok(Progress::Partial), "{partial:?}");
    }
}

#[test]
fn fields() {
    for (fields, status) in [
        (": x\r\n", 400),
        ("X-A: b\r\n c\r\n", 400),
        ("X-A: b\0c\r\n", 400),
        ("X-\u{e9}: b\r\n", 400),
        ("X-A : b\r\n", 400),
        (" X-A: b\r\n", 400),
        ("X-A\r\n", 400),
        ("X A: b\r\n", 400),
        ("X-A: \x7f\r\n", 400),
        ("Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", 400),
        ("Transfer-Encoding:\r\n chunked\r\n", 400),
        ("X-A: \u{e9}\r\n", 0),
        ("X-A:\r\n", 0),
        ("X-A:b\t c \r\n", 0),
    ] {
        assert_eq!(refusal(with_fields(fields)), status, "{fields:?}");
    }
    // A line that is folded before any field.
    assert_eq!(refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
}

#[test]
fn underscores_are_dropped_unless_wanted() {
    let bytes = with_fields("X_Forwarded_Proto: https\r\nContent_Length: 5\r\nX-Ok: 1\r\n");
    let head = parse(&bytes).unwrap();
    assert_eq!(head.headers.find(b"x_forwarded_proto", &bytes), None);
    assert_eq!(head.headers.len(), 2);
    let mut head = RequestHead::default();
    let kept = HeadLimits { underscores_in_headers: true, ..HeadLimits::default() };
    assert_eq!(head.parse(&bytes, &kept), Ok(Progress::Complete));
    assert_eq!(head.headers.find(b"x_forwarded_proto", &bytes), Some(&b"https"[..]));
}

#[test]
fn hosts() {
    for (host, name) in [
        ("A.B.", Some("A.B")),
        ("a:80", Some("a")),
        ("a:", Some("a")),
        ("a:8x", None),
        ("a..b", None),
        (".a", Some(".a")),
        ("[::1]:80", Some("[::1]")),
        ("[::1", None),
        ("a/b", None),
        ("a b", None),
        ("u@a", None),
        ("a,b", Some("a,b")),
        ("a\\b", None),
        ("a?b", None),
        ("a#b", None),
        (":80", None),
        (".", None),
        ("a]b", None),
        ("[a]b", None),
        ("a:1:2", None),
        ("\u{e9}", Some("\u{e9}")),
        ("[]", None),
        ("a%41", Some("a%41")),
        ("a_b", Some("a_b")),
        ("a\"b", None),
        ("a\tb", None),
        ("", None),
        ("a:123456", None),
        ("127.0.0.1:8000", Some("127.0.0.1")),
        ("[fe80::1%25eth0]", Some("[fe80::1%25eth0]")),
        ("a.:80", Some("a")),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
        let found = parse(&bytes).map(|h| h.server_name.unwrap().of(&bytes).to_vec());
        match name {
            Some(name) => assert_eq!(found.unwrap(), name.as_bytes(), "{host:?}"),
            None => assert_eq!(found.unwrap_err(), RequestError::InvalidHost, "{host:?}"),
        }
    }
    assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n").unwrap_err(), RequestError::MissingHost);
    assert_eq!(parse(b"GET http://x/ HTTP/1.1\r\n\r\n").unwrap_err(), RequestError::MissingHost);
    for version in ["1.0", "1.1"] {
        let two = format!("GET / HTTP/{version}\r\nHost: a\r\nhost: a\r\n\r\n");
        assert_eq!(parse(two.as_bytes()).unwrap_err(), RequestError::DuplicateHost);
    }
    assert_eq!(refusal("GET http://x/ HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    assert_eq!(refusal("GET / HTTP/1.0\r\n\r\n"), 0);
}

#[test]
fn framing() {
    for (fields, status) in [
        ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 47\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5, 47\r\n", 400),
        ("Content-Length: \r\n", 400),
        ("Content-Length: 9223372036854775813\r\n", 400),
        ("Content-Length: \u{b}5\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", 0),
        ("Content-Length: 99999999999\r\n", 0),
    ] {
        assert_eq!(refusal(with_fields(fields)), status, "{fields:?}");
    }
    assert_eq!(refusal(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xa05\r\n\r\n"), 400);
    assert_eq!(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn connection_options() {
    let head = |version: &str, fields: &str| {
        parse(format!("POST / HTTP/{version}\r\nHost: a\r\nContent-Length: 5\r\n{fields}\r\n").as_bytes())
            .unwrap()
    };
    assert!(head("1.1", "").keep_alive);
    assert!(!head("1.0", "").keep_alive);
    assert!(head("1.0", "Connection: Keep-Alive\r\n").keep_alive);
    assert!(!head("1.1", "Connection: x\r\nConnection: keep-alive, Close\r\n").keep_alive);
    assert!(!head("1.0", "Connection: keep-alive\r\nConnection: close\r\n").keep_alive);

    assert!(head("1.1", "Expect: 100-Continue\r\n").expect_continue);
    assert!(!head("1.0", "Expect: 100-continue\r\n").expect_continue);
    assert!(!head("1.1", "Expect: 200-maybe\r\n").expect_continue);
    assert!(!parse(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").unwrap().expect_continue);

    assert!(head("1.1", "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n").connection_upgrade);
    assert!(!head("1.1", "Upgrade: websocket\r\n").connection_upgrade);
    assert!(!head("1.1", "Connection: upgrade\r\n").connection_upgrade);
    assert!(!head("1.0", "Upgrade: websocket\r\nConnection: upgrade\r\n").connection_upgrade);
    // RFC 9110 section 7.6.1 lets Connection name only what is safe to drop; framing does not follow it.
    assert_eq!(head("1.1", "Connection: Content-Length, Host\r\n").framing, BodyFraming::Length(5));
}

#[test]
fn sizes_as_nginx_counts_them() {
    for (line, status) in [(8192, 0), (8193, 414)] {
        let path = "a".repeat(line - "GET / HTTP/1.1\r\n".len());
        assert_eq!(refusal(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n")), status, "{line}");
    }
    for (line, status) in [(8192, 0), (8193, 494)] {
        let value = "a".repeat(line - "X: \r\n".len());
        assert_eq!(refusal(with_fields(&format!("X: {value}\r\n"))), status, "{line}");
    }
    assert_eq!(refusal(with_fields(&"X-A: b\r\n".repeat(20_000))), 494);
    assert_eq!(refusal(with_fields(&"X-A: b\r\n".repeat(1_001))), 494);
    assert_eq!(refusal(with_fields(&"X-A: b\r\n".repeat(999))), 0);
    assert_eq!(refusal(with_fields(&"X".repeat(2_000_000))), 494);
    let mut head = RequestHead::default();
    let endless = [b'A'; 9000];
    assert_eq!(head.parse(&endless, &HeadLimits::default()), Err(RequestError::UriTooLong));
}

/// A head as it was understood, for comparison.
fn outcome(head: &RequestHead, result: Result<Progress, RequestError>) -> String {
    match result {
        Ok(Progress::Complete) => {
            format!("{:?}", RequestHead { scan: HeadScan::default(), ..head.clone() })
        }
        other => format!("{other:?}"),
    }
}

/// Feeds `bytes` in pieces of `step` and stops where a connection would.
fn fed(bytes: &[u8], step: usize) -> String {
    let mut head = RequestHead::default();
    let mut end = 0;
    loop {
        end = (end + step).min(bytes.len());
        let result = head.parse(&bytes[..end], &HeadLimits::default());
        if result != Ok(Progress::Partial) || end == bytes.len() {
            return outcome(&head, result);
        }
    }
}

#[test]
fn one_byte_at_a_time_means_the_same() {
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    bytes.extend(b"X-Long: abcdefghijklmnopqrstuvwxyz\r\n".repeat(800));
    bytes.extend(b"\r\n");
    let mut head = RequestHead::default();
    for end in 0..bytes.len() {
        assert_eq!(head.parse(&bytes[..end], &HeadLimits::default()), Ok(Progress::Partial));
    }
    assert_eq!(head.parse(&bytes, &HeadLimits::default()), Ok(Progress::Complete));
    assert_eq!(head.headers.len(), 801);
}

fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "GET",
        "POST",
        " ",
        "/",
        "/a?b",
        "HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\r",
        "\n",
        "Host: a\r\n",
        "X: y\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        ":",
        "\0",
        "é",
        "\r\n\r\n",
        "http://h/p",
        "#",
        "_",
        "\t",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes: Vec<u8>) {
        let _ = fed(&bytes, bytes.len().max(1));
    }

    #[test]
    fn pieces_mean_the_same_as_the_whole(pieces in prop::collection::vec(piece(), 0..16), step in 1usize..9) {
        let bytes = pieces.concat().into_bytes();
        let whole = fed(&bytes, bytes.len().max(1));
        let split = fed(&bytes, step);
        // An error may show earlier in pieces (its kind may differ when there are two), never later or not at all.
        let accepted = |s: &str| s.starts_with("RequestHead") || s == "Ok(Partial)";
        if accepted(&whole) || accepted(&split) {
            prop_assert_eq!(whole, split);
        }
    }

    #[test]
    fn what_is_accepted_is_plain(pieces in prop::collection::vec(piece(), 0..16)) {
        let bytes = [b"POST / HTTP/1.1\r\nHost: h\r\n", pieces.concat().as_bytes(), b"\r\n\r\n"].concat();
        let mut head = RequestHead::default();
        if head.parse(&bytes, &HeadLimits::default()) == Ok(Progress::Complete) {
            for field in &head.headers {
                prop_assert!(!field.name.is_empty());
                prop_assert!(field.name.of(&bytes).iter().all(|b| super::super::is_token_byte(*b)));
                prop_assert!(field.value.of(&bytes).iter().all(|b| super::super::is_value_byte(*b)));
            }
            prop_assert!(head.target.of(&bytes).iter().all(|b| *b > b' ' && *b != 0x7f && *b != b'#'));
            prop_assert!(head.framing != BodyFraming::UntilClose);
            prop_assert!(head.len <= bytes.len());
        }
    }
}
