//! Takes the chunk framing off a body (RFC 9112 section 7.1), in whatever pieces it arrives.
//!
//! Strict: hexadecimal sizes without sign, CRLF and nothing else, bounded extensions and trailers. The decoder holds
//! no payload: it says where the payload lies in the caller's input. Used on request bodies and on peers' responses.

use super::headers::{Known, trim_ows};
use super::{Status, is_token_byte, is_value_byte};
use std::fmt;

/// Most hexadecimal digits of a chunk size, leading zeros included.
const MAX_SIZE_DIGITS: u8 = 16;
/// Most bytes of the extensions of one chunk. Real ones (a signature of S3's) have about 85.
const MAX_EXTENSION: u32 = 256;
/// Most bytes of extensions beyond those that the payload pays for: a body made of extensions is an attack on the
/// CPU (CVE-2023-39326). A byte of extension is free for each byte of payload.
const MAX_EXTENSION_EXCESS: u64 = 16 << 10;
/// Most bytes of the trailer section.
const MAX_TRAILER_BYTES: u32 = 8 << 10;
/// Most trailer fields.
const MAX_TRAILER_FIELDS: u16 = 64;

/// What to do with trailer fields. They are validated either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trailers {
    /// Forget them.
    #[default]
    Drop,
    /// Keep those that may be passed on in [`ChunkedDecoder::trailers`].
    Keep,
}

/// A chunked body in the course of being read.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    /// Trailer fields as `Name: value\r\n` lines, if they are kept; whole once the body has ended. Fields that would
    /// change framing or routing if they were merged into the head (RFC 9110 section 6.5.1) are not among them.
    pub trailers: Vec<u8>,
    state: State,
    policy: Trailers,
    /// Payload bytes left in this chunk, or, before its data, the size read so far.
    remaining: u64,
    digits: u8,
    extension: u32,
    extension_excess: u64,
    trailer_bytes: u32,
    trailer_fields: u16,
    /// Where the unfinished trailer line begins in `trailers`.
    line_start: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the digits of a chunk size.
    #[default]
    Size,
    /// White space after the size, which only an extension may follow (RFC 9112 section 7.1.1: BWS).
    BeforeExtension,
    Extension,
    /// CR of the size line seen.
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// In a trailer line (or the last empty line), its bytes in `trailers` from `line_start`.
    TrailerLine,
    TrailerLf,
    End,
}

/// One step of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkStep {
    /// Bytes of the input that are done with, the payload of this step included.
    pub consumed: usize,
    /// What the step brought.
    pub kind: ChunkKind,
}

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// Payload: `len` bytes of the input from `start`, never 0.
    Data {
        /// Offset in the input.
        start: usize,
        /// Number of bytes.
        len: usize,
    },
    /// The whole input is consumed and the body goes on.
    NeedMore,
    /// The body is over; what follows `consumed` is not part of it.
    End,
}

/// Why a chunked body is refused. The connection cannot be used further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// A size that is not 1*HEXDIG.
    Size,
    /// A size of 2^63 or more, or with too many digits.
    SizeTooLarge,
    /// A control byte in an extension, or something else than an extension after white space.
    Extension,
    /// Longer or more extensions than a real sender has.
    ExtensionTooLarge,
    /// CR without LF, LF without CR, or no CRLF behind the data.
    LineEnd,
    /// A malformed trailer field.
    Trailer,
    /// A trailer section beyond its bounds.
    TrailerTooLarge,
}

