//! Texts before and behind a body.

use super::Then;

/// What is still to be written around the body.
pub(super) struct Surround {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Surround {
    pub(super) fn new(before: Vec<u8>, after: Vec<u8>) -> Self {
        Self { before, after }
    }

    /// Takes the next bytes of the body and appends them to `out`, with what belongs there.
    pub(super) fn run(&mut self, input: &[u8], then: Then, out: &mut Vec<u8>) {
        out.append(&mut self.before);
        out.extend_from_slice(input);
        if then == Then::Finish {
            out.append(&mut self.after);
        }
    }
}
