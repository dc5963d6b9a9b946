//! The process that stays root when the program itself has become its `user`: what it grants, and nothing else it does.
//!
//! It reads the configuration for itself, at the start and whenever it is asked to, and grants what that names: its files for
//! reading, its logs for appending, its addresses, its pid file, its directories for temporary files. So whoever takes the
//! program over can ask for no more than root has written down. It answers one question after the other and never looks at
//! a byte that a client or an app sent.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::config::model::{LogTarget, MainConf};
use crate::config::{self, FileAccess, LoadOptions};
use crate::cycle::{Cycle, LogFiles};
use crate::io::keeper::{self, Ask};
use crate::io::listener::Asked;
use crate::io::successor::{Passed, Program};
use crate::io::{self as kernel, ListenSocket, SockAddr, granted, sys};
use crate::tls::Tls;

use super::listeners::address;
use super::pid_file::PidFile;
use super::{leave_stderr, temp_paths};

/// How files of the configuration are looked at.
pub(super) const ACCESS: FileAccess =
    FileAccess { open: granted::open, names: granted::names, exists: granted::exists };

/// Sockets that are passed on at once: addresses times workers.
const MAX_PASSED: usize = 4096;

/// What the keeper gives out.
struct Keeper {
    options: LoadOptions,
    user: sys::Identity,
    /// What loads of the configuration looked at.
    reads: HashSet<PathBuf>,
    logs: HashSet<PathBuf>,
    addresses: Vec<SockAddr>,
    pids: HashSet<PathBuf>,
    temps: HashSet<PathBuf>,
    program: Program,
    /// For the next executable.
    passed: Vec<Passed>,
    successor: Option<Child>,
}

/// Starts it beside this process, which gives its rights up next.
pub(super) fn start(
    options: &LoadOptions,
    cycle: &Cycle,
    user: &sys::Identity,
    program: &Program,
) -> io::Result<()> {
    let mut options = options.clone();
    options.access = ACCESS;
    let mut state = None;
    keeper::start(|question, text, fd| {
        let keeper = state.get_or_insert_with(|| {
            if cycle.conf.daemon {
                leave_stderr(cycle);
            }
            Keeper::new(options.clone(), user.clone(), program.clone(), &cycle.conf)
        });
        keeper.answer(question, text, fd)
    })
}

/// How the program itself loads its configuration again: with the keeper's help, and as the root that it was.
pub(super) fn options(options: &LoadOptions) -> LoadOptions {
    let mut options = options.clone();
    // What it cannot read now it is refused when it asks for it, with a message that names the file.
    if keeper::ask(Ask::Reload, b"").is_some() {
        options.superuser = Some(true);
        options.access = ACCESS;
    }
    options
}

impl Keeper {
    fn new(options: LoadOptions, user: sys::Identity, program: Program, conf: &MainConf) -> Self {
        let mut keeper = Self {
            options,
            user,
            reads: HashSet::new(),
            logs: HashSet::new(),
            addresses: Vec::new(),
            pids: HashSet::new(),
            temps: HashSet::new(),
            program,
            passed: Vec::new(),
            successor: None,
        };
        keeper.grant(conf);
        keeper.reload();
        keeper
    }

    /// Nothing is taken back: until the program has taken the new configuration up, the old one is in force.
    fn reload(&mut self) {
        let (loaded, looked_at) = granted::noting(|| {
            let loaded = config::load(&self.options).ok()?;
            // For the names of its files; whether they are right is told by whoever uses them.
            let _ = Tls::load(&loaded.conf.http, None);
            Some(loaded.conf)
        });
        self.reads.extend(looked_at);
        if let Some(conf) = loaded {
            self.grant(&conf);
        }
    }

    fn grant(&mut self, conf: &MainConf) {
        self.logs.extend(LogFiles::targets(conf).filter_map(|target| match target {
            LogTarget::File(path) => Some(path.clone()),
            LogTarget::Stderr => None,
        }));
        self.addresses.extend(conf.http.listens.iter().map(address));
        self.addresses.sort_by_key(ToString::to_string);
        self.addresses.dedup();
        self.pids.extend([conf.pid.clone(), PidFile::aside(&conf.pid)]);
        for location in &conf.http.locations {
            self.temps.insert(location.client_body_temp_path.clone());
            self.temps.insert(location.proxy.temp_path.clone());
        }
    }

