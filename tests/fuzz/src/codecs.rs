//! What is written for applications that speak uwsgi, FastCGI, SCGI and memcached, read again by the letter of their protocols;
//! and what strangers send besides HTTP: the PROXY protocol's header, certificates, passwords.

use ringx::cgi::{TooBig, fastcgi, memcached, scgi, uwsgi};
use ringx::http1::proxy_protocol::{self, MAX_HEADER, Read};
use ringx::password;
use ringx::tls::x509::Certificate;

use super::pieces::cuts;

type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// Any bytes as variables: names and values apart by 0xff, some of them repeated until they are long.
fn variables_of(input: &[u8]) -> Variables {
    let mut strings = input.split(|b| *b == 0xff).map(|text| match text {
        [b'*', times, rest @ ..] => rest.repeat(usize::from(*times)),
        _ => text.to_vec(),
    });
    std::iter::from_fn(|| Some((strings.next()?, strings.next().unwrap_or_default()))).collect()
}

fn push(out: &mut Vec<u8>, (name, value): &(Vec<u8>, Vec<u8>), seal: fn(usize, usize, &mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(name);
    let middle = out.len();
    out.extend_from_slice(value);
    seal(start, middle, out);
}

/// Variables are read by an application as they were, or are too large for the protocol and never sent.
pub fn variables(input: &[u8]) {
    let variables = variables_of(input);
    let size = |lengths: usize| variables.iter().map(|(n, v)| n.len() + v.len() + lengths).sum::<usize>();

    let mut out = Vec::new();
    uwsgi::begin(0, 0, &mut out);
    variables.iter().for_each(|variable| push(&mut out, variable, uwsgi::seal));
    match uwsgi::finish(&mut out) {
        Ok(()) => assert_eq!(read_uwsgi(&out), Some(variables.clone())),
        Err(TooBig(len)) => assert!(len > 0xffff && len == size(4)),
    }

    let mut out = Vec::new();
    let start = fastcgi::begin(true, &mut out);
    variables.iter().for_each(|variable| push(&mut out, variable, fastcgi::seal));
    match fastcgi::finish(start, &mut out) {
        Ok(()) => {
            fastcgi::push_stdin(input, &mut out);
            fastcgi::push_stdin_end(&mut out);
            assert_eq!(read_fastcgi(&out), Some((variables.clone(), input.to_vec())));
        }
        Err(TooBig(len)) => assert!(len > 0xffff && len >= size(2)),
    }

    let mut out = Vec::new();
    scgi::begin(input.len() as u64, &mut out);
    variables.iter().for_each(|variable| push(&mut out, variable, scgi::seal));
    scgi::finish(&mut out);
    let mut expected = vec![(b"CONTENT_LENGTH".to_vec(), input.len().to_string().into_bytes())];
    let without = |text: &[u8]| text.iter().copied().filter(|b| *b != 0).collect::<Vec<u8>>();
    expected.extend(variables.iter().map(|(name, value)| (without(name), without(value))));
    assert_eq!(read_scgi(&out), Some(expected));
}

/// Cuts `count` bytes off the front.
fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn read_uwsgi(mut packet: &[u8]) -> Option<Variables> {
    let rest = &mut packet;
    let head = take(rest, 4)?;
    if usize::from(u16::from_le_bytes([head[1], head[2]])) != rest.len() {
        return None;
    }
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let mut string = || {
            let len = take(rest, 2)?;
            Some(take(rest, usize::from(u16::from_le_bytes([len[0], len[1]])))?.to_vec())
        };
        variables.push((string()?, string()?));
    }
    Some(variables)
}

fn read_scgi(text: &[u8]) -> Option<Variables> {
    let colon = text.iter().position(|b| *b == b':')?;
    let len: usize = std::str::from_utf8(&text[..colon]).ok()?.parse().ok()?;
    let string = text[colon + 1..].strip_suffix(b",").filter(|string| string.len() == len)?;
    let mut strings = string.strip_suffix(b"\0")?.split(|b| *b == 0).map(<[u8]>::to_vec);
    let mut variables = Vec::new();
    while let Some(name) = strings.next() {
        variables.push((name, strings.next()?));
    }
    Some(variables)
}

