use std::sync::mpsc;

use portcullis_core::{
    Secret,
    audit::{AuditKind, MemoryAudit},
    clock::{SystemClock, Timestamp},
};
use tokio::time::advance;

use super::*;
use crate::{
    CachedReader, Minter, SigningKey, TokenReader, TokenRejection, jwks::task::Progress,
    mint::AccessParams,
};

mod schedule;
mod server;
mod tls;

use server::{Answer, Server};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const ED: &str = include_str!("../key/tests/keys/ed.pem");
const P256: &str = include_str!("../key/tests/keys/p256.pem");
const EMPTY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const MOVED: &str =
    "HTTP/1.1 302 Found\r\nlocation: /jwks.json\r\ncontent-length: 13\r\n\r\n{\"keys\": []}\n";

fn ed(kid: &str) -> SigningKey {
    let key = SigningKey::from_pem(Algorithm::EdDsa, &Secret::new(ED)).unwrap();
    key.with_kid(kid).unwrap()
}

fn p256(kid: &str) -> SigningKey {
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(P256)).unwrap();
    key.with_kid(kid).unwrap()
}

fn document(key: SigningKey) -> String {
    KeySet::new(key).to_jwks()
}

fn token(key: SigningKey) -> String {
    let params = AccessParams {
        subject: "42",
        jti: "j",
        issued_at: NOW,
        expires: Timestamp::from_secs(1_700_000_300),
        session: None,
        extra: None,
    };
    let minter = Minter::new(KeyRing::new(KeySet::new(key)));
    minter.mint_access(&params).unwrap()
}

/// Stops tokio's clock, which would otherwise run ahead whenever the test waits for a socket: it
/// stands as long as something blocks.
fn stop_clock() -> mpsc::Sender<()> {
    tokio::time::pause();
    let (keep, ended) = mpsc::channel();
    tokio::task::spawn_blocking(move || ended.recv());
    keep
}

/// Moves the clock, by a little more: the timer counts milliseconds.
async fn pass(span: Duration) {
    advance(span + Duration::from_millis(2)).await;
}

/// A server, a refresh of its keys, and a reader behind it.
struct World {
    server: Server,
    refresh: JwksRefresh,
    reader: TokenReader,
    _clock: mpsc::Sender<()>,
}

impl World {
    async fn new(answer: Answer) -> Self {
        Self::configured(answer, |remote| remote).await
    }

    async fn configured(answer: Answer, set: impl FnOnce(RemoteJwks) -> RemoteJwks) -> Self {
        let clock = stop_clock();
        let server = Server::start(answer).await;
        let remote = set(RemoteJwks::new(&server.url()).unwrap());
        let refresh = remote.start().unwrap();
        Self {
            server,
            reader: TokenReader::new(refresh.keys().clone()),
            refresh,
            _clock: clock,
        }
    }

    fn read(&self, token: &str) -> Result<(), TokenRejection> {
        let claims = self.reader.read_access::<()>(token.as_bytes(), NOW);
        claims.map(|claims| assert_eq!(claims.base().subject(), "42"))
    }

    /// What is known after `count` fetches.
    async fn fetched(&self, count: u64) -> Progress {
        let mut progress = self.refresh.progress.clone();
        let reached = progress.wait_for(|progress| progress.attempts >= count);
        let progress = reached.await.unwrap().clone();
        assert_eq!(progress.attempts, count, "no more fetches than that");
        progress
    }
}

#[tokio::test]
async fn tokens_of_another_server_are_read_once_its_keys_are_here() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    assert_eq!(world.read(&token(ed("a"))), Err(TokenRejection::KidUnknown));
    world.refresh.ready().await.unwrap();
    assert_eq!(world.read(&token(ed("a"))), Ok(()));
    assert_eq!(world.refresh.last_failure(), None);
}

#[tokio::test]
async fn the_interval_brings_new_keys_and_removes_old_ones() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    world.fetched(1).await;
    world.server.answers(Answer::Json(document(p256("b"))));
    pass(Duration::from_secs(300)).await;
    world.fetched(2).await;
    assert_eq!(world.read(&token(p256("b"))), Ok(()));
    assert_eq!(world.read(&token(ed("a"))), Err(TokenRejection::KidUnknown));
}

#[tokio::test]
async fn an_unknown_name_brings_the_next_fetch_forward() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    world.fetched(1).await;
    world.server.answers(Answer::Json(document(p256("b"))));
    pass(Duration::from_secs(60)).await;
    assert_eq!(
        world.read(&token(p256("b"))),
        Err(TokenRejection::KidUnknown)
    );
    world.fetched(2).await;
    assert_eq!(
        world.read(&token(p256("b"))),
        Ok(()),
        "the next request profits"
    );
}

