//! The worker threads as the master sees them: start, orders, reports, replacement.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::model::CpuAffinity;
use crate::cycle::Cycle;
use crate::io::mailbox::{self, Sender};
use crate::io::panics::{self, Panic};
use crate::io::signal::{self, Signal};
use crate::io::{ListenSocket, RingMode, listener, sys};
use crate::worker::{self, Order, Report, Start};

use super::listeners::{self, Listeners};
use super::{StartError, describe};

/// How long start-up waits for the workers to run their loops.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long a reopening of the logs waits for the lines of a busy worker: they go to the new file then.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// All workers.
pub(super) struct Workers {
    slots: Vec<Slot>,
    /// Workers that only finish what they began: others have taken their places.
    leaving: Vec<Running>,
    reports: Receiver<Report>,
    report: mpsc::Sender<Report>,
    state: State,
    /// The lowest rung that a worker obtained at the start.
    rung: RingMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Working,
    /// No worker runs, or only until it is done; the ports stay open (WINCH).
    Resting,
    Ending,
}

/// One worker's place.
struct Slot {
    /// `None`: it could not be replaced, or rests.
    worker: Option<Running>,
    /// Copies of the worker's sockets: the port stays open when it dies.
    sockets: Vec<ListenSocket>,
    /// That it cannot be replaced was said.
    said: bool,
}

struct Running {
    orders: Sender<Order>,
    thread: JoinHandle<Result<(), Panic>>,
}

impl Workers {
    /// Starts one thread per list of sockets and waits until every loop runs.
    ///
    /// # Errors
    /// Which worker could not start, and why.
    pub(super) fn start(cycle: &Arc<Cycle>, sockets: Vec<Vec<ListenSocket>>) -> Result<Self, String> {
        let (report, reports) = mpsc::channel();
        let mut workers = Self {
            slots: Vec::new(),
            leaving: Vec::new(),
            reports,
            report,
            state: State::Working,
            rung: RingMode::DeferTaskrun,
        };
        for (index, sockets) in sockets.into_iter().enumerate() {
            let worker = workers.spawn(index, cycle, &sockets).map_err(|e| cannot_start(index, &e))?;
            workers.slots.push(Slot { worker: Some(worker), sockets, said: false });
        }
        let mut started = 0;
        while started < workers.slots.len() {
            match workers.reports.recv_timeout(START_PATIENCE) {
                Ok(Report::Started(_, rung)) => {
                    workers.rung = workers.rung.max(rung);
                    started += 1;
                }
                Ok(Report::Failed(index, error)) => return Err(cannot_start(index, &error)),
                Ok(Report::Ended(index)) => return Err(format!("worker {index} ended at once")),
                Err(_) => return Err(format!("the workers did not start within {START_PATIENCE:?}")),
            }
        }
        Ok(workers)
    }

    fn spawn(&self, index: usize, cycle: &Arc<Cycle>, sockets: &[ListenSocket]) -> io::Result<Running> {
        let (orders, mailbox) = mailbox::mailbox()?;
        let listens = sockets.iter().map(ListenSocket::try_clone).collect::<io::Result<Vec<_>>>()?;
        let start =
            Start { index, cycle: Arc::clone(cycle), listens, orders: mailbox, reports: self.report.clone() };
        let core = core_of(&cycle.conf.worker_cpu_affinity, index);
        let thread = std::thread::Builder::new().name(format!("ringx-{index}")).spawn(move || {
            let ended = panics::caught(|| {
                if let Some(core) = core {
                    sys::pin_to_core(core);
                }
                worker::run(start);
            });
            signal::raise(Signal::Child);
            ended
        })?;
        Ok(Running { orders, thread })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// What drives their loops.
    pub(super) fn rung(&self) -> RingMode {
        self.rung
    }

    /// True until the last one ended that was told to.
    pub(super) fn any_running(&self) -> bool {
        self.state != State::Ending || self.running().next().is_some()
    }

    fn running(&self) -> impl Iterator<Item = &Running> {
        self.slots.iter().filter_map(|slot| slot.worker.as_ref()).chain(&self.leaving)
    }

    /// Has every worker write its waiting log lines, and waits for it: they belong into the file that is there now.
    pub(super) fn flush_logs(&self) {
        let (done, all_done) = mpsc::channel();
        for worker in self.running() {
            let _ = worker.orders.send(Order::FlushLogs(done.clone()));
        }
        drop(done);
        // Ends when the last sender is dropped; nothing is ever sent.
        let _ = all_done.recv_timeout(FLUSH_PATIENCE);
    }

    /// Lets every worker finish what runs, for `limit` at most, and closes the ports.
    pub(super) fn drain(&mut self, limit: Option<Duration>) {
        self.end_after(|| Order::Drain(limit));
    }

    /// Ends every worker at once.
    pub(super) fn stop(&mut self) {
        self.end_after(|| Order::Stop);
    }

    /// The last order: no worker is replaced any more, and the ports close.
    fn end_after(&mut self, order: impl Fn() -> Order) {
        self.state = State::Ending;
        for slot in &mut self.slots {
            slot.sockets.clear();
        }
        for worker in self.running() {
            let _ = worker.orders.send(order());
        }
    }

    /// Lets every worker finish what runs, for `limit` at most. The ports stay open, and somebody else accepts from them.
    pub(super) fn rest(&mut self, limit: Option<Duration>) {
        self.state = State::Resting;
        for slot in &mut self.slots {
            if let Some(worker) = slot.worker.take() {
                let _ = worker.orders.send(Order::Drain(limit));
                self.leaving.push(worker);
            }
        }
    }

    /// Whether some rest, or may not have closed their sockets since.
    pub(super) fn are_resting(&self) -> bool {
        self.state == State::Resting || !self.leaving.is_empty()
    }

    /// Has workers in all places again after a rest: [`Workers::hear`] starts them.
    pub(super) fn resume(&mut self) {
        if self.state == State::Resting {
            self.state = State::Working;
        }
    }

    /// The sockets of all of them.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &ListenSocket> {
        self.slots.iter().flat_map(|slot| &slot.sockets)
    }

