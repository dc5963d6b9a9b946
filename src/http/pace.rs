//! `limit_rate`: when how many bytes may go, and the ways of sending that keep to it.
//!
//! The arithmetic is nginx's: `rate × (whole seconds since the request began + 1) + after` bytes may have been sent, and
//! behind a send there is a pause of what it took of the rate. Only a response that is limited comes here; all others
//! are sent as if this file were not there. Called by `write` and `relay`.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::exchange::Exchange;
use super::variables;
use crate::config::model::{LocationConf, SizeConf};
use crate::config::value;
use crate::files::OpenFile;
use crate::io::{Transfer, splice};
use crate::log::{Level, Raw};
use crate::time::{self, Now};

/// Most bytes sent in one call.
const SHARE: u64 = 512 << 10;

/// How fast something goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Bytes a second, above 0.
    rate: u64,
    /// Bytes that are free.
    after: u64,
    /// When it began, `Now::monotonic_ms`: a wall clock that is set changes nothing.
    began_ms: u64,
    /// How far the wall clock's second was then: as in nginx, the next one begins with the clock's.
    phase_ms: u64,
    /// Nothing goes before this, `Now::monotonic_ms`.
    resume: u64,
}

impl Pace {
    /// Begins; none without a rate.
    pub(super) fn begin(rate: u64, after: u64, began: Now) -> Option<Self> {
        (rate > 0).then(|| {
            let (began_ms, phase_ms) = (began.monotonic_ms, began.unix_ms % 1000);
            Self { rate, after, began_ms, phase_ms, resume: 0 }
        })
    }

    /// How many bytes may go now, after so many; if none may, `resume` says when.
    pub(super) fn budget(&mut self, gone: u64, now: Now) -> u64 {
        if self.resume > now.monotonic_ms {
            return 0;
        }
        let since = now.monotonic_ms.saturating_sub(self.began_ms).saturating_add(self.phase_ms);
        let seconds = since / 1000 + 1;
        let allowed = self.rate.saturating_mul(seconds).saturating_add(self.after);
        if allowed <= gone {
            self.rest(gone - allowed, now, 1);
            return 0;
        }
        (allowed - gone).min(SHARE)
    }

    /// Bytes went: `before` is how many had gone until then, `gone` how many have now.
    pub(super) fn note(&mut self, before: u64, gone: u64, now: Now) {
        let taken = gone.saturating_sub(self.after) - before.saturating_sub(self.after);
        self.rest(taken, now, 0);
    }

    /// When it goes on, `Now::monotonic_ms`.
    pub(super) fn resume(&self) -> u64 {
        self.resume
    }

    fn rest(&mut self, bytes: u64, now: Now, more: u64) {
        let pause = u128::from(bytes) * 1000 / u128::from(self.rate) + u128::from(more);
        self.resume = now.monotonic_ms.saturating_add(u64::try_from(pause).unwrap_or(u64::MAX));
    }
}

/// The size that a directive names for this request.
pub(super) fn size_of(exchange: &Exchange, conf: Option<&SizeConf>) -> u64 {
    match conf {
        None => 0,
        Some(SizeConf::Fixed(size)) => *size,
        Some(SizeConf::Evaluated(template)) => {
            let mut text = Vec::new();
            variables::evaluate(exchange, template, &mut text);
            let size = std::str::from_utf8(&text).ok().and_then(value::size);
            size.unwrap_or_else(|| {
                exchange.log_error(Level::Error, format_args!("invalid size \"{}\"", Raw(&text)));
                0
            })
        }
    }
}

