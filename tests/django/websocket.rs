//! A WebSocket client of RFC 6455 in a page: enough to talk to an echo.

use crate::support::{Client, Response, Server};

/// Kinds of frames (RFC 6455, section 5.2).
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The example of RFC 6455, section 1.3: this key must be answered with this token.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An open WebSocket.
pub struct WebSocket {
    client: Client,
}

impl WebSocket {
    /// Asks for a WebSocket; gives the answer when it is not 101.
    pub fn open(server: &Server, path: &str) -> Result<WebSocket, Response> {
        let mut client = server.connect();
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            server.address()
        ));
        let response = client.response();
        if response.status != 101 {
            return Err(response);
        }
        assert_eq!(response.header("upgrade").to_lowercase(), "websocket");
        assert_eq!(response.header("connection").to_lowercase(), "upgrade");
        assert_eq!(response.header("sec-websocket-accept"), ACCEPT);
        Ok(WebSocket { client })
    }

    /// Sends one frame that is a whole message.
    pub fn send(&mut self, kind: u8, payload: &[u8]) {
        self.client.send(frame(0x80 | kind, payload));
    }

    /// Sends one message in as many frames.
    pub fn send_fragments(&mut self, kind: u8, fragments: &[&[u8]]) {
        for (n, fragment) in fragments.iter().enumerate() {
            let last = if n + 1 == fragments.len() { 0x80 } else { 0 };
            let kind = if n == 0 { kind } else { 0 };
            self.client.send(frame(last | kind, fragment));
        }
    }

    /// The next frame, which must be a whole message.
    pub fn receive(&mut self) -> (u8, Vec<u8>) {
        let (kind, payload, last) = self.receive_frame();
        assert!(last, "the echo sends whole messages");
        (kind, payload)
    }

    fn receive_frame(&mut self) -> (u8, Vec<u8>, bool) {
        let head = self.client.read_exact(2);
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.client.read_exact(2).try_into().unwrap())),
            127 => u64::from_be_bytes(self.client.read_exact(8).try_into().unwrap()),
            short => u64::from(short),
        };
        let payload = self.client.read_exact(usize::try_from(length).unwrap());
        (head[0] & 0x0f, payload, head[0] & 0x80 != 0)
    }

    /// The server must close the connection now.
    pub fn expect_end(&mut self) {
        self.client.expect_close();
    }
}

/// A masked frame, as a client must send it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
