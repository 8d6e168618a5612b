//! Servers and bodies that several modules use.

pub(crate) mod body;
pub(crate) mod loopback;
