//! What strangers and broken applications may send, class by class: what must never reach the other side, and that
//! the server answers an ordinary request after each of them.
//!
//! `HOSTILE=/path/inputs.json cargo test --test it hostile` runs a table of the same kind from a file as well.

mod answer_cases;
mod client_cases;
mod downgrade;
mod external;
mod framing_cases;
mod head_cases;
mod neighbours;
mod path_cases;
mod splitting_cases;
mod upstream_cases;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fancy_regex::Regex;

use crate::support::{Origin, Received, Server, escape, get, oracle};

/// What may reach the application.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reaches {
    /// Not one byte of a request.
    Nothing,
    /// Only requests that are well-formed to the letter of RFC 9112.
    Clean,
    /// Whatever.
    Any,
}

/// The connection was closed without an answer.
pub(super) const CLOSED: u16 = 0;
/// No answer and no close within the time.
pub(super) const SILENT: u16 = 1;

/// One input and what it may lead to.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// The section of an RFC that says so, or where it was found.
    pub(super) reference: String,
    /// The statuses that the first answer may have.
    pub(super) status: Vec<u16>,
    pub(super) reaches: Reaches,
    pub(super) max_requests: usize,
    pub(super) max_answers: usize,
    pub(super) origin_has: Option<String>,
    pub(super) origin_not: Option<String>,
    /// What no answer may contain.
    pub(super) client_not: Option<String>,
    pub(super) max_seconds: u64,
    pub(super) max_bytes: usize,
    /// nginx is more forgiving here (`differences::STRICT_FRAMING`), so the case counts for ringx only.
    pub(super) stricter: bool,
    /// The client must be able to see that the answer is cut short.
    pub(super) incomplete: bool,
    /// The status of the answer after interim ones.
    pub(super) last: Option<u16>,
    pub(super) method: String,
    /// The application leaves the connection open behind these bytes.
    pub(super) kept: bool,
}

/// An input whose first answer must have one of these statuses, and of which nothing reaches the application.
pub(super) fn case(name: &str, bytes: impl Into<Vec<u8>>, status: &[u16]) -> Case {
    Case {
        name: name.to_owned(),
        bytes: bytes.into(),
        reference: String::new(),
        status: status.to_vec(),
        reaches: Reaches::Nothing,
        max_requests: 1,
        max_answers: usize::MAX,
        origin_has: None,
        origin_not: None,
        client_not: None,
        max_seconds: 5,
        max_bytes: 1_000_000,
        stricter: false,
        incomplete: false,
        last: None,
        method: "GET".to_owned(),
        kept: false,
    }
}

/// Gives those a reference that have none.
pub(super) fn under(reference: &str, mut cases: Vec<Case>) -> Vec<Case> {
    for case in cases.iter_mut().filter(|case| case.reference.is_empty()) {
        reference.clone_into(&mut case.reference);
    }
    cases
}

impl Case {
    /// What reaches the application must be well-formed.
    pub(super) fn clean(mut self) -> Case {
        self.reaches = Reaches::Clean;
        self
    }

    pub(super) fn by(mut self, reference: &str) -> Case {
        reference.clone_into(&mut self.reference);
        self
    }

    pub(super) fn kept(mut self) -> Case {
        self.kept = true;
        self
    }

    pub(super) fn any(mut self) -> Case {
        self.reaches = Reaches::Any;
        self
    }

    pub(super) fn requests(mut self, max: usize) -> Case {
        self.max_requests = max;
        self
    }

    pub(super) fn answers(mut self, max: usize) -> Case {
        self.max_answers = max;
        self
    }

    pub(super) fn has(mut self, pattern: &str) -> Case {
        self.origin_has = Some(pattern.to_owned());
        self
    }

    pub(super) fn not(mut self, pattern: &str) -> Case {
        self.origin_not = Some(pattern.to_owned());
        self
    }

    pub(super) fn never(mut self, pattern: &str) -> Case {
        self.client_not = Some(pattern.to_owned());
        self
    }

    pub(super) fn stricter(mut self) -> Case {
        self.stricter = true;
        self
    }

    pub(super) fn cut_short(mut self) -> Case {
        self.incomplete = true;
        self
    }

    pub(super) fn finally(mut self, status: u16) -> Case {
        self.last = Some(status);
        self
    }

    pub(super) fn seconds(mut self, max: u64) -> Case {
        self.max_seconds = max;
        self
    }
}

