//! The configuration of the check, and the tokens that it hands out.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    CsrfConfigError, CsrfToken,
    trusted::{Received, Trusted},
};
use crate::{
    audit::IdHash,
    client::Client,
    cookie::{self, CookieSpec, Found},
    identity::Identity,
    keys::{DerivedKey, Purpose, RotationKeys},
    origin::Origin,
    path::PathPattern,
    random::RandomError,
};

/// How long the cookie lives: 52 weeks, Django's `CSRF_COOKIE_AGE`.
const COOKIE_AGE: Duration = Duration::from_secs(31_449_600);

/// Whether a token must carry the signature of its session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CsrfBinding {
    /// Never: any well-formed matching pair will do, as in Django.
    ///
    /// A host that can set a cookie for ours and send from a trusted origin can then forge.
    Django,
    /// An unsigned token passes too, but only when our own origin was proved; a signed one is then
    /// set in its place. For as long as Django sets the cookie.
    #[default]
    Interop,
    /// Always.
    Strict,
}

/// The session that a token is signed for. `Debug` hashes a session's id.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum SessionRef<'a> {
    /// Nobody is signed in.
    Anonymous,
    /// The session with this id (`sid`).
    Session(&'a str),
    /// The user with this id, whose token names no session: one that Django issued.
    User(&'a str),
}

impl<'a> SessionRef<'a> {
    /// The session of `identity`: its `sid`, else its user.
    pub fn of(identity: &'a Identity) -> Self {
        match identity.session() {
            Some(sid) => Self::Session(sid),
            None => Self::User(identity.subject()),
        }
    }

    /// A tag for the kind and the id: no user is called like a session. With 32 symbols of id, all
    /// that is signed fits one block of the hash.
    pub(super) const fn parts(self) -> (u8, &'a [u8]) {
        match self {
            Self::Anonymous => (b'a', b""),
            Self::Session(sid) => (b's', sid.as_bytes()),
            Self::User(user) => (b'u', user.as_bytes()),
        }
    }
}

impl fmt::Debug for SessionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Session(sid) => write!(f, "Session({})", IdHash::of(sid)),
            Self::User(user) => f.debug_tuple("User").field(user).finish(),
        }
    }
}

/// What the check knows: our origins, the trusted ones, the key, the names of cookie and header.
///
/// See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct CsrfPolicy {
    pub(super) binding: CsrfBinding,
    pub(super) header: HeaderName,
    pub(super) cookie: CookieSpec,
    max_age: Option<Duration>,
    key: DerivedKey,
    previous: Option<DerivedKey>,
    own: Vec<Origin>,
    trusted: Vec<Trusted>,
    exempt: Vec<PathPattern>,
    report_only: bool,
}

impl CsrfPolicy {
    /// The strictest use of `key`, derived for [`Purpose::Csrf`]: no trusted origin, our own taken
    /// from scheme and `Host`, cookie `__Host-csrftoken`, header `X-CSRFToken`,
    /// [`CsrfBinding::Interop`].
    ///
    /// Every replica needs the same key, or a token of one is refused by the next.
    ///
    /// # Security
    ///
    /// Without [`add_own_origin`](Self::add_own_origin) the client names our host itself. That is
    /// safe behind a list of allowed hosts, and not against DNS rebinding without one.
    pub fn new(key: DerivedKey) -> Self {
        Self {
            binding: CsrfBinding::default(),
            header: HeaderName::from_static("x-csrftoken"),
            cookie: CookieSpec::new("__Host-csrftoken").expect("a token with a kept promise"),
            max_age: Some(COOKIE_AGE),
            key,
            previous: None,
            own: Vec::new(),
            trusted: Vec::new(),
            exempt: Vec::new(),
            report_only: false,
        }
    }

    /// As [`new`](Self::new), with what `keys` derive: tokens of the previous key stay good.
    pub fn from_rotation_keys(keys: &RotationKeys) -> Self {
        let mut all = keys.all().map(|key| key.derive(Purpose::Csrf));
        let current = all.next().expect("the current key comes first");
        Self {
            previous: all.next(),
            ..Self::new(current)
        }
    }

    /// Also takes tokens that `key` signed, while every client's cookie is being renewed.
    pub fn with_previous_key(self, key: DerivedKey) -> Self {
        Self {
            previous: Some(key),
            ..self
        }
    }

    /// Replaces [`CsrfBinding::Interop`].
    pub fn with_binding(self, binding: CsrfBinding) -> Self {
        Self { binding, ..self }
    }

    /// Adds an origin of ours. The first one ends the reading of `Host`.
    pub fn add_own_origin(mut self, origin: Origin) -> Self {
        self.own.push(origin);
        self
    }

