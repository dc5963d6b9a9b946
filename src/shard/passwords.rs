//! Checking passwords without holding up the core: hashes that are slow on purpose are worked out on a thread beside the
//! loop, and those that were right are remembered, as a keyed digest: the password itself is kept nowhere.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::mpsc;
use std::thread;

use sha2::{Digest, Sha256};

use crate::io::mailbox::{self, Sender};
use crate::password;

/// Passwords remembered; the oldest is forgotten first.
const MAX_REMEMBERED: usize = 256;

/// Checks of one core that may wait for the thread; what comes beyond is answered 503.
const MAX_WAITING: usize = 64;

/// What was asked could not be worked out: too many are waiting, or there is no thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

struct Job {
    password: Vec<u8>,
    hash: Vec<u8>,
    answer: Sender<bool>,
}

/// One core's checks.
pub struct Passwords {
    /// Random for this core and run, so that what is remembered says nothing elsewhere.
    key: [u64; 4],
    /// What was right, the oldest at `next`.
    remembered: RefCell<Vec<[u8; 32]>>,
    next: Cell<usize>,
    waiting: Cell<usize>,
    /// The thread, started by the first slow check.
    jobs: RefCell<Option<mpsc::Sender<Job>>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            key: std::array::from_fn(|_| RandomState::new().build_hasher().finish()),
            remembered: RefCell::new(Vec::new()),
            next: Cell::new(0),
            waiting: Cell::new(0),
            jobs: RefCell::new(None),
        }
    }
}

impl Passwords {
    /// Whether `password` is the one `hash` was made from.
    ///
    /// # Errors
    /// [`Overloaded`] when a slow hash cannot be worked out now.
    pub async fn verify(&self, password: &[u8], hash: &[u8]) -> Result<bool, Overloaded> {
        if !password::is_slow(hash) {
            return Ok(password::verify(password, hash));
        }
        let digest = self.digest(password, hash);
        if self.remembered.borrow().contains(&digest) {
            return Ok(true);
        }
        if self.waiting.get() >= MAX_WAITING {
            return Err(Overloaded);
        }
        let _waiting = Waiting::new(&self.waiting);
        let right = self.work_out(password, hash).await.ok_or(Overloaded)?;
        if right {
            self.remember(digest);
        }
        Ok(right)
    }

    /// Asks the thread; `None` when it, or the way to it, cannot be had.
    async fn work_out(&self, password: &[u8], hash: &[u8]) -> Option<bool> {
        let (answer, mailbox) = mailbox::mailbox().ok()?;
        let answers = mailbox.open().ok()?;
        let job = Job { password: password.to_vec(), hash: hash.to_vec(), answer };
        self.send(job)?;
        answers.recv().await
    }

    fn send(&self, job: Job) -> Option<()> {
        let mut jobs = self.jobs.borrow_mut();
        let job = match jobs.as_ref() {
            None => job,
            Some(thread) => match thread.send(job) {
                Ok(()) => return Some(()),
                Err(mpsc::SendError(job)) => job,
            },
        };
        let thread = jobs.insert(start()?);
        thread.send(job).ok()
    }

    fn digest(&self, password: &[u8], hash: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in self.key {
            digest.update(part.to_ne_bytes());
        }
        digest.update((hash.len() as u64).to_ne_bytes());
        digest.update(hash);
        digest.update(password);
        digest.finalize().into()
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() < MAX_REMEMBERED {
            remembered.push(digest);
            return;
        }
        let next = self.next.get();
        remembered[next] = digest;
        self.next.set((next + 1) % MAX_REMEMBERED);
    }
}

/// One check that waits.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The thread: works until its core is gone.
fn start() -> Option<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let work = move || {
        for job in jobs {
            // Whoever asked may be gone.
            let _ = job.answer.send(password::verify(&job.password, &job.hash));
        }
    };
    thread::Builder::new().name("passwords".to_owned()).spawn(work).ok()?;
    Some(sender)
}
