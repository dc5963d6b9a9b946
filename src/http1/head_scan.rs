//! Finds where a head ends, whatever pieces it arrives in, and refuses bad line ends and over-long lines on the way.
//!
//! Each byte is looked at once: the scan remembers its place, so a head that comes one byte at a time costs no more
//! than one that comes whole. Shared by `request_head` and `response_head`; the fields themselves are tokenised by
//! httparse, behind these checks.

use super::{HeaderField, Headers, Known, Span};

/// Bounds on a head, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Longest line in bytes, CRLF included: the size of one of `large_client_header_buffers`.
    pub max_line: u32,
    /// Longest head in bytes: number times size of `large_client_header_buffers`, or `proxy_buffer_size`.
    pub max_head: u32,
    /// Most fields in a head.
    pub max_fields: u16,
    /// Keep fields with `_` in their names (`underscores_in_headers`). Application servers map `-` and `_` to one
    /// character, so such a field can stand in for a trusted one.
    pub underscores_in_headers: bool,
    /// Drop fields whose names are tokens but hold more than letters, digits and `-` (`ignore_invalid_headers`).
    pub ignore_invalid_headers: bool,
}

impl HeadLimits {
    /// Most fields in a head unless told otherwise: nginx's `max_headers` of later versions.
    pub const DEFAULT_MAX_FIELDS: u16 = 1000;

    /// Bounds for the head of a response: one buffer of `proxy_buffer_size` bytes, every field kept.
    pub const fn response(proxy_buffer_size: u32) -> HeadLimits {
        HeadLimits {
            max_line: proxy_buffer_size,
            max_head: proxy_buffer_size,
            max_fields: Self::DEFAULT_MAX_FIELDS,
            underscores_in_headers: true,
            ignore_invalid_headers: false,
        }
    }
}

impl Default for HeadLimits {
    /// nginx's defaults: `large_client_header_buffers 4 8k`.
    fn default() -> Self {
        HeadLimits {
            max_line: 8 << 10,
            max_head: 32 << 10,
            max_fields: Self::DEFAULT_MAX_FIELDS,
            underscores_in_headers: false,
            ignore_invalid_headers: true,
        }
    }
}

/// How far a head has been parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The head is whole; its `len` says how many bytes it took.
    Complete,
}

/// What is wrong with the lines of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// LF without CR before it (RFC 9112 section 2.2 allows to accept it; then the peer may see other lines than we).
    BareLf,
    /// CR without LF behind it (RFC 9112 section 2.2: invalid).
    BareCr,
    /// More empty lines before the message than [`HeadScan::MAX_LEADING_LINES`].
    LeadingLines,
    /// The first line is longer than `max_line`.
    FirstLineTooLong,
    /// Another line, or the whole head, is too long.
    HeadTooLarge,
}

/// What the scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Neither the end of the first line nor of the head yet.
    Nothing,
    /// The first line is whole, the head is not.
    FirstLine,
    /// The head is whole and this long, with what stood before it.
    End(usize),
}

/// Place of the scan in a buffer that grows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadScan {
    /// Where the message begins, behind leading empty lines.
    pub(super) start: usize,
    /// Where the first line ends, CRLF not included; meaningful once `first_done`.
    pub(super) first_end: usize,
    /// The first line is whole.
    pub(super) first_done: bool,
    leading_done: bool,
    /// Where the line begins that is not whole yet.
    pub(super) line_start: usize,
    pos: usize,
}

impl HeadScan {
    /// Empty lines skipped before a request line. RFC 9112 section 2.2 asks for one (a sloppy client's CRLF behind
    /// a body); nginx skips any number, which a flood can use.
    const MAX_LEADING_LINES: usize = 2;

    /// Nothing was scanned yet.
    pub(super) fn is_untouched(&self) -> bool {
        !self.leading_done && self.start == 0
    }

