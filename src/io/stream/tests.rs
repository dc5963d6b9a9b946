//! Streams against plain blocking sockets, on every rung.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::*;
use crate::io::test_support::{allocations, each_mode, pair};
use crate::io::{RingMode, timer};

/// Never reached when the code is right, and soon enough when it is not.
const LONG: Duration = Duration::from_secs(20);

fn armed(time: Duration) -> Deadline {
    let deadline = Deadline::new();
    deadline.arm(time);
    deadline
}

/// Bytes that show a misplaced part.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

async fn recv_exact(stream: &Stream, len: usize, deadline: &Deadline) -> Vec<u8> {
    let mut got = Vec::with_capacity(len);
    while got.len() < len {
        match stream.recv_into(&mut got, len) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.readable(deadline).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    got
}

#[test]
fn bytes_that_come_later_are_received_once_readable() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let deadline = armed(LONG);
        let mut buf = [0; 16];
        assert_eq!(near.try_recv(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let sender = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            far.write_all(b"hello").unwrap();
            far
        });
        near.readable(&deadline).await.unwrap();
        assert_eq!(near.try_recv(&mut buf).unwrap(), 5);
        assert_eq!(&buf[..5], b"hello");
        drop(sender.join().unwrap());
        near.readable(&deadline).await.unwrap();
        assert_eq!(near.try_recv(&mut buf).unwrap(), 0);
    });
}

#[test]
fn a_deadline_ends_a_wait_and_the_bytes_after_it_are_not_lost() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let deadline = armed(Duration::from_millis(30));
        let error = near.readable(&deadline).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.raw_os_error(), None);
        far.write_all(b"late").unwrap();
        deadline.arm(LONG);
        assert_eq!(recv_exact(&near, 4, &deadline).await, b"late");
        // The poll that the first wait left behind may be taken up once; then the wait is a real one.
        deadline.arm(Duration::from_millis(30));
        let mut waits = 0;
        while near.readable(&deadline).await.is_ok() {
            waits += 1;
            assert!(waits <= 1);
        }
    });
}

#[test]
fn a_ready_stream_is_not_late() {
    each_mode(|| async {
        let (near, mut far) = pair();
        far.write_all(b"x").unwrap();
        let deadline = armed(Duration::ZERO);
        // The first poll of a ring cannot know yet; once it does, readiness wins over the deadline.
        while near.readable(&deadline).await.is_err() {
            timer::sleep(Duration::from_millis(1)).await;
        }
        let mut buf = [0; 4];
        assert_eq!(near.try_recv(&mut buf).unwrap(), 1);
    });
}

#[test]
fn an_idle_wait_is_interrupted() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let deadline = armed(LONG);
        deadline.set_idle(true);
        runtime::spawn(async {
            timer::sleep(Duration::from_millis(5)).await;
            timer::interrupt_idle();
        });
        assert_eq!(near.readable(&deadline).await.unwrap_err().kind(), io::ErrorKind::Interrupted);
        deadline.set_idle(false);
        far.write_all(b"still here").unwrap();
        assert_eq!(recv_exact(&near, 10, &deadline).await, b"still here");
    });
}

#[test]
fn a_slow_reader_gets_every_byte() {
    each_mode(|| async {
        let body = pattern(8 << 20);
        let (near, mut far) = pair();
        let expected = body.clone();
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            let mut buf = vec![0; 100_000];
            loop {
                let count = far.read(&mut buf).unwrap();
                if count == 0 {
                    break got == expected;
                }
                got.extend_from_slice(&buf[..count]);
                thread::sleep(Duration::from_micros(200));
            }
        });
        let deadline = armed(LONG);
        let half = body.len() / 2;
        let (result, buf) = near.send_all(body[..half].to_vec(), &deadline).await;
        result.unwrap();
        assert_eq!(buf.len(), half);
        // Many slices, some empty, more than one call takes.
        let rest = &body[half..];
        let slices: Vec<&[u8]> = rest.chunks(40_000).flat_map(|chunk| [chunk, &[][..]]).collect();
        near.send_slices(&slices, false, &deadline).await.unwrap();
        near.shutdown_write().unwrap();
        while !reader.is_finished() {
            timer::sleep(Duration::from_millis(5)).await;
        }
        assert!(reader.join().unwrap());
    });
}

