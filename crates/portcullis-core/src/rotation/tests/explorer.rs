//! Explores every history within small bounds, and finds none that breaks the stated limits.
//!
//! A tick is two seconds and the overlap five of them; a message is under way for at most two, less
//! than half an overlap. More states: `PORTCULLIS_STATES=3000000`.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::told;
use crate::{
    clock::Timestamp,
    rotation::{
        Entry, Family, GrantKind, Known, Presented, Refusal, RotationPolicy, Verdict, decide,
    },
};

const TICK: u64 = 2_000;
const MOST_DELAY: u64 = 2;
const OVERLAP: u64 = 5;
const BUDGET: u64 = 43_200;
const START: u64 = 1_700_000_000_000 / TICK;

fn policy() -> RotationPolicy {
    // Lifetimes that no history reaches: the limits are about windows.
    RotationPolicy::default()
        .with_absolute(Duration::from_secs(400 * 86_400))
        .with_idle(Duration::from_secs(400 * 86_400))
}

fn at(tick: u64) -> Timestamp {
    Timestamp::from_millis(tick * TICK)
}

/// Presents `generation` to `family` at `now`; `None` ends the family.
fn present(family: &mut Family, generation: u64, now: u64) -> (Verdict, bool) {
    let known = Known {
        entry: Some(Entry::Alive(family.clone())),
        ..Known::default()
    };
    let presented = Presented {
        subject: "42",
        sid: "f",
        generation,
        adoption: None,
    };
    let decision = decide(known, &presented, &policy(), at(now));
    let lives = match decision.entry {
        Some(Entry::Alive(after)) => {
            *family = after;
            true
        }
        _ => false,
    };
    (decision.verdict, lives)
}

/// How many states a run may visit.
fn most_states() -> usize {
    let asked = std::env::var("PORTCULLIS_STATES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(60_000)
}

/// What an answer hands out, and whether it sets the cookie.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Sent {
    generation: u64,
    sets_cookie: bool,
}

/// A message of a tab: what it carries, and when it must have arrived.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Tab {
    Answered { sent: Sent, by: u64 },
    Asking { generation: u64, by: u64 },
    Idle,
}

/// One browser with two tabs and one cookie, and the store.
#[derive(Clone, Debug, Eq, PartialEq)]
struct World {
    now: u64,
    family: Family,
    cookie: u64,
    tabs: [Tab; 2],
    refreshes_left: u8,
    /// When, and which generation it would have brought.
    last_loss: Option<(u64, u64)>,
}

/// A state without its calendar: ages instead of times.
type Shape = (
    u64,
    u64,
    bool,
    Option<(u64, u64, u64)>,
    u64,
    [Tab; 2],
    u8,
    Option<(u64, u64)>,
);

impl World {
    fn shape(&self) -> Shape {
        let age = |time: Timestamp| (self.now - time.as_millis() / TICK).min(2 * BUDGET);
        let tab = |tab: Tab| match tab {
            Tab::Answered { sent, by } => Tab::Answered {
                sent,
                by: by - self.now,
            },
            Tab::Asking { generation, by } => Tab::Asking {
                generation,
                by: by - self.now,
            },
            Tab::Idle => Tab::Idle,
        };
        let mut tabs = self.tabs.map(tab);
        tabs.sort_unstable(); // which tab is which makes no difference
        let lost = self.family.lost;
        (
            self.family.generation,
            age(self.family.rotated),
            self.family.seen,
            lost.map(|lost| (age(lost.granted), age(lost.made_good), lost.generation)),
            self.cookie,
            tabs,
            self.refreshes_left,
            self.last_loss
                .map(|(at, generation)| ((self.now - at).min(2 * BUDGET), generation)),
        )
    }

    /// Every state that may come next.
    fn next(&self) -> Vec<Self> {
        let mut next = Vec::new();
        for tab in 0..self.tabs.len() {
            match self.tabs[tab] {
                Tab::Idle => next.extend(self.asked(tab)),
                Tab::Asking { generation, .. } => next.push(self.decided(tab, generation)),
                Tab::Answered { sent, .. } => {
                    next.push(self.arrived(tab, sent));
                    next.extend(self.lost(tab, sent));
                }
            }
        }
        // One tick, past every window, and past the budget.
        let spans = [1, 2 * OVERLAP, BUDGET + 2 * OVERLAP + 1];
        next.extend(spans.into_iter().filter_map(|span| self.later(span)));
        next
    }

    fn with(&self, tab: usize, state: Tab) -> Self {
        let mut world = self.clone();
        world.tabs[tab] = state;
        world
    }

    fn asked(&self, tab: usize) -> Option<Self> {
        let mut world = self.with(
            tab,
            Tab::Asking {
                generation: self.cookie,
                by: self.now + MOST_DELAY,
            },
        );
        world.refreshes_left = self.refreshes_left.checked_sub(1)?;
        Some(world)
    }

