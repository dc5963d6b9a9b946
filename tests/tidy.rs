//! Holds the source to the house rules that a compiler does not know: the layers of `src/lib.rs`, where the kernel
//! and the clock may be touched, and what a file looks like.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a file, tests included.
const MAX_LINES: usize = 800;

/// Words that only one place may say, in code (comments and texts may).
const RESERVED: &[(&str, &str)] = &[
    ("unsafe", "src/io/"),
    ("unsafe_code", "src/io/"),
    ("libc", "src/io/"),
    ("monoio", "src/io/"),
    ("io_uring", "src/io/"),
    ("Instant::now", "src/time.rs"),
    ("SystemTime::now", "src/time.rs"),
];

#[test]
fn rooms_know_only_the_rooms_below() {
    let layers = layers();
    let mut wrong = String::new();
    for (path, text) in sources("src") {
        let Some(room) = room(&path) else { continue };
        let Some(layer) = layers.get(&room) else {
            writeln!(wrong, "{}: room {room} has no layer in src/lib.rs", path.display()).unwrap();
            continue;
        };
        for (line, other) in rooms_named(&code(&text), is_top(&path)) {
            if other != room && layers.get(&other).is_some_and(|below| below >= layer) {
                let at = path.display();
                writeln!(wrong, "{at}:{line}: {room} (layer {layer}) uses {other} ({})", layers[&other])
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "use goes from a higher layer to a lower one only\n{wrong}");
}

#[test]
fn only_io_touches_the_kernel_and_only_time_the_clock() {
    let mut wrong = String::new();
    for (path, text) in sources("src") {
        for (number, line) in code(&text).lines().enumerate() {
            for (word, place) in RESERVED {
                if has_word(line, word) && !path.to_str().unwrap().starts_with(place) {
                    writeln!(wrong, "{}:{}: `{word}` belongs into {place}", path.display(), number + 1)
                        .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_file_says_what_it_is_and_stays_short() {
    let mut wrong = String::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        let at = path.display();
        if !text.starts_with("//!") {
            writeln!(wrong, "{at}: begins with `//!`: what it is, what it must never do, who calls it")
                .unwrap();
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            writeln!(wrong, "{at}: {lines} lines, at most {MAX_LINES}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The table says what is supported; `build` gives it its meaning. A row without one would be ignored in silence.
#[test]
fn every_supported_directive_is_read() {
    let read_by: String =
        sources("src/config").into_iter().filter(|(p, _)| !in_table(p)).map(|(_, t)| t).collect();
    let mut supported = 0;
    let mut wrong = String::new();
    for (path, text) in sources("src/config").into_iter().filter(|(path, _)| in_table(path)) {
        for row in text.split(";\n") {
            let Some((head, what)) = row.split_once("=>") else { continue };
            let Some(name) = head.lines().rev().find_map(|l| l.strip_prefix("    ")?.split_once(" [")) else {
                continue;
            };
            if what.trim_start().starts_with("Supported") {
                supported += 1;
                // A gateway's directive that the proxy has too is read under the proxy's name (`RawProxy::name_in_proxy`).
                let is_read = |name: &str| read_by.contains(&format!("\"{name}\""));
                let in_proxy = ["uwsgi_", "fastcgi_", "scgi_", "memcached_", "grpc_"].iter().any(|family| {
                    name.0.strip_prefix(family).is_some_and(|what| is_read(&format!("proxy_{what}")))
                });
                if !is_read(name.0) && !in_proxy {
                    writeln!(wrong, "{}: `{}` is read nowhere", path.display(), name.0).unwrap();
                }
            }
        }
    }
    assert!(supported > 90, "the table was not understood: {supported} rows");
    assert!(wrong.is_empty(), "{wrong}");
}

fn in_table(path: &Path) -> bool {
    path.starts_with("src/config/directives")
}

#[test]
fn the_rules_see_what_they_are_to_see() {
    let text = "use crate::http; // crate::shard\nlet s = \"crate::log\"; r#\"monoio\"#; '\"'; crate::{io, time::now}";
    assert_eq!(rooms_named(&code(text), false), [(1, "http".into()), (2, "io".into()), (2, "time".into())]);
    assert_eq!(rooms_named("super::io::x", true), [(1, "io".into())]);
    assert!(has_word("an unsafe {", "unsafe") && !has_word("parse_unsafe_uri", "unsafe"));
    assert!(!has_word(&code("r#\"monoio\"#"), "monoio"));
    assert!(layers().len() > 10 && layers()["time"] == 0);
}

/// The layer of each room, from the table in `src/lib.rs`.
fn layers() -> HashMap<String, u32> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut layers = HashMap::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let Some((layer, rooms)) = row.split_once('|') else { continue };
        let Ok(layer) = layer.trim().parse() else { continue };
        for room in rooms.split('`').skip(1).step_by(2) {
            layers.insert(room.to_owned(), layer);
        }
    }
    layers
}

/// `src/<room>.rs` and `src/<room>/…`; none for the crate's own two files.
fn room(path: &Path) -> Option<String> {
    let name = path.components().nth(1)?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// Whether `super` is the crate itself in this file.
fn is_top(path: &Path) -> bool {
    path.components().count() == 2 || (path.components().count() == 3 && path.ends_with("mod.rs"))
}

/// Every room a path in `code` begins with, with its line.
fn rooms_named(code: &str, super_is_crate: bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"].into_iter().take(1 + usize::from(super_is_crate)) {
        for (at, _) in code.match_indices(start) {
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + start.len()..];
            for item in first_names(rest) {
                found.push((line, item));
            }
        }
    }
    found
}

/// `a` of `a::b`, `a` and `b` of `{a, b::{c, d}}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name: &String| !name.is_empty());
    names
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_name(line[..at].chars().next_back()) && !is_name(line[at + word.len()..].chars().next())
    })
}

/// The text without comments, strings and character literals; line breaks stay.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => string_len(rest),
            'r' if !out.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw_string_len(rest),
            '\'' => char_len(rest),
            _ => 0,
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    out
}

fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string_len(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inner = 2 + hashes;
    text[inner..].find(&end).map_or(text.len(), |at| inner + at + end.len())
}

/// Length of a character literal; 0 for a lifetime.
fn char_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 0,
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file below a directory: path from the root, and text.
fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(dir)];
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") && !path.ends_with(".venv") {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}
