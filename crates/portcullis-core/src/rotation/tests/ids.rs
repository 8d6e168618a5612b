use crate::{
    Secret,
    keys::{Purpose, RotationKeys},
    rotation::{SessionId, refresh_jti},
};

fn key(byte: u8) -> crate::keys::DerivedKey {
    let keys = RotationKeys::new(1, &Secret::new([byte; 32])).expect("32 bytes are enough");
    keys.current().derive(Purpose::Successor)
}

#[test]
fn a_random_id_is_128_bits_of_base64url() {
    let id = SessionId::random().expect("the system has entropy");
    assert_eq!(id.as_str().len(), 22);
    assert!(
        id.as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    assert_ne!(id, SessionId::random().expect("the system has entropy"));
}

#[test]
fn an_id_is_1_to_255_visible_characters() {
    for (text, valid) in [
        (String::new(), false),
        ("x".to_owned(), true),
        ("x".repeat(255), true),
        ("x".repeat(256), false),
        ("a b".to_owned(), false),
        ("a\n".to_owned(), false),
        ("é".to_owned(), false),
    ] {
        assert_eq!(SessionId::parse(&text).is_some(), valid, "{text:?}");
    }
}

#[test]
fn a_jti_is_a_keyed_hash_of_family_and_generation() {
    // Computed apart: HKDF-SHA-256 and HMAC-SHA-256 over the parts, each after its length.
    assert_eq!(
        refresh_jti(&key(7), "0b9f", 3),
        "1698654066b776549afce559391f39a1"
    );
    for (key, sid, generation) in [(key(8), "0b9f", 3), (key(7), "0b9", 3), (key(7), "0b9f", 4)] {
        assert_ne!(
            refresh_jti(&key, sid, generation),
            "1698654066b776549afce559391f39a1"
        );
    }
}
