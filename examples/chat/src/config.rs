//! Turns the command line into [`Settings`] that are safe to run, or into one line that says which
//! flag is wrong and what to write instead.
//!
//! Development mode needs no flag: a loopback `--listen` and no `--public-origin https://…`. In it
//! missing keys are random, and cookies travel over plain http. Everywhere else keys must be
//! given, and cookies are `Secure`.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use portcullis_core::{
    Secret,
    client::Cidr,
    clock::Timestamp,
    cookie::SameSite,
    keys::RotationKeys,
    origin::{Origin, Scheme},
    rate::Rate,
};
use portcullis_redis::RedisConfig;

mod args;
mod keys;
mod values;

#[cfg(test)]
mod tests;

pub use args::{Args, Asked, CookieProfileArg, CsrfBindingArg, DeliveryArg, SameSiteArg};
pub use keys::Algorithm;
pub use values::UserSpec;

/// The longest access lifetime, which the token reader enforces too.
const MAX_ACCESS_TTL: Duration = Duration::from_secs(2 * 3600);

/// The longest overlap, which the rotation enforces too.
const MAX_OVERLAP: Duration = Duration::from_secs(60);

/// A setting that cannot be run with, as one line for the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(String);

impl ConfigError {
    /// The error that `line` describes; control characters become spaces.
    pub fn new(line: impl Into<String>) -> Self {
        let line: String = line.into();
        Self(line.replace(char::is_control, " "))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Whether the service is being tried out or run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// On loopback, over plain http, for one person.
    Development,
    /// Behind a public origin.
    Production,
}

/// Where an answer comes from when not from the built-in responder.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The base URL, ending before `/chat/completions`.
    pub url: String,
    /// The model asked for.
    pub model: String,
    /// The API key, sent as a Bearer token.
    pub key: Option<Secret>,
}

/// Settings that have been checked one by one and against each other.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Development or production.
    pub mode: Mode,
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve metrics, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The SQLite file; in memory without one.
    pub database: Option<PathBuf>,
    /// Where sessions and counters are; in this process's memory without one.
    pub redis: Option<RedisConfig>,
    /// The origins under which browsers reach the service.
    pub public_origins: Vec<Origin>,
    /// Other origins that may call it, canonical, or `https://*.example.com`.
    pub trusted_origins: Vec<String>,
    /// Networks whose forwarding headers count.
    pub trusted_proxies: Vec<Cidr>,
    /// Hosts to answer to, besides those of the public origins.
    pub allowed_hosts: Vec<String>,
    /// Signs the tokens.
    pub signing_key: Secret,
    /// How it signs them.
    pub algorithm: Algorithm,
    /// Derives all other keys.
    pub rotation_key: Secret,
    /// Where the browser keeps the access token.
    pub delivery: DeliveryArg,
    /// Names and paths of the cookies.
    pub cookie_profile: CookieProfileArg,
    /// The cookies' `SameSite`.
    pub same_site: SameSite,
    /// Whether the cookies are `Secure`.
    pub secure: bool,
    /// Lifetime of an access token.
    pub access_ttl: Duration,
    /// Lifetime of a session that is not refreshed.
    pub refresh_ttl: Duration,
    /// Lifetime of a session at most.
    pub session_ttl: Duration,
    /// How long a replaced refresh token still gets its successor.
    pub overlap: Duration,
    /// Failed logins per account and address.
    pub login_limit: Rate,
    /// Requests per client.
    pub rate_limit: Rate,
    /// Refreshes per session.
    pub refresh_limit: Rate,
    /// Which CSRF tokens count.
    pub csrf_binding: CsrfBindingArg,
    /// Until when refresh tokens that Django issued are taken into sessions.
    pub adopt_django_tokens: Option<Timestamp>,
    /// Who answers; the built-in responder without one.
    pub upstream: Option<Upstream>,
    /// Users to create.
    pub users: Vec<UserSpec>,
    /// Whether `/api/echo/` is served.
    pub echo: bool,
}

