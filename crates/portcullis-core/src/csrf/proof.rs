//! The first proof: who sent the request, by Fetch Metadata, else `Origin`, else `Referer`.

use http::{HeaderMap, header};

use super::{
    CsrfPolicy, CsrfRejection,
    evidence::{Evidence, Once, Repeated, SEC_FETCH_SITE},
    trusted::Received,
};
use crate::{client::Client, cookie::is_token, origin::Scheme};

/// What a request has proved about its sender.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// Nothing: plain http without any of the headers, which Django lets pass to the token.
    Nothing,
    /// It is our own page.
    Own,
    /// It is a trusted origin.
    Trusted,
}

/// What `Sec-Fetch-Site` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Site {
    Absent,
    /// `same-site`, `cross-site`, and whatever may be invented.
    Other,
    /// `same-origin`, and `none` for what the user started.
    Own,
}

/// What `Origin` says.
#[derive(Clone, Copy, Debug)]
enum Sender<'a> {
    Absent,
    /// The opaque origin (RFC 6454 §6.1).
    Null,
    Origin(Received<'a>),
}

impl CsrfPolicy {
    /// Who sent a request with these `headers`, in which the `evidence` was.
    pub(super) fn prove(
        &self,
        evidence: &Evidence<'_>,
        headers: &HeaderMap,
        client: &Client<'_>,
    ) -> Result<Proof, CsrfRejection> {
        let site = site(evidence)?;
        let sent = evidence.origin.line();
        let sent = sent.map_err(|Repeated| CsrfRejection::OriginMalformed)?;
        // An origin of ours is written as a browser writes it: its bytes are all there is to see.
        if site != Site::Other && sent.is_some_and(|text| self.is_own_text(text)) {
            return Ok(Proof::Own);
        }
        let sender = sender(sent)?;
        match (site, sender) {
            (Site::Own, Sender::Absent | Sender::Null) => Ok(Proof::Own),
            (Site::Own, Sender::Origin(origin)) if self.is_own(&origin, client) => Ok(Proof::Own),
            (Site::Own, Sender::Origin(_)) => Err(CsrfRejection::OriginContradicts),
            (Site::Other, Sender::Origin(origin)) if self.is_trusted(&origin) => Ok(Proof::Trusted),
            (Site::Other, _) => Err(CsrfRejection::CrossSite),
            (Site::Absent, Sender::Origin(origin)) => self
                .place(&origin, client)
                .ok_or(CsrfRejection::OriginUntrusted),
            (Site::Absent, Sender::Null) => Err(CsrfRejection::OriginUntrusted),
            (Site::Absent, Sender::Absent) if self.is_secure(client) => {
                self.prove_referer(headers, client)
            }
            (Site::Absent, Sender::Absent) => Ok(Proof::Nothing),
        }
    }

    fn place(&self, origin: &Received<'_>, client: &Client<'_>) -> Option<Proof> {
        if self.is_own(origin, client) {
            Some(Proof::Own)
        } else if self.is_trusted(origin) {
            Some(Proof::Trusted)
        } else {
            None
        }
    }

    /// Whether the service is reached over https: by this request, or by its own declaration, which
    /// a proxy that drops the scheme cannot undo.
    fn is_secure(&self, client: &Client<'_>) -> bool {
        let https = |own: &crate::origin::Origin| own.scheme() == Scheme::Https;
        client.scheme == Scheme::Https || self.own_origins().iter().any(https)
    }

    fn prove_referer(
        &self,
        headers: &HeaderMap,
        client: &Client<'_>,
    ) -> Result<Proof, CsrfRejection> {
        let url = match Once::of(headers, &header::REFERER).line() {
            Ok(None) => return Err(CsrfRejection::RefererMissing),
            Ok(Some(url)) => url,
            Err(Repeated) => return Err(CsrfRejection::RefererMalformed),
        };
        let origin = Received::parse(origin_of(url)).ok_or(CsrfRejection::RefererMalformed)?;
        if origin.scheme() != Scheme::Https {
            return Err(CsrfRejection::RefererInsecure);
        }
        self.place(&origin, client)
            .ok_or(CsrfRejection::RefererUntrusted)
    }
}

/// Scheme and authority of a URL: what stands before the third slash, a `?` or a `#`.
pub(super) fn origin_of(url: &[u8]) -> &[u8] {
    let scheme = url.windows(3).position(|three| three == b"://");
    let start = scheme.map_or(url.len(), |at| at + 3);
    let path = url[start..]
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    &url[..path.map_or(url.len(), |at| start + at)]
}

fn site(evidence: &Evidence<'_>) -> Result<Site, CsrfRejection> {
    match evidence.fetch_site.line() {
        Ok(None) => Ok(Site::Absent),
        Ok(Some(b"same-origin" | b"none")) => Ok(Site::Own),
        Ok(Some(other)) if !other.is_empty() && other.iter().copied().all(is_token) => {
            Ok(Site::Other)
        }
        Ok(Some(_)) | Err(Repeated) => Err(CsrfRejection::FetchSiteMalformed),
    }
}

fn sender(sent: Option<&[u8]>) -> Result<Sender<'_>, CsrfRejection> {
    match sent {
        None => Ok(Sender::Absent),
        Some(b"null") => Ok(Sender::Null),
        Some(text) => Received::parse(text)
            .map(Sender::Origin)
            .ok_or(CsrfRejection::OriginMalformed),
    }
}

/// Whether a request says anything of its sender, so that a proof of it is one.
pub(super) fn names_sender(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(&SEC_FETCH_SITE)
}

/// Whether a request carries nothing that a browser always carries or adds: no cookie, no origin.
pub(super) fn is_program(headers: &HeaderMap) -> bool {
    let silent = [header::COOKIE, header::ORIGIN, header::REFERER];
    !silent.iter().any(|name| headers.contains_key(name))
        && !headers
            .keys()
            .any(|name| name.as_str().starts_with("sec-fetch-"))
}
