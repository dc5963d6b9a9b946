//! Bodies changed on their way out: decompressed, searched and replaced, compressed.
//!
//! A [`Transform`] is a chain of stages in nginx's order of body filters. It takes a body in pieces and appends what
//! comes of each to a buffer; it does no I/O and never waits. `filter` makes one and puts it into the response;
//! `write` and `relay` drive it. What a stage holds comes from the core's pool and goes back there, so that it costs
//! no allocation in steady state. One that compresses holds about 300 KiB as long as its body lasts.

mod gunzip;
mod gzip;
mod recode;
mod store;
mod sub;
mod surround;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use self::gunzip::Gunzip;
use self::gzip::Gzip;
use self::recode::Recode;
pub use self::store::{LogTo, Place, Store};
pub use self::sub::Sub;
use self::surround::Surround;
use crate::config::charsets::Recoding;

/// Chains kept for reuse on one core; more are made when more bodies are changed at once.
const POOLED_CHAINS: usize = 64;

/// Memory each buffer of these may keep.
const POOLED_BUFFER: usize = 64 << 10;

/// What is to become of the bytes taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// More come soon: they may wait.
    More,
    /// The client is to have all of them now.
    Flush,
    /// They were the last.
    Finish,
}

/// Why a body cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformError(
    /// The call that failed and why, as nginx writes it.
    pub &'static str,
);

impl fmt::Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a body goes through. Without a stage it is only sent in pieces, as trailers ask for.
pub struct Transform {
    chain: Option<Box<Chain>>,
}

#[derive(Default)]
struct Chain {
    store: Option<Box<Store>>,
    gunzip: Option<Gunzip>,
    /// Searches the body while `substitutes`; keeps its memory else.
    sub: Sub,
    substitutes: bool,
    recode: Option<Recode>,
    surround: Option<Surround>,
    gzip: Option<Gzip>,
    /// Bytes of the result that are dropped, and how many are sent after them.
    cut: Option<(u64, u64)>,
    /// What one stage hands to the next, and back.
    between: [Vec<u8>; 2],
    /// Bytes of a file, and what became of them.
    slices: [Vec<u8>; 2],
}

thread_local! {
    /// Chains without stages, whose buffers keep their memory.
    #[expect(clippy::vec_box, reason = "a chain moves between pool and response")]
    static IDLE: RefCell<Vec<Box<Chain>>> = const { RefCell::new(Vec::new()) };
}

impl Default for Transform {
    fn default() -> Self {
        let pooled = IDLE.with_borrow_mut(Vec::pop);
        Self { chain: Some(pooled.unwrap_or_default()) }
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        let Some(mut chain) = self.chain.take() else { return };
        (chain.gunzip, chain.substitutes, chain.surround, chain.gzip) = (None, false, None, None);
        (chain.store, chain.recode, chain.cut) = (None, None, None);
        for buffer in chain.between.iter_mut().chain(&mut chain.slices) {
            buffer.clear();
            buffer.shrink_to(POOLED_BUFFER);
        }
        // At the end of its thread there is no pool to go back to.
        IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < POOLED_CHAINS {
                idle.push(chain);
            }
        })
        .ok();
    }
}

impl Transform {
    /// Adds decompression (`gunzip`).
    pub fn decompress(&mut self) {
        self.chain().gunzip = Some(Gunzip::default());
    }

    /// Adds the search for texts that `add` names (`sub_filter`); `false` when it names none.
    pub fn substitute(&mut self, once: bool, add: impl FnOnce(&mut Sub)) -> bool {
        let chain = self.chain();
        chain.sub.begin(once);
        add(&mut chain.sub);
        chain.sub.prepare();
        chain.substitutes = !chain.sub.is_empty();
        chain.substitutes
    }

    /// Adds a change of the character set (`charset_map`).
    pub fn recode(&mut self, table: Arc<Recoding>) {
        self.chain().recode = Some(Recode::new(table));
    }

    /// Adds texts before and behind the body (`add_before_body`, `add_after_body`).
    pub fn surround(&mut self, before: Vec<u8>, after: Vec<u8>) {
        self.chain().surround = Some(Surround::new(before, after));
    }

