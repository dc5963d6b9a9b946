//! Holds what one request costs where it can be counted: user instructions, submissions to the ring, system calls. A
//! count is the same on a busy machine, which a time is not; what a request costs in time is measured elsewhere.
//!
//! The release binary is what is measured, built by `cargo build --release` first. A measure 5 % above its budget
//! fails; one 5 % below it asks for a lower budget. `UPDATE_BUDGETS=1 cargo test --test budgets` prints the constants
//! anew, `BUDGETS=trace` shows what the counts are made of. See docs/testing.md.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and may read the clock")]
#![allow(unreachable_pub, reason = "one binary: `pub` says what a module offers to its neighbours")]

#[path = "../tests/it/support/mod.rs"]
mod support;

#[path = "budgets/callgrind.rs"]
mod callgrind;
#[path = "budgets/kernel.rs"]
mod kernel;
#[path = "budgets/load.rs"]
mod load;
#[path = "budgets/program.rs"]
mod program;

use load::Row;
use program::announce;

// User instructions per request, of the whole program, on epoll: of one client, and of as many as DEPTH says.
const STATIC_INSTRUCTIONS: Budget = budget("STATIC_INSTRUCTIONS", 7_606.0);
const PROXIED_INSTRUCTIONS: Budget = budget("PROXIED_INSTRUCTIONS", 13_998.0);
const STATIC_DEEP_INSTRUCTIONS: Budget = budget("STATIC_DEEP_INSTRUCTIONS", 6_515.0);
const PROXIED_DEEP_INSTRUCTIONS: Budget = budget("PROXIED_DEEP_INSTRUCTIONS", 12_016.0);

// Submissions and system calls per request of one client.
const STATIC_SUBMISSIONS: Budget = budget("STATIC_SUBMISSIONS", 1.0);
const STATIC_ENTERS: Budget = budget("STATIC_ENTERS", 1.0);
const STATIC_OTHER_CALLS: Budget = budget("STATIC_OTHER_CALLS", 3.0);
const PROXIED_SUBMISSIONS: Budget = budget("PROXIED_SUBMISSIONS", 2.0);
const PROXIED_ENTERS: Budget = budget("PROXIED_ENTERS", 2.0);
const PROXIED_OTHER_CALLS: Budget = budget("PROXIED_OTHER_CALLS", 6.0);

// Submissions and system calls per request of as many clients at once as DEPTH says.
const STATIC_DEEP_SUBMISSIONS: Budget = budget("STATIC_DEEP_SUBMISSIONS", 1.016);
const STATIC_DEEP_ENTERS: Budget = budget("STATIC_DEEP_ENTERS", 0.047);
const STATIC_DEEP_OTHER_CALLS: Budget = budget("STATIC_DEEP_OTHER_CALLS", 1.016);
const PROXIED_DEEP_SUBMISSIONS: Budget = budget("PROXIED_DEEP_SUBMISSIONS", 2.031);
const PROXIED_DEEP_ENTERS: Budget = budget("PROXIED_DEEP_ENTERS", 0.094);
const PROXIED_DEEP_OTHER_CALLS: Budget = budget("PROXIED_DEEP_OTHER_CALLS", 2.038);

/// Clients in lock-step.
const DEPTH: usize = 64;

/// How far a measure may be from its budget.
const TOLERANCE: f64 = 0.05;

/// What one event in 200 requests adds (a timer, a look at the clock) is no cost of a request.
const NOISE: f64 = 0.005;

/// What a request may cost.
struct Budget {
    name: &'static str,
    most: f64,
}

const fn budget(name: &'static str, most: f64) -> Budget {
    Budget { name, most }
}

#[test]
fn instructions_of_a_static_request() {
    hold_instructions(&STATIC_INSTRUCTIONS, Row::Static, 1);
    hold_instructions(&STATIC_DEEP_INSTRUCTIONS, Row::Static, DEPTH);
}

#[test]
fn instructions_of_a_proxied_request() {
    hold_instructions(&PROXIED_INSTRUCTIONS, Row::Proxied, 1);
    hold_instructions(&PROXIED_DEEP_INSTRUCTIONS, Row::Proxied, DEPTH);
}