/// The servers the cases are sent to.
pub(super) struct Range {
    server: Server,
    origin: Origin,
    /// What the application says to the next requests, if not its ordinary answer.
    script: Arc<Mutex<Option<Said>>>,
}

/// Bytes of the application, and whether it keeps the connection behind them.
type Said = (Vec<u8>, bool);

const CONF: &str = r#"
client_header_timeout 2s; client_body_timeout 2s; send_timeout 2s; keepalive_timeout 5s;
server { listen {{port}};
    proxy_connect_timeout 2s; proxy_read_timeout 2s; proxy_send_timeout 2s; proxy_http_version 1.1;
    proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Connection "";
    location / { proxy_pass http://{{app}}; }
    location = /canary { return 200 canary; }
}
server { listen {{port2}};
    location /static/ { alias {{root}}/static/; }
    location /loose { alias {{root}}/loose/; }
    location /redir/ { return 302 http://x$request_uri; }
    location /redir2/ { return 302 http://x$uri; }
}
server { listen {{port3}};
    location / { proxy_pass http://{{app}}; proxy_http_version 1.1; proxy_read_timeout 2s;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $host; }
}
"#;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer";

impl Range {
    pub(super) fn start() -> Range {
        Range::with(&format!("{CONF}{}", splitting_cases::CONF))
    }

    /// The same with this configuration.
    pub(super) fn with(conf: &str) -> Range {
        let script: Arc<Mutex<Option<Said>>> = Arc::default();
        let told = Arc::clone(&script);
        let origin = Origin::start(move |connection| {
            while connection.request().is_some() {
                let said = told.lock().unwrap().clone();
                match said {
                    None => {
                        connection.send(OK);
                    }
                    Some((bytes, kept)) => {
                        connection.send(bytes);
                        if !kept {
                            return;
                        }
                    }
                }
            }
        });
        let server = Server::setup()
            .app(&origin)
            .file("root/static/a.css", "body{}")
            .file("root/static/r.bin", vec![b'r'; 102_400])
            .file("root/loose/l.txt", "loose")
            .file("root/secret.txt", "SECRET")
            .file("secret.txt", "SECRET")
            .file("users", "")
            .start(conf);
        Range { server, origin, script }
    }

    /// Sends one input to the server on this port and judges what comes of it.
    pub(super) fn run(&self, port: &str, case: &Case) -> Result<(), String> {
        if case.stricter && oracle().is_some() {
            return Ok(());
        }
        let before = self.origin.requests().len();
        let begun = Instant::now();
        let answer = self.exchange(port, case);
        let took = begun.elapsed();
        let requests = self.origin.requests().split_off(before);
        judge(case, &answer, &requests)?;
        ensure(took.as_secs() <= case.max_seconds, || format!("took {took:?}"))?;
        self.canary()
    }

    /// The same for an answer of the application to an ordinary request.
    pub(super) fn run_answer(&self, case: &Case) -> Result<Vec<u8>, String> {
        if case.stricter && oracle().is_some() {
            return Ok(Vec::new());
        }
        let asked = Case {
            bytes: format!("{} /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", case.method)
                .into(),
            ..case_of(case)
        };
        *self.script.lock().unwrap() = Some((case.bytes.clone(), case.kept));
        let begun = Instant::now();
        let answer = self.exchange("port", &asked);
        let took = begun.elapsed();
        *self.script.lock().unwrap() = None;
        judge(case, &answer, &[])?;
        ensure(took.as_secs() <= case.max_seconds, || format!("took {took:?}"))?;
        // The pool must not be poisoned.
        for _ in 0..2 {
            let next = self.server.get("/next");
            ensure((next.status, next.text().as_str()) == (200, "answer"), || {
                format!("the next exchange: {next:?}")
            })?;
        }
        self.canary()?;
        Ok(answer.0)
    }

    /// An ordinary request afterwards must be answered.
    fn canary(&self) -> Result<(), String> {
        let answer = self.server.get("/canary").text();
        ensure(answer == "canary", || format!("the canary says {answer:?}"))
    }

    /// Sends the bytes; gives what came back until the close, or until nothing more comes after an answer.
    fn exchange(&self, port: &str, case: &Case) -> (Vec<u8>, bool) {
        let mut stream = TcpStream::connect(self.server.address_of(port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        // The server may answer and close before all of it is taken.
        let _ = stream.write_all(&case.bytes);
        let mut answer = Vec::new();
        let mut chunk = vec![0; 65536];
        let deadline = Instant::now() + Duration::from_secs(case.max_seconds);
        loop {
            let complete = answer.windows(4).any(|w| w == b"\r\n\r\n");
            let patience =
                if complete { Duration::from_millis(120) } else { Duration::from_secs(case.max_seconds) };
            stream.set_read_timeout(Some(patience)).unwrap();
            match stream.read(&mut chunk) {
                Ok(0) => return (answer, true),
                Ok(n) => answer.extend_from_slice(&chunk[..n]),
                Err(e)
                    if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                {
                    return (answer, false);
                }
                Err(_) => return (answer, true),
            }
            if Instant::now() > deadline || answer.len() > 4 * case.max_bytes {
                return (answer, false);
            }
        }
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        let log = self.server.error_log();
        if let Some(line) =
            log.lines().find(|line| line.contains("panicked")).filter(|_| !std::thread::panicking())
        {
            panic!("{line}");
        }
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text).unwrap()
}

/// Whether the answer and what reached the application are what the case allows.
fn judge(case: &Case, (answer, closed): &(Vec<u8>, bool), requests: &[Received]) -> Result<(), String> {
    let shown = escape(&answer[..answer.len().min(300)]);
    let statuses = statuses(answer);
    let first = match statuses.first() {
        Some(&status) => status,
        None if *closed => CLOSED,
        None => SILENT,
    };
    ensure(case.status.contains(&first), || format!("{first}, not one of {:?}: {shown}", case.status))?;
    ensure(statuses.len() <= case.max_answers, || format!("{statuses:?} are too many answers: {shown}"))?;
    ensure(answer.len() <= case.max_bytes, || format!("{} bytes came back", answer.len()))?;
    if let Some(last) = case.last {
        ensure(statuses.last() == Some(&last), || format!("{statuses:?} does not end in {last}: {shown}"))?;
    }
    let text = String::from_utf8_lossy(answer);
    ensure(!text.contains("SECRET") && !text.contains("root:x:0"), || shown.clone())?;
    if let Some(pattern) = &case.client_not {
        ensure(!matches(pattern, &text), || format!("{pattern} in {shown}"))?;
    }
    if case.incomplete && first == 200 {
        ensure(seen_as_cut_short(answer), || format!("the client takes this for complete: {shown}"))?;
    }
    judge_requests(case, requests)
}

fn judge_requests(case: &Case, requests: &[Received]) -> Result<(), String> {
    let shown: Vec<String> = requests.iter().map(|r| escape_lines(&r.head) + &escape(&r.raw_body)).collect();
    let got = shown.join("\n--\n");
    match case.reaches {
        Reaches::Nothing => ensure(requests.is_empty(), || format!("this reached the application:\n{got}"))?,
        Reaches::Clean => {
            ensure(requests.len() <= case.max_requests, || format!("too many requests:\n{got}"))?;
            for request in requests {
                well_formed(request).map_err(|why| format!("{why}:\n{got}"))?;
            }
        }
        Reaches::Any => {}
    }
    if let Some(pattern) = &case.origin_has {
        ensure(requests.is_empty() || matches(pattern, &got), || format!("no {pattern} in\n{got}"))?;
    }
    if let Some(pattern) = &case.origin_not {
        ensure(!matches(pattern, &got), || format!("{pattern} in\n{got}"))?;
    }
    Ok(())
}

/// Everything of a case but its bytes.
fn case_of(case: &Case) -> Case {
    Case {
        name: case.name.clone(),
        bytes: Vec::new(),
        reference: case.reference.clone(),
        status: case.status.clone(),
        origin_has: None,
        origin_not: None,
        client_not: case.client_not.clone(),
        method: case.method.clone(),
        ..*case
    }
}

fn escape_lines(head: &[u8]) -> String {
    escape(head).replace("\\r\\n", "\n")
}

/// The statuses of the answers in a stream of bytes.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let pattern = Regex::new(r"HTTP/1\.[01] ([0-9]{3})[ -~]*\r\n").unwrap();
    let text = String::from_utf8_lossy(answer);
    pattern.captures_iter(&*text).map(|c| c.unwrap()[1].parse().unwrap()).collect()
}

/// Whether a client that reads by RFC 9112 notices that the answer is not all.
fn seen_as_cut_short(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return true };
    let head = head.to_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return !body.ends_with("0\r\n\r\n");
    }
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .and_then(|l| l.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() < length)
}

/// RFC 9112 to the letter, for what a proxy sends.
fn well_formed(request: &Received) -> Result<(), String> {
    let head = request.head.strip_suffix(b"\r\n\r\n").ok_or("no end of the head")?;
    let text = head.iter().map(|&b| char::from(b)).collect::<String>();
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let shape = Regex::new(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~\x80-\xff]+ HTTP/1\.[01]$").unwrap();
    if !shape.is_match(line).unwrap() {
        return Err(format!("bad request line {line:?}"));
    }
    let header = Regex::new(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?([\t -~\x80-\xff]*)$").unwrap();
    let mut hosts = 0;
    let (mut length, mut coding) = (Vec::new(), Vec::new());
    for line in lines {
        if !header.is_match(line).unwrap() {
            return Err(format!("bad header line {line:?}"));
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "host" => hosts += 1,
            "content-length" => length.push(value.trim().to_owned()),
            "transfer-encoding" => coding.push(value.trim().to_owned()),
            _ => {}
        }
    }
    if hosts != 1 {
        return Err(format!("{hosts} Host headers"));
    }
    match (length.as_slice(), coding.as_slice()) {
        ([], []) if request.body.is_empty() => Ok(()),
        ([n], [])
            if n.parse::<usize>().ok() == Some(request.body.len())
                && n.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(())
        }
        ([], [coding]) if coding == "chunked" => Ok(()),
        _ => Err(format!("bad framing {length:?} {coding:?} for {} bytes", request.body.len())),
    }
}

/// Runs every case; all that failed are named at the end.
fn all_hold<'a>(cases: impl IntoIterator<Item = &'a Case>, run: impl Fn(&Case) -> Result<(), String>) {
    let mut failed = Vec::new();
    let mut count = 0;
    for case in cases {
        count += 1;
        if let Err(why) = run(case) {
            failed.push(format!("{} ({}): {why}", case.name, case.reference));
        }
    }
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn framing_of_requests() {
    let range = Range::start();
    all_hold(&client_cases::lengths(), |case| range.run("port", case));
    all_hold(&client_cases::codings(), |case| range.run("port", case));
    all_hold(&framing_cases::lengths(), |case| range.run("port", case));
    all_hold(&framing_cases::codings(), |case| range.run("port", case));
}

#[test]
fn chunks_of_requests() {
    let range = Range::start();
    all_hold(&client_cases::chunks(), |case| range.run("port", case));
    all_hold(&framing_cases::chunks(), |case| range.run("port", case));
}

#[test]
fn lines_of_requests() {
    let range = Range::start();
    all_hold(&client_cases::request_lines(), |case| range.run("port", case));
    all_hold(&head_cases::lines(), |case| range.run("port", case));
    all_hold(&head_cases::hosts(), |case| range.run("port", case));
}

#[test]
fn headers_of_requests() {
    let range = Range::start();
    all_hold(&client_cases::headers(), |case| range.run("port", case));
    all_hold(&head_cases::fields(), |case| range.run("port", case));
}

#[test]
fn options_of_connections() {
    let range = Range::start();
    all_hold(&head_cases::hops(), |case| range.run("port", case));
}

#[test]
fn line_ends_in_variables() {
    let range = Range::start();
    all_hold(&splitting_cases::cases(), |case| range.run("port4", case));
}

#[test]
fn floods_and_silence() {
    let range = Range::start();
    all_hold(&client_cases::floods(), |case| range.run("port", case));
}

#[test]
fn upgrades_nobody_asked_for() {
    let range = Range::start();
    all_hold(&client_cases::upgrades(), |case| range.run("port3", case));
    all_hold(&head_cases::upgrades(), |case| range.run("port3", case));
}

#[test]
fn paths_out_of_a_folder() {
    let range = Range::start();
    all_hold(&path_cases::paths(), |case| range.run("port2", case));
}

#[test]
fn ranges_and_unwanted_bodies() {
    let range = Range::start();
    all_hold(&path_cases::ranges(), |case| range.run("port2", case));
    all_hold(&path_cases::bodies(), |case| range.run("port2", case));
}

#[test]
fn answers_of_applications() {
    let range = Range::start();
    all_hold(&upstream_cases::answers(), |case| range.run_answer(case).map(drop));
}

#[test]
fn heads_and_bodies_of_applications() {
    let range = Range::start();
    all_hold(&answer_cases::heads(), |case| range.run_answer(case).map(drop));
    all_hold(&answer_cases::bodies(), |case| range.run_answer(case).map(drop));
}

/// Each is another one, and says where it comes from.
#[test]
fn the_cases_are_many_and_have_their_references() {
    let tables = [
        client_cases::lengths(),
        client_cases::codings(),
        client_cases::chunks(),
        client_cases::request_lines(),
        client_cases::headers(),
        client_cases::floods(),
        client_cases::upgrades(),
        framing_cases::lengths(),
        framing_cases::codings(),
        framing_cases::chunks(),
        head_cases::lines(),
        head_cases::hosts(),
        head_cases::fields(),
        head_cases::hops(),
        head_cases::upgrades(),
        path_cases::paths(),
        path_cases::ranges(),
        path_cases::bodies(),
        splitting_cases::cases(),
        downgrade::cases(),
    ];
    let of_clients = tables.concat();
    let of_apps = [upstream_cases::answers(), answer_cases::heads(), answer_cases::bodies()].concat();
    for cases in [&of_clients, &of_apps] {
        let mut seen = std::collections::HashMap::new();
        let mut twice = Vec::new();
        for case in cases {
            assert!(case.reference.len() > 3, "{} has no reference", case.name);
            if let Some(other) = seen.insert((&case.bytes, &case.method, case.kept), &case.name) {
                twice.push((&case.name, other));
            }
        }
        assert!(twice.is_empty(), "the same bytes: {twice:?}");
    }
    let (clients, apps) = (of_clients.len(), of_apps.len());
    println!("{clients} requests, {apps} answers");
    assert!(clients >= 400 && apps >= 140, "{clients} requests, {apps} answers");
}

/// Messages with a few bytes changed, cut, doubled or swapped, by a seed (`SEED`, `ROUNDS`).
fn mutated(bases: &[&[u8]]) -> Vec<Vec<u8>> {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let mut state = number("SEED", 7).max(1);
    let mut draw = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let odd: &[u8] = b"\r\n\0\t :;,=/?#%\x0b\x7f\xff0+-\"";
    let mut messages = Vec::new();
    for _ in 0..number("ROUNDS", 250) {
        let mut bytes = bases[draw(bases.len())].to_vec();
        for _ in 0..=draw(3) {
            let at = draw(bytes.len());
            match draw(5) {
                0 => bytes[at] = odd[draw(odd.len())],
                1 => bytes.insert(at, odd[draw(odd.len())]),
                2 => drop(bytes.remove(at)),
                3 => {
                    let to = bytes.len().min(at + 1 + draw(20));
                    let part = bytes[at..to].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes[at] ^= 1 << draw(8),
            }
        }
        messages.push(bytes);
    }
    messages
}

/// A case that allows every answer.
fn whatever(bytes: Vec<u8>) -> Case {
    let every: Vec<u16> = (100..600).chain([CLOSED, SILENT]).collect();
    case(&escape(&bytes), bytes, &every).stricter()
}

#[test]
fn mutated_requests_stay_clean() {
    let messages = mutated(&[
        b"GET /a%20b?x=1 HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\nConnection: close\r\n\r\n",
        b"POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world",
        b"POST /p HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
          5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: y\r\n\r\n",
        b"GET http://localhost/abs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=0-1\r\n\r\n",
        b"HEAD / HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ]);
    // Without an end the server waits for one: that is what the timeouts are for, and another case.
    let ended = |mut bytes: Vec<u8>| {
        bytes.extend_from_slice(b"\r\n\r\n");
        whatever(bytes).clean().requests(3)
    };
    let cases: Vec<Case> = messages.into_iter().map(ended).collect();
    let range = Range::start();
    all_hold(&cases, |case| range.run("port", case));
}

#[test]
fn mutated_answers_poison_nothing() {
    let messages = mutated(&[
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil the end",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
    ]);
    let cases: Vec<Case> = messages.into_iter().map(whatever).collect();
    let range = Range::start();
    let header = Regex::new(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t -~\x{80}-\x{ff}]*$").unwrap();
    all_hold(&cases, |case| {
        let answer = range.run_answer(case)?;
        let text: String = answer.iter().map(|&b| char::from(b)).collect();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { return Ok(()) };
        // What the client gets is well-formed, whatever the application said.
        let mut lines = head.split("\r\n").skip(1);
        match lines.find(|line| !header.is_match(line).unwrap()) {
            Some(line) => Err(format!("the client got {line:?}")),
            None => Ok(()),
        }
    });
}

#[test]
fn the_table_of_a_file() {
    let Ok(path) = std::env::var("HOSTILE") else { return };
    let range = Range::start();
    external::run(&path, &range);
}

#[test]
fn the_canary_is_alive_without_any_case() {
    let range = Range::start();
    assert_eq!(range.server.send(get("/canary")).text(), "canary");
    assert_eq!(range.server.get("/next").text(), "answer");
}
