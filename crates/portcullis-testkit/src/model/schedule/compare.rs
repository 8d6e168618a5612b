//! Holds the store's answers against the model's.

use portcullis_core::{
    clock::Timestamp,
    rotation::{GrantKind, Refusal, Verdict},
    store::TokenFacts,
};

use super::{Access, Run, Session, USERS};
use crate::harness::{Harness, join};

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
    ///
    /// All that is to be known is asked for at once: a store on a network answers it in one go.
    pub(super) async fn compare(&self) {
        let now = self.now();
        self.compare_lists(now).await;
        self.compare_access(now).await;
        self.compare_blacklist(now).await;
    }

    async fn compare_lists(&self, now: Timestamp) {
        let families = self.harness.families();
        let asked = USERS.iter().map(|subject| families.list(subject));
        for (sessions, subject) in join(asked.collect()).await.into_iter().zip(USERS) {
            let sessions = sessions.expect("the store answers").into_iter();
            let sessions: Vec<_> = sessions
                .map(|line| {
                    let sid = line.sid.as_str().to_owned();
                    (sid, line.created, line.last_used, line.label)
                })
                .collect();
            self.same("the list", &sessions, &self.model.list(subject, now));
        }
    }

    async fn compare_access(&self, now: Timestamp) {
        let is_due = |token: &&Access| {
            // A store may refuse what is older than itself and idled out.
            let is_gone = || self.model.is_gone(token.subject, &token.sid, now);
            now < token.expires && !(token.created < self.start && is_gone())
        };
        let tokens: Vec<&Access> = self.access.iter().filter(is_due).collect();
        let asked = tokens.iter().map(|token| {
            self.harness.revocations().is_revoked(&TokenFacts {
                subject: token.subject,
                session: Some(&token.sid),
                jti: &token.jti,
                issued_at: token.issued_at,
                session_started: Some(token.created),
            })
        });
        for (revoked, token) in join(asked.collect()).await.into_iter().zip(tokens) {
            let family = (token.sid.as_str(), token.created);
            let expected = self
                .model
                .is_revoked(token.subject, family, &token.jti, now);
            let revoked = revoked.expect("the store answers");
            self.same("the revocation", &revoked, &expected);
        }
    }

    async fn compare_blacklist(&self, now: Timestamp) {
        let is_foreign = |session: &&Session| session.adoption.is_some();
        let foreign: Vec<&Session> = self.sessions.iter().filter(is_foreign).collect();
        let blacklist = self.harness.blacklist();
        let asked = foreign
            .iter()
            .map(|session| blacklist.contains(session.subject, &session.sid));
        for (listed, session) in join(asked.collect()).await.into_iter().zip(foreign) {
            let expected = self.model.is_listed(session.subject, &session.sid, now);
            let listed = listed.expect("the store answers");
            self.same("the blacklist", &listed, &expected);
        }
    }
}
