//! One thread's event loop: which ring it gets, how it is entered, what a turn of it is.
//!
//! The ladder is SINGLE_ISSUER|DEFER_TASKRUN (Linux 6.1), COOP_TASKRUN|SINGLE_ISSUER (6.0), a plain ring
//! (5.11), epoll. Each step down is silent here; [`probe`] says what the kernel offers and how to get more,
//! and the caller logs that once. Called by worker (to run), master and cli (to probe).
//!
//! A *turn* is what happens between two waits in the kernel. The first completion of a turn refreshes the
//! clock; the number of completions tells whether batching sends in the ring pays.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::panics::Panic;
use super::{confine, tasks, timer, watch};
use crate::time;

/// Names the environment variable that chooses the rung to begin with: `defer`, `coop`, `plain`, `epoll`.
pub const MODE_VARIABLE: &str = "RINGX_IO";

/// Submission queue entries of a worker's ring. A full queue is submitted early, nothing is lost.
const RING_ENTRIES: u32 = 1024;

/// Completion queue entries: a core with this many events in one turn is overloaded anyway, and the kernel
/// keeps what does not fit (IORING_FEAT_NODROP).
const COMPLETION_ENTRIES: u32 = 8192;

/// What drives the waits of a thread, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RingMode {
    /// io_uring, completions run only when the thread asks for them (Linux 6.1).
    DeferTaskrun,
    /// io_uring, completions run at the next entry into the kernel (Linux 6.0).
    CoopTaskrun,
    /// io_uring without flags (Linux 5.11).
    Plain,
    /// epoll, where io_uring is missing or forbidden.
    Epoll,
}

impl RingMode {
    /// Every rung of the ladder, best first.
    pub const LADDER: [Self; 4] = [Self::DeferTaskrun, Self::CoopTaskrun, Self::Plain, Self::Epoll];

    /// The name used by `RINGX_IO`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeferTaskrun => "defer",
            Self::CoopTaskrun => "coop",
            Self::Plain => "plain",
            Self::Epoll => "epoll",
        }
    }

    /// The words for a log line.
    pub fn description(self) -> &'static str {
        match self {
            Self::DeferTaskrun => "io_uring (SINGLE_ISSUER, DEFER_TASKRUN)",
            Self::CoopTaskrun => "io_uring (SINGLE_ISSUER, COOP_TASKRUN)",
            Self::Plain => "io_uring",
            Self::Epoll => "epoll",
        }
    }

    /// The flags of this rung; `None` for epoll.
    fn ring(self) -> Option<io_uring::Builder> {
        let mut builder = io_uring::IoUring::builder();
        match self {
            Self::DeferTaskrun => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
            }
            Self::CoopTaskrun => {
                builder.setup_single_issuer().setup_coop_taskrun().setup_submit_all();
            }
            Self::Plain => {}
            Self::Epoll => return None,
        }
        builder.setup_cqsize(COMPLETION_ENTRIES);
        Some(builder)
    }
}

impl FromStr for RingMode {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::LADDER.into_iter().find(|mode| mode.name() == name).ok_or(())
    }
}

/// What the kernel offers to this process.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The rung that a worker started now would get.
    pub mode: RingMode,
    /// Why it is not a better one and what to do about it; `None` on the best rung.
    pub remedy: Option<String>,
}

impl Probe {
    /// One line for the log and for `-V`.
    pub fn line(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.mode.description()),
            None => self.mode.description().to_owned(),
        }
    }
}

/// What is wrong with `RINGX_IO`: the message for a value that names no rung.
pub fn unknown_mode() -> Option<String> {
    let written = std::env::var_os(MODE_VARIABLE)?;
    let written = written.to_string_lossy();
    let names = RingMode::LADDER.map(RingMode::name).join(", ");
    (!written.is_empty() && written.parse::<RingMode>().is_err())
        .then(|| format!("unknown value \"{written}\" of {MODE_VARIABLE}, ignored: it may be one of {names}"))
}

