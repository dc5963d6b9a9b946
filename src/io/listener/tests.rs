//! Binding, accepting and connecting, on every rung.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::*;
use crate::io::connect::connect;
use crate::io::test_support::each_mode;
use crate::io::{Deadline, timer};

const LONG: Duration = Duration::from_secs(20);

fn loopback() -> SockAddr {
    SockAddr::Inet("127.0.0.1:0".parse().unwrap())
}

fn bind_one(addr: &SockAddr) -> Listener {
    let mut sockets = ListenSocket::bind(addr, &ListenOptions::default(), 1).unwrap();
    Listener::new(sockets.pop().unwrap()).unwrap()
}

fn inet(addr: &SockAddr) -> std::net::SocketAddr {
    match addr {
        SockAddr::Inet(addr) => *addr,
        SockAddr::Unix(_) => panic!("not an IP address"),
    }
}

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ringx-io-{}-{name}.sock", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn flags(fd: RawFd) -> (bool, bool) {
    // SAFETY: fcntl without a pointer on an open descriptor.
    let status = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    // SAFETY: as above.
    let own = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    (status & libc::O_NONBLOCK != 0, own & libc::FD_CLOEXEC != 0)
}

#[test]
fn a_burst_of_connections_is_accepted_whole() {
    each_mode(|| async {
        let listener = bind_one(&loopback());
        let addr = inet(listener.addr());
        // More than one batch.
        let clients: Vec<TcpStream> =
            (0..ACCEPT_BATCH * 3).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let expected: HashSet<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        let mut seen = HashSet::new();
        for _ in &clients {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!(flags(stream.fd()), (true, true));
            assert_eq!(stream.peer_addr().unwrap(), from);
            seen.insert(inet(&from));
        }
        assert_eq!(seen, expected);
        assert!(listener.try_accept().unwrap().is_none());
    });
}

#[test]
fn a_dropped_wait_loses_no_connection() {
    each_mode(|| async {
        let listener = bind_one(&loopback());
        for _ in 0..5 {
            let deadline = Deadline::new();
            deadline.arm(Duration::from_millis(1));
            // Poll the accept once, then give it up.
            let mut accept = std::pin::pin!(listener.accept());
            let given_up = poll_fn(|context| {
                assert!(accept.as_mut().poll(context).is_pending());
                deadline.poll_over(context)
            });
            given_up.await;
        }
        let client = TcpStream::connect(inet(listener.addr())).unwrap();
        timer::sleep(Duration::from_millis(5)).await;
        let (stream, from) = listener.accept().await.unwrap();
        assert_eq!(inet(&from), client.local_addr().unwrap());
        drop(stream);
    });
}

