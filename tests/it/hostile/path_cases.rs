//! Paths that want out, ranges that overflow, bodies that nobody reads.

use super::{CLOSED, Case, case, under};

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn ranged(range: &str) -> String {
    format!("GET /static/r.bin HTTP/1.1\r\nHost: localhost\r\nRange: {range}\r\nConnection: close\r\n\r\n")
}

/// Every way out of a folder that is known.
pub(super) fn paths() -> Vec<Case> {
    let kept = |target: &str| case(&format!("path {target:.60}"), get(target), &[400, 403, 404, CLOSED]);
    let mut cases = vec![
        kept("/static/../secret.txt"),
        kept("/static/../../secret.txt"),
        kept("/static/%2e%2e/secret.txt"),
        kept("/static/.%2e/%2e./secret.txt"),
        kept("/static/%2e%2e%2fsecret.txt"),
        kept("/static/..%2f..%2fsecret.txt"),
        kept("/static/..%5c..%5csecret.txt"),
        kept("/static/..\\..\\secret.txt"),
        kept("/static/%252e%252e/secret.txt"),
        kept("/static/%c0%ae%c0%ae/secret.txt"),
        kept("/static/%e0%80%ae%e0%80%ae/secret.txt"),
        kept("/static/%uff0e%uff0e/secret.txt"),
        kept("/static/a.css%00/../../secret.txt"),
        kept("/static/%00"),
        kept("/static/a.css%00.html"),
        kept("/static/.../secret.txt"),
        kept("/static/....//secret.txt"),
        kept("/static/..;/secret.txt"),
        kept("/static/./.././secret.txt"),
        kept("/static//..//..//secret.txt"),
        kept("/static/..?/secret.txt"),
        kept("/static/%zz"),
        kept("/static/%"),
        kept("/static/%2"),
        kept("/static../secret.txt"),
        kept("/static..%2fsecret.txt"),
        kept("/static%2f..%2fsecret.txt"),
        kept("/../secret.txt"),
        kept("/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        kept("http://localhost/static/../../secret.txt"),
        kept("//static/../secret.txt"),
        kept(&format!("/static/{}secret.txt", "../".repeat(60))),
        kept(&format!("/static/{}etc/passwd", "%2e%2e/".repeat(60))),
        kept("/loose../secret.txt").stricter(),
        kept("/loose../../secret.txt"),
        kept("/loose..%2fsecret.txt").stricter(),
        kept("/loose%2e%2e/secret.txt").stricter(),
        kept("/loose/../secret.txt"),
    ];
    cases.push(case("a query that looks like a path", get("/static/a.css?/../../secret.txt"), &[200]));
    cases.push(case("the loose folder itself", get("/loose/l.txt"), &[200]));
    // The target comes back in a header: it must not become one.
    for target in [
        "/redir/%0d%0aX-Evil:%201",
        "/redir2/%0d%0aX-Evil:%201",
        "/redir2/%0aX-Evil:%201",
        "/redir2/%0d%0a%0d%0a<p>evil",
    ] {
        let mut split = case(&format!("splitting by {target}"), get(target), &[302, 400])
            .never(r"(?im)^x-evil|\r\n<p>evil")
            .answers(1);
        split.stricter = target.starts_with("/redir2");
        cases.push(split);
    }
    under("RFC 3986 5.2.4, CVE-2021-41773 (Apache httpd)", cases)
}

/// RFC 9110 14; the answer never exceeds a few times the file.
pub(super) fn ranges() -> Vec<Case> {
    let bounded = |range: &str| {
        let mut c = case(&format!("range {range:.60}"), ranged(range), &[200, 206, 416]);
        c.max_bytes = 250_000;
        c
    };
    let mut cases: Vec<Case> = [
        "bytes=-17208,-9223372036854758792",
        "bytes=0-,-9223372036854775808",
        "bytes=9223372036854775807-",
        "bytes=18446744073709551615-18446744073709551616",
        "bytes=99999999999999999999999999-",
        "bytes=10-5",
        "bytes=999999-",
        "bytes=-0",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-0-0",
        "bytes=--5",
        "bytes=0x0-0x5",
        "bytes",
        "lines=1-2",
        "bytes=0-99999999999999999999",
    ]
    .iter()
    .map(|range| bounded(range))
    .collect();
    cases.push(bounded(&format!("bytes={}", "0-,".repeat(1000))));
    cases.push(bounded(&format!("bytes={}0-0", "0-0,".repeat(1000))));
    cases.push(bounded(&format!("bytes={}", (0..700).map(|i| format!("{i}-{i},")).collect::<String>())));
    under("RFC 9110 14, CVE-2017-7529 (nginx)", cases)
}

/// A body that the handler does not want is no request.
pub(super) fn bodies() -> Vec<Case> {
    let inner = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    under("RFC 9112 6.3, CVE-2019-20372 (nginx)", vec![
        case(
            "a body with a request for a file",
            format!("GET /static/a.css HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
            &[200, 400],
        )
        .answers(1),
        case(
            "a chunked body with a request for a file",
            format!("GET /static/a.css HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len()),
            &[200, 400],
        )
        .answers(1),
        case(
            "a body with a request to a redirect",
            format!("POST /redir/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
            &[302],
        )
        .answers(1),
        case(
            "a body with a request to nowhere",
            format!("POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
            &[404, 405],
        )
        .answers(1),
        case(
            "a body that is too large and holds a request",
            format!("POST /redir/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n{inner}"),
            &[413],
        )
        .answers(1),
    ])
}
