//! What the rooms without I/O cost, beside other parsers where there are some.
//!
//! `cargo bench --bench sans_io` measures; `cargo test --benches` runs each body a few times, so that benches cannot
//! rot. Each figure is the fastest of several samples: noise only ever adds.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench may panic and reads the clock")]

use std::hint::black_box;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use monoio_codec::Decoder;
use monoio_http::h1::codec::decoder;
use ringx::config::model::{ListenId, ServerId};
use ringx::config::template::{Template, VariableScope};
use ringx::config::{self, LoadOptions};
use ringx::cycle::Cycle;
use ringx::http::{Exchange, variables};
use ringx::http1::{
    ChunkKind, ChunkedDecoder, HeadLimits, Method, RequestHead, ResponseHead, encode, range, target,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long one sample takes.
const SAMPLE: Duration = Duration::from_millis(50);
/// Samples of one bench.
const SAMPLES: usize = 8;
/// Runs of a body when nothing is measured.
const SMOKE_RUNS: u64 = 3;

/// What a load generator sends.
const SHORT: &[u8] = b"GET /static/a.css HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";

/// What a browser sends to a Django site.
const BROWSER: &[u8] = b"GET /accounts/profile/?next=/orders/&page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/accounts/login/\r\n\
    Connection: keep-alive\r\n\
    Cookie: csrftoken=dRmC8XKjHJPzlzHqSKNMF4kIZ8W9sEaK; sessionid=5xk0rd6qj4x6xjlgh8v4y6wzcv0i1c2t\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\r\n";

/// What Gunicorn answers.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: gunicorn\r\n\
    Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Connection: keep-alive\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    X-Frame-Options: DENY\r\n\
    Content-Length: 5120\r\n\
    Vary: Cookie\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: same-origin\r\n\
    Set-Cookie: csrftoken=dRmC8XKjHJPzlzHqSKNMF4kIZ8W9sEaK; Max-Age=31449600; Path=/; SameSite=Lax\r\n\r\n";

fn main() {
    let runner = Runner { measures: std::env::args().any(|argument| argument == "--bench") };
    request_heads(&runner, "short request", SHORT);
    request_heads(&runner, "browser's request", BROWSER);
    response_head(&runner);
    paths(&runner);
    bodies(&runner);
    lookups(&runner);
    templates(&runner);
}

/// Three readers of one request. httparse alone knows no framing, no target and no limits; monoio-http makes a
/// `http::Request` of it.
fn request_heads(runner: &Runner, what: &str, bytes: &[u8]) {
    let mut head = RequestHead::default();
    let limits = HeadLimits::default();
    runner.run(&format!("{what}: ringx"), || {
        head.reset();
        assert!(black_box(head.parse(black_box(bytes), &limits)).is_ok());
        assert_eq!(head.len, bytes.len());
    });
    runner.run(&format!("{what}: httparse alone"), || {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        assert!(black_box(request.parse(black_box(bytes))).is_ok_and(|status| status.is_complete()));
    });
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let mut rival = decoder::RequestHeadDecoder;
    runner.run(&format!("{what}: monoio-http"), || {
        // Its decoder takes the bytes away, so that each run has to bring them; a copy is small beside the rest.
        buffer.reserve(bytes.len());
        buffer.extend_from_slice(black_box(bytes));
        assert!(matches!(rival.decode(&mut buffer), Ok(monoio_codec::Decoded::Some(_))));
    });
}

fn response_head(runner: &Runner) {
    let mut head = ResponseHead::default();
    let limits = HeadLimits::response(4096);
    runner.run("app's response head", || {
        head.reset();
        assert!(black_box(head.parse(black_box(ANSWER), Method::Get, &limits)).is_ok());
        assert_eq!(head.len, ANSWER.len());
    });
}

fn paths(runner: &Runner) {
    let mut out = Vec::new();
    for (what, path) in [
        ("normalize: plain", &b"/static/admin/css/responsive.css"[..]),
        ("normalize: encoded", b"/static/../media/%C3%BCber/./a%20b//c.png"),
    ] {
        runner.run(what, || assert!(target::normalize(black_box(path), true, &mut out).is_ok()));
    }
    let mut ranges = Vec::new();
    runner.run("range field", || {
        let outcome =
            range::parse(black_box(b"bytes=0-1023, 4096-8191, -500"), 1 << 20, usize::MAX, &mut ranges);
        assert_eq!(outcome, range::RangeOutcome::Ranges);
    });
}

fn bodies(runner: &Runner) {
    let mut wire = Vec::new();
    for _ in 0..16 {
        encode::push_chunk(&mut wire, &[b'x'; 1024]);
    }
    wire.extend_from_slice(encode::LAST_CHUNK);
    runner.run("16 KiB in chunks of 1 KiB", || {
        let mut decoder = ChunkedDecoder::default();
        let (mut at, mut payload) = (0, 0);
        loop {
            let step = decoder.decode(black_box(&wire[at..])).unwrap();
            at += step.consumed;
            match step.kind {
                ChunkKind::Data { len, .. } => payload += len,
                ChunkKind::End => break,
                ChunkKind::NeedMore => unreachable!("the body is whole"),
            }
        }
        assert_eq!((payload, at), (16 << 10, wire.len()));
    });
}

fn lookups(runner: &Runner) {
    let cycle = cycle();
    runner.run("server of a host", || {
        black_box(cycle.router.server(ListenId(0), black_box(b"shop.example.com")));
    });
    runner.run("location of a URI, 20 prefixes", || {
        black_box(cycle.router.location(ServerId(1), black_box(b"/app17/orders/2024/"), |_| {}));
    });
}

fn templates(runner: &Runner) {
    let mut exchange = Exchange::new(Rc::new(cycle()));
    exchange.input.extend_from_slice(BROWSER);
    assert!(exchange.request.parse(BROWSER, &HeadLimits::default()).is_ok());
    exchange.host.extend_from_slice(b"www.example.com");
    exchange.uri.extend_from_slice(b"/accounts/profile/");
    exchange.args.extend_from_slice(b"next=/orders/&page=2");
    let text = b"https://$host$request_uri $http_user_agent $cookie_sessionid $arg_page $time_iso8601";
    let template = Template::compile(text, &VariableScope::default()).unwrap();
    let mut out = Vec::new();
    runner.run("template of six variables", || {
        out.clear();
        variables::evaluate(black_box(&exchange), &template, &mut out);
        assert!(
            out.starts_with(b"https://www.example.com/accounts/profile/?next=/orders/&page=2 Mozilla/5.0")
        );
    });
}

fn cycle() -> Arc<Cycle> {
    let locations: String = (0..20).map(|i| format!("location /app{i}/ {{ return 204; }}\n")).collect();
    let text = format!(
        "events {{ }} error_log stderr; http {{ access_log off;
            server {{ listen 127.0.0.1:8080; }}
            server {{ listen 127.0.0.1:8080; server_name shop.example.com *.example.org; {locations} }}
        }}"
    );
    let options = LoadOptions {
        text: Some(text),
        prefix: PathBuf::from("/"),
        superuser: Some(false),
        ..LoadOptions::default()
    };
    let loaded = config::load(&options).unwrap_or_else(|report| panic!("{}", report.render("ringx")));
    Arc::new(Cycle::new(loaded.conf, 1).unwrap_or_else(|error| panic!("{error:?}")))
}

/// Runs bodies, and measures them when asked to.
struct Runner {
    measures: bool,
}

impl Runner {
    fn run(&self, name: &str, mut body: impl FnMut()) {
        if !self.measures {
            (0..SMOKE_RUNS).for_each(|_| body());
            return;
        }
        let mut batch = 1u64;
        while time(batch, &mut body) < SAMPLE {
            batch *= 2;
        }
        let fastest = (0..SAMPLES).map(|_| time(batch, &mut body)).min().unwrap_or_default();
        println!("{name:<40} {:>10.1} ns", fastest.as_nanos() as f64 / batch as f64);
    }
}

fn time(batch: u64, body: &mut impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..batch {
        body();
    }
    begun.elapsed()
}
