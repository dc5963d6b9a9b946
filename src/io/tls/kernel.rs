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
use std::sync::OnceLock;

use rustls::ConnectionTrafficSecrets;

use super::agreed::Kept;
use crate::io::stream::{receive, receive_into, send_vectored};
use crate::io::{Liveness, check, retry};

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
/// The one for what cannot be followed: level fatal, `internal_error`.
const INTERNAL_ERROR: [u8; 2] = [2, 80];

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
    ciphers: [bool; CIPHERS.len()],
}

impl Offer {
    /// Whether there is anything at all.
    pub fn is_any(self) -> bool {
        self.ciphers.contains(&true)
    }

    /// For `-V` and the log.
    pub fn line(self) -> String {
        let names: Vec<_> =
            CIPHERS.iter().zip(self.ciphers).filter(|(_, is)| *is).map(|((.., name), _)| *name).collect();
        match &names[..] {
            [] => "not offered by this kernel".to_owned(),
            names => format!("offered by this kernel (TLS 1.3, {})", names.join(", ")),
        }
    }

    fn has(self, cipher: Cipher) -> bool {
        CIPHERS.iter().zip(self.ciphers).any(|((known, ..), is)| is && *known == cipher)
    }
}

/// Asks the kernel, once: with connections of this process to itself. As root it may load its module `tls` now.
pub fn offered() -> Offer {
    static OFFER: OnceLock<Offer> = OnceLock::new();
    *OFFER.get_or_init(|| Offer { ciphers: CIPHERS.map(|(_, code, _)| is_offered(code).unwrap_or(false)) })
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
    /// What was sent last is not whole: no end is told.
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
    /// It cannot be gone on.
    Failure,
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

    /// One read, again behind records that mean nothing.
    fn read(&self, fd: RawFd, mut receive: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.drained.set(false);
        loop {
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
                // A record that does not open.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EBADMSG | libc::EMSGSIZE)) => {
                    self.incoming.set(Incoming::Wrong);
                }
                result => return result,
            }
        }
    }

    /// Takes a record that is no payload off the socket.
    fn set_aside(&self, fd: RawFd) -> io::Result<()> {
        match aside(fd)? {
            Aside::End => self.incoming.set(Incoming::Nothing),
            Aside::Nothing => {}
            Aside::Failure => {
                self.incoming.set(Incoming::Wrong);
                if !self.abandoned.replace(true) {
                    let _ = send_record(fd, ALERT, INTERNAL_ERROR);
                }
            }
        }
        Ok(())
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

    pub(in crate::io) fn send(&self, fd: RawFd, slices: &[io::IoSlice<'_>], more: bool) -> io::Result<usize> {
        send_vectored(fd, slices, more)
    }

    pub(in crate::io) fn send_close(&self, fd: RawFd) {
        if !self.abandoned.get() {
            // A client that takes nothing needs no end.
            let _ = send_record(fd, ALERT, CLOSE_NOTIFY);
        }
    }

    pub(in crate::io) fn abandon(&self) {
        self.abandoned.set(true);
    }
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
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message).as_ref() };
    let kind = header
        .filter(|header| (header.cmsg_level, header.cmsg_type) == (libc::SOL_TLS, libc::TLS_GET_RECORD_TYPE))
        // SAFETY: a message of this type has one byte of payload.
        .map(|header| unsafe { *libc::CMSG_DATA(&raw const *header) });
    Ok(match (kind, &bytes[..count]) {
        (Some(ALERT), [_, 0]) | (None, []) => Aside::End,
        (Some(ALERT), [_, USER_CANCELED]) | (Some(APPLICATION_DATA), []) => Aside::Nothing,
        _ => Aside::Failure,
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
        assert_eq!(Offer::default().line(), "not offered by this kernel");
        let some = Offer { ciphers: [true, false, true] };
        assert_eq!(some.line(), "offered by this kernel (TLS 1.3, AES-128-GCM, ChaCha20-Poly1305)");
        assert!(some.has(Cipher::Aes128Gcm) && !some.has(Cipher::Aes256Gcm));
        // Whatever this kernel says, it says it twice.
        assert_eq!(offered(), offered());
    }
}
