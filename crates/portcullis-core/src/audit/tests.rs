//! What events show, and what no output shows.

use super::*;
use crate::{
    cookie::{self, CookieSpec},
    csrf::SessionRef,
    identity::{Identity, Source},
    respond::RequestView,
    rotation::{Presented, SessionId},
    store::TokenFacts,
};

const SID: &str = "c2Vzc2lvbi1pZC1vZi1hbm4";
const JTI: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_event_holds_no_control_character_and_no_session_id() {
    let event = AuditEvent::new(AuditKind::Refused, Timestamp::from_secs(1))
        .with_subject("42\r\nkind=logout")
        .with_session(SID)
        .with_reason("Origin \u{1b}]0;title\u{7} \u{85}\u{2028}\u{202e}");
    assert_eq!(event.subject.as_deref(), Some("42\\u{d}\\u{a}kind=logout"));
    let reason = "Origin \\u{1b}]0;title\\u{7} \\u{85}\\u{2028}\\u{202e}";
    assert_eq!(event.reason.as_deref(), Some(reason));
    assert_eq!(event.session, Some(IdHash::of(SID)));
    assert!(!format!("{event:?}").contains(SID));
}

#[test]
fn no_debug_output_shows_an_id_or_a_cookie() {
    let facts = TokenFacts {
        subject: "42",
        session: Some(SID),
        jti: JTI,
        issued_at: Timestamp::from_secs(1),
        session_started: None,
    };
    let presented = Presented {
        subject: "42",
        sid: SID,
        generation: 0,
        adoption: None,
    };
    let request = http::Request::get(format!("/sessions/{SID}/"))
        .header("cookie", format!("access_token={JTI}"))
        .header("authorization", format!("Bearer {JTI}"))
        .body(())
        .unwrap();
    let (sid, hash) = (SessionId::parse(SID).unwrap(), IdHash::of(SID).to_string());
    for (output, has_hash) in [
        (format!("{facts:?}"), true),
        (format!("{presented:?}"), true),
        (format!("{sid:?}"), true),
        (format!("{:?}", SessionRef::Session(SID)), true),
        (
            format!("{:?}", Identity::new("42", Some(SID), Source::Cookie)),
            true,
        ),
        (format!("{:?}", RequestView::of(&request)), false),
        (
            format!("{:?}", cookie::find(request.headers(), "access_token")),
            false,
        ),
        (
            format!("{:?}", CookieSpec::new("a").unwrap().set(JTI, None)),
            false,
        ),
    ] {
        assert!(!output.contains(SID) && !output.contains(JTI), "{output}");
        assert_eq!(output.contains(&hash), has_hash, "{output}");
    }
}
