//! Which slot of a cluster a key is in.

use redis::Cmd;

#[cfg(test)]
mod tests;

/// One of the 16,384 parts that a cluster spreads keys over. Elsewhere it says nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Slot(pub(crate) u16);

impl Slot {
    /// How many there are.
    pub(crate) const COUNT: u16 = 16_384;

    /// The slot of `key`, which is that of its hash tag when it has one.
    pub(crate) fn of_key(key: &[u8]) -> Self {
        Self(crc16(tag(key).unwrap_or(key)) % Self::COUNT)
    }

    /// The slot of the first argument of `command`.
    pub(crate) fn of_command(command: &Cmd) -> Self {
        match command.args_iter().nth(1) {
            Some(redis::Arg::Simple(key)) => Self::of_key(key),
            _ => Self(0),
        }
    }
}

/// What stands between the first brace and the next closing one.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')? + 1;
    let length = key[open..].iter().position(|&byte| byte == b'}')?;
    (length > 0).then(|| &key[open..open + length])
}

/// The checksum that the cluster specification names: CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        let crc = crc ^ u16::from(byte) << 8;
        (0..8).fold(crc, |crc, _bit| match crc & 0x8000 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x1021,
        })
    })
}
