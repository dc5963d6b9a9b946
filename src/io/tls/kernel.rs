//! TLS whose records the kernel makes (kTLS; Linux, Documentation/networking/tls.rst): once a handshake is over the socket gets the
//! keys, and plain bytes are read from it and written to it from then on; also files and pipes, which never enter this process.
//!
//! TLS 1.3 alone: in TLS 1.2 the kernel counts nonces otherwise than rustls has begun to. A client that changes its keys
//! (RFC 8446 section 4.6.3) is sent away, as kernels before 6.14 cannot. What the kernel does not offer stays with
//! [`Session`](super::Session). Called by tls.rs and layer.rs.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustls::ConnectionTrafficSecrets;

use super::SILENT_RECORDS;
use super::agreed::Kept;
use crate::io::stream::{receive, receive_into, send_vectored};
use crate::io::{Liveness, check, retry, timer};
use crate::time;

/// `struct tls_crypto_info_…` (linux/tls.h): the longest, of ChaCha20-Poly1305.
const MAX_CRYPTO_INFO: usize = 4 + 12 + 32 + 8;

/// TLS_1_3_VERSION
const TLS13: u16 = 0x0304;

/// TLS_CIPHER_AES_GCM_128, TLS_CIPHER_AES_GCM_256, TLS_CIPHER_CHACHA20_POLY1305
const CIPHERS: [(Cipher, u16, &str); 3] = [
    (Cipher::Aes128Gcm, 51, "AES-128-GCM"),
    (Cipher::Aes256Gcm, 52, "AES-256-GCM"),
    (Cipher::Chacha20Poly1305, 54, "ChaCha20-Poly1305"),
];

/// Kinds of records (RFC 8446 section 5.1).
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// The alert that nothing follows: its level and itself (RFC 8446 section 6.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// The one that means nothing: `user_canceled`.
const USER_CANCELED: u8 = 90;
/// Those that end a connection here: level fatal, for what cannot be followed (`internal_error`) and for a record that does not
/// open (`bad_record_mac`).
const INTERNAL_ERROR: [u8; 2] = [2, 80];
const BAD_RECORD_MAC: [u8; 2] = [2, 20];

/// Between two looks at what the kernel still holds, and how often in a row that must be nothing: its own next step may be due.
const TICK: Duration = Duration::from_millis(10);
const LOOKS: usize = 2;

/// TCP_CLOSE (linux/tcp_states.h)
const CLOSED: u8 = 7;

/// Room for one control message with one byte of payload, aligned as the kernel wants it.
type Control = [u64; 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    Chacha20Poly1305,
}

/// What the kernel offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// A bit for each of [`CIPHERS`].
    ciphers: u8,
}

impl Offer {
    /// Whether there is anything at all.
    pub fn is_any(self) -> bool {
        self.ciphers != 0
    }

    /// For `-V` and the log.
    pub fn line(self) -> String {
        let names = CIPHERS.iter().filter(|(cipher, ..)| self.has(*cipher)).map(|(.., name)| *name);
        match &names.collect::<Vec<_>>()[..] {
            [] => "not offered (is the kernel's module \"tls\" loaded?)".to_owned(),
            names => format!("offered by this kernel (TLS 1.3, {})", names.join(", ")),
        }
    }

    fn has(self, cipher: Cipher) -> bool {
        self.ciphers & 1 << cipher as u8 != 0
    }
}

/// What the kernel offered when it was asked last.
static OFFER: AtomicU8 = AtomicU8::new(0);

/// Asks the kernel, with connections of this process to itself. Where the process may (CAP_NET_ADMIN), the kernel loads its
/// module `tls` for that.
pub fn ask() -> Offer {
    let mut ciphers = 0;
    for (cipher, code, _) in CIPHERS {
        ciphers |= u8::from(is_offered(code).unwrap_or(false)) << cipher as u8;
    }
    // Once offered it stays so; a process that is confined by now cannot ask.
    OFFER.fetch_or(ciphers, Ordering::Relaxed);
    offered()
}

/// What [`ask`] was answered; nothing before.
pub fn offered() -> Offer {
    Offer { ciphers: OFFER.load(Ordering::Relaxed) }
}

fn is_offered(code: u16) -> io::Result<bool> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let key = [0; 32];
    let key = if code == 51 { &key[..16] } else { &key };
    let info = CryptoInfo::new(code, key, &[0; 12], 0);
    begin(socket.as_raw_fd())?;
    Ok(info.set(socket.as_raw_fd(), libc::TLS_TX).is_ok()
        && info.set(socket.as_raw_fd(), libc::TLS_RX).is_ok())
}

