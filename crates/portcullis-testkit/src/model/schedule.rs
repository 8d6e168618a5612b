//! Random schedules of everything that happens to sessions, on a store and the model at once.

use std::{collections::BTreeMap, time::Duration};

use portcullis_core::{
    clock::Timestamp,
    rotation::{
        Adoption, Grant, NewFamily, Presented, RevokeReason, RotationPolicy, SessionId, Verdict,
    },
};

use super::Model;
use crate::harness::Harness;

mod compare;
mod draw;

use compare::name;
use draw::Draw;

const USERS: [&str; 2] = ["ann", "bob"];
const MAX_SESSIONS: usize = 8;

/// A session that the schedule knows of, dead or alive.
struct Session {
    subject: &'static str,
    sid: String,
    generation: u64,
    adoption: Option<Adoption>,
    /// What the first grant said; it never moves.
    absolute_end: Option<Timestamp>,
    logged_out: bool,
}

/// An access token that was handed out.
struct Access {
    subject: &'static str,
    sid: String,
    jti: String,
    created: Timestamp,
    issued_at: Timestamp,
    expires: Timestamp,
}

struct Run<'h, H> {
    harness: &'h H,
    policy: RotationPolicy,
    model: Model,
    draw: Draw,
    /// When the store was made, or soon after.
    start: Timestamp,
    sessions: Vec<Session>,
    access: Vec<Access>,
    /// The model as it was when the store was last saved, and who had been logged out.
    saved: Option<(Model, Vec<bool>)>,
    /// What has happened, for the message of a failure.
    told: Vec<String>,
    tally: BTreeMap<&'static str, usize>,
    seed: u64,
}

/// Runs `steps` random steps on `harness` and on the model, and compares every answer; after one
/// step in four, all else that can be asked.
///
/// The same seed is the same schedule: logins, refreshes with current, old, older and future
/// generations, Django's tokens, logouts, cuts, denials, a clock that jumps and goes back, and
/// failovers that roll back a store which can be [saved](Harness::save).
///
/// Tells how often each verdict was given, so that a test can ask for all of them.
///
/// # Panics
///
/// When the store and the model disagree, with the seed and the schedule so far.
pub async fn run_schedule(
    harness: &impl Harness,
    policy: RotationPolicy,
    seed: u64,
    steps: usize,
) -> BTreeMap<&'static str, usize> {
    let mut run = Run {
        harness,
        policy,
        model: Model::new(policy),
        draw: Draw(seed),
        start: harness.now(),
        sessions: Vec::new(),
        access: Vec::new(),
        saved: None,
        told: Vec::new(),
        tally: BTreeMap::new(),
        seed,
    };
    run.open().await;
    for _ in 0..steps {
        match run.draw.below(100) {
            0..8 => run.open().await,
            8..12 => run.find_django_token(),
            12..58 => run.rotate().await,
            58..62 => run.log_out().await,
            62..64 => run.log_out_everywhere().await,
            64..66 => run.deny().await,
            66..68 => run.blacklist().await,
            68..70 => run.save_or_roll_back().await,
            _ => run.move_clock().await,
        }
        if run.draw.below(4) == 0 {
            run.compare().await;
        }
    }
    run.compare().await;
    run.tally
}

