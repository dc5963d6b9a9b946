//! A process beside this one that keeps the rights which this one gives up: how it is started and asked.
//!
//! One request at a time over a pair of sockets, each a question and a text; the answer is an error number and at most one
//! descriptor. What is granted is decided above (`master::keeper`). It ends when the other end closes, so that nothing is
//! left of a program that was killed. Only the master thread asks. Called by master, and by [`super::file`] for what the
//! user may not open.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// Longest question: a path, or an address with a path, and some.
const MAX_QUESTION: usize = 8192;

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Read the configuration again: what it names is granted from now on.
    Reload,
    /// A file of the configuration, for reading.
    Read,
    /// The names in a directory that an `include` looks into, each ended by a zero byte, as a file.
    Names,
    /// Whether there is such a directory or file.
    Exists,
    /// A log, for appending.
    Append,
    /// A socket that is bound to an address.
    Bind,
    /// Remove the file of a listening unix socket.
    RemoveSocket,
    /// Write the pid file.
    WritePid,
    /// Whether the pid file could be written.
    TryPid,
    /// Remove the pid file.
    RemovePid,
    /// Make a directory for temporary files, the user's.
    MakeTemp,
    /// Give the pid file the name of an old one: another executable is about to write its own.
    PidAside,
    /// Give it its name again.
    PidBack,
    /// A listening socket for the next executable.
    PassOn,
    /// Start the next executable, with the sockets that were passed on: its process id, as a file.
    Upgrade,
    /// Whether it still runs.
    Runs,
}

impl Ask {
    const ALL: [Self; 16] = [
        Self::Reload,
        Self::Read,
        Self::Names,
        Self::Exists,
        Self::Append,
        Self::Bind,
        Self::RemoveSocket,
        Self::WritePid,
        Self::TryPid,
        Self::RemovePid,
        Self::MakeTemp,
        Self::PidAside,
        Self::PidBack,
        Self::PassOn,
        Self::Upgrade,
        Self::Runs,
    ];
}

thread_local! {
    /// The way to the keeper, if there is one.
    static KEEPER: RefCell<Option<OwnedFd>> = const { RefCell::new(None) };
}

/// Starts the keeper, which answers with what `answer` says until this process ends. To be called while there is one
/// thread. It keeps the standard streams and no other descriptor.
///
/// # Errors
/// As socketpair(2) and fork(2).
pub fn start(
    mut answer: impl FnMut(Ask, &[u8], Option<OwnedFd>) -> io::Result<Option<OwnedFd>>,
) -> io::Result<()> {
    let (ours, theirs) = pair()?;
    // SAFETY: the caller promises one thread, so the child has the whole program.
    if check(unsafe { libc::fork() })? != 0 {
        KEEPER.set(Some(ours));
        return Ok(());
    }
    drop(ours);
    become_keeper(theirs.as_raw_fd());
    let mut buffer = vec![0_u8; MAX_QUESTION];
    loop {
        let (length, fd) = match receive(&theirs, &mut buffer) {
            Ok((0, _)) | Err(_) => break,
            Ok(received) => received,
        };
        let question = Ask::ALL.into_iter().find(|ask| *ask as u8 == buffer[0]);
        let answered = match question {
            Some(question) => answer(question, &buffer[1..length], fd),
            None => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        };
        let (code, fd) = match answered {
            Ok(fd) => (0, fd),
            Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), None),
        };
        if send(&theirs, &code.to_ne_bytes(), fd.as_ref().map(AsRawFd::as_raw_fd)).is_err() {
            break;
        }
    }
    // SAFETY: ends this process without running what belongs to the one it was forked from.
    unsafe { libc::_exit(0) }
}

/// Signals are for the program itself, whose process id the pid file has.
fn become_keeper(way: RawFd) {
    // SAFETY: sigset_t is an array of integers, for which all zeroes is a valid value.
    let mut all = unsafe { std::mem::zeroed::<libc::sigset_t>() };
    // SAFETY: `all` is a sigset_t on this stack frame.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: `all` is initialised; the former mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
    // SAFETY: the name ends in a zero byte.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"ringx-keeper".as_ptr()) };
    // SAFETY: PR_SET_DUMPABLE takes integers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    // It runs no program anyway; an error would say that this is no Linux.
    let _ = super::sys::no_new_privileges();
    let first = libc::STDERR_FILENO + 1;
    close_between(first, way - 1);
    close_between(way + 1, RawFd::MAX);
}

