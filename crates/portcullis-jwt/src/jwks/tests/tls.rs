//! Keys over https, from a server whose certificate an authority of the test's own has signed.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;

/// Vouches for servers; nobody trusts it who was not told to.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server for `name` that answers every request with the same document.
    async fn serve(&self, name: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(private),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust us ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let body = document(ed("a"));
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        format!("https://localhost:{port}/jwks.json")
    }
}

async fn fetched(address: &str, roots: Option<&str>) -> Result<(), FetchError> {
    let mut remote = RemoteJwks::new(address).unwrap();
    if let Some(pem) = roots {
        remote = remote.with_root_certificates(pem.as_bytes()).unwrap();
    }
    let refresh = remote.start().unwrap();
    refresh.ready().await?;
    let reader = TokenReader::new(refresh.keys().clone());
    let token = token(ed("a"));
    let claims = reader.read_access::<()>(token.as_bytes(), NOW).unwrap();
    assert_eq!(claims.base().subject(), "42");
    Ok(())
}

#[tokio::test]
async fn keys_come_over_https_from_a_server_whose_authority_is_trusted() {
    let authority = Authority::new();
    let address = authority.serve("localhost").await;
    fetched(&address, Some(&authority.pem())).await.unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_trusted_vouches_for_brings_no_keys() {
    let authority = Authority::new();
    let address = authority.serve("localhost").await;
    let stranger = Authority::new().pem();
    for roots in [None, Some(stranger.as_str())] {
        let refused = fetched(&address, roots).await.unwrap_err();
        assert!(matches!(refused, FetchError::Transport(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_brings_no_keys() {
    let authority = Authority::new();
    let address = authority.serve("login.example").await;
    let refused = fetched(&address, Some(&authority.pem())).await.unwrap_err();
    assert!(matches!(refused, FetchError::Transport(_)), "{refused:?}");
}
