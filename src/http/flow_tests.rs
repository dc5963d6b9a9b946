//! Order and completeness of what passes through memory, the temporary file and the pipe.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::config::{LoadOptions, load};
use crate::io::{Deadline, SockAddr, connect, runtime};

/// `proxy_*` of a configuration with a small memory.
fn proxy_conf(directives: &str) -> Arc<ProxyConf> {
    conf_with_files_in(&std::env::temp_dir(), directives)
}

fn conf_with_files_in(temp_path: &Path, directives: &str) -> Arc<ProxyConf> {
    let dir = std::env::temp_dir();
    let text = format!(
        "http {{ proxy_temp_path {}; proxy_buffers 2 4k; {directives} server {{ listen 127.0.0.1:1; }} }} events {{}}",
        temp_path.display()
    );
    let options = LoadOptions { text: Some(text), prefix: dir, ..LoadOptions::default() };
    let loaded = load(&options).map_err(|report| report.lines()).unwrap();
    Arc::clone(&loaded.conf.http.locations[0].proxy)
}

/// Our end of a connection, and the far end.
pub(in crate::http) async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let deadline = Deadline::new();
    deadline.arm(Duration::from_secs(10));
    let addr = SockAddr::Inet(listener.local_addr().unwrap());
    let near = connect::connect(&addr, &deadline).await.unwrap();
    (near, listener.accept().unwrap().0)
}

fn reader(mut far: TcpStream) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        far.read_to_end(&mut all).unwrap();
        all
    })
}

/// Flushes until nothing is left.
async fn drain(flow: &mut Flow<'_>, client: &Stream) -> u64 {
    let deadline = Deadline::new();
    let mut sent = 0;
    while flow.flush(client, &mut sent).unwrap() == Flushed::Blocked {
        deadline.arm(Duration::from_secs(10));
        client.writable(&deadline).await.unwrap();
    }
    assert!(flow.is_empty());
    sent
}

fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ seed).collect()
}

#[test]
fn what_memory_cannot_hold_goes_through_the_file_in_order() {
    let conf = proxy_conf("");
    runtime::run(None, || async move {
        let (client, far) = pair().await;
        let mut flow = Flow::new(b"head\r\n".to_vec(), false, &conf);
        let mut expected = b"head\r\n".to_vec();
        for seed in 0..200 {
            let piece = pattern(5000, seed);
            flow.push(&piece).unwrap();
            expected.extend_from_slice(&piece);
        }
        assert!(!flow.is_memory_only());
        assert!(flow.waiting() <= flow.memory() + 5000, "memory is bounded");
        let reader = reader(far);
        // More comes while the file is being sent: it must queue behind.
        let mut sent = 0;
        flow.flush(&client, &mut sent).unwrap();
        let piece = pattern(30_000, 77);
        flow.push(&piece).unwrap();
        expected.extend_from_slice(&piece);
        sent += drain(&mut flow, &client).await;
        // And again from the start, with a file of its own.
        for seed in 0..50 {
            let piece = pattern(4000, seed);
            flow.push(&piece).unwrap();
            expected.extend_from_slice(&piece);
        }
        sent += drain(&mut flow, &client).await;
        client.shutdown_write().unwrap();
        assert_eq!(sent, expected.len() as u64);
        assert!(reader.join().unwrap() == expected, "other bytes arrived");
    })
    .unwrap();
}

#[test]
fn chunks_stay_whole_on_the_way_through_the_file() {
    let conf = proxy_conf("");
    runtime::run(None, || async move {
        let (client, far) = pair().await;
        let mut flow = Flow::new(Vec::new(), true, &conf);
        let mut expected = Vec::new();
        for seed in 0..20 {
            let piece = pattern(3001, seed);
            flow.push(&piece).unwrap();
            encode::push_chunk(&mut expected, &piece);
        }
        flow.push(b"").unwrap();
        flow.end(b"X-T: v\r\n").unwrap();
        expected.extend_from_slice(b"0\r\nX-T: v\r\n\r\n");
        let reader = reader(far);
        drain(&mut flow, &client).await;
        client.shutdown_write().unwrap();
        assert!(reader.join().unwrap() == expected, "other bytes arrived");
    })
    .unwrap();
}