/// From here on the socket is one of TLS, without keys yet.
fn begin(fd: RawFd) -> io::Result<()> {
    set_bytes(fd, libc::IPPROTO_TCP, libc::TCP_ULP, b"tls")
}

/// Keys of one direction, as the kernel reads them. Wiped when dropped.
struct CryptoInfo {
    bytes: [u8; MAX_CRYPTO_INFO],
    len: usize,
}

impl CryptoInfo {
    /// `iv` is 12 bytes; `sequence` is the number of the next record.
    fn new(code: u16, key: &[u8], iv: &[u8], sequence: u64) -> Self {
        let mut info = Self { bytes: [0; MAX_CRYPTO_INFO], len: 0 };
        // Of AES-GCM the first four bytes of the IV are apart, as salt.
        let (salt, iv) = if code == 54 { (&[][..], iv) } else { iv.split_at(4) };
        let sequence = sequence.to_be_bytes();
        for part in [&TLS13.to_ne_bytes()[..], &code.to_ne_bytes(), iv, key, salt, &sequence] {
            info.bytes[info.len..info.len + part.len()].copy_from_slice(part);
            info.len += part.len();
        }
        info
    }

    fn of(sequence: u64, secrets: &ConnectionTrafficSecrets) -> Option<(Cipher, Self)> {
        let (cipher, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Cipher::Chacha20Poly1305, key, iv),
            _ => return None,
        };
        let (_, code, _) = CIPHERS.iter().find(|(known, ..)| *known == cipher)?;
        Some((cipher, Self::new(*code, key.as_ref(), iv.as_ref(), sequence)))
    }

    fn set(&self, fd: RawFd, direction: libc::c_int) -> io::Result<()> {
        set_bytes(fd, libc::SOL_TLS, direction, &self.bytes[..self.len])
    }
}

impl Drop for CryptoInfo {
    fn drop(&mut self) {
        self.bytes.fill(0);
        std::hint::black_box(&self.bytes);
    }
}

/// The TLS of one stream that the kernel has taken over.
pub(in crate::io) struct KernelSession {
    kept: Kept,
    /// The last read found nothing: the next wait is for more.
    drained: Cell<bool>,
    incoming: Cell<Incoming>,
    /// What was sent last is not whole, or the end is told: no end is told any more.
    abandoned: Cell<bool>,
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    Payload,
    /// Nothing: the other end said so.
    Nothing,
    /// What came cannot be trusted.
    Wrong,
}

/// What a record is that holds no payload of the application.
enum Aside {
    /// Nothing follows.
    End,
    /// Of no meaning.
    Nothing,
    /// The other end has failed.
    Alert,
    /// It cannot be followed: a change of keys, say.
    Unknown,
}

impl KernelSession {
    /// Whether the kernel can do what this connection, whose handshake is over, has agreed on.
    pub(super) fn suits(connection: &rustls::Connection) -> bool {
        use rustls::CipherSuite as Suite;
        let cipher = match connection.negotiated_cipher_suite().map(|suite| suite.suite()) {
            Some(Suite::TLS13_AES_128_GCM_SHA256) => Cipher::Aes128Gcm,
            Some(Suite::TLS13_AES_256_GCM_SHA384) => Cipher::Aes256Gcm,
            Some(Suite::TLS13_CHACHA20_POLY1305_SHA256) => Cipher::Chacha20Poly1305,
            _ => return false,
        };
        // HTTP/2 has frames around its bodies: nothing would go by itself.
        offered().has(cipher) && connection.alpn_protocol() != Some(b"h2")
    }

    /// Prepares a socket; when that fails nothing has changed.
    pub(super) fn prepare(fd: RawFd) -> io::Result<()> {
        begin(fd)
    }

    /// Gives the kernel the keys of a connection for a prepared socket. All records so far are sent, and none is read in part.
    ///
    /// # Errors
    /// The socket is of no further use then.
    pub(super) fn take_over(fd: RawFd, connection: rustls::Connection) -> io::Result<Self> {
        let kept = Kept::of(&connection);
        let secrets = connection.dangerous_extract_secrets().map_err(io::Error::other)?;
        let directions = [(libc::TLS_TX, &secrets.tx), (libc::TLS_RX, &secrets.rx)];
        for (direction, (sequence, secrets)) in directions {
            let (_, info) = CryptoInfo::of(*sequence, secrets).ok_or(io::ErrorKind::Unsupported)?;
            info.set(fd, direction)?;
        }
        Ok(Self {
            kept,
            drained: Cell::new(false),
            incoming: Cell::new(Incoming::Payload),
            abandoned: Cell::new(false),
        })
    }

