//! What is known of a panic: its message and place, what was being done, where the program was.
//!
//! A hook notes it while the stack still stands; whoever catches the panic takes it from here. Called by runtime (the fence
//! around each connection), master (around each worker) and cli.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Frames that are told: from a system call to the connection's task it is about 25.
const MAX_FRAMES: usize = 40;

/// Frames from the hook out to the line that panicked, at most.
const HOOK_FRAMES: usize = 14;

/// Between two backtraces of one thread, in milliseconds: to find the names of one takes up to a second of somebody's time, which
/// must not become a way to keep the machine busy.
const BACKTRACE_PAUSE_MS: u64 = 1000;

thread_local! {
    /// Panics of this thread are caught and told by whoever catches them.
    static CAUGHT_HERE: Cell<bool> = const { Cell::new(false) };
    /// The panic that unwinds, or was caught last.
    static NOTED: RefCell<Option<Panic>> = const { RefCell::new(None) };
    /// When the next backtrace may be taken, `Now::monotonic_ms`.
    static NEXT_MS: Cell<u64> = const { Cell::new(0) };
}

/// A panic that was caught.
#[derive(Debug, Default)]
pub struct Panic {
    /// What it said, and the line of source.
    pub message: String,
    /// The request it came in, as [`describe`] was told; empty if in none.
    pub during: String,
    /// Where the program was; `None` when that was told a moment ago.
    pub backtrace: Option<Backtrace>,
}

impl Panic {
    /// What the hook noted of a panic that was caught; without a hook, its message.
    pub(super) fn caught(payload: Box<dyn Any + Send>) -> Self {
        match payload.downcast::<Self>() {
            // It was caught before, and went on.
            Ok(panic) => *panic,
            Err(payload) => {
                let noted = NOTED.take();
                noted.unwrap_or_else(|| Self { message: message(&*payload), ..Self::default() })
            }
        }
    }
}

/// The frames between a panic and whoever caught it, the innermost first. Reads the program's file: nothing for a loop.
pub fn frames(backtrace: &Backtrace) -> Vec<String> {
    frames_of(&backtrace.to_string())
}

/// Notes panics of threads that catch them; what those of other threads say goes to standard error, as ever.
pub fn note_all() {
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if CAUGHT_HERE.get() {
            note(info);
        } else {
            former(info);
        }
    }));
}

/// Runs what a thread is there for. Panics, also those that are caught within, are noted and not written to standard error.
///
/// # Errors
/// Its panic.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    CAUGHT_HERE.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    CAUGHT_HERE.set(false);
    // What was dropped on the way out is everything that the thread did.
    result.map_err(|payload| Panic { during: String::new(), ..Panic::caught(payload) })
}

/// While a panic unwinds: notes what was being done. The innermost tells it first, and that stays.
pub fn describe(what: impl FnOnce() -> String) {
    if !std::thread::panicking() || NOTED.with_borrow(|noted| noted.as_ref().is_none_or(Panic::is_described))
    {
        return;
    }
    // A second panic on the way out of the first would end the program.
    let text = catch_unwind(AssertUnwindSafe(what)).unwrap_or_default();
    NOTED.with_borrow_mut(|noted| {
        if let Some(panic) = noted {
            panic.during = text;
        }
    });
}

impl Panic {
    fn is_described(&self) -> bool {
        !self.during.is_empty()
    }
}

fn note(info: &PanicHookInfo<'_>) {
    // One that comes while the first unwinds, in `describe`, does not replace it.
    if NOTED.with_borrow(Option::is_some) {
        return;
    }
    let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
    let message = message(info.payload()) + &place;
    let now_ms = crate::time::refresh().monotonic_ms;
    let backtrace = (now_ms >= NEXT_MS.get()).then(|| {
        NEXT_MS.set(now_ms + BACKTRACE_PAUSE_MS);
        Backtrace::force_capture()
    });
    NOTED.set(Some(Panic { message, during: String::new(), backtrace }));
}

/// What a panic said.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// The frames of a backtrace's text, one line each, without those of the panic itself and of what caught it.
fn frames_of(text: &str) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("at "), line.split_once(": ")) {
            (Some(place), _) => {
                if let Some(frame) = frames.last_mut() {
                    frame.push_str(" at ");
                    frame.push_str(place);
                }
            }
            (None, Some((number, name))) if number.bytes().all(|b| b.is_ascii_digit()) => {
                frames.push(name.to_owned());
            }
            (None, _) => {}
        }
    }
    let of_a_panic = |frame: &String| frame.contains("panicking::") || frame.contains("/panicking.rs");
    let begin = frames.iter().take(HOOK_FRAMES).rposition(of_a_panic).map_or(0, |last| last + 1);
    let mut frames = frames.split_off(begin);
    let end = frames.iter().position(of_a_panic).unwrap_or(frames.len());
    frames.truncate(end.min(MAX_FRAMES));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_between_the_panic_and_its_catch() {
        let through = "    9: ringx::way\n".repeat(12);
        let text = format!(
            "   0: ringx::io::panics::note\n             at ./src/io/panics.rs:1:2\n   1: std::panicking::rust_panic_with_hook\n\
            \x20  2: core::panicking::panic_fmt\n             at /rustc/x/panicking.rs:80:14\n   3: ringx::a: b\n             at ./src/a.rs:1:2\n\
            {through}  4: do_call<x>\n             at /rustc/x/std/src/panicking.rs:581:40\n   6: main\n"
        );
        let frames = frames_of(&text);
        assert_eq!((frames[0].as_str(), frames.len()), ("ringx::a: b at ./src/a.rs:1:2", 13));
        assert!(frames_of("").is_empty());
        let deep: String = (0..600).map(|n| format!("{n}: ringx::again\n")).collect();
        assert_eq!(frames_of(&deep).len(), MAX_FRAMES);
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_what_was_being_done() {
        struct Doing(&'static str);
        impl Drop for Doing {
            fn drop(&mut self) {
                describe(|| self.0.to_owned());
            }
        }
        note_all();
        let inner = || {
            let caught = catch_unwind(|| {
                let _outer = Doing("outer");
                let _inner = Doing("inner");
                panic!("number {}", 7);
            });
            Panic::caught(caught.unwrap_err())
        };
        let panic = caught(inner).unwrap();
        assert!(panic.message.starts_with("number 7 at src/io/panics.rs:"), "{}", panic.message);
        assert_eq!(panic.during, "inner");
        let frames = frames(&panic.backtrace.unwrap());
        assert!(frames[0].contains("panics"), "{frames:?}");
        // The next one comes at once, and its frames are not looked for.
        let second = caught(inner).unwrap();
        assert!(second.during == "inner" && second.backtrace.is_none());
        let of_the_thread = caught(|| panic!("the thread")).unwrap_err();
        assert!(of_the_thread.message.starts_with("the thread at "));
        drop(Doing("nothing"));
        assert_eq!(Panic::caught(Box::new("text")).message, "text");
    }
}