    /// Adds another origin that may send unsafe requests: `https://app.example`, or
    /// `https://*.example.com` for a domain and all hosts below it (`CSRF_TRUSTED_ORIGINS`).
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError`] for an entry that no browser's `Origin` would ever match: upper case, a
    /// path, a final slash, a default port, a `*` that is no whole label, `*.com`.
    ///
    /// # Example
    ///
    /// ```
    /// # use portcullis_core::{Secret, csrf::CsrfPolicy, keys::{DerivedKey, Purpose}};
    /// # let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32]))?;
    /// let policy = CsrfPolicy::new(key).add_trusted_origin("https://*.example.com")?;
    /// assert!(policy.clone().add_trusted_origin("https://app.example/").is_err());
    /// assert!(policy.add_trusted_origin("https://*").is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_trusted_origin(mut self, entry: &str) -> Result<Self, CsrfConfigError> {
        self.trusted.push(Trusted::parse(entry)?);
        Ok(self)
    }

    /// Replaces the cookie `__Host-csrftoken`; Django's is called `csrftoken`.
    pub fn with_cookie(self, cookie: CookieSpec) -> Self {
        Self { cookie, ..self }
    }

    /// Replaces the cookie's lifetime of 52 weeks; `None` ends it with the browser.
    pub fn with_max_age(self, max_age: Option<Duration>) -> Self {
        Self { max_age, ..self }
    }

    /// Replaces the header `X-CSRFToken`.
    pub fn with_header(self, header: HeaderName) -> Self {
        Self { header, ..self }
    }

    /// Lets requests whose path matches `pattern` pass unchecked, for callers that prove
    /// themselves in another way (a signed webhook).
    ///
    /// # Security
    ///
    /// A handler below such a path must not look at any cookie.
    pub fn insecure_exempt_path(mut self, pattern: PathPattern) -> Self {
        self.exempt.push(pattern);
        self
    }

    /// Asks the layers to let refused requests pass and only to report them.
    ///
    /// [`check`](Self::check) itself goes on to refuse.
    ///
    /// # Security
    ///
    /// Nothing is protected. It is for finding out what a first installation would refuse.
    pub fn insecure_report_only(self) -> Self {
        Self {
            report_only: true,
            ..self
        }
    }

    /// Whether refused requests are only to be reported.
    pub const fn is_report_only(&self) -> bool {
        self.report_only
    }

    /// The cookie's name and attributes.
    pub const fn cookie(&self) -> &CookieSpec {
        &self.cookie
    }

    /// The name of the token's header.
    pub const fn header(&self) -> &HeaderName {
        &self.header
    }

    /// A new token for `session`.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn issue(&self, session: SessionRef<'_>) -> Result<CsrfToken, RandomError> {
        CsrfToken::issue(&self.key, session)
    }

    /// The token that a browser with these `headers` may go on using in `session`: the one in its
    /// cookie where that would pass for good, else a new one.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn keep_or_issue(
        &self,
        headers: &HeaderMap,
        session: SessionRef<'_>,
    ) -> Result<CsrfToken, RandomError> {
        match self.presented(headers) {
            Some(token) if self.is_token_of(&token, session) => Ok(token),
            _ => self.issue(session),
        }
    }

    /// Whether `token` is good for `session`: signed for it, or for
    /// [`CsrfBinding::Django`] just any.
    pub fn is_token_of(&self, token: &CsrfToken, session: SessionRef<'_>) -> bool {
        self.binding == CsrfBinding::Django || self.is_signed(token, &[session])
    }

    /// The token in the cookie; `None` without one, with a malformed one, with several.
    pub fn presented(&self, headers: &HeaderMap) -> Option<CsrfToken> {
        match cookie::find(headers, self.cookie.name()) {
            Found::One(value) => CsrfToken::parse(value),
            Found::Ambiguous | Found::Missing => None,
        }
    }

    /// Whether the one cookie of the name is no token, so that no request could ever pass with it.
    pub fn is_cookie_malformed(&self, headers: &HeaderMap) -> bool {
        match cookie::find(headers, self.cookie.name()) {
            Found::One(value) => CsrfToken::parse(value).is_none(),
            Found::Ambiguous | Found::Missing => false,
        }
    }

    /// The `Set-Cookie` line that gives `token` to the browser.
    pub fn set_cookie(&self, token: &CsrfToken) -> HeaderValue {
        self.cookie
            .set(token.as_str(), self.max_age)
            .expect("32 letters and digits are cookie-octets and far below 4,096 bytes")
    }

    /// The `Set-Cookie` line that deletes the token.
    pub fn delete_cookie(&self) -> HeaderValue {
        self.cookie
            .delete()
            .expect("an empty value has no byte that a cookie cannot hold")
    }

    pub(super) fn is_signed(&self, token: &CsrfToken, sessions: &[SessionRef<'_>]) -> bool {
        let mut keys = std::iter::once(&self.key).chain(&self.previous);
        keys.any(|key| {
            let mut sessions = sessions.iter();
            sessions.any(|&session| token.is_signed(key, session))
        })
    }

    pub(super) fn is_exempt(&self, path: &str) -> bool {
        self.exempt.iter().any(|pattern| pattern.matches(path))
    }

    pub(super) fn is_own(&self, origin: &Received<'_>, client: &Client<'_>) -> bool {
        if self.own.is_empty() {
            let host = client.host();
            host.is_some_and(|host| origin.is_host(client.scheme, &host))
        } else {
            self.own.iter().any(|own| origin.is(own))
        }
    }

    /// Whether `text` is an origin of ours to the byte.
    pub(super) fn is_own_text(&self, text: &[u8]) -> bool {
        self.own.iter().any(|own| own.as_str().as_bytes() == text)
    }

    pub(super) fn is_trusted(&self, origin: &Received<'_>) -> bool {
        self.trusted.iter().any(|trusted| trusted.matches(origin))
    }

    pub(super) fn own_origins(&self) -> &[Origin] {
        &self.own
    }
}
