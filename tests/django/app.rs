//! The site under one of its servers, on a socket of its own, with a database of its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::kit::{self, Kit};
use crate::support::{Port, TempDir, reserve, signal, wait_for};

/// What runs the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// Gunicorn's default: a process per request, no keep-alive.
    GunicornSync,
    /// The same with one process: who holds it holds the site.
    GunicornOne,
    /// Gunicorn with threads: keep-alive for two seconds.
    GunicornGthread,
    /// Gunicorn's default behind the uwsgi protocol.
    GunicornUwsgi,
    /// uWSGI itself.
    Uwsgi,
    /// FastCGI, by flup.
    Fastcgi,
    /// SCGI, by flup.
    Scgi,
    /// ASGI: keep-alive for five seconds, WebSockets.
    Uvicorn,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Unix,
}

enum Address {
    Tcp(Port),
    Unix(PathBuf),
}

/// A Django site; it stops when dropped.
pub struct App {
    python: PathBuf,
    pub runner: Runner,
    address: Address,
    origins: String,
    dir: TempDir,
    child: Option<Child>,
}

impl App {
    /// Starts the site and waits until it answers. `fronts` are the ports under which browsers will know it.
    pub fn start(kit: &Kit, runner: Runner, transport: Transport, fronts: &[&str]) -> App {
        let dir = TempDir::new();
        fs::copy(kit.state.join("db.sqlite3"), dir.path.join("db.sqlite3")).unwrap();
        fs::create_dir(dir.path.join("gates")).unwrap();
        let address = match transport {
            Transport::Tcp => Address::Tcp(reserve()),
            Transport::Unix => Address::Unix(dir.path.join("app.sock")),
        };
        let origins: Vec<String> = fronts.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let origins = origins.join(" ");
        let mut app = App { python: kit.python.clone(), runner, address, origins, dir, child: None };
        app.restart();
        app
    }

