//! Stands in for TLS in a build without the feature `tls`.

use std::{convert::Infallible, future::Ready, io};

use tokio::net::TcpStream;

use crate::host::Host;

/// Never made.
#[derive(Clone)]
pub(crate) struct Tls(Infallible);

impl Tls {
    /// Whether this build can encrypt.
    pub(crate) const COMPILED_IN: bool = false;

    pub(crate) fn trusting(_pem: &[u8]) -> Result<Self, String> {
        Self::of_system()
    }

    pub(crate) fn of_system() -> Result<Self, String> {
        Err("portcullis-redis was built without its feature `tls`".to_owned())
    }

    pub(crate) fn secure(&self, _: &Host, _: TcpStream) -> Ready<io::Result<TcpStream>> {
        match self.0 {}
    }
}