#[test]
fn every_worker_has_its_socket_and_strangers_are_refused() {
    let sockets = ListenSocket::bind(&loopback(), &ListenOptions::default(), 3).unwrap();
    let addr = sockets[0].addr().clone();
    assert_eq!(sockets.len(), 3);
    assert!(sockets.iter().all(|socket| *socket.addr() == addr && addr.port() != Some(0)));
    let error = ListenSocket::bind(&addr, &ListenOptions::default(), 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    sockets[0].apply(&ListenOptions { backlog: 7, ..ListenOptions::default() }).unwrap();
    drop(sockets);
    assert_eq!(ListenSocket::bind(&addr, &ListenOptions::default(), 2).unwrap().len(), 2);
}

#[test]
fn options_reach_the_socket_and_what_it_accepts() {
    each_mode(|| async {
        let options = ListenOptions {
            rcvbuf: Some(65536),
            sndbuf: Some(65536),
            fastopen: Some(16),
            keepalive: Some(Keepalive {
                on: true,
                idle: Some(Duration::from_secs(30)),
                interval: Some(Duration::from_secs(5)),
                count: Some(3),
            }),
            ..ListenOptions::default()
        };
        let addr = SockAddr::Inet("[::1]:0".parse().unwrap());
        let socket = ListenSocket::bind(&addr, &options, 1).unwrap().pop().unwrap();
        let listener = Listener::new(socket).unwrap();
        let _client = TcpStream::connect(inet(listener.addr())).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let tcp = |name| addr::option(stream.fd(), libc::IPPROTO_TCP, name).unwrap();
        assert_eq!(tcp(libc::TCP_NODELAY), 1);
        assert_eq!(tcp(libc::TCP_KEEPIDLE), 30);
        assert_eq!(tcp(libc::TCP_KEEPINTVL), 5);
        assert_eq!(tcp(libc::TCP_KEEPCNT), 3);
        assert_eq!(addr::option(stream.fd(), libc::SOL_SOCKET, libc::SO_KEEPALIVE).unwrap(), 1);
    });
}

#[test]
fn who_speaks_comes_before_who_is_silent() {
    each_mode(|| async {
        let listener = bind_one(&loopback());
        let silent = TcpStream::connect(inet(listener.addr())).unwrap();
        let mut speaks = TcpStream::connect(inet(listener.addr())).unwrap();
        speaks.write_all(b"x").unwrap();
        for client in [speaks, silent] {
            let (_stream, from) = listener.accept().await.unwrap();
            assert_eq!(inet(&from), client.local_addr().unwrap());
        }
    });
}

#[test]
fn a_unix_socket_is_shared_and_a_stale_file_is_replaced() {
    each_mode(|| async {
        let path = scratch("shared");
        let addr = SockAddr::Unix(path.clone());
        let sockets = ListenSocket::bind(&addr, &ListenOptions::default(), 2).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        let error = ListenSocket::bind(&addr, &ListenOptions::default(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "somebody listens there");
        let mut listeners: Vec<_> =
            sockets.into_iter().map(|socket| Listener::new(socket).unwrap()).collect();
        // The refused bind looked whether somebody listens, by connecting.
        let (probe, _) = listeners[0].accept().await.unwrap();
        drop(probe);
        let mut client = UnixStream::connect(&path).unwrap();
        let (stream, from) = listeners[1].accept().await.unwrap();
        assert_eq!(from, SockAddr::Unix(PathBuf::new()));
        assert!(listeners[0].try_accept().unwrap().is_none());
        stream.try_send(b"hi", false).unwrap();
        let mut buf = [0; 2];
        client.read_exact(&mut buf).unwrap();
        listeners.clear();
        timer::sleep(Duration::from_millis(1)).await;
        // Left behind, as by a killed process.
        assert!(path.exists());
        drop(ListenSocket::bind(&addr, &ListenOptions::default(), 1).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"no socket").unwrap();
        let error = ListenSocket::bind(&addr, &ListenOptions::default(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"no socket");
        fs::remove_file(&path).unwrap();
    });
}

#[test]
fn both_families_connect() {
    each_mode(|| async {
        let path = scratch("connect");
        for addr in [loopback(), SockAddr::Inet("[::1]:0".parse().unwrap()), SockAddr::Unix(path.clone())] {
            let listener = bind_one(&addr);
            let deadline = Deadline::new();
            deadline.arm(LONG);
            let out = connect(listener.addr(), &deadline).await.unwrap();
            let (back, _) = listener.accept().await.unwrap();
            assert_eq!(flags(out.fd()), (true, true));
            assert_eq!(out.peer_addr().unwrap(), *listener.addr());
            out.send_all(b"hello".to_vec(), &deadline).await.0.unwrap();
            let mut buf = Vec::with_capacity(16);
            back.readable(&deadline).await.unwrap();
            assert_eq!(back.recv_into(&mut buf, 16).unwrap(), 5);
        }
        fs::remove_file(&path).unwrap();
    });
}

#[test]
fn connections_that_cannot_be_are_errors() {
    each_mode(|| async {
        let deadline = Deadline::new();
        deadline.arm(LONG);
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            SockAddr::Inet(listener.local_addr().unwrap())
        };
        let error = connect(&closed, &deadline).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let missing = SockAddr::Unix(scratch("missing"));
        assert_eq!(connect(&missing, &deadline).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_connection_that_nobody_answers_times_out() {
    each_mode(|| async {
        // A queue that is full drops further SYNs.
        let options = ListenOptions { backlog: 0, ..ListenOptions::default() };
        let socket = ListenSocket::bind(&loopback(), &options, 1).unwrap().pop().unwrap();
        let mut held = Vec::new();
        let mut verdict = None;
        for _ in 0..8 {
            let deadline = Deadline::new();
            deadline.arm(Duration::from_millis(60));
            match connect(socket.addr(), &deadline).await {
                Ok(stream) => held.push(stream),
                Err(error) => {
                    verdict = Some(error.kind());
                    break;
                }
            }
        }
        assert_eq!(verdict, Some(io::ErrorKind::TimedOut));
    });
}

#[test]
fn a_full_unix_backlog_is_an_error_at_once() {
    each_mode(|| async {
        let path = scratch("full");
        let options = ListenOptions { backlog: 0, ..ListenOptions::default() };
        let addr = SockAddr::Unix(path.clone());
        let socket = ListenSocket::bind(&addr, &options, 1).unwrap();
        let deadline = Deadline::new();
        deadline.arm(LONG);
        let mut held = Vec::new();
        let error = loop {
            match connect(&addr, &deadline).await {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
            assert!(held.len() < 10);
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(socket);
        fs::remove_file(&path).unwrap();
    });
}

#[test]
fn a_connection_written_to_before_accept_keeps_its_bytes() {
    each_mode(|| async {
        let listener = bind_one(&loopback());
        let mut client = TcpStream::connect(inet(listener.addr())).unwrap();
        client.write_all(b"early").unwrap();
        drop(client);
        let (stream, _) = listener.accept().await.unwrap();
        let deadline = Deadline::new();
        deadline.arm(LONG);
        stream.readable(&deadline).await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(stream.try_recv(&mut buf).unwrap(), 5);
    });
}

#[test]
fn many_connections_are_served_at_once_and_every_answer_is_the_right_one() {
    const CLIENTS: u32 = 100;
    const ROUNDS: u32 = 30;

    async fn echo(stream: Stream) {
        let deadline = Deadline::new();
        let mut buf = Vec::with_capacity(64);
        loop {
            deadline.arm(LONG);
            stream.readable(&deadline).await.unwrap();
            match stream.recv_into(&mut buf, 64) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            }
            let result;
            (result, buf) = stream.send_all(buf, &deadline).await;
            result.unwrap();
            buf.clear();
        }
    }

    each_mode(|| async {
        let listener = bind_one(&loopback());
        let addr = inet(listener.addr());
        let (sender, mailbox) = crate::io::mailbox::mailbox::<bool>().unwrap();
        let clients = std::thread::spawn(move || {
            let mut streams: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(addr).unwrap()).collect();
            for round in 0..ROUNDS {
                // All at once: a deep turn. Every third round one by one: shallow ones.
                let alone = round % 3 == 0;
                let mut buf = [0; 8];
                let question = |client: usize| (client as u64 * 1000 + u64::from(round)).to_le_bytes();
                for (client, stream) in streams.iter_mut().enumerate() {
                    stream.write_all(&question(client)).unwrap();
                    if alone {
                        stream.read_exact(&mut buf).unwrap();
                        assert_eq!(buf, question(client));
                    }
                }
                for (client, stream) in streams.iter_mut().enumerate().filter(|_| !alone) {
                    stream.read_exact(&mut buf).unwrap();
                    assert_eq!(buf, question(client));
                }
            }
            sender.send(true).unwrap();
        });
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await.unwrap();
            crate::io::runtime::spawn(echo(stream));
        }
        assert_eq!(mailbox.open().unwrap().recv().await, Some(true));
        clients.join().unwrap();
    });
}
