//! Configuration files: any text is either accepted or refused with reasons, always with the same ones, and quoting is
//! undone by reading.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ringx::config::model::LocationConf;
use ringx::config::rewrite::Step;
use ringx::config::template::Template;
use ringx::config::{self, LoadOptions, Loaded, Report};

/// Any bytes as a configuration file.
pub fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    quoting(&text);
    if reaches_out(&text) {
        return;
    }
    let lenient = load(&text, false);
    let strict = load(&text, true);
    assert!(lenient.is_ok() || strict.is_err(), "strict accepts what lenient refuses");
    match (&lenient, load(&text, false)) {
        (Ok(first), Ok(second)) => assert_eq!(first.diagnostics.lines(), second.diagnostics.lines()),
        (Err(first), Err(second)) => {
            assert!(!first.lines().is_empty(), "refused without a reason");
            assert_eq!(first.lines(), second.lines());
            assert!(!first.render("ringx").is_empty());
        }
        _ => panic!("accepted once and refused once"),
    }
}

fn load(text: &str, strict: bool) -> Result<Loaded, Report> {
    config::load(&LoadOptions {
        text: Some(text.to_owned()),
        prefix: PathBuf::from("/nonexistent"),
        superuser: Some(false),
        strict,
        ..LoadOptions::default()
    })
}

/// Whether reading the text would look at files or ask a name server: `include`, and names where an address may be.
fn reaches_out(text: &str) -> bool {
    if text.contains("include") {
        return true;
    }
    let mut words =
        text.split(|c: char| c.is_ascii_whitespace() || "\"';".contains(c)).filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        if ["listen", "server", "proxy_pass"].iter().any(|name| word.ends_with(name))
            && words.next().is_some_and(|argument| !is_address(argument))
        {
            return true;
        }
    }
    false
}

fn is_address(argument: &str) -> bool {
    let lower = argument.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or(lower.strip_prefix("https://")).unwrap_or(&lower);
    let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
    host.parse::<Ipv4Addr>().is_ok() || ["", "*", "{", "unix", "localhost", "fuzzed_app"].contains(&host)
}

/// Any text can be written in quotes and is read back as it was.
fn quoting(text: &str) {
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    // Longer words and variables are not plain text.
    if quoted.len() > 4000 || text.contains('$') {
        return;
    }
    let loaded = load(&format!("server {{ listen 8080; return 200 \"{quoted}\"; }}"), true);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render("ringx")));
    let texts: Vec<_> = loaded.conf.http.locations.iter().filter_map(returned).collect();
    assert!(!texts.is_empty());
    for template in texts {
        assert_eq!(template.as_literal(), Some(text.as_bytes()));
    }
}

/// The text of a location's first `return`.
fn returned(location: &LocationConf) -> Option<&Template> {
    location.script.as_ref()?.steps.iter().find_map(|step| match step {
        Step::Return(conf) => conf.text.as_ref(),
        _ => None,
    })
}
