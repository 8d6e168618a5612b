//! What the services of one layer share, and what a decision leaves to be done.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, Response, header};
use portcullis_core::{
    audit::{AuditEvent, AuditKind, AuditSink},
    client::ClientPolicy,
    clock::Clock,
    csrf::{CsrfExplanation, CsrfPass, CsrfPolicy, CsrfRejection, CsrfToken, SessionRef},
    identity::Identity,
    respond::{RequestView, SharedRespond},
};

use super::{CsrfExempt, CsrfTokenHandle};

#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) policy: CsrfPolicy,
    pub(super) client: ClientPolicy,
    pub(super) respond: SharedRespond,
    pub(super) audit: Option<Audit>,
    pub(super) hands_out_tokens: bool,
}

#[derive(Clone)]
pub(super) struct Audit {
    pub(super) sink: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit(..)")
    }
}

impl Shared {
    /// What is to be done after `request` was answered, mostly nothing; or why it is not.
    pub(super) fn decide(
        this: &Arc<Self>,
        request: &RequestView<'_>,
    ) -> Result<Option<Box<After>>, Box<Refused>> {
        let client = this.client.client_without_address(request);
        let verdict = match request.extensions.get::<CsrfExempt>() {
            Some(_) => Ok(CsrfPass::Exempt),
            None => this.policy.check(request, &client),
        };
        let renewed = this.renewed(verdict, request);
        let explanation = match verdict {
            Ok(_) => None,
            Err(rejection) => {
                let explanation = this.policy.explain(rejection, request, &client);
                this.report(&explanation, request);
                if !this.policy.is_report_only() {
                    let refused = Refused {
                        explanation,
                        renewed,
                    };
                    return Err(Box::new(refused));
                }
                Some(explanation)
            }
        };
        if !this.hands_out_tokens && renewed.is_none() && explanation.is_none() {
            return Ok(None);
        }
        Ok(Some(Box::new(After {
            handle: this
                .hands_out_tokens
                .then(|| CsrfTokenHandle::new(this.clone(), request, renewed)),
            shared: this.clone(),
            renewed,
            explanation,
        })))
    }

    /// The token that the response sets unasked: in place of one without signature, or of a text
    /// that is none. Without entropy the request goes on with what it has.
    fn renewed(
        &self,
        verdict: Result<CsrfPass, CsrfRejection>,
        request: &RequestView<'_>,
    ) -> Option<CsrfToken> {
        let due = match verdict {
            Ok(CsrfPass::Pair | CsrfPass::Signed) => false,
            Ok(CsrfPass::Unsigned) => true,
            _ => self.policy.is_cookie_malformed(request.headers),
        };
        if !due {
            return None;
        }
        let session = session_of(request.extensions.get::<Identity>());
        self.policy.issue(session).ok()
    }

    fn report(&self, explanation: &CsrfExplanation, request: &RequestView<'_>) {
        let Some(audit) = &self.audit else { return };
        let reason = if self.policy.is_report_only() {
            format!("report only: {explanation}")
        } else {
            explanation.to_string()
        };
        let mut event = AuditEvent::new(AuditKind::Refused, audit.clock.now())
            .with_address(self.client.address(request))
            .with_reason(reason);
        if let Some(identity) = request.extensions.get::<Identity>() {
            event = event.with_subject(identity.subject());
            if let Some(sid) = identity.session() {
                event = event.with_session(sid);
            }
        }
        audit.sink.record(event);
    }
}

pub(super) fn session_of(identity: Option<&Identity>) -> SessionRef<'_> {
    identity.map_or(SessionRef::Anonymous, SessionRef::of)
}

/// What is left to do for a request that passed.
#[derive(Debug)]
pub(super) struct After {
    shared: Arc<Shared>,
    handle: Option<CsrfTokenHandle>,
    renewed: Option<CsrfToken>,
    explanation: Option<CsrfExplanation>,
}

impl After {
    pub(super) const fn handle(&self) -> Option<&CsrfTokenHandle> {
        self.handle.as_ref()
    }

    pub(super) fn apply<B>(self, response: &mut Response<B>) {
        if let Some(explanation) = self.explanation {
            response.extensions_mut().insert(explanation);
        }
        let asked = self.handle.as_ref().and_then(CsrfTokenHandle::asked);
        if let Some(token) = asked.or(self.renewed) {
            set_token(&self.shared.policy, &token, response.headers_mut());
        }
    }
}

/// A request that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    explanation: CsrfExplanation,
    renewed: Option<CsrfToken>,
}

impl Refused {
    pub(super) const fn rejection(&self) -> CsrfRejection {
        self.explanation.rejection()
    }

    pub(super) fn apply<B>(self, policy: &CsrfPolicy, response: &mut Response<B>) {
        if let Some(token) = self.renewed {
            set_token(policy, &token, response.headers_mut());
        }
        response.extensions_mut().insert(self.explanation);
    }
}

/// Sets the cookie, unless the handler has: it knows of a login that we do not.
fn set_token(policy: &CsrfPolicy, token: &CsrfToken, headers: &mut HeaderMap) {
    let name = policy.cookie().name().as_bytes();
    let is_ours = |line: &HeaderValue| {
        let rest = line.as_bytes().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(b"="))
    };
    if !headers.get_all(header::SET_COOKIE).iter().any(is_ours) {
        headers.append(header::SET_COOKIE, policy.set_cookie(token));
    }
    vary_on_cookie(headers);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

fn vary_on_cookie(headers: &mut HeaderMap) {
    let names_cookie = |line: &HeaderValue| {
        line.as_bytes().split(|&byte| byte == b',').any(|name| {
            let name = name.trim_ascii();
            name.eq_ignore_ascii_case(b"cookie") || name == b"*"
        })
    };
    if !headers.get_all(header::VARY).iter().any(names_cookie) {
        headers.append(header::VARY, HeaderValue::from_static("Cookie"));
    }
}
