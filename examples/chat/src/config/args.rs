//! The command line and its environment, as clap reads them; nothing is judged here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use portcullis_core::{Secret, rate::Rate};

use super::{ConfigError, values::duration};

/// Every flag. Each can be given as the environment variable `PORTCULLIS_…` instead; a list is then
/// separated by commas.
#[derive(Debug, Parser)]
#[command(name = "portcullis-chat", version, about)]
// The help text of each flag is its documentation, and plain text.
#[allow(missing_docs, rustdoc::bare_urls)]
pub struct Args {
    /// Address to serve on; without a public origin it has to be a loopback address
    #[arg(
        long,
        env = "PORTCULLIS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8000"
    )]
    pub listen: SocketAddr,

    /// SQLite file of users and messages [default: in memory]
    #[arg(long, env = "PORTCULLIS_DATABASE", value_name = "FILE")]
    pub database: Option<PathBuf>,

    /// Redis that holds sessions and counters [default: this process's memory]
    #[arg(
        long,
        env = "PORTCULLIS_REDIS",
        value_name = "URL",
        hide_env_values = true,
        value_parser = secret
    )]
    pub redis: Option<Secret>,

    /// Origin under which browsers reach the service, like https://chat.example; repeatable
    #[arg(
        long,
        env = "PORTCULLIS_PUBLIC_ORIGIN",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub public_origin: Vec<String>,

    /// File whose bytes, without a final newline, sign the tokens
    #[arg(long, env = "PORTCULLIS_SIGNING_KEY_FILE", value_name = "FILE")]
    pub signing_key_file: Option<PathBuf>,

    /// The signing key itself; other users of the machine may see it, so prefer the file
    #[arg(
        long,
        env = "PORTCULLIS_SIGNING_KEY",
        value_name = "TEXT",
        allow_hyphen_values = true,
        hide_env_values = true,
        value_parser = secret
    )]
    pub signing_key: Option<Secret>,

    /// Signature algorithm: HS256, HS384 or HS512
    #[arg(
        long,
        env = "PORTCULLIS_ALGORITHM",
        value_name = "NAME",
        default_value = "HS256"
    )]
    pub algorithm: String,

    /// File whose bytes, at least 32, derive every key that is not the signing key
    #[arg(long, env = "PORTCULLIS_ROTATION_KEY_FILE", value_name = "FILE")]
    pub rotation_key_file: Option<PathBuf>,

    /// Where the browser keeps the access token
    #[arg(long, env = "PORTCULLIS_DELIVERY", default_value = "cookies")]
    pub delivery: DeliveryArg,

    /// Names and paths of the cookies
    #[arg(long, env = "PORTCULLIS_COOKIE_PROFILE", default_value = "django")]
    pub cookie_profile: CookieProfileArg,

    /// Lifetime of an access token, at most 2h
    #[arg(long, env = "PORTCULLIS_ACCESS_TTL", value_name = "TIME",
          default_value = "300s", value_parser = duration)]
    pub access_ttl: Duration,

    /// Lifetime of a session that is not refreshed
    #[arg(long, env = "PORTCULLIS_REFRESH_TTL", value_name = "TIME",
          default_value = "7d", value_parser = duration)]
    pub refresh_ttl: Duration,

    /// Lifetime of a session at most
    #[arg(long, env = "PORTCULLIS_SESSION_TTL", value_name = "TIME",
          default_value = "14d", value_parser = duration)]
    pub session_ttl: Duration,

    /// How long a replaced refresh token still gets its successor; at most 60s and a quarter of
    /// the access lifetime [default: 10s, or that quarter]
    #[arg(long, env = "PORTCULLIS_OVERLAP", value_name = "TIME", value_parser = duration)]
    pub overlap: Option<Duration>,

    /// Other origin that may call the service, or https://*.example.com; repeatable
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_ORIGIN",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub trusted_origin: Vec<String>,

    /// Network whose forwarding headers count, like 10.0.0.0/8; repeatable
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<String>,

    /// Failed logins per account and address
    #[arg(
        long,
        env = "PORTCULLIS_LOGIN_LIMIT",
        value_name = "N/TIME",
        default_value = "5/15m"
    )]
    pub login_limit: Rate,

    /// Requests per client
    #[arg(
        long,
        env = "PORTCULLIS_RATE_LIMIT",
        value_name = "N/TIME",
        default_value = "100/1s"
    )]
    pub rate_limit: Rate,

    /// Refreshes per session
    #[arg(
        long,
        env = "PORTCULLIS_REFRESH_LIMIT",
        value_name = "N/TIME",
        default_value = "30/1m"
    )]
    pub refresh_limit: Rate,

    /// Which CSRF tokens count
    #[arg(long, env = "PORTCULLIS_CSRF_BINDING", default_value = "interop")]
    pub csrf_binding: CsrfBindingArg,

    /// Take refresh tokens that Django issued into sessions, until this day (UTC), like 2027-01-31
    #[arg(long, env = "PORTCULLIS_ADOPT_DJANGO_TOKENS", value_name = "DATE")]
    pub adopt_django_tokens: Option<String>,

    /// OpenAI-compatible server that answers, like http://127.0.0.1:11434/v1 [default: a built-in
    /// responder]
    #[arg(long, env = "PORTCULLIS_UPSTREAM", value_name = "URL")]
    pub upstream: Option<String>,

    /// Model that the upstream is asked for
    #[arg(
        long,
        env = "PORTCULLIS_UPSTREAM_MODEL",
        value_name = "NAME",
        default_value = "default"
    )]
    pub upstream_model: String,

    /// File with the upstream's API key
    #[arg(long, env = "PORTCULLIS_UPSTREAM_KEY_FILE", value_name = "FILE")]
    pub upstream_key_file: Option<PathBuf>,

    /// User to create when there is none of that name; repeatable
    #[arg(
        long,
        env = "PORTCULLIS_USER",
        value_name = "NAME:PASSWORD",
        allow_hyphen_values = true,
        hide_env_values = true,
        value_parser = secret
    )]
    pub user: Vec<Secret>,

    /// SameSite attribute of the cookies
    #[arg(long, env = "PORTCULLIS_SAME_SITE", default_value = "lax")]
    pub same_site: SameSiteArg,

    /// Whether cookies are sent over https only [default: true, in development mode false]
    #[arg(long, env = "PORTCULLIS_SECURE", action = clap::ArgAction::Set, value_name = "BOOL")]
    pub secure: Option<bool>,

    /// Host name to answer to besides those of the public origins; repeatable
    #[arg(
        long,
        env = "PORTCULLIS_ALLOWED_HOST",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub allowed_host: Vec<String>,

    /// Address to serve GET /metrics on, without authentication [default: off]
    #[arg(long, env = "PORTCULLIS_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,

    /// Serve /api/echo/, which shows what the layers see of a request [default: in development
    /// mode only]
    #[arg(long, env = "PORTCULLIS_ECHO", action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub echo: Option<bool>,
}

