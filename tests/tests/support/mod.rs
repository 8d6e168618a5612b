//! Servers and bodies that several modules use.

pub(crate) mod body;
pub(crate) mod events;
pub(crate) mod loopback;
