use std::sync::Mutex;

use tower::ServiceExt as _;

use super::*;

/// What the sink saw of a request with `method` and `body`.
fn reported(method: &str, body: String) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let service = CspReportService::new(move |report| log.lock().unwrap().push(report.to_owned()));
    let request = Request::builder().method(method).body(body).unwrap();
    let response = tokio_test::block_on(service.oneshot(request)).unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.body().is_empty());
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn a_report_is_escaped_onto_one_line() {
    let hostile = "{}\r\n2026-01-01 forged\u{1b}[31m\u{e9}\0";
    let [report] = &reported("POST", hostile.to_owned())[..] else {
        panic!("one report");
    };
    assert!(
        report.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{report}"
    );
    assert!(report.starts_with(r"{}\r\n2026"), "{report}");
}

#[test]
fn what_is_too_long_empty_or_no_post_is_dropped() {
    assert_eq!(reported("POST", "x".repeat(MAX_BYTES)).len(), 1);
    assert!(reported("POST", "x".repeat(MAX_BYTES + 1)).is_empty());
    assert!(reported("POST", String::new()).is_empty());
    assert!(reported("GET", "x".to_owned()).is_empty());
}
