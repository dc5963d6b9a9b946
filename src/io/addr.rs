//! Socket addresses as the kernel and nginx name them: an IP address with a port, or a path. The only place
//! that reads or writes a `sockaddr`. Called by the socket files of this room; the type is used everywhere.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::check;

/// Where a socket listens, or what it is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SockAddr {
    /// IPv4 or IPv6 address and port.
    Inet(SocketAddr),
    /// Path of a unix socket; empty for the unnamed client end of a connection.
    Unix(PathBuf),
}

impl SockAddr {
    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(addr) => Some(addr.ip()),
            Self::Unix(_) => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(addr) => Some(addr.port()),
            Self::Unix(_) => None,
        }
    }

    /// Whether this is a path.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

/// As nginx writes it: `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`, `unix:` for an unnamed end.
impl fmt::Display for SockAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The address that a connection is to come from (nginx `proxy_bind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddr {
    /// Address and port; port 0 is any.
    pub addr: SocketAddr,
    /// The address may be another machine's (`transparent`).
    pub transparent: bool,
}

/// As nginx writes it.
impl fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addr.port() == 0 { self.addr.ip().fmt(f) } else { self.addr.fmt(f) }
    }
}

impl From<SocketAddr> for SockAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

/// An address in 16 bytes, for where there are thousands: IPv4 within, any other in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompactAddr {
    /// IPv4 address and port.
    V4(SocketAddrV4),
    /// Anything else.
    Other(Box<SockAddr>),
}

impl From<&SockAddr> for CompactAddr {
    fn from(addr: &SockAddr) -> Self {
        match addr {
            SockAddr::Inet(SocketAddr::V4(v4)) => Self::V4(*v4),
            SockAddr::Inet(SocketAddr::V6(_)) | SockAddr::Unix(_) => Self::Other(Box::new(addr.clone())),
        }
    }
}

impl From<CompactAddr> for SockAddr {
    fn from(addr: CompactAddr) -> Self {
        match addr {
            CompactAddr::V4(v4) => Self::Inet(SocketAddr::V4(v4)),
            CompactAddr::Other(addr) => *addr,
        }
    }
}

/// A `sockaddr` of any family with its length: what the system calls take and fill.
pub(super) struct RawAddr {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl RawAddr {
    /// Room for an address the kernel will write.
    pub(super) fn empty() -> Self {
        // SAFETY: sockaddr_storage is plain integers, for which all zeroes is a valid value (AF_UNSPEC).
        let storage = unsafe { mem::zeroed::<libc::sockaddr_storage>() };
        Self { storage, len: socklen::<libc::sockaddr_storage>() }
    }

    /// The kernel's form of `addr`. A path of 108 bytes or more, or one with a zero byte, is `InvalidInput`.
    pub(super) fn new(addr: &SockAddr) -> io::Result<Self> {
        match addr {
            SockAddr::Inet(SocketAddr::V4(v4)) => {
                let mut raw = Self::empty();
                let sin = libc::sockaddr_in {
                    sin_family: family(libc::AF_INET),
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                raw.store(sin);
                Ok(raw)
            }
            SockAddr::Inet(SocketAddr::V6(v6)) => {
                let mut raw = Self::empty();
                let sin6 = libc::sockaddr_in6 {
                    sin6_family: family(libc::AF_INET6),
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                raw.store(sin6);
                Ok(raw)
            }
            SockAddr::Unix(path) => Self::unix(path.as_os_str().as_bytes()),
        }
    }

    fn unix(path: &[u8]) -> io::Result<Self> {
        let mut sun = libc::sockaddr_un { sun_family: family(libc::AF_UNIX), sun_path: [0; 108] };
        // The terminating zero counts: sockaddr_un(7).
        if path.is_empty() || path.len() >= sun.sun_path.len() || path.contains(&0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a unix socket path has 1 to 107 bytes and no zero byte",
            ));
        }
        for (slot, byte) in sun.sun_path.iter_mut().zip(path) {
            *slot = byte.cast_signed();
        }
        let mut raw = Self::empty();
        raw.store(sun);
        Ok(raw)
    }

    /// Overwrites the start of the storage with a concrete address.
    fn store<T: Copy>(&mut self, concrete: T) {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        let target = (&raw mut self.storage).cast::<T>();
        // SAFETY: sockaddr_storage is at least as large and as aligned as every sockaddr_* (POSIX), the size is
        // checked above, and `target` points into `self`, which is borrowed mutably.
        unsafe { target.write(concrete) };
        self.len = socklen::<T>();
    }

    /// Reads the start of the storage as a concrete address.
    fn load<T: Copy>(&self) -> T {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        let source = (&raw const self.storage).cast::<T>();
        // SAFETY: the storage is initialised over its whole size, suitably aligned, and T is a sockaddr_*
        // of plain integers that is not larger (checked above).
        unsafe { source.read() }
    }

    /// What the kernel wrote, as an address. A family other than inet, inet6 or unix is `Unsupported`.
    pub(super) fn to_addr(&self) -> io::Result<SockAddr> {
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                let sin: libc::sockaddr_in = self.load();
                let ip = Ipv4Addr::from(sin.sin_addr.s_addr.to_ne_bytes());
                Ok(SockAddr::Inet(SocketAddr::from((ip, u16::from_be(sin.sin_port)))))
            }
            libc::AF_INET6 => {
                let sin6: libc::sockaddr_in6 = self.load();
                let ip = Ipv6Addr::from(sin6.sin6_addr.s6_addr);
                let port = u16::from_be(sin6.sin6_port);
                let addr = SocketAddrV6::new(ip, port, sin6.sin6_flowinfo, sin6.sin6_scope_id);
                Ok(SockAddr::Inet(SocketAddr::V6(addr)))
            }
            libc::AF_UNIX => {
                let sun: libc::sockaddr_un = self.load();
                let written = (self.len as usize).saturating_sub(size_of::<libc::sa_family_t>());
                let bytes: Vec<u8> = sun
                    .sun_path
                    .iter()
                    .take(written)
                    .map(|byte| byte.cast_unsigned())
                    .take_while(|&byte| byte != 0)
                    .collect();
                Ok(SockAddr::Unix(PathBuf::from(OsStr::from_bytes(&bytes))))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The address family, for socket(2).
    pub(super) fn family(&self) -> libc::c_int {
        libc::c_int::from(self.storage.ss_family)
    }

    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub(super) fn len(&self) -> libc::socklen_t {
        self.len
    }

    pub(super) fn len_mut(&mut self) -> *mut libc::socklen_t {
        &raw mut self.len
    }
}

/// getsockname(2).
pub(super) fn local_addr(fd: RawFd) -> io::Result<SockAddr> {
    let mut raw = RawAddr::empty();
    let (addr, len) = (raw.as_mut_ptr(), raw.len_mut());
    // SAFETY: both pointers are into `raw`, which outlives the call; `len` holds the size of the storage.
    check(unsafe { libc::getsockname(fd, addr, len) })?;
    raw.to_addr()
}

/// getpeername(2).
pub(super) fn peer_addr(fd: RawFd) -> io::Result<SockAddr> {
    let mut raw = RawAddr::empty();
    let (addr, len) = (raw.as_mut_ptr(), raw.len_mut());
    // SAFETY: both pointers are into `raw`, which outlives the call; `len` holds the size of the storage.
    check(unsafe { libc::getpeername(fd, addr, len) })?;
    raw.to_addr()
}

/// Sets an integer socket option.
pub(super) fn set_option(
    fd: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let pointer = (&raw const value).cast::<libc::c_void>();
    // SAFETY: `pointer` is to an int on this stack frame and the length is that of an int.
    check(unsafe { libc::setsockopt(fd, level, name, pointer, socklen::<libc::c_int>()) })?;
    Ok(())
}

/// Reads an integer socket option.
pub(super) fn option(fd: RawFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = socklen::<libc::c_int>();
    let pointer = (&raw mut value).cast::<libc::c_void>();
    // SAFETY: `pointer` is to an int on this stack frame and `len` says that it has the size of an int.
    check(unsafe { libc::getsockopt(fd, level, name, pointer, &raw mut len) })?;
    Ok(value)
}

#[expect(clippy::cast_possible_truncation, reason = "the size of a sockaddr or an int")]
const fn socklen<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "AF_* constants are below 50")]
const fn family(af: libc::c_int) -> libc::sa_family_t {
    af as libc::sa_family_t
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(addr: &SockAddr) -> SockAddr {
        RawAddr::new(addr).unwrap().to_addr().unwrap()
    }

    #[test]
    fn addresses_survive_the_kernel_form() {
        for text in ["127.0.0.1:80", "255.1.2.3:65535", "[::1]:8080", "[2001:db8::7]:443"] {
            let addr = SockAddr::Inet(text.parse().unwrap());
            assert_eq!(round_trip(&addr), addr);
            assert_eq!(SockAddr::from(CompactAddr::from(&addr)), addr);
            assert_eq!(addr.to_string(), text);
        }
        assert_eq!(size_of::<CompactAddr>(), 16);
        let path = SockAddr::Unix("/run/app.sock".into());
        assert_eq!(SockAddr::from(CompactAddr::from(&path)), path);
        assert_eq!(round_trip(&path), path);
        assert_eq!(path.to_string(), "unix:/run/app.sock");
    }

    #[test]
    fn paths_the_kernel_cannot_take_are_refused() {
        for path in [String::new(), "x".repeat(108), "a\0b".to_owned()] {
            let error = RawAddr::new(&SockAddr::Unix(path.into())).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        assert!(RawAddr::new(&SockAddr::Unix("x".repeat(107).into())).is_ok());
    }
}
