//! The program under test, started with an inline configuration in a directory of its own and stopped on drop.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use expect_test::Expect;

use super::origin::Received;
use super::ports::{Port, reserve};
use super::{Client, DEADLINE, Origin, Response, escape, oracle, render, wait_for};

/// Every file a case creates was last changed then: Tue, 02 Jan 2024 03:04:05 GMT, `6593813d` in an ETag.
pub const MODIFIED: u64 = 1_704_164_645;

/// Placeholders that stand for a port the server listens on.
const LISTENING: [&str; 4] = ["port", "port2", "port3", "port4"];

/// The program under test: ringx, or the nginx that `ORACLE` names.
pub fn program() -> String {
    oracle().unwrap_or_else(|| env!("CARGO_BIN_EXE_ringx").to_owned())
}

/// ringx, run by the program that `WRAPPER` names with its arguments (`valgrind --quiet`), if it does.
fn ringx(program: &Path) -> Command {
    let wrapper = std::env::var("WRAPPER").unwrap_or_default();
    let mut words = wrapper.split_ascii_whitespace();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// What `GLOBAL` adds to the main context of every configuration (`sandbox on;`), unless this one has that directive itself.
fn everywhere(file: &Path) -> String {
    let added = std::env::var("GLOBAL").unwrap_or_default();
    let name = added.split_ascii_whitespace().next().unwrap_or_default();
    let text = fs::read_to_string(file).unwrap_or_default();
    let has_it = text.split_ascii_whitespace().any(|word| word == name);
    if has_it { String::new() } else { format!(" {added}") }
}

/// A server in the making.
pub struct Setup {
    dir: TempDir,
    ports: Vec<(&'static str, Port)>,
    values: Vec<(String, String)>,
    environment: Vec<(&'static str, &'static str)>,
    global: String,
    verbatim: bool,
    /// The nginx to run; ringx if there is none.
    nginx: Option<String>,
    /// What runs the program and becomes it.
    under: Vec<String>,
    /// The program's standard input.
    stdin: Option<OwnedFd>,
    program: Option<PathBuf>,
}

impl Setup {
    /// Creates a file below `{{dir}}` (`{{root}}` is `{{dir}}/root`), modified at [`MODIFIED`].
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Setup {
        write_file(&self.dir.path.join(path), content.as_ref());
        self
    }

    /// Creates an empty directory below `{{dir}}`.
    pub fn directory(self, path: &str) -> Setup {
        fs::create_dir_all(self.dir.path.join(path)).unwrap();
        self
    }

    /// `{{app}}` becomes the address of this application.
    pub fn app(self, origin: &Origin) -> Setup {
        self.named_app("app", origin)
    }

    /// `{{name}}` becomes the address of this application.
    pub fn named_app(self, name: &str, origin: &Origin) -> Setup {
        let address = origin.address.to_string();
        self.value(name, &address)
    }

    /// `{{name}}` becomes this text.
    pub fn value(mut self, name: &str, text: &str) -> Setup {
        self.values.push((name.to_owned(), text.to_owned()));
        self
    }

    /// A variable of the environment. nginx gets its value in place of `${NAME}`, as `envsubst` would put it there.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Setup {
        self.environment.push((name, value));
        self
    }

    /// Directives of the main context, in place of `worker_processes 1;`.
    pub fn global(mut self, text: &str) -> Setup {
        text.clone_into(&mut self.global);
        self
    }

    /// The configuration is handed over as it is, without the `http {}` that [`Setup::start`] writes around it
    /// (nginx, which does not know bare `server {}` files, still gets one).
    pub fn verbatim(mut self) -> Setup {
        self.verbatim = true;
        self
    }

    /// The directory of this server.
    pub fn dir(&self) -> &Path {
        &self.dir.path
    }

    /// Fills in a template: `{{port}}` to `{{port4}}` (reserved), `{{dead}}` (reserved, nobody listens), `{{dir}}`,
    /// `{{root}}` and the named values.
    pub fn fill(&mut self, template: &str) -> String {
        let mut text = template.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{{name}}}}}"), value);
        }
        for name in LISTENING.into_iter().chain(["dead", "dead2"]) {
            let placeholder = format!("{{{{{name}}}}}");
            if text.contains(&placeholder) {
                if !self.ports.iter().any(|(n, _)| *n == name) {
                    self.ports.push((name, reserve()));
                }
                let number = self.port(name).to_string();
                text = text.replace(&placeholder, &number);
            }
        }
        text = text.replace("{{root}}", &self.dir.path.join("root").display().to_string());
        text = text.replace("{{dir}}", &self.dir.path.display().to_string());
        assert!(!text.contains("{{"), "a placeholder is left in {text}");
        text
    }

    fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(n, _)| *n == name).map_or(0, |(_, port)| port.number)
    }

    /// The whole configuration file for this body.
    pub fn wrap(&self, body: &str) -> String {
        let temp = match self.nginx {
            Some(_) => nginx_temp_paths(),
            // Added to the `http` of every configuration of ringx.
            None => std::env::var("HTTP").unwrap_or_default(),
        };
        if body.contains("http {") {
            return body.replacen("http {", &format!("http {{\n{temp}"), 1);
        }
        if self.verbatim && self.nginx.is_none() {
            return body.to_owned();
        }
        format!(
            "{}\nerror_log {{{{dir}}}}/error.log info;\npid {{{{dir}}}}/server.pid;\nevents {{ worker_connections 512; }}\n\
             http {{\naccess_log {{{{dir}}}}/access.log;\n{temp}{body}\n}}\n",
            self.global
        )
    }

    /// The program is run by `sh` after this line, in mount points of its own: for limits and small file systems.
    /// `$dir` is `{{dir}}`.
    pub fn after(mut self, line: &str) -> Setup {
        let line = format!("dir={}; {line} && exec \"$@\"", self.dir.path.display());
        self.under = ["unshare", "-m", "sh", "-c", &line, "sh"].map(str::to_owned).to_vec();
        self
    }

    /// The same without mount points of its own, which only root may have.
    pub fn limited(mut self, line: &str) -> Setup {
        let line = format!("{line} && exec \"$@\"");
        self.under = ["sh", "-c", &line, "sh"].map(str::to_owned).to_vec();
        self
    }

    /// Runs ringx whatever `ORACLE` says: for cases that compare the two.
    pub fn ringx(mut self) -> Setup {
        self.nginx = None;
        self
    }

    /// Gives the program this for its standard input.
    pub fn stdin(mut self, fd: impl Into<OwnedFd>) -> Setup {
        self.stdin = Some(fd.into());
        self
    }

    /// Runs the program from a copy of its own, which a case may replace.
    pub fn copied(mut self, name: &str) -> Setup {
        let path = self.dir.path.join(name);
        fs::copy(self.nginx.as_deref().unwrap_or(env!("CARGO_BIN_EXE_ringx")), &path).unwrap();
        self.program = Some(path);
        self
    }

    /// Runs ringx by another program, in whose arguments `{{dir}}` is replaced.
    pub fn under(mut self, words: &[&str]) -> Setup {
        let dir = self.dir.path.display().to_string();
        self.under = words.iter().map(|word| word.replace("{{dir}}", &dir)).collect();
        self
    }

    /// The command that runs the program in the foreground.
    fn command(&self, file: &Path) -> Command {
        let dir = &self.dir.path;
        let mut global = String::from("daemon off;");
        let mut command = match &self.nginx {
            Some(nginx) => {
                global += " user root;";
                let mut command = Command::new(self.program.as_deref().unwrap_or(Path::new(nginx)));
                // Its compiled-in error log is /var/log/nginx/error.log.
                command.arg("-e").arg(dir.join("start.log"));
                command
            }
            None => ringx(self.program.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_ringx")))),
        };
        if self.verbatim && self.nginx.is_none() {
            command.arg("-e").arg(dir.join("error.log"));
            global += &format!(" pid {}/server.pid;", dir.display());
        }
        if self.nginx.is_none() {
            global += &everywhere(file);
        }
        command.arg("-p").arg(dir).arg("-c").arg(file).arg("-g").arg(global);
        match self.under.split_first() {
            None => command,
            Some((first, rest)) => {
                let mut under = Command::new(first);
                under.args(rest).arg(command.get_program()).args(command.get_args());
                under
            }
        }
    }

    /// Runs this nginx whatever `ORACLE` says: for cases that compare the two.
    pub fn nginx(mut self, program: &str) -> Setup {
        self.nginx = Some(program.to_owned());
        self
    }

    /// What `-t` says about this configuration, and whether it is taken.
    pub fn test(&mut self, conf: &str) -> (bool, String) {
        let text = self.fill(&self.wrap(conf));
        let file = self.dir.path.join("test.conf");
        fs::create_dir_all(self.dir.path.join("tmp")).unwrap();
        fs::write(&file, text).unwrap();
        let output = self.command(&file).arg("-t").stdin(Stdio::null()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the program with this configuration to its end, which is to come soon: exit code and what it said.
    pub fn fails(mut self, conf: &str) -> (Option<i32>, String) {
        let text = self.fill(&self.wrap(conf));
        let file = self.dir.path.join("server.conf");
        fs::write(&file, text).unwrap();
        let said = self.dir.path.join("said.log");
        let mut child = self
            .command(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                None => {
                    let _ = child.kill();
                    panic!("it started: {}", fs::read_to_string(&said).unwrap_or_default());
                }
            }
        };
        (status.code(), String::from_utf8_lossy(&fs::read(&said).unwrap()).into_owned())
    }

    fn spawn(&self) -> Child {
        let file = self.dir.path.join("server.conf");
        // Appended to, like what `access_log /dev/stdout` opens anew: otherwise one writes over the other.
        let log = self.dir.path.join("stderr.log");
        let stderr = File::options().create(true).append(true).open(log).unwrap();
        self.command(&file)
            .envs(self.environment.iter().copied())
            .stdin(self.stdin.as_ref().map_or_else(Stdio::null, |fd| fd.try_clone().unwrap().into()))
            .stdout(Stdio::from(stderr.try_clone().unwrap()))
            .stderr(Stdio::from(stderr))
            .spawn()
            .unwrap()
    }

    /// Starts the program with this configuration and waits until every port accepts.
    pub fn start(mut self, conf: &str) -> Server {
        let conf = self.wrap(conf);
        let mut text = self.fill(&conf);
        if self.nginx.is_some() {
            for (name, value) in &self.environment {
                text = text.replace(&format!("${{{name}}}"), value);
            }
        }
        fs::create_dir_all(self.dir.path.join("tmp")).unwrap();
        let file = self.dir.path.join("server.conf");
        fs::write(&file, &text).unwrap();
        let child = self.spawn();
        let mut server = Server { child, conf, setup: self };
        for name in LISTENING {
            let port = server.setup.port(name);
            if port != 0 && text.contains(&port.to_string()) {
                server.wait_accepting(port);
            }
        }
        // Written when every socket listens, also those that have no port.
        if text.contains("/server.pid") {
            server.wait_file("server.pid", |pid| pid.ends_with('\n'));
        }
        // nginx forgets a signal that comes between its pid file and its workers.
        if server.setup.nginx.is_some() && text.contains("/error.log info;") {
            server.wait_file("error.log", |log| log.contains("start worker process "));
        }
        server
    }
}

/// nginx writes temporary files into its installation unless told otherwise.
fn nginx_temp_paths() -> String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {{{{dir}}}}/tmp/{kind};\n"))
        .concat()
}

