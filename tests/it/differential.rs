//! Requests drawn at random, by a seed: ringx and nginx must answer them alike, and ask the application alike.
//!
//! With `ORACLE` set both run side by side and every answer is compared. Without it ringx alone must answer each of
//! them completely. `SEED=n` draws others, `ROUNDS=n` more.

use std::sync::{Arc, Mutex};

use crate::support::{Client, Origin, Server, oracle};

/// Without the version both names are five letters long, so that the sizes in the log can be compared too.
const CONF: &str = r#"
server_tokens off;
log_format all '$request|$status|$body_bytes_sent|$bytes_sent|$request_length|$uri|$args|$server_name|$host|$upstream_status|'
    '$upstream_response_length|$sent_http_content_type|$sent_http_location|$http_user_agent|$connection_requests';
access_log {{dir}}/all.log all;
types { text/html html; text/css css; text/plain txt; }
default_type application/octet-stream;
client_max_body_size 2k;
upstream group { server {{app}}; }
server { listen {{port}} default_server; server_name site.test *.wild.test;
    root {{root}}; index index.html;
    error_page 404 /404.html;
    error_page 403 = @forbidden;
    location = /exact { return 200 "exact $uri $args"; }
    location /static/ { alias {{root}}/files/; }
    location ^~ /stop/ { alias {{root}}/; autoindex on; }
    location /app/ { proxy_pass http://{{app}}; }
    location /uri/ { proxy_pass http://{{app}}/base/; proxy_set_header Host $host; proxy_set_header X-Fwd $proxy_add_x_forwarded_for; }
    location /group { proxy_pass http://group/; }
    location ~ \.(php|cgi)$ { proxy_pass http://{{app}}; }
    location ~* ^/cap/([a-z]+)/(?<rest>.*)$ { return 200 "$1|$rest|$request_uri|$arg_x|$http_range"; }
    location /try/ { try_files $uri $uri.html $uri/ /files$uri @fallback; }
    location /code/ { return 403; }
    location /redir/ { return 301 /exact?from=$uri; }
    location /limit/ { client_max_body_size 10; return 200 ok; }
    location /internal/ { internal; }
    location @fallback { return 200 "fallback $uri"; }
    location @forbidden { return 403 "no $uri"; }
    location /nest/ { location /nest/in/ { return 200 "in"; } location ~ \.css$ { return 200 "css in nest"; } return 200 "nest"; }
}
server { listen {{port}}; server_name other.test ~^re-(?<name>\w+)\.test$;
    location / { return 200 "other $host $server_name $name $uri $args"; }
}
"#;

/// A small generator of numbers (xorshift64): the same seed draws the same requests.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    pub fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.next(choices.len())]
    }

    fn target(&mut self) -> String {
        let first = [
            "/",
            "/exact",
            "/static/",
            "/stop/",
            "/app/",
            "/uri/",
            "/group",
            "/cap/",
            "/try/",
            "/code/",
            "/redir/",
            "/limit/",
            "/internal/",
            "/nest/",
            "/nest/in/",
            "/files/",
            "/a.txt",
            "/index.html",
            "/app",
            "/uri",
            "/static",
            "/x.php",
            "/404.html",
        ];
        let part = [
            "a.txt",
            "b.html",
            "b",
            "sub",
            "sub/",
            "/",
            ".",
            "..",
            "../",
            "./",
            "%2e%2e/",
            "%20",
            "%2F",
            "a%2etxt",
            "style.css",
            "x.php",
            "caf%C3%A9",
            "~",
            "a;b=c",
            "A.TXT",
            "%41",
            "+",
            "a:b",
            "empty.txt",
            "no",
            "%25",
            "&",
            "a%3Fb",
            "%C3",
            "x.cgi",
            "sp%20ace.txt",
        ];
        let mut target = self.of(&first).to_owned();
        for _ in 0..self.next(4) {
            target += self.of(&part);
        }
        if self.next(3) == 0 {
            target += "?";
            target += self.of(&["", "x=1", "x=%20y&z", "a/../b", "x=1&x=2", "?", "q=%C3%A9", "x"]);
        }
        target
    }

    fn request(&mut self) -> Vec<u8> {
        let method =
            self.of(&["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);
        let host = self.of(&[
            "site.test",
            "SITE.test:81",
            "a.wild.test",
            "other.test",
            "re-joe.test",
            "unknown",
            "127.0.0.1",
            "other.test.",
        ]);
        let target = self.target();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for _ in 0..self.next(3) {
            let line = self.of(&[
                "Range: bytes=0-3\r\n",
                "Range: bytes=-4\r\n",
                "Range: bytes=2-\r\n",
                "Range: bytes=99-\r\n",
                "Range: bytes=0-0,2-3\r\n",
                "If-None-Match: \"65937d25-14\"\r\n",
                "If-None-Match: *\r\n",
                "If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT\r\n",
                "If-Modified-Since: Tue, 02 Jan 2020 03:04:05 GMT\r\n",
                "If-Unmodified-Since: Tue, 02 Jan 2020 03:04:05 GMT\r\n",
                "If-Match: \"x\"\r\n",
                "If-Range: \"65937d25-14\"\r\n",
                "X-Forwarded-For: 1.2.3.4\r\n",
                "User-Agent: agent\r\n",
                "Accept-Encoding: gzip\r\n",
                "Cookie: a=b\r\n",
                "X_Under: x\r\n",
                "Upgrade: websocket\r\n",
                "Connection: close\r\n",
            ]);
            // Two of a name are told apart in cases of their own (differences::JOINED).
            let name = &line[..=line.find(':').unwrap()];
            if !head.contains(&format!("\r\n{name}")) {
                head += line;
            }
        }
        let body = "x".repeat(*[0, 1, 9, 11, 2048, 2049].get(self.next(6)).unwrap());
        // nginx looks at the size again for the error page of an internal location, but not of other ones.
        let body = if target.starts_with("/internal") { String::new() } else { body };
        match (method, self.next(3)) {
            ("POST" | "PUT" | "PATCH", 0) => {
                head += &format!("Transfer-Encoding: chunked\r\n\r\n{}", chunked(&body));
            }
            ("POST" | "PUT" | "PATCH", _) => head += &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
            _ => head += "\r\n",
        }
        head.into_bytes()
    }
}

fn chunked(body: &str) -> String {
    if body.is_empty() { "0\r\n\r\n".to_owned() } else { format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()) }
}

impl Draw {
    /// What an application may answer; whether it closes behind it.
    fn answer(&mut self) -> (Vec<u8>, bool) {
        let version = self.of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]);
        let status = self.of(&[
            "200 OK",
            "200 OK",
            "200 OK",
            "200",
            "201 Created",
            "204 No Content",
            "206 Partial Content",
            "301 Moved Permanently",
            "302 Found",
            "304 Not Modified",
            "400 Bad Request",
            "401 Unauthorized",
            "403 Forbidden",
            "404 Not Found",
            "500 Oops",
            "503 Service Unavailable",
            "299 X",
        ]);
        let mut head = format!("{version} {status}\r\n");
        for _ in 0..self.next(5) {
            let line = self.of(&[
                "Content-Type: text/html; charset=utf-8\r\n",
                "Server: gunicorn\r\n",
                "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
                "Location: http://{app}/base/there\r\n",
                "Location: /relative\r\n",
                "Refresh: 3; url=/x\r\n",
                "ETag: \"x\"\r\n",
                "Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\n",
                "Cache-Control: no-store\r\n",
                "X-Accel-Buffering: no\r\n",
                "X-Accel-Expires: 0\r\n",
                "X-Pad: x\r\n",
                "X_Under: y\r\n",
                "x-lower: z\r\n",
                "X-Empty:\r\n",
                "Connection: close\r\n",
                "Connection: keep-alive\r\n",
                "Keep-Alive: timeout=2\r\n",
                "WWW-Authenticate: Basic realm=x\r\n",
                "Content-Encoding: gzip\r\n",
                "Accept-Ranges: bytes\r\n",
                "Vary: Cookie\r\n",
                "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n",
                "Content-Disposition: attachment\r\n",
            ]);
            let name = &line[..=line.find(':').unwrap()];
            if !head.contains(&format!("\r\n{name}")) {
                head += line;
            }
        }
        let bodiless = status.starts_with("204") || status.starts_with("304");
        let size = *[0, 1, 10, 5000, 70_000].get(self.next(5)).unwrap();
        let body: String = if bodiless { String::new() } else { "b".repeat(size) };
        let mut close = head.contains("Connection: close") || version == "HTTP/1.0";
        match self.next(3) {
            _ if bodiless => head += "\r\n",
            0 => head += &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
            1 if version == "HTTP/1.1" => {
                head += "Transfer-Encoding: chunked\r\n\r\n";
                for part in body.as_bytes().chunks(4001) {
                    head += &format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part));
                }
                head += "0\r\n\r\n";
            }
            _ => {
                close = true;
                head += &format!("\r\n{body}");
            }
        }
        (head.into_bytes(), close)
    }
}

