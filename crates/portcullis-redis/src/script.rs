//! A Lua script and the digest that the server knows it by.

use std::borrow::Cow;

use redis::{Cmd, RedisWrite, ToRedisArgs, ToSingleRedisArg, cmd};

use crate::slot::Slot;

/// Immutable, and shared by all calls.
#[derive(Debug)]
pub(crate) struct Script {
    source: Cow<'static, str>,
    digest: String,
}

/// One call of a script: what it is given, but not yet how the script is named.
#[derive(Debug, Default)]
pub(crate) struct Call {
    keys: Vec<String>,
    arguments: Vec<Argument>,
}

/// What a script is given beside its keys.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Number(u64),
    Text(String),
}

impl From<u64> for Argument {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl ToRedisArgs for Argument {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        match self {
            Self::Number(number) => number.write_redis_args(out),
            Self::Text(text) => text.write_redis_args(out),
        }
    }
}

impl ToSingleRedisArg for Argument {}

impl Script {
    pub(crate) fn new(source: impl Into<Cow<'static, str>>) -> Self {
        let source = source.into();
        let digest = redis::Script::new(&source).get_hash().to_owned();
        Self { source, digest }
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The short form, for a server that has seen the script.
    pub(crate) fn by_digest(&self, call: &Call) -> Cmd {
        call.complete(cmd("EVALSHA").arg(&self.digest))
    }

    /// The long form, from which the server learns the script too.
    pub(crate) fn by_source(&self, call: &Call) -> Cmd {
        call.complete(cmd("EVAL").arg(self.source.as_bytes()))
    }
}

impl Call {
    /// Adds a key and what belongs to it.
    pub(crate) fn push(&mut self, key: String, arguments: &[u64]) {
        self.keys.push(key);
        let arguments = arguments.iter().copied().map(Argument::Number);
        self.arguments.extend(arguments);
    }

    /// Adds a key.
    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Adds an argument: a number or text.
    pub(crate) fn arg(mut self, argument: impl Into<Argument>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The slot of a cluster that its keys are in.
    pub(crate) fn slot(&self) -> Slot {
        self.keys
            .first()
            .map_or(Slot(0), |key| Slot::of_key(key.as_bytes()))
    }

    fn complete(&self, command: &mut Cmd) -> Cmd {
        command.arg(self.keys.len()).arg(&self.keys);
        command.arg(&self.arguments).take()
    }
}
