//! What becomes of HTTP/2 on its way to an application that speaks HTTP/1.1 ("HTTP/2 downgrading", PortSwigger 2021): fields and
//! pseudo-fields that are fine in a frame and a weapon in a line. The frames are written by hand, as no library would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{CONF, Case, Range, Reaches, all_hold, case, judge_requests};
use crate::support::oracle;

type Fields<'f> = &'f [(&'f str, &'f str)];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const GET: Fields<'_> =
    &[(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/h2")];
const POST: Fields<'_> =
    &[(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/h2")];
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// HPACK (RFC 7541 6.2.2): literals without indexing, nothing compressed. Characters up to U+00FF are single bytes.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            let bytes = super::client_cases::latin1(text);
            match u8::try_from(bytes.len()) {
                Ok(len @ 0..127) => out.push(len),
                _ => {
                    let mut rest = bytes.len() - 127;
                    out.push(127);
                    while rest >= 128 {
                        out.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    out.push(u8::try_from(rest).unwrap());
                }
            }
            out.extend(bytes);
        }
    }
    out
}

/// One request on a connection of its own: a head, a body and trailers, as far as there are any.
fn request(fields: &[(&str, &str)], body: Option<&str>, trailers: Fields<'_>) -> Vec<u8> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(SETTINGS, 0, 0, &[]));
    let ends = |is_last: bool| if is_last { END_STREAM } else { 0 };
    let head_ends = body.is_none() && trailers.is_empty();
    out.extend(frame(HEADERS, END_HEADERS | ends(head_ends), 1, &block(fields)));
    if let Some(body) = body {
        out.extend(frame(DATA, ends(trailers.is_empty()), 1, body.as_bytes()));
    }
    if !trailers.is_empty() {
        out.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailers)));
    }
    out
}

/// Waits until the stream is answered or reset, or the connection ends.
fn settled(stream: &mut TcpStream) -> Result<(), String> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut head = [0; 9];
    loop {
        match stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {
                return Err("no answer, no reset, no close".to_owned());
            }
            Err(_) => return Ok(()),
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).is_err() {
            return Ok(());
        }
        let on_stream = head[5..] == [0, 0, 0, 1];
        match head[3] {
            RST_STREAM if on_stream => return Ok(()),
            GOAWAY => return Ok(()),
            HEADERS | DATA if on_stream && head[4] & END_STREAM != 0 => return Ok(()),
            _ => {}
        }
    }
}

/// A range whose first port speaks HTTP/2, too.
fn http2() -> Range {
    Range::with(&CONF.replace("listen {{port}};", "listen {{port}}; http2 on;"))
}

/// Sends one and judges what reached the application. HTTP/2 is this server's own, whatever nginx would do.
fn run(range: &Range, case: &Case) -> Result<(), String> {
    let before = range.origin.requests().len();
    let mut stream = TcpStream::connect(range.server.address_of("port")).unwrap();
    stream.write_all(&case.bytes).unwrap();
    settled(&mut stream)?;
    drop(stream);
    judge_requests(case, &range.origin.requests().split_off(before))?;
    range.canary()
}

/// `GET` with these fields instead of those of the same name, or besides.
fn with(fields: Fields<'_>) -> Vec<u8> {
    request(&changed(GET, fields), None, &[])
}

fn changed<'f>(base: Fields<'f>, fields: Fields<'f>) -> Vec<(&'f str, &'f str)> {
    let kept = |(name, _): &&(&str, &str)| !fields.iter().any(|(other, _)| name == other);
    base.iter().filter(kept).chain(fields).copied().collect()
}

