use redis::cmd;

use super::{Slot, crc16};

#[test]
fn the_checksum_is_that_of_the_specification() {
    assert_eq!(crc16(b"123456789"), 0x31c3);
    assert_eq!(Slot::of_key(b"foo"), Slot(12_182));
    assert_eq!(Slot::of_key(b""), Slot(0));
}

#[test]
fn only_the_hash_tag_counts_when_there_is_one() {
    let same = Slot::of_key(b"user");
    for key in ["{user}", "a:{user}:b", "{user}{other}", "x{user}}"] {
        assert_eq!(Slot::of_key(key.as_bytes()), same, "{key}");
    }
    for key in ["{}user", "{user", "user}"] {
        assert_ne!(Slot::of_key(key.as_bytes()), same, "{key}");
    }
}

#[test]
fn the_first_argument_of_a_command_is_its_key() {
    assert_eq!(Slot::of_command(cmd("GET").arg("foo")), Slot(12_182));
    assert_eq!(Slot::of_command(&cmd("PING")), Slot(0));
}
