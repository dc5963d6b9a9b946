//! What one request costs in the kernel's currency, counted from outside while the program serves in turns: submissions
//! from the counters in `/proc/PID/fdinfo`, system calls of the worker's thread from strace. Called by the tests in
//! `budgets.rs`.

use std::collections::BTreeMap;
use std::fs;

use crate::load::{Load, Row};
use crate::program::{Program, announce, has, release};
use crate::support::wait_for;

/// Rounds before counting: caches are filled, connections to the app are kept.
const WARM_UP: usize = 20;

/// Times that the same is counted. What happens now and then only adds (a timer, a look at a file after a second), so
/// that the least is what the requests cost.
const WINDOWS: usize = 5;

/// Lines of strace's log that a trace shows.
const SHOWN: usize = 40;

/// What one request costs.
#[derive(Clone, Copy, Debug)]
pub struct SystemCalls {
    /// `io_uring_enter(2)`.
    pub enters: f64,
    /// Every other one.
    pub others: f64,
}

/// Whether the program gets the ring the budgets are for. A kernel cannot be installed by a test, so that this skips in
/// CI too.
pub fn has_ring() -> bool {
    let version = std::process::Command::new(release()).arg("-V").env_remove("RINGX_IO").output().unwrap();
    let text =
        [version.stdout, version.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if text.contains("DEFER_TASKRUN") {
        return true;
    }
    announce(&format!(
        "SKIPPED: submissions and system calls are not held, they are for Linux 6.1 and later:\n{text}"
    ));
    false
}

/// Submissions per request with so many clients.
pub fn submissions(row: Row, clients: usize) -> f64 {
    let mut load = Load::new(row);
    let program = Program::start(&[], &[], &load);
    load.connect(&program, clients);
    load.run(&program, WARM_UP);
    let mut before = submitted(&program);
    let mut least = u32::MAX;
    for _ in 0..WINDOWS {
        load.run(&program, rounds(clients));
        let after = submitted(&program);
        least = least.min(after.wrapping_sub(before));
        before = after;
    }
    per_request(least, clients)
}

/// System calls per request with so many clients, `None` where strace is missing; `trace` shows them by name.
pub fn system_calls(row: Row, clients: usize, trace: bool) -> Option<SystemCalls> {
    if !has("strace") {
        return None;
    }
    let mut load = Load::new(row);
    let tool = ["strace", "-ff", "-q", "-e", "raw=all", "-e", "signal=none", "-o", "{dir}/calls"];
    let program = Program::start(&tool, &[], &load);
    let file = program.dir.path.join(format!("calls.{}", program.worker()));
    load.connect(&program, clients);
    load.run(&program, WARM_UP);
    let mut from = ended(&fs::read_to_string(&file).unwrap()).len();
    let mut least = SystemCalls { enters: f64::MAX, others: f64::MAX };
    for _ in 0..WINDOWS {
        load.run(&program, rounds(clients));
        let log = fs::read_to_string(&file).unwrap();
        let log = ended(&log);
        let mut names = counted(&log[from..]);
        if trace && least.enters == f64::MAX {
            show(row, clients, log, &names);
        }
        from = log.len();
        let enters = names.remove("io_uring_enter").unwrap_or_default();
        least.enters = least.enters.min(per_request(enters, clients));
        least.others = least.others.min(per_request(names.values().sum(), clients));
    }
    Some(least)
}

/// What the worker called at last, and how often a request called what.
fn show(row: Row, clients: usize, log: &str, names: &BTreeMap<&str, u32>) {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    let counts: Vec<String> =
        names.iter().map(|(name, count)| format!("{:8.3}  {name}", per_request(*count, clients))).collect();
    let counts = counts.join("\n");
    announce(&format!(
        "{row:?}, clients: {clients}: the last system calls, and calls per request\n{last}\n{counts}\n"
    ));
}

/// The log without the call that the worker waits in.
fn ended(log: &str) -> &str {
    &log[..log.rfind('\n').map_or(0, |end| end + 1)]
}

/// Rounds that are counted: some hundreds of requests, however many clients.
fn rounds(clients: usize) -> usize {
    (200 / clients).max(10)
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn per_request(count: u32, clients: usize) -> f64 {
    f64::from(count) / (rounds(clients) * clients) as f64
}

/// System calls by name in a log of strace. Those that ended without an event do not count: the timer's, and those that
/// a freeze interrupted.
fn counted(log: &str) -> BTreeMap<&str, u32> {
    let mut names = BTreeMap::new();
    for line in log.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        if !(rest.contains("= -1 EINTR") || rest.contains("= -1 ETIME")) {
            *names.entry(name).or_default() += 1;
        }
    }
    names
}

/// How far the tails of the program's submission queues are. The kernel leaves the counters out while a ring is busy.
fn submitted(program: &Program) -> u32 {
    program.wait_idle();
    wait_for("the counters of the ring", || {
        let rings = program.rings();
        let tails: Vec<u32> = rings.iter().filter_map(|info| tail(info)).collect();
        (tails.len() == rings.len() && !tails.is_empty())
            .then(|| tails.into_iter().fold(0, u32::wrapping_add))
    })
}

/// The field `SqTail` of an fdinfo, which wraps.
fn tail(info: &str) -> Option<u32> {
    info.lines().find_map(|line| line.strip_prefix("SqTail:")?.trim().parse().ok())
}

#[test]
fn system_calls_are_counted_by_name() {
    let log = ended(
        "io_uring_enter(0x8, 0x1, 0x1, 0x9, 0, 0x18) = 0x1\nrecvfrom(0x9, 0, 0x2000) = 0x58\n\
               io_uring_enter(0x8, 0, 0x1, 0x9, 0, 0x18) = -1 ETIME (Timer expired)\nio_uring_enter(0x8",
    );
    let counted = counted(log);
    assert_eq!((counted["io_uring_enter"], counted["recvfrom"]), (1, 1));
    assert_eq!(tail("SqMask:\t0x3ff\nSqHead:\t9\nSqTail:\t16\n"), Some(16));
}