/// The variables and the body of a FastCGI request of one id.
fn read_fastcgi(mut packet: &[u8]) -> Option<(Variables, Vec<u8>)> {
    let rest = &mut packet;
    let (mut parameters, mut body, mut last) = (Vec::new(), Vec::new(), 0);
    while !rest.is_empty() {
        let head = take(rest, 8)?;
        let content = take(rest, usize::from(u16::from_be_bytes([head[4], head[5]])))?;
        take(rest, usize::from(head[6]))?;
        if head[0] != 1 || (head[2], head[3]) != (0, 1) || head[1] < last {
            return None;
        }
        last = head[1];
        match head[1] {
            1 => {}
            4 => parameters.extend_from_slice(content),
            5 => body.extend_from_slice(content),
            _ => return None,
        }
    }
    let rest = &mut &parameters[..];
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let mut length = || {
            let first = take(rest, 1)?[0];
            if first < 128 {
                return Some(usize::from(first));
            }
            let more = take(rest, 3)?;
            Some(u32::from_be_bytes([first & 0x7f, more[0], more[1], more[2]]) as usize)
        };
        let (name, value) = (length()?, length()?);
        variables.push((take(rest, name)?.to_vec(), take(rest, value)?.to_vec()));
    }
    Some((variables, body))
}

/// Any bytes as a key, and as the line that memcached answers with.
pub fn memcached(input: &[u8]) {
    let mut key = Vec::new();
    memcached::push_key(input, &mut key);
    assert!(key.iter().all(|b| *b > b' ' && *b != 0x7f), "the key ends its line");
    let (line, key) = match input.iter().position(|b| *b == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b"key"[..]),
    };
    if let Ok(memcached::Answer::Value { flags, length }) = memcached::answer(line, key) {
        let plain = [b"VALUE ", key, format!(" {flags} {length}\r").as_bytes()].concat();
        assert!(memcached::answer(&plain, key).is_ok());
        // Zeroes before a number are all that may differ.
        assert!(line.len() >= plain.len() && line.starts_with(&[b"VALUE ", key, b" "].concat()));
    }
}

/// Any bytes as the beginning of a connection from a balancer.
pub fn proxy_protocol(input: &[u8]) {
    let whole = proxy_protocol::read(input);
    let fed = cuts(input).into_iter().map(|end| proxy_protocol::read(&input[..end]));
    let in_pieces = fed.into_iter().find(|outcome| !matches!(outcome, Ok(Read::Partial)));
    match &whole {
        Ok(Read::Whole(len, header)) => {
            assert!(*len <= input.len() && *len <= MAX_HEADER);
            assert_eq!(in_pieces.as_ref(), Some(&whole));
            if let Some(header) = header {
                assert_eq!(header.source.ip.is_ipv4(), header.destination.ip.is_ipv4());
                let text = header.source.text.bytes().chain(header.destination.text.bytes());
                assert!(text.into_iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':')));
            }
        }
        Ok(Read::Partial) => {
            assert!(in_pieces.is_none() && input.len() < MAX_HEADER, "more than the bound is waited for");
        }
        Err(_) => assert!(matches!(in_pieces, Some(Err(_)))),
    }
}

/// Any bytes as a client's certificate: read, or not, and what variables say of it is text of one line.
pub fn certificate(input: &[u8]) {
    let Some(certificate) = Certificate::parse(input) else { return };
    let mut out = Vec::new();
    certificate.push_serial(&mut out);
    assert!(out.iter().all(u8::is_ascii_hexdigit));
    out.clear();
    certificate.push_subject(&mut out);
    certificate.push_issuer(&mut out);
    certificate.push_subject_legacy(&mut out);
    certificate.push_issuer_legacy(&mut out);
    certificate.push_start(&mut out);
    certificate.push_end(&mut out);
    let _ = certificate.days_left(1_704_164_645);
}

/// Any bytes as a line of a user file: a hash is right for one password at most, of a few, and never for none of them that
/// differ before their first NUL.
pub fn password(input: &[u8]) {
    let (hash, password) = match input.iter().position(|b| *b == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b"secret"[..]),
    };
    // What takes long on purpose.
    let costs = |hash: &[u8]| hash.starts_with(b"$2") || hash.windows(6).any(|part| part == b"rounds");
    if costs(hash) || password.len() > 600 {
        return;
    }
    let right = password::verify(password, hash);
    if right {
        let other = [b"x", password].concat();
        assert!(!password::verify(&other, hash), "two passwords are right");
    }
    assert!(!right || hash.starts_with(b"{") || hash.starts_with(b"$"));
}
