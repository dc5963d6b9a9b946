//! gRPC's own client and server (Python's `grpcio`, which is its C core) with ringx between them: every kind of call, deadlines,
//! errors, messages larger than any window. nginx says the same.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use expect_test::{Expect, expect};

use crate::support::venv::{announce, environment, output};
use crate::support::{Server, Setup};

/// The environment of Python, or `None`, said once. With `CI=true` it is required.
fn python() -> Option<&'static Path> {
    static VENV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = VENV.get_or_init(|| match environment("grpc-venv", &source("requirements.txt")) {
        Ok((venv, _lock)) => Some(venv.join("bin/python")),
        Err(reason) => {
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "required when CI=true: {reason}");
            announce(&format!("SKIPPED: gRPC's client and server cannot run here: {reason}"));
            None
        }
    });
    built.as_deref()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/grpc").join(name)
}

/// The application; it ends with its standard input.
struct App {
    child: Child,
    port: u16,
}

impl App {
    fn start(python: &Path) -> App {
        let mut command = Command::new(python);
        let command = command.arg(source("server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        App { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

const EXPECTED: Expect = expect![[r#"
    unary b'hello' OK [_Metadatum(key='x-got-x-one', value='1')]
    many True
    empty b''
    large True
    large answer True
    server stream True
    client stream b'3276800'
    head first [_Metadatum(key='x-hello', value='there')]
    bidirectional [b'ONE', b'TWO', b'THREE'] OK
    flood 256 OK
    early [b'first'] OK
    failing FAILED_PRECONDITION 'café 100% full\nsecond line'
    detail True
    unknown UNIMPLEMENTED 'Method not found!'
    deadline DEADLINE_EXCEEDED 'Deadline Exceeded'
    deadline cancelled
    cancel cancelled
"#]];

/// Calls everything.
fn check(listen: &str, certificate: Option<&Path>) {
    let Some(python) = python() else { return };
    let app = App::start(python);
    let setup: Setup = Server::setup()
        .value("tls", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls"))
        .value("app", &app.port.to_string());
    let server = setup.start(&format!(
        "upstream app {{ server 127.0.0.1:{{{{app}}}}; keepalive 8; }}
         server {{ listen {{{{port}}}} {listen}; client_max_body_size 0;
           ssl_certificate {{{{tls}}}}/a.pem; ssl_certificate_key {{{{tls}}}}/a.key;
           location / {{ grpc_pass grpc://app; }} }}"
    ));
    let folder = server.dir().join("told");
    fs::create_dir(&folder).unwrap();
    let mut client = Command::new(python);
    client.arg(source("client.py")).arg(server.address().to_string()).arg(&folder).args(certificate);
    EXPECTED
        .assert_eq(&output(&mut client).unwrap_or_else(|error| panic!("{error}\n{}", server.error_log())));
}

#[test]
fn grpcio_in_plain_text() {
    check("http2", None);
}

#[test]
fn grpcio_over_tls() {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/authority.pem");
    check("ssl http2", Some(&authority));
}
