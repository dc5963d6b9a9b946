//! A short run of every fuzz target on the stable toolchain: its corpus, then the same number of mutations of it each
//! time. The laws are in `tests/fuzz/src`; a long run with libFuzzer is described in `tests/fuzz/README.md`.
//!
//! `FUZZ_ROUNDS=50 cargo test --test fuzz_smoke` runs fifty times as long, `FUZZ_SEED=7` elsewhere.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "the targets are a library of their own for libFuzzer")]

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fuzz::{Random, TARGETS};

/// Mutated inputs per target and round: about two seconds without optimisation.
const INPUTS: usize = 50_000;

/// Longest input a mutation makes.
const MAX_LEN: usize = 4 << 10;

/// What means something to one of the rooms.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b"\x7f",
    b"\xff",
    b":",
    b";",
    b",",
    b"-",
    b"=",
    b"\"",
    b"'",
    b"\\",
    b"#",
    b"?",
    b"%",
    b"%2e",
    b"%2F",
    b"%00",
    b"%25",
    b"/",
    b"//",
    b"/./",
    b"/../",
    b"..",
    b"+",
    b"$",
    b"${",
    b"{",
    b"}",
    b"$1",
    b"$host",
    b"$http_",
    b"0",
    b"7fffffffffffffff",
    b"9223372036854775808",
    b"18446744073709551616",
    b"bytes=",
    b"chunked",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: h\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"GET ",
    b"http://h:8",
    b"0\r\n\r\n",
    b"location ",
    b"server { ",
    b"if ",
    b"10k",
    b"1d",
    b"include ",
    b"Status: 200\n",
    b"Location: /\n",
    b"PROXY TCP4 ",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"VALUE ",
    b"{SSHA}",
    b"$apr1$",
    b"\x01\x06\x00\x01\x00\x04\x04\x00",
    b"\x01\x07\x00\x01\x00\x02\x00\x00",
    b"\x01\x03\x00\x01\x00\x08\x00\x00",
];

fn smoke(name: &str) {
    let (name, target) = *TARGETS.iter().find(|(n, _)| *n == name).unwrap();
    let corpus = corpus(name);
    let mut random = Random::of(format!("{name}{}", variable("FUZZ_SEED")).as_bytes());
    for input in &corpus {
        judge(target, input);
    }
    // A configuration costs a hundred times as much as a head.
    let inputs = match name {
        "configuration" => INPUTS / 25,
        "exchange" => INPUTS / 50,
        "password" => INPUTS / 200,
        _ => INPUTS,
    };
    for _ in 0..inputs * variable("FUZZ_ROUNDS").max(1) {
        judge(target, &mutated(&corpus, &mut random));
    }
}

/// Runs the target; when a law is broken, says with which input.
fn judge(target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("the input was b\"{}\"", input.escape_ascii());
        resume_unwind(panic);
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no corpus in {}", dir.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn variable(name: &str) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// One of the corpus with a few changes.
fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(16)).min(input.len());
        match random.below(8) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.below(256) as u8,
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, piece.repeat(1 + random.below(20)));
            }
            5 => {
                let other = &corpus[random.below(corpus.len())];
                input.splice(at..end, other[random.below(other.len() + 1)..].iter().copied());
            }
            _ => drop(input.splice(at..end, TOKENS[random.below(TOKENS.len())].iter().copied())),
        }
        input.truncate(MAX_LEN);
    }
    input
}

macro_rules! smoke {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            smoke(stringify!($target));
        })*

        #[test]
        fn every_target_has_its_run() {
            let runs = [$(stringify!($target)),*];
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), runs);
            for name in runs {
                let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
                assert!(entry.join(format!("{name}.rs")).is_file(), "{name} has no libFuzzer entry point");
            }
        }
    };
}

smoke!(request_head response_head chunked records cgi_head normalize range template configuration variables memcached proxy_protocol certificate password exchange);