/// Closes every descriptor from `first` to `last`; a kernel without close_range(2) (before 5.9) leaves them open, and
/// io_uring wants a later one anyway.
fn close_between(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: close_range(2) takes no pointers; the descriptors are copies that nobody in this process uses.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Whether there is a keeper for this thread.
pub fn is_there() -> bool {
    KEEPER.with_borrow(Option::is_some)
}

/// Asks the keeper; `None` when there is none.
pub fn ask(question: Ask, text: &[u8]) -> Option<io::Result<Option<OwnedFd>>> {
    ask_with(question, text, None)
}

/// Asks the keeper and gives it a descriptor; `None` when there is none.
pub fn ask_with(
    question: Ask,
    text: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> Option<io::Result<Option<OwnedFd>>> {
    KEEPER.with_borrow(|keeper| keeper.as_ref().map(|keeper| exchange(keeper, question, text, fd)))
}

/// Asks for a descriptor.
///
/// # Errors
/// What the keeper says; `PermissionDenied` when there is none.
pub fn ask_for_fd(question: Ask, text: &[u8]) -> io::Result<OwnedFd> {
    let answer = ask(question, text).unwrap_or(Ok(None))?;
    answer.ok_or_else(|| io::ErrorKind::PermissionDenied.into())
}

fn exchange(
    keeper: &OwnedFd,
    question: Ask,
    text: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> io::Result<Option<OwnedFd>> {
    let mut message = Vec::with_capacity(1 + text.len());
    message.push(question as u8);
    message.extend_from_slice(text);
    if message.len() > MAX_QUESTION {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    send(keeper, &message, fd.map(|fd| fd.as_raw_fd()))?;
    let (code, fd) = answer(keeper)?;
    if code == 0 { Ok(fd) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// The next answer: an error number, 0 for none, and what came with it.
fn answer(keeper: &OwnedFd) -> io::Result<(i32, Option<OwnedFd>)> {
    let mut code = [0_u8; 4];
    match receive(keeper, &mut code)? {
        (4, fd) => Ok((i32::from_ne_bytes(code), fd)),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: `fds` has room for two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let first = unsafe { OwnedFd::from_raw_fd(fds[0]) };
    // SAFETY: as above.
    let second = unsafe { OwnedFd::from_raw_fd(fds[1]) };
    Ok((first, second))
}

/// Room for one descriptor beside a message, aligned as cmsg(3) wants it.
#[repr(C, align(8))]
struct Beside([u8; 32]);

const FD_LEN: libc::c_uint = size_of::<RawFd>() as libc::c_uint;

fn send(to: &OwnedFd, bytes: &[u8], fd: Option<RawFd>) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut beside = Beside([0; 32]);
    // SAFETY: msghdr is integers and pointers, for which all zeroes is a valid value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(fd) = fd {
        message.msg_control = (&raw mut beside).cast();
        // SAFETY: CMSG_SPACE is arithmetic; a descriptor needs 24 bytes of the 32.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(FD_LEN) } as usize;
        // SAFETY: the message has a control buffer with room for one header.
        let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        // SAFETY: CMSG_LEN is arithmetic.
        let len = unsafe { libc::CMSG_LEN(FD_LEN) } as usize;
        let filled =
            libc::cmsghdr { cmsg_len: len, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
        // SAFETY: `header` points into `beside`, which is aligned for it.
        unsafe { header.write(filled) };
        // SAFETY: the data follows the header inside `beside`.
        let data = unsafe { libc::CMSG_DATA(header) };
        // SAFETY: `data` has room for one descriptor; its alignment does not matter.
        unsafe { data.cast::<RawFd>().write_unaligned(fd) };
    }
    // SAFETY: every pointer in `message` is to a value on this stack frame or to `bytes`, alive during the call.
    super::retry(|| unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) })?;
    Ok(())
}

/// The next message and at most one descriptor.
fn receive(from: &OwnedFd, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut beside = MaybeUninit::new(Beside([0; 32]));
    // SAFETY: msghdr is integers and pointers, for which all zeroes is a valid value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = beside.as_mut_ptr().cast();
    // Not CMSG_SPACE, whose padding has room for a second one.
    // SAFETY: CMSG_LEN is arithmetic; a descriptor needs 20 bytes of the 32.
    message.msg_controllen = unsafe { libc::CMSG_LEN(FD_LEN) } as usize;
    let flags = libc::MSG_CMSG_CLOEXEC;
    // SAFETY: every pointer in `message` is to a value on this stack frame, alive during the call.
    let length = super::retry(|| unsafe { libc::recvmsg(from.as_raw_fd(), &raw mut message, flags) })?;
    // SAFETY: recvmsg(2) filled in the message.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    let fd = (!header.is_null()).then(|| {
        // SAFETY: the header is followed by its data inside `beside`.
        let data = unsafe { libc::CMSG_DATA(header) };
        // SAFETY: there was room for one descriptor and nothing else.
        let fd = unsafe { data.cast::<RawFd>().read_unaligned() };
        // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
        unsafe { OwnedFd::from_raw_fd(fd) }
    });
    Ok((length, fd))
}

/// A file in memory with these bytes, to be read from its beginning.
///
/// # Errors
/// As memfd_create(2) and pwrite(2).
pub fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    // SAFETY: the name ends in a zero byte.
    let fd = check(unsafe { libc::memfd_create(c"ringx".as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the descriptor stays open while it is borrowed.
    super::file::write_all_at(unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) }, bytes, 0)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn a_descriptor_goes_with_the_answer() {
        let (here, there) = pair().unwrap();
        let file = in_memory(b"text").unwrap();
        send(&there, &7_i32.to_ne_bytes(), Some(file.as_raw_fd())).unwrap();
        send(&there, &13_i32.to_ne_bytes(), None).unwrap();
        let (code, fd) = answer(&here).unwrap();
        let mut text = [0; 4];
        super::super::file::read_exact_at(fd.unwrap().as_fd(), &mut text, 0).unwrap();
        assert_eq!((code, &text), (7, b"text"));
        assert!(matches!(answer(&here), Ok((13, None))));
        drop(there);
        assert_eq!(answer(&here).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn without_a_keeper_nothing_is_granted() {
        assert!(!is_there() && ask(Ask::Reload, b"").is_none());
        assert_eq!(ask_for_fd(Ask::Read, b"/").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