    /// Makes places for more of them, which [`Workers::hear`] fills.
    ///
    /// # Errors
    /// A socket for a new place cannot be had; nothing changed then.
    pub(super) fn grow(&mut self, cycle: &Cycle, count: usize) -> Result<(), StartError> {
        let mut new: Vec<Vec<ListenSocket>> = Vec::new();
        for _ in self.slots.len()..count {
            let mut sockets = self.spare_sockets(new.iter().flatten())?;
            let has_spare = |addr| sockets.iter().any(|spare| spare.addr() == addr);
            let others: Vec<&ListenSocket> =
                self.sockets().filter(|socket| !has_spare(socket.addr())).collect();
            sockets.extend(Listeners::one_more(cycle, &others)?);
            new.push(sockets);
        }
        self.slots.extend(new.into_iter().map(|sockets| Slot { worker: None, sockets, said: false }));
        Ok(())
    }

    /// Leaves `count` of them. Those who go finish what they began; their sockets, with who waits there, are taken over by the
    /// others.
    pub(super) fn shrink(&mut self, cycle: &Arc<Cycle>, count: usize) {
        let leaving = self.slots.split_off(count.clamp(1, self.slots.len()));
        for (at, slot) in leaving.into_iter().enumerate() {
            let heir = &mut self.slots[at % count.max(1)];
            let known = |socket: &ListenSocket| heir.sockets.iter().any(|known| known.is_same_as(socket));
            let taken: Vec<ListenSocket> = slot.sockets.into_iter().filter(|socket| !known(socket)).collect();
            let copies = taken.iter().filter_map(|socket| socket.try_clone().ok()).collect();
            heir.sockets.extend(taken);
            if let Some(worker) = &heir.worker {
                let _ = worker.orders.send(Order::Adopt(Arc::clone(cycle), copies));
            }
            if let Some(worker) = slot.worker {
                listener::leave_open(true);
                let _ = worker.orders.send(Order::Drain(cycle.conf.worker_shutdown_timeout));
                self.leaving.push(worker);
            }
        }
    }

