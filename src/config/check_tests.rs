//! Golden tests of the language: `tests/golden/config/*.conf` hold a configuration, a line of ten dashes and what
//! is said about it. `UPDATE_GOLDEN=1 cargo test golden` writes the second part.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::super::source::FileAccess;
use super::{Origin, Strictness, Written, read};
use crate::config::ast::{Arg, Directive};
use crate::config::spec;

const LINE: &str = "----------\n";

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config")
}

/// A folder with `text` as `nginx.conf` beside the files that the golden configurations include.
struct Folder(PathBuf);

impl Folder {
    fn new(text: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ringx-golden-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        for entry in std::fs::read_dir(golden_dir()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "inc") {
                std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
            }
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is said about `text`; a first line `# strict` or `# -g text` says how it is read.
fn check(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let strictness = if first == "# strict" { Strictness::Strict } else { Strictness::Lenient };
    let globals = first.strip_prefix("# -g ");
    let folder = Folder::new(text);
    let file = folder.0.join("nginx.conf");
    let Written { directives, sources, diagnostics } =
        read(Origin::File(&file), globals, strictness, FileAccess::default());
    let said = diagnostics.render("ringx", &sources).replace(&format!("{}/", folder.0.display()), "");
    if said.is_empty() { dump(&directives) } else { said }
}

#[test]
fn golden() {
    let mut wrong = String::new();
    let mut count = 0;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(golden_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "conf")) {
        let text = std::fs::read_to_string(path).unwrap();
        let (input, expected) = text.split_once(LINE).unwrap_or((&text, ""));
        let said = check(input);
        count += 1;
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, format!("{input}{LINE}{said}")).unwrap();
        } else if said != expected {
            let _ = writeln!(wrong, "{}:\n--- expected\n{expected}--- got\n{said}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 10, "the golden files are missing");
}

/// The directives as a configuration that means the same.
fn dump(directives: &[Directive]) -> String {
    let mut out = String::new();
    write_block(&mut out, directives, 0);
    out
}

fn write_block(out: &mut String, directives: &[Directive], depth: usize) {
    for d in directives {
        let _ = write!(out, "{:indent$}{}", "", quoted(&d.name), indent = depth * 4);
        for arg in d.args() {
            let _ = write!(out, " {}", quoted(arg));
        }
        if d.has_block() {
            out.push_str(" {\n");
            write_block(out, d.children(), depth + 1);
            let _ = writeln!(out, "{:indent$}}}", "", indent = depth * 4);
        } else {
            out.push_str(";\n");
        }
    }
}

/// A word in quotes, whatever it holds. A backslash is doubled only where it would be an escape otherwise.
fn quoted(arg: &Arg) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=~^*$@,".contains(&b);
    if !arg.text().is_empty() && arg.text().bytes().all(plain) && !arg.text().contains('\\') {
        return arg.text().to_owned();
    }
    let mut out = String::from("\"");
    for c in arg.text().chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn read_text(text: &str) -> Written {
    read(Origin::Text(text, Path::new("/nonexistent")), None, Strictness::Lenient, FileAccess::default())
}

fn words(directives: &[Directive]) -> Vec<(String, Vec<String>, usize)> {
    let one = |d: &Directive| {
        let args = d.args().iter().map(|arg| arg.text().to_owned()).collect();
        (d.name().to_owned(), args, d.children().len())
    };
    directives.iter().flat_map(|d| std::iter::once(one(d)).chain(words(d.children()))).collect()
}

/// Configurations that are mostly right: directives of the table with arguments of many shapes.
fn configuration() -> impl Strategy<Value = String> {
    let names: Vec<&str> = spec::all().map(|spec| spec.name).filter(|name| *name != "include").collect();
    let word = prop_oneof![
        Just("on".to_owned()),
        Just("/x".to_owned()),
        Just("${host}a".to_owned()),
        Just("\"a b;{}#\"".to_owned()),
        Just("'it\\'s'".to_owned()),
        Just("~\\.php$".to_owned()),
        Just("a#b".to_owned()),
        "[a-z0-9$]{1,6}",
    ];
    let simple = (proptest::sample::select(names), prop::collection::vec(word, 0..3))
        .prop_map(|(name, args)| format!("{name} {};\n", args.join(" ")));
    let tree = simple.prop_recursive(4, 40, 8, |inner| {
        let block = proptest::sample::select(vec!["http", "server", "location /x", "types", "map $a $b"]);
        (block, prop::collection::vec(inner, 0..6))
            .prop_map(|(head, inner)| format!("{head} {{\n{}}}\n", inner.concat()))
    });
    prop::collection::vec(tree, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let written = read_text(&text);
        written.diagnostics.render("x", &written.sources);
    }

    #[test]
    fn any_tokens_are_read(text in "([a-z]{1,3}|[{};#\"'\\\\$ \n\t]|include x|http|server|location){0,80}") {
        let written = read_text(&text);
        written.diagnostics.render("x", &written.sources);
    }

    #[test]
    fn what_is_read_reads_back_the_same(text in configuration()) {
        let once = read_text(&text).directives;
        let twice = read_text(&dump(&once)).directives;
        prop_assert_eq!(words(&once), words(&twice));
    }
}