#[tokio::test]
async fn a_flood_of_unknown_names_makes_one_fetch_in_thirty_seconds() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    world.fetched(1).await;
    let good = token(ed("a"));
    for round in 2..6 {
        for n in 0..500 {
            let stranger = token_named(&format!("{round}-{n}"));
            assert_eq!(world.read(&stranger), Err(TokenRejection::KidUnknown));
        }
        assert_eq!(world.read(&good), Ok(()), "while it lasts");
        pass(MIN_GAP / 2).await;
        assert_eq!(
            world.read(&token_named("x")),
            Err(TokenRejection::KidUnknown)
        );
        pass(MIN_GAP / 2).await;
        world.fetched(round).await;
    }
    let requests = world.server.requests();
    assert_eq!(requests.len(), 5);
    for pair in requests.windows(2) {
        assert!(pair[1] - pair[0] >= MIN_GAP, "{pair:?}");
    }
}

/// A forged token: nobody has to sign to name a key.
fn token_named(kid: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"JWT"}}"#);
    let header = crate::compact::encode(header.as_bytes());
    format!("{header}.e30.AAAA")
}

#[tokio::test]
async fn a_name_that_was_unknown_before_the_keys_came_costs_no_second_fetch() {
    let world = World::new(Answer::Silence).await;
    world.server.asked(1).await;
    assert!(world.read(&token(ed("a"))).is_err());
    world.server.answers(Answer::Json(document(ed("a"))));
    pass(DEADLINE).await;
    world.fetched(1).await;
    pass(MIN_GAP).await;
    world.fetched(2).await;
    pass(Duration::from_secs(120)).await;
    world.server.answers(Answer::Json(document(p256("b"))));
    pass(Duration::from_secs(180)).await;
    world.fetched(3).await;
    assert_eq!(world.server.requests().len(), 3);
}

#[track_caller]
fn failure(progress: &Progress) -> String {
    assert!(progress.has_keys, "the last good ones");
    progress.failure.as_ref().unwrap().to_string()
}

