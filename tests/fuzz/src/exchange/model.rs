//! What RFC 9112 makes of a stream of bytes, written for plainness and from the document alone: the reference that the program
//! is compared with. It shares no code with the program.

/// What stands at the front of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Front<T> {
    /// A whole message, and how many bytes it takes.
    Whole(T, usize),
    /// The beginning of one.
    More,
    /// Nothing that may be taken for a message.
    Refused,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    /// In origin-form.
    pub(super) target: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Requests,
    Answers,
}

enum Framing {
    Nothing,
    Length(usize),
    Chunked,
    UntilClose,
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The request at the front of what a client sent.
pub(super) fn request(stream: &[u8]) -> Front<Request> {
    // RFC 9112 2.2: an empty line before a request is stepped over; the program takes two.
    let empty = stream.chunks(2).take_while(|pair| *pair == b"\r\n").count();
    if empty > 2 {
        return Front::Refused;
    }
    let (lines, head) = match lines(&stream[2 * empty..]) {
        Front::Whole(lines, len) => (lines, 2 * empty + len),
        Front::More => return Front::More,
        Front::Refused => return Front::Refused,
    };
    let Some((line, rest)) = lines.split_first() else { return Front::Refused };
    let parts: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let [method, target, version] = parts[..] else { return Front::Refused };
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] = version else {
        return Front::Refused;
    };
    let is_method = |b: &u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
    if method.is_empty() || !method.iter().all(is_method) || matches!(method, b"CONNECT" | b"TRACE") {
        return Front::Refused;
    }
    let Some(target) = origin_form(target) else { return Front::Refused };
    let Some(fields) = fields(rest, Side::Requests) else { return Front::Refused };
    let framing = match declared(&fields, *minor) {
        Some(declared) => declared.unwrap_or(Framing::Nothing),
        None => return Front::Refused,
    };
    body(framing, stream, head, true).map(|body| Request { method: method.to_vec(), target, body })
}

/// The answer to a request with this method at the front of a stream, interim ones before it included. `ended` says that
/// nothing follows the stream.
pub(super) fn response(stream: &[u8], method: &[u8], ended: bool) -> Front<Response> {
    let mut at = 0;
    for _ in 0..=16 {
        let (lines, head) = match lines(&stream[at..]) {
            Front::Whole(lines, len) => (lines, at + len),
            Front::More => return Front::More,
            Front::Refused => return Front::Refused,
        };
        let Some((line, rest)) = lines.split_first() else { return Front::Refused };
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9', b' ', status @ ..] = *line else {
            return Front::Refused;
        };
        let (digits, reason) = status.split_at(status.len().min(3));
        let status = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u16>().ok());
        let Some(status @ 100..=999) = status.filter(|_| digits.iter().all(u8::is_ascii_digit)) else {
            return Front::Refused;
        };
        if !(reason.is_empty() || reason[0] == b' ') || !reason.iter().all(is_text) {
            return Front::Refused;
        }
        let Some(fields) = fields(rest, Side::Answers) else { return Front::Refused };
        let Some(declared) = declared(&fields, *minor) else { return Front::Refused };
        if status == 101 {
            return Front::Refused;
        }
        if status < 200 {
            at = head;
            continue;
        }
        let framing = match declared {
            _ if method == b"HEAD" || matches!(status, 204 | 304) => Framing::Nothing,
            Some(framing) => framing,
            None => Framing::UntilClose,
        };
        return body(framing, stream, head, ended).map(|body| Response { status, fields, body });
    }
    Front::Refused
}

impl<T> Front<T> {
    fn map<U>(self, made: impl FnOnce(T) -> U) -> Front<U> {
        match self {
            Front::Whole(value, len) => Front::Whole(made(value), len),
            Front::More => Front::More,
            Front::Refused => Front::Refused,
        }
    }
}

/// The lines before the first empty one: each ends in CRLF, and there is no other CR or LF (RFC 9112 2.2).
fn lines(stream: &[u8]) -> Front<Vec<&[u8]>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while let Some(offset) = stream[start..].iter().position(|b| matches!(b, b'\r' | b'\n')) {
        let end = start + offset;
        match stream[end..] {
            [b'\r'] => return Front::More,
            [b'\r', b'\n', ..] => {}
            _ => return Front::Refused,
        }
        if end == start {
            return if lines.is_empty() { Front::Refused } else { Front::Whole(lines, end + 2) };
        }
        lines.push(&stream[start..end]);
        start = end + 2;
    }
    Front::More
}

