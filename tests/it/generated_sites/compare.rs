//! Both programs beside each other with one configuration: asked the same, compared, and reduced to what differs.

use std::collections::HashMap;

use super::requests::{Request, request};
use super::site::Site;
use super::tree::{self, Node};
use crate::differential::Draw;
use crate::gzip::unzip;
use crate::support::{Origin, Response, Server, Setup, escape};

/// How often both programs may be started to reduce one difference.
const REDUCING: usize = 250;
/// How many directives of one site may be refused.
const REFUSED: usize = 60;

/// What the access log says of a request, behind the name of its case.
/// Without the version both names are five letters long, so that sizes can be compared too.
const LOG: &str = "server_tokens off;\nproxy_http_version 1.1;\nlog_format all '$http_x_case|$request|$status|$body_bytes_sent|$bytes_sent|$request_length|$uri|$args|\
    $server_name|$host|$upstream_status|$sent_http_transfer_encoding|$sent_http_content_type|$sent_http_location|\
    $http_referer|$connection_requests|$remote_addr|$remote_user|$sent_http_etag|$sent_http_content_encoding|$request_method|\
    $sent_http_cache_control|$request_completion|$content_length|$document_uri|$http_transfer_encoding';\naccess_log {{dir}}/all.log all;\n";

/// The files of all sites, in one place for both programs.
pub struct Files {
    setup: Setup,
}

impl Files {
    pub fn new() -> Files {
        let mut setup = Server::setup().ringx();
        for (name, content) in [
            ("base/a.txt", "0123456789abcdefghij"),
            ("base/index.html", "<html><head></head><body>index word word</body></html>"),
            ("base/b.html", "<p>b word"),
            ("base/style.css", "p { word: 1 }"),
            (
                "base/page.shtml",
                "<!--# echo var=\"uri\" -->|<!--# include virtual=\"/p3/a.txt\" -->|<!--# if expr=\"$arg_x\" -->x<!--# endif -->",
            ),
            ("base/data.json", "{\"word\": [1, 2, 3]}"),
            ("base/sp ace.txt", "space"),
            ("base/empty.txt", ""),
            ("base/café.txt", "coffee word"),
            ("base/noext", "no extension"),
            ("base/x.php", "<?php word"),
            ("base/sub/index.html", "<p>sub word"),
            ("base/sub/a.txt", "sub a"),
            ("base/in/a.txt", "in a word"),
            ("base/in/style.css", "in { }"),
            ("404.html", "<p>page of 404 word"),
            ("50x.html", "<p>page of 50x"),
            ("users", "user:{PLAIN}pass\n"),
        ] {
            setup = setup.file(&format!("site/{name}"), content);
        }
        let big = "a line of text with a word in it\n".repeat(300);
        setup = setup
            .file("site/base/big.txt", big)
            .file("site/base/a.txt.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0");
        Files { setup }
    }

    /// The usual files below this name.
    pub fn directory(&self, name: &str) {
        let site = self.setup.dir().join("site");
        if !site.join(name).exists() {
            std::os::unix::fs::symlink(site.join("base"), site.join(name)).unwrap();
        }
    }

    fn setup(&self, app: &Origin, nginx: Option<&str>) -> Setup {
        let site = self.setup.dir().join("site");
        let setup = Server::setup().app(app).value("site", &site.display().to_string());
        match nginx {
            Some(program) => setup.nginx(program),
            None => setup.ringx(),
        }
    }
}

fn conf(nodes: &[Node]) -> String {
    format!("{LOG}{}", tree::text(nodes))
}

/// Takes out of a site what ringx does not know yet, and says at every start; gives how many directives that were.
pub fn leave_out(site: &mut Site, files: &Files, app: &Origin) -> usize {
    let mut ours = files.setup(app, None);
    let text = conf(&site.nodes);
    let (_, said) = ours.test(&text);
    let unknown = said.lines().filter(|line| line.contains(" is not supported yet"));
    let mut lines: Vec<usize> = unknown.filter_map(|line| line.rsplit(':').next()?.parse().ok()).collect();
    lines.sort_unstable();
    let first = first_line(&ours.wrap(&text), &site.nodes);
    for line in lines.iter().rev() {
        tree::remove_line(&mut site.nodes, line - 1 - first);
    }
    lines.len()
}

/// Takes out of a site what nginx refuses, one directive after the other; gives what ringx would have taken.
pub fn refuse_alike(site: &mut Site, files: &Files, app: &Origin, nginx: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut theirs = files.setup(app, Some(nginx));
    let mut ours = files.setup(app, None);
    let mut refused = Vec::new();
    for _ in 0..REFUSED {
        let text = conf(&site.nodes);
        let (taken, said) = theirs.test(&text);
        if taken {
            let (taken, said) = ours.test(&text);
            if !taken {
                found.push(format!("ringx refuses what nginx takes: {said}"));
            }
            println!("{} directives refused: {refused:?}", refused.len());
            return found;
        }
        let (said_first, line) = message(&said);
        let at = line.checked_sub(1 + first_line(&theirs.wrap(&text), &site.nodes));
        let Some(removed) = at.and_then(|at| tree::remove_line(&mut site.nodes, at)) else {
            found.push(format!("nginx refuses the site: {said}"));
            return found;
        };
        // The same text has fewer lines before it for ringx, which needs no temporary paths.
        let at = at.unwrap_or(0) + 1 + first_line(&ours.wrap(&text), &site.nodes);
        let (_, complaints) = ours.test(&text);
        if !complaints.lines().any(|line| line.contains("[emerg]") && message(line).1 == at) {
            found.push(format!("nginx refuses {removed:?}, ringx does not: {said_first}"));
        }
        refused.push(removed);
    }
    found.push(format!("too much is refused: {refused:?}"));
    found
}

