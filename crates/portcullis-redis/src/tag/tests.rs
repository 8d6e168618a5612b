use portcullis_core::{Secret, keys::RotationKeys};

use super::{Tag, Tagger};

fn keys(version: u32) -> RotationKeys {
    let secret = |version: u32| Secret::new([u8::try_from(version).unwrap(); 32]);
    let keys = RotationKeys::new(version, &secret(version)).unwrap();
    keys.with_previous(version - 1, &secret(version - 1))
        .unwrap()
}

#[test]
fn a_tag_reads_back_as_it_was_written() {
    let tag = Tagger::new(&keys(2)).user("42");
    assert_eq!(tag.to_string().len(), 32);
    assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
    for bad in ["", "00", &"0".repeat(31), &"0".repeat(34), &"G".repeat(32)] {
        assert_eq!(Tag::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn while_the_key_is_replaced_both_nodes_know_each_others_tags() {
    let (old, new) = (Tagger::new(&keys(2)), Tagger::new(&keys(3)));
    assert_ne!(old.user("42"), new.user("42"));
    assert!(new.users("42").any(|tag| tag == old.user("42")));
    let denied = old.token("42", "jti");
    assert!(new.tokens("42", "jti").any(|tag| tag == denied));
}

#[test]
fn users_and_their_tokens_never_share_a_tag() {
    let tagger = Tagger::new(&keys(2));
    let tags = [
        tagger.user("4"),
        tagger.user("42"),
        tagger.token("4", "2"),
        tagger.token("42", ""),
        tagger.token("4", "22"),
        tagger.token("42", "2"),
    ];
    let distinct: std::collections::HashSet<_> = tags.iter().collect();
    assert_eq!(distinct.len(), tags.len());
}
