//! The rest of a request's body while it is read beside its exchange: for an app that answers before it has all of it.
//!
//! Taken from the exchange as it stands ([`Exchange::detach_body`]) and, when it was read to its end, given back, so that the
//! connection can carry another request.

use std::rc::Rc;
use std::time::Duration;

use super::{BodyError, READ_SIZE, RequestBody, wait_error};
use crate::config::model::LocationConf;
use crate::http::client::Client;
use crate::http::exchange::Exchange;
use crate::http1::BodyFraming;
use crate::io::Deadline;

/// A body on its own.
pub struct DetachedBody {
    body: RequestBody,
    client: Rc<Client>,
    deadline: Deadline,
    /// Bytes of the connection from the body on that nobody has used yet.
    input: Vec<u8>,
    /// Bytes of the connection that were the body's.
    used: u64,
    /// `client_body_timeout`
    timeout: Duration,
    /// `client_max_body_size`
    limit: u64,
}

impl Exchange {
    /// Takes the body from here on; what was read of it already lies in its memory.
    pub fn detach_body(&mut self, conf: &LocationConf) -> DetachedBody {
        let input = self.input.split_off(self.consumed.min(self.input.len()));
        DetachedBody {
            body: std::mem::take(&mut self.body),
            client: Rc::clone(&self.client),
            deadline: Deadline::new(),
            input,
            used: 0,
            timeout: conf.client_body_timeout,
            limit: conf.client_max_body_size,
        }
    }

    /// Takes a body back that was read to its end.
    pub fn attach_body(&mut self, detached: DetachedBody) {
        self.body = detached.body;
        self.request_length += detached.used;
        self.input.truncate(self.consumed);
        self.input.extend_from_slice(&detached.input);
    }
}

impl DetachedBody {
    /// The client that sends it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Bytes of it that were read, decoded.
    pub fn length(&self) -> u64 {
        self.body.length
    }

    /// The next piece, appended to `out`; false behind the last one.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, BodyError> {
        let before = out.len();
        out.append(&mut self.body.memory);
        loop {
            let mut at = 0;
            let taken = self.body.take(&self.input, &mut at, out, self.limit);
            self.input.drain(..at);
            self.used += at as u64;
            taken?;
            if self.body.finished || out.len() > before {
                return Ok(!self.body.finished);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<(), BodyError> {
        let stream = &self.client.stream;
        self.deadline.arm(self.timeout);
        if std::mem::take(&mut self.body.expects_continue) {
            let (sent, _) = stream.send_all(super::CONTINUE.to_vec(), &self.deadline).await;
            sent.map_err(|error| wait_error(&error))?;
        }
        loop {
            match stream.recv_into(&mut self.input, READ_SIZE) {
                Ok(0) if self.body.framing == BodyFraming::UntilClose => {
                    self.body.finished = true;
                    return Ok(());
                }
                Ok(0) => return Err(BodyError::Closed),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(BodyError::Broken(error)),
            }
            stream.readable(&self.deadline).await.map_err(|error| wait_error(&error))?;
        }
    }
}
