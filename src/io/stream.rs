//! A connected socket, TCP or unix: wait for readiness, then read and write directly.
//!
//! A wait that ends without readiness (deadline, interruption, the other side of a pair) never loses bytes:
//! bytes leave the kernel only in the `try_` calls. Knows nothing of what the bytes mean. Called by http,
//! upstream and handler through their connections.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{OwnedFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::addr::{self, SockAddr};
use super::layer::{Carrier, Layer};
use super::ready::Polled;
use super::{Deadline, check, retry, runtime};

/// Most slices one gathered send takes; a longer list is sent in parts. Far below the kernel's UIO_MAXIOV.
pub const MAX_SLICES: usize = 64;

/// A connected, non-blocking, close-on-exec socket of this thread's loop. Closed on drop.
pub struct Stream {
    socket: Polled,
    fd: RawFd,
    /// Set once the stream speaks TLS, or from the beginning for a part of a connection.
    layer: OnceCell<Layer>,
}

/// Some of TCP_INFO (tcp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFacts {
    /// Round trip, microseconds.
    pub rtt: u32,
    /// Its variation, microseconds.
    pub rttvar: u32,
    /// Segments that may be under way.
    pub snd_cwnd: u32,
    /// Bytes that may come in.
    pub rcv_space: u32,
}

/// What a look at a connection nobody expects bytes from shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Open, nothing to read.
    Alive,
    /// The other end closed or reset it.
    Closed,
    /// Open, with bytes to read.
    HasData,
}

/// Which of two streams is readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first one.
    A,
    /// The second one.
    B,
}

