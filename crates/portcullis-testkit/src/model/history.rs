//! All that ever happened to one family.

use portcullis_core::{clock::Timestamp, rotation::RevokeReason};

/// One thing that happened to a family.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// It was ended.
    Ended(RevokeReason),
    /// A lost response to the opening at `window` was forgiven at `at`, with `generation`.
    Forgiven {
        at: Timestamp,
        window: Timestamp,
        generation: u64,
    },
    /// `generation` became current at `at`; unused, the family is gone at `idle_end`.
    Opened {
        generation: u64,
        at: Timestamp,
        idle_end: Timestamp,
    },
    /// A client was seen to have `generation`.
    Seen(u64),
}

#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) created: Timestamp,
    pub(super) absolute_end: Timestamp,
    pub(super) key_version: u32,
    pub(super) label: Option<String>,
    pub(super) events: Vec<Event>,
}

impl History {
    pub(super) fn ended(&self) -> Option<RevokeReason> {
        self.events.iter().find_map(|event| match event {
            Event::Ended(reason) => Some(*reason),
            _ => None,
        })
    }

    /// The last opening: generation and time.
    pub(super) fn current(&self) -> (u64, Timestamp, Timestamp) {
        let opened = self.events.iter().rev().find_map(|event| match event {
            Event::Opened {
                generation,
                at,
                idle_end,
            } => Some((*generation, *at, *idle_end)),
            _ => None,
        });
        opened.expect("every family has been opened")
    }

    pub(super) fn last_forgiven(&self) -> Option<(Timestamp, Timestamp, u64)> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Forgiven {
                at,
                window,
                generation,
            } => Some((*at, *window, *generation)),
            _ => None,
        })
    }

    /// When the last window opened.
    pub(super) fn window(&self) -> Timestamp {
        let (_, opened, _) = self.current();
        let forgiven = self.last_forgiven().map(|(at, ..)| at);
        forgiven.map_or(opened, |at| at.max(opened))
    }

    pub(super) fn was_seen(&self, generation: u64) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Seen(seen) if *seen == generation))
    }

    /// A stored time ahead of the clock is lowered to now.
    pub(super) fn lower(&mut self, now: Timestamp) {
        for event in &mut self.events {
            if let Event::Opened { at, .. } | Event::Forgiven { at, .. } = event {
                *at = (*at).min(now);
            }
        }
    }

    /// When it may come to an end of its own.
    pub(super) fn ends(&self) -> [Timestamp; 2] {
        let (_, _, idle_end) = self.current();
        [self.absolute_end, idle_end]
    }

    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        let (_, _, idle_end) = self.current();
        now >= self.absolute_end || (self.ended().is_none() && now >= idle_end)
    }
}
