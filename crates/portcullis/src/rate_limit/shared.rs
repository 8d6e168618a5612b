//! What the services of one layer share: rules to charges, outcome to response.

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use portcullis_core::{
    Answer, Rejection,
    audit::{AuditEvent, AuditKind, AuditSink},
    client::ClientPolicy,
    clock::Clock,
    rate::{Charge, LimitState, Limiter, MAX_CHARGES, Outcome, Reservation},
    respond::{RequestView, SharedRespond},
    store::StoreError,
};

use super::{
    fields::{Fields, whole_secs},
    matched::Matched,
    rule::{Key, RateRule, lenient},
};

/// Whether a request was a failed attempt, for rules that count failures only.
///
/// A handler that knows better than the status (a login form sent back with 200) puts it into the
/// response's extensions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attempt {
    /// The charge stays.
    Failed,
    /// The charge is given back.
    Succeeded,
}

/// Says, among the extensions of a 503, that the server does not tell its services who the peer
/// is, so that a limit by address can count nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MissingPeerAddr;

impl fmt::Display for MissingPeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a limit by address, but the request has no address: insert \
             `portcullis::core::client::PeerAddr`, or use `ClientPolicy::with_peer_from`",
        )
    }
}

impl std::error::Error for MissingPeerAddr {}

type Classify = dyn Fn(StatusCode, &HeaderMap) -> Attempt + Send + Sync;

/// The answer of the limiter.
pub(super) type Check = Answer<Result<Outcome, StoreError>>;

#[derive(Clone)]
pub(super) struct Audit {
    pub(super) sink: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
}

#[derive(Clone)]
pub(super) struct Shared {
    limiter: Limiter,
    client: ClientPolicy,
    rules: Vec<RateRule>,
    looks_at_paths: bool,
    /// Whether nothing is left to do for a request that was admitted.
    ends_at_once: bool,
    pub(super) respond: SharedRespond,
    pub(super) classify: Arc<Classify>,
    pub(super) sends_fields: bool,
    pub(super) audit: Option<Audit>,
    unavailable: Arc<AtomicU32>,
}

/// A request above the one quota that there is: where the limit of its place stands.
pub(super) struct Above {
    place: usize,
    state: LimitState,
}

/// What an outcome means for the request.
pub(super) enum Settled {
    /// Call the inner service, and do what is left to do afterwards.
    Call(Option<Box<After>>),
    /// Answer with the refusal.
    Refuse(Response<Bytes>),
}

/// What is left to do when the response is there. Boxed: most layers have nothing to do.
#[derive(Debug)]
pub(super) struct After {
    shared: Arc<Shared>,
    fields: Option<Fields>,
    reservation: Option<Reservation>,
}

impl Shared {
    pub(super) fn new(limiter: Limiter, client: ClientPolicy) -> Self {
        Self {
            limiter,
            client,
            rules: Vec::new(),
            looks_at_paths: false,
            ends_at_once: false,
            respond: SharedRespond::default(),
            classify: Arc::new(by_status),
            sends_fields: false,
            audit: None,
            unavailable: Arc::default(),
        }
    }

    /// Applies `rule` too; false when that is one too many.
    pub(super) fn add_rule(&mut self, rule: RateRule) -> bool {
        let fits = self.rules.len() < MAX_CHARGES;
        if fits {
            self.rules.push(rule);
        }
        fits
    }

    /// Works out what need not be done for each request. To be called after every change.
    pub(super) fn prepare(&mut self) {
        let any = |is: fn(&RateRule) -> bool| self.rules.iter().any(is);
        self.looks_at_paths = any(RateRule::looks_at_paths);
        self.ends_at_once = !self.sends_fields
            && !any(RateRule::counts_failures_only)
            && !any(RateRule::has_shadow);
    }

    /// Decides for good over the one rule there is, where nothing is left to do afterwards and the
    /// store is in this process; anything else is for [`reserve`](Self::reserve).
    pub(super) fn decide(&self, request: &RequestView<'_>) -> Option<Result<(), Above>> {
        let [rule] = &self.rules[..] else {
            return None;
        };
        if !self.ends_at_once || self.looks_at_paths {
            return None;
        }
        let address = self.client.address(request);
        let (place, verdict) = if let Some(key) = rule.address_key(address) {
            let place = rule.place(request.method, "")?;
            (
                place,
                self.limiter
                    .charge(&Charge::by_address(rule.limit(place), key)),
            )
        } else {
            let (place, key) = Self::charged(rule, request, "", address).ok()??;
            let parts = key.parts();
            (
                place,
                self.limiter.charge(&key.charge(rule.limit(place), &parts)),
            )
        };
        Some(verdict?.map_err(|state| Above { place, state }))
    }

