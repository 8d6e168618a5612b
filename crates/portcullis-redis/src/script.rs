//! A Lua script and the digest that the server knows it by.

use std::borrow::Cow;

use redis::{Cmd, cmd};

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
    arguments: Vec<u64>,
}

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
        self.arguments.extend(arguments);
    }

    fn complete(&self, command: &mut Cmd) -> Cmd {
        command.arg(self.keys.len()).arg(&self.keys);
        command.arg(&self.arguments).take()
    }
}