    /// What comes after `http://` in `proxy_pass`, and after `server` in an `upstream` block.
    pub fn address(&self) -> String {
        match &self.address {
            Address::Tcp(port) => format!("127.0.0.1:{}", port.number),
            Address::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// The Host that a `proxy_pass` without `proxy_set_header` tells the app.
    pub fn own_host(&self) -> String {
        match &self.address {
            Address::Tcp(port) => format!("127.0.0.1:{}", port.number),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Starts it again after [`App::stop`], at the same address, and waits until it answers.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the app runs already");
        let log = File::options().create(true).append(true).open(self.dir.path.join("app.log")).unwrap();
        let mut command = match self.runner {
            Runner::Uwsgi => Command::new(self.python.with_file_name("pyuwsgi")),
            _ => Command::new(&self.python),
        };
        command.current_dir(kit::site()).args(self.arguments());
        command.env("SITE_STATE", &self.dir.path).env("SITE_ORIGINS", &self.origins);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        wait_for("the app to answer", || self.answers().then_some(()));
    }

    fn arguments(&self) -> Vec<String> {
        let mut line = match self.runner {
            Runner::GunicornSync => "-m gunicorn mysite.wsgi --worker-class sync --workers 2".to_owned(),
            Runner::GunicornOne => "-m gunicorn mysite.wsgi --worker-class sync --workers 1".to_owned(),
            Runner::GunicornGthread => {
                "-m gunicorn mysite.wsgi --worker-class gthread --threads 4".to_owned()
            }
            Runner::GunicornUwsgi => {
                "-m gunicorn mysite.wsgi --protocol uwsgi --uwsgi-allow-from * --workers 2".to_owned()
            }
            Runner::Uwsgi => {
                "--module mysite.wsgi --need-app --master --processes 2 --die-on-term --socket".to_owned()
            }
            Runner::Fastcgi | Runner::Scgi => return self.flup(),
            Runner::Uvicorn => "-m uvicorn mysite.asgi:application --lifespan off".to_owned(),
        };
        match (self.runner, &self.address) {
            (Runner::Uwsgi, Address::Tcp(port)) => line += &format!(" 127.0.0.1:{}", port.number),
            (Runner::Uwsgi, Address::Unix(path)) => line += &format!(" {}", path.display()),
            (Runner::Uvicorn, Address::Tcp(port)) => line += &format!(" --port {}", port.number),
            (Runner::Uvicorn, Address::Unix(path)) => line += &format!(" --uds {}", path.display()),
            _ => line += &format!(" --bind {} --no-control-socket --graceful-timeout 2", self.address()),
        }
        line.split(' ').map(str::to_owned).collect()
    }

    /// The site under flup: threads, a connection for each request.
    fn flup(&self) -> Vec<String> {
        let module = if self.runner == Runner::Fastcgi { "fcgi" } else { "scgi" };
        let address = match &self.address {
            Address::Tcp(port) => format!("('127.0.0.1', {})", port.number),
            Address::Unix(path) => format!("'{}'", path.display()),
        };
        let program = format!(
            "from flup.server.{module} import WSGIServer\nfrom mysite.wsgi import application\n\
             WSGIServer(application, bindAddress={address}).run()"
        );
        vec!["-c".to_owned(), program]
    }

    /// Asks the app itself, without a proxy; FastCGI and SCGI are only knocked at.
    fn answers(&self) -> bool {
        if matches!(self.runner, Runner::Fastcgi | Runner::Scgi) {
            return match &self.address {
                Address::Tcp(port) => TcpStream::connect(("127.0.0.1", port.number)).is_ok(),
                Address::Unix(path) => UnixStream::connect(path).is_ok(),
            };
        }
        let by_uwsgi = matches!(self.runner, Runner::GunicornUwsgi | Runner::Uwsgi);
        let http = b"GET /login/ HTTP/1.0\r\nHost: localhost\r\n\r\n".to_vec();
        let request = &if by_uwsgi { uwsgi_request() } else { http };
        let mut answer = Vec::new();
        let done = match &self.address {
            Address::Tcp(port) => TcpStream::connect(("127.0.0.1", port.number))
                .and_then(|mut s| s.write_all(request).and_then(|()| s.read_to_end(&mut answer))),
            Address::Unix(path) => UnixStream::connect(path)
                .and_then(|mut s| s.write_all(request).and_then(|()| s.read_to_end(&mut answer))),
        };
        done.is_ok() && answer.starts_with(b"HTTP/1.") && answer[8..].starts_with(b" 200")
    }

    /// Stops it as an operator does, and waits until it is gone.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if child.try_wait().unwrap().is_none() {
            signal(child.id(), "TERM");
        }
        let mut left = 1000;
        while child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(10));
            left -= 1;
            if left == 0 {
                drop(child.kill());
            }
        }
    }

    /// Opens the gate that `/stream/?gate=NAME` waits for.
    pub fn open_gate(&self, name: &str) {
        fs::write(self.dir.path.join("gates").join(name), b"").unwrap();
    }

    /// What the app wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path.join("app.log")).unwrap_or_default()
    }

    /// The SHA-256 of some bytes, computed by Python.
    pub fn sha256(&self, bytes: &[u8]) -> String {
        let path = self.dir.path.join("hash-me");
        fs::write(&path, bytes).unwrap();
        let program = "import hashlib,sys;print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())";
        let done = Command::new(&self.python).args(["-c", program]).arg(&path).output().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

/// The same request in the uwsgi protocol.
fn uwsgi_request() -> Vec<u8> {
    let mut variables = Vec::new();
    for text in [
        "REQUEST_METHOD",
        "GET",
        "PATH_INFO",
        "/login/",
        "REQUEST_URI",
        "/login/",
        "QUERY_STRING",
        "",
        "SERVER_PROTOCOL",
        "HTTP/1.0",
        "HTTP_HOST",
        "localhost",
    ] {
        variables.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        variables.extend(text.as_bytes());
    }
    let [low, high] = u16::try_from(variables.len()).unwrap().to_le_bytes();
    [vec![0, low, high, 0], variables].concat()
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the log of the app ({:?})\n{}", self.runner, self.log());
        }
    }
}