    /// The refusal of `request`, which [`decide`](Self::decide) found above its quota.
    pub(super) fn refuse_above<B>(&self, above: &Above, request: Request<B>) -> Response<Bytes> {
        self.report(&RequestView::of(&request), || {
            let mut matched = Matched::default();
            matched.push(0, above.place);
            self.refusers(&matched, &[above.state])
        });
        let secs = whole_secs(above.state.retry_after);
        self.respond.refuse_throttled(secs, request)
    }

    /// Asks the limiter for every limit that applies to `request`. Under one rule, over a memory
    /// store and with a path without odd bytes, it allocates nothing.
    pub(super) fn reserve(
        &self,
        request: &RequestView<'_>,
    ) -> Result<(Check, Matched), MissingPeerAddr> {
        let path = if self.looks_at_paths {
            lenient(request.uri.path())
        } else {
            Cow::Borrowed("")
        };
        let address = self.client.address(request);
        let mut matched = Matched::default();
        let check = match &self.rules[..] {
            [] => self.limiter.reserve(&[]),
            [rule] => match Self::charged(rule, request, &path, address)? {
                Some((place, key)) => {
                    matched.push(0, place);
                    let parts = key.parts();
                    self.limiter
                        .reserve(&[key.charge(rule.limit(place), &parts)])
                }
                None => self.limiter.reserve(&[]),
            },
            rules => {
                let mut keys = [const { None }; MAX_CHARGES];
                for (index, rule) in rules.iter().enumerate() {
                    if let Some((place, key)) = Self::charged(rule, request, &path, address)? {
                        keys[matched.len()] = Some(key);
                        matched.push(index, place);
                    }
                }
                self.reserve_several(&matched, &keys)
            }
        };
        Ok((check, matched))
    }

    /// The place and the key by which `rule` charges `request`; `None` leaves it out.
    fn charged<'a>(
        rule: &RateRule,
        request: &RequestView<'a>,
        path: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<(usize, Key<'a>)>, MissingPeerAddr> {
        let Some(place) = rule.place(request.method, path) else {
            return Ok(None);
        };
        Ok(rule.key(request, address)?.map(|key| (place, key)))
    }

