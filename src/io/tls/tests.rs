//! Streams that speak TLS against a blocking client, on every rung.

use crate::io::{Transfer, file};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::io::splice;
use crate::io::test_support::{each_mode, pair};

/// Never reached when the code is right, and soon enough when it is not.
const LONG: Duration = Duration::from_secs(20);

type Far = StreamOwned<ClientConnection, TcpStream>;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn server(kernel: bool) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(file("a.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("a.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.enable_secret_extraction = kernel;
    Arc::new(config)
}

/// A client that has shaken hands, in a thread of its own.
fn client<T: Send + 'static>(
    socket: TcpStream,
    act: impl FnOnce(Far) -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || {
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.set_write_timeout(Some(LONG)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("authority.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("a.example").unwrap();
        let mut far = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
        far.flush().unwrap();
        act(far)
    })
}

/// On every rung with the records made in this process, and by the kernel where it offers that.
fn each_kind<F: Future<Output = ()> + 'static>(body: impl Fn(bool) -> F + Clone + Send + 'static) {
    let plain = body.clone();
    each_mode(move || plain(false));
    if kernel::offered().is_any() {
        each_mode(move || body(true));
    }
}

async fn accept<T: Send + 'static>(
    kernel: bool,
    act: impl FnOnce(Far) -> T + Send + 'static,
) -> (Stream, Deadline, JoinHandle<T>) {
    let (near, far) = pair();
    let far = client(far, act);
    let deadline = Deadline::new();
    deadline.arm(LONG);
    near.accept_tls(&deadline, |_| Choice::With(server(kernel))).await.unwrap();
    assert_eq!(matches!(near.layer(), Some(Layer::Kernel(_))), kernel);
    (near, deadline, far)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251 + at / 4096) as u8).collect()
}

/// The next bytes, up to `max`; empty at the end.
async fn recv(near: &Stream, max: usize, deadline: &Deadline) -> io::Result<Vec<u8>> {
    let mut got = Vec::with_capacity(max);
    loop {
        match near.recv_into(&mut got, max) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => near.readable(deadline).await?,
            result => return result.map(|_| got),
        }
    }
}

#[test]
fn bytes_arrive_in_order_whatever_the_sizes() {
    each_kind(|kernel| async move {
        let (near, deadline, far) = accept(kernel, |mut far| {
            let mut got = vec![0; 700_000];
            far.read_exact(&mut got).unwrap();
            far.write_all(&got).unwrap();
            got
        })
        .await;
        let all = pattern(700_000);
        let (result, back) = near.send_all(all[..1].to_vec(), &deadline).await;
        assert_eq!((result.is_ok(), back), (true, all[..1].to_vec()), "the buffer comes back as it was");
        near.send_slice(&all[1..70_000], &deadline).await.unwrap();
        near.send_slices(&[&all[70_000..70_001], b"", &all[70_001..300_000]], false, &deadline)
            .await
            .unwrap();
        // A head that waits for the file behind it.
        assert_eq!(near.try_send(&all[300_000..300_100], true).unwrap(), 100);
        let dir = std::env::temp_dir();
        let body = file::create_temp(&dir).unwrap();
        file::write_all(std::os::fd::AsFd::as_fd(&body), &all).unwrap();
        let mut offset = 300_100;
        while offset < all.len() as u64 {
            let rest = all.len() - offset as usize;
            match splice::sendfile(&near, std::os::fd::AsFd::as_fd(&body), &mut offset, rest).unwrap() {
                Transfer::Moved(_) => {}
                Transfer::WouldBlock => near.writable(&deadline).await.unwrap(),
                Transfer::Eof => panic!("the file is longer"),
            }
        }
        while !near.flush().unwrap() {
            near.writable(&deadline).await.unwrap();
        }
        let mut back = Vec::new();
        for max in [1, 10, 5000, BULK, 65_536, 3].iter().cycle() {
            if back.len() == all.len() {
                break;
            }
            let got = recv(&near, *max, &deadline).await.unwrap();
            assert!((1..=*max).contains(&got.len()), "{} of {max}", got.len());
            back.extend(got);
        }
        assert!(back == all && far.join().unwrap() == all);
    });
}

