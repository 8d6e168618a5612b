//! The scripts, each put together once.

use crate::script::Script;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) check: Script,
    pub(super) list: Script,
    pub(super) mark: Script,
    pub(super) open: Script,
    pub(super) revoke: Script,
    pub(super) revoke_all: Script,
    pub(super) rotate: Script,
    pub(super) settle: Script,
    pub(super) trim: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self::through(str::to_owned)
    }
}

impl Scripts {
    /// The scripts, each as `change` makes it: tests put another clock into them.
    pub(super) fn through(change: impl Fn(&str) -> String) -> Self {
        let script = |parts: &[&str]| Script::new(change(&parts.concat()));
        let common = include_str!("common.lua");
        let room = include_str!("room.lua");
        Self {
            check: script(&[include_str!("check.lua")]),
            list: script(&[include_str!("list.lua")]),
            mark: script(&[include_str!("mark.lua")]),
            open: script(&[common, room, include_str!("open.lua")]),
            revoke: script(&[common, include_str!("revoke.lua")]),
            revoke_all: script(&[common, include_str!("revoke_all.lua")]),
            rotate: script(&[common, include_str!("rotate.lua")]),
            settle: script(&[include_str!("settle.lua")]),
            trim: script(&[common, room, include_str!("trim.lua")]),
        }
    }
}