fn many_keys() -> String {
    let key = document(ed("a"));
    let key = &key["{\"keys\":[".len()..key.len() - 2];
    let keys: Vec<_> = (0..33)
        .map(|n| key.replace("\"a\"", &format!("\"a{n}\"")))
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

#[tokio::test]
async fn whatever_the_server_answers_the_last_good_keys_stay() {
    let good = document(ed("a"));
    let key = &good["{\"keys\":[".len()..good.len() - 2];
    let twice = format!(r#"{{"keys":[{key},{key}]}}"#);
    let mixed = format!(r#"{{"keys":[{key},{{"kty":"oct","k":"AAAA","kid":"s"}}]}}"#);
    let padded = format!("{}{good}", " ".repeat(crate::key::MAX_JWKS_BYTES));
    let cases = [
        (Answer::Endless, "longer than 256 KiB"),
        (Answer::Json("not json".into()), "cannot be used"),
        (Answer::Json("[]".into()), "cannot be used"),
        (Answer::Json(r#"{"keys":[]}"#.into()), "none of its keys"),
        (
            Answer::Json(good[..good.len() - 1].into()),
            "cannot be used",
        ),
        (Answer::Json(many_keys()), "more than 32 keys"),
        (Answer::Json(mixed), "private or symmetric"),
        (Answer::Json(padded), "longer than 256 KiB"),
        (Answer::Json(twice), "two keys are called \"a\""),
        (Answer::Raw(""), "error"),
        (Answer::Raw("SSH-2.0-OpenSSH\r\n\r\n"), "error"),
        (
            Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
            "error",
        ),
        (Answer::Raw(EMPTY), "status 503"),
        (Answer::Raw(MOVED), "status 302"),
        (Answer::Silence, "within 5 s"),
        (Answer::Stall, "within 5 s"),
    ];
    let world = World::new(Answer::Json(good.clone())).await;
    world.fetched(1).await;
    let token = token(ed("a"));
    for (count, (answer, want)) in (2..).zip(cases) {
        let slow = matches!(answer, Answer::Silence | Answer::Stall);
        world.server.answers(answer.clone());
        pass(if count == 2 {
            Duration::from_secs(300)
        } else {
            MIN_GAP
        })
        .await;
        if slow {
            world.server.asked(count).await;
            assert_eq!(
                world.read(&token),
                Ok(()),
                "no request waits for the server"
            );
            pass(DEADLINE).await;
        }
        let progress = world.fetched(count as u64).await;
        let message = failure(&progress);
        assert!(message.contains(want), "{answer:?}: {message}");
        assert!(!message.contains("127.0.0.1"), "{message}");
        assert_eq!(world.read(&token), Ok(()), "after {answer:?}");
        assert_eq!(world.server.requests().len(), count, "one request a fetch");
    }
    world.server.answers(Answer::Json(document(p256("b"))));
    pass(MIN_GAP).await;
    world.fetched(18).await;
    assert_eq!(world.refresh.last_failure(), None);
    assert_eq!(world.read(&token), Err(TokenRejection::KidUnknown));
}

#[tokio::test]
async fn a_server_that_is_gone_serves_a_day_and_is_welcome_back() {
    let audit = Arc::new(MemoryAudit::default());
    let sink = audit.clone();
    let mut world = World::configured(Answer::Json(document(ed("a"))), |remote| {
        remote.with_audit(sink, Arc::new(SystemClock))
    })
    .await;
    let token = token(ed("a"));
    world.fetched(1).await;
    world.server.stop().await;

    pass(Duration::from_secs(24 * 3600 - 60)).await;
    failure(&world.fetched(2).await);
    assert_eq!(world.read(&token), Ok(()), "within 24 h");

    pass(Duration::from_secs(61)).await;
    let mut progress = world.refresh.progress.clone();
    let dropped = progress.wait_for(|progress| !progress.has_keys);
    dropped.await.unwrap();
    assert_eq!(world.read(&token), Err(TokenRejection::KidUnknown));
    world.fetched(3).await;

    world.server.restart(Answer::Json(document(ed("a")))).await;
    pass(MIN_GAP).await;
    world.fetched(4).await;
    assert_eq!(world.read(&token), Ok(()), "back");

    let kinds = audit.kinds();
    assert_eq!(kinds.first(), Some(&AuditKind::KeysChanged));
    assert_eq!(kinds.last(), Some(&AuditKind::KeysChanged));
    let reasons: Vec<_> = audit
        .events()
        .into_iter()
        .filter_map(|event| event.reason)
        .collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("24 h")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn the_same_document_again_forgets_no_verification() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    world.fetched(1).await;
    let reader = CachedReader::<()>::new(world.reader.clone());
    let token = token(ed("a"));
    let first = reader.read(token.as_bytes(), NOW).unwrap();
    pass(Duration::from_secs(300)).await;
    world.fetched(2).await;
    let again = reader.read(token.as_bytes(), NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
}

#[tokio::test]
async fn without_the_handle_there_are_no_keys() {
    let world = World::new(Answer::Json(document(ed("a")))).await;
    world.fetched(1).await;
    let token = token(ed("a"));
    assert_eq!(world.read(&token), Ok(()));
    world.refresh.stop().await;
    let refused = world.reader.read_access::<()>(token.as_bytes(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRejection::KidUnknown);
}

#[tokio::test]
async fn a_dropped_handle_ends_the_task_in_the_middle_of_a_fetch() {
    let world = World::new(Answer::Silence).await;
    world.server.asked(1).await;
    let mut progress = world.refresh.progress.clone();
    drop(world.refresh);
    assert!(progress.changed().await.is_err(), "the task has ended");
}

#[tokio::test]
async fn who_waits_for_the_first_keys_hears_why_there_are_none() {
    let world = World::new(Answer::Raw(EMPTY)).await;
    assert_eq!(world.refresh.ready().await, Err(FetchError::Status(503)));
}

#[track_caller]
fn check_refused<T: fmt::Debug>(found: Result<T, JwksError>, wants: &[&str]) {
    let message = found.unwrap_err().to_string();
    for want in wants {
        assert!(message.contains(want), "{message}");
    }
}

#[test]
fn an_address_where_others_could_choose_the_keys_is_refused() {
    for address in [
        "",
        "/jwks.json",
        "file:///etc/jwks.json",
        "ftp://127.0.0.1/",
        "http://0.0.0.0/",
        "http://127.0.0.1.example/",
        "http://login.example/jwks.json",
        "http://localhost.example/",
        "https://login.example/#keys",
    ] {
        check_refused(
            RemoteJwks::new(address),
            &[&format!("{address:?}"), "want https://"],
        );
    }
    let secret = RemoteJwks::new("https://user:hunter2@login.example/").unwrap_err();
    assert!(!secret.to_string().contains("hunter2"), "{secret}");
    for address in [
        "https://login.example/jwks.json?v=1",
        "http://127.0.0.1:8000/",
        "http://127.8.8.8/",
        "http://[::1]:8000/",
        "http://localhost:8000/",
    ] {
        assert!(RemoteJwks::new(address).is_ok(), "{address}");
    }
}

#[test]
fn a_setting_out_of_bounds_names_itself_and_what_is_wanted() {
    let remote = RemoteJwks::new("https://login.example/").unwrap();
    for interval in [Duration::ZERO, Duration::from_millis(29_999), MAX_STALE] {
        let found = remote.clone().with_refresh_interval(interval);
        check_refused(found, &[&format!("{interval:?}"), "30 s to 12 h"]);
    }
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let found = remote.clone().with_rsa_algorithm(algorithm);
        check_refused(found, &[algorithm.name(), "PS512"]);
    }
    assert!(remote.clone().with_refresh_interval(MIN_GAP).is_ok());
    assert!(remote.clone().with_rsa_algorithm(Algorithm::Ps256).is_ok());
    check_refused(remote.start(), &["no runtime", "tokio"]);
}
