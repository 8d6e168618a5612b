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
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        sign::CertifiedKey,
    },
};

use crate::host::Host;

/// Whom to trust, and who we are.
#[derive(Default)]
pub(crate) struct Trust {
    roots: Option<RootCertStore>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Trust {
    /// Whether this build can encrypt.
    pub(crate) const COMPILED_IN: bool = true;

    /// Trusts the certificates in `pem` alone.
    pub(crate) fn with_authorities(mut self, pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        self.roots = Some(roots);
        Ok(self)
    }

    /// Shows `chain`, of whose first certificate this is the `key`, to servers that ask for one.
    pub(crate) fn with_client(mut self, chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| error.to_string())?;
        CertifiedKey::from_der(
            chain.clone(),
            key.clone_key(),
            &aws_lc_rs::default_provider(),
        )
        .map_err(|error| error.to_string())?;
        self.client = Some((chain, key));
        Ok(self)
    }

    /// Makes ready to connect; trusts what the system trusts unless told otherwise.
    pub(crate) fn ready(&self) -> Result<Tls, String> {
        let roots = match &self.roots {
            Some(roots) => roots.clone(),
            None => of_system()?,
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match &self.client {
            Some((chain, key)) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| error.to_string())?,
            None => config.with_no_client_auth(),
        };
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }
}

impl Clone for Trust {
    fn clone(&self) -> Self {
        let client = self.client.as_ref();
        Self {
            roots: self.roots.clone(),
            client: client.map(|(chain, key)| (chain.clone(), key.clone_key())),
        }
    }
}

/// The certificates in `pem`, one at least.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read.map_err(|error| error.to_string())? {
        none if none.is_empty() => Err("there is no certificate in it".to_owned()),
        certificates => Ok(certificates),
    }
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the system has no certificate of an authority".to_owned());
    }
    Ok(roots)
}

/// Makes TLS 1.2 and 1.3 connections to servers whose certificate it can verify.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
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
