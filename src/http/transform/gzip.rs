//! Compression (RFC 1952), with compressors kept for reuse on each core.
//!
//! zlib-rs makes nginx's header: no time, no name, made on Unix. At nginx's levels its output is as large as zlib's, or
//! a little smaller, in half the time; but for level 1, where it gives up a third of the ratio for speed: its level 2
//! stands for that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use zlib_rs::{Deflate, DeflateFlush, Status};

use super::{Then, TransformError};

/// Compressors kept for reuse on one core, about 300 KiB each.
const POOLED: usize = 32;

/// The window of 32 KiB, and 16 for the header and trailer of gzip.
const GZIP_WINDOW: u8 = 15 + 16;

/// The level that is still as good as zlib's level 1.
const LOWEST_LEVEL: u8 = 2;

/// Room that is made for output at a time.
const OUTPUT_STEP: usize = 16 << 10;

thread_local! {
    /// Compressors that are ready for a new body, with their level.
    static IDLE: RefCell<Vec<(u8, Deflate)>> = const { RefCell::new(Vec::new()) };
}

/// One body being compressed.
pub(super) struct Gzip {
    level: u8,
    deflate: Option<Deflate>,
    /// Told at the end: bytes before and behind.
    totals: Rc<Cell<(u64, u64)>>,
}

impl Gzip {
    pub(super) fn new(level: u8, totals: Rc<Cell<(u64, u64)>>) -> Self {
        Self { level, deflate: None, totals }
    }

    pub(super) fn run(&mut self, input: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), TransformError> {
        let flush = match then {
            Then::More if input.is_empty() => return Ok(()),
            Then::More => DeflateFlush::NoFlush,
            Then::Flush => DeflateFlush::SyncFlush,
            Then::Finish => DeflateFlush::Finish,
        };
        let level = self.level;
        let deflate = self.deflate.get_or_insert_with(|| acquire(level));
        let mut rest = input;
        loop {
            let (before, at) = (deflate.total_in(), out.len());
            let made = deflate.total_out();
            out.resize(at + OUTPUT_STEP, 0);
            let status = deflate.compress(rest, &mut out[at..], flush);
            let written = usize::try_from(deflate.total_out() - made).unwrap_or(OUTPUT_STEP);
            out.truncate(at + written);
            let used = usize::try_from(deflate.total_in() - before).unwrap_or(rest.len());
            rest = &rest[used..];
            match status {
                Err(_) => return Err(TransformError("deflate() failed")),
                Ok(Status::StreamEnd) => break,
                // Room that is left says that there is nothing more to come of this input.
                Ok(_) if written < OUTPUT_STEP && then != Then::Finish => break,
                // Neither input nor output moved although there was room for both.
                Ok(_) if written == 0 && used == 0 => break,
                Ok(_) => {}
            }
        }
        if then == Then::Finish {
            self.release();
        }
        Ok(())
    }

    fn release(&mut self) {
        let Some(mut deflate) = self.deflate.take() else { return };
        let level = self.level;
        self.totals.set((deflate.total_in(), deflate.total_out()));
        deflate.reset();
        // At the end of its thread there is no pool to go back to.
        IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < POOLED {
                idle.push((level, deflate));
            }
        })
        .ok();
    }
}

impl Drop for Gzip {
    fn drop(&mut self) {
        self.release();
    }
}

fn acquire(level: u8) -> Deflate {
    let pooled = IDLE.with_borrow_mut(|idle| {
        let at = idle.iter().rposition(|(has, _)| *has == level)?;
        Some(idle.swap_remove(at).1)
    });
    pooled.unwrap_or_else(|| Deflate::new(i32::from(level.max(LOWEST_LEVEL)), true, GZIP_WINDOW))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::transform::gunzip::Gunzip;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| ((i * i) >> 7) as u8 ^ (i % 251) as u8).collect()
    }

    fn unpack(packed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Gunzip::default().run(packed, Then::Finish, &mut out).unwrap();
        out
    }

    #[test]
    fn pieces_and_flushes_give_the_whole() {
        for len in [0, 1, 20, 40_000, 300_000] {
            let body = pattern(len);
            for piece in [1 + len / 3, 1000, 65_536] {
                let mut gzip = Gzip::new(6, Rc::default());
                let mut out = Vec::new();
                for (i, part) in body.chunks(piece).enumerate() {
                    let then = if i % 2 == 0 { Then::More } else { Then::Flush };
                    gzip.run(part, then, &mut out).unwrap();
                }
                gzip.run(b"", Then::Finish, &mut out).unwrap();
                assert_eq!(&out[..10], b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "nginx's header");
                assert!(unpack(&out) == body, "{len} bytes in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_flush_lets_the_reader_have_everything() {
        let mut gzip = Gzip::new(1, Rc::default());
        let mut out = Vec::new();
        gzip.run(b"data: 1\n\n", Then::Flush, &mut out).unwrap();
        let mut reader = Gunzip::default();
        let mut read = Vec::new();
        reader.run(&out, Then::More, &mut read).unwrap();
        assert_eq!(read, b"data: 1\n\n");
        out.clear();
        gzip.run(b"data: 2\n\n", Then::Flush, &mut out).unwrap();
        reader.run(&out, Then::More, &mut read).unwrap();
        assert_eq!(read, b"data: 1\n\ndata: 2\n\n");
    }

    #[test]
    fn an_abandoned_compressor_starts_anew() {
        let mut gzip = Gzip::new(3, Rc::default());
        gzip.run(&pattern(100_000), Then::More, &mut Vec::new()).unwrap();
        drop(gzip);
        let mut out = Vec::new();
        Gzip::new(3, Rc::default()).run(b"fresh", Then::Finish, &mut out).unwrap();
        assert_eq!(unpack(&out), b"fresh");
    }
}
