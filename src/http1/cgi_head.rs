//! The head of a CGI response (RFC 3875, section 6), as uwsgi, SCGI and FastCGI apps send it, put into HTTP's form.
//!
//! Scripts end lines with LF alone, and say their status in a field. What comes out is judged by
//! [`super::ResponseHead`] as any other app's head: nothing is believed here.

use super::ResponseError;
use super::headers::trim_ows;

/// The search for the end of a head that comes in pieces.
#[derive(Debug, Clone, Copy, Default)]
pub struct CgiHead {
    line_start: usize,
    pos: usize,
}

/// May a head begin with a status line?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusLine {
    /// An answer of HTTP is one too (uwsgi, SCGI).
    Allowed,
    /// It is passed over (FastCGI).
    Skipped,
}

impl CgiHead {
    /// Goes on in `buf`, which begins with the bytes of the calls before. Gives the length of the head, its empty line
    /// included, once it is there.
    pub fn end(&mut self, buf: &[u8]) -> Option<usize> {
        while let Some(offset) = memchr::memchr(b'\n', buf.get(self.pos..).unwrap_or_default()) {
            let at = self.pos + offset;
            let line = &buf[self.line_start..at];
            self.pos = at + 1;
            self.line_start = self.pos;
            if matches!(line, b"" | b"\r") {
                return Some(self.pos);
            }
        }
        self.pos = buf.len().max(self.pos);
        None
    }
}

/// Appends `head`, a whole one, in HTTP's form.
///
/// # Errors
/// The status is not one.
pub fn push_as_http(head: &[u8], first: StatusLine, out: &mut Vec<u8>) -> Result<(), ResponseError> {
    let mut rest = head;
    if rest.starts_with(b"HTTP/") {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        if first == StatusLine::Allowed {
            push_line(line, out);
            lines(rest).for_each(|line| push_line(line, out));
            out.extend_from_slice(b"\r\n");
            return Ok(());
        }
    }
    let value = |wanted: &[u8]| lines(rest).find_map(|line| named(line, wanted));
    let status = match value(b"status") {
        Some(status) if status.first_chunk::<3>().is_some_and(|code| code.iter().all(u8::is_ascii_digit)) => {
            status
        }
        Some(_) => return Err(ResponseError::Status),
        None if value(b"location").is_some() => b"302 Moved Temporarily",
        None => b"200 OK",
    };
    // A connection per answer, no chunks: HTTP/1.0. RFC 3875 section 6.3.4 forbids fields about the transfer.
    out.extend_from_slice(b"HTTP/1.0 ");
    push_line(status, out);
    for line in lines(rest).filter(|line| named(line, b"transfer-encoding").is_none()) {
        push_line(line, out);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The lines before the empty one, with their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|b| *b == b'\n').take_while(|line| !matches!(*line, b"\n" | b"\r\n"))
}

/// The value of a field line of this name, which is in lower case.
fn named<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name))?;
    Some(trim_ows(value.trim_ascii_end()))
}

fn push_line(line: &[u8], out: &mut Vec<u8>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{BodyFraming, HeadLimits, Method, Progress, ResponseHead};
    use proptest::prelude::*;

    fn converted(head: &str, first: StatusLine) -> Result<String, ResponseError> {
        let mut out = Vec::new();
        push_as_http(head.as_bytes(), first, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn scripts_become_answers() {
        for (head, http) in [
            ("Content-Type: a/b\n\n", "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\n"),
            ("status:404  No\r\nA: b\r\n\r\n", "HTTP/1.0 404  No\r\nstatus:404  No\r\nA: b\r\n\r\n"),
            ("Location: /x\n\n", "HTTP/1.0 302 Moved Temporarily\r\nLocation: /x\r\n\r\n"),
            ("Location: /x\nStatus: 201\n\n", "HTTP/1.0 201\r\nLocation: /x\r\nStatus: 201\r\n\r\n"),
            ("Transfer-Encoding: chunked\nA: b\n\n", "HTTP/1.0 200 OK\r\nA: b\r\n\r\n"),
            ("\n", "HTTP/1.0 200 OK\r\n\r\n"),
            ("HTTP/1.1 403 No\nA: b\n\n", "HTTP/1.1 403 No\r\nA: b\r\n\r\n"),
        ] {
            assert_eq!(converted(head, StatusLine::Allowed).as_deref(), Ok(http), "{head:?}");
        }
        assert_eq!(
            converted("HTTP/1.1 403 No\nStatus: 500 Oh\n\n", StatusLine::Skipped).as_deref(),
            Ok("HTTP/1.0 500 Oh\r\nStatus: 500 Oh\r\n\r\n")
        );
        for bad in ["Status: \n\n", "Status: 20\n\n", "Status: abc\n\n"] {
            assert_eq!(converted(bad, StatusLine::Allowed), Err(ResponseError::Status), "{bad:?}");
        }
    }

    #[test]
    fn what_comes_out_is_judged() {
        for (head, expected) in [
            ("Content-Length: 3\n\n", Ok(BodyFraming::Length(3))),
            ("A: b\n\n", Ok(BodyFraming::UntilClose)),
            ("Status: 204\n\n", Ok(BodyFraming::None)),
            ("no header\n\n", Err(ResponseError::FieldName)),
            ("A: b\rC: d\n\n", Err(ResponseError::BareCr)),
            ("A: \0\n\n", Err(ResponseError::FieldValue)),
        ] {
            let mut out = Vec::new();
            push_as_http(head.as_bytes(), StatusLine::Allowed, &mut out).unwrap();
            let mut parsed = ResponseHead::default();
            let result = parsed.parse(&out, Method::Get, &HeadLimits::response(4096));
            assert_eq!(result.map(|_| parsed.framing), expected, "{head:?}");
            assert!(result.is_err() || parsed.len == out.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        /// However a head comes, it ends at one place; what it becomes is whole or refused.
        #[test]
        fn pieces_give_what_the_whole_gives(
            pieces in proptest::collection::vec(
                prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("Status: 200"), Just("Location: x"), Just("A:"),
                    Just("HTTP/1.1 200 OK"), Just(" "), Just("b"), Just("\0")], 0..16),
            cuts in proptest::collection::vec(0..100_usize, 0..6),
        ) {
            let head = pieces.concat().into_bytes();
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(head.len())).collect();
            ends.push(head.len());
            ends.sort_unstable();
            let mut scan = CgiHead::default();
            let found = ends.iter().find_map(|end| scan.end(&head[..*end]));
            prop_assert_eq!(found, CgiHead::default().end(&head));
            if let Some(end) = found {
                for first in [StatusLine::Allowed, StatusLine::Skipped] {
                    let mut out = Vec::new();
                    if push_as_http(&head[..end], first, &mut out).is_ok() {
                        let mut parsed = ResponseHead::default();
                        let limits = HeadLimits::response(1 << 20);
                        if parsed.parse(&out, Method::Get, &limits) == Ok(Progress::Complete) {
                            prop_assert_eq!(parsed.len, out.len());
                        }
                    }
                }
            }
        }
    }
}
