//! Stands in for TLS in a build without the feature `tls`.

use std::{convert::Infallible, future::Ready, io};

use tokio::net::TcpStream;

use crate::host::Host;

/// Trusts nobody.
#[derive(Clone, Default)]
pub(crate) struct Trust(());

/// Never made.
#[derive(Clone)]
pub(crate) struct Tls(Infallible);

impl Trust {
    /// Whether this build can encrypt.
    pub(crate) const COMPILED_IN: bool = false;

    pub(crate) fn with_authorities(self, _pem: &[u8]) -> Result<Self, String> {
        self.ready().map(|_| self)
    }

    pub(crate) fn with_client(self, _chain: &[u8], _key: &[u8]) -> Result<Self, String> {
        self.ready().map(|_| self)
    }

    pub(crate) fn ready(&self) -> Result<Tls, String> {
        let () = self.0;
        Err("portcullis-redis was built without its feature `tls`".to_owned())
    }
}

impl Tls {
    pub(crate) fn secure(&self, _: &Host, _: TcpStream) -> Ready<io::Result<TcpStream>> {
        match self.0 {}
    }
}
