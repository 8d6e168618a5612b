//! Cuts a stream of bytes into the data lines of Server-Sent Events.

use super::AnswerError;

/// The longest line, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// The part of a line that has come so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Takes `chunk` and gives what follows `data:` on each line that it ends.
    ///
    /// Comments and other fields are left out. A line ends with LF or CR LF; a lone CR, which the
    /// standard allows and no server of this protocol sends, is not an end.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Format`] for a line above [`MAX_LINE_BYTES`] or one that is no UTF-8.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, AnswerError> {
        let mut data = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.extend(&rest[..end])?;
            rest = &rest[end + 1..];
            let line = std::str::from_utf8(&self.pending)
                .map_err(|_| AnswerError::Format("a line is not UTF-8"))?;
            let line = line.strip_suffix('\r').unwrap_or(line);
            if let Some(value) = line.strip_prefix("data:") {
                data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
            }
            self.pending.clear();
        }
        self.extend(rest)?;
        Ok(data)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        if self.pending.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(AnswerError::Format("a line is too long"));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }
}