/// A message about a configuration, and the line it names.
fn message(said: &str) -> (&str, usize) {
    let text = said.lines().find(|line| line.contains("[emerg]")).unwrap_or(said);
    (text, text.rsplit(':').next().and_then(|line| line.parse().ok()).unwrap_or(0))
}

/// How many lines stand before a site's first directive.
fn first_line(whole: &str, nodes: &[Node]) -> usize {
    let text = tree::text(nodes);
    whole.lines().position(|line| Some(line) == text.lines().next()).unwrap_or(0)
}

/// nginx and ringx with one configuration.
pub struct Pair {
    nginx: Server,
    ringx: Server,
}

impl Pair {
    /// Starts both, or says who would not.
    pub fn start(nodes: &[Node], files: &Files, app: &Origin, nginx: &str) -> Result<Pair, String> {
        let text = conf(nodes);
        // A server without its `listen` would take port 80.
        if text.matches("\nserver {").count() != text.matches("listen {{port}}").count() {
            return Err("a server does not listen".to_owned());
        }
        for program in [Some(nginx), None] {
            let (taken, said) = files.setup(app, program).test(&text);
            if !taken || !text.contains("{{port}}") {
                return Err(said);
            }
        }
        Ok(Pair {
            nginx: files.setup(app, Some(nginx)).start(&text),
            ringx: files.setup(app, None).start(&text),
        })
    }

    /// What each says to these requests, sent on one connection: nginx's answers, and ringx's.
    fn answers(&self, requests: &[Request]) -> (String, String) {
        (answers(&self.nginx, requests), answers(&self.ringx, requests))
    }

    /// The lines of both logs, by case.
    fn logs(&self) -> [HashMap<String, Vec<String>>; 2] {
        [&self.nginx, &self.ringx].map(|server| {
            // The last request: when its line is there, the others are.
            let end = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Case: end\r\nConnection: close\r\n\r\n";
            server.connect().send(end).response_to("GET");
            server.wait_file("all.log", |text| text.starts_with("end|") || text.contains("\nend|"));
            let mut lines: HashMap<String, Vec<String>> = HashMap::new();
            let text = server.localised(&server.read("all.log"));
            for line in text.lines().filter(|line| !line.starts_with("end|")) {
                let (case, rest) = line.split_once('|').unwrap_or_default();
                lines.entry(case.to_owned()).or_default().push(comparable(rest));
            }
            lines
        })
    }
}

/// A line without what chance decides, and without what is known to differ.
fn comparable(line: &str) -> String {
    let mut fields: Vec<&str> =
        line.split('|').map(|field| field.split("boundary=").next().unwrap()).collect();
    if fields.len() < 25 {
        return line.to_owned();
    }
    // zlib and zlib-rs make different bytes, and chunks are cut where reads end.
    if fields[10] == "chunked" || fields[18] != "-" {
        (fields[2], fields[3]) = ("", "");
    }
    // How much of a body that is too large was read is chance.
    if fields[1] == "413" {
        fields[4] = "";
    }
    // So is how much of a chunked one was there when it was dropped: nginx even logs less than nothing.
    if fields.last() == Some(&"chunked") {
        (fields[4], fields[22]) = ("", "");
    }
    // What `error_page … =200` says, and what a range or a condition makes of it (a listed difference).
    if matches!(fields[1], "206" | "304") {
        fields[1] = "200";
    }
    // No arguments on an error page are empty in nginx's log.
    if fields[6] == "-" {
        fields[6] = "";
    }
    // nginx gives the connection up behind a 412, and so does not call the request complete.
    if fields[1] == "412" {
        fields.iter_mut().filter(|field| **field == "OK").for_each(|field| *field = "");
    }
    fields.join("|")
}

fn answers(server: &Server, requests: &[Request]) -> String {
    let mut client = server.connect();
    for request in requests {
        client.send(&request.bytes);
    }
    let mut text = String::new();
    for request in requests {
        match client.response_to(&request.method) {
            Some(response) => text += &server.text(&unpacked(response)),
            None => {
                text += "{closed}\n";
                break;
            }
        }
    }
    text
}

/// An answer with its content as it was before it was compressed.
fn unpacked(mut response: Response) -> Response {
    if response.body.starts_with(b"\x1f\x8b") && response.status != 206 {
        let (body, whole) = unzip(&response.body);
        let end: &[u8] = if whole { b"" } else { b"{no end}" };
        response.body = [b"{gzip} ", &body[..], end].concat();
    }
    response
}

