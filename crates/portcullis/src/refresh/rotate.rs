//! `POST refresh/`: takes a refresh token, once, and hands out the next pair.

use portcullis_core::{
    audit::AuditKind,
    keys::Purpose,
    rejection::{AuthReason, Rejection},
    rotation::{
        Adoption, Grant, GrantKind, Presented, Refusal, RevokeReason, SessionId, Verdict,
        refresh_jti,
    },
};
use portcullis_jwt::{RefreshClaims, TokenRejection};
use subtle::ConstantTimeEq as _;

use super::{
    User,
    call::{Call, Outcome, session_of, unauthenticated},
    mint::{Draft, Minting, RefreshMinting},
};

/// A refresh token that may go to the store.
struct Candidate {
    claims: RefreshClaims,
    sid: SessionId,
    generation: u64,
    /// Whether Django issued it.
    foreign: bool,
}

impl Call<'_> {
    pub(super) async fn refresh(&self) -> Outcome {
        let address = self.address()?;
        // What needs no store is looked at first, so that both limits are asked at once. An address
        // that is above its quota is told so, whatever it sent.
        let checked = self.checked_candidate();
        let family = checked
            .as_ref()
            .ok()
            .map(|candidate| candidate.sid.as_str());
        let limited = self.shared.limits.refresh(address, family).await;
        limited.map_err(|blocked| self.blocked(blocked))?;
        let candidate = checked?;
        let user = self.still_active(&candidate).await?;
        let verdict = self.rotate(&candidate).await?;
        if candidate.foreign && used_up(&verdict) {
            self.tell_django(&candidate).await;
        }
        match verdict {
            Verdict::Granted(grant) => self.grant(&candidate, &user, &grant),
            Verdict::Refused(refusal) => Err(self.refused(&candidate, refusal)),
        }
    }

    /// The token presented, if the request is not forged.
    fn checked_candidate(&self) -> Result<Candidate, Rejection> {
        let known = self.known_refresh_tokens();
        let sessions: Vec<_> = known.iter().map(session_of).collect();
        self.check_csrf(&sessions)?;
        self.candidate().map_err(unauthenticated)
    }

    /// The one token presented, checked as far as it goes without the store: a forgery never
    /// reaches it.
    fn candidate(&self) -> Result<Candidate, AuthReason> {
        let mut cookies = self.refresh_cookies();
        let token = match (cookies.next(), cookies.next()) {
            (None, _) => return Err(AuthReason::Missing),
            (Some(token), None) => token,
            (Some(_), Some(_)) => return Err(AuthReason::Ambiguous),
        };
        let claims = self.shared.reader.read_refresh(token, self.now);
        let claims = claims.map_err(|rejection| AuthReason::Invalid(rejection.code()))?;
        let forged = AuthReason::Invalid(TokenRejection::Jti.code());
        let Some(session) = claims.base().session() else {
            let until = self.shared.adoption.as_ref().map(|adoption| adoption.until);
            if until.is_none_or(|until| self.now >= until) {
                return Err(AuthReason::Invalid("token_foreign"));
            }
            let sid = SessionId::parse(claims.base().jti()).ok_or(forged)?;
            return Ok(Candidate {
                claims,
                sid,
                generation: 0,
                foreign: true,
            });
        };
        let sid = SessionId::parse(session.sid()).ok_or(forged)?;
        // An adopted family's id is the jti of the token that Django issued, and its generations
        // from 1 on are ours.
        let generation = claims.generation().ok_or(forged)?;
        let ours = self.shared.keys.all().any(|key| {
            let jti = refresh_jti(&key.derive(Purpose::Successor), sid.as_str(), generation);
            bool::from(jti.as_bytes().ct_eq(claims.base().jti().as_bytes()))
        });
        if !ours {
            return Err(forged);
        }
        Ok(Candidate {
            claims,
            sid,
            generation,
            foreign: false,
        })
    }

    /// The user, who may have been deactivated since the login: then the family ends here.
    async fn still_active(&self, candidate: &Candidate) -> Result<User, Rejection> {
        let subject = candidate.claims.base().subject();
        let user = self.shared.authenticator.active_user(subject).await;
        if let Some(user) = user.map_err(|error| self.authenticator_failed(&error))? {
            return Ok(user);
        }
        if !candidate.foreign {
            let sid = candidate.sid.as_str();
            let families = &self.shared.stores.families;
            let revoked = families
                .revoke(subject, sid, RevokeReason::Inactive, &self.shared.policy)
                .await;
            let confirmation = revoked.map_err(|error| self.store_failed(&error))?;
            self.confirmed(confirmation, |event| {
                event.with_subject(subject).with_session(sid)
            });
        }
        Err(unauthenticated(AuthReason::Revoked))
    }

    async fn rotate(&self, candidate: &Candidate) -> Result<Verdict, Rejection> {
        let families = &self.shared.stores.families;
        let mut presented = Presented {
            subject: candidate.claims.base().subject(),
            sid: candidate.sid.as_str(),
            generation: candidate.generation,
            adoption: None,
        };
        let verdict = families.rotate(&presented, &self.shared.policy).await;
        let verdict = verdict.map_err(|error| self.store_failed(&error))?;
        let unknown = verdict == Verdict::Refused(Refusal::Unknown);
        if !(unknown && candidate.foreign && self.django_allows(candidate).await?) {
            return Ok(verdict);
        }
        presented.adoption = Some(self.adoption(candidate));
        let verdict = families.rotate(&presented, &self.shared.policy).await;
        verdict.map_err(|error| self.store_failed(&error))
    }

    async fn django_allows(&self, candidate: &Candidate) -> Result<bool, Rejection> {
        let Some(adoption) = &self.shared.adoption else {
            return Ok(false);
        };
        let usable = adoption
            .django
            .is_usable(candidate.claims.base().jti())
            .await;
        usable.map_err(|error| self.authenticator_failed(&error))
    }

    fn adoption(&self, candidate: &Candidate) -> Adoption {
        let base = candidate.claims.base();
        let created = base.issued_at().unwrap_or(self.now);
        Adoption {
            created,
            absolute_end: created + self.shared.policy.absolute,
            token_expires: base.expires_at(),
            key_version: self.shared.keys.current().version(),
        }
    }

    fn grant(&self, candidate: &Candidate, user: &User, grant: &Grant) -> Outcome {
        let refresh = grant.sends_refresh().then_some(RefreshMinting {
            generation: grant.generation,
            issued_at: grant.issued_at,
            key_version: grant.key_version,
        });
        let mut draft = Draft::default();
        let minting = Minting {
            user,
            sid: &candidate.sid,
            created: grant.created,
            absolute_end: grant.absolute_end,
            now: grant.now,
            refresh,
            renew_csrf: candidate.foreign,
        };
        self.mint(&minting, &mut draft)?;
        let kind = match grant.kind {
            GrantKind::Rotated if candidate.foreign => AuditKind::Adopted,
            kind => granted(kind),
        };
        self.audit(kind, |event| {
            event
                .with_subject(user.subject())
                .with_session(candidate.sid.as_str())
        });
        Ok(draft.into_reply())
    }

    /// Blacklists a token of Django's in Django's tables. What fails is reported and tried again
    /// when the token is presented again; our own blacklist holds it already.
    async fn tell_django(&self, candidate: &Candidate) {
        let Some(adoption) = &self.shared.adoption else {
            return;
        };
        let base = candidate.claims.base();
        let told = adoption
            .django
            .blacklist(base.jti(), base.subject(), base.expires_at())
            .await;
        if let Err(error) = told {
            self.authenticator_failed(&error);
        }
    }

    fn refused(&self, candidate: &Candidate, refusal: Refusal) -> Rejection {
        let reason = match refusal {
            Refusal::Expired => AuthReason::Invalid("session_expired"),
            Refusal::Reuse | Refusal::Revoked(_) => AuthReason::Revoked,
            Refusal::Unknown => AuthReason::Invalid("session_unknown"),
        };
        if refusal == Refusal::Reuse {
            self.audit(AuditKind::Reuse, |event| {
                event
                    .with_subject(candidate.claims.base().subject())
                    .with_session(candidate.sid.as_str())
            });
        }
        unauthenticated(reason)
    }
}

/// Whether the presented token of Django's will never again open a session here.
const fn used_up(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Granted(_) => true,
        Verdict::Refused(refusal) => matches!(refusal, Refusal::Reuse | Refusal::Revoked(_)),
    }
}

const fn granted(kind: GrantKind) -> AuditKind {
    match kind {
        GrantKind::Ahead => AuditKind::StoreRolledBack,
        GrantKind::Lost => AuditKind::LostRecovered,
        GrantKind::Replay | GrantKind::Rotated | GrantKind::Same => AuditKind::Refreshed,
    }
}
