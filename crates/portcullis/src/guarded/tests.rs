use http_body_util::{BodyExt as _, Full};

use super::*;

#[tokio::test]
async fn a_refusal_of_either_gate_survives_flattening() {
    let inner = Guarded::inner(Guarded::<Full<Bytes>>::refusal(Bytes::from_static(b"no")));
    assert!(inner.flatten().is_refusal());
    let outer = Guarded::<Guarded<Full<Bytes>>>::refusal(Bytes::from_static(b"no"));
    let outer = outer.flatten();
    assert!(outer.is_refusal());
    assert_eq!(outer.collect().await.unwrap().to_bytes(), "no");
}

#[tokio::test]
async fn an_inner_body_passes_with_its_length() {
    let body = Guarded::inner(Guarded::inner(Full::new(Bytes::from_static(b"hello")))).flatten();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
}

#[test]
fn bodies_are_sent_and_shared_between_threads() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Guarded<Full<Bytes>>>();
}