impl Settings {
    /// Checks `args`; reads the key files they name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that is refused.
    pub fn from_args(args: Args) -> Result<Self, ConfigError> {
        let public_origins = public_origins(&args)?;
        let mode = mode(&args, &public_origins)?;
        let secure = secure(&args, mode, &public_origins)?;
        let overlap = times(&args)?;
        let (signing_key, algorithm, rotation_key) = keys::material(&args, mode)?;
        let adopt = args
            .adopt_django_tokens
            .as_deref()
            .map(values::end_of_day)
            .transpose()?;
        if adopt.is_some() && args.signing_key.is_none() && args.signing_key_file.is_none() {
            return Err(ConfigError::new(
                "--adopt-django-tokens without --signing-key-file: no token of Django's is valid \
                 under a random key; give Django's SIGNING_KEY, which is its SECRET_KEY by default",
            ));
        }
        let upstream = upstream(&args)?;
        let redis = redis(&args)?;
        Ok(Self {
            mode,
            listen: args.listen,
            metrics_listen: args.metrics_listen,
            public_origins,
            trusted_origins: each(&args.trusted_origin, values::trusted_origin)?,
            trusted_proxies: each(&args.trusted_proxy, values::network)?,
            allowed_hosts: each(&args.allowed_host, values::host)?,
            signing_key,
            algorithm,
            rotation_key,
            delivery: args.delivery,
            cookie_profile: args.cookie_profile,
            same_site: match args.same_site {
                SameSiteArg::Lax => SameSite::Lax,
                SameSiteArg::None => SameSite::None,
                SameSiteArg::Strict => SameSite::Strict,
            },
            secure,
            access_ttl: args.access_ttl,
            refresh_ttl: args.refresh_ttl,
            session_ttl: args.session_ttl,
            overlap,
            login_limit: args.login_limit,
            rate_limit: args.rate_limit,
            refresh_limit: args.refresh_limit,
            csrf_binding: args.csrf_binding,
            adopt_django_tokens: adopt,
            upstream,
            users: args
                .user
                .iter()
                .map(values::user)
                .collect::<Result<_, _>>()?,
            echo: args.echo.unwrap_or(mode == Mode::Development),
            database: args.database,
            redis,
        })
    }

    /// The keys that everything but token signatures is derived from.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a rotation key that is too short.
    pub fn rotation_keys(&self) -> Result<RotationKeys, ConfigError> {
        RotationKeys::new(1, &self.rotation_key)
            .map_err(|error| ConfigError::new(format!("--rotation-key-file: {error}")))
    }
}

fn each<T>(
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    texts.iter().map(|text| parse(text.trim())).collect()
}

fn public_origins(args: &Args) -> Result<Vec<Origin>, ConfigError> {
    let origins = each(&args.public_origin, |text| {
        values::origin("--public-origin", text)
    })?;
    let https = origins
        .iter()
        .any(|origin| origin.scheme() == Scheme::Https);
    match origins
        .iter()
        .find(|origin| https && origin.scheme() == Scheme::Http)
    {
        Some(http) => Err(ConfigError::new(format!(
            "--public-origin {http} stands beside an https one, whose Secure cookies would never \
             reach it: leave it out"
        ))),
        None => Ok(origins),
    }
}

fn mode(args: &Args, origins: &[Origin]) -> Result<Mode, ConfigError> {
    let loopback = args.listen.ip().to_canonical().is_loopback();
    if !loopback && origins.is_empty() {
        return Err(ConfigError::new(format!(
            "--listen {} is open to other machines: add the --public-origin https://… under which \
             browsers reach it, or listen on 127.0.0.1",
            args.listen
        )));
    }
    let https = origins
        .iter()
        .any(|origin| origin.scheme() == Scheme::Https);
    Ok(if loopback && !https {
        Mode::Development
    } else {
        Mode::Production
    })
}

