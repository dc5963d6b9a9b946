//! Heads of requests and responses: pieces mean what the whole means, what is accepted is plain, and a head written
//! anew from what was understood is understood the same.

use ringx::http1::{
    BodyFraming, HeadLimits, Headers, Known, Method, Progress, RequestHead, ResponseHead, Span,
    is_token_byte, is_value_byte,
};

use super::pieces::cuts;

/// Bounds to parse under, chosen by the input's length: nginx's own, tight ones, and lenient about names.
fn limits(input: &[u8]) -> HeadLimits {
    match input.len() % 4 {
        0 => HeadLimits { max_line: 64, max_head: 160, max_fields: 5, ..HeadLimits::default() },
        1 => HeadLimits {
            underscores_in_headers: true,
            ignore_invalid_headers: false,
            ..HeadLimits::default()
        },
        _ => HeadLimits::default(),
    }
}

/// Feeds a parser what it would have seen after each piece, until it decides.
fn fed<E>(input: &[u8], mut parse: impl FnMut(&[u8]) -> Result<Progress, E>) -> Result<Progress, E> {
    let mut last = Ok(Progress::Partial);
    for end in cuts(input) {
        last = parse(&input[..end]);
        if !matches!(last, Ok(Progress::Partial)) {
            break;
        }
    }
    last
}

/// Any bytes as a request.
pub fn request_head(input: &[u8]) {
    let limits = limits(input);
    let (mut whole, mut split) = (RequestHead::default(), RequestHead::default());
    let outcome = whole.parse(input, &limits);
    let in_pieces = fed(input, |buf| split.parse(buf, &limits));
    // A head with two faults may be refused for the one that comes first; it is refused either way.
    assert_eq!(outcome.is_ok(), in_pieces.is_ok(), "pieces: {in_pieces:?}, whole: {outcome:?}");
    match outcome {
        Ok(Progress::Complete) => {
            assert_eq!(in_pieces, Ok(Progress::Complete));
            // Everything there is to know about it, the private state aside.
            assert_eq!(understood(&whole, input), understood(&split, input));
            request_is_plain(&whole, input);
            request_written_anew(&whole, input, &limits);
            reset_forgets(&mut whole, input, &limits);
        }
        Ok(Progress::Partial) => {
            assert_eq!(in_pieces, Ok(Progress::Partial));
            assert!(input.len() <= limits.max_head as usize + 4, "more than the bound is waited for");
        }
        Err(error) => {
            assert!((400..=505).contains(&error.status().0), "{error:?}");
            assert!(!error.to_string().is_empty());
        }
    }
}

/// What a request means, apart from where it lies in the buffer.
#[derive(Debug, PartialEq)]
struct Understood {
    method: Vec<u8>,
    uri: Vec<u8>,
    host: Option<Vec<u8>>,
    server_name: Option<Vec<u8>>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    framing: BodyFraming,
    flags: [bool; 3],
}

fn understood(head: &RequestHead, buf: &[u8]) -> Understood {
    let text = |span: Span| span.of(buf).to_vec();
    let mut uri = Vec::new();
    head.push_origin_form(buf, &mut uri);
    Understood {
        method: text(head.method_name),
        uri,
        host: head.host.map(text),
        server_name: head.server_name.map(text),
        fields: fields(&head.headers, buf),
        framing: head.framing,
        flags: [head.keep_alive, head.expect_continue, head.connection_upgrade],
    }
}

fn fields(headers: &Headers, buf: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|field| (field.name.of(buf).to_vec(), field.value.of(buf).to_vec())).collect()
}

fn request_is_plain(head: &RequestHead, buf: &[u8]) {
    assert!(head.len <= buf.len() && buf[..head.len].ends_with(b"\r\n\r\n"));
    fields_are_plain(&head.headers, buf, head.len);
    let printable = |b: &u8| *b > b' ' && *b != 0x7f && *b != b'#';
    assert!(head.target.of(buf).iter().all(printable) && !head.target.is_empty());
    assert_eq!(head.path.of(buf).first(), Some(&b'/'));
    assert!(!head.path.of(buf).contains(&b'?'));
    assert!(!matches!(head.method, Method::Connect | Method::Trace));
    assert_eq!(Method::from_bytes(head.method_name.of(buf)), head.method);
    for span in
        [Some(head.method_name), Some(head.target), Some(head.path), head.query, head.authority, head.host]
            .into_iter()
            .flatten()
    {
        assert!(span.end() <= head.len);
    }
    assert!(head.host.is_some() || head.version == ringx::http1::Version::Http10);
    framing_is_certain(head.framing, &head.headers, buf);
    assert_ne!(head.framing, BodyFraming::UntilClose);
    assert!(head.server_name.is_none_or(|name| !name.is_empty()));
}