    fn reserve_several(&self, matched: &Matched, keys: &[Option<Key<'_>>; MAX_CHARGES]) -> Check {
        let parts = keys.each_ref().map(|key| key.as_ref().map(Key::parts));
        let mut charges =
            matched
                .iter()
                .zip(keys.iter().zip(&parts))
                .filter_map(|(place, (key, parts))| {
                    Some(key.as_ref()?.charge(self.limit(place), parts.as_ref()?))
                });
        let Some(first) = charges.next() else {
            return self.limiter.reserve(&[]);
        };
        let mut filled = [first; MAX_CHARGES];
        for (slot, charge) in filled[1..].iter_mut().zip(charges) {
            *slot = charge;
        }
        self.limiter.reserve(&filled[..matched.len()])
    }

    fn limit(&self, (rule, place): (u8, u8)) -> &portcullis_core::rate::Limit {
        self.rules[usize::from(rule)].limit(usize::from(place))
    }

    /// What `outcome` means for the request.
    pub(super) fn settle(
        self: &Arc<Self>,
        matched: &Matched,
        outcome: Result<Outcome, StoreError>,
        request: &RequestView<'_>,
    ) -> Settled {
        match outcome {
            Ok(Outcome::Admitted(_)) if self.ends_at_once => Settled::Call(None),
            Ok(Outcome::Admitted(reservation)) => {
                self.report_shadows(matched, reservation.states(), request);
                Settled::Call(self.after(matched, reservation))
            }
            Ok(Outcome::Refused {
                retry_after,
                states,
            }) => Settled::Refuse(self.refuse(matched, retry_after, &states, request)),
            Err(error) => {
                self.report(request, || error.to_string());
                Settled::Refuse(self.refuse_unavailable(request))
            }
        }
    }

    fn refuse(
        &self,
        matched: &Matched,
        retry_after: Duration,
        states: &[LimitState],
        request: &RequestView<'_>,
    ) -> Response<Bytes> {
        let rejection = Rejection::RateLimited {
            retry_after_secs: whole_secs(retry_after),
        };
        let mut response = self.respond.refuse(rejection, request);
        if let Some(fields) = self.fields(matched, states) {
            fields.append(response.headers_mut());
        }
        self.report(request, || self.refusers(matched, states));
        response
    }

    /// The refusal of a request whose peer the server did not name.
    pub(super) fn refuse_missing(
        &self,
        missing: MissingPeerAddr,
        request: &RequestView<'_>,
    ) -> Response<Bytes> {
        #[cfg(feature = "tracing")]
        tracing::error!("{missing}");
        self.report(request, || missing.to_string());
        let mut response = self.refuse_unavailable(request);
        response.extensions_mut().insert(missing);
        response
    }

    /// 503, its `Retry-After` spread over 1 to 5 s so that not all come back at once.
    fn refuse_unavailable(&self, request: &RequestView<'_>) -> Response<Bytes> {
        let turn = self.unavailable.fetch_add(1, Ordering::Relaxed);
        let rejection = Rejection::Unavailable {
            retry_after_secs: 1 + turn % 5,
        };
        self.respond.refuse(rejection, request)
    }

    fn after(self: &Arc<Self>, matched: &Matched, reservation: Reservation) -> Option<Box<After>> {
        let fails_only = |index: usize| {
            let place = matched.iter().nth(index);
            place.is_some_and(|(rule, _)| self.rules[usize::from(rule)].counts_failures_only())
        };
        let refunds = (0..matched.len()).any(fails_only);
        if !refunds && !self.sends_fields {
            return None;
        }
        let fields = self.fields(matched, reservation.states());
        let reservation = refunds.then(|| {
            let mut reservation = reservation;
            reservation.retain(fails_only);
            reservation
        });
        Some(Box::new(After {
            shared: self.clone(),
            fields,
            reservation,
        }))
    }

    fn fields(&self, matched: &Matched, states: &[LimitState]) -> Option<Fields> {
        let limits = matched.iter().map(|place| self.limit(place));
        self.sends_fields
            .then(|| Fields::render(limits.zip(states)))?
    }

    fn refusers(&self, matched: &Matched, states: &[LimitState]) -> String {
        let refusing = matched
            .iter()
            .zip(states)
            .filter(|(_, state)| state.refused);
        let names = refusing.map(|(place, _)| self.limit(place).name());
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            "rate limit, as refused before".into()
        } else {
            format!("rate limit: {}", names.join(", "))
        }
    }

    fn report_shadows(&self, matched: &Matched, states: &[LimitState], request: &RequestView<'_>) {
        if states.iter().any(|state| state.refused) {
            self.report(request, || {
                format!("shadow {}", self.refusers(matched, states))
            });
        }
    }

    fn report(&self, request: &RequestView<'_>, reason: impl FnOnce() -> String) {
        if let Some(audit) = &self.audit {
            let event = AuditEvent::new(AuditKind::Refused, audit.clock.now());
            let address = self.client.client(request).address;
            audit
                .sink
                .record(event.with_address(address).with_reason(reason()));
        }
    }
}

impl After {
    /// Finishes `response`; gives an answer to wait for when a refund is under way.
    pub(super) fn finish<B>(
        self,
        response: &mut Response<B>,
    ) -> Option<Answer<Result<(), StoreError>>> {
        // On a redirect the field would speak of the wrong resource.
        if let Some(fields) = self.fields.filter(|_| !response.status().is_redirection()) {
            fields.append(response.headers_mut());
        }
        let told = response.extensions().get::<Attempt>().copied();
        let attempt =
            told.unwrap_or_else(|| (self.shared.classify)(response.status(), response.headers()));
        let reservation = self.reservation.filter(|_| attempt == Attempt::Succeeded)?;
        self.shared.limiter.refund(reservation).into_now().err()
    }
}

/// 2xx and 3xx are successes, but for a gRPC status that says otherwise.
fn by_status(status: StatusCode, headers: &HeaderMap) -> Attempt {
    let grpc_failed = headers.get("grpc-status").is_some_and(|code| code != "0");
    if (status.is_success() || status.is_redirection()) && !grpc_failed {
        Attempt::Succeeded
    } else {
        Attempt::Failed
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("limiter", &self.limiter)
            .field("client", &self.client)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
