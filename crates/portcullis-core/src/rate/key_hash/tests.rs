use std::collections::HashSet;

use super::*;
use crate::{Secret, keys::Purpose};

const ID: LimitId = [7; 16];

fn derived(byte: u8) -> DerivedKey {
    DerivedKey::from_secret(Purpose::Limiter, &Secret::new([byte; 32])).unwrap()
}

fn both() -> [KeyHash; 2] {
    [true, false].map(|is_local| KeyHash::new(derived(7), is_local))
}

fn parts<'a>(parts: &'a [&'a [u8]]) -> Subject<'a> {
    Subject::Parts(parts)
}

fn address(text: &str) -> Subject<'static> {
    Subject::Address(AddressKey::of(text.parse().unwrap()))
}

#[test]
fn no_two_subjects_have_one_key() {
    let long = vec![b'x'; usize::from(u16::MAX) + 10];
    let edge = usize::from(LONG);
    let lists: [&[&[u8]]; 15] = [
        &[],
        &[b""],
        &[b"", b""],
        &[b"ab", b"c"],
        &[b"a", b"bc"],
        &[b"abc"],
        &[b"\x00\x01a", b"bc"],
        &[b"a\x00\x02bc"],
        &[b"abc", b""],
        &[b"", b"abc"],
        &[&long[..edge - 1]],
        &[&long[..edge]],
        &[&long[..=edge]],
        &[&long[..edge], b"x"],
        &[&long],
    ];
    let addresses = ["192.0.2.7", "192.0.2.8", "2001:db8::", "2001:db8:0:1::"];
    let home = AddressKey::of("192.0.2.7".parse().unwrap());
    let wide = AddressKey::wide("2001:db8::".parse().unwrap());
    for hash in both() {
        let subjects = lists.iter().map(|list| parts(list));
        let subjects = subjects.chain(addresses.map(address));
        let as_parts = [home.to_bytes()].map(|bytes| hash.key(&ID, parts(&[&bytes])));
        let keys: HashSet<_> = subjects
            .chain([Subject::Address(wide)])
            .map(|subject| hash.key(&ID, subject))
            .chain(as_parts)
            .collect();
        assert_eq!(keys.len(), lists.len() + addresses.len() + 2, "{hash:?}");
    }
}

#[test]
fn limits_and_limiters_share_no_key() {
    for is_local in [true, false] {
        for subject in [parts(&[b"alice"]), address("192.0.2.7")] {
            let key = |secret, id| KeyHash::new(derived(secret), is_local).key(&id, subject);
            let keys = [key(1, ID), key(2, ID), key(1, [8; 16]), key(2, [8; 16])];
            assert_eq!(HashSet::from(keys).len(), 4);
            let again = key(1, ID);
            assert_eq!(keys[0], again, "two limiters of one key share their state");
        }
    }
}

#[test]
fn both_halves_of_a_key_depend_on_every_byte() {
    for hash in both() {
        let mut seen = HashSet::new();
        for byte in 0..=u8::MAX {
            let name = [b'a', byte, b'z'];
            for subject in [parts(&[&name]), address(&format!("192.0.{byte}.7"))] {
                let key = hash.key(&ID, subject);
                let (first, second) = key.as_bytes().split_at(8);
                assert!(seen.insert(first.to_vec()), "{name:?}");
                assert!(seen.insert(second.to_vec()), "{name:?}");
            }
        }
    }
}

#[test]
fn a_key_that_leaves_the_process_is_an_hmac_of_the_message() {
    let check = |subject, message: &[u8]| {
        let mut mac = derived(7).begin();
        mac.update(&ID);
        mac.update(message);
        let whole = mac.finalize().into_bytes();
        let [_, shared] = both();
        assert_eq!(shared.key(&ID, subject).as_bytes()[..], whole[..16]);
    };
    check(parts(&[b"login", b"ip"]), b"\x00\x05login\x00\x02ip");
    let message = b"\xff\xff\x20\xc0\x00\x02\x07\0\0\0\0";
    check(address("192.0.2.7"), message);
}

#[test]
fn a_network_that_makes_up_for_its_limit_has_a_key_of_its_own() {
    let hash = KeyHash::new(derived(7), true);
    let other: LimitId = [8; 16];
    // Under the other limit it gives the hash the same word.
    let (home, aimed) = ("2001:db8::", "2f0e:2b7:f0f:f0f::");
    let key = |id, text| hash.key(id, address(text));
    let (first, second) = (key(&ID, home), key(&other, aimed));
    assert_eq!(
        first.as_bytes()[..8],
        second.as_bytes()[..8],
        "as it was made up"
    );
    assert_ne!(first, second);
    assert_ne!(first, key(&ID, aimed));
}
