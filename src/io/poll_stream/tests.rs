//! The `h2` crate as client and as server over streams of one loop, on every rung.

use std::future::poll_fn;

use bytes::Bytes;

use super::*;
use crate::io::runtime;
use crate::io::test_support::{each_mode, near_pair};

/// More than a flow-control window, and more than a share of reading.
const BODY: usize = 600 * 1024;

/// Answers each request with its own body.
async fn echo(stream: Stream) {
    let mut connection = h2::server::handshake(PollStream::new(stream)).await.unwrap();
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted.unwrap();
        runtime::spawn(async move {
            let mut body = request.into_body();
            let mut send = respond.send_response(http::Response::new(()), false).unwrap();
            while let Some(data) = body.data().await {
                let mut data = data.unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                while !data.is_empty() {
                    send.reserve_capacity(data.len());
                    let room = poll_fn(|context| send.poll_capacity(context)).await.unwrap().unwrap();
                    send.send_data(data.split_to(room.min(data.len())), false).unwrap();
                }
            }
            send.send_data(Bytes::new(), true).unwrap();
        });
    }
}

#[test]
fn an_h2_client_and_an_h2_server_talk_over_streams() {
    each_mode(|| async {
        let (near, far) = near_pair();
        runtime::spawn(echo(far));
        let (client, connection) = h2::client::handshake(PollStream::new(near)).await.unwrap();
        runtime::spawn(async move { connection.await.unwrap() });
        for round in 0..3_u8 {
            let mut client = client.clone().ready().await.unwrap();
            let request = http::Request::post("http://a.example/").body(()).unwrap();
            let (response, mut send) = client.send_request(request, false).unwrap();
            runtime::spawn(async move {
                send.send_data(Bytes::from(vec![round; BODY]), true).unwrap();
            });
            let mut body = response.await.unwrap().into_body();
            let mut got = 0;
            while let Some(data) = body.data().await {
                let data = data.unwrap();
                assert!(data.iter().all(|&byte| byte == round));
                got += data.len();
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            assert_eq!(got, BODY);
        }
    });
}

#[test]
fn an_end_of_file_is_the_end_of_the_connection() {
    each_mode(|| async {
        let (near, far) = near_pair();
        let (client, connection) = h2::client::handshake(PollStream::new(near)).await.unwrap();
        far.shutdown_write().unwrap();
        let ended = connection.await;
        assert!(ended.is_ok() || ended.is_err_and(|error| error.is_io()));
        drop(client);
    });
}
