//! Everything a visitor does with the site, under each server, over each transport, through two configurations: the
//! one most people copy, and the one with an upstream and the usual headers.

use std::fs;

use crate::app::{App, Runner, Transport};
use crate::browser::Browser;
use crate::kit::{self, Kit, kit};
use crate::support::{Server, Setup, oracle};

/// The configuration most people copy, as it stands.
pub const SEED: &str = "
server {
    listen 127.0.0.1:{{port}};
    location /static/ { alias {{static}}/; }
    location / { proxy_pass http://{{app}}; }
}
";

/// The same site as the documentation of Gunicorn and Uvicorn has it.
pub const FULL: &str = "
include mime.types;
upstream app {
    server {{app}} fail_timeout=0;
    keepalive 8;
}
server {
    listen 127.0.0.1:{{port}} default_server;
    server_name _;
    client_max_body_size 32m;
    location /static/ { alias {{static}}/; }
    location /ws/ {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection \"upgrade\";
        proxy_set_header Host $http_host;
        proxy_pass http://app;
    }
    location / {
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_redirect off;
        proxy_pass http://app;
    }
}
";

/// The site behind `uwsgi_pass`, `fastcgi_pass` or `scgi_pass` (`{{gateway}}`), with the distribution's parameters.
pub const GATEWAY: &str = "
include mime.types;
server {
    listen 127.0.0.1:{{port}} default_server;
    client_max_body_size 32m;
    location /static/ { alias {{static}}/; }
    location / {
        {{gateway}}_param QUERY_STRING $query_string;
        {{gateway}}_param REQUEST_METHOD $request_method;
        {{gateway}}_param CONTENT_TYPE $content_type;
        {{gateway}}_param CONTENT_LENGTH $content_length;
        {{gateway}}_param REQUEST_URI $request_uri;
        {{gateway}}_param PATH_INFO $document_uri;
        {{gateway}}_param SCRIPT_NAME '';
        {{gateway}}_param SERVER_PROTOCOL $server_protocol;
        {{gateway}}_param REMOTE_ADDR $remote_addr;
        {{gateway}}_param REMOTE_PORT $remote_port;
        {{gateway}}_param SERVER_PORT $server_port;
        {{gateway}}_param SERVER_NAME $server_name;
        {{gateway}}_pass {{app}};
    }
}
";

/// A server for one of the configurations: a setup whose port is known before the app starts.
pub struct Front {
    setup: Setup,
    pub port: String,
}

impl Front {
    pub fn new(kit: &Kit) -> Front {
        let types =
            "types { text/html html; text/css css; text/javascript js; image/svg+xml svg; image/png png; }";
        let setup = Server::setup().file("mime.types", types);
        let mut setup = setup.value("static", &kit.state.join("static").display().to_string());
        let port = setup.fill("{{port}}");
        Front { setup, port }
    }

    pub fn start(self, app: &App, conf: &str) -> Server {
        let setup = self.setup.value("app", &app.address());
        match conf == SEED {
            // ringx gives a bare server the usual MIME types; nginx has to be told.
            true if oracle().is_some() => setup.start(&format!("include mime.types;\n{conf}")),
            true => setup.verbatim().start(conf),
            false => setup.start(conf),
        }
    }
}

/// One app and one front with this configuration.
pub fn behind(kit: &Kit, runner: Runner, transport: Transport, conf: &str) -> (App, Server) {
    let front = Front::new(kit);
    let app = App::start(kit, runner, transport, &[&front.port]);
    let server = front.start(&app, conf);
    (app, server)
}

/// The bytes of `/download/`: every sixteen bytes name their offset.
pub fn numbered(size: usize) -> Vec<u8> {
    (0..size).step_by(16).flat_map(|offset| format!("{offset:015}\n").into_bytes()).collect()
}

#[test]
fn under_gunicorn_sync_over_tcp() {
    visit(Runner::GunicornSync, Transport::Tcp);
}

#[test]
fn under_gunicorn_sync_over_a_unix_socket() {
    visit(Runner::GunicornSync, Transport::Unix);
}

#[test]
fn under_gunicorn_gthread_over_tcp() {
    visit(Runner::GunicornGthread, Transport::Tcp);
}

#[test]
fn under_gunicorn_gthread_over_a_unix_socket() {
    visit(Runner::GunicornGthread, Transport::Unix);
}

#[test]
fn under_uvicorn_over_tcp() {
    visit(Runner::Uvicorn, Transport::Tcp);
}

#[test]
fn under_uvicorn_over_a_unix_socket() {
    visit(Runner::Uvicorn, Transport::Unix);
}

#[test]
fn under_gunicorn_by_uwsgi() {
    visit_by_gateway(Runner::GunicornUwsgi, "uwsgi");
}

#[test]
fn under_uwsgi() {
    visit_by_gateway(Runner::Uwsgi, "uwsgi");
}

#[test]
fn under_fastcgi() {
    visit_by_gateway(Runner::Fastcgi, "fastcgi");
}

#[test]
fn under_scgi() {
    visit_by_gateway(Runner::Scgi, "scgi");
}

fn visit_by_gateway(runner: Runner, gateway: &str) {
    for transport in [Transport::Tcp, Transport::Unix] {
        visit_by(runner, gateway, transport);
    }
}

fn visit_by(runner: Runner, gateway: &str, transport: Transport) {
    let Some(kit) = kit() else { return };
    let front = Front::new(kit);
    let app = App::start(kit, runner, transport, &[&front.port]);
    let mut conf = GATEWAY.replace("{{gateway}}", gateway);
    if runner == Runner::Scgi {
        // The length comes first, whatever the parameters say.
        conf = conf.replace("scgi_param CONTENT_LENGTH $content_length;", "scgi_param SCGI 1;");
    }
    let server = front.start(&app, &conf);
    let visit = Visit { app: &app, server: &server, kit, seed: false };
    visit.style_sheet();
    visit.log_in();
    visit.forms();
    visit.error_pages();
    visit.redirects();
    visit.uploads();
    visit.downloads();
    visit.streams();
    let log = server.error_log();
    assert!(!log.contains("[crit]") && !log.contains("[alert]"), "{log}");
}

fn visit(runner: Runner, transport: Transport) {
    let Some(kit) = kit() else { return };
    let (seed, full) = (Front::new(kit), Front::new(kit));
    let app = App::start(kit, runner, transport, &[&seed.port, &full.port]);
    for (front, conf) in [(seed, SEED), (full, FULL)] {
        let server = front.start(&app, conf);
        let visit = Visit { app: &app, server: &server, kit, seed: conf == SEED };
        visit.style_sheet();
        visit.log_in();
        visit.forms();
        visit.what_the_app_is_told();
        visit.error_pages();
        visit.redirects();
        visit.uploads();
        visit.downloads();
        visit.streams();
        let log = server.error_log();
        assert!(!log.contains("[crit]") && !log.contains("[alert]"), "{log}");
    }
}

/// One walk through the site.
struct Visit<'a> {
    app: &'a App,
    server: &'a Server,
    kit: &'a Kit,
    seed: bool,
}