#[test]
fn the_ring_sends_what_send_sends() {
    each_mode(|| async {
        let body = pattern(3 << 20);
        let (near, mut far) = pair();
        let expected = body.clone();
        let reader = thread::spawn(move || {
            let mut got = vec![0; expected.len()];
            far.read_exact(&mut got).unwrap();
            got == expected
        });
        let deadline = armed(LONG);
        let (result, body) = near.socket.ring_send(body).await;
        // Without a ring nothing can ride in it, and nothing was sent.
        let sent = if runtime::mode() == RingMode::Epoll {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Unsupported);
            0
        } else {
            result.unwrap()
        };
        assert!(sent <= body.len() && (sent > 0) == (runtime::mode() != RingMode::Epoll));
        near.send_slice(&body[sent..], &deadline).await.unwrap();
        while !reader.is_finished() {
            timer::sleep(Duration::from_millis(5)).await;
        }
        assert!(reader.join().unwrap());
    });
}

#[test]
fn a_full_socket_is_waited_for_until_the_deadline() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let chunk = pattern(1 << 20);
        let mut total = 0;
        while let Ok(count) = near.try_send(&chunk, false) {
            total += count;
        }
        let deadline = armed(Duration::from_millis(30));
        assert_eq!(near.writable(&deadline).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Shallow turns and deep ones.
        for depth in [0, 100] {
            (0..depth).for_each(|_| runtime::completed());
            deadline.arm(Duration::from_millis(30));
            let (result, _) = near.send_all(chunk.clone(), &deadline).await;
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        deadline.arm(LONG);
        let reader = thread::spawn(move || far.read_exact(&mut vec![0; total]).map(|()| far));
        near.writable(&deadline).await.unwrap();
        while !reader.is_finished() {
            timer::sleep(Duration::from_millis(5)).await;
        }
        reader.join().unwrap().unwrap();
    });
}

#[test]
fn a_peer_that_went_away_is_an_error_and_no_signal() {
    each_mode(|| async {
        let (near, far) = pair();
        drop(far);
        let deadline = armed(LONG);
        let mut last = Ok(());
        for _ in 0..1000 {
            last = near.send_all(pattern(1000), &deadline).await.0;
            if last.is_err() {
                break;
            }
            timer::sleep(Duration::from_millis(1)).await;
        }
        let kind = last.unwrap_err().kind();
        assert!(matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{kind:?}");
    });
}

#[test]
fn liveness_is_seen_without_reading() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let deadline = armed(LONG);
        assert_eq!(near.peek_closed(), Liveness::Alive);
        far.write_all(b"x").unwrap();
        near.readable(&deadline).await.unwrap();
        assert_eq!(near.peek_closed(), Liveness::HasData);
        assert_eq!(recv_exact(&near, 1, &deadline).await, b"x");
        far.shutdown(Shutdown::Write).unwrap();
        near.readable(&deadline).await.unwrap();
        assert_eq!(near.peek_closed(), Liveness::Closed);
    });
}