fn secure(args: &Args, mode: Mode, origins: &[Origin]) -> Result<bool, ConfigError> {
    let https = origins
        .iter()
        .find(|origin| origin.scheme() == Scheme::Https);
    let secure = args.secure.unwrap_or(mode == Mode::Production);
    if let (false, Some(origin)) = (secure, https) {
        return Err(ConfigError::new(format!(
            "--secure false would send the cookies of {origin} in the clear: leave it out"
        )));
    }
    if secure && mode == Mode::Production && https.is_none() {
        return Err(ConfigError::new(
            "--public-origin is plain http, where Secure cookies never arrive: give an https \
             origin, or --secure false if only a trusted network lies between",
        ));
    }
    if !secure && args.cookie_profile == CookieProfileArg::Host {
        return Err(ConfigError::new(
            "--cookie-profile host wants Secure cookies: give a --public-origin https://… or \
             --secure true",
        ));
    }
    if !secure && args.same_site == SameSiteArg::None {
        return Err(ConfigError::new(
            "--same-site none wants Secure cookies, else browsers drop them: give a \
             --public-origin https://… or --secure true",
        ));
    }
    Ok(secure)
}

/// Checks the times against each other and gives the overlap.
fn times(args: &Args) -> Result<Duration, ConfigError> {
    if args.access_ttl > MAX_ACCESS_TTL {
        return Err(ConfigError::new(
            "--access-ttl is at most 2h: sessions live longer through --refresh-ttl",
        ));
    }
    if args.refresh_ttl < args.access_ttl {
        return Err(ConfigError::new(
            "--refresh-ttl is shorter than --access-ttl: give it at least that time",
        ));
    }
    if args.session_ttl < args.access_ttl {
        return Err(ConfigError::new(
            "--session-ttl is shorter than --access-ttl: give it at least that time",
        ));
    }
    let most = MAX_OVERLAP.min(args.access_ttl / 4);
    match args.overlap {
        None => Ok(most.min(Duration::from_secs(10))),
        Some(overlap) if overlap <= most => Ok(overlap),
        Some(overlap) => Err(ConfigError::new(format!(
            "--overlap {}s is too long: at most 60s and a quarter of --access-ttl, here {}s",
            overlap.as_secs(),
            most.as_secs_f32()
        ))),
    }
}

/// What is shared, or outlives this process, needs all that it refers to to do so too.
fn redis(args: &Args) -> Result<Option<RedisConfig>, ConfigError> {
    let Some(url) = &args.redis else {
        return Ok(None);
    };
    if args.rotation_key_file.is_none() {
        return Err(ConfigError::new(
            "--redis without --rotation-key-file: its sessions are found under that key alone, so \
             every process and every start needs the same one",
        ));
    }
    if args.signing_key.is_none() && args.signing_key_file.is_none() {
        return Err(ConfigError::new(
            "--redis without --signing-key-file: processes that share sessions have to sign their \
             tokens with the same key",
        ));
    }
    if args.database.is_none() {
        return Err(ConfigError::new(
            "--redis without --database: its sessions would outlive the users, and be those of \
             whoever gets their numbers next; name a file",
        ));
    }
    let url = std::str::from_utf8(url.expose())
        .map_err(|_| ConfigError::new("--redis wants a URL in UTF-8"))?;
    RedisConfig::from_url(url)
        .map(Some)
        .map_err(|error| ConfigError::new(format!("--redis: {error}")))
}

fn upstream(args: &Args) -> Result<Option<Upstream>, ConfigError> {
    let Some(text) = args.upstream.as_deref() else {
        return Ok(None);
    };
    let url = reqwest::Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if url.is_none() {
        return Err(ConfigError::new(
            "--upstream is no base URL: write scheme, host and path, like \
             http://127.0.0.1:11434/v1; an API key goes into --upstream-key-file",
        ));
    }
    let key = match &args.upstream_key_file {
        Some(file) => Some(keys::read("--upstream-key-file", file)?),
        None => None,
    };
    if key
        .as_ref()
        .is_some_and(|key| !key.expose().iter().all(u8::is_ascii_graphic))
    {
        return Err(ConfigError::new(
            "--upstream-key-file holds characters that no API key has: one line of visible ASCII",
        ));
    }
    Ok(Some(Upstream {
        url: text.trim_end_matches('/').to_owned(),
        model: args.upstream_model.clone(),
        key,
    }))
}
