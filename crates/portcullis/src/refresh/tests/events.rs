//! What is reported of a session: enough to follow it, and nothing that was given out.

use portcullis_core::{
    audit::{AuditEvent, IdHash},
    rotation::{NewFamily, Opened, Presented, RevokeReason, Session, Verdict},
    store::{Confirmation, FamilyStore, StoreError},
};
use portcullis_jwt::TokenReader;

use super::*;

/// The ids in the tokens that `browser` holds, and the tokens.
fn given(world: &World, browser: &Browser) -> (String, Vec<String>) {
    let reader = TokenReader::new(KeyRing::hs256(Secret::new([1; 32])).unwrap());
    let (access, refresh) = (
        browser.cookie("access_token"),
        browser.cookie("refresh_token"),
    );
    let now = world.clock.now();
    let claims = reader.read_access::<()>(access.as_bytes(), now).unwrap();
    let of_refresh = reader.read_refresh(refresh.as_bytes(), now).unwrap();
    let sid = claims.base().session().unwrap().sid().to_owned();
    let secrets = [
        access,
        refresh,
        claims.base().jti(),
        of_refresh.base().jti(),
    ];
    (sid, secrets.map(str::to_owned).to_vec())
}

#[test]
fn events_name_a_session_by_its_hash_and_show_nothing_that_was_given_out() {
    let world = World::new();
    let mut owner = Browser::logged_in(&world);
    let (sid, mut secrets) = given(&world, &owner);
    let mut thief = owner.clone();
    for _ in 0..2 {
        owner.refresh().expect(200);
        secrets.extend(given(&world, &owner).1);
        world.advance(60);
    }
    let phone = Browser::logged_in(&world);
    let (other, others) = given(&world, &phone);
    secrets.extend(others);
    secrets.extend([sid.clone(), other.clone()]);
    owner
        .delete(&format!("/api/auth/sessions/{other}/"))
        .expect(200);
    Browser::logged_in(&world)
        .post("/api/auth/logout/", "")
        .expect(200);
    thief.refresh().refused(401, "token_not_valid");
    owner.get("/api/auth/me/").refused(401, "token_not_valid");

    let events = world.audit.events();
    let output = format!("{events:?}");
    for secret in secrets {
        assert!(!output.contains(&secret), "{secret}: {output}");
    }
    let kinds_of = |sid: &str| {
        let hash = Some(IdHash::of(sid));
        let of_session = events.iter().filter(|event| event.session == hash);
        of_session.map(|event| event.kind).collect::<Vec<_>>()
    };
    let refreshed = AuditKind::Refreshed;
    assert_eq!(
        kinds_of(&sid),
        [
            AuditKind::LoginSucceeded,
            refreshed,
            refreshed,
            AuditKind::Reuse
        ]
    );
    assert_eq!(
        kinds_of(&other),
        [AuditKind::LoginSucceeded, AuditKind::Logout]
    );
}

#[test]
fn the_debug_output_of_an_answer_shows_no_token() {
    for delivery in [Delivery::Cookies, Delivery::AccessInBody] {
        let world = World::with(|builder| builder.with_delivery(delivery));
        let browser = Browser::open(&world);
        let body = r#"{"username": "ada", "password": "engine"}"#;
        let mut request = browser.request(Request::post("/api/auth/login/"), body);
        let peer = PeerAddr::from(([192, 0, 2, 1], 50_000));
        request.extensions_mut().insert(peer);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = tokio_test::block_on(world.service.clone().oneshot(request)).unwrap();
        let output = format!("{response:?}");
        let reply = Reply::read(response).expect(200);
        let lines = reply.cookies();
        let mut tokens: Vec<_> = lines.iter().map(|line| value(line)).collect();
        let in_body = reply.json();
        tokens.extend(in_body["access"].as_str());
        assert!(tokens.len() >= 3, "{tokens:?}");
        for token in tokens {
            assert!(!output.contains(token), "{token}: {output}");
        }
    }
}

/// The value of the cookie that `line` sets.
fn value(line: &str) -> &str {
    let (_, rest) = line.split_once('=').unwrap();
    rest.split(';').next().unwrap()
}

/// Families whose revocations no replica confirms.
#[derive(Debug)]
struct Unconfirmed(Arc<dyn FamilyStore>);

impl FamilyStore for Unconfirmed {
    fn open(&self, new: &NewFamily<'_>, policy: &RotationPolicy) -> Answered<Opened> {
        self.0.open(new, policy)
    }

    fn rotate(&self, presented: &Presented<'_>, policy: &RotationPolicy) -> Answered<Verdict> {
        self.0.rotate(presented, policy)
    }

    fn revoke(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answered<Confirmation> {
        let revoked = self.0.revoke(subject, sid, reason, policy);
        revoked.map(|done| done.map(|_| Confirmation::Unconfirmed))
    }

    fn revoke_known(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answered<Option<Confirmation>> {
        let revoked = self.0.revoke_known(subject, sid, reason, policy);
        revoked.map(|done| done.map(|known| known.map(|_| Confirmation::Unconfirmed)))
    }

    fn revoke_all(&self, subject: &str, policy: &RotationPolicy) -> Answered<Confirmation> {
        let revoked = self.0.revoke_all(subject, policy);
        revoked.map(|done| done.map(|_| Confirmation::Unconfirmed))
    }

    fn list(&self, subject: &str) -> Answered<Vec<Session>> {
        self.0.list(subject)
    }
}

type Answered<T> = Answer<Result<T, StoreError>>;

#[test]
fn a_revocation_that_no_replica_confirmed_is_reported_with_its_user_and_session() {
    let unconfirmed = |stores: Stores| Stores {
        families: Arc::new(Unconfirmed(stores.families)),
        ..stores
    };
    let world = World::on(unconfirmed, |builder| builder);
    for (path, has_session) in [
        ("/api/auth/logout/", true),
        ("/api/auth/logout-all/", false),
        ("/api/auth/login/", true),
        ("/api/auth/sessions/", true),
    ] {
        let mut browser = Browser::logged_in(&world);
        let (sid, _) = given(&world, &browser);
        let reply = match path {
            "/api/auth/login/" => browser.log_in("ada", "engine"),
            "/api/auth/sessions/" => browser.delete(&format!("{path}{sid}/")),
            _ => browser.post(path, ""),
        };
        let events = world.audit.events();
        let is_unconfirmed = |event: &&AuditEvent| event.kind == AuditKind::RevocationUnconfirmed;
        let event = events.iter().rev().find(is_unconfirmed).unwrap();
        reply.expect(200);
        assert_eq!(event.subject.as_deref(), Some(ADA), "{path}");
        assert_eq!(
            event.session,
            has_session.then(|| IdHash::of(&sid)),
            "{path}"
        );
    }
}
