//! Holds the arithmetic of the load test (`loadtest/test_arithmetic.py`): clocks, ratios, the gate, pages and charts. The load
//! test itself is for a person and a quiet machine: `docs/benchmarks.md`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

#[test]
fn the_arithmetic_of_the_load_test() {
    let mut command = Command::new("python3");
    command.args(["-m", "unittest", "discover", "-s", "loadtest"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let done = match command.output() {
        Ok(done) => done,
        Err(error) if error.kind() == ErrorKind::NotFound && !in_ci() => {
            // `eprintln!` would be swallowed by the test runner.
            writeln!(std::io::stderr(), "\n*** SKIPPED: the load test's arithmetic needs python3\n").unwrap();
            return;
        }
        Err(error) => panic!("python3: {error}"),
    };
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    // Finding no test at all is no success.
    assert!(said.contains("Ran ") && !said.contains("Ran 0 tests"), "{said}");
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}