/// Tries the rungs, from the one `RINGX_IO` names, with small rings that are dropped again. Blocking.
pub fn probe() -> Probe {
    let first = first_rung(None);
    let mut refusal = None;
    for mode in RingMode::LADDER.into_iter().filter(|&mode| mode >= first) {
        match try_ring(mode) {
            Ok(()) => {
                let remedy = match refusal {
                    Some((refused, error)) => Some(remedy(refused, &error)),
                    None if mode != RingMode::DeferTaskrun => Some(format!("chosen by {MODE_VARIABLE}")),
                    None => None,
                };
                return Probe { mode, remedy };
            }
            Err(error) => {
                refusal.get_or_insert((mode, error));
            }
        }
    }
    Probe { mode: RingMode::Epoll, remedy: refusal.map(|(refused, error)| remedy(refused, &error)) }
}

/// The kernel's release as `uname -r` prints it.
pub fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".to_owned(), |release| release.trim().to_owned())
}

/// Builds the event loop of this thread, begins with `wanted` (or the rung `RINGX_IO` names, or the best) and
/// steps down until the kernel agrees, then runs the future `main` returns to its end, with the timer ticking.
///
/// # Errors
/// Only when not even epoll can be had (no file descriptors left).
///
/// # Panics
/// When called inside another runtime; with the [`Panic`] of a task that had no fence, when all others have been dropped.
pub fn run<M, F>(wanted: Option<RingMode>, main: M) -> io::Result<(RingMode, F::Output)>
where
    M: FnOnce() -> F,
    F: Future,
{
    let first = first_rung(wanted);
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for mode in RingMode::LADDER.into_iter().filter(|&mode| mode >= first) {
        let built = match mode.ring() {
            Some(builder) => try_ring(mode).and_then(|()| build_ring(builder)),
            None => monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
                .with_entries(RING_ENTRIES)
                .build()
                .map(monoio::FusionRuntime::Legacy),
        };
        match built {
            Ok(runtime) => return Ok((mode, enter(runtime, mode, main)?)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The loop on a ring; of a confined process on one that does what this room uses and nothing else.
fn build_ring<R: monoio::Driver>(
    mut builder: io_uring::Builder,
) -> io::Result<monoio::FusionRuntime<monoio::IoUringDriver, R>> {
    let restricted = confine::is_confined().then(|| {
        builder.setup_r_disabled();
        confine::one_ring_at_a_time()
    });
    let runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new()
        .with_entries(RING_ENTRIES)
        .uring_builder(builder)
        .build()?;
    if restricted.is_some() {
        confine::restrict_ring()?;
        confine::no_more_rings()?;
    }
    Ok(monoio::FusionRuntime::Uring(runtime))
}

fn enter<L, R, M, F>(
    mut runtime: monoio::FusionRuntime<L, R>,
    mode: RingMode,
    main: M,
) -> io::Result<F::Output>
where
    L: monoio::Driver,
    R: monoio::Driver,
    M: FnOnce() -> F,
    F: Future,
{
    TURN.with(|turn| turn.mode.set(mode));
    let output = runtime.block_on(async {
        watch::start()?;
        timer::start()?;
        let main = pin!(main());
        Ok(TurnEnd::new(main).await)
    });
    TURN.with(|turn| turn.main.borrow_mut().take());
    runtime.block_on(tasks::end_all());
    timer::forget_waiters();
    watch::stop();
    output.map(|output| output.unwrap_or_else(|panic| resume_unwind(Box::new(panic))))
}

/// Starts a task on this thread's loop. It runs to its end or until the loop ends; nobody waits for it. A panic that it does
/// not fence ends the loop.
///
/// # Panics
/// When called outside [`run`].
pub fn spawn<F>(task: F)
where
    F: Future<Output = ()> + 'static,
{
    drop(monoio::spawn(tasks::known(task)));
}

/// Runs a task that must not take the thread with it: an error is its panic. It is not polled again then.
pub fn fenced<F: Future>(mut task: Pin<&mut F>) -> impl Future<Output = Result<F::Output, Panic>> {
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(Panic::caught(payload))),
        }
    })
}

/// The rung this thread runs on; `Epoll` outside [`run`].
pub fn mode() -> RingMode {
    TURN.with(|turn| turn.mode.get())
}

// ---------------------------------------------------------------------------------------------------------
// Turns