/// Every case; what is refused reaches the application in no form.
pub(super) fn cases() -> Vec<Case> {
    let refused = |name: &str, bytes: Vec<u8>, by: &str| case(name, bytes, &[]).by(by);
    let field = |name: &str, fields: Fields<'_>, by: &str| refused(name, with(fields), by);
    let post = |name: &str, fields: Fields<'_>, body: &str, by: &str| {
        refused(name, request(&changed(POST, fields), Some(body), &[]), by)
    };
    let trailer =
        |name: &str, trailers: Fields<'_>, by: &str| refused(name, request(POST, Some("body"), trailers), by);
    vec![
        post(
            "a length below the body's",
            &[("content-length", "4")],
            "bodyGET",
            "H2.CL: RFC 9113 8.1.1; CVE-2021-21295 (Netty)",
        ),
        post("a length above the body's", &[("content-length", "44")], "body", "RFC 9113 8.1.1"),
        post("two lengths", &[("content-length", "4"), ("content-length", "5")], "body", "RFC 9110 8.6"),
        post("a signed length", &[("content-length", "+4")], "body", "RFC 9110 8.6"),
        post(
            "a coding",
            &[("transfer-encoding", "chunked")],
            "0\r\n\r\n",
            "H2.TE: RFC 9113 8.2.2; PortSwigger 2021",
        ),
        post(
            "a coding and a length",
            &[("transfer-encoding", "chunked"), ("content-length", "5")],
            "0\r\n\r\n",
            "H2.TE: RFC 9113 8.2.2",
        ),
        field("an option of the connection", &[("connection", "transfer-encoding")], "RFC 9113 8.2.2"),
        field("an upgrade", &[("upgrade", "h2c")], "RFC 9113 8.2.2; Bishop Fox 2020"),
        field("Keep-Alive", &[("keep-alive", "timeout=5")], "RFC 9113 8.2.2"),
        field("Proxy-Connection", &[("proxy-connection", "keep-alive")], "RFC 9113 8.2.2"),
        field("TE other than trailers", &[("te", "chunked")], "RFC 9113 8.2.2"),
        field("a line end in a value", &[("x-a", "b\r\nX-Evil: 1")], "RFC 9113 8.2.1; PortSwigger 2021"),
        field(
            "a coding behind a line end in a value",
            &[("x-a", "b\r\nTransfer-Encoding: chunked")],
            "PortSwigger 2021: request header injection",
        ),
        field(
            "a whole request in a value",
            &[("x-a", "b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x")],
            "PortSwigger 2021: request splitting",
        ),
        field("an LF in a value", &[("x-a", "b\nX-Evil: 1")], "RFC 9113 8.2.1"),
        field("a CR in a value", &[("x-a", "b\rX-Evil: 1")], "RFC 9113 8.2.1"),
        field("a NUL in a value", &[("x-a", "b\0")], "RFC 9113 8.2.1"),
        field("a line end in a name", &[("x-a: b\r\nx-evil", "1")], "RFC 9113 8.2.1; PortSwigger 2021"),
        field("a colon in a name", &[("transfer-encoding: chunked\u{0}x", "1")], "RFC 9113 8.2.1"),
        field("a colon at the end of a name", &[("x-a:", "b")], "RFC 9113 8.2.1"),
        field("a space in a name", &[("x a", "b")], "RFC 9113 8.2.1"),
        field("a name in capitals", &[("X-Evil", "1")], "RFC 9113 8.2"),
        field("an empty name", &[("", "b")], "RFC 9113 8.2.1; CVE-2023-25725 (HAProxy)"),
        field("a name above ASCII", &[("x-\u{e9}", "b")], "RFC 9113 8.2.1"),
        field(
            "a target with a line end",
            &[(":path", "/ HTTP/1.1\r\nX-Evil: 1\r\nX: y")],
            "RFC 9113 8.3.1; CVE-2022-45060 (Varnish)",
        ),
        field(
            "a target with a space",
            &[(":path", "/a HTTP/1.1 /b")],
            "RFC 9113 8.3.1; CVE-2022-45060 (Varnish)",
        ),
        field("a target with a tab", &[(":path", "/a\tb")], "RFC 9113 8.3.1"),
        field("an absolute target", &[(":path", "http://evil.test/")], "RFC 9113 8.3.1"),
        field("a target without its slash", &[(":path", "x")], "RFC 9113 8.3.1"),
        field("an empty target", &[(":path", "")], "RFC 9113 8.3.1; CVE-2022-45060 (Varnish)"),
        field("a target that climbs", &[(":path", "/../../x")], "RFC 3986 5.2.4"),
        refused("two targets", request(&[GET, &[(":path", "/other")]].concat(), None, &[]), "RFC 9113 8.3"),
        refused("no target", request(&GET[..3], None, &[]), "RFC 9113 8.3.1"),
        field(
            "a method with a line end",
            &[(":method", "GET / HTTP/1.1\r\nX-Evil: 1\r\nX: ")],
            "CVE-2021-33193 (Apache httpd)",
        ),
        field(
            "a method with a space",
            &[(":method", "GET /admin HTTP/1.1 ")],
            "CVE-2021-33193 (Apache httpd)",
        ),
        field("an empty method", &[(":method", "")], "RFC 9110 9.1"),
        field("an authority with a line end", &[(":authority", "x\r\nX-Evil: 1")], "PortSwigger 2021"),
        field("an authority with a path", &[(":authority", "localhost/x")], "RFC 9113 8.3.1"),
        field("an authority with a space", &[(":authority", "local host")], "RFC 9113 8.3.1"),
        field("an authority with userinfo", &[(":authority", "u@localhost")], "RFC 9113 8.3.1"),
        field("an authority and another Host", &[("host", "evil.test")], "RFC 9113 8.3.1"),
        field(
            "a scheme with a line end",
            &[(":scheme", "http://x\r\nX-Evil: 1")],
            "PortSwigger 2021: the scheme as a prefix",
        ),
        field("a pseudo-field that is none", &[(":evil", "1")], "RFC 9113 8.3"),
        refused(
            "a pseudo-field behind a field",
            request(&[&[("x-a", "b")], GET].concat(), None, &[]),
            "RFC 9113 8.3",
        ),
        field("a status", &[(":status", "200")], "RFC 9113 8.3"),
        field(
            "a cookie with a line end in a piece",
            &[("cookie", "a=b"), ("cookie", "c\r\nX-Evil: 1")],
            "RFC 9113 8.2.3",
        ),
        refused(
            "CONNECT",
            request(&[(":method", "CONNECT"), (":authority", "localhost:80")], None, &[]),
            "RFC 9113 8.5",
        ),
        field("TRACE", &[(":method", "TRACE")], "RFC 9110 9.3.8"),
        trailer("a pseudo-field in the trailers", &[(":path", "/other")], "RFC 9113 8.1")
            .clean()
            .not("/other"),
        trailer("a line end in a trailer", &[("x-t", "y\r\nX-Evil: 1")], "RFC 9113 8.2.1"),
        field("a field of the proxy's", &[("x-real-ip", "6.6.6.6")], "RFC 7239 8.1").clean().not("6\\.6\\.6"),
        field("an underscore", &[("x_real_ip", "6.6.6.6")], "WSGI: HTTP_X_REAL_IP").clean().not("6\\.6\\.6"),
        field("httpoxy", &[("proxy", "http://evil.test/")], "CVE-2016-5385").clean().not("evil"),
        field("cookies in pieces", &[("cookie", "a=b"), ("cookie", "c=d")], "RFC 9113 8.2.3")
            .clean()
            .has("(?im)^cookie: a=b; c=d$"),
        field("TE: trailers", &[("te", "trailers")], "RFC 9113 8.2.2").clean().not("(?im)^te:"),
        post("a body without a length", &[], SMUGGLED, "RFC 9113 8.1")
            .clean()
            .has("(?im)^(content-length: 43|transfer-encoding: chunked)"),
        post("a body with its length", &[("content-length", "43")], SMUGGLED, "RFC 9113 8.1.1")
            .clean()
            .has("(?im)^content-length: 43"),
        post(
            "chunks in a body",
            &[],
            "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
            "PortSwigger 2021",
        )
        .clean()
        .requests(1),
        trailer("a length in the trailers", &[("content-length", "40")], "RFC 9110 6.5.1").clean().not("40"),
    ]
}

#[test]
fn http2_becomes_one_clean_request_or_none() {
    if oracle().is_some() {
        return;
    }
    let cases = cases();
    assert!(cases.iter().filter(|case| case.reaches == Reaches::Nothing).count() >= 45);
    let range = http2();
    all_hold(&cases, |case| run(&range, case));
}

/// That there is more than nothing shows only when it comes: the request may have gone on by then, as one without a body.
#[test]
fn a_length_of_zero_and_a_request_in_the_body() {
    if oracle().is_some() {
        return;
    }
    let fields = changed(POST, &[("content-length", "0")]);
    let case = case("H2.CL", request(&fields, Some(SMUGGLED), &[]), &[]);
    let case = case
        .by("RFC 9113 8.1.1; PortSwigger 2021")
        .clean()
        .requests(1)
        .not("smuggled|(?i)content-length: [1-9]");
    let range = http2();
    run(&range, &case).unwrap();
    let next = |range: &Range| assert_eq!(range.server.get("/next").text(), "answer");
    (0..5).for_each(|_| next(&range));
    let targets: Vec<String> = range.origin.requests().iter().map(|request| request.target()).collect();
    assert!(targets.iter().filter(|target| *target != "/next").all(|target| target == "/h2"), "{targets:?}");
}
