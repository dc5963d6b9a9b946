//! The tasks of a loop, each behind a fence and known by its waker: a task that panics ends the loop and not the thread, and
//! a loop that ends lets go of all that its tasks hold.
//!
//! A task that waits is held by what it waits for, and that by the ring: without this, the connections of a worker that died
//! would stay open and unanswered for as long as the process lives. Called by runtime alone.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Poll, Waker};

use super::panics::Panic;
use super::runtime;

/// Turns of the loop after the last task, in which the ring hears of what was closed.
const LAST_TURNS: u32 = 4;

/// Turns in which all tasks must have ended: each is polled once, and what they wake may have to be polled once more.
const MOST_TURNS: u32 = 100;

thread_local! {
    static TASKS: Tasks = const {
        Tasks {
            wakers: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
            live: Cell::new(0),
            panic: Cell::new(None),
        }
    };
}

thread_local! {
    /// Tasks that are polled end. By itself, because each poll asks: what needs no end of its own is found at once.
    static ENDING: Cell<bool> = const { Cell::new(false) };
}

struct Tasks {
    wakers: RefCell<Vec<Option<Waker>>>,
    /// Places in `wakers` of tasks that have ended.
    free: RefCell<Vec<usize>>,
    live: Cell<usize>,
    /// Of the first task that panicked.
    panic: Cell<Option<Panic>>,
}

/// A task's place among the others.
struct Place(usize);

impl Place {
    fn take() -> Self {
        TASKS.with(|tasks| {
            tasks.live.set(tasks.live.get() + 1);
            let mut wakers = tasks.wakers.borrow_mut();
            Self(tasks.free.borrow_mut().pop().unwrap_or_else(|| {
                wakers.push(None);
                wakers.len() - 1
            }))
        })
    }

    fn note(&self, waker: &Waker) {
        let before = TASKS.with(|tasks| tasks.wakers.borrow_mut()[self.0].replace(waker.clone()));
        drop(before);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After the thread's end nobody asks.
        let _ = TASKS.try_with(|tasks| {
            tasks.live.set(tasks.live.get() - 1);
            tasks.free.borrow_mut().push(self.0);
            let waker = tasks.wakers.borrow_mut()[self.0].take();
            drop(waker);
        });
    }
}

/// The task as the loop runs it.
pub(super) async fn known<F: Future<Output = ()>>(task: F) {
    let place = Place::take();
    let mut noted = false;
    let mut task = pin!(task);
    poll_fn(|context| {
        if ENDING.get() {
            return Poll::Ready(());
        }
        if !noted {
            noted = true;
            place.note(context.waker());
        }
        catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))).unwrap_or_else(|payload| {
            fail(Panic::caught(payload));
            Poll::Ready(())
        })
    })
    .await;
}

/// Takes note of what ends the loop.
pub(super) fn fail(panic: Panic) {
    TASKS.with(|tasks| {
        let first = tasks.panic.take().unwrap_or(panic);
        tasks.panic.set(Some(first));
    });
    runtime::wake_main();
}

/// The panic that ends the loop, if there was one.
pub(super) fn failure() -> Option<Panic> {
    TASKS.with(|tasks| tasks.panic.take())
}

/// Ends all tasks of the loop, in its last turns.
pub(super) async fn end_all() {
    ENDING.set(true);
    let (mut left, mut turns) = (LAST_TURNS, 0);
    while left > 0 && turns < MOST_TURNS {
        let wakers: Vec<Waker> =
            TASKS.with(|tasks| tasks.wakers.borrow().iter().flatten().cloned().collect());
        wakers.into_iter().for_each(Waker::wake);
        turns += 1;
        if TASKS.with(|tasks| tasks.live.get()) == 0 {
            left -= 1;
        }
        turn().await;
    }
    ENDING.set(false);
}

/// One turn of the loop, which waits for nothing.
async fn turn() {
    monoio::spawn(async {}).await;
}
