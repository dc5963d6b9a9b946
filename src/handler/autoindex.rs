//! `autoindex`: the listing of a directory, byte for byte nginx's.

use bytes::Bytes;

use crate::config::model::{AutoindexConf, AutoindexFormat, LocationConf};
use crate::cycle::Cycle;
use crate::files::OpenError;
use crate::files::directory::{self, Entry, EntryKind};
use crate::http::{Body, Exchange, Outcome, variables};
use crate::http1::encode;
use crate::http1::target::{Escape, escape, escape_html};
use crate::http1::{Method, Status};
use crate::log::{Level, Raw};
use crate::shard::Shard;
use crate::time::{self, http_date, iso8601, listing_time};

use super::static_file::{log_failed, map_path};

/// Columns of a name in the page; a longer one ends in `..>`.
const NAME_COLUMNS: usize = 50;
/// Longest `callback` argument.
const MAX_CALLBACK: usize = 128;

/// Lists the directory that the URI names, when `autoindex` is on.
pub fn run(exchange: &mut Exchange, _cycle: &Cycle, conf: &LocationConf, _shard: &Shard) -> Outcome {
    let Some(autoindex) = &conf.autoindex else { return Outcome::Declined };
    if !exchange.uri.ends_with(b"/") || !matches!(exchange.method, Method::Get | Method::Head) {
        return Outcome::Declined;
    }
    let mut path = std::mem::take(&mut exchange.scratch);
    let outcome = match map_path(exchange, conf, &mut path) {
        Ok(()) => respond(exchange, autoindex, &path),
        Err(status) => Outcome::Status(status),
    };
    exchange.scratch = path;
    outcome
}

fn respond(exchange: &mut Exchange, conf: &AutoindexConf, path: &[u8]) -> Outcome {
    let directory = match path {
        [_, .., _] => &path[..path.len() - 1],
        _ => path,
    };
    let callback = match (conf.format, variables::argument(&exchange.args, b"callback")) {
        (AutoindexFormat::Jsonp, Some(callback)) => callback,
        _ => b"",
    };
    if !is_callback(callback) {
        let shown = Raw(callback);
        exchange.log_error(Level::Info, format_args!("client sent invalid callback name: \"{shown}\""));
        return Outcome::Status(Status::BAD_REQUEST);
    }
    let entries = match directory::list(directory) {
        Ok(entries) => entries,
        Err(error) => return Outcome::Status(failed(exchange, directory, error)),
    };
    if entries.len() == directory::MAX_ENTRIES {
        let shown = Raw(directory);
        exchange.log_error(Level::Warn, format_args!("not all names of \"{shown}\" are listed"));
    }
    let mut page = Vec::new();
    let content_type = match conf.format {
        AutoindexFormat::Html => {
            html(&mut page, &exchange.uri, &entries, conf);
            "text/html"
        }
        AutoindexFormat::Xml => {
            xml(&mut page, &entries);
            "text/xml; charset=utf-8"
        }
        AutoindexFormat::Jsonp if !callback.is_empty() => {
            page.extend_from_slice(b"/* callback */\r\n");
            page.extend_from_slice(callback);
            page.push(b'(');
            json(&mut page, &entries);
            page.extend_from_slice(b");");
            "application/javascript"
        }
        AutoindexFormat::Json | AutoindexFormat::Jsonp => {
            json(&mut page, &entries);
            "application/json"
        }
    };
    let response = &mut exchange.response;
    response.status = Status::OK;
    response.content_type.clear();
    response.content_type.extend_from_slice(content_type.as_bytes());
    // nginx sends the head before it reads the directory, so without a length.
    response.content_length = None;
    response.allow_not_modified = true;
    response.body = Body::Bytes(Bytes::from(page));
    Outcome::Response
}

pub(super) fn failed(exchange: &Exchange, directory: &[u8], error: OpenError) -> Status {
    let (level, status) = if error.is_not_found() {
        (Level::Error, Status::NOT_FOUND)
    } else if error.is_denied() {
        (Level::Error, Status::FORBIDDEN)
    } else {
        (Level::Crit, Status::INTERNAL_SERVER_ERROR)
    };
    log_failed(exchange, level, directory, error);
    status
}

fn is_callback(name: &[u8]) -> bool {
    name.len() <= MAX_CALLBACK && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'.')
}

