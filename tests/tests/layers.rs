//! Every public layer, as the other modules use them, and requests that each refuses.

use portcullis::{
    Secret,
    core::keys::{DerivedKey, Purpose},
    csrf::{CsrfLayer, policy::CsrfPolicy},
};

pub(crate) const OWN: &str = "https://chat.example";
pub(crate) const FOREIGN: &str = "https://evil.example";

fn key(purpose: Purpose) -> DerivedKey {
    DerivedKey::from_secret(purpose, &Secret::new([7; 32])).unwrap()
}

pub(crate) fn csrf() -> CsrfLayer {
    CsrfLayer::new(CsrfPolicy::new(key(Purpose::Csrf)).add_own_origin(OWN.parse().unwrap()))
}