#[test]
fn a_static_request_in_the_kernel() {
    hold_kernel([&STATIC_SUBMISSIONS, &STATIC_ENTERS, &STATIC_OTHER_CALLS], Row::Static, 1);
}

#[test]
fn a_proxied_request_in_the_kernel() {
    hold_kernel([&PROXIED_SUBMISSIONS, &PROXIED_ENTERS, &PROXIED_OTHER_CALLS], Row::Proxied, 1);
}

#[test]
fn static_requests_in_the_kernel_at_depth() {
    let budgets = [&STATIC_DEEP_SUBMISSIONS, &STATIC_DEEP_ENTERS, &STATIC_DEEP_OTHER_CALLS];
    hold_kernel(budgets, Row::Static, DEPTH);
}

#[test]
fn proxied_requests_in_the_kernel_at_depth() {
    let budgets = [&PROXIED_DEEP_SUBMISSIONS, &PROXIED_DEEP_ENTERS, &PROXIED_DEEP_OTHER_CALLS];
    hold_kernel(budgets, Row::Proxied, DEPTH);
}

#[test]
fn a_measure_is_held_to_its_budget() {
    let calls = budget("CALLS", 2.0);
    assert_eq!(calls.verdict(2.0), Verdict::Kept);
    assert_eq!(calls.verdict(2.099), Verdict::Kept);
    assert_eq!(calls.verdict(2.2), Verdict::Exceeded);
    assert_eq!(calls.verdict(1.8), Verdict::TooGenerous);
    assert_eq!(budget("CALLS", 0.0).verdict(0.02), Verdict::Exceeded);
}

fn hold_instructions(budget: &Budget, row: Row, clients: usize) {
    if program::has("valgrind") {
        hold(&[(budget, callgrind::instructions(row, clients, trace()))]);
    }
}

fn hold_kernel([submissions, enters, others]: [&Budget; 3], row: Row, clients: usize) {
    if !kernel::has_ring() {
        return;
    }
    let mut measured = vec![(submissions, kernel::submissions(row, clients))];
    if let Some(calls) = kernel::system_calls(row, clients, trace()) {
        measured.extend([(enters, calls.enters), (others, calls.others)]);
    }
    hold(&measured);
}

/// Reports every measure, then fails if one is above its budget.
fn hold(measured: &[(&Budget, f64)]) {
    let mut exceeded = Vec::new();
    for (budget, measured) in measured {
        let (name, most) = (budget.name, budget.most);
        if std::env::var_os("UPDATE_BUDGETS").is_some() {
            announce(&format!("const {name}: Budget = budget(\"{name}\", {});", literal(*measured)));
            continue;
        }
        let note = match budget.verdict(*measured) {
            Verdict::Kept => "",
            Verdict::TooGenerous => ": lower the budget",
            Verdict::Exceeded => {
                exceeded.push(format!("{name}: {measured:.3} per request, the budget is {most:.3}"));
                ": EXCEEDED"
            }
        };
        announce(&format!("{name} {measured:.3}, budget {most:.3}{note}"));
    }
    assert!(exceeded.is_empty(), "{}", exceeded.join("\n"));
}

/// Whether to show what the counts are made of.
fn trace() -> bool {
    std::env::var("BUDGETS").is_ok_and(|value| value == "trace")
}

/// A number as clippy wants it in source.
fn literal(number: f64) -> String {
    if number < 1000.0 {
        return format!("{:?}", (number * 1000.0).round() / 1000.0);
    }
    let text = format!("{number:.0}");
    let (thousands, rest) = text.split_at(text.len() - 3);
    format!("{thousands}_{rest}.0")
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    TooGenerous,
    Exceeded,
}

impl Budget {
    fn verdict(&self, measured: f64) -> Verdict {
        if measured > self.most * (1.0 + TOLERANCE) + NOISE {
            Verdict::Exceeded
        } else if measured < self.most * (1.0 - TOLERANCE) - NOISE {
            Verdict::TooGenerous
        } else {
            Verdict::Kept
        }
    }
}