    /// Goes on in `buf`, which begins with the bytes of the calls before.
    pub(super) fn advance(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Found, ScanError> {
        if !self.leading_done && !self.skip_leading(buf)? {
            return Ok(Found::Nothing);
        }
        while let Some(offset) = memchr::memchr2(b'\r', b'\n', buf.get(self.pos..).unwrap_or_default()) {
            let at = self.pos + offset;
            if buf[at] == b'\n' {
                return Err(ScanError::BareLf);
            }
            match buf.get(at + 1) {
                None => {
                    self.pos = at;
                    self.check_length(at + 1, limits)?;
                    return Ok(self.so_far());
                }
                Some(b'\n') => {}
                Some(_) => return Err(ScanError::BareCr),
            }
            let empty = at == self.line_start;
            self.pos = at + 2;
            self.check_length(self.pos, limits)?;
            self.line_start = self.pos;
            if !self.first_done {
                self.first_done = true;
                self.first_end = at;
            } else if empty {
                return Ok(Found::End(self.pos));
            }
        }
        self.pos = buf.len().max(self.pos);
        self.check_length(self.pos, limits)?;
        Ok(self.so_far())
    }

    /// Steps over empty lines before the message; false if it cannot tell yet whether there are more.
    fn skip_leading(&mut self, buf: &[u8]) -> Result<bool, ScanError> {
        loop {
            match buf.get(self.start..).unwrap_or_default() {
                [b'\r', b'\n', ..] => {
                    self.start += 2;
                    if self.start / 2 > Self::MAX_LEADING_LINES {
                        return Err(ScanError::LeadingLines);
                    }
                }
                [] | [b'\r'] => return Ok(false),
                [b'\r', ..] => return Err(ScanError::BareCr),
                [b'\n', ..] => return Err(ScanError::BareLf),
                _ => {
                    self.leading_done = true;
                    self.line_start = self.start;
                    self.pos = self.start;
                    return Ok(true);
                }
            }
        }
    }

    fn so_far(&self) -> Found {
        if self.first_done { Found::FirstLine } else { Found::Nothing }
    }

    fn check_length(&self, end: usize, limits: &HeadLimits) -> Result<(), ScanError> {
        let too_long = end - self.line_start > limits.max_line as usize;
        match (too_long, self.first_done) {
            (true, false) => Err(ScanError::FirstLineTooLong),
            (true, true) => Err(ScanError::HeadTooLarge),
            (false, _) if end - self.start > limits.max_head as usize => Err(ScanError::HeadTooLarge),
            (false, _) => Ok(()),
        }
    }
}

/// What is wrong with the fields of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldError {
    /// An empty name, a byte that is no token byte, white space before the colon or at the start of the line
    /// (obs-fold, RFC 9112 sections 5.1 and 5.2).
    Name,
    /// A control byte in a value (RFC 9110 section 5.5).
    Value,
    /// More fields than `max_fields`.
    TooMany,
}

/// Fields tokenised in one go. More come in further goes, so the number of fields is not bound to this.
const BATCH: usize = 32;

/// Fills `headers` from the field lines in `buf[from..to]`, which ends with the head's empty line. After an error the
/// fields before the bad one are there.
pub(super) fn parse_fields(
    headers: &mut Headers,
    buf: &[u8],
    from: usize,
    to: usize,
    limits: &HeadLimits,
) -> Result<(), FieldError> {
    headers.clear();
    headers.note_even(true);
    let mut seen = 0usize;
    let mut at = from;
    loop {
        let mut batch = [httparse::EMPTY_HEADER; BATCH];
        let section = buf.get(at..to).unwrap_or_default();
        let more = match httparse::parse_headers(section, &mut batch) {
            Ok(httparse::Status::Complete(_)) => Ok(false),
            Err(httparse::Error::TooManyHeaders) => Ok(true),
            // The scan saw the head's end, so a rest that looks unfinished is malformed.
            Ok(httparse::Status::Partial) | Err(httparse::Error::HeaderValue) => Err(FieldError::Value),
            Err(_) => Err(FieldError::Name),
        };
        for header in batch.iter().take_while(|h| !h.name.is_empty()) {
            seen += 1;
            if seen > limits.max_fields as usize {
                return Err(FieldError::TooMany);
            }
            let name = span_in(buf, header.name.as_bytes());
            let value = span_in(buf, header.value);
            if !is_even(buf, name, value) {
                headers.note_even(false);
            }
            at = value.end();
            let known = Known::from_name(header.name.as_bytes());
            if header.name.contains('_') {
                headers.note_underscore();
            }
            // Known names are all letters and `-`.
            if known == Known::Other && !is_kept(header.name.as_bytes(), limits) {
                headers.note_even(false);
            } else if !headers.push(HeaderField { name, value, known }) {
                return Err(FieldError::TooMany);
            }
        }
        if !more? {
            return Ok(());
        }
        // `at` is the end of the last value; its line may go on with trailing white space.
        match memchr::memchr(b'\n', buf.get(at..to).unwrap_or_default()) {
            Some(offset) => at += offset + 1,
            None => return Err(FieldError::Value),
        }
    }
}