impl Stream {
    /// Takes a connected socket that is O_NONBLOCK and FD_CLOEXEC.
    ///
    /// # Errors
    /// With epoll, when the descriptor cannot be registered.
    pub(super) fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let socket = Polled::new(fd)?;
        let fd = socket.fd();
        Ok(Self { socket, fd, layer: OnceCell::new() })
    }

    /// A stream that `carrier`'s connection carries beside others. Of the socket it has what is asked of the kernel: addresses
    /// and the like; its bytes and its end are the carrier's.
    pub fn part(carrier: Rc<dyn Carrier>) -> Self {
        let connection = carrier.connection();
        let (socket, fd) = (connection.socket.share(), connection.fd);
        Self { socket, fd, layer: OnceCell::from(Layer::Part(carrier)) }
    }

    /// The stream with what it speaks, for a connection that will carry several; what is left here has the socket alone.
    pub fn hand_over(&mut self) -> Self {
        // The one that can wait for the socket goes with it.
        let share = self.socket.share();
        let socket = std::mem::replace(&mut self.socket, share);
        Self { socket, fd: self.fd, layer: std::mem::take(&mut self.layer) }
    }

    /// Waits until a read would not block: bytes, end of file or an error are there. May be spuriously early:
    /// on `WouldBlock` wait again.
    ///
    /// # Errors
    /// `TimedOut` when `deadline` expires first, `Interrupted` when it is idle and interrupted.
    pub async fn readable(&self, deadline: &Deadline) -> io::Result<()> {
        poll_fn(|context| bounded(self.poll_readable(context), deadline, context)).await
    }

    /// Waits until a write would not block, or the socket is in error. May be spuriously early.
    ///
    /// # Errors
    /// As [`Stream::readable`].
    pub async fn writable(&self, deadline: &Deadline) -> io::Result<()> {
        poll_fn(|context| bounded(self.poll_writable(context), deadline, context)).await
    }

    /// recv(2) into `buf`: the number of bytes, 0 at end of file. An empty `buf` reads nothing.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; what the connection suffered, otherwise.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.layer() {
            None => self.noting(receive(self.fd, buf), buf.len()),
            Some(layer) => self.noting_layer(layer, layer.recv(self.fd, buf)),
        }
    }

    /// recv(2) appended to `buf`, `max` bytes at most, into its spare capacity; only a buffer without any
    /// grows (by `max`).
    ///
    /// # Errors
    /// As [`Stream::try_recv`]; `InvalidInput` when `max` is 0, which would look like the end of file.
    pub fn recv_into(&self, buf: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        if max == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if buf.len() == buf.capacity() {
            buf.reserve(max);
        }
        let max = max.min(buf.capacity() - buf.len());
        if let Some(layer) = self.layer() {
            return self.noting_layer(layer, layer.recv_into(self.fd, buf, max));
        }
        self.noting(receive_into(self.fd, buf, max), max)
    }

    /// Less than was asked for is all there is (epoll(7), question 9): the next wait is for more.
    #[inline]
    fn noting(&self, received: io::Result<usize>, asked: usize) -> io::Result<usize> {
        if is_all(&received, asked) {
            self.socket.drained();
        }
        received
    }

    #[cold]
    fn noting_layer(&self, layer: &Layer, received: io::Result<usize>) -> io::Result<usize> {
        if layer.has_drained() {
            self.socket.drained();
        }
        received
    }

    /// Looks, without reading, whether an idle connection is still there.
    pub fn peek_closed(&self) -> Liveness {
        if let Some(layer) = self.layer() {
            return layer.peek(self.fd);
        }
        let mut byte = 0_u8;
        let pointer = (&raw mut byte).cast();
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: `pointer` is to one byte on this stack frame.
        match retry(|| unsafe { sys_recv(self.fd, pointer, 1, flags) }) {
            Ok(0) => Liveness::Closed,
            Ok(_) => Liveness::HasData,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Liveness::Alive,
            Err(_) => Liveness::Closed,
        }
    }

    /// Whether bytes or the end of a new connection are there already: then it can be read without a wait, and perhaps
    /// without ever being watched.
    pub fn has_news(&self) -> bool {
        let has_news = self.peek_closed() != Liveness::Alive;
        if has_news {
            self.socket.told();
        }
        has_news
    }

    /// Whether the other side has closed its end, also behind bytes that nobody has read yet.
    pub fn has_left(&self) -> bool {
        match self.peek_closed() {
            Liveness::Closed => true,
            Liveness::Alive => false,
            Liveness::HasData => {
                let mut asked = libc::pollfd { fd: self.fd, events: libc::POLLRDHUP, revents: 0 };
                // SAFETY: `asked` is one pollfd on this stack frame.
                let asks = || unsafe { libc::poll(&raw mut asked, 1, 0) as isize };
                retry(asks).is_ok_and(|ready| ready > 0)
            }
        }
    }

    /// The next bytes of the socket, without reading them; 0 at end of file. Beneath TLS, if the stream speaks that.
    ///
    /// # Errors
    /// As [`Stream::try_recv`].
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let (pointer, len) = (buf.as_mut_ptr().cast(), buf.len());
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: `buf` is ours to write over its whole length until the call returns.
        retry(|| unsafe { sys_recv(self.fd, pointer, len, flags) })
    }

    /// What the kernel knows of a TCP connection; `None` of any other.
    pub fn tcp_info(&self) -> Option<TcpFacts> {
        // SAFETY: tcp_info is plain integers, for which all zeroes is a valid value.
        let mut info = unsafe { std::mem::zeroed::<libc::tcp_info>() };
        let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
        let pointer = (&raw mut info).cast();
        // SAFETY: `pointer` is to a tcp_info on this stack frame, and `len` is its size.
        check(unsafe { libc::getsockopt(self.fd, libc::IPPROTO_TCP, libc::TCP_INFO, pointer, &raw mut len) })
            .ok()?;
        Some(TcpFacts {
            rtt: info.tcpi_rtt,
            rttvar: info.tcpi_rttvar,
            snd_cwnd: info.tcpi_snd_cwnd,
            rcv_space: info.tcpi_rcv_space,
        })
    }

    /// Begins to watch a connection that goes idle, so that [`Stream::stayed_quiet`] needs no system call. With epoll
    /// there is nothing to begin.
    pub fn watch_quiet(&self) {
        let context = Context::from_waker(Waker::noop());
        // A wait from before may have been answered by bytes that were read since: the second one is new.
        if self.socket.poll_readable(&context).is_ready() {
            let _ = self.socket.poll_readable(&context);
        }
    }

    /// Whether nothing came on an idle connection since [`Stream::watch_quiet`], as far as the loop has heard: what
    /// arrived in this turn may be missing. Without the ring it is looked at now.
    pub fn stayed_quiet(&self) -> bool {
        let heard = self.poll_readable(&mut Context::from_waker(Waker::noop())).is_ready();
        !heard || self.peek_closed() == Liveness::Alive
    }

    /// As much of `buf` as goes with one send(2), when that is cheaper than a send in the ring; else, or when the
    /// socket buffer is full, 0 bytes: then [`Stream::send_all`].
    ///
    /// # Errors
    /// As [`Stream::try_send`], but for `WouldBlock`.
    pub fn send_at_once(&self, buf: &[u8]) -> io::Result<usize> {
        if runtime::ring_send_pays() || !self.takes_files() {
            return Ok(0);
        }
        match self.try_send(buf, false) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }

    /// send(2): the number of bytes the kernel took. `more` (MSG_MORE) says that another send follows at once. With TLS some of
    /// them may wait here for room in the socket: [`Stream::flush`] after the last one.
    ///
    /// # Errors
    /// `WouldBlock` when the socket buffer is full; `BrokenPipe`, `ConnectionReset` and the like.
    pub fn try_send(&self, buf: &[u8], more: bool) -> io::Result<usize> {
        match self.layer() {
            None => send(self.fd, buf, more),
            Some(layer) => layer.send(self.fd, &[IoSlice::new(buf)], more),
        }
    }

    /// Whether all that `try_send` and sendfile took is with the kernel; tries to send what is not. Without TLS it always is.
    ///
    /// # Errors
    /// As [`Stream::try_send`], but for `WouldBlock`.
    #[inline]
    pub fn flush(&self) -> io::Result<bool> {
        match self.layer() {
            None => Ok(true),
            Some(layer) => layer.flush(self.fd),
        }
    }

    /// sendmsg(2) of the first [`MAX_SLICES`] slices in order.
    ///
    /// # Errors
    /// As [`Stream::try_send`].
    pub fn try_send_vectored(&self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match self.layer() {
            None => send_vectored(self.fd, slices, more),
            Some(layer) => layer.send(self.fd, slices, more),
        }
    }

    /// Sends the whole of `buf` and gives it back. Rides in the ring when the turn is deep, else send(2).
    /// `deadline` is armed by the caller; each progress starts its time anew.
    ///
    /// # Errors
    /// `TimedOut` when the peer takes nothing for the time of `deadline`; how much was sent is then unknown,
    /// the connection is of no further use, and an empty buffer may come back.
    pub async fn send_all(&self, mut buf: Vec<u8>, deadline: &Deadline) -> (io::Result<()>, Vec<u8>) {
        let mut sent = 0;
        if runtime::ring_send_pays() && self.may_ride(&mut buf) {
            let mut operation = pin!(self.socket.ring_send(buf));
            let outcome = poll_fn(|context| match operation.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
                Poll::Pending => deadline.poll_over(context).map(Err),
            });
            match outcome.await {
                Ok((Ok(count), returned)) => (sent, buf) = (count, returned),
                Ok((Err(error), returned)) => return (Err(error), returned),
                // The buffer stays with the operation until the kernel has let go of it.
                Err(late) => return (Err(late), Vec::new()),
            }
            deadline.rearm();
        }
        let lent = self.layer().is_some_and(Layer::has_lent);
        let rest = buf.len() - sent;
        let result = if rest > 0 { self.send_slice_as(&buf[sent..], lent, deadline).await } else { Ok(()) };
        if lent && let Some(layer) = self.layer() {
            layer.take_back(&mut buf);
        }
        (result, buf)
    }

    /// Whether `buf` may go to the kernel as it is; with TLS it becomes records before.
    #[inline]
    fn may_ride(&self, buf: &mut Vec<u8>) -> bool {
        // What earlier bytes suffer shows when these are sent.
        self.layer().is_none_or(|layer| layer.lend(buf).unwrap_or(false))
    }

    /// Sends the whole of `buf` with send(2), waiting as needed; see [`Stream::send_all`] for `deadline`.
    ///
    /// # Errors
    /// As [`Stream::send_all`].
    pub fn send_slice(&self, buf: &[u8], deadline: &Deadline) -> impl Future<Output = io::Result<()>> {
        self.send_slice_as(buf, false, deadline)
    }

    /// The same; `sealed` says that TLS has made records of it already.
    async fn send_slice_as(&self, mut buf: &[u8], sealed: bool, deadline: &Deadline) -> io::Result<()> {
        while !buf.is_empty() {
            let sent = if sealed { send(self.fd, buf, false) } else { self.try_send(buf, false) };
            match sent {
                Ok(count) => {
                    buf = &buf[count..];
                    deadline.rearm();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable(deadline).await?,
                Err(error) => return Err(error),
            }
        }
        while !sealed && !self.flush()? {
            self.writable(deadline).await?;
        }
        Ok(())
    }

    /// Sends all `slices` in order with sendmsg(2), waiting as needed. `more` says that another send follows.
    ///
    /// # Errors
    /// As [`Stream::send_all`].
    pub async fn send_slices(&self, slices: &[&[u8]], more: bool, deadline: &Deadline) -> io::Result<()> {
        // How far it got: the slice, and the bytes of it that are gone.
        let (mut index, mut offset) = (0, 0);
        loop {
            while slices.get(index).is_some_and(|slice| offset == slice.len()) {
                (index, offset) = (index + 1, 0);
            }
            if index >= slices.len() {
                if more || self.flush()? {
                    return Ok(());
                }
                self.writable(deadline).await?;
                continue;
            }
            let mut vector = [IoSlice::new(&[]); MAX_SLICES];
            let mut filled = 0;
            for (entry, slice) in vector.iter_mut().zip(&slices[index..]) {
                let skip = if filled == 0 { offset } else { 0 };
                *entry = IoSlice::new(&slice[skip..]);
                filled += 1;
            }
            let more = more || index + filled < slices.len();
            match self.try_send_vectored(&vector[..filled], more) {
                Ok(mut count) => {
                    deadline.rearm();
                    while count > 0 {
                        let left = slices[index].len() - offset;
                        if count < left {
                            offset += count;
                            break;
                        }
                        count -= left;
                        (index, offset) = (index + 1, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable(deadline).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Says "no more bytes from here" (FIN, with TLS behind its `close_notify`), after what was sent.
    ///
    /// # Errors
    /// `NotConnected` when the other end is gone already.
    pub fn shutdown_write(&self) -> io::Result<()> {
        self.send_close();
        if self.is_part() {
            return Ok(());
        }
        // SAFETY: `fd` is open as long as `self` lives.
        check(unsafe { libc::shutdown(self.fd, libc::SHUT_WR) })?;
        Ok(())
    }

    /// Ends the connection although somebody still holds its descriptor; says nothing about whether what was sent is whole.
    pub fn end(&self) {
        if self.is_part() {
            return;
        }
        // SAFETY: `fd` is open as long as `self` lives. A connection that is gone already needs no end.
        let _ = check(unsafe { libc::shutdown(self.fd, libc::SHUT_RDWR) });
    }

    /// TLS says that what was sent is whole (`close_notify`), before a connection is closed in good order.
    #[inline]
    pub fn send_close(&self) {
        if let Some(layer) = self.layer() {
            layer.send_close(self.fd);
        }
    }

    /// What was sent is not whole: TLS must not say that it is ([`Stream::send_close`] then says nothing).
    pub fn abandon(&self) {
        if let Some(layer) = self.layer() {
            layer.abandon();
        }
    }

    /// SO_KEEPALIVE (nginx `proxy_socket_keepalive`).
    pub fn set_keepalive(&self, on: bool) {
        // A connection that is gone already shows at its next use.
        let _ = addr::set_option(self.fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, on.into());
    }

    /// Makes the close that follows send a reset instead of a FIN (nginx `reset_timedout_connection`).
    pub fn set_linger_reset(&self) {
        if self.is_part() {
            return;
        }
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let len = size_of::<libc::linger>() as libc::socklen_t;
        let pointer = (&raw const linger).cast();
        // SAFETY: `pointer` is to a linger on this stack frame, and `len` is its size. A failure leaves a
        // normal close, which is good enough.
        unsafe { libc::setsockopt(self.fd, libc::SOL_SOCKET, libc::SO_LINGER, pointer, len) };
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `NotConnected` when the other end is gone already.
    pub fn peer_addr(&self) -> io::Result<SockAddr> {
        addr::peer_addr(self.fd)
    }

    /// The address of this end.
    ///
    /// # Errors
    /// None that a connected socket can meet.
    pub fn local_addr(&self) -> io::Result<SockAddr> {
        addr::local_addr(self.fd)
    }

    /// The descriptor's number, for log lines and keys. It stays open as long as the stream lives.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// The pending error of the socket (SO_ERROR), taken.
    pub(super) fn take_error(&self) -> io::Result<()> {
        match addr::option(self.fd, libc::SOL_SOCKET, libc::SO_ERROR)? {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }

    /// The poll behind [`Stream::readable`], without a deadline.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.layer() {
            Some(Layer::Part(carrier)) => carrier.poll_readable(context),
            Some(Layer::Tls(session)) if session.is_readable() => Poll::Ready(Ok(())),
            Some(Layer::Tls(_) | Layer::Kernel(_)) | None => self.socket.poll_readable(context),
        }
    }

    /// As [`Stream::poll_readable`], but ready too when nobody knows: a read will tell.
    pub(super) fn poll_news(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.layer() {
            Some(Layer::Part(carrier)) => carrier.poll_readable(context),
            Some(Layer::Tls(session)) if session.is_readable() => Poll::Ready(Ok(())),
            Some(Layer::Tls(_) | Layer::Kernel(_)) | None => self.socket.poll_news(context),
        }
    }

    /// The poll behind [`Stream::writable`], without a deadline.
    pub(super) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.layer() {
            Some(Layer::Part(carrier)) => carrier.poll_writable(context),
            Some(Layer::Tls(_) | Layer::Kernel(_)) | None => self.socket.poll_writable(context),
        }
    }

    /// What stands between the socket and this stream's bytes, if anything does.
    #[inline]
    pub(super) fn layer(&self) -> Option<&Layer> {
        self.layer.get()
    }

    /// Whether its bytes are the socket's own: the kernel may move them without this process.
    #[inline]
    pub fn is_bare(&self) -> bool {
        self.layer.get().is_none()
    }

    /// Whether the kernel sends what it is given, so that files and pipes go there without this process: a bare stream does, and
    /// one whose records of TLS the kernel makes.
    #[inline]
    pub fn takes_files(&self) -> bool {
        self.layer().is_none_or(Layer::is_of_kernel)
    }

    fn is_part(&self) -> bool {
        self.layer().is_some_and(Layer::is_part)
    }

    /// From here on it speaks TLS.
    pub(super) fn set_layer(&self, layer: Layer) {
        // A stream that has one already keeps it: nobody shakes hands twice.
        let _ = self.layer.set(layer);
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("fd", &self.fd).finish()
    }
}

/// Waits until one of two streams is readable; `a` is preferred. What is heard of the other one
/// meanwhile is kept for its next wait.
///
/// # Errors
/// As [`Stream::readable`].
pub async fn either_readable(a: &Stream, b: &Stream, deadline: &Deadline) -> io::Result<Side> {
    poll_fn(|context| {
        if let Poll::Ready(result) = a.poll_readable(context) {
            return Poll::Ready(result.map(|()| Side::A));
        }
        let b = b.poll_readable(context);
        bounded(b, deadline, context).map_ok(|()| Side::B)
    })
    .await
}

/// Waits until `to` is writable (`Side::A`) or `watched` is readable (`Side::B`): bytes or an end that must
/// be noticed while a slow receiver is waited for.
///
/// # Errors
/// As [`Stream::readable`].
pub async fn writable_or_readable(to: &Stream, watched: &Stream, deadline: &Deadline) -> io::Result<Side> {
    poll_fn(|context| {
        if let Poll::Ready(result) = to.poll_writable(context) {
            return Poll::Ready(result.map(|()| Side::A));
        }
        let watched = watched.poll_readable(context);
        bounded(watched, deadline, context).map_ok(|()| Side::B)
    })
    .await
}

/// Readiness comes before the deadline: what is there is never reported as late.
fn bounded(ready: Poll<io::Result<()>>, deadline: &Deadline, context: &Context<'_>) -> Poll<io::Result<()>> {
    match ready {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => deadline.poll_over(context).map(Err),
    }
}

/// Whether a read that asked for so much took all that was there. The end of file is no such sign: it stays.
#[inline]
pub(super) fn is_all(received: &io::Result<usize>, asked: usize) -> bool {
    match received {
        Ok(count) => (1..asked).contains(count),
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// recv(2) without waiting.
pub(super) fn receive(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    let (pointer, len) = (buf.as_mut_ptr(), buf.len());
    // SAFETY: `buf` is ours to write over its whole length until the call returns.
    retry(|| unsafe { sys_recv(fd, pointer.cast(), len, libc::MSG_DONTWAIT) })
}

/// The same appended to `buf`, as much as it has room for, `max` bytes at most.
#[inline]
pub(super) fn receive_into(fd: RawFd, buf: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let spare = buf.spare_capacity_mut();
    let (pointer, len) = (spare.as_mut_ptr(), max.min(spare.len()));
    // SAFETY: the spare capacity is ours to write, and `len` is not more than it has.
    let count = retry(|| unsafe { sys_recv(fd, pointer.cast(), len, libc::MSG_DONTWAIT) })?;
    let filled = buf.len() + count;
    // SAFETY: the kernel wrote `count` bytes from the old end on, within the capacity.
    unsafe { buf.set_len(filled) };
    Ok(count)
}

/// send(2) without waiting.
pub(super) fn send(fd: RawFd, buf: &[u8], more: bool) -> io::Result<usize> {
    let flags = send_flags(more);
    // SAFETY: `buf` is readable over its whole length until the call returns.
    retry(|| unsafe { sys_send(fd, buf.as_ptr().cast(), buf.len(), flags) })
}

/// sendmsg(2) of the first [`MAX_SLICES`] slices without waiting.
pub(super) fn send_vectored(fd: RawFd, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    let slices = &slices[..slices.len().min(MAX_SLICES)];
    // SAFETY: msghdr is plain integers and pointers, for which all zeroes is a valid value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    // std guarantees that IoSlice has the layout of iovec; sendmsg does not write through it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len();
    let flags = send_flags(more);
    // SAFETY: `message` describes `slices`, which are readable until the call returns.
    retry(|| unsafe { libc::sendmsg(fd, &raw const message, flags) })
}

/// recv(2), past glibc, which turns the thread's cancelability on and off around each: two atomic operations, and no
/// thread here is ever cancelled.
///
/// # Safety
/// As recv(2): `buf` is valid for writes of `len` bytes.
unsafe fn sys_recv(fd: RawFd, buf: *mut libc::c_void, len: usize, flags: libc::c_int) -> libc::ssize_t {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the caller's promise; no address is asked for.
    unsafe { libc::syscall(libc::SYS_recvfrom, fd, buf, len, flags, none, none) as libc::ssize_t }
}

/// send(2), as [`sys_recv`].
///
/// # Safety
/// As send(2): `buf` is valid for reads of `len` bytes.
unsafe fn sys_send(fd: RawFd, buf: *const libc::c_void, len: usize, flags: libc::c_int) -> libc::ssize_t {
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: the caller's promise; no address is given.
    unsafe { libc::syscall(libc::SYS_sendto, fd, buf, len, flags, none, 0_usize) as libc::ssize_t }
}

fn send_flags(more: bool) -> libc::c_int {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    if more { flags | libc::MSG_MORE } else { flags }
}

#[cfg(test)]
mod tests;
