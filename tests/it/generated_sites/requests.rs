//! Requests for a generated site.

use super::site::Site;
use crate::differential::Draw;
use crate::support::MODIFIED;

const PARTS: [&str; 43] = [
    "a.txt",
    "b.html",
    "b",
    "style.css",
    "page.shtml",
    "big.txt",
    "data.json",
    "sub",
    "sub/",
    "sub/a.txt",
    "in/",
    "in/a.txt",
    "in/style.css",
    "sp%20ace.txt",
    "empty.txt",
    "caf%C3%A9.txt",
    "noext",
    "x.php",
    "X.PHP",
    "none",
    "none.txt",
    "/",
    ".",
    "..",
    "../",
    "./",
    "%2e%2e/",
    "%20",
    "%2F",
    "a%2etxt",
    "~",
    "a;b=c",
    "A.TXT",
    "%41",
    "+",
    "a:b",
    "%25",
    "&",
    "a%3Fb",
    "%C3",
    "index.html",
    "file.gz",
    "\"",
];

const QUERIES: [&str; 22] = [
    "x=1",
    "x=a",
    "x=yes",
    "x=%20y&z",
    "a/../b",
    "x=1&x=2",
    "?",
    "q=%C3%A9",
    "x",
    "",
    "x=p3",
    "x=~",
    "x=a%20b",
    "X=1",
    "ip=10.1.2.3",
    "ip=1.2.3.4",
    "ip=::1",
    "ip=garbage",
    "y=1h&x=1",
    "x=epoch&y=max",
    "x=p3&ip=192.168.1.1",
    "a=1&x=a.txt",
];

const FIELDS: [&str; 47] = [
    "Range: bytes=0-3",
    "Range: bytes=-4",
    "Range: bytes=2-",
    "Range: bytes=9999-",
    "Range: bytes=0-0,2-3",
    "Range: bytes=5-2",
    "Range: lines=1",
    "If-None-Match: {etag}",
    "If-None-Match: *",
    "If-None-Match: W/{etag}, \"x\"",
    "If-None-Match: \"x\"",
    "If-Match: {etag}",
    "If-Match: \"x\"",
    "If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
    "If-Modified-Since: Wed, 03 Jan 2024 03:04:05 GMT",
    "If-Modified-Since: Tue, 02 Jan 2020 03:04:05 GMT",
    "If-Modified-Since: rubbish",
    "If-Unmodified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
    "If-Unmodified-Since: Tue, 02 Jan 2020 03:04:05 GMT",
    "If-Range: {etag}",
    "If-Range: Tue, 02 Jan 2024 03:04:05 GMT",
    "If-Range: \"x\"",
    "X-Forwarded-For: 1.2.3.4",
    "X-Forwarded-For: 1.2.3.9, 127.0.0.1",
    "X-Forwarded-For: garbage",
    "X-Real-IP: 10.0.0.9",
    "User-Agent: agent \"quoted\" \\x",
    "Accept-Encoding: gzip",
    "Accept-Encoding: gzip",
    "Accept-Encoding: gzip;q=0, br",
    "Accept-Encoding: *",
    "Accept-Encoding: deflate, gzip;q=0.5",
    "Cookie: a=b; c=d",
    "Cookie: c=d;a=\"x y\"",
    "X_Under: x",
    "Upgrade: websocket",
    "Referer: http://site0.test/x",
    "Referer: http://a.dot.test",
    "Referer: https://www.google.com/search",
    "Referer: nonsense",
    "Referer: http://other.test/x/y",
    "Authorization: Basic dXNlcjpwYXNz",
    "Authorization: Basic dXNlcjp3cm9uZw==",
    "Authorization: Bearer x",
    "Via: 1.1 proxy",
    "Content-Type: text/x",
    "Accept: */*",
];

/// One request, and what decides how its answer is read.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub bytes: Vec<u8>,
}

impl Request {
    /// A connection kept behind a 412 is a listed difference: nothing can follow this one.
    pub fn may_be_412(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        text.contains("If-Match") || text.contains("If-Unmodified")
    }
}

/// Draws one; `case` is the name under which it is found in the access log.
pub fn request(draw: &mut Draw, site: &Site, case: usize) -> Request {
    let method = draw
        .of(&["GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);
    let version = draw.of(&["1.1", "1.1", "1.1", "1.1", "1.1", "1.0"]);
    let host = draw.next(site.hosts.len());
    let mut target = target(draw, site);
    if draw.next(40) == 0 {
        target = format!("http://{}{target}", site.hosts[draw.next(site.hosts.len())]);
    }
    let mut head =
        format!("{method} {target} HTTP/{version}\r\nHost: {}\r\nX-Case: {case}\r\n", site.hosts[host]);
    for _ in 0..draw.next(4) {
        let field = draw.of(&FIELDS);
        // Two of a name are told apart in cases of their own (differences::JOINED).
        let name = &field[..=field.find(':').unwrap_or(0)];
        if !head.contains(&format!("\r\n{name}")) {
            let etag = format!("\"{MODIFIED:x}-{}\"", draw.of(&["14", "5", "8"]));
            head += &field.replace("{etag}", &etag);
            head += "\r\n";
        }
    }
    match draw.next(12) {
        0 => head += "Connection: close\r\n",
        1 => head += "Connection: keep-alive\r\n",
        _ => {}
    }
    let body = "body=1&x".repeat([0, 1, 2, 100, 256, 257][draw.next(6)]);
    match (method, draw.next(3)) {
        ("POST" | "PUT" | "PATCH", 0) if version == "1.1" => {
            let chunks =
                if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) };
            head += &format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
        }
        ("POST" | "PUT" | "PATCH", _) => head += &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        _ => head += "\r\n",
    }
    Request { method: method.to_owned(), bytes: head.into_bytes() }
}

fn target(draw: &mut Draw, site: &Site) -> String {
    let mut target = match draw.next(20) {
        0 => "/".to_owned(),
        1 => draw
            .of(&["/secret/a.txt", "/internal/a.txt", "/referers", "/404.html", "/50x.html", "/err/"])
            .to_owned(),
        _ => site.targets[draw.next(site.targets.len())].clone(),
    };
    for _ in 0..[0, 0, 1, 1, 1, 2, 3][draw.next(7)] {
        target += draw.of(&PARTS);
    }
    if draw.next(30) == 0 {
        target.insert(0, '/');
    }
    if draw.next(3) == 0 {
        target += "?";
        target += draw.of(&QUERIES);
    }
    target
}
