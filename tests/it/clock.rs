//! The wall clock is set while the program runs: time-outs, rates and waits do not notice, dates follow.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{Client, DEADLINE, Origin, Server, get};

/// Put before the C library: adds the seconds that the file `OFFSET` holds to the wall clock alone.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *offset;

__attribute__((constructor)) static void begin(void) {
    int fd = open(OFFSET, O_RDONLY | O_CLOEXEC);
    void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) offset = page;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int result = syscall(SYS_clock_gettime, id, t);
    if (result == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *t, void *zone) {
    int result = syscall(SYS_gettimeofday, t, zone);
    if (result == 0 && offset) t->tv_sec += *offset;
    return result;
}
"#;

const DAY: i64 = 86_400;

/// Compiles the shim into `dir`.
fn shim(dir: &Path) {
    fs::write(dir.join("clock.c"), SHIM).unwrap();
    set(dir, 0);
    let offset = format!("-DOFFSET=\"{}\"", dir.join("offset").display());
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([dir.join("clock.so"), dir.join("clock.c")])
        .arg(offset)
        .output()
        .expect("a C compiler, which building this program takes too");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Sets the clock of the program whose shim is in `dir`.
fn set(dir: &Path, seconds: i64) {
    use std::os::unix::fs::FileExt;
    let file =
        fs::OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("offset")).unwrap();
    file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
}

/// Waits until the program's clock is that far from this one, on a connection that stays.
fn wait_seconds(client: &mut Client, offset: i64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + offset;
        let response = client.send(get("/now")).response();
        let text = response.text();
        let there = text.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok()).unwrap();
        if (there - here).abs() < 60 {
            return;
        }
        assert!(Instant::now() < deadline, "{there} for {here}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_sets_the_clock_ends_no_wait_and_opens_no_limit() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/slow" {
                gone.lock().unwrap().recv().unwrap();
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let setup = Server::setup().app(&origin).under(&["env", "LD_PRELOAD={{dir}}/clock.so"]);
    shim(setup.dir());
    let server = setup.start(
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m; keepalive_timeout 300s;
         server { listen {{port}};
             location /now { return 200 $msec; }
             location /once { limit_req zone=one; proxy_pass http://{{app}}; }
             location /slow { proxy_pass http://{{app}}; proxy_read_timeout 60s; }
             location /brief { keepalive_timeout 1s; return 200 brief; } }",
    );
    let mut kept = Client::connect(server.address());
    wait_seconds(&mut kept, 0);
    assert_eq!(kept.send(get("/once")).response().status, 200);
    assert_eq!(kept.send(get("/once")).response().status, 503);
    for offset in [DAY, -DAY, 10 * DAY, 0] {
        let mut waiting = Client::connect(server.address());
        let asked = origin.requests().len();
        waiting.send(get("/slow"));
        origin.wait_requests(asked + 1);
        let mut brief = Client::connect(server.address());
        assert_eq!(brief.send(get("/brief")).response().text(), "brief");
        set(server.dir(), offset);
        // On the connection that was there before, which no time-out has ended.
        wait_seconds(&mut kept, offset);
        assert_eq!(kept.send(get("/once")).response().status, 503, "{offset}");
        assert!(!waiting.has_ended(Duration::from_millis(50)), "{offset}");
        go.send(()).unwrap();
        assert_eq!(waiting.response().text(), "ok", "{offset}");
        // What is short goes on being so, also when the clock has gone back.
        let begun = Instant::now();
        brief.expect_close();
        assert!(begun.elapsed() < Duration::from_secs(10), "{offset}");
    }
}