fn html(page: &mut Vec<u8>, uri: &[u8], entries: &[Entry], conf: &AutoindexConf) {
    let mut title = Vec::new();
    escape_html(uri, &mut title);
    for part in [
        b"<html>\r\n<head><title>Index of ",
        &title[..],
        b"</title></head>\r\n<body>\r\n<h1>Index of ",
        &title[..],
        b"</h1><hr><pre><a href=\"../\">../</a>\r\n",
    ] {
        page.extend_from_slice(part);
    }
    for entry in entries {
        html_line(page, entry, conf);
    }
    page.extend_from_slice(b"</pre><hr></body>\r\n</html>\r\n");
}

fn html_line(page: &mut Vec<u8>, entry: &Entry, conf: &AutoindexConf) {
    let is_dir = entry.kind == EntryKind::Directory;
    let slash: &[u8] = if is_dir { b"/" } else { b"" };
    page.extend_from_slice(b"<a href=\"");
    escape(&entry.name, Escape::UriComponent, page);
    page.extend_from_slice(slash);
    page.extend_from_slice(b"\">");
    let mut columns = entry.name.len();
    if columns > NAME_COLUMNS {
        escape_html(&entry.name[..NAME_COLUMNS - 3], page);
        page.extend_from_slice(b"..&gt;</a>");
    } else {
        escape_html(&entry.name, page);
        if is_dir && columns < NAME_COLUMNS {
            page.push(b'/');
            columns += 1;
        }
        page.extend_from_slice(b"</a>");
        page.resize(page.len() + NAME_COLUMNS - columns, b' ');
    }
    page.push(b' ');
    let offset = if conf.localtime { time::utc_offset() / 60 } else { 0 };
    page.extend_from_slice(&listing_time(entry.mtime, offset));
    page.push(b' ');
    let size = match (is_dir, conf.exact_size) {
        (true, true) => format!("{:>19}", "-"),
        (true, false) => format!("{:>7}", "-"),
        (false, true) => format!("{:>19}", entry.size),
        (false, false) => rounded(entry.size),
    };
    page.extend_from_slice(size.as_bytes());
    page.extend_from_slice(b"\r\n");
}

/// `autoindex_exact_size off`: seven columns, halves rounded up.
fn rounded(size: u64) -> String {
    const UNITS: [(u64, u64, char); 3] =
        [(1 << 30, (1 << 30) - 1, 'G'), (1 << 20, (1 << 20) - 1, 'M'), (1 << 10, 9999, 'K')];
    match UNITS.iter().find(|(_, above, _)| size > *above) {
        Some((unit, _, letter)) => {
            let up = u64::from(size % unit > unit / 2 - 1);
            format!("{:>6}{letter}", size / unit + up)
        }
        None => format!(" {size:>6}"),
    }
}

fn xml(page: &mut Vec<u8>, entries: &[Entry]) {
    page.extend_from_slice(b"<?xml version=\"1.0\"?>\r\n<list>\r\n");
    for entry in entries {
        let element: &[u8] = match entry.kind {
            EntryKind::Directory => b"directory",
            EntryKind::File => b"file",
            EntryKind::Other => b"other",
        };
        page.push(b'<');
        page.extend_from_slice(element);
        page.extend_from_slice(b" mtime=\"");
        page.extend_from_slice(&iso8601(entry.mtime, 0)[..19]);
        page.extend_from_slice(b"Z\"");
        if entry.kind == EntryKind::File {
            page.extend_from_slice(b" size=\"");
            encode::push_decimal(page, entry.size);
            page.push(b'"');
        }
        page.push(b'>');
        escape_html(&entry.name, page);
        page.extend_from_slice(b"</");
        page.extend_from_slice(element);
        page.extend_from_slice(b">\r\n");
    }
    page.extend_from_slice(b"</list>\r\n");
}

