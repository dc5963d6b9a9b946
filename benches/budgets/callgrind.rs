//! User instructions per request, of the whole program under valgrind's callgrind: the difference between a long and a
//! short run, so that start, stop and first requests do not count. valgrind does not know io_uring; the program runs
//! on its epoll rung here. Called by the tests in `budgets.rs`.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::load::{Load, Row};
use crate::program::{Program, announce};

/// Requests of the two runs, of all clients together.
const SHORT: usize = 320;
const LONG: usize = 1280;

/// Functions, and lines, that a trace shows.
const SHOWN: usize = 25;

/// Instructions by the place where they were executed.
#[derive(Default)]
struct Profile {
    total: f64,
    functions: HashMap<String, f64>,
    lines: HashMap<String, f64>,
}

/// Instructions for one request of one of so many clients; `trace` shows where they are executed.
pub fn instructions(row: Row, clients: usize, trace: bool) -> f64 {
    let short = profile(row, clients, SHORT);
    let long = profile(row, clients, LONG);
    if trace {
        announce(&format!("{row:?}, clients: {clients}: {}", compared(&short, &long)));
    }
    (long.total - short.total) / requests()
}

#[allow(clippy::cast_precision_loss, reason = "a small number")]
fn requests() -> f64 {
    (LONG - SHORT) as f64
}

/// Runs the program for so many requests. The output stays under `target/tmp`, for `callgrind_annotate`.
fn profile(row: Row, clients: usize, requests: usize) -> Profile {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind.{row:?}.{clients}.{requests}.out"));
    let mut load = Load::new(row);
    let out = format!("--callgrind-out-file={}", file.display());
    let tool = ["valgrind", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no", out.as_str()];
    let mut program = Program::start(&tool, &[("RINGX_IO", "epoll")], &load);
    load.connect(&program, clients);
    load.run(&program, requests / clients);
    program.finish();
    Profile::read(&fs::read_to_string(&file).unwrap())
}

impl Profile {
    /// Reads the format of valgrind's manual, chapter "Callgrind Format Specification", uncompressed.
    fn read(text: &str) -> Profile {
        let mut profile = Profile::default();
        let (mut function, mut file) = (String::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("fn=") {
                name.clone_into(&mut function);
            } else if let Some((_, name)) =
                line.split_once('=').filter(|(k, _)| ["fl", "fi", "fe"].contains(k))
            {
                file = short_path(name);
            } else if line.starts_with("calls=") {
                // What the called function cost, which is counted there.
                lines.next();
            } else if let Some(total) = line.strip_prefix("totals: ") {
                profile.total = total.trim().parse().unwrap();
            } else if line.starts_with(|c: char| c.is_ascii_digit()) {
                let (at, cost) = line.split_once(' ').expect("a line number and a cost");
                let cost: f64 = cost.trim().parse().unwrap();
                *profile.functions.entry(function.clone()).or_default() += cost;
                *profile.lines.entry(format!("{file}:{at}")).or_default() += cost;
            }
        }
        assert!(profile.total > 0.0, "callgrind counted nothing");
        profile
    }
}

/// Only the end of a path says something: `ringx/src/http1/head.rs` rather than where the source lies.
fn short_path(path: &str) -> String {
    let parts: PathBuf = path.into();
    let parts: Vec<_> = parts.iter().filter_map(|part| part.to_str()).collect();
    let source = parts.iter().rposition(|part| *part == "src");
    let from = source.map_or(parts.len().saturating_sub(3), |at| at.saturating_sub(1));
    parts[from..].join("/")
}

/// What costs most for each request: functions with what was inlined into them, and lines of source.
fn compared(short: &Profile, long: &Profile) -> String {
    let total = (long.total - short.total) / requests();
    let mut text = format!("{total:.0} instructions per request\n");
    for (what, before, after) in [
        ("function, with what is inlined in it", &short.functions, &long.functions),
        ("line", &short.lines, &long.lines),
    ] {
        let cost = |(name, cost): (&String, &f64)| {
            (name.clone(), (cost - before.get(name).copied().unwrap_or_default()) / requests())
        };
        let mut costs: Vec<(String, f64)> = after.iter().map(cost).collect();
        costs.sort_by(|a, b| b.1.total_cmp(&a.1));
        writeln!(text, "\n    self  share  {what}").unwrap();
        for (name, cost) in costs.iter().take(SHOWN) {
            let name: String = name.chars().take(110).collect();
            writeln!(text, "{cost:8.0} {:5.1}%  {name}", 100.0 * cost / total).unwrap();
        }
    }
    text
}

#[test]
fn the_profile_is_read_as_callgrind_wrote_it() {
    let text = "version: 1\npositions: line\nevents: Ir\n\nfl=/home/x/ringx/src/main.rs\nfn=main\n10 3\nfi=/a/b/c/d.rs\n\
                11 4\nfe=/home/x/ringx/src/main.rs\ncfn=called\ncalls=1 20\n12 100\n12 2\n\nfn=called\n20 100\n\ntotals: 109\n";
    let profile = Profile::read(text);
    assert_eq!((profile.total, profile.functions["main"], profile.functions["called"]), (109.0, 9.0, 100.0));
    assert_eq!((profile.lines["ringx/src/main.rs:12"], profile.lines["b/c/d.rs:11"]), (2.0, 4.0));
}