    pub(in crate::io) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The last read found nothing. A read that was shorter than asked for says no such thing: the next record may be there, of
    /// another kind.
    pub(in crate::io) fn has_drained(&self) -> bool {
        self.drained.get()
    }

    pub(in crate::io) fn recv(&self, fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
        self.read(fd, || receive(fd, buf))
    }

    pub(in crate::io) fn recv_into(&self, fd: RawFd, buf: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        self.read(fd, || receive_into(fd, buf, max))
    }

    /// One read, again behind records that mean nothing, of which a client can send any number.
    fn read(&self, fd: RawFd, mut receive: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.drained.set(false);
        for _ in 0..SILENT_RECORDS {
            match self.incoming.get() {
                Incoming::Payload => {}
                Incoming::Nothing => return Ok(0),
                Incoming::Wrong => return Err(io::ErrorKind::InvalidData.into()),
            }
            match receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained.set(true);
                    return Err(error);
                }
                // The next record is of another kind.
                Err(error) if error.raw_os_error() == Some(libc::EIO) => self.set_aside(fd)?,
                // A record that does not open, is too long, or is none.
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::EBADMSG | libc::EMSGSIZE | libc::EINVAL)
                    ) =>
                {
                    self.fail(fd, Some(BAD_RECORD_MAC));
                }
                result => return result,
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Takes a record that is no payload off the socket.
    fn set_aside(&self, fd: RawFd) -> io::Result<()> {
        match aside(fd)? {
            Aside::End => self.incoming.set(Incoming::Nothing),
            Aside::Nothing => {}
            // Who has failed is told nothing more (RFC 8446 section 6.2).
            Aside::Alert => self.fail(fd, None),
            Aside::Unknown => self.fail(fd, Some(INTERNAL_ERROR)),
        }
        Ok(())
    }

    /// Nothing that comes counts any more, and the other end is told so, if at all, by this alert alone.
    fn fail(&self, fd: RawFd, alert: Option<[u8; 2]>) {
        self.incoming.set(Incoming::Wrong);
        if !self.abandoned.replace(true)
            && let Some(alert) = alert
        {
            let _ = send_record(fd, ALERT, alert);
        }
    }

    pub(in crate::io) fn peek(&self, fd: RawFd) -> Liveness {
        let mut byte = 0_u8;
        let pointer = (&raw mut byte).cast::<libc::c_void>();
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: `pointer` is to one byte on this stack frame.
        match self.read(fd, || retry(|| unsafe { libc::recv(fd, pointer, 1, flags) })) {
            Ok(0) => Liveness::Closed,
            Ok(_) => Liveness::HasData,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Liveness::Alive,
            Err(_) => Liveness::Closed,
        }
    }

    /// A record of its own: the kernel would keep one that more is to follow for until that has come, be it seconds.
    pub(in crate::io) fn send(&self, fd: RawFd, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        send_vectored(fd, slices, false)
    }

    pub(in crate::io) fn send_close(&self, fd: RawFd) {
        // Once. A client that takes nothing needs no end.
        if !self.abandoned.replace(true) {
            let _ = send_record(fd, ALERT, CLOSE_NOTIFY);
        }
    }

    pub(in crate::io) fn abandon(&self) {
        self.abandoned.set(true);
    }
}

/// Waits until the other end has all that the kernel holds of a socket, but no longer than `patience` without a step. What is held
/// of TLS when the socket is shut down or closed would be lost; TCP's own queue would not.
pub(super) async fn settle(fd: RawFd, patience: Duration) {
    let (mut left, mut since, mut looks) = (None, time::now().monotonic_ms, 0);
    while let Some(held) = held(fd) {
        looks = if held == 0 { looks + 1 } else { 0 };
        let now = time::now().monotonic_ms;
        if left != Some(held) {
            (left, since) = (Some(held), now);
        }
        if looks == LOOKS || u128::from(now.saturating_sub(since)) > patience.as_millis() {
            return;
        }
        timer::sleep(TICK).await;
    }
}

/// Bytes that the other end has not acknowledged; `None` when the connection is gone.
fn held(fd: RawFd) -> Option<libc::c_int> {
    // SAFETY: tcp_info is plain integers, for which all zeroes is a valid value.
    let mut info = unsafe { std::mem::zeroed::<libc::tcp_info>() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let pointer = (&raw mut info).cast();
    // SAFETY: `pointer` is to a tcp_info on this stack frame, and `len` is its size.
    check(unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, pointer, &raw mut len) }).ok()?;
    let mut count: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which is TIOCOUTQ, writes an int.
    check(unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut count) }).ok()?;
    (info.tcpi_state != CLOSED).then_some(count)
}

