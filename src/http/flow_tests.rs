//! Order and completeness of what passes through memory, the temporary file and the pipe.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::config::{LoadOptions, load};
use crate::io::{Deadline, SockAddr, connect, runtime};

/// `proxy_*` of a configuration with a small memory.
fn proxy_conf(directives: &str) -> Arc<ProxyConf> {
    let dir = std::env::temp_dir();
    let text = format!(
        "http {{ proxy_temp_path {}; proxy_buffers 2 4k; {directives} server {{ listen 127.0.0.1:1; }} }} events {{}}",
        dir.display()
    );
    let options = LoadOptions { text: Some(text), prefix: dir, ..LoadOptions::default() };
    let loaded = load(&options).map_err(|report| report.lines()).unwrap();
    Arc::clone(&loaded.conf.http.locations[0].proxy)
}

/// Our end of a connection, and the far end.
async fn pair() -> (Stream, TcpStream) {
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
