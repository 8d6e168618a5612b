//! One refresh token, used by everybody at once.

use std::{collections::BTreeSet, time::Duration};

use portcullis::{
    Secret,
    jwt::{Algorithm, KeyRing, KeySet, SigningKey},
};
use portcullis_testkit::RedisServer;
use tokio::task::JoinSet;

use super::world::{Browser, Node, Reply, World, claims, insist};

const USES: usize = 500;

/// Longer than a busy machine needs to sign five hundred times with RSA.
pub(crate) const OVERLAP: Duration = Duration::from_secs(60);

/// Uses the browser's refresh token so often at once, on the nodes in turn.
pub(crate) async fn storm(nodes: &[Node; 2], browser: &Browser) -> Vec<Reply> {
    let mut uses = JoinSet::new();
    for number in 0..USES {
        let (node, browser) = (nodes[number % 2].clone(), browser.clone());
        uses.spawn(async move { insist(|| node.refresh(&browser)).await });
    }
    uses.join_all().await
}

/// The successors in `replies`, by what `mark` says of each.
pub(crate) fn successors(replies: &[Reply], mark: impl Fn(String) -> String) -> BTreeSet<String> {
    let tokens = replies
        .iter()
        .filter_map(|reply| reply.cookie("refresh_token"));
    tokens.map(mark).collect()
}

async fn check(algorithm: Algorithm, pem: Option<&str>) {
    let server = RedisServer::start();
    let mut world = World::new(server.url()).with_overlap(OVERLAP);
    if let Some(pem) = pem {
        let key = SigningKey::from_pem(algorithm, &Secret::new(pem)).unwrap();
        world = world.signing_with(KeyRing::new(KeySet::new(key)));
    }
    let nodes = [world.node().await, world.node().await];
    let browser = nodes[0].log_in("ann").await;
    let replies = storm(&nodes, &browser).await;
    assert_eq!(replies.len(), USES);
    for reply in &replies {
        assert_eq!(reply.status, 200, "{algorithm}: {reply:?}");
    }

    let jti = |token: String| claims(&token)["jti"].as_str().unwrap().to_owned();
    assert_eq!(
        successors(&replies, jti).len(),
        1,
        "{algorithm}: one successor"
    );
    let is_deterministic = !matches!(
        algorithm,
        Algorithm::Es256
            | Algorithm::Es384
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512
    );
    let tokens = successors(&replies, |token| token);
    if is_deterministic {
        assert_eq!(tokens.len(), 1, "{algorithm}: the identical token for all");
    }
    for token in &tokens {
        assert_eq!(claims(token)["gen"], 1, "{algorithm}: one rotation");
    }
    let mut winner = browser.clone();
    winner.keep(&replies[0]);
    winner.refresh = tokens.into_iter().next().unwrap();
    for node in &nodes {
        node.refresh(&winner).await.expect(200);
        for reply in &replies {
            let access = reply.cookie("access_token").unwrap();
            assert_eq!(node.knock(&access).await, 200, "nobody is logged out");
        }
    }
    world.scan(&server);
}

const RSA: &str = include_str!("../../../crates/portcullis-jwt/src/key/tests/keys/rsa.pem");
const P256: &str = include_str!("../../../crates/portcullis-jwt/src/key/tests/keys/p256.pem");
const ED: &str = include_str!("../../../crates/portcullis-jwt/src/key/tests/keys/ed.pem");

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_by_hs256() {
    check(Algorithm::Hs256, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_by_rs256() {
    check(Algorithm::Rs256, Some(RSA)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_by_eddsa() {
    check(Algorithm::EdDsa, Some(ED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_by_es256() {
    check(Algorithm::Es256, Some(P256)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_by_ps256() {
    check(Algorithm::Ps256, Some(RSA)).await;
}