impl Exchange {
    /// The response is about to be sent: at which pace, if `limit_rate`, `set $limit_rate` or `X-Accel-Limit-Rate` asks
    /// for one.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_pace(&mut self, conf: &LocationConf) {
        let rate = self.limit_rate.unwrap_or_else(|| size_of(self, conf.limit_rate.as_ref()));
        self.limit_rate = Some(rate);
        let after = if rate > 0 { size_of(self, conf.limit_rate_after.as_ref()) } else { 0 };
        self.pace = Pace::begin(rate, after, self.started);
    }

    /// Sends `bytes` at the response's pace.
    pub(super) async fn send_paced(&mut self, conf: &LocationConf, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let budget = self.await_budget(conf).await?;
            let max = usize::try_from(budget).unwrap_or(usize::MAX).min(bytes.len());
            match self.client.stream.try_send(&bytes[..max], max < bytes.len()) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.note_paced(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.await_writable(conf).await?,
                Err(error) => return Err(error),
            }
        }
        self.flush_paced(conf).await
    }

    /// Sends a part of a file at the response's pace.
    pub(super) async fn send_file_paced(
        &mut self,
        conf: &LocationConf,
        file: &OpenFile,
        start: u64,
        len: u64,
    ) -> io::Result<()> {
        let Some(fd) = file.fd() else { return Err(io::ErrorKind::NotFound.into()) };
        let (mut offset, end) = (start, start + len);
        while offset < end {
            let budget = self.await_budget(conf).await?;
            let max = usize::try_from((end - offset).min(budget)).unwrap_or(usize::MAX);
            match splice::sendfile(&self.client.stream, fd, &mut offset, max)? {
                Transfer::Moved(count) => self.note_paced(count),
                Transfer::WouldBlock => self.await_writable(conf).await?,
                Transfer::Eof => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file was truncated"));
                }
            }
        }
        self.flush_paced(conf).await
    }

    /// Waits until the kernel has all that was taken for it.
    async fn flush_paced(&mut self, conf: &LocationConf) -> io::Result<()> {
        while !self.client.stream.flush()? {
            self.await_writable(conf).await?;
        }
        Ok(())
    }

    /// Waits until bytes may go; gives how many.
    async fn await_budget(&mut self, conf: &LocationConf) -> io::Result<u64> {
        loop {
            let (now, gone) = (time::now(), self.bytes_sent);
            let Some(pace) = &mut self.pace else { return Ok(SHARE) };
            let budget = pace.budget(gone, now);
            if budget > 0 {
                return Ok(budget);
            }
            let resume = pace.resume();
            self.sit_out(resume).await;
            self.client.deadline.arm(conf.send_timeout);
        }
    }

    async fn await_writable(&mut self, conf: &LocationConf) -> io::Result<()> {
        self.client.deadline.arm(conf.send_timeout);
        self.client.stream.writable(&self.client.deadline).await
    }

    fn note_paced(&mut self, count: usize) {
        let before = self.bytes_sent;
        self.bytes_sent += count as u64;
        if let Some(pace) = &mut self.pace {
            pace.note(before, self.bytes_sent, time::now());
        }
    }

    /// Waits until `resume` (`Now::monotonic_ms`). A client that has gone shows when the next bytes are sent: one that
    /// has only closed its sending side still reads.
    pub(super) async fn sit_out(&mut self, resume: u64) {
        let client = Rc::clone(&self.client);
        // What TLS holds back for company has none for a while. An error shows when the next bytes are sent.
        let _ = client.stream.flush();
        let left = resume.saturating_sub(time::now().monotonic_ms);
        client.deadline.arm(Duration::from_millis(left));
        client.deadline.over().await;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use crate::time::Now;

    fn at(ms: u64) -> Now {
        Now { monotonic_ms: ms, unix_ms: 1_000_000 + ms }
    }

    #[test]
    fn a_second_of_the_rate_may_go_at_once_and_then_there_is_a_pause() {
        let mut pace = Pace::begin(1000, 0, at(0)).unwrap();
        assert_eq!(pace.budget(0, at(0)), 1000);
        pace.note(0, 400, at(0));
        assert_eq!((pace.budget(400, at(399)), pace.resume()), (0, 400));
        assert_eq!(pace.budget(400, at(400)), 600);
        pace.note(400, 1000, at(400));
        assert_eq!(pace.budget(1000, at(1000)), 1000);
        assert_eq!(pace.budget(2000, at(1000)), 0);
        assert_eq!(pace.resume(), 1001);
    }

    #[test]
    fn what_is_free_takes_no_pause() {
        let mut pace = Pace::begin(1000, 5000, at(0)).unwrap();
        assert_eq!(pace.budget(0, at(0)), 6000);
        pace.note(0, 5000, at(0));
        assert_eq!(pace.budget(5000, at(0)), 1000);
        pace.note(5000, 5500, at(0));
        assert_eq!((pace.budget(5500, at(1)), pace.resume()), (0, 500));
        assert!(Pace::begin(0, 5000, at(0)).is_none());
    }

    #[test]
    fn a_clock_that_is_set_neither_stops_nor_hurries_anything() {
        let mut pace = Pace::begin(1000, 0, at(5000)).unwrap();
        pace.note(0, 1000, at(5000));
        for jump in [-3_600_000, 3_600_000] {
            let now =
                |ms: u64| Now { monotonic_ms: ms, unix_ms: (1_000_000 + ms).saturating_add_signed(jump) };
            assert_eq!((pace.budget(1000, now(6000)), pace.budget(2000, now(6000))), (1000, 0), "{jump}");
            assert_eq!(pace.resume(), 6001, "{jump}");
            pace.resume = 0;
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let mut pace = Pace::begin(1, u64::MAX, at(0)).unwrap();
        assert!(pace.budget(u64::MAX - 1, at(0)) > 0);
        let mut slow = Pace::begin(1, 0, at(0)).unwrap();
        assert_eq!(slow.budget(u64::MAX, at(0)), 0);
        assert!(slow.resume() > u64::MAX / 2);
    }
}
