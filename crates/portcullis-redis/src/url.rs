//! Reads the URL that says where Redis is.

use std::fmt;

use redis::RedisConnectionInfo;

use crate::host::Host;

#[cfg(test)]
mod tests;

/// The port of a server, and that of a sentinel, when the URL names none.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// How many nodes a URL may name.
const MAX_HOSTS: usize = 64;

/// A URL that was read.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) form: Form,
    pub(crate) tls: bool,
    pub(crate) first: Host,
    others: Vec<Host>,
    pub(crate) login: Login,
    pub(crate) database: u32,
}

/// What the hosts of a URL are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// Some nodes of a cluster.
    Cluster,
    /// The server itself.
    One,
    /// Sentinels that know the primary of this service.
    Sentinel(String),
}

/// A user and a password, or neither, or a password for the default user.
#[derive(Clone, Default)]
pub(crate) struct Login {
    user: Option<String>,
    password: Option<String>,
}

impl Place {
    /// Reads `url`; the error says what is wrong with it without showing any part of it that may
    /// be a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (tls, form) = match scheme {
            "redis" => (false, Form::One),
            "rediss" => (true, Form::One),
            "redis+cluster" => (false, Form::Cluster),
            "rediss+cluster" => (true, Form::Cluster),
            "redis+sentinel" => (false, Form::Sentinel(String::new())),
            "rediss+sentinel" => (true, Form::Sentinel(String::new())),
            // What is no scheme may be a password.
            _ => return Err("a URL of another scheme, or of none".to_owned()),
        };
        if rest.contains(['?', '#']) {
            return Err(format!("a `{scheme}://` URL with a query or a fragment"));
        }
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Login::parse(login)?, rest),
            None => (Login::default(), rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (form, database) = read_path(form, path)?;
        let (first, others) = read_hosts(&form, hosts)?;
        Ok(Self {
            form,
            tls,
            first,
            others,
            login,
            database,
        })
    }

    /// One at least.
    pub(crate) fn hosts(&self) -> Vec<Host> {
        let mut hosts = self.others.clone();
        hosts.insert(0, self.first.clone());
        hosts
    }

    /// What a node is told when we connect to it.
    pub(crate) fn connection_info(&self) -> RedisConnectionInfo {
        self.login.connection_info().set_db(self.database.into())
    }
}

/// The first host and the others.
fn read_hosts(form: &Form, hosts: &str) -> Result<(Host, Vec<Host>), String> {
    let port = match form {
        Form::Sentinel(_) => SENTINEL_PORT,
        Form::Cluster | Form::One => PORT,
    };
    let mut hosts = hosts.split(',').map(|host| Host::parse(host, port));
    let wrong = "a URL whose host is missing or has a port that is no number";
    let first = hosts.next().flatten().ok_or(wrong)?;
    let others: Vec<_> = hosts.collect::<Option<_>>().ok_or(wrong)?;
    if *form == Form::One && !others.is_empty() {
        return Err("a URL with several hosts that are neither a cluster nor sentinels".to_owned());
    }
    if others.len() >= MAX_HOSTS {
        return Err(format!("a URL with more than {MAX_HOSTS} hosts"));
    }
    Ok((first, others))
}

/// Reads `service/database` after sentinels, `database` after a server.
fn read_path(form: Form, path: &str) -> Result<(Form, u32), String> {
    let (form, database) = match form {
        Form::Sentinel(_) => {
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            let visible = service.bytes().all(|byte| byte.is_ascii_graphic());
            if service.is_empty() || !visible {
                return Err("a URL of sentinels without the name of a service".to_owned());
            }
            (Form::Sentinel(service.to_owned()), database)
        }
        form => (form, path),
    };
    let number = match database {
        "" => 0,
        text => text.parse().map_err(|_| "a database that is no number")?,
    };
    if form == Form::Cluster && number != 0 {
        return Err("a cluster's database other than 0".to_owned());
    }
    Ok((form, number))
}

impl Login {
    pub(crate) fn new(user: Option<&str>, password: &str) -> Self {
        Self {
            user: user.map(str::to_owned),
            password: Some(password.to_owned()),
        }
    }

    /// Reads `user:password`, in which other characters than visible ASCII, and those that mean
    /// something in a URL, are percent-encoded.
    fn parse(text: &str) -> Result<Self, String> {
        let (user, password) = text
            .split_once(':')
            .ok_or("a URL with a user and no password")?;
        let wrong = "a user or a password that is not percent-encoded UTF-8";
        let user = decode(user).ok_or(wrong)?;
        let password = decode(password).ok_or(wrong)?;
        Ok(Self {
            user: (!user.is_empty()).then_some(user),
            password: (!password.is_empty()).then_some(password),
        })
    }

    pub(crate) fn connection_info(&self) -> RedisConnectionInfo {
        let mut info = RedisConnectionInfo::default();
        if let Some(user) = &self.user {
            info = info.set_username(user);
        }
        if let Some(password) = &self.password {
            info = info.set_password(password);
        }
        info
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("form", &self.form)
            .field("tls", &self.tls)
            .field("hosts", &self.hosts())
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}