/// Reads the next record, which holds no payload.
fn aside(fd: RawFd) -> io::Result<Aside> {
    let mut bytes = [0_u8; 64];
    let mut slice = io::IoSliceMut::new(&mut bytes);
    let mut control: Control = [0; 4];
    // SAFETY: msghdr is plain integers and pointers, for which all zeroes is a valid value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    // std guarantees that IoSliceMut has the layout of iovec.
    message.msg_iov = (&raw mut slice).cast();
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: `message` describes one slice and the control buffer, which are ours to write until the call returns.
    let count = retry(|| unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) })?;
    // SAFETY: recvmsg(2) filled in the message; a header that it has lies within `control`.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: what is no null pointer is a header with its payload, which is one byte in a message of this type.
    let kind = unsafe {
        let is_kind = !header.is_null()
            && ((*header).cmsg_level, (*header).cmsg_type) == (libc::SOL_TLS, libc::TLS_GET_RECORD_TYPE)
            && (*header).cmsg_len >= libc::CMSG_LEN(1) as usize;
        is_kind.then(|| *libc::CMSG_DATA(header))
    };
    Ok(match (kind, &bytes[..count]) {
        (Some(ALERT), [_, 0]) | (None, []) => Aside::End,
        (Some(ALERT), [_, USER_CANCELED]) | (Some(APPLICATION_DATA), []) => Aside::Nothing,
        (Some(ALERT), _) => Aside::Alert,
        _ => Aside::Unknown,
    })
}

/// Sends a record that holds no payload of the application, after all that was sent.
fn send_record(fd: RawFd, kind: u8, bytes: [u8; 2]) -> io::Result<usize> {
    let slice = io::IoSlice::new(&bytes);
    let mut control: Control = [0; 4];
    // SAFETY: msghdr is plain integers and pointers, for which all zeroes is a valid value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    // std guarantees that IoSlice has the layout of iovec; sendmsg does not write through it.
    message.msg_iov = (&raw const slice).cast_mut().cast();
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE is arithmetic; one byte needs 24 of the 32.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(1) } as usize;
    // SAFETY: the message has a control buffer with room for one header.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: CMSG_LEN is arithmetic.
    let len = unsafe { libc::CMSG_LEN(1) } as usize;
    // SAFETY: `header` points into `control`, which is aligned for it and has room for it and one byte of payload.
    unsafe {
        (*header).cmsg_len = len;
        (*header).cmsg_level = libc::SOL_TLS;
        (*header).cmsg_type = libc::TLS_SET_RECORD_TYPE;
        *libc::CMSG_DATA(header) = kind;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `message` describes `bytes` and `control`, which are readable until the call returns.
    retry(|| unsafe { libc::sendmsg(fd, &raw const message, flags) })
}

fn set_bytes(fd: RawFd, level: libc::c_int, name: libc::c_int, bytes: &[u8]) -> io::Result<()> {
    let (pointer, len) = (bytes.as_ptr().cast(), bytes.len() as libc::socklen_t);
    // SAFETY: `bytes` is readable over its whole length until the call returns.
    check(unsafe { libc::setsockopt(fd, level, name, pointer, len) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_laid_out_as_the_kernel_reads_them() {
        let iv: Vec<u8> = (0..12).collect();
        let info = CryptoInfo::new(51, &[7; 16], &iv, 0x0102);
        let expected = [
            &TLS13.to_ne_bytes()[..],
            &51_u16.to_ne_bytes(),
            &[4, 5, 6, 7, 8, 9, 10, 11],
            &[7; 16],
            &[0, 1, 2, 3],
            &[0, 0, 0, 0, 0, 0, 1, 2],
        ];
        assert_eq!(info.bytes[..info.len], expected.concat());
        // sizeof(struct tls12_crypto_info_aes_gcm_128), …_aes_gcm_256, …_chacha20_poly1305
        assert_eq!(info.len, 40);
        assert_eq!(CryptoInfo::new(52, &[7; 32], &iv, 1).len, 56);
        assert_eq!(CryptoInfo::new(54, &[7; 32], &iv, 1).len, 56);
    }

    #[test]
    fn what_is_offered_is_named() {
        assert!(Offer::default().line().starts_with("not offered"));
        let some = Offer { ciphers: 0b101 };
        assert_eq!(some.line(), "offered by this kernel (TLS 1.3, AES-128-GCM, ChaCha20-Poly1305)");
        assert!(some.has(Cipher::Aes128Gcm) && !some.has(Cipher::Aes256Gcm));
        // Whatever this kernel says, it says it twice.
        assert_eq!(ask(), offered());
    }
}
