//! Applications that speak uwsgi, FastCGI and SCGI: requests taken apart byte for byte, answers cut into records.
//! Their scripts run on an [`OriginConnection`].

use super::{OriginConnection, escape};

/// One request as a gateway's application got it.
#[derive(Debug, Clone, Default)]
pub struct CgiRequest {
    /// What the protocol says besides: uwsgi's modifiers, FastCGI's flags and the sizes of its records.
    pub framing: String,
    /// The variables in order.
    pub variables: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl CgiRequest {
    /// The request as text: the framing, a variable a line, the body behind a blank line.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.framing);
        for (name, value) in &self.variables {
            text += &format!("{name}={value}\n");
        }
        text.push('\n');
        if self.body.len() > 1024 {
            text += &format!("{{{} bytes}}", self.body.len());
        } else {
            text += &escape(&self.body);
        }
        text
    }

    /// The value of a variable, `""` if it was not sent.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    fn read_body(&mut self, connection: &mut OriginConnection) {
        let length = self.variable("CONTENT_LENGTH").parse().unwrap_or(0);
        self.body = connection.read_raw(length);
    }
}

fn exactly(connection: &mut OriginConnection, count: usize) -> Option<Vec<u8>> {
    let bytes = connection.read_raw(count);
    (bytes.len() == count).then_some(bytes)
}

fn text(bytes: &[u8]) -> String {
    escape(bytes)
}

/// Reads one uwsgi request with as much body as `CONTENT_LENGTH` says; `None` at the end of the connection.
pub fn uwsgi_request(connection: &mut OriginConnection) -> Option<CgiRequest> {
    let header = exactly(connection, 4)?;
    let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
    let bytes = exactly(connection, length)?;
    let mut rest = &bytes[..];
    let mut request =
        CgiRequest { framing: format!("modifiers {} {}", header[0], header[3]), ..CgiRequest::default() };
    let mut string = || {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (string, behind) = behind.split_at(usize::from(u16::from_le_bytes(*length)));
        rest = behind;
        Some(text(string))
    };
    while let Some(name) = string() {
        request.variables.push((name, string().unwrap()));
    }
    request.read_body(connection);
    Some(request)
}

/// Reads one SCGI request with its body.
pub fn scgi_request(connection: &mut OriginConnection) -> Option<CgiRequest> {
    let mut digits = Vec::new();
    loop {
        match exactly(connection, 1)?[0] {
            b':' => break,
            digit => digits.push(digit),
        }
    }
    let length: usize = String::from_utf8(digits).unwrap().parse().unwrap();
    let bytes = exactly(connection, length)?;
    assert_eq!(exactly(connection, 1)?, b",");
    let mut request = CgiRequest { framing: "netstring".to_owned(), ..CgiRequest::default() };
    let mut strings = bytes.split(|b| *b == 0);
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        request.variables.push((text(name), text(value)));
    }
    request.read_body(connection);
    Some(request)
}

/// Reads one FastCGI request, up to the end of its body.
pub fn fastcgi_request(connection: &mut OriginConnection) -> Option<CgiRequest> {
    let mut request = CgiRequest::default();
    let mut params = Vec::new();
    loop {
        let header = exactly(connection, 8)?;
        assert_eq!((header[0], header[2], header[3]), (1, 0, 1), "version and id");
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let content = exactly(connection, length)?;
        exactly(connection, usize::from(header[6]))?;
        assert_eq!((length + usize::from(header[6])) % 8, 0, "records are padded");
        match header[1] {
            1 => request.framing = format!("role {} flags {}", content[1], content[2]),
            4 => params.extend_from_slice(&content),
            5 if length == 0 => break,
            5 => request.body.extend_from_slice(&content),
            other => panic!("record {other}"),
        }
    }
    let mut rest = &params[..];
    let length = |rest: &mut &[u8]| {
        let (first, behind) = rest.split_first()?;
        if *first < 128 {
            *rest = behind;
            return Some(usize::from(*first));
        }
        let (long, behind) = rest.split_first_chunk::<4>()?;
        *rest = behind;
        Some((u32::from_be_bytes(*long) & 0x7fff_ffff) as usize)
    };
    while let Some(name_length) = length(&mut rest) {
        let value_length = length(&mut rest).unwrap();
        let (name, behind) = rest.split_at(name_length);
        let (value, behind) = behind.split_at(value_length);
        request.variables.push((text(name), text(value)));
        rest = behind;
    }
    Some(request)
}

/// A record of an answer: 6 is stdout, 7 is stderr, 3 the end.
pub fn record(kind: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let padding = content.len().wrapping_neg() % 8;
    let mut record = vec![1, kind, 0, 1, high, low, u8::try_from(padding).unwrap(), 0];
    record.extend_from_slice(content);
    record.resize(record.len() + padding, 0);
    record
}

/// `FCGI_STDOUT`.
pub fn stdout(content: impl AsRef<[u8]>) -> Vec<u8> {
    content.as_ref().chunks(65_535).flat_map(|share| record(6, share)).collect()
}

/// `FCGI_STDERR`.
pub fn stderr(content: impl AsRef<[u8]>) -> Vec<u8> {
    record(7, content)
}

/// `FCGI_END_REQUEST`.
pub fn end_request() -> Vec<u8> {
    record(3, [0; 8])
}
