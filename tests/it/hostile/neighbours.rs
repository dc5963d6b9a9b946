//! The requests of this room's tables sent through ringx to real applications' servers: each writes down what it took for a
//! request, a relay between writes down what ringx sent, and both are read by the letter of RFC 9112. Nobody may disagree
//! about where a message ends, whatever it is.
//!
//! Gunicorn, Uvicorn and Granian come from the package index into `target/neighbours-venv`. What cannot be had is said and
//! skipped; with `CI=true` it is required.

mod apps;
#[allow(dead_code, reason = "the fuzz targets' reader, of which a part is used")]
#[path = "../../fuzz/src/exchange/model.rs"]
mod model;
mod relay;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Case, client_cases, framing_cases, head_cases};
use crate::support::{Client, Server, escape, get, oracle};
use apps::{App, Kind};
use relay::{Message, Relay};

const CONF: &str = r#"
client_header_timeout 200ms; client_body_timeout 200ms; send_timeout 2s; keepalive_timeout 5s; lingering_timeout 200ms;
proxy_http_version 1.1; proxy_read_timeout 5s;
# What an application has begun is heard to its end, however soon the client leaves.
proxy_ignore_client_abort on;
upstream app { server {{app}} max_fails=0; keepalive 4; }
server { listen {{port}};
    proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Connection "";
    location / { proxy_pass http://app; }
}
server { listen {{port2}};
    proxy_set_header Host $host; proxy_set_header Connection "";
    location / { proxy_pass http://app; proxy_request_buffering off; proxy_buffering off; }
}
server { listen {{port3}};
    location / { proxy_pass http://app; proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
}
"#;

/// Longer ones, and those that wait for a time-out, say nothing more about framing.
const LONGEST: usize = 100_000;

/// How long a client waits for more when it has an answer.
const PATIENCE: Duration = Duration::from_millis(15);

/// How long an application may take to write down what it got.
const WRITTEN: Duration = Duration::from_secs(5);

fn cases() -> Vec<Case> {
    let mut cases = [
        client_cases::lengths(),
        client_cases::codings(),
        client_cases::chunks(),
        client_cases::request_lines(),
        client_cases::headers(),
        client_cases::upgrades(),
        framing_cases::lengths(),
        framing_cases::codings(),
        framing_cases::chunks(),
        head_cases::lines(),
        head_cases::hosts(),
        head_cases::fields(),
        head_cases::hops(),
        head_cases::upgrades(),
    ]
    .concat();
    cases.retain(|case| case.bytes.len() < LONGEST);
    cases
}

/// Sends every case by every way, and compares after each.
fn nobody_disagrees(kind: Kind) {
    if oracle().is_some() {
        return;
    }
    let Some(app) = App::start(kind) else { return };
    let relay = Relay::to(app.port());
    let server = Server::setup().value("app", &format!("127.0.0.1:{}", relay.port)).start(CONF);
    let mut wrong = Vec::new();
    let (mut sent, mut forwarded, mut refused) = (0, 0, 0);
    for case in cases() {
        for port in ["port", "port2", "port3"] {
            visit(&server, port, &case.bytes);
            sent += 1;
            match compare(&app, &relay) {
                Ok((taken, not)) => (forwarded, refused) = (forwarded + taken, refused + not),
                Err(why) => wrong.push(format!("{} by {port} ({}): {why}", case.name, case.reference)),
            }
        }
    }
    // And all of them go on serving.
    for port in ["port", "port2", "port3"] {
        let answer = Client::connect(server.address_of(port)).send(get("/canary")).response();
        assert_eq!(answer.text(), "seen");
    }
    println!(
        "{kind:?}: {sent} inputs, {forwarded} requests forwarded, {refused} of them refused by the application"
    );
    assert!(wrong.is_empty(), "{kind:?}: {} of {sent} in dispute:\n{}", wrong.len(), wrong.join("\n"));
    // A test that forwards nothing compares nothing.
    assert!(forwarded - refused > 300, "{forwarded} forwarded, {refused} refused");
}

/// A client that sends these bytes and reads what comes.
fn visit(server: &Server, port: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.address_of(port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // ringx may answer and close before all of it is taken.
    let _ = stream.write_all(bytes);
    let deadline = Instant::now() + Duration::from_secs(5);
    let (mut piece, mut got) = (vec![0; 65536], false);
    while Instant::now() < deadline {
        stream.set_read_timeout(Some(if got { PATIENCE } else { WRITTEN })).unwrap();
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(_) => got = true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Waits until the application has answered all that it got, and says whether it is what was sent. Gives how many requests were
/// forwarded since the last time, and how many of them the application refused.
fn compare(app: &App, relay: &Relay) -> Result<(usize, usize), String> {
    let deadline = Instant::now() + WRITTEN;
    loop {
        let waiting = relay.read()?;
        let late = Instant::now() > deadline;
        if !waiting || late {
            let sent = relay.answered();
            let seen = app.seen();
            if sent == seen || late {
                let (taken, refused) = relay.forget();
                app.forget();
                let told = || format!("sent {}\nseen {}", shown(&sent), shown(&seen));
                return if sent == seen && !waiting { Ok((taken, refused)) } else { Err(told()) };
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn shown(messages: &[Message]) -> String {
    let one = |m: &Message| {
        format!(
            "{} {} {:?}",
            escape(m.method.as_bytes()),
            escape(m.target.as_bytes()),
            escape(m.body.as_bytes())
        )
    };
    messages.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[test]
fn gunicorn_with_threads() {
    nobody_disagrees(Kind::GunicornThreads);
}

#[test]
fn gunicorn_with_sync_workers() {
    nobody_disagrees(Kind::GunicornSync);
}

#[test]
fn uvicorn_by_h11() {
    nobody_disagrees(Kind::UvicornH11);
}

#[test]
fn uvicorn_by_httptools() {
    nobody_disagrees(Kind::UvicornHttptools);
}

#[test]
fn granian() {
    nobody_disagrees(Kind::Granian);
}

#[test]
fn node() {
    nobody_disagrees(Kind::Node);
}

#[test]
fn nginx_behind() {
    nobody_disagrees(Kind::Nginx);
}
