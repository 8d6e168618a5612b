//! The policy as a whole, and its application to a response.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{
    Csp, EmbedderPolicy, FrameOptions, HeaderConfigError, Hsts, Nonce, OpenerPolicy,
    PermissionsPolicy, ReferrerPolicy, ResourcePolicy,
    csp::{endpoint_name, report_url},
    rendered::Rendered,
};
use crate::origin::Scheme;

const EMBEDDER: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const AGENT_CLUSTER: HeaderName = HeaderName::from_static("origin-agent-cluster");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const REPORTING: HeaderName = HeaderName::from_static("reporting-endpoints");
const POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");

/// The headers that every response gets, rendered.
///
/// See the [module docs](super) for an example.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct HeaderPolicy {
    fixed: Vec<(HeaderName, HeaderValue)>,
    hsts: Option<HeaderValue>,
    csp: Option<Rendered>,
    csp_report_only: Option<Rendered>,
    endpoints: Vec<(String, String)>,
    pub(super) removed: Vec<HeaderName>,
}

impl HeaderPolicy {
    /// No header at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// For an application that renders pages: [`Csp::strict`], two years of HSTS, no framing, no
    /// sniffing, our own windows and resources for ourselves, rare features off.
    pub fn strict() -> Self {
        Self::api()
            .with_rendered_csp(&Csp::strict())
            .with_opener_policy(OpenerPolicy::SameOrigin)
            .with_origin_agent_cluster()
            .with_permissions_policy(&PermissionsPolicy::restrictive())
    }

    /// For a service that answers with data: [`Csp::api`], HSTS, and what keeps others from
    /// framing, sniffing or embedding it.
    pub fn api() -> Self {
        Self::empty()
            .with_rendered_csp(&Csp::api())
            .with_hsts(Hsts::default())
            .with_content_type_options()
            .with_frame_options(FrameOptions::Deny)
            .with_referrer_policy(ReferrerPolicy::StrictOriginWhenCrossOrigin)
            .with_resource_policy(ResourcePolicy::SameOrigin)
            .remove(header::SERVER)
            .remove(POWERED_BY)
    }

    /// What Django sends with its default settings: `SecurityMiddleware` and
    /// `XFrameOptionsMiddleware`.
    pub fn django() -> Self {
        Self::empty()
            .with_content_type_options()
            .with_frame_options(FrameOptions::Deny)
            .with_referrer_policy(ReferrerPolicy::SameOrigin)
            .with_opener_policy(OpenerPolicy::SameOrigin)
    }