    fn answer(&mut self, question: Ask, text: &[u8], fd: Option<OwnedFd>) -> io::Result<Option<OwnedFd>> {
        let path = granted::path(text);
        match question {
            Ask::Reload => self.reload(),
            Ask::Read => return granted::open(self.named(&self.reads, path)?).map(|file| Some(file.into())),
            Ask::Names => {
                let names = granted::names(self.named(&self.reads, path)?)?;
                return keeper::in_memory(&granted::joined(&names)).map(Some);
            }
            Ask::Exists if granted::exists(self.named(&self.reads, path)?) => {}
            Ask::Exists => return Err(io::Error::from_raw_os_error(kernel::file::ENOENT)),
            Ask::Append => return kernel::log_file::append_open(self.named(&self.logs, path)?).map(Some),
            Ask::Bind => {
                let asked = Asked::read(text).ok_or(ErrorKind::InvalidInput)?;
                if !self.addresses.contains(&asked.addr) {
                    return Err(refused());
                }
                if let SockAddr::Unix(path) = &asked.addr {
                    self.out_of_reach(path)?;
                }
                return asked.bind().map(Some);
            }
            Ask::RemoveSocket => {
                if !self.addresses.contains(&SockAddr::Unix(path.to_owned())) {
                    return Err(refused());
                }
                std::fs::remove_file(self.out_of_reach(path)?)?;
            }
            Ask::WritePid => PidFile::write_of(self.named(&self.pids, path)?, sys::parent_id())?,
            Ask::TryPid => PidFile::try_write(self.named(&self.pids, path)?)?,
            Ask::RemovePid => PidFile::remove_of(self.named(&self.pids, path)?, sys::parent_id()),
            Ask::PidAside => PidFile::set_aside_of(self.named(&self.pids, path)?)?,
            Ask::PidBack => PidFile::bring_back_of(self.named(&self.pids, path)?)?,
            Ask::PassOn => self.pass_on(fd.ok_or(ErrorKind::InvalidInput)?, text == b"activated")?,
            Ask::Upgrade => return self.upgrade().map(Some),
            Ask::Runs => self.look_for_successor()?,
            Ask::MakeTemp => temp_paths::make_new(self.named(&self.temps, path)?, &self.user)?,
        }
        Ok(None)
    }

    /// A socket of the configuration's, for the next executable.
    fn pass_on(&mut self, fd: OwnedFd, activated: bool) -> io::Result<()> {
        let named = ListenSocket::address_of(&fd).is_some_and(|addr| self.addresses.contains(&addr));
        if !named || self.passed.len() >= MAX_PASSED {
            return Err(refused());
        }
        self.passed.push(Passed { fd, activated });
        Ok(())
    }

    /// Starts the executable that root has started before, if root alone says which that is.
    fn upgrade(&mut self) -> io::Result<OwnedFd> {
        let passed = std::mem::take(&mut self.passed);
        if self.look_for_successor().is_ok() {
            return Err(refused());
        }
        self.out_of_reach(self.program.path())?;
        let child = self.program.start(&passed)?;
        let pid = child.id();
        self.successor = Some(child);
        keeper::in_memory(pid.to_string().as_bytes())
    }

    fn look_for_successor(&mut self) -> io::Result<()> {
        let running = self.successor.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if running {
            return Ok(());
        }
        self.successor = None;
        Err(io::Error::from_raw_os_error(kernel::file::ENOENT))
    }

    /// The path, if it is one of these to the letter.
    fn named<'p>(&self, granted: &HashSet<PathBuf>, path: &'p Path) -> io::Result<&'p Path> {
        if granted.contains(path) { self.out_of_reach(path) } else { Err(refused()) }
    }

    /// The path, if root has decided where it leads.
    fn out_of_reach<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        if granted::is_in_reach(path, &self.user) { Err(refused()) } else { Ok(path) }
    }
}