/// Whether a field's line is its name, `: `, its value, which is not empty, and CRLF.
fn is_even(buf: &[u8], name: Span, value: Span) -> bool {
    let between = buf.get(name.end()..value.start as usize);
    !value.is_empty()
        && between == Some(b": ")
        && buf.get(value.end()..).is_some_and(|behind| behind.starts_with(b"\r\n"))
}

/// Whether a field with this (token) name is kept: nginx's `underscores_in_headers` and `ignore_invalid_headers`.
fn is_kept(name: &[u8], limits: &HeadLimits) -> bool {
    let mut plain = true;
    for b in name {
        if !(b.is_ascii_alphanumeric() || *b == b'-' || (*b == b'_' && limits.underscores_in_headers)) {
            plain = false;
        }
    }
    plain || !limits.ignore_invalid_headers
}

/// Where `part`, a slice of `buf`, lies in it.
fn span_in(buf: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(buf.as_ptr() as usize);
    Span::new(start.min(buf.len()), (start + part.len()).min(buf.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Result<Found, ScanError> {
        HeadScan::default().advance(bytes, &HeadLimits::default())
    }

    #[test]
    fn finds_the_end() {
        assert_eq!(scan(b"a\r\n\r\n"), Ok(Found::End(5)));
        assert_eq!(scan(b"a\r\nb: c\r\n\r\nrest"), Ok(Found::End(11)));
        assert_eq!(scan(b"\r\n\r\na\r\n\r\n"), Ok(Found::End(9)));
        assert_eq!(scan(b"a\r\nb: c\r\n\r"), Ok(Found::FirstLine));
        assert_eq!(scan(b"a"), Ok(Found::Nothing));
        assert_eq!(scan(b""), Ok(Found::Nothing));
    }

    #[test]
    fn line_ends() {
        for bytes in [&b"a\n"[..], b"a\r\nb\n", b"\na", b"a\r\nb\r\n\n"] {
            assert_eq!(scan(bytes), Err(ScanError::BareLf), "{bytes:?}");
        }
        for bytes in [&b"a\rb"[..], b"a\r\r\n", b"\ra", b"a\r\nb: \rc\r\n\r\n"] {
            assert_eq!(scan(bytes), Err(ScanError::BareCr), "{bytes:?}");
        }
    }

    #[test]
    fn floods() {
        let limits = HeadLimits { max_line: 16, max_head: 40, ..HeadLimits::default() };
        let scan = |bytes: &[u8]| HeadScan::default().advance(bytes, &limits);
        assert_eq!(scan(&b"\r\n".repeat(200_000)), Err(ScanError::LeadingLines));
        assert_eq!(scan(&[b'a'; 17]), Err(ScanError::FirstLineTooLong));
        assert_eq!(scan(b"12345678901234\r\n"), Ok(Found::FirstLine));
        assert_eq!(scan(b"123456789012345\r\n"), Err(ScanError::FirstLineTooLong));
        assert_eq!(scan(b"123456789012345\r"), Ok(Found::Nothing));
        assert_eq!(scan(b"a\r\n12345678901234567"), Err(ScanError::HeadTooLarge));
        assert_eq!(scan(&b"1234567890\r\n".repeat(4)), Err(ScanError::HeadTooLarge));
    }

    #[test]
    fn any_split_finds_the_same() {
        let bytes = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        for cut in 0..bytes.len() {
            let mut scan = HeadScan::default();
            let limits = HeadLimits::default();
            let first = scan.advance(&bytes[..cut], &limits).unwrap();
            let end = if let Found::End(_) = first { first } else { scan.advance(bytes, &limits).unwrap() };
            assert_eq!(end, Found::End(29), "{cut}");
        }
    }

    #[test]
    fn no_byte_is_looked_at_twice() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: abcdefghijklmnopqrstuvwxyz\r\n\r\n";
        let mut scan = HeadScan::default();
        for end in 1..bytes.len() {
            scan.advance(&bytes[..end], &HeadLimits::default()).unwrap();
            // Only a CR that waits for its LF is looked at again.
            let waiting = usize::from(bytes[end - 1] == b'\r');
            assert_eq!(scan.pos, end - waiting, "{end}");
        }
    }

    fn fields(section: &str, limits: &HeadLimits) -> Result<Vec<(String, String)>, FieldError> {
        let mut headers = Headers::default();
        let buf = section.as_bytes();
        parse_fields(&mut headers, buf, 0, buf.len(), limits)?;
        let text = |s: Span| String::from_utf8(s.of(buf).to_vec()).unwrap();
        Ok(headers.iter().map(|f| (text(f.name), text(f.value))).collect())
    }

    #[test]
    fn fields_across_batches_keep_their_order() {
        for count in [0, 1, 31, 32, 33, 64, 65, 200] {
            let section: String =
                (0..count).map(|i| format!("X-{i}:{}v{i} \t\r\n", " ".repeat(i % 3))).collect();
            let all = fields(&(section + "\r\n"), &HeadLimits::default()).unwrap();
            let expected: Vec<_> = (0..count).map(|i| (format!("X-{i}"), format!("v{i}"))).collect();
            assert_eq!(all, expected, "{count}");
        }
    }

    #[test]
    fn empty_values_are_fine_also_at_the_end_of_a_batch() {
        let section = "A:\r\n".repeat(16) + &"B: \t \r\n".repeat(17) + "\r\n";
        let all = fields(&section, &HeadLimits::default()).unwrap();
        assert_eq!(all.len(), 33);
        assert!(all.iter().all(|(_, value)| value.is_empty()));
    }

    #[test]
    fn malformed_fields() {
        let limits = HeadLimits::default();
        for bad in
            ["A : b", " A: b", ": b", "A", "A B: c", "A\u{e9}: b", "A\0: b", "\tA: b", "(A): b", "A: b\r\n c"]
        {
            for before in [0, 31, 32] {
                let section = format!("{}{bad}\r\n\r\n", "X: y\r\n".repeat(before));
                assert_eq!(fields(&section, &limits), Err(FieldError::Name), "{bad:?} after {before}");
            }
        }
        for bad in ["A: b\0c", "A: \u{1}", "A: b\u{7f}", "A: b\u{b}c", "A: \u{c}b"] {
            assert_eq!(fields(&format!("{bad}\r\n\r\n"), &limits), Err(FieldError::Value), "{bad:?}");
        }
        let many = HeadLimits { max_fields: 40, ..limits };
        assert_eq!(fields(&("A: b\r\n".repeat(41) + "\r\n"), &many), Err(FieldError::TooMany));
        assert_eq!(fields(&("A: b\r\n".repeat(40) + "\r\n"), &many).map(|f| f.len()), Ok(40));
    }

    #[test]
    fn odd_names_are_dropped_or_kept() {
        let section = "X_A: 1\r\nX.B: 2\r\nX-C: 3\r\n\r\n";
        let names = |limits: &HeadLimits| -> Vec<String> {
            fields(section, limits).unwrap().into_iter().map(|(name, _)| name).collect()
        };
        let strict = HeadLimits::default();
        assert_eq!(names(&strict), ["X-C"]);
        assert_eq!(names(&HeadLimits { underscores_in_headers: true, ..strict }), ["X_A", "X-C"]);
        assert_eq!(names(&HeadLimits { ignore_invalid_headers: false, ..strict }), ["X_A", "X.B", "X-C"]);
    }
}
