//! Holds the store's answers against the model's.

use portcullis_core::{
    rotation::{GrantKind, Refusal, Verdict},
    store::TokenFacts,
};

use super::{Run, USERS};
use crate::harness::Harness;

/// The verdict by the name that the design gives it.
pub(super) const fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Granted(grant) => match grant.kind {
            GrantKind::Ahead => "AHEAD",
            GrantKind::Lost => "LOST",
            GrantKind::Replay => "REPLAY",
            GrantKind::Rotated => "ROTATED",
            GrantKind::Same => "SAME",
        },
        Verdict::Refused(Refusal::Expired) => "EXPIRED",
        Verdict::Refused(Refusal::Reuse) => "REUSE",
        Verdict::Refused(Refusal::Revoked(_)) => "REVOKED",
        Verdict::Refused(Refusal::Unknown) => "UNKNOWN",
    }
}

impl<H: Harness> Run<'_, H> {
    #[track_caller]
    pub(super) fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, store: &T, model: &T) {
        assert!(
            store == model,
            "{what} differs (seed {}):\nstore {store:?}\nmodel {model:?}\nafter\n{}",
            self.seed,
            self.told.join("\n"),
        );
    }

    /// Compares the lists, every access token that is not expired, and the blacklist.
    pub(super) async fn compare(&self) {
        let now = self.now();
        for subject in USERS {
            let sessions = self.harness.families().list(subject).await;
            let sessions: Vec<_> = sessions
                .expect("the store answers")
                .into_iter()
                .map(|line| {
                    (
                        line.sid.as_str().to_owned(),
                        line.created,
                        line.last_used,
                        line.label,
                    )
                })
                .collect();
            self.same("the list", &sessions, &self.model.list(subject, now));
        }
        for token in self.access.iter().filter(|token| now < token.expires) {
            let facts = TokenFacts {
                subject: token.subject,
                session: Some(&token.sid),
                jti: &token.jti,
                issued_at: token.issued_at,
                session_started: Some(token.created),
            };
            let revoked = self.harness.revocations().is_revoked(&facts).await;
            if token.created < self.start && self.model.is_gone(token.subject, &token.sid, now) {
                continue; // a store may refuse what is older than itself and idled out
            }
            let family = (token.sid.as_str(), token.created);
            let expected = self
                .model
                .is_revoked(token.subject, family, &token.jti, now);
            self.same(
                "the revocation",
                &revoked.expect("the store answers"),
                &expected,
            );
        }
        for session in self
            .sessions
            .iter()
            .filter(|session| session.adoption.is_some())
        {
            let listed = self
                .harness
                .blacklist()
                .contains(session.subject, &session.sid)
                .await;
            let expected = self.model.is_listed(session.subject, &session.sid, now);
            self.same(
                "the blacklist",
                &listed.expect("the store answers"),
                &expected,
            );
        }
    }
}
