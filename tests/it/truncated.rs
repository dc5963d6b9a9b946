//! Answers that end before their end, on every way through the program: no client may take one for whole.

use rustls::version::{TLS12, TLS13};

use crate::differences::{BAD_CHUNK, CUT_WITHOUT_LENGTH};
use crate::support::{Client, Origin, OriginConnection, Response, Server, oracle, tls};

/// Where the answer stops: at once, within the first read, long after bytes go by way of a pipe, and behind all that memory
/// and sockets hold.
const PARTS: [(&str, usize); 4] = [("none", 0), ("short", 700), ("long", 400_000), ("longest", 12_000_000)];

/// How the application frames what it then leaves unfinished.
const FRAMINGS: [&str; 5] = ["length", "chunked", "in-chunk", "bad-chunk", "reset"];

/// The ways of an answer through the program, each a location.
const WAYS: &str = "
    location /plain/ { }
    location /unbuffered/ { proxy_buffering off; }
    location /memory/ { proxy_max_temp_file_size 0; }
    location /file/ { proxy_buffers 2 4k; proxy_busy_buffers_size 4k; }
    location /gzip/ { gzip on; gzip_types *; gzip_proxied any; }
    location /gzip-unbuffered/ { gzip on; gzip_types *; gzip_http_version 1.0; gzip_proxied any; proxy_buffering off; }
    location /ssi/ { ssi on; ssi_types *; }
    location /sub/ { sub_filter_types *; sub_filter x yy; }
    location /charset/ { charset utf-8; charset_types *; }
    location /added/ { add_after_body /after; addition_types *; }
    location /paced/ { limit_rate 100m; }
    location /slow-app/ { proxy_limit_rate 100m; }
    location /stored/ { proxy_store {{dir}}/store$uri; }
";

fn app() -> Origin {
    Origin::start(|connection| while leave_unfinished(connection) {})
}

/// One answer that stops; `/WAY/FRAMING/PART`. True for one that is whole.
fn leave_unfinished(connection: &mut OriginConnection) -> bool {
    let Some(request) = connection.request_head() else { return false };
    let target = request.target();
    let words: Vec<&str> = target.trim_start_matches('/').split('/').collect();
    let [_, framing, part] = words[..] else {
        return connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend");
    };
    let size = PARTS.iter().find(|(name, _)| *name == part).unwrap().1;
    let body = "x".repeat(size);
    let text = "Content-Type: text/html";
    let answer = match framing {
        "length" => format!("HTTP/1.1 200 OK\r\n{text}\r\nContent-Length: {}\r\n\r\n{body}", size + 100),
        "reset" => format!("HTTP/1.0 200 OK\r\n{text}\r\n\r\n{body}"),
        _ => {
            let chunk = if size == 0 { String::new() } else { format!("{size:x}\r\n{body}\r\n") };
            let rest = match framing {
                "in-chunk" => "64\r\nhalf",
                "bad-chunk" => "zz\r\n",
                _ => "",
            };
            format!("HTTP/1.1 200 OK\r\n{text}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{rest}")
        }
    };
    connection.send(answer);
    if framing == "reset" {
        // What lies unread when a connection is closed makes the close a reset: most of the request's body.
        connection.leave_more_unread();
    }
    false
}

fn server(app: &Origin) -> Server {
    let ways = WAYS.replace(" }\n", " proxy_pass http://{{app}}; }\n");
    Server::setup().app(app).value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls")).start(&format!(
        "ssl_certificate {{{{tls}}}}/a.pem; ssl_certificate_key {{{{tls}}}}/a.key; proxy_http_version 1.1;
         client_max_body_size 0;
         server {{ listen {{{{port}}}}; listen {{{{port2}}}} ssl; location /after {{ return 200 END; }} {ways} }}"
    ))
}

/// Those after which what came before still goes to the client.
fn cuts() -> impl Iterator<Item = &'static str> {
    FRAMINGS.into_iter().filter(|&framing| match framing {
        "reset" => false,
        "bad-chunk" => BAD_CHUNK.ringx_only(),
        _ => true,
    })
}

/// The names in [`WAYS`].
fn ways() -> impl Iterator<Item = &'static str> {
    WAYS.split("location /").skip(1).map(|line| line.split('/').next().unwrap())
}