    /// Leaves `len` bytes of the result, from `start` on (a range of a body that is not a file).
    pub fn cut(&mut self, start: u64, len: u64) {
        self.chain().cut = Some((start, len));
    }

    /// Keeps a copy of the body as it comes (`proxy_store`).
    pub fn store(&mut self, store: Store) {
        self.chain().store = Some(Box::new(store));
    }

    /// Nothing changes the body, and nobody looks at it.
    pub fn is_plain(&self) -> bool {
        self.chain.as_ref().is_none_or(|chain| {
            chain.store.is_none()
                && chain.cut.is_none()
                && chain.gunzip.is_none()
                && !chain.substitutes
                && chain.recode.is_none()
                && chain.surround.is_none()
                && chain.gzip.is_none()
        })
    }

    /// Adds compression with a level from 1 to 9 (`gzip`); how long the body was and becomes is put into `totals`.
    pub fn compress(&mut self, level: u8, totals: Rc<Cell<(u64, u64)>>) {
        self.chain().gzip = Some(Gzip::new(level, totals));
    }

    /// May a short piece become one that is a thousand times as long?
    pub fn expands(&self) -> bool {
        self.chain.as_ref().is_some_and(|chain| chain.gunzip.is_some())
    }

    /// Takes the next bytes of the body and appends to `out` what is ready of it.
    ///
    /// # Errors
    /// The body is not what it says it is; nothing more can come of it.
    pub fn run(&mut self, input: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), TransformError> {
        let Chain { store, gunzip, sub, substitutes, recode, surround, gzip, cut, between, .. } =
            self.chain();
        if let Some(store) = store {
            store.run(input, then);
        }
        let before = out.len();
        let [from, to] = between;
        let mut stages = Stages { input: Some(input), from, to };
        if let Some(gunzip) = gunzip {
            stages.pass(|input, out| gunzip.run(input, then, out))?;
        }
        if *substitutes {
            stages.pass(|input, out| {
                sub.run(input, then, out);
                Ok(())
            })?;
        }
        if let Some(recode) = recode {
            stages.pass(|input, out| {
                recode.run(input, out);
                Ok(())
            })?;
        }
        if let Some(surround) = surround {
            stages.pass(|input, out| {
                surround.run(input, then, out);
                Ok(())
            })?;
        }
        match gzip {
            Some(gzip) => gzip.run(stages.current(), then, out)?,
            None => out.extend_from_slice(stages.current()),
        }
        if let Some((skip, left)) = cut {
            let made = (out.len() - before) as u64;
            let skipped = (*skip).min(made);
            let kept = (*left).min(made - skipped);
            (*skip, *left) = (*skip - skipped, *left - kept);
            // Both are at most what was appended just now.
            out.drain(before..before + skipped as usize);
            out.truncate(before + kept as usize);
        }
        Ok(())
    }

    /// Two empty buffers for whoever drives it; they are to be given back.
    pub(super) fn take_slices(&mut self) -> [Vec<u8>; 2] {
        std::mem::take(&mut self.chain().slices)
    }

    /// Takes them back.
    pub(super) fn give_slices(&mut self, slices: [Vec<u8>; 2]) {
        self.chain().slices = slices;
    }

    fn chain(&mut self) -> &mut Chain {
        self.chain.get_or_insert_default()
    }
}

/// The bytes between two stages: the input at first, then what the last stage made of it.
struct Stages<'a> {
    input: Option<&'a [u8]>,
    from: &'a mut Vec<u8>,
    to: &'a mut Vec<u8>,
}

impl Stages<'_> {
    fn current(&self) -> &[u8] {
        self.input.unwrap_or(self.from)
    }

    fn pass(
        &mut self,
        stage: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), TransformError>,
    ) -> Result<(), TransformError> {
        self.to.clear();
        stage(self.input.unwrap_or(self.from), self.to)?;
        std::mem::swap(self.from, self.to);
        self.input = None;
        Ok(())
    }
}