/// From this many completions in a turn on, a send goes through the ring: below it one send(2) is cheaper
/// than a wait for its completion (8 connections: 0.85 against 0.91 of nginx's CPU; 64: 0.89 against 0.78).
const DEEP_TURN: u32 = 4;

/// TLS handshakes that begin in one turn.
const HANDSHAKES: u32 = 4;

/// Weight of the past in the running mean of the depth, as a shift: 1/8 of each new turn goes in.
const DEPTH_SHIFT: u32 = 3;

struct Turn {
    mode: Cell<RingMode>,
    /// Something completed since the last wait in the kernel.
    open: Cell<bool>,
    /// How many waits completed since.
    completions: Cell<u32>,
    /// Handshakes begun since.
    handshakes: Cell<u32>,
    /// Running mean of `completions` at the end of a turn, times 2^DEPTH_SHIFT.
    mean: Cell<u32>,
    /// Wakes [`TurnEnd`], which is polled after all tasks of the turn ran.
    main: RefCell<Option<Waker>>,
}

thread_local! {
    static TURN: Turn = const {
        Turn {
            mode: Cell::new(RingMode::Epoll),
            open: Cell::new(false),
            completions: Cell::new(0),
            handshakes: Cell::new(0),
            mean: Cell::new(0),
            main: RefCell::new(None),
        }
    };
}

/// A wait completed: counts it, and opens the turn (with a fresh clock) if it is the first.
pub(super) fn completed() {
    TURN.with(|turn| turn.completions.set(turn.completions.get().saturating_add(1)));
    awake();
}

/// The thread runs again after a wait: refreshes the clock once a turn.
pub(super) fn awake() {
    TURN.with(|turn| {
        if !turn.open.replace(true) {
            time::refresh();
            wake(turn);
        }
    });
}

/// Has [`TurnEnd`] polled in this turn.
pub(super) fn wake_main() {
    TURN.with(wake);
}

fn wake(turn: &Turn) {
    if let Some(main) = &*turn.main.borrow() {
        main.wake_by_ref();
    }
}

/// Whether a whole-buffer send should ride in the ring with the others of this turn.
pub(super) fn ring_send_pays() -> bool {
    TURN.with(|turn| {
        turn.mode.get() != RingMode::Epoll
            && (turn.completions.get() >= DEEP_TURN || turn.mean.get() >> DEPTH_SHIFT >= DEEP_TURN)
    })
}

/// Whether a TLS handshake may begin in this turn: each costs as much as some dozen requests, and those who talk already must
/// not wait for many.
pub(super) fn may_shake_hands() -> bool {
    TURN.with(|turn| turn.handshakes.replace(turn.handshakes.get().saturating_add(1)) < HANDSHAKES)
}

/// The end of each turn, and the main future: monoio runs all ready tasks, then polls this if it was woken, then waits in the
/// kernel. The main future has a waker of its own, since most turns end without anything for it.
struct TurnEnd<'a, F> {
    main: Pin<&'a mut F>,
    news: Arc<News>,
    waker: Waker,
}

/// Whether there is something for the main future.
struct News(AtomicBool);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        wake_main();
    }
}

impl<'a, F: Future> TurnEnd<'a, F> {
    fn new(main: Pin<&'a mut F>) -> Self {
        let news = Arc::new(News(AtomicBool::new(true)));
        Self { main, waker: Arc::clone(&news).into(), news }
    }
}

impl<F: Future> Future for TurnEnd<'_, F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        TURN.with(|turn| {
            if turn.open.replace(false) {
                turn.handshakes.set(0);
                let (depth, mean) = (turn.completions.replace(0), turn.mean.get());
                turn.mean.set(mean - (mean >> DEPTH_SHIFT) + depth.min(u32::from(u16::MAX)));
            }
            let mut main = turn.main.borrow_mut();
            if !main.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *main = Some(context.waker().clone());
            }
        });
        if let Some(panic) = tasks::failure() {
            return Poll::Ready(Err(panic));
        }
        if !self.news.0.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.news.0.store(false, Ordering::Relaxed);
        let Self { main, waker, .. } = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| main.as_mut().poll(&mut Context::from_waker(waker)))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(Panic::caught(payload))),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------
// Rungs

