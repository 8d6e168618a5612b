//! A token that passed before passes again only while it would for the first time.

use portcullis_jwt::{KeySet, SigningKey};
use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Keeps the first key, the second, or both.
    Keys(bool, bool),
    /// Seconds go by.
    Pass(u64),
    /// Token number n is revoked.
    Revoke(usize),
}

/// What a test knows of a token besides its text.
struct Known {
    text: String,
    jti: String,
    key: usize,
    expires: Timestamp,
    is_access: bool,
    is_revoked: bool,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u8..3).prop_map(|which| Step::Keys(which != 1, which != 0)),
        (1_u64..120).prop_map(Step::Pass),
        (0_usize..8).prop_map(Step::Revoke),
    ]
}

fn key(which: usize) -> SigningKey {
    let secret = Secret::new(vec![u8::try_from(which).unwrap() + 1; 32]);
    let kid = ["a", "b"][which];
    SigningKey::hs256(&secret).unwrap().with_kid(kid).unwrap()
}

/// Access and refresh tokens of both keys that live for one or five minutes.
fn tokens() -> Vec<Known> {
    let session = SessionParams {
        sid: "the-session",
        started: NOW,
        ends: END,
    };
    let mint = |at: usize| {
        let (key_of, is_access) = (at & 1, at & 2 == 0);
        let minter = Minter::new(KeyRing::new(KeySet::new(key(key_of))));
        let jti = format!("jti-{at}");
        let expires = NOW + Duration::from_secs(if at & 4 == 0 { 60 } else { 300 });
        let text = if is_access {
            minter.mint_access(&AccessParams {
                subject: "42",
                jti: &jti,
                issued_at: NOW,
                expires,
                session: Some(session),
                extra: None,
            })
        } else {
            minter.mint_refresh(&RefreshParams {
                subject: "42",
                jti: &jti,
                issued_at: NOW,
                expires,
                session,
                generation: 0,
            })
        };
        Known {
            text: text.unwrap(),
            jti,
            key: key_of,
            expires,
            is_access,
            is_revoked: false,
        }
    };
    (0..8).map(mint).collect()
}

fn ring(first: bool, second: bool) -> KeySet {
    match (first, second) {
        (true, true) => KeySet::new(key(0))
            .with_verifying(key(1).verifying_key())
            .unwrap(),
        (true, false) => KeySet::new(key(0)),
        _ => KeySet::new(key(1)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_remembered_token_is_refused_as_soon_as_a_new_one_would_be(
        steps in vec(step(), 1..16),
    ) {
        let (clock, store) = (ManualClock::at(NOW), Store::default());
        let keys = KeyRing::new(ring(true, true));
        let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys.clone()))
            .with_clock(Arc::new(clock.clone()))
            .with_revocation(Revocation::Local(Arc::new(store.clone())))
            .unwrap();
        let mut tokens = tokens();
        let mut in_use = [true, true];
        // One step that changes nothing first: then every token has been seen.
        for step in [Step::Keys(true, true)].into_iter().chain(steps) {
            match step {
                Step::Keys(first, second) => {
                    in_use = [first, second];
                    keys.replace(ring(first, second));
                }
                Step::Pass(secs) => clock.advance(Duration::from_secs(secs)),
                Step::Revoke(at) => {
                    store.revoke(&tokens[at].jti);
                    tokens[at].is_revoked = true;
                }
            }
            for token in &tokens {
                let bearer = format!("Bearer {}", token.text);
                let alive = token.is_access
                    && !token.is_revoked
                    && in_use[token.key]
                    && clock.now() < token.expires;
                for _ in 0..2 {
                    let passed = run(&layer, &[("authorization", &bearer)]).is_ok();
                    prop_assert_eq!(passed, alive, "{}", token.jti);
                }
            }
        }
    }
}