fn request(version: &str, target: &str) -> String {
    let body = "b".repeat(if target.contains("/reset/") { 300_000 } else { 0 });
    let length = body.len();
    format!(
        "GET {target} HTTP/{version}\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// What the client could know: it is told too little, or the connection ended in another way than by a close.
fn is_seen(client: &mut Client, answer: Option<&Response>) -> bool {
    // A page that is put together first becomes an error instead.
    if let Some(answer) = answer.filter(|answer| answer.status >= 500) {
        return !answer.incomplete;
    }
    client.read_to_end();
    answer.is_none_or(|answer| answer.incomplete) || !client.ended_in_good_order()
}

fn each_case(ask: impl Fn(&Server, &str, &str) -> Client) {
    if !CUT_WITHOUT_LENGTH.ringx_only() {
        return;
    }
    let app = app();
    let server = server(&app);
    let mut wrong = Vec::new();
    for way in ways() {
        for framing in FRAMINGS {
            for part in ["none", "short", "long"] {
                for version in ["1.1", "1.0"] {
                    let target = format!("/{way}/{framing}/{part}");
                    let mut client = ask(&server, version, &target);
                    let answer = client.response_to("GET");
                    if !is_seen(&mut client, answer.as_ref()) {
                        let answer = answer.unwrap();
                        wrong.push(format!(
                            "{target} HTTP/{version}: {} and {} bytes",
                            answer.status,
                            answer.body.len()
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "taken for whole:\n{}", wrong.join("\n"));
    assert!(!server.dir().join("store").exists(), "an answer that was cut short was stored");
    assert!(!server.error_log().contains("[alert]"));
}

#[test]
fn a_cut_is_seen() {
    each_case(|server, version, target| {
        let mut client = server.connect();
        client.send(request(version, target));
        client
    });
}

#[test]
fn a_cut_is_seen_over_tls() {
    let config = tls::client(&[&TLS12, &TLS13]);
    each_case(|server, version, target| {
        let mut client = Client::connect_tls(server.address_of("port2"), &config, "a.example");
        client.send(request(version, target));
        client
    });
}

/// The client reads when the application is gone: what waited in memory, the temporary file and the pipe still comes, and is
/// still no whole.
#[test]
fn a_cut_is_seen_by_a_client_that_reads_late() {
    let app = app();
    let server = server(&app);
    let mut clients = Vec::new();
    for way in ["plain", "file"] {
        for framing in cuts() {
            let target = format!("/{way}/{framing}/longest");
            let mut client = server.connect();
            client.send(request("1.1", &target));
            clients.push((target, client));
        }
    }
    if oracle().is_none() {
        // The application could leave: nobody has read a byte.
        server.wait_file("error.log", |log| log.matches(" while reading upstream").count() == clients.len());
    }
    for (target, client) in &mut clients {
        let answer = client.response_to("GET");
        let got = answer.as_ref().map_or(0, |answer| answer.body.len());
        assert!(got >= 12_000_000, "{target}: {got} bytes");
        assert!(is_seen(client, answer.as_ref()), "{target}");
    }
}

/// Nothing may follow what was cut: neither the answer to the next request nor its bytes.
#[test]
fn a_cut_ends_the_pipeline() {
    let app = app();
    let server = server(&app);
    for framing in cuts() {
        let mut client = server.connect();
        let next = request("1.1", "/after");
        client.send(request("1.1", &format!("/plain/{framing}/short")) + &next);
        let got = String::from_utf8(client.read_to_end()).unwrap();
        assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{framing}: {got}");
        assert!(!got.contains("END"), "{framing}: {got}");
    }
}

/// An answer of HTTP/1.0 that ends with its connection is whole when that is closed, and goes on as whole.
#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    let app = Origin::answering_once("HTTP/1.0 200 OK\r\n\r\nall of it");
    let server =
        Server::proxying(&app, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    for version in ["1.0", "1.1"] {
        let mut client = server.connect();
        let answer = client.send(request(version, "/")).response();
        assert_eq!((answer.text().as_str(), answer.incomplete), ("all of it", false));
        if version == "1.0" {
            assert!(client.ended_in_good_order());
        }
    }
}
