//! The application's part: who may log in, and who is still active.

use std::{error::Error, fmt, sync::Arc};

use portcullis_core::{Answer, Secret};
use portcullis_jwt::ExtraClaims;
use serde::Serialize;

/// Checks passwords and knows users: the one thing the application brings.
///
/// Unknown users, wrong passwords and inactive users must cost the same time: hash something in
/// every case. The service answers all three alike.
///
/// # Example
///
/// ```
/// use portcullis::{
///     core::Answer,
///     refresh::{Authenticator, AuthenticatorError, Login, LoginOutcome, User},
/// };
///
/// /// One user, for a test.
/// struct OnlyAda;
///
/// impl Authenticator for OnlyAda {
///     fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
///         let right = login.username() == "ada" && login.password().expose() == b"engine";
///         Answer::now(Ok(if right {
///             LoginOutcome::Accepted(User::new("1"))
///         } else {
///             LoginOutcome::Refused { subject: (login.username() == "ada").then(|| "1".into()) }
///         }))
///     }
///
///     fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
///         Answer::now(Ok((subject == "1").then(|| User::new("1"))))
///     }
/// }
///
/// let wrong = OnlyAda.log_in(&Login::new("ada", "difference")).into_now().unwrap();
/// assert!(matches!(wrong, Ok(LoginOutcome::Refused { subject: Some(_) })));
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Checks a username and password.
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>>;

    /// The user `subject`, unless it is unknown or inactive; asked at every refresh.
    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>>;
}

impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        (**self).log_in(login)
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        (**self).active_user(subject)
    }
}

/// What a login form brings. `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct Login {
    username: String,
    password: Secret,
}

impl Login {
    /// The most bytes of a username that is looked up.
    pub const MAX_USERNAME_BYTES: usize = 320;

    /// A login of `username` with `password`.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: Secret::new(password.into()),
        }
    }

    /// The username, as sent: not empty, at most 320 bytes, no NUL.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password, as sent; the body it came in has at most 16 KiB.
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

/// What became of a login.
#[derive(Clone, Debug)]
pub enum LoginOutcome {
    /// The password is right and the user active.
    Accepted(User),
    /// It is not. Answered alike whatever the cause.
    Refused {
        /// The id of the account if there is one: only real accounts have a failure counter.
        subject: Option<String>,
    },
}

/// A user, as the application knows it.
#[derive(Clone, Debug)]
pub struct User {
    subject: String,
    claims: Option<ExtraClaims>,
    profile: Option<Box<serde_json::value::RawValue>>,
}

impl User {
    /// The user with the id `subject`, which becomes the `user_id` of its tokens.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            claims: None,
            profile: None,
        }
    }

    /// Adds claims to the user's access tokens: roles, scopes.
    pub fn with_claims(self, claims: ExtraClaims) -> Self {
        Self {
            claims: Some(claims),
            ..self
        }
    }

    /// Sets what login and `me` answer as `user`; without it that is `{"id": subject}`.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`] when `profile` does not serialise to JSON.
    ///
    /// ```
    /// use portcullis::refresh::User;
    /// use std::collections::BTreeMap;
    ///
    /// let profile = BTreeMap::from([("username", "ada")]);
    /// assert!(User::new("1").with_profile(&profile).is_ok());
    ///
    /// let unserialisable = BTreeMap::from([(vec![1], "a key that is no string")]);
    /// assert!(User::new("1").with_profile(&unserialisable).is_err());
    /// ```
    pub fn with_profile(self, profile: &impl Serialize) -> Result<Self, AuthenticatorError> {
        let profile = serde_json::value::to_raw_value(profile).map_err(AuthenticatorError::new)?;
        Ok(Self {
            profile: Some(profile),
            ..self
        })
    }

    /// The user id.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The extra claims.
    pub(super) const fn claims(&self) -> Option<&ExtraClaims> {
        self.claims.as_ref()
    }

    /// The JSON that login and `me` answer.
    pub(super) fn profile(&self) -> String {
        self.profile.as_ref().map_or_else(
            || serde_json::json!({ "id": self.subject }).to_string(),
            |profile| profile.get().to_owned(),
        )
    }
}

/// The application could not say: its database is down, its hashing pool is full.
///
/// The service answers 503 and changes nothing.
#[derive(Debug)]
pub struct AuthenticatorError(Box<dyn Error + Send + Sync>);

impl AuthenticatorError {
    /// Wraps what went wrong. The text goes to events, never to the client.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for AuthenticatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the authenticator failed: {}", self.0)
    }
}

impl Error for AuthenticatorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}
