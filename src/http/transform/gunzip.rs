//! Decompression (RFC 1952), also of several members one behind the other.
//!
//! Its state of about 50 KiB is made for each body: zlib-rs cannot make one ready for another gzip header.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{Then, TransformError};

/// The window of 32 KiB, and 16 for the header and trailer of gzip.
const GZIP_WINDOW: u8 = 15 + 16;

/// Room that is made for output at a time.
const OUTPUT_STEP: usize = 16 << 10;

/// One body being decompressed.
#[derive(Default)]
pub(super) struct Gunzip {
    inflate: Option<Inflate>,
    /// A member has ended: more bytes begin the next one.
    ended: bool,
}

impl Gunzip {
    pub(super) fn run(&mut self, input: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), TransformError> {
        let mut rest = input;
        loop {
            if self.ended && !rest.is_empty() {
                self.ended = false;
                self.inflate = None;
            }
            if self.ended || (rest.is_empty() && self.inflate.is_none()) {
                break;
            }
            let inflate = self.inflate.get_or_insert_with(|| Inflate::new(true, GZIP_WINDOW));
            let (before, made, at) = (inflate.total_in(), inflate.total_out(), out.len());
            out.resize(at + OUTPUT_STEP, 0);
            let status = inflate.decompress(rest, &mut out[at..], InflateFlush::SyncFlush);
            let written = usize::try_from(inflate.total_out() - made).unwrap_or(OUTPUT_STEP);
            out.truncate(at + written);
            let used = usize::try_from(inflate.total_in() - before).unwrap_or(rest.len());
            rest = &rest[used..];
            match status {
                Err(_) => return Err(TransformError("inflate() failed")),
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if written < OUTPUT_STEP && rest.is_empty() => break,
                Ok(_) if written == 0 && used == 0 => break,
                Ok(_) => {}
            }
        }
        if then == Then::Finish && !self.ended && self.inflate.is_some() {
            return Err(TransformError("inflate() returned -5 on response end"));
        }
        Ok(())
    }
}