/// As the system refuses what the user may not have.
fn refused() -> io::Error {
    io::Error::from_raw_os_error(kernel::file::EACCES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn keeper(dir: &Path, user: sys::Identity) -> Keeper {
        let text = format!(
            "pid {0}/pid; error_log {0}/error.log; events {{}}\n\
             http {{ include {0}/more.conf; server {{ listen 127.0.0.1:1; listen unix:{0}/socket; \
             access_log {0}/access.log; client_body_temp_path {0}/temp; proxy_temp_path {0}/temp; }} }}",
            dir.display()
        );
        fs::write(dir.join("nginx.conf"), text).unwrap();
        fs::write(dir.join("more.conf"), "").unwrap();
        let options = LoadOptions {
            file: dir.join("nginx.conf"),
            prefix: dir.to_owned(),
            access: ACCESS,
            ..LoadOptions::default()
        };
        let conf = config::load(&options).unwrap().conf;
        Keeper::new(options, user, Program::of_this_process(), &conf)
    }

    #[test]
    fn what_the_configuration_names_is_granted_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("ringx-keeper-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        // Somebody who owns nothing here.
        let user = sys::Identity { uid: 4_000_000, gid: 4_000_000, groups: Vec::new() };
        let mut keeper = keeper(&dir, user.clone());
        let at = |name: &str| dir.join(name).display().to_string();
        let bind = |addr: &str| [&[0, 0], addr.as_bytes()].concat();
        for (question, granted, refused) in [
            (Ask::Read, at("more.conf"), at("pid")),
            (Ask::Read, at("nginx.conf"), "/etc/shadow".to_owned()),
            (Ask::Names, at("more.conf"), "/etc".to_owned()),
            (Ask::Exists, at("more.conf"), "/etc".to_owned()),
            (Ask::Append, at("error.log"), at("other.log")),
            (Ask::Append, at("access.log"), format!("{}/../{}", at(""), "x")),
            (Ask::WritePid, at("pid"), at("access.log")),
            (Ask::TryPid, at("pid"), "/tmp/pid".to_owned()),
            (Ask::RemovePid, at("pid"), at("nginx.conf")),
            (Ask::RemoveSocket, at("socket"), at("nginx.conf")),
            (Ask::MakeTemp, at("temp"), at("temp/2")),
            (Ask::PidAside, at("pid"), at("access.log")),
            (Ask::PidBack, at("pid"), at("error.log")),
        ] {
            let answer = keeper.answer(question, granted.as_bytes(), None);
            let refusal = |answer: &io::Result<_>| {
                answer.as_ref().is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
            };
            // Only root may give a directory away, and there is no socket yet.
            assert!(!refusal(&answer) || question == Ask::MakeTemp, "{question:?} {granted}: {answer:?}");
            assert!(refusal(&keeper.answer(question, refused.as_bytes(), None)), "{question:?} {refused}");
        }
        let refused = |keeper: &mut Keeper, question, text: &[u8]| {
            keeper
                .answer(question, text, None)
                .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        assert!(refused(&mut keeper, Ask::Bind, &bind("127.0.0.1:2")));
        assert!(refused(&mut keeper, Ask::Bind, &bind("unix:/tmp/other")));
        assert!(keeper.answer(Ask::Bind, &bind(&format!("unix:{}", at("socket"))), None).is_ok());
        assert!(
            keeper.answer(Ask::Bind, b"", None).is_err()
                && keeper.answer(Ask::Bind, &bind("x"), None).is_err()
        );
        let mut pass = |fd: OwnedFd| keeper.answer(Ask::PassOn, b"", Some(fd));
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(pass(other.into()).is_err(), "of no address that is named");
        assert!(pass(fs::File::open("/dev/null").unwrap().into()).is_err(), "no socket");
        assert!(keeper.answer(Ask::PassOn, b"", None).is_err() && keeper.passed.is_empty());
        assert!(keeper.answer(Ask::Runs, b"", None).is_err());
        // Who owns the directory chooses where a path leads.
        keeper.user.uid = fs::metadata(&dir).unwrap().uid();
        for (question, path) in
            [(Ask::Append, "error.log"), (Ask::Read, "nginx.conf"), (Ask::WritePid, "pid")]
        {
            assert!(refused(&mut keeper, question, at(path).as_bytes()), "{question:?}");
        }
        assert!(refused(&mut keeper, Ask::Bind, &bind(&format!("unix:{}", at("socket")))));
        fs::remove_dir_all(&dir).unwrap();
    }

    use std::os::unix::fs::MetadataExt as _;
}