    #[track_caller]
    fn decided(&self, tab: usize, generation: u64) -> Self {
        let mut family = self.family.clone();
        let (verdict, _) = present(&mut family, generation, self.now);
        let Verdict::Granted(grant) = verdict else {
            panic!("the owner was signed out by {}: {self:#?}", told(&verdict));
        };
        let was_lost = grant.kind == GrantKind::Lost;
        assert!(
            !was_lost || self.last_loss.is_some(),
            "nothing was lost yet: {self:#?}"
        );
        let sent = Sent {
            generation: grant.generation,
            sets_cookie: grant.sends_refresh(),
        };
        let mut world = self.with(
            tab,
            Tab::Answered {
                sent,
                by: self.now + MOST_DELAY,
            },
        );
        world.family = family;
        world
    }

    fn arrived(&self, tab: usize, sent: Sent) -> Self {
        let mut world = self.with(tab, Tab::Idle);
        if sent.sets_cookie {
            world.cookie = sent.generation;
        }
        world
    }

    /// The answer is lost: at most one per budget, and not those of two generations in a row.
    fn lost(&self, tab: usize, sent: Sent) -> Option<Self> {
        let apart = BUDGET + 2 * OVERLAP;
        let is_too_much = |(at, generation): (u64, u64)| {
            self.now - at <= apart || generation + 1 == sent.generation
        };
        if self.last_loss.is_some_and(is_too_much) {
            return None;
        }
        let mut world = self.with(tab, Tab::Idle);
        world.last_loss = Some((self.now, sent.generation));
        Some(world)
    }

    /// Time passes, as far as the messages under way allow.
    fn later(&self, span: u64) -> Option<Self> {
        let now = self.now + span;
        let in_time = self.tabs.iter().all(|tab| match tab {
            Tab::Answered { by, .. } | Tab::Asking { by, .. } => now <= *by,
            Tab::Idle => true,
        });
        in_time.then(|| Self {
            now,
            ..self.clone()
        })
    }
}

#[test]
fn an_honest_browser_is_never_signed_out_within_the_stated_limits() {
    let first = World {
        now: START,
        family: Family::open(at(START), None, 1, &policy()),
        cookie: 0,
        tabs: [Tab::Idle; 2],
        refreshes_left: 5,
        last_loss: None,
    };
    let mut seen = HashSet::from([first.shape()]);
    let mut open = VecDeque::from([first]);
    while let Some(world) = open.pop_front() {
        for next in world.next() {
            if seen.len() < most_states() && seen.insert(next.shape()) {
                open.push_back(next);
            }
        }
    }
    assert!(
        seen.len() >= 50_000,
        "{} states are too few to tell",
        seen.len()
    );
}

/// An owner and a thief with a copy of the cookie, who act one at a time.
#[derive(Clone, Debug)]
struct Theft {
    now: u64,
    family: Family,
    owner: u64,
    thief: u64,
    /// What the owner was granted since the thief's first success.
    granted_since: Option<u32>,
}

impl Theft {
    /// The owner refreshes; `None` is the end of the family.
    fn owner_acts(mut self) -> Option<Self> {
        let (verdict, lives) = present(&mut self.family, self.owner, self.now);
        if let Verdict::Granted(grant) = &verdict {
            self.granted_since = self.granted_since.map(|count| count + 1);
            if grant.sends_refresh() {
                self.owner = grant.generation;
            }
        }
        lives.then_some(self)
    }

    /// The thief refreshes; a success after the owner's second is what must not be.
    #[track_caller]
    fn thief_acts(mut self) -> Option<Self> {
        let story = format!("{self:#?}");
        let (verdict, lives) = present(&mut self.family, self.thief, self.now);
        if let Verdict::Granted(grant) = &verdict {
            let granted = *self.granted_since.get_or_insert(0);
            assert!(granted <= 2, "the thief is still there: {story}");
            if grant.sends_refresh() {
                self.thief = grant.generation;
            }
        }
        lives.then_some(self)
    }
}

/// Every order of owner and thief down to `depth`, outside each other's windows.
fn explore_theft(theft: &Theft, depth: u32, ends: &mut u32) {
    if depth == 0 {
        return;
    }
    for span in [2 * OVERLAP, 150, BUDGET, BUDGET + 1] {
        let mut later = theft.clone();
        later.now += span;
        for next in [later.clone().owner_acts(), later.thief_acts()] {
            match next {
                Some(next) => explore_theft(&next, depth - 1, ends),
                None => *ends += 1,
            }
        }
    }
}

#[test]
fn a_thief_is_found_after_at_most_two_refreshes_of_the_owner() {
    let theft = Theft {
        now: START,
        family: Family::open(at(START), None, 1, &policy()),
        owner: 0,
        thief: 0,
        granted_since: None,
    };
    let mut ends = 0;
    explore_theft(&theft, 6, &mut ends);
    assert!(ends > 1_000, "the family ended in {ends} histories");
}

#[test]
fn a_thief_inside_each_window_of_the_owner_is_not_found() {
    // The limit that every overlap has: here the two are like two tabs.
    let mut theft = Theft {
        now: START,
        family: Family::open(at(START), None, 1, &policy()),
        owner: 0,
        thief: 0,
        granted_since: None,
    };
    for _ in 0..20 {
        theft.now += 150;
        theft = theft.owner_acts().expect("the current token");
        theft.now += OVERLAP - 1;
        let (verdict, _) = present(&mut theft.family, theft.thief, theft.now);
        assert_ne!(verdict, Verdict::Refused(Refusal::Reuse));
        theft.thief = theft.owner;
    }
}
