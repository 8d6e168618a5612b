//! Connections over TLS.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::*;

/// Vouches for servers; nobody trusts it who was not told to.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // By the same name as what it signs, OpenSSL would take that for signed by itself.
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate for `name`, and its key.
    fn vouch_for(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A server whose certificate is for `name`.
    fn serve(&self, name: &str) -> RedisServer {
        let (certificate, key) = self.vouch_for(name);
        RedisServer::start_tls(&certificate, &key, None)
    }

    fn trusted_at(&self, url: &str) -> RedisConfig {
        let config = RedisConfig::from_url(url).unwrap();
        config.with_ca_pem(self.0.pem().as_bytes()).unwrap()
    }
}

async fn check_refused(config: RedisConfig, part: &str) {
    let begun = Instant::now();
    let error = config.connect().await.expect_err(part).to_string();
    assert!(error.contains(part), "{error}");
    assert!(begun.elapsed() < 2 * BOUND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_is_trusted_for_the_authority_that_was_named() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1");
    let redis = connect(authority.trusted_at(&server.url())).await;
    assert_eq!(run(&redis, "a").await.unwrap(), 1);
    let demanding = authority.trusted_at(&server.url());
    let demanding = connect(demanding.with_min_replicas(1, WAIT).unwrap()).await;
    assert_eq!(
        revoke(&demanding, "b").await.unwrap(),
        Confirmation::Unconfirmed
    );
    let feed = another_node(authority.trusted_at(&server.url())).await;
    tell(&redis, "a").await;
    hears(&feed, "a").await;
}

#[tokio::test]
async fn a_server_that_cannot_be_verified_is_not_spoken_to() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = theirs.serve("127.0.0.1");
    check_refused(ours.trusted_at(&server.url()), "certificate").await;
    let of_system = RedisConfig::from_url(&server.url()).unwrap();
    // A system without any authority of its own has nothing to verify it with either.
    check_refused(of_system, "certificate").await;
    let misnamed = ours.serve("elsewhere.example");
    check_refused(ours.trusted_at(&misnamed.url()), "certificate").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_ours() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch_for("127.0.0.1");
    let server = RedisServer::start_tls(&certificate, &key, Some(&authority.0.pem()));
    check_refused(authority.trusted_at(&server.url()), "ertificate").await;
    let config = authority.trusted_at(&server.url());
    let (chain, key) = authority.vouch_for("client");
    let config = config.with_client_pem(chain.as_bytes(), key.as_bytes());
    let redis = connect(config.unwrap()).await;
    assert_eq!(run(&redis, "a").await.unwrap(), 1);
}

#[tokio::test]
async fn one_end_in_plain_text_is_an_error_and_not_a_wait() {
    let authority = Authority::new();
    let encrypted = authority.serve("127.0.0.1");
    let plain = encrypted.url().replace("rediss", "redis");
    check_refused(RedisConfig::from_url(&plain).unwrap(), "reached").await;
    let server = RedisServer::start();
    let url = server.url().replace("redis", "rediss");
    check_refused(authority.trusted_at(&url), "reached").await;
}
