//! What the keys of a user are called.

use crate::tag::Tag;

/// A user under one version of the rotation key.
#[derive(Clone, Debug)]
pub(super) struct User {
    base: String,
}

impl User {
    pub(super) fn new(prefix: &str, tag: Tag) -> Self {
        Self {
            base: format!("{prefix}:{{{tag}}}:"),
        }
    }

    /// What the names of the user's families begin with.
    pub(super) fn families(&self) -> String {
        self.key("f:")
    }

    /// A family, or its tombstone.
    pub(super) fn family(&self, sid: &str) -> String {
        format!("{}f:{sid}", self.base)
    }

    /// The ids of the user's families.
    pub(super) fn index(&self) -> String {
        self.key("i")
    }

    /// The cut: what was opened up to it is ended.
    pub(super) fn cut(&self) -> String {
        self.key("n")
    }

    /// An access token that is denied.
    pub(super) fn denied(&self, token: Tag) -> String {
        format!("{}d:{token}", self.base)
    }

    /// A refresh token of Django's that must not be used again.
    pub(super) fn listed(&self, token: Tag) -> String {
        format!("{}b:{token}", self.base)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.base)
    }
}
