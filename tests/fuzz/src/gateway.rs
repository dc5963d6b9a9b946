//! Answers of uwsgi, SCGI and FastCGI apps: records and heads in pieces mean what the whole means, and a script's head
//! becomes one of HTTP that says the same, or is refused.

use ringx::cgi::fastcgi::{Piece, RecordError, Records, begins_answer};
use ringx::http1::cgi_head::{CgiHead, StatusLine, push_as_http};
use ringx::http1::{BodyFraming, HeadLimits, Known, Method, Progress, ResponseHead};

use super::pieces::{Random, cuts};

/// What an answer in records came to.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    closed: usize,
    consumed: usize,
    ended: bool,
}

/// Takes records apart that come in pieces which end at `ends`; `again` says how much of a piece is read twice.
fn read(
    wire: &[u8],
    ends: &[usize],
    mut again: impl FnMut(usize) -> usize,
) -> Result<Answer, (RecordError, Vec<u8>)> {
    let mut records = Records::default();
    let mut answer = Answer::default();
    for end in ends {
        loop {
            let input = &wire[answer.consumed..*end];
            let step = records.decode(input).map_err(|error| (error, answer.stdout.clone()))?;
            assert!(step.consumed <= input.len());
            answer.consumed += step.consumed;
            match step.piece {
                Piece::NeedMore => {
                    assert_eq!(step.consumed, input.len());
                    break;
                }
                Piece::Stdout { start, len } => {
                    assert!(len > 0 && start + len == step.consumed);
                    let back = again(len).min(len - 1);
                    records.give_back(back);
                    answer.consumed -= back;
                    answer.stdout.extend_from_slice(&input[start..start + len - back]);
                }
                Piece::Stderr { start, len } => {
                    assert!(len > 0 && start + len == step.consumed);
                    answer.stderr.extend_from_slice(&input[start..start + len]);
                }
                Piece::StdoutEnd => answer.closed += 1,
                Piece::End => {
                    answer.ended = true;
                    return Ok(answer);
                }
            }
        }
    }
    Ok(answer)
}

/// Any bytes as a FastCGI answer.
pub fn records(input: &[u8]) {
    let whole = read(input, &[input.len()], |_| 0);
    let mut random = Random::of(input);
    assert_eq!(whole, read(input, &cuts(input), |_| 0));
    assert_eq!(whole, read(input, &cuts(input), |len| random.below(len)));
    match whole {
        Ok(answer) => {
            assert!(answer.stdout.len() + answer.stderr.len() + 8 * answer.closed <= answer.consumed);
            assert!(answer.ended || answer.consumed == input.len());
            assert!(answer.stdout.is_empty() || begins_answer(input));
        }
        Err((error, _)) => assert!(!error.to_string().is_empty()),
    }
}

/// Any bytes as the head of a script.
pub fn cgi_head(input: &[u8]) {
    let mut scan = CgiHead::default();
    let found = cuts(input).into_iter().find_map(|end| scan.end(&input[..end]));
    assert_eq!(found, CgiHead::default().end(input));
    let Some(end) = found else { return };
    assert!(end <= input.len() && input[end - 1] == b'\n');
    for first in [StatusLine::Allowed, StatusLine::Skipped] {
        let mut out = Vec::new();
        if push_as_http(&input[..end], first, &mut out).is_err() {
            continue;
        }
        let mut head = ResponseHead::default();
        let outcome = head.parse(&out, Method::Get, &HeadLimits::response(1 << 20));
        assert_ne!(outcome, Ok(Progress::Partial), "a whole head stays whole");
        if outcome.is_err() {
            continue;
        }
        assert_eq!(head.len, out.len(), "nothing of it is taken for a body");
        assert!((100..=999).contains(&head.status));
        if first == StatusLine::Skipped {
            assert!(!head.headers.has(Known::TransferEncoding) && head.framing != BodyFraming::Chunked);
        }
    }
}