#[test]
fn what_the_socket_does_not_take_is_bounded() {
    each_mode(|| async {
        let (go, gone) = std::sync::mpsc::channel::<usize>();
        let (near, deadline, far) = accept(false, move |mut far| {
            let mut got = vec![0; gone.recv().unwrap()];
            far.read_exact(&mut got).unwrap();
            got
        })
        .await;
        let all = pattern(64 << 20);
        let mut taken = 0;
        loop {
            match near.try_send(&all[taken..], false) {
                Ok(count) => {
                    assert!(count <= WINDOW);
                    taken += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(taken < all.len() && !near.flush().unwrap(), "the kernel took all of it");
        let Some(Layer::Tls(session)) = near.layer() else { panic!("no TLS") };
        let waiting = session.inner.borrow().connection.wants_write();
        assert!(waiting, "what was taken is not lost");
        go.send(taken).unwrap();
        while !near.flush().unwrap() {
            near.writable(&deadline).await.unwrap();
        }
        assert!(far.join().unwrap() == all[..taken]);
    });
}

#[test]
fn a_wrong_record_behind_good_bytes_is_an_error_and_no_end() {
    each_kind(|kernel| async move {
        for max in [100, BULK] {
            let (near, deadline, far) = accept(kernel, |mut far| {
                far.read_exact(&mut [0]).unwrap();
                far.conn.writer().write_all(b"good").unwrap();
                let mut bytes = Vec::new();
                while far.conn.wants_write() {
                    far.conn.write_tls(&mut bytes).unwrap();
                }
                bytes.extend_from_slice(&[
                    0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                ]);
                bytes.extend_from_slice(&[16, 17, 18, 19, 20]);
                far.sock.write_all(&bytes).unwrap();
                far
            })
            .await;
            // Not before this end has finished its handshake.
            near.send_slice(b"!", &deadline).await.unwrap();
            assert_eq!(recv(&near, max, &deadline).await.unwrap(), b"good");
            let error = recv(&near, max, &deadline).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert_eq!(recv(&near, max, &deadline).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(near.peek_closed(), Liveness::Closed);
            drop(far.join().unwrap());
        }
    });
}

#[test]
fn nothing_counts_behind_the_told_end() {
    each_kind(|kernel| async move {
        for max in [100, BULK] {
            let (near, deadline, far) = accept(kernel, |mut far| {
                far.conn.writer().write_all(b"good").unwrap();
                far.conn.send_close_notify();
                let mut bytes = Vec::new();
                while far.conn.wants_write() {
                    far.conn.write_tls(&mut bytes).unwrap();
                }
                bytes.extend_from_slice(b"more");
                far.sock.write_all(&bytes).unwrap();
                let mut answer = Vec::new();
                far.read_to_end(&mut answer).unwrap();
                answer
            })
            .await;
            assert_eq!(recv(&near, max, &deadline).await.unwrap(), b"good");
            assert_eq!(recv(&near, max, &deadline).await.unwrap(), b"");
            assert_eq!(near.peek_closed(), Liveness::Closed);
            near.send_slice(b"still answered", &deadline).await.unwrap();
            near.shutdown_write().unwrap();
            assert_eq!(far.join().unwrap(), b"still answered");
        }
    });
}

#[test]
fn a_connection_whose_bytes_nobody_read_is_not_quiet() {
    each_mode(|| async {
        let (near, deadline, far) = accept(false, |mut far| {
            far.write_all(b"answer and more").unwrap();
            far
        })
        .await;
        assert_eq!(recv(&near, 6, &deadline).await.unwrap(), b"answer");
        near.watch_quiet();
        assert!(!near.stayed_quiet());
        assert_eq!(near.peek_closed(), Liveness::HasData);
        assert_eq!(recv(&near, 100, &deadline).await.unwrap(), b" and more");
        near.watch_quiet();
        assert!(near.stayed_quiet());
        drop(far.join().unwrap());
    });
}

#[test]
fn what_is_abandoned_has_no_told_end() {
    each_kind(|kernel| async move {
        let (near, deadline, far) = accept(kernel, |mut far| {
            let mut answer = Vec::new();
            let end = far.read_to_end(&mut answer).map_err(|error| error.kind());
            (answer, end)
        })
        .await;
        near.send_slice(b"half", &deadline).await.unwrap();
        near.abandon();
        near.send_close();
        drop((near, deadline));
        // The socket closes when this turn of the loop is over.
        while !far.is_finished() {
            crate::io::timer::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(far.join().unwrap(), (b"half".to_vec(), Err(io::ErrorKind::UnexpectedEof)));
    });
}
