//! What every type that a user holds on to can be used for.

use portcullis::{Guarded, csrf};

/// A handler can be shared between threads, moved while it is polled, and cloned for each
/// connection.
fn shared<T: Send + Sync + Unpin + Clone>() {}
/// A future or body can be sent to the thread that polls it.
fn sent<T: Send>() {}

type Future = std::future::Ready<Result<(), ()>>;

#[test]
fn every_layer_and_service_can_be_shared_and_cloned() {
    shared::<csrf::CsrfLayer>();
    shared::<csrf::Csrf<()>>();
}

#[test]
fn every_future_and_body_can_be_sent() {
    sent::<csrf::ResponseFuture<Future, String>>();
    sent::<Guarded<String>>();
}
