//! Asks the store: within the deadline, past the breaker, and what happens when it fails.

use std::{future::poll_fn, pin::Pin, task::Poll};

use super::{Few, Limiter, MadeBy, OnStoreFailure, Outcome, Take};
use crate::{
    answer::Answer,
    audit::{AuditEvent, AuditKind},
    clock::Timestamp,
    rate::{RateStore, Taken},
    store::StoreError,
};

impl Limiter {
    /// Decides by what is remembered, by the store, or by what stands in for it.
    pub(super) fn decide(&self, takes: Few<Take>) -> Answer<Result<Outcome, StoreError>> {
        if let Some(refused) = self.remembered(&takes) {
            return Answer::now(Ok(refused));
        }
        match self.ask(|store| store.take(&takes)).into_now() {
            Ok(Ok(verdict)) => Answer::now(Ok(Outcome::new(takes, verdict, MadeBy::Store))),
            Ok(Err(error)) => Answer::now(self.stand_in(&takes, error)),
            Err(pending) => {
                let (limiter, asked) = (self.clone(), self.clock.now());
                Answer::later(async move {
                    match pending.await {
                        Ok(verdict) => Ok(limiter.told(takes, verdict, asked)),
                        Err(error) => limiter.stand_in(&takes, error),
                    }
                })
            }
        }
    }

    /// The answer to `question`, or an error: the store's, a missed deadline, an open breaker.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn RateStore) -> Answer<Result<T, StoreError>>,
    ) -> Answer<Result<T, StoreError>> {
        if !self.shared.breaker.admits(&*self.clock) {
            return Answer::now(Err(StoreError::plain(
                "the store does not answer (not asked)",
            )));
        }
        match question(&*self.store).into_now() {
            // At once, even an error costs nothing that a breaker could save.
            Ok(answer) => Answer::now(answer),
            Err(pending) => {
                let limiter = self.clone();
                Answer::later(async move { limiter.wait_for(pending).await })
            }
        }
    }

    async fn wait_for<T>(
        self,
        mut pending: Answer<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let deadline = self.clock.now() + self.settings.deadline;
        let mut sleep = self.clock.sleep_until(deadline);
        let answer = poll_fn(|cx| match Pin::new(&mut pending).poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => sleep
                .as_mut()
                .poll(cx)
                .map(|()| Err(StoreError::plain("the deadline has passed"))),
        })
        .await;
        if answer.is_ok() {
            self.shared.breaker.succeeded(self.clock.now());
        } else {
            self.note_failure();
        }
        answer
    }

    fn note_failure(&self) {
        let now = self.clock.now();
        if self.shared.breaker.failed(now) {
            let event = AuditEvent::new(AuditKind::StoreFailed, now);
            self.audit.record(event.with_reason("rate_limit"));
        }
    }

    fn remembered(&self, takes: &[Take]) -> Option<Outcome> {
        let memo = &self.shared.memo;
        if memo.is_empty() {
            return None;
        }
        let wait = memo.wait(takes, self.clock.now(), self.settings.memo_cap)?;
        Some(Outcome::Refused {
            retry_after: wait,
            states: Few::default(),
        })
    }

    /// The outcome of a verdict that had to be waited for; a refusal is remembered.
    fn told(&self, takes: Few<Take>, verdict: Taken, asked: Timestamp) -> Outcome {
        let cap = self.settings.memo_cap;
        if !verdict.admitted && !cap.is_zero() {
            let memo = &self.shared.memo;
            memo.remember(&takes, &verdict.states, asked, cap);
        }
        Outcome::new(takes, verdict, MadeBy::Store)
    }

    /// What happens instead of a decision by the store.
    fn stand_in(&self, takes: &[Take], error: StoreError) -> Result<Outcome, StoreError> {
        match self.settings.on_failure {
            OnStoreFailure::Admit => Ok(Outcome::uncharged()),
            OnStoreFailure::Reject => Err(error),
            OnStoreFailure::LocalFallback => {
                let share = |take: &Take| Take {
                    quota: take.quota.share(self.settings.nodes),
                    ..*take
                };
                let takes: Few<Take> = takes.iter().map(share).collect();
                let verdict = self
                    .shared
                    .fallback
                    .take(&takes)
                    .into_now()
                    .map_err(|_| StoreError::plain("a memory store answers at once"))??;
                Ok(Outcome::new(takes, verdict, MadeBy::Fallback))
            }
        }
    }
}
