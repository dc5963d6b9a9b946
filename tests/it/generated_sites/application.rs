//! The application behind a generated site: it answers with what it was asked, under a head that the target chooses,
//! so that both programs get the same answer to the same question.

use crate::support::{Origin, OriginConnection, Received};

/// Starts it.
pub fn start() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            if !answer(connection, &request) {
                return;
            }
        }
    })
}

/// What it was asked, without what is known to differ: nginx asks with HTTP/1.0 and `Connection: close` unless told
/// otherwise (`differences::KEPT_ALIVE`).
fn asked(request: &Received) -> String {
    request.text().replacen(" HTTP/1.0\n", " HTTP/1.1\n", 1).replacen("Connection: close\n", "", 1)
}

/// Answers one request; whether the connection goes on.
fn answer(connection: &mut OriginConnection, request: &Received) -> bool {
    let line = request.line();
    let old = line.ends_with(" HTTP/1.0");
    let target = request.target();
    // The choice depends on the target's letters alone.
    let choice = target.bytes().fold(7usize, |sum, byte| (sum * 31 + usize::from(byte)) % 1_000_003);
    let status = match choice % 23 {
        0 => "404 Not Here",
        1 => "302 Found",
        2 => "500 Oops",
        3 => "201 Created",
        4 => "403 Forbidden",
        5 => "204 No Content",
        6 => "304 Not Modified",
        7 => "503 Service Unavailable",
        8 => "401 Unauthorized",
        9 => "301 Moved Permanently",
        10 => "206 Partial Content",
        _ => "200 OK",
    };
    let mut head = format!("HTTP/1.1 {status}\r\nServer: app\r\n");
    const FIELDS: [&str; 27] = [
        "Location: http://{host}/base/there?x\r\n",
        "Location: /p3/relative\r\n",
        "Location: https://other.test/x\r\n",
        "Refresh: 3; url=/p3/x\r\n",
        "ETag: \"app\"\r\n",
        "ETag: W/\"weak\"\r\n",
        "Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\n",
        "Cache-Control: no-store\r\n",
        "Set-Cookie: a=1; path=/base/; domain=app.test\r\nSet-Cookie: b=2; Secure; Path=/\r\n",
        "X-App: yes\r\n",
        "X-Powered-By: app\r\n",
        "X-Accel-Buffering: no\r\n",
        "X-Accel-Redirect: /internal/a.txt\r\n",
        "X-Accel-Redirect: @named\r\n",
        "X-Accel-Expires: 10\r\n",
        "Vary: Cookie\r\n",
        "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n",
        "Accept-Ranges: bytes\r\n",
        "Content-Disposition: attachment\r\n",
        "WWW-Authenticate: Basic realm=x\r\n",
        "Content-Language: en\r\n",
        "Link: </a.css>; rel=preload\r\n",
        "Keep-Alive: timeout=2\r\n",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "X-Empty:\r\n",
        "Content-Encoding: br\r\n",
        "Pragma: no-cache\r\n",
    ];
    let kind = match choice / 23 % 6 {
        0 => "Content-Type: text/html; charset=utf-8\r\n",
        1 => "Content-Type: text/html\r\n",
        2 => "Content-Type: application/json\r\n",
        3 => "",
        4 => "Content-Type: text/css\r\n",
        _ => "Content-Type: text/plain\r\n",
    };
    head += kind;
    for step in 0..choice / 138 % 4 {
        let field = FIELDS[choice / (140 + step * 53) % FIELDS.len()];
        let name = &field[..=field.find(':').unwrap_or(0)];
        if !head.contains(&format!("\r\n{name}")) {
            head += &field.replace("{host}", &request.header("host").unwrap_or_default());
        }
    }
    let mut body = asked(request);
    if choice.is_multiple_of(5) {
        body = format!(
            "<html><head></head><body>\n<!--#echo var=\"uri\" -->word {}</body></html>\n",
            "x".repeat(choice % 300)
        );
    }
    let bodiless = ["204", "304"].iter().any(|code| status.starts_with(code));
    if bodiless || line.starts_with("HEAD ") {
        return connection.send(head + "\r\n") && !old;
    }
    if choice.is_multiple_of(3) && !old {
        head += "Transfer-Encoding: chunked\r\n\r\n";
        for part in body.as_bytes().chunks(401) {
            head += &format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part));
        }
        return connection.send(head + "0\r\n\r\n");
    }
    connection.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())) && !old
}