/// A running server.
pub struct Server {
    child: Child,
    conf: String,
    setup: Setup,
}

impl Server {
    /// A server with files, applications and other settings of its own.
    pub fn setup() -> Setup {
        Setup {
            dir: TempDir::new(),
            ports: Vec::new(),
            values: Vec::new(),
            environment: Vec::new(),
            global: "worker_processes 1;".to_owned(),
            verbatim: false,
            nginx: oracle(),
            under: Vec::new(),
            stdin: None,
            program: None,
        }
    }

    /// A server with nothing but this configuration: the text inside `http {}`, or a whole file.
    pub fn start(conf: &str) -> Server {
        Server::setup().start(conf)
    }

    /// A server in front of this application.
    pub fn proxying(origin: &Origin, conf: &str) -> Server {
        Server::setup().app(origin).start(conf)
    }

    fn wait_accepting(&mut self, port: u16) {
        let deadline = Instant::now() + DEADLINE;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            let exited = self.child.try_wait().unwrap();
            assert!(
                exited.is_none() && Instant::now() < deadline,
                "port {port} does not accept ({exited:?})\n{}\n{}",
                self.stderr(),
                self.error_log()
            );
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// The number of a port by its placeholder's name.
    pub fn port(&self, name: &str) -> u16 {
        self.setup.port(name)
    }

    /// The address of `{{port}}`.
    pub fn address(&self) -> SocketAddr {
        self.address_of("port")
    }

    /// The address of another port.
    pub fn address_of(&self, name: &str) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port(name)))
    }

    /// A new connection to `{{port}}`.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Sends one request on a new connection and gives the answer.
    pub fn send(&self, request: impl AsRef<[u8]>) -> Response {
        self.send_to("port", request)
    }

    /// The same to another port.
    pub fn send_to(&self, port: &str, request: impl AsRef<[u8]>) -> Response {
        let request = request.as_ref();
        let mut client = Client::connect(self.address_of(port));
        client.send(request);
        let shown = || escape(&request[..request.len().min(120)]);
        client
            .response_to(method(request))
            .unwrap_or_else(|| panic!("closed without an answer to {}", shown()))
    }

    /// `GET path` with `Host: localhost` on a new connection.
    pub fn get(&self, path: &str) -> Response {
        self.send(get(path))
    }

    /// Sends one request on a new connection; the answer must be this, byte for byte.
    pub fn check(&self, request: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&self.text(&self.send(request)));
    }

    /// `GET path` with `Host: localhost`; the answer must be this, byte for byte.
    pub fn check_get(&self, path: &str, expected: Expect) {
        self.check(get(path), expected);
    }

    /// Sends these bytes on a new connection and reads until the server closes: all answers must be these.
    pub fn check_until_close(&self, request: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&self.until_close(self.connect(), request));
    }

    /// All answers that come on this connection until the server closes it, as text.
    pub fn until_close(&self, mut client: Client, request: impl AsRef<[u8]>) -> String {
        let request = request.as_ref();
        client.send(request);
        let mut text = String::new();
        let mut method = method(request);
        while let Some(response) = client.response_to(method) {
            text += &self.text(&response);
            text += "\n~\n";
            method = "GET";
        }
        text + "{closed}\n"
    }

    /// One line per request target: `target -> status location body`. For tables of many small cases.
    pub fn table(&self, targets: &[&str]) -> String {
        let mut text = String::new();
        for target in targets {
            let response =
                self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
            let location = response.header("location");
            let body = if response.status < 300 { escape(&response.body) } else { String::new() };
            let line = format!("{target} -> {} {location}{body}", response.status);
            text += &self.localised(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// An answer as text, with this server's ports and directory by name.
    pub fn text(&self, response: &Response) -> String {
        self.localised(&render(response))
    }

    /// A request as the application got it, as text. The harness hides one difference, `differences::KEPT_ALIVE`:
    /// nginx asks with HTTP/1.0 and `Connection: close` unless told otherwise.
    pub fn received(&self, request: &Received) -> String {
        let mut text = request.text();
        if self.setup.nginx.is_some() && request.line().ends_with(" HTTP/1.0") {
            text = text.replacen(" HTTP/1.0\n", " HTTP/1.1\n", 1).replacen("Connection: close\n", "", 1);
        }
        self.localised(&text)
    }

    /// Text with this server's ports and directory by name.
    pub fn localised(&self, text: &str) -> String {
        let mut text = text.replace(&self.setup.dir.path.display().to_string(), "{dir}");
        for (name, port) in &self.setup.ports {
            text = text.replace(&port.number.to_string(), &format!("{{{name}}}"));
        }
        for (name, value) in &self.setup.values {
            if let Some((_, port)) = value.rsplit_once(':').filter(|(_, port)| port.len() >= 4) {
                text = text.replace(port, &format!("{{{name}}}"));
            }
        }
        text
    }

    /// The directory of this server.
    pub fn dir(&self) -> &Path {
        &self.setup.dir.path
    }

    /// A file below `{{dir}}`, empty if there is none.
    pub fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir().join(path)).unwrap_or_default()).into_owned()
    }

    /// What the program wrote to its standard streams.
    pub fn stderr(&self) -> String {
        self.read("stderr.log")
    }

    /// `{{dir}}/error.log`, where [`Setup::start`] sends it.
    pub fn error_log(&self) -> String {
        self.read("error.log")
    }

    /// Waits until a file below `{{dir}}` satisfies the test, and gives its text.
    pub fn wait_file(&self, path: &str, ready: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let text = self.read(path);
            if ready(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "waited in vain for {path}, which is:\n{text}");
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Waits until `{{dir}}/error.log` has this text.
    pub fn wait_error(&self, text: &str) -> String {
        self.wait_file("error.log", |log| log.contains(text))
    }

    /// Replaces the configuration file (the same template language); HUP makes it count.
    pub fn rewrite(&mut self, conf: &str) {
        self.conf = self.setup.wrap(conf);
        let text = self.setup.fill(&self.conf);
        fs::write(self.dir().join("server.conf"), text).unwrap();
    }

    /// The configuration file.
    pub fn conf_file(&self) -> PathBuf {
        self.dir().join("server.conf")
    }

    /// The process id of the master.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without SIG.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Ends the program without a chance to do anything more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the program again where another one ended.
    pub fn start_again(&mut self) {
        assert!(!self.running());
        self.child = self.setup.spawn();
        let pid = format!("{}\n", self.pid());
        self.wait_file("server.pid", |written| written == pid);
        self.wait_accepting(self.port("port"));
    }

    /// Whether the program still runs.
    pub fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the program to end and gives its exit code.
    pub fn wait_exit(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for("the program to end", || child.try_wait().unwrap()).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running() {
            self.signal("TERM");
            let deadline = Instant::now() + Duration::from_secs(3);
            while self.running() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        if self.running() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            // The end is what matters, and a flood of cases may have filled the log.
            let end = |text: String| {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(15)..].join("\n")
            };
            eprintln!("--- stderr\n{}\n--- error.log\n{}", end(self.stderr()), end(self.error_log()));
        }
    }
}