impl<H: Harness> Run<'_, H> {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.harness.now().as_millis())
    }

    fn tell(&mut self, what: &str) {
        self.told.push(format!("{} {what}", self.now().as_millis()));
    }

    async fn open(&mut self) {
        let subject = self.draw.of(&USERS);
        let now = self.now();
        // Which of two families of one millisecond is the oldest is nobody's promise.
        let newest = self
            .model
            .list(subject, now)
            .first()
            .map(|session| session.1);
        if self.sessions.len() >= MAX_SESSIONS || newest.is_some_and(|newest| newest >= now) {
            return;
        }
        let sid = format!("s{}", self.sessions.len());
        let key_version = u32::try_from(self.draw.below(3)).expect("below three");
        let id = SessionId::parse(&sid).expect("a letter and a digit");
        let family = NewFamily {
            subject,
            sid: &id,
            key_version,
            label: Some(&sid),
        };
        self.tell(&format!("open {subject} {sid}"));
        let opened = self.harness.families().open(&family, &self.policy).await;
        let opened = opened.expect("the store has room");
        let expected = self.model.open(subject, &sid, (key_version, &sid), now);
        self.same("open", &(opened.created, opened.absolute_end), &expected);
        self.sessions.push(Session {
            subject,
            sid,
            generation: 0,
            adoption: None,
            absolute_end: Some(opened.absolute_end),
            logged_out: false,
        });
    }

    /// A token of Django's turns up, which may be adopted from then on.
    fn find_django_token(&mut self) {
        if self.sessions.len() >= MAX_SESSIONS {
            return;
        }
        let now = self.now();
        let ahead = |draw: &mut Draw| Duration::from_secs(60 + draw.next() % 90_000);
        let adoption = Adoption {
            created: Timestamp::from_secs(now.minus(ahead(&mut self.draw)).as_secs()),
            absolute_end: now + ahead(&mut self.draw) * 10,
            token_expires: Timestamp::from_secs((now + ahead(&mut self.draw)).as_secs()),
            key_version: 9,
        };
        self.sessions.push(Session {
            subject: self.draw.of(&USERS),
            sid: format!("s{}", self.sessions.len()),
            generation: 0,
            adoption: Some(adoption),
            absolute_end: None,
            logged_out: false,
        });
    }

    async fn rotate(&mut self) {
        let Some(index) = self.any_session() else {
            return;
        };
        let top = self.sessions[index].generation;
        let generation = match self.draw.below(20) {
            0..9 => top,
            9..17 => top.saturating_sub(1),
            17..19 => top.saturating_sub(2),
            _ => top + 1 + self.draw.next() % 2,
        };
        let session = &self.sessions[index];
        let (subject, sid) = (session.subject, session.sid.clone());
        let presented = Presented {
            subject,
            sid: &sid,
            generation,
            // A successor is ours: only the first generation is a token of Django's.
            adoption: session.adoption.filter(|_| generation == 0),
        };
        self.tell(&format!("rotate {subject} {sid} {generation}"));
        let families = self.harness.families();
        let verdict = families.rotate(&presented, &self.policy).await;
        let verdict = verdict.expect("the store has room");
        if self.compare_verdicts(&presented, &verdict)
            && let Verdict::Granted(grant) = verdict
        {
            self.granted(index, &grant);
        }
    }

    /// Whether there was a verdict that the two had to agree on.
    fn compare_verdicts(&mut self, presented: &Presented<'_>, verdict: &Verdict) -> bool {
        let now = self.now();
        let expected = self.model.rotate(presented, now);
        *self.tally.entry(name(&expected)).or_default() += 1;
        let is_over = |token: &Adoption| token.family_end(&self.policy) <= now;
        if presented.adoption.as_ref().is_some_and(is_over) {
            // A store may have forgotten what else would refuse it.
            let refused = |verdict: &Verdict| matches!(verdict, Verdict::Refused(_));
            self.same("the refusal", &refused(verdict), &refused(&expected));
            return false;
        }
        if !self.harness.agrees(verdict, &expected) {
            self.same("the verdict", verdict, &expected);
        }
        true
    }

    fn granted(&mut self, index: usize, grant: &Grant) {
        let session = &mut self.sessions[index];
        assert!(
            !session.logged_out,
            "seed {}: {} refreshed after its logout",
            self.seed, session.sid
        );
        let end = *session.absolute_end.get_or_insert(grant.absolute_end);
        assert_eq!(
            grant.absolute_end, end,
            "seed {}: the absolute end moved",
            self.seed
        );
        session.generation = session.generation.max(grant.generation);
        let jti = format!("j{}", self.access.len());
        self.access.push(Access {
            subject: session.subject,
            sid: session.sid.clone(),
            jti,
            created: grant.created,
            issued_at: grant.now,
            expires: (grant.now + self.policy.access).min(grant.absolute_end),
        });
    }

    async fn log_out(&mut self) {
        let Some(index) = self.any_session() else {
            return;
        };
        let session = &mut self.sessions[index];
        session.logged_out = true;
        let (subject, sid) = (session.subject, session.sid.clone());
        let reason = self
            .draw
            .of(&[RevokeReason::Logout, RevokeReason::Replaced]);
        self.tell(&format!("revoke {subject} {sid} {reason:?}"));
        let now = self.now();
        let answer = self
            .harness
            .families()
            .revoke(subject, &sid, reason, &self.policy)
            .await;
        let _ = answer.expect("the store has room");
        self.model.revoke(subject, &sid, reason, now);
    }

    async fn log_out_everywhere(&mut self) {
        let subject = self.draw.of(&USERS);
        self.tell(&format!("revoke_all {subject}"));
        let now = self.now();
        let answer = self
            .harness
            .families()
            .revoke_all(subject, &self.policy)
            .await;
        let _ = answer.expect("the store has room");
        self.model.revoke_all(subject, now);
        let ended = self
            .sessions
            .iter_mut()
            .filter(|session| session.subject == subject);
        ended.for_each(|session| session.logged_out |= session.adoption.is_none());
    }

    async fn deny(&mut self) {
        if self.access.is_empty() {
            return;
        }
        let index = self.draw.below(self.access.len());
        let token = &self.access[index];
        let (subject, jti, expires) = (token.subject, token.jti.clone(), token.expires);
        self.tell(&format!("deny {subject} {jti}"));
        let answer = self
            .harness
            .revocations()
            .deny(subject, &jti, expires)
            .await;
        let _ = answer.expect("the store has room");
        self.model.deny(subject, &jti, expires);
    }

    async fn blacklist(&mut self) {
        let Some(index) = self.any_session() else {
            return;
        };
        let session = &self.sessions[index];
        let (subject, sid) = (session.subject, session.sid.clone());
        let expires = Timestamp::from_secs(self.now().as_secs() + 1 + self.draw.next() % 9_000);
        self.tell(&format!(
            "blacklist {subject} {sid} until {}",
            expires.as_secs()
        ));
        let answer = self.harness.blacklist().add(subject, &sid, expires).await;
        let _ = answer.expect("the store has room");
        self.model.list_jti(subject, &sid, expires);
    }

    /// Saves the store, or rolls it back to what was saved: a failover to a late replica.
    async fn save_or_roll_back(&mut self) {
        let Some((model, logged_out)) = self.saved.take() else {
            if self.harness.save().await {
                let logged_out = self.sessions.iter().map(|session| session.logged_out);
                self.saved = Some((self.model.clone(), logged_out.collect()));
                self.tell("save");
            }
            return;
        };
        self.tell("roll back");
        self.harness.roll_back().await;
        self.model = model;
        // What was logged out since then may be alive again; what was opened since then is gone.
        let logged_out = logged_out.into_iter().chain(std::iter::repeat(false));
        for (session, logged_out) in self.sessions.iter_mut().zip(logged_out) {
            session.logged_out = logged_out;
        }
    }

    async fn move_clock(&mut self) {
        const SPANS: [u64; 14] = [
            1,
            500,
            4_999,
            5_000,
            9_999,
            10_000,
            10_001,
            20_000,
            60_000,
            299_000,
            3_600_000,
            86_400_000,
            86_400_001,
            600_000_000,
        ];
        let now = self.harness.now();
        let span = Duration::from_millis(self.draw.of(&SPANS));
        let back = now.minus(span.min(Duration::from_secs(60)));
        let to = if self.draw.below(10) == 0 && !self.model.ends_between(back, now) {
            back
        } else {
            now + span
        };
        self.harness.set(to).await;
        self.tell("is the time");
    }

    fn any_session(&mut self) -> Option<usize> {
        let count = self.sessions.len();
        (count > 0).then(|| self.draw.below(count))
    }
}