const ANSWERS: &str = r#"
server { listen {{port}}; proxy_http_version 1.1;
    location / { proxy_pass http://{{app}}; }
    location /base/ { proxy_pass http://{{app}}/base/; }
    location /unbuffered { proxy_buffering off; proxy_pass http://{{app}}; }
    location /caught { proxy_intercept_errors on; error_page 404 500 503 = @caught; error_page 401 /own; proxy_pass http://{{app}}; }
    location /headers { proxy_hide_header Vary; proxy_pass_header Server; add_header X-Own "$upstream_status $upstream_http_etag"; proxy_pass http://{{app}}; }
    location /small { proxy_buffers 2 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k; proxy_pass http://{{app}}; }
    location @caught { return 200 "caught $upstream_status"; }
    location = /own { return 200 "own page"; }
}
"#;

#[test]
fn random_answers_are_passed_on_alike() {
    let said: Arc<Mutex<(Vec<u8>, bool)>> = Arc::default();
    let start = |nginx: bool| {
        let told = Arc::clone(&said);
        let origin = Origin::start(move |connection| {
            while connection.request().is_some() {
                let (answer, close) = told.lock().unwrap().clone();
                connection.send(answer);
                if close {
                    return;
                }
            }
        });
        let setup = Server::setup().app(&origin);
        (if nginx { setup } else { setup.ringx() }.start(ANSWERS), origin)
    };
    let ringx = start(false);
    let nginx = oracle().map(|_| start(true));
    let mut draw = Draw(number("SEED", 20_240_102).max(1));
    let mut differing = Vec::new();
    for _ in 0..number("ROUNDS", 300) {
        let path = draw.of(&["/", "/base/x", "/unbuffered", "/caught", "/headers", "/small"]);
        let (answer, close) = draw.answer();
        let request = match draw.next(4) {
            0 => format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n"),
            1 => format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            _ => format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        };
        let ask = |(server, origin): &(Server, Origin)| {
            let answer = String::from_utf8_lossy(&answer).replace("{app}", &origin.address.to_string());
            *said.lock().unwrap() = (answer.into_bytes(), close);
            match server.connect().send(&request).response_to("GET") {
                Some(response) => server.text(&response),
                None => "{closed}".to_owned(),
            }
        };
        let ours = ask(&ringx);
        assert!(ours.starts_with("HTTP/1.1 ") && !ours.contains("{incomplete}"), "{ours}");
        if let Some(nginx) = &nginx {
            let theirs = ask(nginx);
            if ours != theirs {
                let shown = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
                differing.push(format!("{request}{shown}\n--- nginx\n{theirs}\n--- ringx\n{ours}"));
            }
        }
    }
    let shown = differing.iter().take(8).cloned().collect::<Vec<_>>().join("\n=======\n");
    assert!(differing.is_empty(), "{} differ:\n{shown}", differing.len());
}

/// One program with an application of its own.
struct Side {
    server: Server,
    origin: Origin,
}

impl Side {
    fn start(nginx: bool) -> Side {
        let origin = Origin::start(|connection| {
            while let Some(request) = connection.request() {
                // The answer depends on nothing but the target, so that it is the same on both sides.
                let status = match request.target().len() % 5 {
                    0 => "404 Not Here",
                    1 => "302 Found",
                    _ => "200 OK",
                };
                let mut answer = format!(
                    "HTTP/1.1 {status}\r\nServer: app\r\nContent-Type: text/plain\r\nLocation: /base/x\r\nX-App: 1\r\nContent-Length: 3\r\n\r\n"
                );
                if !request.line().starts_with("HEAD") {
                    answer += "app";
                }
                if !connection.send(answer) {
                    return;
                }
            }
        });
        let mut setup = Server::setup().app(&origin);
        if !nginx {
            setup = setup.ringx();
        }
        let server = setup
            .file("root/a.txt", "0123456789abcdefghij")
            .file("root/index.html", "<p>index")
            .file("root/404.html", "<p>not here")
            .file("root/b.html", "<p>b")
            .file("root/style.css", "p{}")
            .file("root/sub/index.html", "<p>sub")
            .file("root/sub/a.txt", "sub a")
            .file("root/try/b.html", "<p>try b")
            .file("root/files/a.txt", "0123456789abcdefghij")
            .file("root/files/style.css", "p{}")
            .file("root/files/empty.txt", "")
            .file("root/files/sp ace.txt", "space")
            .file("root/files/sub/b.html", "<p>files b")
            .file("root/files/try/a.txt", "try a")
            .file("root/nest/style.css", "p{}")
            .start(CONF);
        Side { server, origin }
    }

    /// The answer to a request, and what the application was asked.
    fn ask(&self, request: &[u8]) -> String {
        let before = self.origin.requests().len();
        let mut client = Client::connect(self.server.address());
        client.send(request);
        let method = if request.starts_with(b"HEAD") { "HEAD" } else { "GET" };
        let mut text = match client.response_to(method) {
            Some(response) => {
                assert!(!response.incomplete, "{:?} is cut short", String::from_utf8_lossy(request));
                self.server.text(&response)
            }
            None => "{closed}".to_owned(),
        };
        for asked in &self.origin.requests()[before..] {
            text += "\n{asked}\n";
            text += &self.server.received(asked);
        }
        text
    }
}

/// Several requests on one connection, in pieces: all answers, and everything the application was asked.
fn ask_all(side: &Side, requests: &[Vec<u8>], pieces: &[usize]) -> String {
    let before = side.origin.requests().len();
    let mut client = Client::connect(side.server.address());
    let all = requests.concat();
    let mut from = 0;
    for piece in pieces {
        let to = all.len().min(from + piece);
        client.send(&all[from..to]);
        // Lets the piece arrive by itself; whether it does changes nothing in what must be answered.
        std::thread::sleep(std::time::Duration::from_micros(300));
        from = to;
    }
    client.send(&all[from..]);
    let mut text = String::new();
    for request in requests {
        let method = if request.starts_with(b"HEAD") { "HEAD" } else { "GET" };
        match client.response_to(method) {
            Some(response) => text += &side.server.text(&response),
            None => {
                text += "{closed}\n";
                break;
            }
        }
    }
    for asked in &side.origin.requests()[before..] {
        text += "\n{asked}\n";
        text += &side.server.received(asked);
    }
    text
}

#[test]
fn random_pipelines_are_answered_alike() {
    let mut draw = Draw(number("SEED", 20_240_102).max(1));
    let ringx = Side::start(false);
    let nginx = oracle().map(|_| Side::start(true));
    let mut differing = Vec::new();
    for _ in 0..number("ROUNDS", 100) {
        // differences::KEPT_BEHIND_412.
        let may_be_412 =
            |r: &Vec<u8>| [&b"If-Match"[..], b"If-Unmod"].iter().any(|h| r.windows(8).any(|w| w == *h));
        let requests: Vec<Vec<u8>> =
            (0..=draw.next(5)).map(|_| draw.request()).filter(|r| !may_be_412(r)).collect();
        if requests.is_empty() {
            continue;
        }
        let pieces: Vec<usize> = (0..draw.next(4)).map(|_| 1 + draw.next(120)).collect();
        let ours = ask_all(&ringx, &requests, &pieces);
        assert!(ours.starts_with("HTTP/1.1 ") && !ours.contains("{incomplete}"), "{ours}");
        if let Some(nginx) = &nginx {
            let theirs = ask_all(nginx, &requests, &pieces);
            if ours != theirs {
                let asked = String::from_utf8_lossy(&requests.concat()).into_owned();
                differing.push(format!("{asked}\n--- nginx\n{theirs}\n--- ringx\n{ours}"));
            }
        }
    }
    let shown = differing.iter().take(5).cloned().collect::<Vec<_>>().join("\n=======\n");
    assert!(differing.is_empty(), "{} differ:\n{shown}", differing.len());
}

pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A line of the log without what chance decides: the boundary of a multipart answer, and how much of a body that is
/// too large was read.
fn comparable(line: &str) -> String {
    let mut fields: Vec<&str> = line.split('|').map(|f| f.split("boundary=").next().unwrap()).collect();
    if fields[1] == "413" {
        fields[4] = "";
    }
    fields.join("|")
}

#[test]
fn random_requests_are_answered_alike() {
    let mut draw = Draw(number("SEED", 20_240_102).max(1));
    let ringx = Side::start(false);
    let nginx = oracle().map(|_| Side::start(true));
    let mut differing = Vec::new();
    let rounds = number("ROUNDS", 400);
    for _ in 0..rounds {
        let request = draw.request();
        let ours = ringx.ask(&request);
        assert!(ours.starts_with("HTTP/1.1 ") || ours.starts_with("{closed}"), "{ours}");
        if let Some(nginx) = &nginx {
            let theirs = nginx.ask(&request);
            if ours != theirs {
                differing.push(format!(
                    "{}\n--- nginx\n{theirs}\n--- ringx\n{ours}",
                    String::from_utf8_lossy(&request)
                ));
            }
        }
    }
    // The access logs, line by line.
    let log = |side: &Side| {
        let whole = |text: &str| text.lines().count() as u64 >= rounds;
        let text = side.server.localised(&side.server.wait_file("all.log", whole));
        text.lines().map(comparable).collect::<Vec<_>>()
    };
    let ours = log(&ringx);
    if let Some(nginx) = &nginx {
        for (theirs, ours) in log(nginx).iter().zip(&ours).filter(|(theirs, ours)| theirs != ours) {
            differing.push(format!("a line of the log\n--- nginx\n{theirs}\n--- ringx\n{ours}"));
        }
    }
    let shown = differing.iter().take(8).cloned().collect::<Vec<_>>().join("\n=======\n");
    assert!(differing.is_empty(), "{} differ:\n{shown}", differing.len());
}