/// The values of `--delivery`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum DeliveryArg {
    /// In the body of login and refresh, for a client that keeps it in memory.
    AccessInBody,
    /// In an HttpOnly cookie.
    Cookies,
}

/// The values of `--cookie-profile`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CookieProfileArg {
    /// `access_token`, `refresh_token`, `csrftoken`.
    Django,
    /// `__Host-` names.
    Host,
}

/// The values of `--csrf-binding`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CsrfBindingArg {
    /// Any well-formed token, as in Django.
    Django,
    /// A signed token, or Django's from our own origin.
    Interop,
    /// A signed token only.
    Strict,
}

/// The values of `--same-site`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SameSiteArg {
    /// Sent on top-level navigation from other sites.
    Lax,
    /// Sent from other sites too.
    None,
    /// Never sent from other sites.
    Strict,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To serve.
    Serve(Box<Args>),
    /// To print this and stop: `--help` or `--version`.
    Print(String),
}

impl Args {
    /// Reads the command line, then the environment for what it does not say.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with clap's complaint cut down to one line.
    pub fn read<I, T>(line: I) -> Result<Asked, ConfigError>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let read = Self::command()
            .try_get_matches_from(line)
            .and_then(|matches| {
                let from_env = matches.value_source("user") == Some(ValueSource::EnvVariable);
                Ok((Self::from_arg_matches(&matches)?, from_env))
            });
        match read {
            Ok((mut args, from_env)) => {
                if from_env {
                    args.user = args.user.iter().flat_map(split_at_commas).collect();
                }
                Ok(Asked::Serve(Box::new(args)))
            }
            Err(error) if !error.use_stderr() => Ok(Asked::Print(error.to_string())),
            Err(error) => Err(ConfigError::new(one_line(&error))),
        }
    }
}

/// Takes what must not show in a message.
#[allow(clippy::unnecessary_wraps)] // the form that clap asks for
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Passwords given on the command line may hold commas, so only the environment's are split.
fn split_at_commas(list: &Secret) -> Vec<Secret> {
    list.expose()
        .split(|&byte| byte == b',')
        .map(Secret::new)
        .collect()
}

/// The first paragraph of clap's message, and its tip.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut line = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(tip) = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "))
    {
        line.push_str("; ");
        line.push_str(tip);
    }
    line
}