#[test]
fn a_full_pipe_is_emptied_into_the_file() {
    let conf = proxy_conf("");
    runtime::run(None, || async move {
        let (client, far) = pair().await;
        let (app, mut far_app) = pair().await;
        // More than the sockets and the pipe hold.
        let total = 30_000_000;
        let writer =
            thread::spawn(move || std::io::Write::write_all(&mut far_app, &pattern(total, 9)).unwrap());
        let mut flow = Flow::new(b"head".to_vec(), false, &conf);
        assert!(flow.can_splice());
        let deadline = Deadline::new();
        let (mut taken, mut sent) = (0, 0);
        // The client reads nothing; the app is taken from until it is done.
        while taken < total {
            flow.flush(&client, &mut sent).unwrap();
            match flow.splice_in(&app, total - taken, true).unwrap() {
                Transfer::Moved(count) => taken += count,
                Transfer::WouldBlock => {
                    deadline.arm(Duration::from_secs(10));
                    app.readable(&deadline).await.unwrap();
                    flow.app_ready = true;
                }
                Transfer::Eof => panic!("the app closed early"),
            }
        }
        writer.join().unwrap();
        assert!(flow.is_spooling());
        let reader = reader(far);
        sent += drain(&mut flow, &client).await;
        client.shutdown_write().unwrap();
        let mut expected = b"head".to_vec();
        expected.extend(pattern(total, 9));
        assert_eq!(sent, expected.len() as u64);
        assert!(reader.join().unwrap() == expected, "other bytes arrived");
    })
    .unwrap();
}

#[test]
fn without_a_file_there_is_no_room_beyond_memory() {
    let conf = proxy_conf("proxy_max_temp_file_size 0;");
    let mut flow = Flow::new(vec![0; 9000], false, &conf);
    assert!(!flow.has_room(true, Flushed::Blocked));
    assert!(flow.has_room(true, Flushed::All));
    assert!(!flow.has_room(false, Flushed::Blocked));
    flow.push(&[1; 5000]).unwrap();
    assert_eq!((flow.waiting(), flow.is_memory_only()), (14_000, true));
}

#[test]
fn the_file_keeps_to_its_size_and_nothing_is_lost() {
    let conf = proxy_conf("proxy_max_temp_file_size 10000;");
    runtime::run(None, || async move {
        for chunked in [false, true] {
            let (client, far) = pair().await;
            let mut flow = Flow::new(Vec::new(), chunked, &conf);
            let (mut expected, mut sent) = (Vec::new(), 0);
            let reader = reader(far);
            for round in 0..20 {
                // As long as there is room, and a client that takes nothing.
                let mut seed = round;
                while flow.has_room(true, Flushed::Blocked) {
                    let piece = pattern(3001, seed);
                    flow.push(&piece).unwrap();
                    if chunked {
                        encode::push_chunk(&mut expected, &piece);
                    } else {
                        expected.extend(piece);
                    }
                    seed += 1;
                }
                assert!(flow.spool.as_ref().unwrap().write <= 10_000);
                assert!(flow.waiting() <= flow.memory() + 3100, "memory is bounded");
                assert!(
                    flow.behind_spool.len() <= 3100,
                    "one read is the most that may wait behind the file"
                );
                sent += drain(&mut flow, &client).await;
            }
            client.shutdown_write().unwrap();
            assert_eq!(sent, expected.len() as u64);
            assert!(reader.join().unwrap() == expected, "other bytes arrived");
        }
    })
    .unwrap();
}