impl ChunkError {
    /// The status to answer a client with whose body it was. For a peer's body the answer has begun: close.
    pub fn status(self) -> Status {
        match self {
            ChunkError::SizeTooLarge => Status::REQUEST_ENTITY_TOO_LARGE,
            ChunkError::Size
            | ChunkError::Extension
            | ChunkError::ExtensionTooLarge
            | ChunkError::LineEnd
            | ChunkError::Trailer
            | ChunkError::TrailerTooLarge => Status::BAD_REQUEST,
        }
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChunkError::Size => "invalid chunk size",
            ChunkError::SizeTooLarge => "too large chunk size",
            ChunkError::Extension => "invalid chunk extension",
            ChunkError::ExtensionTooLarge => "too large chunk extensions",
            ChunkError::LineEnd => "invalid line end in chunked body",
            ChunkError::Trailer => "invalid trailer",
            ChunkError::TrailerTooLarge => "too large trailers",
        })
    }
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub fn new(policy: Trailers) -> ChunkedDecoder {
        ChunkedDecoder { policy, ..ChunkedDecoder::default() }
    }

    /// Makes it ready for another body and keeps the memory.
    pub fn reset(&mut self, policy: Trailers) {
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.clear();
        *self = ChunkedDecoder { trailers, policy, ..ChunkedDecoder::default() };
    }

    /// Whether the last chunk and the trailers have been read.
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// Payload bytes of the chunk in hand that are still to come.
    pub fn chunk_remaining(&self) -> u64 {
        if self.state == State::Data { self.remaining } else { 0 }
    }

    /// Reads on. Call again with the input behind `consumed` until it says `NeedMore` or `End`.
    pub fn decode(&mut self, input: &[u8]) -> Result<ChunkStep, ChunkError> {
        let mut at = 0;
        while let Some(&b) = input.get(at) {
            if self.state == State::Data {
                let len = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len() - at);
                self.take_payload(len as u64);
                return Ok(ChunkStep { consumed: at + len, kind: ChunkKind::Data { start: at, len } });
            }
            if self.state == State::End {
                break;
            }
            at += 1;
            self.framing_byte(b)?;
        }
        let kind = if self.state == State::End { ChunkKind::End } else { ChunkKind::NeedMore };
        Ok(ChunkStep { consumed: at, kind })
    }

    fn take_payload(&mut self, n: u64) {
        self.remaining -= n;
        self.extension_excess = self.extension_excess.saturating_sub(n);
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
    }

    fn framing_byte(&mut self, b: u8) -> Result<(), ChunkError> {
        match self.state {
            State::Size => self.size_byte(b),
            State::BeforeExtension => match b {
                b' ' | b'\t' => self.extension_byte(),
                b';' => {
                    self.state = State::Extension;
                    self.extension_byte()
                }
                _ => Err(ChunkError::Extension),
            },
            State::Extension => match b {
                b'\r' => {
                    self.state = State::SizeLf;
                    Ok(())
                }
                b'\n' => Err(ChunkError::LineEnd),
                _ if is_value_byte(b) => self.extension_byte(),
                _ => Err(ChunkError::Extension),
            },
            State::SizeLf => {
                expect(b, b'\n')?;
                self.begin_chunk();
                Ok(())
            }
            State::DataCr => {
                expect(b, b'\r')?;
                self.state = State::DataLf;
                Ok(())
            }
            State::DataLf => {
                expect(b, b'\n')?;
                self.state = State::Size;
                Ok(())
            }
            State::TrailerLine => self.trailer_byte(b),
            State::TrailerLf => {
                expect(b, b'\n')?;
                self.end_trailer_line()
            }
            // `decode` handles these two itself.
            State::Data | State::End => Ok(()),
        }
    }

    fn size_byte(&mut self, b: u8) -> Result<(), ChunkError> {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'f' => b - b'a' + 10,
            b'A'..=b'F' => b - b'A' + 10,
            _ if self.digits == 0 => return Err(ChunkError::Size),
            b'\r' => {
                self.state = State::SizeLf;
                return Ok(());
            }
            b';' => {
                self.state = State::Extension;
                return self.extension_byte();
            }
            b' ' | b'\t' => {
                self.state = State::BeforeExtension;
                return self.extension_byte();
            }
            b'\n' => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Size),
        };
        self.digits += 1;
        if self.digits > MAX_SIZE_DIGITS {
            return Err(ChunkError::SizeTooLarge);
        }
        // At most 16 digits: no overflow of 64 bits. Sizes are file offsets further on: below 2^63.
        self.remaining = (self.remaining << 4) | u64::from(digit);
        if self.remaining > i64::MAX as u64 { Err(ChunkError::SizeTooLarge) } else { Ok(()) }
    }

    fn extension_byte(&mut self) -> Result<(), ChunkError> {
        self.extension += 1;
        self.extension_excess += 1;
        if self.extension > MAX_EXTENSION || self.extension_excess > MAX_EXTENSION_EXCESS {
            return Err(ChunkError::ExtensionTooLarge);
        }
        Ok(())
    }

    fn begin_chunk(&mut self) {
        self.digits = 0;
        self.extension = 0;
        self.state = if self.remaining == 0 { State::TrailerLine } else { State::Data };
    }

    fn trailer_byte(&mut self, b: u8) -> Result<(), ChunkError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > MAX_TRAILER_BYTES {
            return Err(ChunkError::TrailerTooLarge);
        }
        match b {
            b'\r' => self.state = State::TrailerLf,
            b'\n' => return Err(ChunkError::LineEnd),
            _ if is_value_byte(b) => self.trailers.push(b),
            _ => return Err(ChunkError::Trailer),
        }
        Ok(())
    }

    fn end_trailer_line(&mut self) -> Result<(), ChunkError> {
        let line = self.trailers.get(self.line_start..).unwrap_or_default();
        if line.is_empty() {
            self.state = State::End;
            return Ok(());
        }
        self.trailer_fields += 1;
        if self.trailer_fields > MAX_TRAILER_FIELDS {
            return Err(ChunkError::TrailerTooLarge);
        }
        let colon = line.iter().position(|b| *b == b':').ok_or(ChunkError::Trailer)?;
        let name = &line[..colon];
        // A line that begins with white space (obs-fold) fails here too.
        if name.is_empty() || !name.iter().all(|b| is_token_byte(*b)) {
            return Err(ChunkError::Trailer);
        }
        if self.policy == Trailers::Keep && may_be_trailer(name) {
            let value = trim_ows(&line[colon + 1..]);
            let value_start = self.line_start + colon + 1 + offset_of_trimmed(&line[colon + 1..]);
            let value_len = value.len();
            self.trailers.truncate(value_start + value_len);
            self.trailers.splice(self.line_start + colon + 1..value_start, *b" ");
            self.trailers.extend_from_slice(b"\r\n");
            self.line_start = self.trailers.len();
        } else {
            self.trailers.truncate(self.line_start);
        }
        self.state = State::TrailerLine;
        Ok(())
    }
}