impl Visit<'_> {
    fn style_sheet(&self) {
        let mut browser = Browser::new(self.server);
        let on_disk = fs::read(self.kit.state.join("static/admin/css/base.css")).unwrap();
        let css = browser.get("/static/admin/css/base.css");
        assert_eq!(css.status, 200);
        assert_eq!(css.header("content-type"), "text/css");
        assert_eq!(css.header("content-length"), on_disk.len().to_string());
        assert!(css.body == on_disk, "the style sheet is not the one on disk");

        let tag = css.header("etag");
        let again = browser.get_with("/static/admin/css/base.css", &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), tag);
        let modified = css.header("last-modified");
        let again =
            browser.get_with("/static/admin/css/base.css", &format!("If-Modified-Since: {modified}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0));

        assert_eq!(browser.get("/static/admin/img/icon-yes.svg").header("content-type"), "image/svg+xml");
        assert_eq!(
            browser.head("/static/admin/css/base.css").header("content-length"),
            on_disk.len().to_string()
        );
        let missing = browser.get("/static/admin/css/missing.css");
        assert_eq!(missing.status, 404);
        assert!(
            !missing.text().contains("There is no such page"),
            "a missing file is not the app's business"
        );
    }

    fn log_in(&self) {
        let mut browser = Browser::new(self.server);
        let door = browser.get("/admin/");
        assert_eq!(door.status, 302);
        assert!(
            door.header("location").ends_with("/admin/login/?next=/admin/"),
            "{}",
            door.header("location")
        );

        let form = "/admin/login/?next=/admin/";
        let wrong = browser.submit(form, &[("username", kit::USER), ("password", "wrong")]);
        assert_eq!(wrong.status, 200);
        assert!(wrong.text().contains("Please enter the correct username"), "{}", wrong.text());
        let forged =
            browser.post("/admin/login/", "application/x-www-form-urlencoded", b"csrfmiddlewaretoken=x");
        assert_eq!(forged.status, 403, "a forged token must reach the app and be refused there");

        let home = browser.submit(form, &[("username", kit::USER), ("password", kit::PASSWORD)]);
        assert_eq!(home.status, 302, "{}", home.text());
        assert!(browser.cookie("sessionid").is_some(), "both cookies of the answer must arrive");
        assert!(browser.cookie("csrftoken").is_some());
        let home = browser.get("/admin/");
        assert_eq!(home.status, 200);
        assert!(home.text().contains("Site administration"), "{}", home.text());
        assert!(home.text().contains("/static/admin/css/base.css"));
        assert_eq!(home.header("x-frame-options"), "DENY");
    }

    /// A browser whose user is logged in.
    fn user(&self) -> Browser {
        let mut browser = Browser::new(self.server);
        let home = browser.submit("/login/", &[("username", kit::USER), ("password", kit::PASSWORD)]);
        assert_eq!(home.status, 302, "{}", home.text());
        browser
    }

    fn forms(&self) {
        let mut browser = self.user();
        let incomplete = browser.submit("/sign/", &[("name", "Zo\u{eb}")]);
        assert_eq!(incomplete.status, 200);
        assert!(incomplete.text().contains("This field is required"));
        let message = format!("<caf\u{e9}> through {}", if self.seed { "the seed" } else { "an upstream" });
        let signed = browser.submit("/sign/", &[("name", "Zo\u{eb}"), ("message", &message)]);
        assert_eq!(signed.status, 302, "{}", signed.text());
        let book = browser.get("/");
        assert_eq!(book.header("content-type"), "text/html; charset=utf-8");
        let shown = message.replace('<', "&lt;").replace('>', "&gt;");
        assert!(book.text().contains(&shown), "{}", book.text());
    }

    fn what_the_app_is_told(&self) {
        let mut browser = Browser::new(self.server);
        let host = browser.host.clone();
        let answer = browser.get_with(
            "/meta/a%2Fb//c%20d/%C3%A9?q=%C3%A9&r=a%20b",
            "X-Forwarded-For: 198.51.100.7\r\nX-Under-Stood: yes\r\nX_Under_Score: no\r\nAccept-Language: fr\r\n",
        );
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let header = |name: &str| told["headers"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            told["path"], "/meta/a/b//c d/\u{e9}",
            "the path arrives as it was sent; only the app decodes it"
        );
        assert_eq!(told["query"], "q=%C3%A9&r=a%20b");
        assert_eq!(header("HTTP_ACCEPT_LANGUAGE"), "fr");
        assert_eq!(header("HTTP_X_UNDER_STOOD"), "yes");
        assert_eq!(header("HTTP_X_UNDER_SCORE"), "", "a name with _ could pass for one with -");
        assert_eq!(told["secure"], false);
        if self.seed {
            assert_eq!(
                told["host"],
                self.app.own_host(),
                "without proxy_set_header the app sees its own name"
            );
            assert_eq!(header("HTTP_X_FORWARDED_FOR"), "198.51.100.7");
        } else {
            assert_eq!(told["host"], host);
            assert_eq!(header("HTTP_X_FORWARDED_FOR"), "198.51.100.7, 127.0.0.1");
            assert_eq!(header("HTTP_X_REAL_IP"), "127.0.0.1");
            assert_eq!(header("HTTP_X_FORWARDED_PROTO"), "http");
        }
    }

    fn error_pages(&self) {
        let mut browser = Browser::new(self.server);
        let missing = browser.get("/no/such/page");
        assert_eq!(missing.status, 404);
        assert!(
            missing.text().contains("There is no such page"),
            "the page is the app's: {}",
            missing.text()
        );
        let broken = browser.get("/broken/");
        assert_eq!(broken.status, 500);
        assert!(broken.text().contains("The app is broken"), "{}", broken.text());
        assert_eq!(browser.get("/").status, 200, "the connection and the app live on");
    }

    fn redirects(&self) {
        let mut browser = Browser::new(self.server);
        let relative = browser.get("/old/");
        let host = browser.host.clone();
        assert_eq!(relative.status, 302);
        let shown = relative.header("location");
        // Without `proxy_redirect off` a path is made a whole address of this server, with it it stays a path.
        assert!(shown == "/?from=old" || shown == format!("http://{host}/?from=old"), "{shown}");
        let absolute = browser.get("/old-absolute/").header("location");
        let unix = self.app.address().starts_with("unix:");
        if self.seed && unix {
            assert_eq!(
                absolute, "http://localhost/?from=old-absolute",
                "all the app knows is Host: localhost"
            );
        } else {
            assert_eq!(absolute, format!("http://{host}/?from=old-absolute"), "never the app's own address");
        }
    }

    fn uploads(&self) {
        let mut browser = self.user();
        let large = numbered(20 << 20);
        let size = if self.seed { 900 << 10 } else { 20 << 20 };
        let answer = browser.upload("/upload/", "numbers.bin", &large[..size]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let kept: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(kept["size"], size);
        assert_eq!(kept["sha256"], self.app.sha256(&large[..size]));

        // Chunked from the client, whole for the app: WSGI has no body without a length.
        let mut raw = self.server.connect();
        raw.send(format!(
            "PUT /raw-upload/ HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            browser.host
        ));
        for chunk in large[..300_000].chunks(9_999) {
            raw.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
        }
        raw.send("0\r\n\r\n");
        let told: serde_json::Value = serde_json::from_slice(&raw.response().body).unwrap();
        assert_eq!(told["size"], 300_000);
        assert_eq!(told["content_length"], "300000");
        // A gateway's variables have the client's field; what counts is the length.
        let gateways = [Runner::GunicornUwsgi, Runner::Uwsgi, Runner::Fastcgi, Runner::Scgi];
        let by_gateway = gateways.contains(&self.app.runner);
        assert_eq!(told["transfer_encoding"], if by_gateway { "chunked" } else { "" });
        assert_eq!(told["sha256"], self.app.sha256(&large[..300_000]));

        if self.seed {
            // The default of client_max_body_size is 1 MB; a client that sends all the same must see why.
            let refused = Browser::new(self.server).post("/raw-upload/", "text/plain", &large[..4 << 20]);
            assert_eq!(refused.status, 413);
        }
    }

    fn downloads(&self) {
        let mut browser = Browser::new(self.server);
        let expected = numbered(6 << 20);
        let whole = browser.get("/download/6144/");
        assert_eq!(whole.status, 200);
        assert_eq!(whole.header("content-length"), expected.len().to_string());
        assert_eq!(whole.header("content-disposition"), "attachment; filename=\"numbers.bin\"");
        assert!(whole.body == expected, "the file changed on its way");

        let part = browser.get_with("/download/6144/", "Range: bytes=1000000-3000000\r\n");
        assert_eq!(part.status, 206, "the app honours the range, the proxy passes it on");
        assert_eq!(part.header("content-range"), format!("bytes 1000000-3000000/{}", expected.len()));
        assert!(part.body == expected[1_000_000..=3_000_000]);
        let head = browser.head("/download/6144/");
        assert_eq!((head.status, head.header("content-length")), (200, expected.len().to_string()));
        assert_eq!(browser.get("/").status, 200, "a HEAD leaves nothing on the connection");
    }

    fn streams(&self) {
        let whole: String = (0..5).map(|n| format!("line {n} of the stream\n")).collect();
        let buffered = Browser::new(self.server).get("/stream/");
        assert_eq!((buffered.status, buffered.text()), (200, whole.clone()));

        // The app holds the second line back until the first one has been read here.
        let gate = if self.seed { "seed" } else { "full" };
        let mut client = self.server.connect();
        client.send(format!("GET /stream/?unbuffered=1&gate={gate} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
        let mut seen = Vec::new();
        while !seen.ends_with(b"line 0 of the stream\n") {
            seen.extend(client.read_exact(1));
        }
        self.app.open_gate(gate);
        seen.extend(client.read_to_end());
        let text = String::from_utf8(seen).unwrap();
        assert!(text.ends_with(&whole), "{text}");
        assert!(!text.to_lowercase().contains("x-accel-buffering"), "meant for the proxy alone: {text}");
    }
}
