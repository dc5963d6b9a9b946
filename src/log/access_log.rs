//! The buffer of one access log on one core (`buffer=`, `flush=`).

/// Lines waiting to be written.
#[derive(Debug, Default)]
pub struct AccessBuffer {
    bytes: Vec<u8>,
    /// When the oldest waiting line came, `Now::monotonic_ms`.
    since_ms: u64,
}

impl AccessBuffer {
    /// Adds a line; returns what is to be written now: all that waits, when it would outgrow `capacity` bytes.
    /// A capacity of 0 means no buffering: every line is due at once.
    pub fn push(&mut self, line: &[u8], capacity: usize, now_ms: u64, mut write: impl FnMut(&[u8])) {
        if !self.bytes.is_empty() && self.bytes.len() + line.len() > capacity {
            self.flush(&mut write);
        }
        if line.len() >= capacity {
            write(line);
            return;
        }
        if self.bytes.is_empty() {
            self.since_ms = now_ms;
        }
        self.bytes.extend_from_slice(line);
    }

    /// Writes what waits longer than `flush_ms`.
    pub fn flush_if_due(&mut self, flush_ms: u64, now_ms: u64, write: impl FnMut(&[u8])) {
        if !self.bytes.is_empty() && now_ms.saturating_sub(self.since_ms) >= flush_ms {
            self.flush(write);
        }
    }

    /// Writes all that waits.
    pub fn flush(&mut self, mut write: impl FnMut(&[u8])) {
        if !self.bytes.is_empty() {
            write(&self.bytes);
            self.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AccessBuffer;

    #[test]
    fn lines_leave_in_order_and_whole() {
        let mut written = Vec::new();
        let mut buffer = AccessBuffer::default();
        for line in ["aaaa\n", "bb\n", "cccccccccccc\n"] {
            buffer.push(line.as_bytes(), 10, 0, |bytes| written.push(bytes.to_vec()));
        }
        buffer.flush(|bytes| written.push(bytes.to_vec()));
        assert_eq!(written, [b"aaaa\nbb\n".to_vec(), b"cccccccccccc\n".to_vec()]);
    }

    #[test]
    fn waiting_lines_leave_after_their_time() {
        let mut count = 0;
        let mut buffer = AccessBuffer::default();
        buffer.push(b"x\n", 100, 1000, |_| count += 1);
        buffer.flush_if_due(500, 1400, |_| count += 1);
        assert_eq!(count, 0);
        buffer.flush_if_due(500, 1500, |_| count += 1);
        assert_eq!(count, 1);
    }
}
