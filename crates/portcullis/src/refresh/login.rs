//! `POST login/`: checks a password and opens a session.

use futures_util::future::join3;
use http::header::USER_AGENT;
use http_body::Body;
use portcullis_core::{
    audit::AuditKind,
    cookie,
    csrf::SessionRef,
    rate::Reservation,
    rejection::{BodyReason, Rejection},
    rotation::{NewFamily, RevokeReason, SessionId},
};
use portcullis_jwt::{RefreshClaims, claims::SessionClaims};

use super::{
    Login, LoginOutcome, User,
    call::{Call, Outcome, fields, session_of},
    device,
    limits::{LoginKeys, account_key},
    mint::{Draft, Failed, Minting, RefreshMinting},
};

impl Call<'_> {
    pub(super) async fn login<B: Body>(&self, body: B) -> Outcome {
        let known = self.known_refresh_tokens();
        let mut sessions: Vec<_> = known.iter().map(session_of).collect();
        sessions.push(SessionRef::Anonymous);
        self.shared
            .csrf
            .check_login(&self.view, &self.client, &sessions)
            .map_err(Rejection::Csrf)?;
        let login = read_login(self, body).await?;
        let account = account_key(login.username());
        let (user, reservation) = self.check_password(&login, &account).await?;
        // None waits for another: a refund or a reset that is lost restricts, it never admits.
        let (opened, (), cleared) = join3(
            self.open_session(&user, &account, &known),
            self.give_back(reservation),
            self.shared.limits.clear_failures(user.subject()),
        )
        .await;
        if let Err(error) = cleared {
            self.store_failed(&error);
        }
        opened
    }

    /// Charges the attempt, asks the application, and says what the right one gets back.
    async fn check_password(
        &self,
        login: &Login,
        account: &str,
    ) -> Result<(User, Reservation), Rejection> {
        let device = self.known_device(account);
        let keys = LoginKeys {
            address: self.address()?,
            account,
            device: device.as_deref(),
        };
        let limits = &self.shared.limits;
        let reservation = limits
            .login(&keys)
            .await
            .map_err(|blocked| self.blocked(blocked))?;
        let outcome = match self.shared.authenticator.log_in(login).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.give_back(reservation).await;
                return Err(self.authenticator_failed(&error));
            }
        };
        match outcome {
            LoginOutcome::Accepted(user) if device.is_some() => Ok((user, reservation)),
            LoginOutcome::Accepted(user) => match self.is_locked(&user).await {
                Ok(false) => Ok((user, reservation)),
                Ok(true) => Err(self.login_failed(Some(user.subject()), "locked")),
                Err(failed) => {
                    self.give_back(reservation).await;
                    Err(failed)
                }
            },
            LoginOutcome::Refused { subject } => {
                let counted = match &subject {
                    Some(subject) => limits.record_failure(subject).await,
                    // The same wait, and the same answer when the store is away: neither may tell
                    // that there is no such account.
                    None => limits.is_locked(account).await.map(drop),
                };
                counted.map_err(|error| self.store_failed(&error))?;
                Err(self.login_failed(subject.as_deref(), "credentials"))
            }
        }
    }

    /// Gives back what was charged to an attempt that was no wrong guess.
    async fn give_back(&self, reservation: Reservation) {
        if let Err(error) = self.shared.limits.refund(reservation).await {
            self.store_failed(&error);
        }
    }

    /// Whether the account is locked to a device that it does not know. A session of the account
    /// that still lives is as good as its device cookie.
    async fn is_locked(&self, user: &User) -> Result<bool, Rejection> {
        let locked = self.shared.limits.is_locked(user.subject()).await;
        if !locked.map_err(|error| self.store_failed(&error))? {
            return Ok(false);
        }
        let own: Vec<_> = self
            .known_refresh_tokens()
            .into_iter()
            .filter(|token| token.base().subject() == user.subject())
            .collect();
        if own.is_empty() {
            return Ok(true);
        }
        let living = self.shared.stores.families.list(user.subject()).await;
        let living = living.map_err(|error| self.store_failed(&error))?;
        let lives = |token: &RefreshClaims| {
            let sid = token.base().session().map(SessionClaims::sid);
            living
                .iter()
                .any(|session| Some(session.sid.as_str()) == sid)
        };
        Ok(!own.iter().any(lives))
    }

    fn login_failed(&self, subject: Option<&str>, reason: &'static str) -> Rejection {
        self.audit(AuditKind::LoginFailed, |event| {
            let event = event.with_reason(reason);
            match subject {
                Some(subject) => event.with_subject(subject),
                None => event,
            }
        });
        Rejection::LoginFailed
    }

    /// The device cookie, if it was made for `account`.
    fn known_device(&self, account: &str) -> Option<String> {
        cookie::all(self.view.headers, self.shared.cookies.device_name())
            .take(4)
            .find(|value| self.shared.devices.recognises(value, account, self.now))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Ends the sessions whose tokens were presented, opens a new one, and hands out its tokens.
    async fn open_session(
        &self,
        user: &User,
        account: &str,
        replaced: &[RefreshClaims],
    ) -> Outcome {
        let families = &self.shared.stores.families;
        for token in replaced {
            let Some(session) = token.base().session() else {
                continue;
            };
            let subject = token.base().subject();
            let reason = RevokeReason::Replaced;
            let revoked = families.revoke(subject, session.sid(), reason, &self.shared.policy);
            let confirmation = revoked.await.map_err(|error| self.store_failed(&error))?;
            self.confirmed(confirmation, |event| {
                event.with_subject(subject).with_session(session.sid())
            });
        }
        let sid = SessionId::random().map_err(|error| self.mint_failed(&Failed::Random(error)))?;
        let key_version = self.shared.keys.current().version();
        let label = self
            .view
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let family = NewFamily {
            subject: user.subject(),
            sid: &sid,
            key_version,
            label,
        };
        let opened = families.open(&family, &self.shared.policy).await;
        let opened = opened.map_err(|error| self.store_failed(&error))?;
        let mut draft = Draft::default();
        draft.member("user", user.profile());
        let refresh = RefreshMinting {
            generation: 0,
            issued_at: opened.created,
            key_version,
        };
        let minting = Minting {
            user,
            sid: &sid,
            created: opened.created,
            absolute_end: opened.absolute_end,
            now: opened.created,
            refresh: Some(refresh),
            renew_csrf: true,
        };
        self.mint(&minting, &mut draft)?;
        let device = self.shared.devices.remember(account, self.now);
        let line = self.shared.cookies.set_device(&device, device::REMEMBERED);
        draft.cookie(line.map_err(|error| self.mint_failed(&Failed::Cookie(error)))?);
        self.audit(AuditKind::LoginSucceeded, |event| {
            event
                .with_subject(user.subject())
                .with_session(sid.as_str())
        });
        Ok(draft.into_reply())
    }
}

async fn read_login<B: Body>(call: &Call<'_>, body: B) -> Result<Login, Rejection> {
    let fields = fields(call, body).await?;
    let field = |name: &str| {
        let value = fields.get(name).filter(|value| !value.is_empty());
        value.ok_or(Rejection::Body(BodyReason::MissingField))
    };
    let (username, password) = (field("username")?, field("password")?);
    if username.len() > Login::MAX_USERNAME_BYTES || username.contains('\0') {
        return Err(Rejection::Body(BodyReason::Malformed));
    }
    Ok(Login::new(username, password))
}
