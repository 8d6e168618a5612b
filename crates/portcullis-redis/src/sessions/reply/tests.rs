use redis::Value;

use super::{reason, reason_name, sessions, verdict};
use portcullis_core::rotation::{Refusal, RevokeReason, Verdict};

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn every_reason_reads_back_as_it_was_written() {
    for known in [
        RevokeReason::Evicted,
        RevokeReason::Inactive,
        RevokeReason::Listed,
        RevokeReason::Logout,
        RevokeReason::Replaced,
        RevokeReason::Reuse,
        RevokeReason::User,
    ] {
        let name = reason_name(known).expect("it has a name");
        assert_eq!(reason(name).unwrap(), known);
    }
}

#[test]
fn an_answer_of_another_shape_is_an_error_and_never_a_grant() {
    let grant = |kind: &str, numbers: &[i64]| {
        let numbers = numbers.iter().copied().map(Value::Int);
        std::iter::once(text(kind)).chain(numbers).collect()
    };
    assert!(verdict(grant("ROTATED", &[1, 2, 3, 4, 5, 6])).is_ok());
    for fields in [
        vec![],
        vec![Value::Nil],
        vec![text("OK")],
        vec![text("REVOKED")],
        vec![text("REVOKED"), text("whim")],
        grant("REUSE", &[]),
        grant("ROTATED", &[1, 2, 3, 4, 5]),
        grant("ROTATED", &[-1, 2, 3, 4, 5, 6]),
        grant("ROTATED", &[1, 2, 3, 4, 5, i64::MAX]),
    ] {
        assert!(verdict(fields.clone()).is_err(), "{fields:?}");
    }
    let (unknown, _) = verdict(vec![text("UNKNOWN")]).unwrap();
    assert_eq!(unknown, Verdict::Refused(Refusal::Unknown));
}

#[test]
fn half_a_session_is_an_error() {
    let line = [text("sid"), Value::Int(1), Value::Int(2), Value::Nil];
    assert_eq!(sessions(line.to_vec()).unwrap().len(), 1);
    assert!(sessions(line[..3].to_vec()).is_err());
    assert!(sessions(vec![]).unwrap().is_empty());
}