/// Number of white-space bytes at the front; all of them if there is nothing else.
fn offset_of_trimmed(value: &[u8]) -> usize {
    value.iter().position(|b| *b != b' ' && *b != b'\t').unwrap_or(value.len())
}

fn expect(b: u8, wanted: u8) -> Result<(), ChunkError> {
    if b == wanted { Ok(()) } else { Err(ChunkError::LineEnd) }
}

/// Whether a field may be passed on as a trailer (RFC 9110 section 6.5.1): not if it says something about framing,
/// routing, authentication, the connection, or how the body is to be read. A name with `_` could stand for one that
/// may not.
fn may_be_trailer(name: &[u8]) -> bool {
    let known = Known::from_name(name);
    let forbidden = known.is_hop_by_hop()
        || matches!(
            known,
            Known::Host
                | Known::ContentLength
                | Known::ContentType
                | Known::ContentEncoding
                | Known::ContentRange
                | Known::CacheControl
                | Known::Expect
                | Known::Authorization
                | Known::WwwAuthenticate
                | Known::Cookie
                | Known::SetCookie
                | Known::Location
                | Known::Range
                | Known::IfMatch
                | Known::IfNoneMatch
                | Known::IfRange
                | Known::IfModifiedSince
                | Known::IfUnmodifiedSince
                | Known::XForwardedFor
                | Known::XForwardedProto
                | Known::XForwardedHost
                | Known::XRealIp
                | Known::XAccelRedirect
                | Known::XAccelExpires
                | Known::XAccelLimitRate
                | Known::XAccelBuffering
                | Known::XAccelCharset
                | Known::Proxy
                | Known::Server
                | Known::Date
                | Known::Vary
                | Known::Expires
        );
    !forbidden && !name.contains(&b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::encode;
    use proptest::prelude::*;

    /// Decodes `bytes`, given in pieces of `step`: the payload, and how many bytes the body took if it ended.
    fn decode_by(
        decoder: &mut ChunkedDecoder,
        bytes: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, Option<usize>), ChunkError> {
        let mut payload = Vec::new();
        let mut at = 0;
        for piece in bytes.chunks(step.max(1)) {
            let mut rest = piece;
            loop {
                let done = decoder.decode(rest)?;
                at += done.consumed;
                match done.kind {
                    ChunkKind::Data { start, len } => {
                        assert!(len > 0);
                        payload.extend_from_slice(&rest[start..start + len]);
                    }
                    ChunkKind::NeedMore => {
                        assert_eq!(done.consumed, rest.len());
                        break;
                    }
                    ChunkKind::End => return Ok((payload, Some(at))),
                }
                rest = &rest[done.consumed..];
            }
        }
        Ok((payload, None))
    }

    fn decode(bytes: &[u8]) -> Result<(Vec<u8>, Option<usize>), ChunkError> {
        decode_by(&mut ChunkedDecoder::default(), bytes, bytes.len())
    }

    #[test]
    fn bodies() {
        for (bytes, payload) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
            ("00000005\r\nhello\r\n0000\r\n\r\n", "hello"),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
            ("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
            ("5 ;a\r\nhello\r\n0\t;b\r\n\r\n", "hello"),
            ("5\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 50\r\n\r\n", "hello"),
        ] {
            let next = format!("{bytes}GET / HTTP/1.1\r\n");
            assert_eq!(decode(next.as_bytes()), Ok((payload.into(), Some(bytes.len()))), "{bytes:?}");
        }
        assert_eq!(decode(b"5\r\nhel"), Ok((b"hel".to_vec(), None)));
        assert_eq!(decode(b""), Ok((Vec::new(), None)));
    }

    #[test]
    fn malformed_bodies() {
        use ChunkError::*;
        for (bytes, error) in [
            ("+5\r\nhello\r\n0\r\n\r\n", Size),
            ("-5\r\nhello", Size),
            (" 5\r\nhello", Size),
            ("\r\n5\r\nhello", Size),
            ("0x5\r\nhello", Size),
            ("2z\r\nok\r\n", Size),
            (";\r\n", Size),
            ("g\r\n", Size),
            ("5_0\r\n", Size),
            ("5\0\r\n", Size),
            ("\n", Size),
            ("5,5\r\n", Size),
            ("10000000000000005\r\nhello", SizeTooLarge),
            ("00000000000000005\r\nhello", SizeTooLarge),
            ("FFFFFFFFFFFFFFED\r\n", SizeTooLarge),
            ("8000000000000000\r\n", SizeTooLarge),
            ("5\nhello\r\n", LineEnd),
            ("5\rhello\r\n", LineEnd),
            ("5\r\r\n", LineEnd),
            ("5\r\nhelloXX0\r\n", LineEnd),
            ("5\r\nhello\n0\r\n", LineEnd),
            ("5\r\nhello\r0\r\n", LineEnd),
            ("5;a\rb\r\nhello", LineEnd),
            ("2;\nxx\r\n", LineEnd),
            ("5\r\nhello0\r\n", LineEnd),
            ("5\r\nhello!", LineEnd),
            ("5 5\r\n", Extension),
            ("5 \r\nhello", Extension),
            ("5;a\0\r\n", Extension),
            ("5;a\x7f\r\n", Extension),
            ("0\r\nX\r\n\r\n", Trailer),
            ("0\r\n: x\r\n\r\n", Trailer),
            ("0\r\n X: y\r\n\r\n", Trailer),
            ("0\r\nX : y\r\n\r\n", Trailer),
            ("0\r\nX: y\r\n z\r\n\r\n", Trailer),
            ("0\r\nX: \0\r\n\r\n", Trailer),
            ("0\r\nX: y\n\r\n", LineEnd),
            ("0\r\nX: y\rz\r\n\r\n", LineEnd),
            ("0\r\n\n", LineEnd),
            ("0\r\n\rx", LineEnd),
        ] {
            assert_eq!(decode(bytes.as_bytes()), Err(error), "{bytes:?}");
            assert_eq!(
                decode_by(&mut ChunkedDecoder::default(), bytes.as_bytes(), 1),
                Err(error),
                "{bytes:?}"
            );
        }
        assert_eq!(SizeTooLarge.status(), Status::REQUEST_ENTITY_TOO_LARGE);
        assert_eq!(LineEnd.status(), Status::BAD_REQUEST);
    }

    #[test]
    fn extensions_are_bounded() {
        let long = |n| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(n));
        assert!(decode(long(255).as_bytes()).is_ok());
        assert_eq!(decode(long(256).as_bytes()), Err(ChunkError::ExtensionTooLarge));
        // Many short ones that the payload does not pay for.
        let many = format!("1;{}\r\nx\r\n", "a".repeat(100)).repeat(1000);
        assert_eq!(decode(many.as_bytes()), Err(ChunkError::ExtensionTooLarge));
        // A signature for each chunk of an upload is fine however long the upload.
        let chunk = format!("400;chunk-signature={}\r\n{}\r\n", "f".repeat(64), "x".repeat(1024));
        assert_eq!(decode(chunk.repeat(2000).as_bytes()).map(|(p, _)| p.len()), Ok(2000 * 1024));
    }

    #[test]
    fn trailers_are_bounded() {
        let many = |n| format!("0\r\n{}\r\n", "X: y\r\n".repeat(n));
        assert!(decode(many(64).as_bytes()).is_ok());
        assert_eq!(decode(many(65).as_bytes()), Err(ChunkError::TrailerTooLarge));
        let endless = format!("0\r\nX: {}", "y".repeat(9000));
        assert_eq!(decode(endless.as_bytes()), Err(ChunkError::TrailerTooLarge));
    }

    #[test]
    fn kept_trailers_hold_only_what_may_be_passed_on() {
        let bytes = b"0\r\nX-Sum:  a b \t\r\nContent-Length: 50\r\nhost: x\r\nX_Y: z\r\nExpires: 0\r\nX-Empty:\r\n\r\n";
        for step in [1, 2, 7, bytes.len()] {
            let mut decoder = ChunkedDecoder::new(Trailers::Keep);
            assert_eq!(decode_by(&mut decoder, bytes, step), Ok((Vec::new(), Some(bytes.len()))));
            assert!(decoder.is_end());
            assert_eq!(decoder.trailers, b"X-Sum: a b\r\nX-Empty: \r\n");
            decoder.reset(Trailers::Drop);
            assert_eq!(decode_by(&mut decoder, bytes, step), Ok((Vec::new(), Some(bytes.len()))));
            assert_eq!(decoder.trailers, b"");
        }
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_the_same(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
            step in 1usize..20,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                encode::push_chunk(&mut wire, chunk);
            }
            wire.extend_from_slice(encode::LAST_CHUNK);
            let whole = wire.len();
            wire.extend_from_slice(b"next");
            let decoded = decode_by(&mut ChunkedDecoder::default(), &wire, step);
            prop_assert_eq!(decoded, Ok((chunks.concat(), Some(whole))));
        }

        #[test]
        fn any_split_means_the_same(text in "[0-9a-f;\r\n X:+]{0,60}", step in 1usize..10) {
            let whole = decode(text.as_bytes());
            let split = decode_by(&mut ChunkedDecoder::default(), text.as_bytes(), step);
            prop_assert_eq!(whole, split);
        }

        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