/// Sends a signal by its name without SIG. No program is needed for it: what is left of a machine may have none.
pub fn signal(pid: u32, name: &str) {
    use ringx::io::signal::{Signal, send};
    let signal = match name {
        "HUP" => Signal::Reload,
        "QUIT" => Signal::Quit,
        "TERM" => Signal::Terminate,
        "INT" => Signal::Interrupt,
        "USR1" => Signal::Reopen,
        "USR2" => Signal::Upgrade,
        "WINCH" => Signal::Winch,
        _ => panic!("no signal {name}"),
    };
    let sent = send(pid.try_into().unwrap(), signal);
    assert!(sent.is_ok(), "SIG{name} to {pid}: {sent:?}");
}

/// A child that ends with its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What a run of the program left behind.
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program to its end with these arguments.
pub fn run(arguments: &[&str]) -> Output {
    let output = Command::new(program()).args(arguments).stdin(Stdio::null()).output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `GET path` as a browser's simplest form.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn method(request: &[u8]) -> &str {
    let end = request.iter().position(|&b| b == b' ').unwrap_or(0);
    std::str::from_utf8(&request[..end]).unwrap_or("GET")
}

fn write_file(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// A directory that goes away with its owner.
pub struct TempDir {
    pub path: PathBuf,
}

impl TempDir {
    pub fn new() -> TempDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringx-it-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        TempDir { path }
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}