fn fields_are_plain(headers: &Headers, buf: &[u8], head_len: usize) {
    let mut at = 0;
    for field in headers {
        let (name, value) = (field.name.of(buf), field.value.of(buf));
        assert!(!name.is_empty() && name.iter().all(|b| is_token_byte(*b)));
        assert!(value.iter().all(|b| is_value_byte(*b)));
        assert!(!value.starts_with(b" ") && !value.ends_with(b" ") && !value.ends_with(b"\t"));
        assert_eq!(Known::from_name(name), field.known);
        // Every byte belongs to one field at most, in order.
        assert!(field.name.start as usize >= at && field.value.start as usize >= field.name.end());
        at = field.value.end();
        assert!(at <= head_len);
    }
}

/// RFC 9112 section 6.3: one reading of the body's end, and the fields that say so are there once.
fn framing_is_certain(framing: BodyFraming, headers: &Headers, buf: &[u8]) {
    let lengths = headers.all(Known::ContentLength).count();
    let codings = headers.all(Known::TransferEncoding).count();
    assert!(lengths + codings <= 1, "both or twice: {lengths} and {codings}");
    match framing {
        BodyFraming::Chunked => assert_eq!(codings, 1),
        BodyFraming::Length(n) => {
            let value = headers.get(Known::ContentLength, buf).unwrap_or_default();
            let digits = std::str::from_utf8(value).unwrap_or_default().trim_matches([' ', '\t']);
            assert_eq!(digits.parse(), Ok(n));
        }
        BodyFraming::None | BodyFraming::UntilClose => {}
    }
}

/// A request is written to the peer from what was understood: both sides must understand the same.
fn request_written_anew(head: &RequestHead, buf: &[u8], limits: &HeadLimits) {
    let first = understood(head, buf);
    let mut wire = first.method.clone();
    wire.push(b' ');
    wire.extend_from_slice(&first.uri);
    wire.push(b' ');
    wire.extend_from_slice(head.version.as_str().as_bytes());
    wire.extend_from_slice(b"\r\n");
    for (name, value) in &first.fields {
        ringx::http1::encode::push_field(&mut wire, name, value);
    }
    wire.extend_from_slice(b"\r\n");
    // The form `name: value` may be longer than `name:value`, and an absolute URI shorter without its authority.
    let roomy = HeadLimits { max_line: u32::MAX, max_head: u32::MAX, ..*limits };
    let mut again = RequestHead::default();
    assert_eq!(again.parse(&wire, &roomy), Ok(Progress::Complete), "{:?}", String::from_utf8_lossy(&wire));
    assert_eq!(again.len, wire.len());
    let mut second = understood(&again, &wire);
    if head.authority.is_some() {
        second.server_name.clone_from(&first.server_name);
    }
    assert_eq!(first, second);
}

fn reset_forgets(head: &mut RequestHead, input: &[u8], limits: &HeadLimits) {
    let rest = &input[head.len..];
    let mut fresh = RequestHead::default();
    head.reset();
    let reused = head.parse(rest, limits);
    assert_eq!(reused, fresh.parse(rest, limits));
    if reused == Ok(Progress::Complete) {
        assert_eq!(understood(head, rest), understood(&fresh, rest));
    }
}

/// Any bytes as a peer's response; the first byte chooses the request's method.
pub fn response_head(input: &[u8]) {
    let Some((choice, input)) = input.split_first() else { return };
    let method = if choice % 4 == 0 { Method::Head } else { Method::Get };
    let limits = HeadLimits::response(if choice % 8 == 1 { 96 } else { 4096 });
    let (mut whole, mut split) = (ResponseHead::default(), ResponseHead::default());
    let outcome = whole.parse(input, method, &limits);
    let in_pieces = fed(input, |buf| split.parse(buf, method, &limits));
    assert_eq!(outcome.is_ok(), in_pieces.is_ok(), "pieces: {in_pieces:?}, whole: {outcome:?}");
    match outcome {
        Ok(Progress::Complete) => {
            assert_eq!(in_pieces, Ok(Progress::Complete));
            assert_eq!(fields(&whole.headers, input), fields(&split.headers, input));
            let facts =
                |head: &ResponseHead| (head.status, head.reason, head.framing, head.keep_alive, head.len);
            assert_eq!(facts(&whole), facts(&split));
            response_is_plain(&whole, input, method);
        }
        Ok(Progress::Partial) => assert_eq!(in_pieces, Ok(Progress::Partial)),
        Err(error) => assert_eq!(error.status().0, 502),
    }
}

fn response_is_plain(head: &ResponseHead, buf: &[u8], method: Method) {
    assert!(head.len <= buf.len() && buf[..head.len].ends_with(b"\r\n\r\n"));
    assert!((100..=999).contains(&head.status));
    assert!(head.reason.of(buf).iter().all(|b| is_value_byte(*b)));
    fields_are_plain(&head.headers, buf, head.len);
    framing_is_certain(head.framing, &head.headers, buf);
    if method == Method::Head || matches!(head.status, 100..=199 | 204 | 304) {
        assert_eq!(head.framing, BodyFraming::None);
    }
    assert!(!(head.framing == BodyFraming::UntilClose && head.keep_alive));
}
