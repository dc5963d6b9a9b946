//! The release binary: built once, started in front of one small site, alone or under valgrind or strace, and looked at
//! from outside through `/proc`. It knows nothing of what is measured. Called by `callgrind` and `kernel`.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use crate::load::{Load, Row};
use crate::support::{DEADLINE, MODIFIED, Port, TempDir, reserve, wait_for};

/// Says something to whoever runs the tests; `eprintln!` would be swallowed by the test runner.
pub fn announce(text: &str) {
    drop(writeln!(std::io::stderr(), "*** budgets: {text}"));
}

/// Polls often until `ready` gives a value: thousands of times in a run something takes some microseconds.
pub fn poll<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain for {what}");
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// The release binary, built by the cargo that runs this test.
pub fn release() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        announce("cargo build --release (a minute or two, unless it is there already)");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--bin", "ringx", "--message-format=json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "cargo build --release: {}", built.status);
        let messages = String::from_utf8(built.stdout).unwrap();
        let binary = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message.get("executable")?.as_str()?))
        });
        binary.expect("cargo names the program it built")
    })
}

/// Whether this tool is installed. Where it is not, the measure is skipped and that is said; with `CI=true` it fails.
pub fn has(tool: &str) -> bool {
    if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success()) {
        return true;
    }
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{tool} is required when CI=true");
    announce(&format!(
        "SKIPPED: what {tool} counts is not held, it is not installed (apt-get install {tool})"
    ));
    false
}

/// The program with one worker, in front of a directory and an app; it stops when dropped.
pub struct Program {
    pub address: SocketAddr,
    pub dir: TempDir,
    /// The tool that runs it, or the program itself.
    child: Child,
    pid: u32,
    _port: Port,
}

impl Program {
    /// Starts `tool` (empty: nothing) with the program as its last arguments and waits until it accepts.
    pub fn start(tool: &[&str], variables: &[(&str, &str)], load: &Load) -> Program {
        let dir = TempDir::new();
        let port = reserve();
        site(&dir.path);
        let file = dir.path.join("nginx.conf");
        fs::write(&file, configuration(port.number, load.app())).unwrap();
        let tool: Vec<String> =
            tool.iter().map(|word| word.replace("{dir}", dir.path.to_str().unwrap())).collect();
        let mut words = tool.iter().map(String::as_str).chain([release().to_str().unwrap()]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words).arg("-p").arg(&dir.path).arg("-c").arg(&file);
        let log = fs::File::create(dir.path.join("stderr.log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.env_remove("RINGX_IO").envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let pid = wait_for("the program to accept", || {
            if let Some(exited) = child.try_wait().unwrap() {
                let log = |name| fs::read_to_string(dir.path.join(name)).unwrap_or_default();
                panic!("{exited}\n{}{}", log("stderr.log"), log("error.log"));
            }
            TcpStream::connect(address).ok()?;
            fs::read_to_string(dir.path.join("pid")).ok()?.strip_suffix('\n')?.parse().ok()
        });
        Program { address, dir, child, pid, _port: port }
    }

    /// The thread that serves. It has its name a moment after it has begun.
    pub fn worker(&self) -> u32 {
        poll("a thread named ringx-NUMBER", || {
            let mut threads = self.threads().into_iter();
            threads.find(|thread| self.read(&format!("task/{thread}/comm")).starts_with("ringx-"))
        })
    }

    /// A file of `/proc/PID`.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid)).unwrap_or_default()
    }

    /// What the kernel says about each ring: the fdinfo of its descriptor.
    pub fn rings(&self) -> Vec<String> {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap();
        descriptors
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let is_ring = fs::read_link(entry.path()).ok()?.to_str()?.contains("[io_uring]");
                is_ring
                    .then(|| self.read(&format!("fdinfo/{}", entry.file_name().to_str().expect("a number"))))
            })
            .collect()
    }

    /// Waits until every thread waits for something to happen.
    pub fn wait_idle(&self) {
        self.wait_state("the program to be idle", |state| state == 'S');
    }

    /// Stops every thread: what arrives from now on is found in one piece.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        self.wait_state("the program to stop", |state| state == 'T' || state == 't');
    }

    /// Ends [`Program::freeze`].
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Ends the program, and the tool with it.
    pub fn finish(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal(libc::SIGTERM);
            wait_for("the program to end", || self.child.try_wait().unwrap());
        }
    }

    /// Does one thing to the program, by its process id.
    #[allow(unsafe_code, reason = "kill(2)")]
    fn signal(&self, signal: i32) {
        // SAFETY: it takes two numbers; the child is not reaped yet, so that the id is still its own.
        let done = unsafe { libc::kill(i32::try_from(self.pid).expect("a process id"), signal) };
        assert_eq!(done, 0, "kill({}, {signal})", self.pid);
    }

    fn wait_state(&self, what: &str, wanted: impl Fn(char) -> bool) {
        poll(what, || {
            let mut threads = self.threads().into_iter();
            threads
                .all(|thread| {
                    let stat = self.read(&format!("task/{thread}/stat"));
                    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).is_some_and(&wanted)
                })
                .then_some(())
        });
    }

    fn threads(&self) -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap();
        tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|exited| exited.is_none()) {
            // A frozen program ends only by this; strace ends with it.
            self.signal(libc::SIGKILL);
            drop(self.child.wait());
        }
    }
}

/// A file that has not changed for long: one that was written just now is read once more after a second.
fn site(dir: &Path) {
    fs::create_dir_all(dir.join("static")).unwrap();
    let path = dir.join("static/k1.css");
    fs::write(&path, "x".repeat(Row::Static.body())).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED)).unwrap();
}

fn configuration(port: u16, app: SocketAddr) -> String {
    // A relative path is one below -p. `user` is for root, whom the program would otherwise leave for nobody.
    format!(
        "user root; daemon off; worker_processes 1; pid pid; error_log error.log;
        events {{ worker_connections 512; }}
        http {{
            access_log off;
            keepalive_requests 100000000;
            keepalive_timeout 600;
            client_body_temp_path temp;
            proxy_temp_path temp;
            upstream app {{ server {app}; keepalive 256; keepalive_requests 100000000; keepalive_timeout 600; }}
            server {{
                listen 127.0.0.1:{port};
                location /static/ {{ alias static/; }}
                location / {{
                    proxy_pass http://app;
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                }}
            }}
        }}\n"
    )
}
