//! Bodies: chunk framing off and on, and the ranges of a body that are asked for.

use ringx::http1::range::{self, MAX_RANGES, RangeOutcome};
use ringx::http1::{ChunkError, ChunkKind, ChunkedDecoder, Trailers, encode};

use super::pieces::cuts;

/// What a chunked body came to.
#[derive(Debug, PartialEq)]
struct Decoded {
    payload: Vec<u8>,
    trailers: Vec<u8>,
    /// Bytes that belong to the body.
    consumed: usize,
    ended: bool,
}

/// Decodes `wire` as it comes in pieces that end at `ends`.
fn decode(wire: &[u8], ends: &[usize], policy: Trailers) -> Result<Decoded, ChunkError> {
    let mut decoder = ChunkedDecoder::new(policy);
    let mut payload = Vec::new();
    let mut at = 0;
    for end in ends {
        loop {
            let input = &wire[at..*end];
            let step = decoder.decode(input)?;
            assert!(step.consumed <= input.len());
            at += step.consumed;
            match step.kind {
                ChunkKind::Data { start, len } => {
                    // The payload lies in what this step consumed, so no byte is handed out twice.
                    assert!(len > 0 && start + len == step.consumed);
                    payload.extend_from_slice(&input[start..start + len]);
                }
                ChunkKind::NeedMore => {
                    assert_eq!(step.consumed, input.len());
                    break;
                }
                ChunkKind::End => {
                    assert!(decoder.is_end());
                    return Ok(Decoded { payload, trailers: decoder.trailers, consumed: at, ended: true });
                }
            }
        }
    }
    // Half a trailer line is nobody's business yet.
    Ok(Decoded { payload, trailers: Vec::new(), consumed: at, ended: false })
}

/// Any bytes as a chunked body, and any bytes as the payload of one.
pub fn chunked(input: &[u8]) {
    for policy in [Trailers::Keep, Trailers::Drop] {
        let whole = decode(input, &[input.len()], policy);
        assert_eq!(whole, decode(input, &cuts(input), policy));
        if let Ok(body) = whole {
            assert!(body.payload.len() <= body.consumed);
            assert!(body.trailers.is_empty() || body.trailers.ends_with(b"\r\n"));
            assert!(policy == Trailers::Keep || body.trailers.is_empty());
            if body.ended {
                // What is kept must survive being sent on.
                let again = rewrite(&body);
                let twice = decode(&again, &[again.len()], policy);
                assert_eq!(twice, Ok(Decoded { consumed: again.len(), ..body }));
            }
        }
    }
    let mut wire = Vec::new();
    let mut from = 0;
    for end in cuts(input) {
        encode::push_chunk(&mut wire, &input[from..end]);
        from = end;
    }
    wire.extend_from_slice(encode::LAST_CHUNK);
    let whole = Decoded { payload: input.into(), trailers: Vec::new(), consumed: wire.len(), ended: true };
    wire.extend_from_slice(b"5\r\n");
    assert_eq!(decode(&wire, &cuts(&wire), Trailers::Keep), Ok(whole));
}

fn rewrite(body: &Decoded) -> Vec<u8> {
    let mut wire = Vec::new();
    encode::push_chunk(&mut wire, &body.payload);
    wire.extend_from_slice(b"0\r\n");
    wire.extend_from_slice(&body.trailers);
    wire.extend_from_slice(b"\r\n");
    wire
}

/// Any bytes as a Range field; the first byte chooses the length of the body.
pub fn range(input: &[u8]) {
    let Some((choice, value)) = input.split_first() else { return };
    let len = match choice % 8 {
        0 => 0,
        1 => 1,
        2 => i64::MAX as u64,
        3 => u64::MAX,
        other => u64::from(*choice) * u64::from(other) * 7,
    };
    let mut found = vec![(1, 0)];
    let outcome = range::parse(value, len, usize::MAX, &mut found);
    if outcome != RangeOutcome::Ranges {
        assert!(found.is_empty());
        return;
    }
    assert!(!found.is_empty() && found.len() <= MAX_RANGES);
    let mut sum = 0u64;
    for (start, end) in &found {
        assert!(start < end && *end <= len);
        sum = sum.checked_add(end - start).unwrap_or_else(|| panic!("the sum wraps: {found:?}"));
    }
    assert!(sum <= len, "more than the body is sent: {found:?} of {len}");
    // Written plainly they mean the same.
    let mut plain = b"bytes=".to_vec();
    for (at, (start, end)) in found.iter().enumerate() {
        if at > 0 {
            plain.push(b',');
        }
        encode::push_decimal(&mut plain, *start);
        plain.push(b'-');
        encode::push_decimal(&mut plain, end - 1);
    }
    let mut again = Vec::new();
    assert_eq!(range::parse(&plain, len, usize::MAX, &mut again), RangeOutcome::Ranges);
    assert_eq!(found, again);
    // `max_ranges` is a bound on how many there are.
    let fewer = range::parse(value, len, found.len() - 1, &mut again);
    assert_eq!(fewer, RangeOutcome::Whole);
}