fn first_rung(wanted: Option<RingMode>) -> RingMode {
    wanted.or_else(|| std::env::var(MODE_VARIABLE).ok()?.parse().ok()).unwrap_or(RingMode::DeferTaskrun)
}

/// Sets up a small ring with the flags of `mode`, enters it and asks for the operations this room uses.
fn try_ring(mode: RingMode) -> io::Result<()> {
    use io_uring::opcode::{AsyncCancel, Close, PollAdd, Send, Timeout};
    let Some(builder) = mode.ring() else { return Ok(()) };
    let ring = builder.build(2)?;
    // A filter may allow the set-up and refuse the rest: then nothing would ever complete.
    ring.submit()?;
    let mut known = io_uring::Probe::new();
    ring.submitter().register_probe(&mut known)?;
    let needed = [PollAdd::CODE, AsyncCancel::CODE, Send::CODE, Close::CODE, Timeout::CODE];
    // Without EXT_ARG (5.11) every timed wait costs a timeout operation that outlives it.
    if ring.params().is_feature_ext_arg() && needed.iter().all(|&code| known.is_supported(code)) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }
}

fn remedy(refused: RingMode, error: &io::Error) -> String {
    let code = error.raw_os_error().unwrap_or(0);
    let advice = match code {
        libc::EPERM | libc::EACCES => {
            "allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile \
             and set sysctl kernel.io_uring_disabled=0 to get more"
        }
        libc::ENOSYS => "this kernel has no io_uring or an old one: Linux 6.1 or later gives more",
        libc::EINVAL => "this kernel does not know the flags: Linux 6.1 or later gives more",
        libc::ENOMEM => "raise the limit for locked memory (ulimit -l) to get more",
        libc::EMFILE | libc::ENFILE => "raise the limit for open files (worker_rlimit_nofile) to get more",
        _ => "see io_uring_setup(2)",
    };
    format!("{} refused ({}): {advice}", refused.description(), crate::log::Errno(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::test_support::each_mode;
    use std::rc::Rc;
    use std::time::Duration;

    #[test]
    fn the_names_of_the_rungs_parse() {
        for mode in RingMode::LADDER {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("uring".parse::<RingMode>().is_err());
    }

    #[test]
    fn each_rung_that_the_kernel_offers_runs_tasks() {
        each_mode(|| async {
            let done = Rc::new(Cell::new(0));
            for _ in 0..10 {
                let done = Rc::clone(&done);
                spawn(async move {
                    timer::sleep(Duration::from_millis(1)).await;
                    done.set(done.get() + 1);
                });
            }
            while done.get() < 10 {
                timer::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    #[test]
    fn the_probe_agrees_with_what_run_obtains() {
        let expected = probe();
        let (mode, inside) = run(None, || async { super::mode() }).unwrap();
        assert_eq!(mode, expected.mode);
        assert_eq!(inside, mode);
        assert_eq!(expected.remedy.is_none(), mode == RingMode::DeferTaskrun);
    }

    #[test]
    fn a_refusal_names_its_remedy() {
        let text = remedy(RingMode::Plain, &io::Error::from_raw_os_error(libc::EPERM));
        assert!(text.contains("seccomp") && text.contains("io_uring_disabled"), "{text}");
    }

    #[test]
    fn the_ring_of_a_confined_process_opens_no_file() {
        let open = || async { monoio::fs::File::open("/etc/passwd").await.map(drop) };
        let (mode, free) = run(None, open).unwrap();
        assert!(free.is_ok(), "{free:?}");
        if mode == RingMode::Epoll {
            return;
        }
        // It is for good.
        std::thread::spawn(move || {
            confine::PRETENDED.set(true);
            let (_, (opened, readable)) = run(None, || async move {
                let (near, mut far) = crate::io::test_support::pair();
                std::io::Write::write_all(&mut far, b"x").unwrap();
                (open().await, near.readable(&crate::io::Deadline::new()).await)
            })
            .unwrap();
            assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::EACCES));
            readable.unwrap();
            // Nor does the thread make another one, that would.
            let another = std::thread::spawn(|| io_uring::IoUring::new(2).map(drop)).join().unwrap();
            assert_eq!(another.unwrap_err().raw_os_error(), Some(libc::EPERM));
        })
        .join()
        .unwrap();
    }
}
