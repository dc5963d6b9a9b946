//! Finding the addresses of hosts that variables name (`resolver`), without holding up the core: threads beside the
//! loop ask the name servers, each one name after the other, and what they said is remembered for as long as it holds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use crate::config::model::ResolverConf;
use crate::io::mailbox::{self, Sender};
use crate::io::timer;

/// Names remembered by a core; when there are more, those that no longer hold are forgotten, else all.
const MAX_KNOWN: usize = 1024;

/// Requests of one core that may wait for the thread; what comes beyond is told that the time is over.
const MAX_WAITING: usize = 4096;

/// Threads of a core: so many names whose servers are silent do not delay all others.
const THREADS: usize = 8;

/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 64;

/// How long one server is given, and how often each is asked.
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 3;

/// How long a failure is remembered: those that wait for the same name shall not wait one after the other.
const FAILURE_MS: u64 = 1000;

/// Why a name has no address: nginx's number and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameError(pub u16, pub &'static str);

const FORMAT: NameError = NameError(1, "Format error");
const SERVER_FAILURE: NameError = NameError(2, "Server failure");
const NOT_FOUND: NameError = NameError(3, "Host not found");
const TIMED_OUT: NameError = NameError(110, "Operation timed out");

/// The addresses of a name, and until when they hold (milliseconds of the monotonic clock).
#[derive(Debug, Clone)]
struct Found {
    addresses: Result<Vec<IpAddr>, NameError>,
    until: u64,
}

struct Job {
    name: String,
    conf: Arc<ResolverConf>,
    answer: Sender<Found>,
}

struct Known {
    conf: Arc<ResolverConf>,
    addresses: Rc<[IpAddr]>,
    until: u64,
}

/// One core's names.
#[derive(Default)]
pub struct Names {
    known: RefCell<HashMap<String, Known>>,
    waiting: Cell<usize>,
    /// The threads, each started by its first name. A name has its thread, so that it is looked for once.
    jobs: RefCell<[Option<mpsc::Sender<Job>>; THREADS]>,
}

impl Names {
    /// The addresses of `name`.
    ///
    /// # Errors
    /// What the name servers say, or that they say nothing in time.
    pub async fn find(&self, name: &str, conf: &Arc<ResolverConf>) -> Result<Rc<[IpAddr]>, NameError> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let now = crate::time::now().monotonic_ms;
        if let Some(known) = self.known.borrow().get(&name)
            && known.until > now
            && known.conf == *conf
        {
            return Ok(Rc::clone(&known.addresses));
        }
        if self.waiting.get() >= MAX_WAITING {
            return Err(TIMED_OUT);
        }
        self.waiting.set(self.waiting.get() + 1);
        let _waiting = Waiting(&self.waiting);
        let found = self.ask(name.clone(), conf).await.ok_or(TIMED_OUT)?;
        let addresses: Rc<[IpAddr]> = found.addresses?.into();
        self.remember(
            name,
            Known { conf: Arc::clone(conf), addresses: Rc::clone(&addresses), until: found.until },
        );
        Ok(addresses)
    }

    /// Asks the thread; `None` when the time is over, or the thread cannot be had.
    async fn ask(&self, name: String, conf: &Arc<ResolverConf>) -> Option<Found> {
        let (answer, mailbox) = mailbox::mailbox().ok()?;
        let answers = mailbox.open().ok()?;
        self.send(Job { name, conf: Arc::clone(conf), answer })?;
        let mut received = pin!(answers.recv());
        let mut over = pin!(timer::sleep(conf.timeout));
        poll_fn(|cx| match received.as_mut().poll(cx) {
            Poll::Ready(found) => Poll::Ready(found),
            Poll::Pending => over.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    fn send(&self, job: Job) -> Option<()> {
        let mut all = self.jobs.borrow_mut();
        let sum = job.name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let jobs = &mut all[sum % THREADS];
        let job = match jobs.as_ref() {
            None => job,
            Some(thread) => match thread.send(job) {
                Ok(()) => return Some(()),
                Err(mpsc::SendError(job)) => job,
            },
        };
        jobs.insert(start()?).send(job).ok()
    }

    fn remember(&self, name: String, entry: Known) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            let now = crate::time::now().monotonic_ms;
            known.retain(|_, known| known.until > now);
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
        }
        known.insert(name, entry);
    }
}

struct Waiting<'a>(&'a Cell<usize>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The thread: works until its core is gone. It remembers too, for those that asked for a name while it was looked for.
fn start() -> Option<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let work = move || {
        let mut last: HashMap<String, (Arc<ResolverConf>, Found)> = HashMap::new();
        for job in jobs {
            let now = crate::time::refresh().monotonic_ms;
            let known = last.get(&job.name);
            let found = match known {
                Some((conf, found)) if found.until > now && *conf == job.conf => found.clone(),
                _ => look_up(&job.name, &job.conf),
            };
            if last.len() >= MAX_KNOWN {
                last.clear();
            }
            last.insert(job.name, (job.conf, found.clone()));
            // Whoever asked may be gone.
            let _ = job.answer.send(found);
        }
    };
    thread::Builder::new().name("names".to_owned()).spawn(work).ok()?;
    Some(sender)
}