    /// Sends `X-Content-Type-Options: nosniff`.
    pub fn with_content_type_options(self) -> Self {
        self.with_fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    /// Sends `X-Frame-Options`.
    pub fn with_frame_options(self, options: FrameOptions) -> Self {
        self.with_fixed(header::X_FRAME_OPTIONS, options.as_str())
    }

    /// Sends `Referrer-Policy`.
    pub fn with_referrer_policy(self, policy: ReferrerPolicy) -> Self {
        self.with_fixed(header::REFERRER_POLICY, policy.as_str())
    }

    /// Sends `Cross-Origin-Opener-Policy`.
    pub fn with_opener_policy(self, policy: OpenerPolicy) -> Self {
        self.with_fixed(OPENER, policy.as_str())
    }

    /// Sends `Cross-Origin-Embedder-Policy`, which breaks pages that embed what does not expect it.
    pub fn with_embedder_policy(self, policy: EmbedderPolicy) -> Self {
        self.with_fixed(EMBEDDER, policy.as_str())
    }

    /// Sends `Cross-Origin-Resource-Policy`.
    pub fn with_resource_policy(self, policy: ResourcePolicy) -> Self {
        self.with_fixed(RESOURCE, policy.as_str())
    }

    /// Sends `Origin-Agent-Cluster: ?1`, so that a sibling host shares no process.
    pub fn with_origin_agent_cluster(self) -> Self {
        self.with_fixed(AGENT_CLUSTER, "?1")
    }

    /// Sends `Permissions-Policy`; an empty one is not sent.
    pub fn with_permissions_policy(self, policy: &PermissionsPolicy) -> Self {
        if policy.is_empty() {
            return self.without(&PERMISSIONS);
        }
        self.with_value(PERMISSIONS, checked(&policy.to_string()))
    }

    /// Sends `Strict-Transport-Security`, on https alone.
    pub fn with_hsts(self, hsts: Hsts) -> Self {
        Self {
            hsts: Some(checked(&hsts.to_string())),
            ..self
        }
    }

    /// Sends no `Strict-Transport-Security`.
    pub fn without_hsts(self) -> Self {
        Self { hsts: None, ..self }
    }

    /// Declares the endpoint `name` for reports (`Reporting-Endpoints`).
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless `name` is a key like `csp` and `url` an absolute path or an
    /// https URL.
    pub fn add_reporting_endpoint(
        mut self,
        name: &str,
        url: &str,
    ) -> Result<Self, HeaderConfigError> {
        let (name, url) = (endpoint_name(name)?, report_url(url)?);
        self.endpoints.retain(|(known, _)| known != name);
        self.endpoints.push((name.to_owned(), url.to_owned()));
        let all: Vec<String> = self
            .endpoints
            .iter()
            .map(|(name, url)| format!("{name}=\"{url}\""))
            .collect();
        Ok(self.with_value(REPORTING, checked(&all.join(", "))))
    }

    /// Sends `Content-Security-Policy`.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] when it reports to an endpoint that
    /// [`add_reporting_endpoint`](Self::add_reporting_endpoint) has not declared before.
    pub fn with_csp(self, csp: &Csp) -> Result<Self, HeaderConfigError> {
        self.declares(csp)?;
        Ok(self.with_rendered_csp(csp))
    }

    /// Sends no `Content-Security-Policy`.
    pub fn without_csp(self) -> Self {
        Self { csp: None, ..self }
    }

    /// Sends `Content-Security-Policy-Report-Only` beside the one that is enforced.
    ///
    /// # Errors
    ///
    /// As [`with_csp`](Self::with_csp).
    pub fn with_csp_report_only(self, csp: &Csp) -> Result<Self, HeaderConfigError> {
        self.declares(csp)?;
        Ok(Self {
            csp_report_only: Some(Rendered::new(csp)),
            ..self
        })
    }

    /// Removes `name` from every response, the handler's value too: for `Server` and the like.
    pub fn remove(mut self, name: HeaderName) -> Self {
        self.removed.push(name);
        self
    }

    /// Keeps `Server` and `X-Powered-By`, which the presets remove.
    pub fn without_removals(self) -> Self {
        Self {
            removed: Vec::new(),
            ..self
        }
    }

    /// Whether one of the content security policies has a place for a nonce.
    pub fn wants_nonce(&self) -> bool {
        let mut policies = self.csp.iter().chain(&self.csp_report_only);
        policies.any(Rendered::wants_nonce)
    }

    /// Gives a response with `status`, to a request over `scheme`, the headers that it lacks.
    ///
    /// `nonce` is the one that the handler asked for, if it did; the response is then kept out of
    /// caches. A `304` gets no content security policy: its page has the one it was stored with.
    pub fn apply(
        &self,
        headers: &mut HeaderMap,
        status: StatusCode,
        scheme: Scheme,
        nonce: Option<&Nonce>,
    ) {
        headers.reserve(self.fixed.len() + 4);
        for (name, value) in &self.fixed {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let (Some(hsts), Scheme::Https) = (&self.hsts, scheme) {
            let name = header::STRICT_TRANSPORT_SECURITY;
            headers.entry(name).or_insert_with(|| hsts.clone());
        }
        if status != StatusCode::NOT_MODIFIED {
            let enforced = header::CONTENT_SECURITY_POLICY;
            let reported = header::CONTENT_SECURITY_POLICY_REPORT_ONLY;
            for (name, csp) in [(enforced, &self.csp), (reported, &self.csp_report_only)] {
                let absent = !headers.contains_key(&name);
                if let Some(value) = csp
                    .as_ref()
                    .filter(|_| absent)
                    .and_then(|csp| csp.value(scheme, nonce))
                {
                    headers.insert(name, value);
                }
            }
        }
        if nonce.is_some() {
            let private = HeaderValue::from_static("private, no-store");
            headers.entry(header::CACHE_CONTROL).or_insert(private);
        }
        for name in &self.removed {
            headers.remove(name);
        }
    }

    fn with_rendered_csp(self, csp: &Csp) -> Self {
        let csp = Some(Rendered::new(csp));
        Self { csp, ..self }
    }

    fn declares(&self, csp: &Csp) -> Result<(), HeaderConfigError> {
        let Some(wanted) = csp.report_to() else {
            return Ok(());
        };
        if self.endpoints.iter().any(|(name, _)| name == wanted) {
            return Ok(());
        }
        let want = "the name of an endpoint that add_reporting_endpoint declared before";
        Err(HeaderConfigError::new(wanted, want))
    }

    fn with_fixed(self, name: HeaderName, value: &'static str) -> Self {
        self.with_value(name, HeaderValue::from_static(value))
    }

    fn with_value(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut policy = self.without(&name);
        policy.fixed.push((name, value));
        policy
    }

    fn without(mut self, name: &HeaderName) -> Self {
        self.fixed.retain(|(known, _)| known != name);
        self
    }
}

fn checked(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("every part was checked to be visible ASCII")
}
