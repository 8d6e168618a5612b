//! Encrypts connections, with a provider of our own.
//!
//! The process-wide default of rustls is not asked: it is missing when nobody installed one, and
//! ambiguous when two crates each compiled in another.

use std::{io, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::host::Host;

/// Makes TLS 1.2 and 1.3 connections to servers whose certificate it can verify.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// Whether this build can encrypt.
    pub(crate) const COMPILED_IN: bool = true;

    /// Trusts the certificates in `pem` alone.
    pub(crate) fn trusting(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        Self::new(roots)
    }

    /// Trusts what the system trusts.
    pub(crate) fn of_system() -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Result<Self, String> {
        if roots.is_empty() {
            return Err("no certificate that could be trusted".to_owned());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with `host` over `stream`.
    pub(crate) async fn secure(
        &self,
        host: &Host,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.name.to_string()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}
