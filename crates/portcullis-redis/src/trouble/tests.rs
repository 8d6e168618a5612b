use std::error::Error;

use super::{Kind, Trouble};

#[track_caller]
fn check(reply: &str, want: Kind, text: &str) {
    let bytes = format!("-{reply}\r\n");
    let value = redis::parse_redis_value(bytes.as_bytes()).unwrap();
    let trouble = Trouble::from(value.extract_error().unwrap_err());
    assert_eq!(trouble.kind(), want, "{reply}");
    let error = trouble.into_store_error("take");
    assert!(error.to_string().contains(text), "{reply}: {error}");
    let source = error.source().expect("the server's words are kept");
    assert!(source.to_string().starts_with("take: "), "{source}");
}

#[test]
fn what_the_server_refuses_for_is_told_apart() {
    check("READONLY You can't write", Kind::ReadOnly, "READONLY");
    check("LOADING Redis is loading", Kind::Loading, "LOADING");
    check("MASTERDOWN Link is down", Kind::Loading, "LOADING");
    check("OOM command not allowed", Kind::OutOfMemory, "OOM");
    check("NOSCRIPT No matching script", Kind::NoScript, "NOSCRIPT");
    check("MOVED 3999 127.0.0.1:6381", Kind::Moved, "MOVED");
    check("ASK 3999 127.0.0.1:6381", Kind::Moving, "ASK");
    check("CLUSTERDOWN Hash slot", Kind::NoPrimary, "CLUSTERDOWN");
    check("TRYAGAIN Multiple keys", Kind::NoPrimary, "CLUSTERDOWN");
    check("NOPERM this user", Kind::Denied, "NOPERM");
    check("NOAUTH Authentication required.", Kind::Denied, "NOAUTH");
    check("ERR unknown command", Kind::Server, "an error");
    check("BUSY Redis is busy", Kind::Server, "an error");
}

#[test]
fn a_new_connection_is_tried_only_where_it_can_help() {
    let ends = |kind| Trouble::new(kind, "").ends_connection();
    for kind in [Kind::Connection, Kind::ReadOnly] {
        assert!(ends(kind), "{kind:?}");
    }
    for kind in [Kind::Timeout, Kind::OutOfMemory, Kind::Loading, Kind::Moved] {
        assert!(!ends(kind), "{kind:?}");
    }
}

#[test]
fn a_redirection_names_the_node_that_decides() {
    for (reply, want) in [
        ("MOVED 3999 127.0.0.1:6381", Some("127.0.0.1:6381")),
        ("ASK 3999 ::1:6381", Some("::1:6381")),
        ("MOVED 3999 :6381", Some(":6381")),
        ("MOVED 3999 nowhere", None),
        ("READONLY You can't write", None),
    ] {
        let bytes = format!("-{reply}\r\n");
        let value = redis::parse_redis_value(bytes.as_bytes()).unwrap();
        let trouble = Trouble::from(value.extract_error().unwrap_err());
        let found = trouble.elsewhere().map(ToString::to_string);
        assert_eq!(found.as_deref(), want, "{reply}");
    }
}
