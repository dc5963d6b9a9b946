//! Bodies moved by the kernel arrive whole, on every rung.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::io::test_support::{each_mode, pair};
use crate::io::{Deadline, timer};

fn armed() -> Deadline {
    let deadline = Deadline::new();
    deadline.arm(Duration::from_secs(20));
    deadline
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 11 % 241).unwrap()).collect()
}

fn reader(mut far: TcpStream) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut got = Vec::new();
        far.read_to_end(&mut got).unwrap();
        got
    })
}

async fn finished<T>(thread: JoinHandle<T>) -> T {
    while !thread.is_finished() {
        timer::sleep(Duration::from_millis(2)).await;
    }
    thread.join().unwrap()
}

#[test]
fn a_file_goes_out_whole_and_from_the_middle() {
    each_mode(|| async {
        let body = pattern(3 << 20);
        let file = file::create_temp(&std::env::temp_dir()).unwrap();
        file::write_all_at(file.as_fd(), &body, 0).unwrap();
        for start in [0, 1_000_001] {
            let (near, far) = pair();
            let reader = reader(far);
            let deadline = armed();
            let mut offset = start as u64;
            near.try_send(b"head", true).unwrap();
            loop {
                match sendfile(&near, file.as_fd(), &mut offset, 512 << 10).unwrap() {
                    Transfer::Moved(count) => assert!(count <= 512 << 10),
                    Transfer::WouldBlock => near.writable(&deadline).await.unwrap(),
                    Transfer::Eof => break,
                }
            }
            assert_eq!(offset, body.len() as u64);
            near.shutdown_write().unwrap();
            let got = finished(reader).await;
            assert!(got[..4] == *b"head" && got[4..] == body[start..]);
        }
    });
}

#[test]
fn a_body_crosses_from_socket_to_socket() {
    each_mode(|| async {
        let body = pattern(5 << 20);
        let ((from, mut source), (to, sink)) = (pair(), pair());
        let reader = reader(sink);
        let expected = body.clone();
        let writer = thread::spawn(move || {
            source.write_all(&body).unwrap();
            source.shutdown(Shutdown::Write).unwrap();
            source
        });
        let deadline = armed();
        let mut pipe = Pipe::acquire().unwrap();
        loop {
            let arrived = pipe.try_splice_in(&from, 1 << 20).unwrap();
            if arrived == Transfer::Eof && pipe.held() == 0 {
                break;
            }
            if arrived == Transfer::WouldBlock && pipe.held() == 0 {
                from.readable(&deadline).await.unwrap();
                continue;
            }
            match pipe.try_splice_out(&to, usize::MAX, false).unwrap() {
                Transfer::WouldBlock => to.writable(&deadline).await.unwrap(),
                Transfer::Moved(_) | Transfer::Eof => {}
            }
        }
        to.shutdown_write().unwrap();
        assert!(finished(reader).await == expected);
        drop(finished(writer).await);
    });
}

#[test]
fn a_body_is_spilled_into_a_file() {
    each_mode(|| async {
        let body = pattern(700_000);
        let (from, mut source) = pair();
        let expected = body.clone();
        let writer = thread::spawn(move || source.write_all(&body));
        let deadline = armed();
        let file = file::create_temp(&std::env::temp_dir()).unwrap();
        let mut pipe = Pipe::acquire().unwrap();
        let mut offset = 0;
        loop {
            match pipe.try_splice_in(&from, 1 << 20).unwrap() {
                Transfer::Eof => break,
                Transfer::WouldBlock => from.readable(&deadline).await.unwrap(),
                Transfer::Moved(_) => {
                    while pipe.splice_to_file(file.as_fd(), &mut offset, usize::MAX).unwrap() != Transfer::Eof
                    {
                    }
                }
            }
        }
        assert_eq!(offset, expected.len() as u64);
        let mut got = vec![0; expected.len()];
        file::read_exact_at(file.as_fd(), &mut got, 0).unwrap();
        assert!(got == expected);
        finished(writer).await.unwrap();
    });
}

#[test]
fn only_empty_pipes_are_used_again() {
    each_mode(|| async {
        let (from, mut source) = pair();
        source.write_all(b"secret").unwrap();
        let deadline = armed();
        from.readable(&deadline).await.unwrap();
        let mut pipe = Pipe::acquire().unwrap();
        assert_eq!(pipe.try_splice_in(&from, 100).unwrap(), Transfer::Moved(6));
        assert_eq!(pipe.held(), 6);
        let mut part = [0; 2];
        assert_eq!(pipe.read_out(&mut part).unwrap(), 2);
        assert_eq!((&part, pipe.held()), (b"se", 4));
        let held_end = pipe.read_fd();
        drop(pipe);
        let fresh = Pipe::acquire().unwrap();
        let number = fresh.read_fd();
        let mut byte = [0; 1];
        // SAFETY: `byte` has room for one byte.
        let count = unsafe { libc::read(number, byte.as_mut_ptr().cast(), 1) };
        assert!(count < 0, "pipe {held_end} came back with bytes in it");
        drop(fresh);
        let again = Pipe::acquire().unwrap();
        assert_eq!(again.read_fd(), number);
    });
}

#[test]
fn a_thread_has_a_bounded_number_of_pipes() {
    let outcome = thread::spawn(|| {
        let pipes: Vec<Pipe> = std::iter::from_fn(Pipe::acquire).take(PIPES_IN_USE + 1).collect();
        let many = pipes.len();
        drop(pipes);
        (many, POOL.with(|pool| (pool.idle.borrow().len(), pool.in_use.get())))
    });
    let (many, (idle, in_use)) = outcome.join().unwrap();
    // A low limit for open files may end it earlier.
    assert!(many > 0 && many <= PIPES_IN_USE);
    assert!(idle <= IDLE_PIPES);
    assert_eq!(in_use, 0);
}