    /// Copies of sockets that a worker has beside another one of the same address since there were more of them: one for each
    /// address, none of which somebody else has a copy.
    fn spare_sockets<'s>(
        &'s self,
        taken: impl Iterator<Item = &'s ListenSocket> + Clone,
    ) -> Result<Vec<ListenSocket>, StartError> {
        let mut spare: Vec<ListenSocket> = Vec::new();
        for slot in &self.slots {
            for (at, socket) in slot.sockets.iter().enumerate() {
                let is_second = slot.sockets[..at].iter().any(|first| first.addr() == socket.addr());
                let users = self.sockets().chain(taken.clone()).filter(|other| other.is_same_as(socket));
                let is_wanted = spare.iter().all(|other| other.addr() != socket.addr());
                // Its worker takes from it too, and nobody else.
                if is_second && is_wanted && users.count() == 1 {
                    let copy = socket.try_clone();
                    spare.push(
                        copy.map_err(|e| StartError::emerg(format!("dup() failed ({})", describe(&e))))?,
                    );
                }
            }
        }
        Ok(spare)
    }

    /// Gives every worker the new configuration and its sockets for new addresses; those that stay get their new
    /// options. Gives what is to be logged.
    pub(super) fn adopt(&mut self, cycle: &Arc<Cycle>, sockets: Vec<Vec<ListenSocket>>) -> Vec<String> {
        let mut messages = Vec::new();
        for (slot, new) in self.slots.iter_mut().zip(sockets) {
            let copies = new.iter().filter_map(|socket| socket.try_clone().ok()).collect();
            slot.sockets.retain(|socket| cycle.listen_of(socket.addr()).is_some());
            for socket in &slot.sockets {
                let listen = cycle.listen_of(socket.addr()).map(|id| cycle.listen(id));
                let applied = listen.map_or(Ok(()), |listen| socket.apply(&listeners::options(listen)));
                if let Err(error) = applied {
                    messages.push(format!("setsockopt() on {} failed ({})", socket.addr(), describe(&error)));
                }
            }
            slot.sockets.extend(new);
            if let Some(worker) = &slot.worker {
                let _ = worker.orders.send(Order::Adopt(Arc::clone(cycle), copies));
            }
        }
        messages
    }

    /// Takes note of ended workers and fills places that are to be filled. Gives what is to be logged.
    pub(super) fn hear(&mut self, cycle: &Arc<Cycle>) -> Vec<String> {
        let mut messages = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Failed(index, error) = report {
                messages.push(format!("worker {index} could not run its loop ({})", describe(&error)));
            }
        }
        self.leaving.retain(|worker| !worker.thread.is_finished());
        for index in 0..self.slots.len() {
            let ended = self.slots[index].worker.take_if(|worker| worker.thread.is_finished());
            if self.slots[index].worker.is_none() && self.state == State::Working {
                messages.extend(self.fill(index, cycle));
            }
            // After the next one was started: to find the names of frames takes a while.
            if let Some(ended) = ended.filter(|_| self.state != State::Ending) {
                messages.extend(last_words(index, ended));
            }
        }
        messages
    }

    /// Starts a worker in an empty place; when that fails, it is tried again with the next look.
    fn fill(&mut self, index: usize, cycle: &Arc<Cycle>) -> Option<String> {
        let started = self.spawn(index, cycle, &self.slots[index].sockets);
        let slot = &mut self.slots[index];
        match started {
            Ok(worker) => {
                slot.worker = Some(worker);
                slot.said = false;
                None
            }
            Err(error) => {
                let first = !std::mem::replace(&mut slot.said, true);
                first.then(|| format!("worker {index} cannot be replaced yet ({})", describe(&error)))
            }
        }
    }
}

/// Why a worker ended that was not told to.
fn last_words(index: usize, ended: Running) -> Vec<String> {
    match ended.thread.join() {
        Ok(Err(panic)) => {
            let frames = panic.backtrace.as_ref().map(panics::frames).unwrap_or_default();
            let frames =
                frames.iter().enumerate().map(|(number, frame)| format!("backtrace {number}: {frame}"));
            let text = format!("worker {index} panicked and is replaced: {}", panic.message);
            std::iter::once(text).chain(frames).collect()
        }
        Ok(Ok(())) | Err(_) => vec![format!("worker {index} ended and is replaced")],
    }
}

fn cannot_start(index: usize, error: &io::Error) -> String {
    format!("worker {index} could not start ({})", describe(error))
}

/// The core of a worker.
fn core_of(affinity: &CpuAffinity, index: usize) -> Option<core_affinity::CoreId> {
    let usable = sys::cores();
    let allowed = match affinity {
        CpuAffinity::Auto(None) => None,
        CpuAffinity::Auto(Some(cores)) => Some(cores),
        CpuAffinity::Masks(masks) => masks.get(index).or(masks.last()),
    };
    match affinity {
        CpuAffinity::Auto(_) => {
            let cores: Vec<_> = usable
                .into_iter()
                .filter(|core| allowed.is_none_or(|list| list.contains(&core.id)))
                .collect();
            (!cores.is_empty()).then(|| cores[index % cores.len()])
        }
        CpuAffinity::Masks(_) => {
            let wanted = allowed?.first()?;
            usable.into_iter().find(|core| core.id == *wanted)
        }
    }
}
