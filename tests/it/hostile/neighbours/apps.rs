//! Real servers of applications, each with one that writes down what it gets.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::relay::Message;
use crate::support::venv::{announce, environment};
use crate::support::{Origin, Port, Running, Server, TempDir, reserve, wait_for};

/// Who reads the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Connections are kept.
    GunicornThreads,
    /// A connection per request.
    GunicornSync,
    UvicornH11,
    /// llhttp.
    UvicornHttptools,
    /// hyper.
    Granian,
    /// llhttp.
    Node,
    Nginx,
}

enum Host {
    Process {
        _running: Running,
        port: Port,
        dir: TempDir,
    },
    /// nginx, and behind it what it passes requests on to.
    Nginx(Box<Server>, Origin),
}

/// A running application.
pub(super) struct App {
    host: Host,
    /// So much of what was written down is known.
    known: std::cell::Cell<usize>,
}

const NGINX: &str = "/usr/sbin/nginx";

/// The environment of the Python servers, or `None`, said once. With `CI=true` it is required.
fn venv() -> Option<&'static Path> {
    static VENV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = VENV.get_or_init(|| {
        let requirements = source("requirements.txt");
        environment("neighbours-venv", &requirements).map(|(venv, _lock)| venv).map_err(skipped).ok()
    });
    built.as_deref()
}

fn skipped(reason: String) {
    assert!(
        !std::env::var("CI").is_ok_and(|ci| ci == "true"),
        "the applications' servers are required when CI=true: {reason}"
    );
    announce(&format!("SKIPPED: an application's server cannot run here: {reason}"));
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hostile/neighbours").join(name)
}

impl App {
    /// Starts it and waits until it listens; `None` where it cannot be had.
    pub(super) fn start(kind: Kind) -> Option<App> {
        let host = if kind == Kind::Nginx { nginx()? } else { process(kind)? };
        let app = App { host, known: std::cell::Cell::new(0) };
        wait_for("the application to listen", || TcpStream::connect(("127.0.0.1", app.port())).ok());
        Some(app)
    }

    pub(super) fn port(&self) -> u16 {
        match &self.host {
            Host::Process { port, .. } => port.number,
            Host::Nginx(server, _) => server.address_of("port").port(),
        }
    }

    fn all(&self) -> Vec<Message> {
        match &self.host {
            Host::Process { dir, .. } => {
                let text = fs::read_to_string(dir.path.join("record")).unwrap_or_default();
                // A line without its end is still being written.
                let whole = text.rfind('\n').map_or("", |end| &text[..end]);
                whole.lines().map(message).collect()
            }
            Host::Nginx(_, origin) => {
                let latin1 = |bytes: &[u8]| bytes.iter().map(|b| char::from(*b)).collect::<String>();
                let message = |received: crate::support::Received| {
                    let line = latin1(received.head.split(|b| *b == b'\r').next().unwrap_or_default());
                    let mut words = line.split(' ').map(str::to_owned);
                    let (method, target) =
                        (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    Message { method, target, body: latin1(&received.body) }
                };
                origin.requests().into_iter().map(message).collect()
            }
        }
    }

    /// What it took for requests since [`App::forget`], sorted.
    pub(super) fn seen(&self) -> Vec<Message> {
        let mut new = self.all().split_off(self.known.get());
        new.sort();
        new
    }

    pub(super) fn forget(&self) {
        self.known.set(self.all().len());
    }
}

fn message(line: &str) -> Message {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let word = |at: usize| value[at].as_str().unwrap_or_default().to_owned();
    Message { method: word(0), target: word(1), body: word(2) }
}

fn process(kind: Kind) -> Option<Host> {
    let (port, dir) = (reserve(), TempDir::new());
    let number = port.number;
    let mut command = match kind {
        Kind::Node => {
            let mut command = Command::new("node");
            command.arg(source("node.js")).arg(number.to_string());
            command
        }
        _ => {
            let mut command = Command::new(venv()?.join("bin/python"));
            let line = match kind {
                Kind::GunicornThreads => format!(
                    "gunicorn wsgi --worker-class gthread --threads 4 --keep-alive 60 --no-control-socket --bind 127.0.0.1:{number}"
                ),
                Kind::GunicornSync => {
                    format!("gunicorn wsgi --worker-class sync --no-control-socket --bind 127.0.0.1:{number}")
                }
                Kind::UvicornH11 => python_asgi("h11", number),
                Kind::UvicornHttptools => python_asgi("httptools", number),
                _ => format!(
                    "granian --interface asgi --http 1 --no-ws --workers 1 --host 127.0.0.1 --port {number} asgi:application"
                ),
            };
            command.arg("-m").args(line.split(' '));
            command
        }
    };
    let log = File::create(dir.path.join("log")).unwrap();
    command
        .current_dir(source(""))
        .env("RECORD", dir.path.join("record"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    match command.spawn() {
        Ok(child) => Some(Host::Process { _running: Running(child), port, dir }),
        Err(error) => {
            skipped(format!("{command:?}: {error}"));
            None
        }
    }
}

fn python_asgi(http: &str, port: u16) -> String {
    format!(
        "uvicorn asgi:application --lifespan off --ws none --no-proxy-headers --http {http} --timeout-keep-alive 60 --port {port}"
    )
}

fn nginx() -> Option<Host> {
    if !Path::new(NGINX).exists() {
        skipped(format!("there is no {NGINX}"));
        return None;
    }
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nX-Seen: yes\r\nContent-Length: 4\r\n\r\nseen");
    let server = Server::setup().nginx(NGINX).app(&origin).start(
        r#"client_body_timeout 5s;
        server { listen {{port}};
            location / { proxy_pass http://{{app}}; proxy_http_version 1.1; proxy_set_header Connection ""; }
        }"#,
    );
    Some(Host::Nginx(Box::new(server), origin))
}
