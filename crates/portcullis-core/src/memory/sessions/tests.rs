use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::rotation::{Adoption, Refusal, SessionId};

mod bounds;
mod revocation;
mod watches;

const START: u64 = 1_700_000_000_000;
const POLICY: RotationPolicy = RotationPolicy {
    overlap: Duration::from_secs(10),
    lost_budget: Duration::from_secs(86_400),
    idle: Duration::from_secs(3_600),
    absolute: Duration::from_secs(7_200),
    access: Duration::from_secs(300),
    max_families: 3,
};

/// A clock that is set by hand; milliseconds.
#[derive(Debug)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }
}

/// A store, its clock, and short names for what the tests do.
struct Fixture {
    store: MemorySessions,
    clock: Arc<Hand>,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(Hand(AtomicU64::new(START)));
        Self {
            store: MemorySessions::new(clock.clone()),
            clock,
        }
    }

    /// Sets the clock to `at` milliseconds after the start.
    fn at(&self, at: u64) -> &Self {
        self.clock.0.store(START + at, Ordering::Relaxed);
        self
    }

    fn try_open(&self, subject: &str, sid: &str) -> Result<Opened, StoreError> {
        let sid = SessionId::parse(sid).expect("a test names its families well");
        let family = NewFamily {
            subject,
            sid: &sid,
            key_version: 1,
            label: Some(sid.as_str()),
        };
        taken(self.store.open(&family, &POLICY))
    }

    #[track_caller]
    fn open(&self, subject: &str, sid: &str) -> Opened {
        self.try_open(subject, sid).expect("there is room")
    }

    #[track_caller]
    fn rotate(&self, subject: &str, sid: &str, generation: u64) -> Verdict {
        let presented = Presented {
            subject,
            sid,
            generation,
            adoption: None,
        };
        taken(self.store.rotate(&presented, &POLICY)).expect("no room is needed")
    }

    fn adopt(&self, subject: &str, jti: &str) -> Result<Verdict, StoreError> {
        let presented = Presented {
            subject,
            sid: jti,
            generation: 0,
            adoption: Some(Adoption {
                created: Timestamp::from_millis(START - 60_000),
                absolute_end: Timestamp::from_millis(START + 7_200_000),
                token_expires: Timestamp::from_millis(START + 7_000_000),
                key_version: 1,
            }),
        };
        taken(self.store.rotate(&presented, &POLICY))
    }

    fn revoke(&self, subject: &str, sid: &str) -> Result<Confirmation, StoreError> {
        taken(
            self.store
                .revoke(subject, sid, RevokeReason::Logout, &POLICY),
        )
    }

    fn revoke_all(&self, subject: &str) -> Result<Confirmation, StoreError> {
        taken(self.store.revoke_all(subject, &POLICY))
    }

    fn is_revoked(&self, token: &TokenFacts<'_>) -> bool {
        taken(self.store.is_revoked(token)).expect("memory answers")
    }

    fn listed(&self, subject: &str) -> Vec<String> {
        let sessions = taken(self.store.list(subject)).expect("memory answers");
        sessions
            .iter()
            .map(|session| session.sid.as_str().to_owned())
            .collect()
    }
}

fn taken<T>(answer: Answer<T>) -> T {
    answer.into_now().expect("memory answers at once")
}

/// An access token of family `sid`, opened `started` milliseconds after the start.
fn token<'a>(subject: &'a str, sid: &'a str, started: u64) -> TokenFacts<'a> {
    TokenFacts {
        subject,
        session: Some(sid),
        jti: "access-jti",
        issued_at: Timestamp::from_millis(START + started),
        session_started: Some(Timestamp::from_millis(START + started)),
    }
}

/// An access token that Django issued.
fn django_token(subject: &str, issued_at: u64) -> TokenFacts<'_> {
    TokenFacts {
        subject,
        session: None,
        jti: "django-jti",
        issued_at: Timestamp::from_millis(START + issued_at),
        session_started: None,
    }
}

#[test]
fn a_family_is_its_users_alone() {
    let test = Fixture::new();
    test.open("ann", "a");
    assert_eq!(
        test.rotate("bob", "a", 0),
        Verdict::Refused(Refusal::Unknown)
    );
    let _ = test.revoke("bob", "a").expect("there is room");
    assert!(matches!(test.rotate("ann", "a", 0), Verdict::Granted(_)));
}

#[test]
fn an_id_that_is_taken_is_an_error_not_a_second_family() {
    let test = Fixture::new();
    test.open("ann", "a");
    assert_eq!(
        test.try_open("ann", "a").unwrap_err().to_string(),
        "the store failed: a family of this id exists",
    );
}

#[test]
fn sessions_are_listed_newest_first_with_their_label() {
    let test = Fixture::new();
    test.open("ann", "first");
    test.at(5_000).open("ann", "second");
    test.at(9_000).rotate("ann", "first", 0);
    assert_eq!(test.listed("ann"), ["second", "first"]);
    let sessions = taken(test.store.list("ann")).expect("memory answers");
    assert_eq!(sessions[1].label.as_deref(), Some("first"));
    assert_eq!(sessions[1].created, Timestamp::from_millis(START));
    assert_eq!(sessions[1].last_used, Timestamp::from_millis(START + 9_000));
    assert!(test.listed("bob").is_empty());
}

#[test]
fn a_label_is_cut_to_64_bytes_between_characters() {
    let test = Fixture::new();
    for (label, kept) in [
        ("x".repeat(65), 64),
        ("é".repeat(40), 64),
        ("€".repeat(22), 63),
    ] {
        let sid = SessionId::random().expect("the system has entropy");
        let family = NewFamily {
            subject: &label,
            sid: &sid,
            key_version: 1,
            label: Some(&label),
        };
        taken(test.store.open(&family, &POLICY)).expect("there is room");
        let sessions = taken(test.store.list(&label)).expect("memory answers");
        assert_eq!(sessions[0].label.as_deref(), Some(&label[..kept]));
    }
}

#[test]
fn one_family_too_many_ends_the_oldest() {
    let test = Fixture::new();
    for (at, sid) in [(0, "a"), (1, "b"), (2, "c"), (3, "d")] {
        test.at(at).open("ann", sid);
    }
    assert_eq!(test.listed("ann"), ["d", "c", "b"]);
    let ended = Refusal::Revoked(RevokeReason::Evicted);
    assert_eq!(test.rotate("ann", "a", 0), Verdict::Refused(ended));
    assert!(test.is_revoked(&token("ann", "a", 0)));
}

#[test]
fn a_family_that_is_idle_too_long_is_gone() {
    let test = Fixture::new();
    test.open("ann", "a");
    test.at(3_599_999);
    assert_eq!(test.listed("ann"), ["a"]);
    test.at(3_600_000);
    assert!(test.listed("ann").is_empty());
    assert_eq!(
        test.rotate("ann", "a", 0),
        Verdict::Refused(Refusal::Unknown)
    );
}

#[test]
fn a_token_of_djangos_becomes_a_family_once() {
    let test = Fixture::new();
    let Ok(Verdict::Granted(grant)) = test.adopt("ann", "jti") else {
        panic!("the token is good");
    };
    assert_eq!(grant.generation, 1);
    assert!(taken(test.store.contains("ann", "jti")).expect("memory answers"));
    assert_eq!(test.listed("ann"), ["jti"]);
    // Idle expiry forgets the family, not that the token was used.
    test.at(3_600_000);
    let listed = Verdict::Refused(Refusal::Revoked(RevokeReason::Listed));
    assert_eq!(test.adopt("ann", "jti").expect("no room is needed"), listed);
}