/// Splices from an app that sends `total` bytes to a client that reads nothing, until there is no room; then the
/// client reads. Gives what the flow's file held at most, and why it failed.
fn splice_to_a_late_reader(conf: Arc<ProxyConf>, prepare: fn(&mut Flow<'_>)) -> (u64, Option<SpoolError>) {
    let total = 30_000_000;
    let (tell, told) = std::sync::mpsc::channel();
    runtime::run(None, || async move {
        let (client, far) = pair().await;
        let (app, mut far_app) = pair().await;
        let writer =
            thread::spawn(move || std::io::Write::write_all(&mut far_app, &pattern(total, 5)).unwrap());
        let mut flow = Flow::new(b"head".to_vec(), false, &conf);
        prepare(&mut flow);
        assert!(flow.can_splice());
        let deadline = Deadline::new();
        let (mut taken, mut sent, mut most, mut late) = (0, 0, 0, Some(far));
        let mut reading = None;
        let mut error = None;
        while taken < total || !flow.is_empty() {
            deadline.arm(Duration::from_secs(10));
            let flushed = flow.flush(&client, &mut sent).unwrap();
            if taken == total || !flow.has_room(true, flushed) {
                if flushed == Flushed::Blocked {
                    if let Some(far) = late.take() {
                        reading = Some(reader(far));
                    }
                    client.writable(&deadline).await.unwrap();
                }
                continue;
            }
            match flow.splice_in(&app, total - taken, true).unwrap() {
                Transfer::Moved(count) => taken += count,
                Transfer::WouldBlock if flow.has_room(true, flushed) => {
                    app.readable(&deadline).await.unwrap();
                    flow.app_ready = true;
                }
                Transfer::WouldBlock => {}
                Transfer::Eof => panic!("the app closed early"),
            }
            most = most.max(flow.spool.as_ref().map_or(0, |spool| spool.write));
            error = error.or(flow.take_spool_error());
        }
        writer.join().unwrap();
        client.shutdown_write().unwrap();
        let mut expected = b"head".to_vec();
        expected.extend(pattern(total, 5));
        assert_eq!(sent, expected.len() as u64);
        assert!(reading.unwrap().join().unwrap() == expected, "other bytes arrived");
        tell.send((most, error)).unwrap();
    })
    .unwrap();
    told.recv().unwrap()
}

#[test]
fn a_full_pipe_is_no_room() {
    let (most, error) = splice_to_a_late_reader(proxy_conf("proxy_max_temp_file_size 0;"), |_| ());
    assert_eq!(most, 0);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn spliced_bytes_keep_the_file_to_its_size() {
    let (most, error) = splice_to_a_late_reader(proxy_conf("proxy_max_temp_file_size 1m;"), |_| ());
    assert_eq!(most, 1 << 20);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn a_directory_that_is_not_there_costs_no_byte() {
    let conf = conf_with_files_in(Path::new("/dev/null/no"), "");
    let (most, error) = splice_to_a_late_reader(Arc::clone(&conf), |_| ());
    assert_eq!(most, 0);
    let error = error.expect("the reason is kept");
    assert_eq!((error.call, error.error.kind()), ("open()", io::ErrorKind::NotADirectory));
    let mut flow = Flow::new(vec![0; 9000], false, &conf);
    flow.push(&[1; 5000]).unwrap();
    assert_eq!((flow.waiting(), flow.is_memory_only()), (14_000, true));
    assert!(!flow.has_room(true, Flushed::Blocked));
}

fn on_a_full_disk(flow: &mut Flow<'_>) {
    let file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    flow.spool = Some(Spool { file: file.into(), read: 0, write: 0 });
}

#[test]
fn a_full_disk_costs_no_byte() {
    let conf = proxy_conf("");
    let (most, error) = splice_to_a_late_reader(Arc::clone(&conf), on_a_full_disk);
    assert_eq!(most, 0);
    assert_eq!(error.expect("the reason is kept").call, "splice()");
    let mut flow = Flow::new(vec![0; 9000], false, &conf);
    on_a_full_disk(&mut flow);
    flow.push(&[1; 5000]).unwrap();
    assert_eq!((flow.waiting(), flow.is_memory_only()), (14_000, true));
    assert!(!flow.has_room(true, Flushed::Blocked));
    let error = flow.take_spool_error().expect("the reason is kept");
    assert_eq!((error.call, error.error.kind()), ("pwrite()", io::ErrorKind::StorageFull));
}

#[test]
fn copied_bytes_come_after_those_in_the_pipe() {
    let conf = proxy_conf("");
    runtime::run(None, || async move {
        let (client, far) = pair().await;
        let (app, mut far_app) = pair().await;
        let mut flow = Flow::new(b"head".to_vec(), false, &conf);
        std::io::Write::write_all(&mut far_app, b"piped").unwrap();
        assert!(flow.can_splice());
        let deadline = Deadline::new();
        deadline.arm(Duration::from_secs(10));
        app.readable(&deadline).await.unwrap();
        assert_eq!(flow.splice_in(&app, 100, true).unwrap(), Transfer::Moved(5));
        flow.push(b"copied").unwrap();
        drain(&mut flow, &client).await;
        client.shutdown_write().unwrap();
        assert_eq!(reader(far).join().unwrap(), b"headpipedcopied");
    })
    .unwrap();
}
