//! The worker threads as the master sees them: start, orders, reports, replacement.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::model::CpuAffinity;
use crate::cycle::Cycle;
use crate::io::mailbox::{self, Sender};
use crate::io::signal::{self, Signal};
use crate::io::{ListenSocket, RingMode, sys};
use crate::worker::{self, Order, Report, Start};

use super::{describe, listeners};

/// How long start-up waits for the workers to run their loops.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long a reopening of the logs waits for the lines of a busy worker: they go to the new file then.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// All workers.
pub(super) struct Workers {
    slots: Vec<Slot>,
    reports: Receiver<Report>,
    report: mpsc::Sender<Report>,
    ending: bool,
    /// The lowest rung that a worker obtained at the start.
    rung: RingMode,
}

struct Slot {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
    /// Copies of the worker's sockets.
    sockets: Vec<ListenSocket>,
}

impl Workers {
    /// Starts one thread per list of sockets and waits until every loop runs.
    ///
    /// # Errors
    /// Which worker could not start, and why.
    pub(super) fn start(cycle: &Arc<Cycle>, sockets: Vec<Vec<ListenSocket>>) -> Result<Self, String> {
        let (report, reports) = mpsc::channel();
        let mut workers =
            Self { slots: Vec::new(), reports, report, ending: false, rung: RingMode::DeferTaskrun };
        for (index, sockets) in sockets.into_iter().enumerate() {
            let slot = workers.spawn(index, cycle, sockets).map_err(|e| cannot_start(index, &e))?;
            workers.slots.push(slot);
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

    fn spawn(&self, index: usize, cycle: &Arc<Cycle>, sockets: Vec<ListenSocket>) -> io::Result<Slot> {
        let (orders, mailbox) = mailbox::mailbox()?;
        let listens = sockets.iter().map(ListenSocket::try_clone).collect::<io::Result<Vec<_>>>()?;
        let start =
            Start { index, cycle: Arc::clone(cycle), listens, orders: mailbox, reports: self.report.clone() };
        let core = core_of(&cycle.conf.worker_cpu_affinity, index);
        let thread = std::thread::Builder::new().name(format!("ringx-{index}")).spawn(move || {
            if let Some(core) = core {
                sys::pin_to_core(core);
            }
            worker::run(start);
            signal::raise(Signal::Child);
        })?;
        Ok(Slot { orders, thread: Some(thread), sockets })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// What drives their loops.
    pub(super) fn rung(&self) -> RingMode {
        self.rung
    }

    /// True until the last one ended.
    pub(super) fn any_running(&self) -> bool {
        self.slots.iter().any(|slot| slot.thread.is_some())
    }

    /// Has every worker write its waiting log lines, and waits for it: they belong into the file that is there now.
    pub(super) fn flush_logs(&self) {
        let (done, all_done) = mpsc::channel();
        for slot in &self.slots {
            let _ = slot.orders.send(Order::FlushLogs(done.clone()));
        }
        drop(done);
        // Ends when the last sender is dropped; nothing is ever sent.
        let _ = all_done.recv_timeout(FLUSH_PATIENCE);
    }

    /// Lets every worker finish what runs, for `limit` at most.
    pub(super) fn drain(&mut self, limit: Option<Duration>) {
        self.end_after(|| Order::Drain(limit));
    }

    /// Ends every worker at once.
    pub(super) fn stop(&mut self) {
        self.end_after(|| Order::Stop);
    }

    /// The last order: no worker is replaced any more, and the ports close.
    fn end_after(&mut self, order: impl Fn() -> Order) {
        self.ending = true;
        for slot in &mut self.slots {
            slot.sockets.clear();
            let _ = slot.orders.send(order());
        }
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
            let _ = slot.orders.send(Order::Adopt(Arc::clone(cycle), copies));
        }
        messages
    }

    /// Takes note of ended workers and replaces those that were not told to end. Gives what is to be logged.
    pub(super) fn hear(&mut self, cycle: &Arc<Cycle>) -> Vec<String> {
        let mut messages = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Failed(index, error) = report {
                messages.push(format!("worker {index} could not run its loop ({})", describe(&error)));
            }
        }
        for index in 0..self.slots.len() {
            let ended = self.slots[index].thread.as_ref().is_some_and(JoinHandle::is_finished);
            if !ended {
                continue;
            }
            let panicked = self.slots[index].thread.take().is_some_and(|thread| thread.join().is_err());
            if self.ending {
                continue;
            }
            let how = if panicked { "panicked" } else { "ended" };
            messages.push(format!("worker {index} {how} and is replaced"));
            let sockets = std::mem::take(&mut self.slots[index].sockets);
            match self.spawn(index, cycle, sockets) {
                Ok(slot) => self.slots[index] = slot,
                Err(error) => {
                    messages.push(format!("worker {index} cannot be replaced ({})", describe(&error)));
                }
            }
        }
        messages
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