/// What was asked when the answers, or the lines of the log, were not the same; and a line that tells the kind of
/// difference.
pub struct Differing {
    pub requests: Vec<Request>,
    pub kind: String,
    /// What nginx said, and what ringx.
    pub said: String,
}

/// Asks both for drawn things; gives what differs.
pub fn ask(pair: &Pair, site: &Site, draw: &mut Draw, count: usize) -> Vec<Differing> {
    let mut differing = Vec::new();
    let mut alike = Vec::new();
    let mut case = 0;
    while case < count {
        let many = if draw.next(6) == 0 { 1 + draw.next(3) } else { 1 };
        let mut requests: Vec<Request> = (0..many).map(|at| request(draw, site, case + at)).collect();
        if requests.len() > 1 {
            requests.retain(|request| !request.may_be_412());
        }
        let (mut theirs, mut ours) = pair.answers(&requests);
        if theirs != ours {
            // A second of the clock (`Expires`) may have ended between the two.
            (theirs, ours) = pair.answers(&requests);
        }
        if theirs == ours {
            alike.push((case, many, requests));
        } else {
            differing.push(Differing {
                requests,
                kind: kind(&theirs, &ours),
                said: format!("{theirs}\n---\n{ours}"),
            });
        }
        case += many;
    }
    let [theirs, ours] = pair.logs();
    for (case, many, requests) in alike {
        let names = (case..case + many).map(|case| case.to_string());
        let line = |logs: &HashMap<String, Vec<String>>, name: &String| {
            logs.get(name).cloned().unwrap_or_default().join("\n")
        };
        for name in names {
            let (theirs, ours) = (line(&theirs, &name), line(&ours, &name));
            if theirs != ours {
                let kind = log_kind(&theirs, &ours);
                differing.push(Differing {
                    requests: requests.clone(),
                    kind: format!("log: {kind}"),
                    said: format!("{theirs}\n---\n{ours}"),
                });
                break;
            }
        }
    }
    differing
}

/// The first field in which two lines of the log differ.
fn log_kind(theirs: &str, ours: &str) -> String {
    let at = theirs.split('|').zip(ours.split('|')).position(|(a, b)| a != b).unwrap_or(0);
    let field = |line: &str| line.split('|').nth(at).unwrap_or_default().chars().take(40).collect::<String>();
    let status = theirs.split('|').nth(1).unwrap_or_default();
    format!("field {at} of {status}: {} / {}", field(theirs), field(ours))
}

/// The first line in which two texts differ, without its numbers.
fn kind(theirs: &str, ours: &str) -> String {
    let lines = theirs.lines().chain(["{end}"]).zip(ours.lines().chain(["{end}"]));
    let differing = lines.into_iter().find(|(a, b)| a != b).unwrap_or_default();
    let status = theirs.lines().next().unwrap_or_default();
    let plain = |line: &str| line.chars().filter(|c| !c.is_ascii_digit()).take(60).collect::<String>();
    format!("{status}: {} / {}", plain(differing.0), plain(differing.1))
}

/// Reduces a difference to a small configuration, and tells it as a case to paste.
pub fn reduced(nodes: &[Node], requests: &[Request], files: &Files, app: &Origin, nginx: &str) -> String {
    // What differs must stay of one kind: the answer, or only the log.
    let told = |part: &[Node], requests: &[Request], logs: bool| -> Option<String> {
        let pair = Pair::start(part, files, app, nginx).ok()?;
        let (theirs, ours) = pair.answers(requests);
        if theirs != ours {
            return (!logs).then(|| format!("--- nginx\n{theirs}\n--- ringx\n{ours}"));
        }
        if !logs {
            return None;
        }
        let [theirs, ours] = pair.logs();
        (theirs != ours).then(|| format!("--- nginx's log\n{theirs:?}\n--- ringx's log\n{ours:?}"))
    };
    let logs = told(nodes, requests, false).is_none();
    let told = |part: &[Node], requests: &[Request]| told(part, requests, logs);
    let Some(mut seen) = told(nodes, requests) else {
        return format!("differs only behind other requests: {}", shown(requests));
    };
    // One request, where one is enough.
    let mut requests = requests.to_vec();
    for at in 0..requests.len() {
        let one = vec![requests[at].clone()];
        if let Some(text) = told(nodes, &one) {
            (seen, requests) = (text, one);
            break;
        }
    }
    let mut budget = REDUCING;
    let mut still = |part: &[Node]| match told(part, &requests) {
        Some(text) => {
            seen = text;
            true
        }
        None => false,
    };
    let small = tree::smallest(nodes.to_vec(), &mut budget, &mut still);
    // What only stood for something that is gone now.
    let small = tree::smallest(small, &mut budget, &mut still);
    format!("{}\n{}\n{seen}", tree::text(&small), shown(&requests))
}

pub fn shown(requests: &[Request]) -> String {
    let text = |request: &Request| {
        escape(&request.bytes).replace(&"body=1&x".repeat(90), "(body=1&x 90 times)") + "\n"
    };
    requests.iter().map(text).collect()
}