fn json(page: &mut Vec<u8>, entries: &[Entry]) {
    page.push(b'[');
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            page.push(b',');
        }
        page.extend_from_slice(b"\r\n{ \"name\":\"");
        encode::push_json(page, &entry.name);
        let kind: &[u8] = match entry.kind {
            EntryKind::Directory => b"directory",
            EntryKind::File => b"file",
            EntryKind::Other => b"other",
        };
        page.extend_from_slice(b"\", \"type\":\"");
        page.extend_from_slice(kind);
        page.extend_from_slice(b"\", \"mtime\":\"");
        page.extend_from_slice(&http_date(entry.mtime));
        page.push(b'"');
        if entry.kind == EntryKind::File {
            page.extend_from_slice(b", \"size\":");
            encode::push_decimal(page, entry.size);
        }
        page.extend_from_slice(b" }");
    }
    page.extend_from_slice(b"\r\n]");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nginx 1.22.1 lists for a directory with these names.
    fn entries() -> Vec<Entry> {
        let entry =
            |name: String, kind, size| Entry { name: name.into_bytes(), kind, size, mtime: 1_709_622_489 };
        vec![
            entry("d".repeat(49), EntryKind::Directory, 4096),
            entry("e".repeat(50), EntryKind::Directory, 4096),
            entry("a b&c<d>.txt".to_owned(), EntryKind::File, 1),
            entry("fifo".to_owned(), EntryKind::Other, 0),
            entry("m&".repeat(30), EntryKind::File, 3_221_225_472),
            entry("q\"'\\~é".to_owned(), EntryKind::File, 10_000),
        ]
    }

    fn page(write: impl FnOnce(&mut Vec<u8>, &[Entry])) -> String {
        let mut page = Vec::new();
        write(&mut page, &entries());
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn html_is_nginx_s() {
        let conf = AutoindexConf { exact_size: true, localtime: false, format: AutoindexFormat::Html };
        let page = page(|page, entries| html(page, b"/a&b/", entries, &conf));
        let lines: Vec<_> = page.split("\r\n").collect();
        let e = "e".repeat(50);
        let d = "d".repeat(49);
        let expected = [
            "<html>",
            "<head><title>Index of /a&amp;b/</title></head>",
            "<body>",
            "<h1>Index of /a&amp;b/</h1><hr><pre><a href=\"../\">../</a>",
            &format!("<a href=\"{d}/\">{d}/</a> 05-Mar-2024 07:08                   -"),
            &format!("<a href=\"{e}/\">{e}</a> 05-Mar-2024 07:08                   -"),
            "<a href=\"a%20b%26c%3Cd%3E.txt\">a b&amp;c&lt;d&gt;.txt</a>                                       05-Mar-2024 07:08                   1",
            "<a href=\"fifo\">fifo</a>                                               05-Mar-2024 07:08                   0",
            &format!(
                "<a href=\"{}\">{}m..&gt;</a> 05-Mar-2024 07:08          3221225472",
                "m%26".repeat(30),
                "m&amp;".repeat(23)
            ),
            "<a href=\"q%22%27%5C~%C3%A9\">q&quot;'\\~é</a>                                            05-Mar-2024 07:08               10000",
            "</pre><hr></body>",
            "</html>",
            "",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn sizes_are_rounded_as_nginx_does() {
        for (size, expected) in [
            (0, "      0"),
            (9999, "   9999"),
            (10_000, "    10K"),
            (20_000, "    20K"),
            (5_000_000, "     5M"),
            (3_221_225_472, "     3G"),
            ((1 << 20) - 1, "  1024K"),
            ((1 << 20) + (1 << 19) - 1, "     1M"),
            ((1 << 20) + (1 << 19), "     2M"),
        ] {
            assert_eq!(rounded(size), expected, "{size}");
        }
    }

    #[test]
    fn xml_is_nginx_s() {
        let page = page(xml);
        assert!(page.starts_with(
            "<?xml version=\"1.0\"?>\r\n<list>\r\n<directory mtime=\"2024-03-05T07:08:09Z\">ddd"
        ));
        let file = "<file mtime=\"2024-03-05T07:08:09Z\" size=\"1\">a b&amp;c&lt;d&gt;.txt</file>\r\n";
        let other = "<other mtime=\"2024-03-05T07:08:09Z\">fifo</other>\r\n";
        assert!(page.contains(&format!("{file}{other}")));
        assert!(page.ends_with("</file>\r\n</list>\r\n"));
    }

    #[test]
    fn json_is_nginx_s() {
        let page = page(json);
        assert!(page.starts_with("[\r\n{ \"name\":\"ddd"));
        assert!(
            page.contains(
                "d\", \"type\":\"directory\", \"mtime\":\"Tue, 05 Mar 2024 07:08:09 GMT\" },\r\n{ "
            )
        );
        assert!(page.ends_with(
            "{ \"name\":\"q\\\"'\\\\~é\", \"type\":\"file\", \"mtime\":\"Tue, 05 Mar 2024 07:08:09 GMT\", \"size\":10000 }\r\n]"
        ));
        let mut empty = Vec::new();
        json(&mut empty, &[]);
        assert_eq!(empty, b"[\r\n]");
    }

    #[test]
    fn callbacks() {
        assert!(is_callback(b"a.b_C9") && is_callback(b"") && is_callback(&[b'a'; 128]));
        assert!(!is_callback(b"a-b") && !is_callback(b"a(") && !is_callback(&[b'a'; 129]));
    }
}