#[test]
fn either_of_two_wakes_and_the_other_loses_nothing() {
    each_mode(|| async {
        let ((a, mut far_a), (b, mut far_b)) = (pair(), pair());
        let deadline = armed(LONG);
        for round in 0..10_u8 {
            let (far, near, side) =
                if round % 2 == 0 { (&mut far_a, &a, Side::A) } else { (&mut far_b, &b, Side::B) };
            far.write_all(&[round]).unwrap();
            let mut buf = [0; 8];
            // Readiness may be stale: the bytes decide.
            loop {
                let ready = either_readable(&a, &b, &deadline).await.unwrap();
                let ready = if ready == Side::A { &a } else { &b };
                if let Ok(count) = ready.try_recv(&mut buf) {
                    assert_eq!((count, buf[0]), (1, round));
                    assert_eq!(ready.fd(), near.fd(), "{side:?}");
                    break;
                }
            }
        }
        deadline.arm(Duration::from_millis(40));
        let mut stale = 0;
        while either_readable(&a, &b, &deadline).await.is_ok() {
            stale += 1;
            assert!(stale < 3);
        }
        assert!(deadline.expired());
        deadline.arm(LONG);
        assert_eq!(writable_or_readable(&a, &b, &deadline).await.unwrap(), Side::A);
    });
}

#[test]
fn unix_sockets_are_streams_too() {
    each_mode(|| async {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let near = Stream::from_fd(near.into()).unwrap();
        let deadline = armed(LONG);
        near.set_linger_reset();
        near.send_all(b"ping".to_vec(), &deadline).await.0.unwrap();
        let mut buf = [0; 4];
        far.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"ping");
        if runtime::mode() != RingMode::Epoll {
            let (result, _) = near.socket.ring_send(b"ring".to_vec()).await;
            assert_eq!(result.unwrap(), 4);
        } else {
            near.send_slice(b"ring", &deadline).await.unwrap();
        }
        far.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"ring");
        far.write_all(b"pong").unwrap();
        assert_eq!(recv_exact(&near, 4, &deadline).await, b"pong");
        assert_eq!(near.local_addr().unwrap(), SockAddr::Unix("".into()));
    });
}

#[test]
fn addresses_are_those_of_the_two_ends() {
    each_mode(|| async {
        let (near, far) = pair();
        assert_eq!(near.peer_addr().unwrap(), SockAddr::Inet(far.local_addr().unwrap()));
        assert_eq!(near.local_addr().unwrap(), SockAddr::Inet(far.peer_addr().unwrap()));
    });
}

#[test]
fn a_reset_is_a_reset() {
    each_mode(|| async {
        let (near, mut far) = pair();
        near.set_linger_reset();
        drop(near);
        // The descriptor is closed by the loop's next turn.
        timer::sleep(Duration::from_millis(1)).await;
        let error = far.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn closing_with_a_wait_in_flight_sends_the_end() {
    each_mode(|| async {
        let (near, mut far) = pair();
        let deadline = armed(Duration::from_millis(10));
        near.readable(&deadline).await.unwrap_err();
        drop(near);
        let reader = thread::spawn(move || far.read(&mut [0; 1]));
        while !reader.is_finished() {
            timer::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    });
}

#[test]
fn the_steady_state_allocates_nothing() {
    each_mode(|| async {
        let ((near, mut far), (other, _far_other)) = (pair(), pair());
        let deadline = armed(LONG);
        let mut buf = Vec::with_capacity(4096);
        let mut reply = pattern(1000);
        let mut before = 0;
        let mut echo = vec![0; 1000];
        for round in 0..200 {
            // The first rounds create what a connection keeps.
            if round == 20 {
                before = allocations();
            }
            deadline.arm(LONG);
            far.write_all(b"request").unwrap();
            buf.clear();
            while buf.len() < 7 {
                if either_readable(&other, &near, &deadline).await.unwrap() == Side::B {
                    let _ = near.recv_into(&mut buf, 4096);
                }
            }
            assert_eq!(buf, b"request");
            // Both ways of sending.
            for depth in [0, 100] {
                (0..depth).for_each(|_| runtime::completed());
                let result;
                (result, reply) = near.send_all(reply, &deadline).await;
                result.unwrap();
                far.read_exact(&mut echo).unwrap();
            }
        }
        assert_eq!(allocations() - before, 0, "{:?}", runtime::mode());
    });
}