/// Addresses of version 4 first; a failure counts when there are none at all.
fn look_up(name: &str, conf: &ResolverConf) -> Found {
    let start = crate::time::refresh().monotonic_ms;
    let over = start + u64::try_from(conf.timeout.as_millis()).unwrap_or(u64::MAX / 2);
    let mut addresses = Vec::new();
    let (mut seconds, mut failure) = (u32::MAX, NOT_FOUND);
    for (wanted, kind) in [(conf.ipv4, TYPE::A), (conf.ipv6, TYPE::AAAA)] {
        if !wanted {
            continue;
        }
        match ask_servers(name, kind, conf, over) {
            Ok((found, ttl)) => {
                addresses.extend(found);
                seconds = seconds.min(ttl);
            }
            // A host that has no address of one version is not unknown for that.
            Err(error) => failure = if failure == NOT_FOUND { error } else { failure },
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    let now = crate::time::refresh().monotonic_ms;
    if addresses.is_empty() {
        return Found { addresses: Err(failure), until: now + FAILURE_MS };
    }
    let told = Duration::from_secs(u64::from(seconds.max(1)));
    let valid = u64::try_from(conf.valid.unwrap_or(told).as_millis()).unwrap_or(u64::MAX / 2);
    Found { addresses: Ok(addresses), until: now.saturating_add(valid) }
}

/// Asks one server after the other, until one says something.
fn ask_servers(
    name: &str,
    kind: TYPE,
    conf: &ResolverConf,
    over: u64,
) -> Result<(Vec<IpAddr>, u32), NameError> {
    let id = (RandomState::new().build_hasher().finish() & 0xffff) as u16;
    let query = question(id, name, kind).ok_or(FORMAT)?;
    let mut said = TIMED_OUT;
    for server in conf.servers.iter().cycle().take(conf.servers.len() * ATTEMPTS) {
        let left = over.saturating_sub(crate::time::refresh().monotonic_ms);
        if left == 0 {
            break;
        }
        let Ok(answer) = exchange(*server, &query, id, PATIENCE.min(Duration::from_millis(left))) else {
            continue;
        };
        match read(&answer, kind) {
            Err(error) if error == SERVER_FAILURE => said = error,
            decided => return decided,
        }
    }
    Err(said)
}

fn question(id: u16, name: &str, kind: TYPE) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).ok()?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

/// Sends the query and waits for the answer that belongs to it: from this server, with this id and this question.
fn exchange(server: SocketAddr, query: &[u8], id: u16, patience: Duration) -> io::Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let over = crate::time::refresh().monotonic_ms + u64::try_from(patience.as_millis()).unwrap_or(0);
    let mut answer = vec![0; 4096];
    loop {
        let left = over.saturating_sub(crate::time::refresh().monotonic_ms);
        if left == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(Duration::from_millis(left)))?;
        let len = socket.recv(&mut answer)?;
        let belongs = Packet::parse(&answer[..len]).is_ok_and(|packet| {
            let asked = Packet::parse(query);
            packet.id() == id
                && packet.has_flags(PacketFlag::RESPONSE)
                && asked.is_ok_and(|asked| {
                    asked.questions.first().map(|q| (&q.qname, q.qtype))
                        == packet.questions.first().map(|q| (&q.qname, q.qtype))
                })
        });
        if belongs {
            answer.truncate(len);
            return Ok(answer);
        }
    }
}

/// The addresses of an answer, whatever names its aliases lead to, and how many seconds they hold.
fn read(answer: &[u8], kind: TYPE) -> Result<(Vec<IpAddr>, u32), NameError> {
    let packet = Packet::parse(answer).map_err(|_| SERVER_FAILURE)?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::FormatError => return Err(FORMAT),
        RCODE::NameError => return Err(NOT_FOUND),
        RCODE::NotImplemented => return Err(NameError(4, "Unimplemented")),
        RCODE::Refused => return Err(NameError(5, "Operation refused")),
        _ => return Err(SERVER_FAILURE),
    }
    let mut seconds = u32::MAX;
    let mut addresses = Vec::new();
    for record in &packet.answers {
        let address: IpAddr = match &record.rdata {
            RData::A(a) if kind == TYPE::A => Ipv4Addr::from(a.address).into(),
            RData::AAAA(a) if kind == TYPE::AAAA => Ipv6Addr::from(a.address).into(),
            _ => continue,
        };
        seconds = seconds.min(record.ttl);
        addresses.push(address);
    }
    if addresses.is_empty() { Err(NOT_FOUND) } else { Ok((addresses, seconds)) }
}