/// RFC 9112 3.2.1 and 3.2.2. An absolute target loses its scheme and authority.
fn origin_form(target: &[u8]) -> Option<Vec<u8>> {
    if target.is_empty() || target.iter().any(|b| *b <= b' ' || *b == 0x7f || *b == b'#') {
        return None;
    }
    if target[0] == b'/' {
        return Some(target.to_vec());
    }
    let lower = target.to_ascii_lowercase();
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = &target[scheme.len()..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    if end == 0 {
        return None;
    }
    let slash = if rest.get(end) == Some(&b'/') { &b""[..] } else { b"/" };
    Some([slash, &rest[end..]].concat())
}

fn is_text(b: &u8) -> bool {
    *b == b'\t' || (*b >= b' ' && *b != 0x7f)
}

fn is_token(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b)
}

/// `name: value` of each line; of requests those are left out whose names have more than letters, digits and dashes, as the
/// program promises.
fn fields(lines: &[&[u8]], side: Side) -> Option<Fields> {
    let mut fields = Vec::new();
    for line in lines {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(is_text) {
            return None;
        }
        if side == Side::Answers || name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            fields.push((name.to_ascii_lowercase(), trimmed(value).to_vec()));
        }
    }
    Some(fields)
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The values of every field of this name.
pub(super) fn all<'f>(fields: &'f Fields, name: &[u8]) -> Vec<&'f [u8]> {
    fields.iter().filter(|(n, _)| n == name).map(|(_, value)| &value[..]).collect()
}

/// RFC 9112 6.3, without its leave to repair: `None` where two readers could differ.
fn declared(fields: &Fields, minor: u8) -> Option<Option<Framing>> {
    let (codings, lengths) = (all(fields, b"transfer-encoding"), all(fields, b"content-length"));
    match (&codings[..], &lengths[..]) {
        ([], []) => Some(None),
        ([coding], []) => {
            (coding.eq_ignore_ascii_case(b"chunked") && minor != b'0').then_some(Some(Framing::Chunked))
        }
        ([], [length]) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(length).ok().filter(|_| digits)?.parse::<i64>().ok()?;
            Some(Some(Framing::Length(usize::try_from(number).ok()?)))
        }
        _ => None,
    }
}

/// The body behind a head that ends at `head`, and where the message ends. `ended`: what lasts until the close is whole.
fn body(framing: Framing, stream: &[u8], head: usize, ended: bool) -> Front<Vec<u8>> {
    let rest = &stream[head..];
    match framing {
        Framing::Nothing => Front::Whole(Vec::new(), head),
        Framing::Length(length) if rest.len() >= length => {
            Front::Whole(rest[..length].to_vec(), head + length)
        }
        Framing::Length(_) => Front::More,
        Framing::UntilClose if ended => Front::Whole(rest.to_vec(), stream.len()),
        Framing::UntilClose => Front::More,
        Framing::Chunked => match chunks(rest) {
            Front::Whole(body, len) => Front::Whole(body, head + len),
            Front::More => Front::More,
            Front::Refused => Front::Refused,
        },
    }
}

/// RFC 9112 7.1.
fn chunks(stream: &[u8]) -> Front<Vec<u8>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line, next) = match line(&stream[at..]) {
            Front::Whole(line, len) => (line, at + len),
            Front::More => return Front::More,
            Front::Refused => return Front::Refused,
        };
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        if digits == 0 || !(extension.is_empty() || extension[0] == b';') || !extension.iter().all(is_text) {
            return Front::Refused;
        }
        let size = line[..digits].iter().try_fold(0_u64, |sum, digit| {
            let value = char::from(*digit).to_digit(16)?;
            sum.checked_mul(16)?.checked_add(u64::from(value))
        });
        let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else { return Front::Refused };
        at = next;
        if size == 0 {
            break;
        }
        let Some(end) = at.checked_add(size) else { return Front::Refused };
        match stream.get(end..).unwrap_or_default() {
            [] | [b'\r'] => return Front::More,
            [b'\r', b'\n', ..] => body.extend_from_slice(&stream[at..end]),
            _ => return Front::Refused,
        }
        at = end + 2;
    }
    loop {
        match line(&stream[at..]) {
            Front::Whole([], len) => return Front::Whole(body, at + len),
            Front::Whole(trailer, len) => {
                if fields(&[trailer], Side::Answers).is_none() {
                    return Front::Refused;
                }
                at += len;
            }
            Front::More => return Front::More,
            Front::Refused => return Front::Refused,
        }
    }
}

/// One line that ends in CRLF.
fn line(stream: &[u8]) -> Front<&[u8]> {
    let Some(end) = stream.iter().position(|b| matches!(b, b'\r' | b'\n')) else { return Front::More };
    match stream[end..] {
        [b'\r'] => Front::More,
        [b'\r', b'\n', ..] => Front::Whole(&stream[..end], end + 2),
        _ => Front::Refused,
    }
}
