//! The decision: which requests need proof, and what proof is enough.

use http::{HeaderMap, Method, header};

use super::{
    CsrfBinding, CsrfFormField, CsrfPolicy, CsrfRejection, CsrfToken, SessionRef,
    evidence::{Evidence, Repeated},
    proof::{self, Proof},
    token::Malformed,
};
use crate::{
    client::Client,
    cookie::{self, Found},
    identity::{Identity, Source},
    respond::RequestView,
};

/// Why a request passed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CsrfPass {
    /// It was authenticated by a header that no other site can make a browser send.
    Bearer,
    /// Its path is exempt.
    Exempt,
    /// An upgrade whose origin is ours or trusted.
    Origin,
    /// Origin and a matching pair; no session was known, or no signature was asked.
    Pair,
    /// A login that carries nothing of a browser.
    Program,
    /// Its method changes nothing.
    Safe,
    /// Origin, and a matching pair that is signed for this session.
    Signed,
    /// Our own origin, and a matching pair that is not signed for this session.
    Unsigned,
}

impl CsrfPass {
    /// Whether the response is to set a token that is signed for this session.
    pub const fn wants_token(self) -> bool {
        matches!(self, Self::Unsigned)
    }
}

/// What a matching pair is worth.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// Nobody is signed in: any pair, for it may be of a session that has just run out.
    Any,
    /// One that is signed for one of these.
    Sessions(&'a [SessionRef<'a>]),
}

impl CsrfPolicy {
    /// Decides on `request`, whose identity and form field are read from its extensions.
    ///
    /// Without an [`Identity`] nobody is signed in, and every unsafe request needs proof. Allocates
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`CsrfRejection`], the first reason in Django's order: origin, cookie, token, signature.
    pub fn check(
        &self,
        request: &RequestView<'_>,
        client: &Client<'_>,
    ) -> Result<CsrfPass, CsrfRejection> {
        let identity = request.extensions.get::<Identity>();
        if identity.is_some_and(|identity| identity.source() == Source::Bearer) {
            return Ok(CsrfPass::Bearer);
        }
        let is_safe = is_safe(request.method);
        if is_safe && !names_websocket(request.headers) {
            return Ok(CsrfPass::Safe);
        }
        if self.is_exempt(request.uri.path()) {
            return Ok(CsrfPass::Exempt);
        }
        let evidence = self.evidence(request.headers);
        // A WebSocket handshake of HTTP/1.1, which is a GET (RFC 6455 §4.1), or the `CONNECT` of
        // later versions (RFC 8441, RFC 9220). Other methods prove no less for an `Upgrade`.
        if is_safe || *request.method == Method::CONNECT {
            return self.check_upgrade(&evidence, request.headers, client);
        }
        match identity.map(SessionRef::of) {
            Some(session) => self.decide(&evidence, request, client, Wanted::Sessions(&[session])),
            None => self.decide(&evidence, request, client, Wanted::Any),
        }
    }

    /// Decides on a request to an endpoint that is always checked, whatever its method and however
    /// it is authenticated: refresh and logout.
    ///
    /// The token has to be signed for one of `sessions`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_always(
        &self,
        request: &RequestView<'_>,
        client: &Client<'_>,
        sessions: &[SessionRef<'_>],
    ) -> Result<CsrfPass, CsrfRejection> {
        let evidence = self.evidence(request.headers);
        self.decide(&evidence, request, client, Wanted::Sessions(sessions))
    }

    /// Decides on a login, as [`check_always`](Self::check_always), but lets a program pass that
    /// sends no cookie, no `Origin`, no `Referer` and no `Sec-Fetch-…` header at all.
    ///
    /// No browser can be made to send such a request across sites: it would name its origin.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_login(
        &self,
        request: &RequestView<'_>,
        client: &Client<'_>,
        sessions: &[SessionRef<'_>],
    ) -> Result<CsrfPass, CsrfRejection> {
        if proof::is_program(request.headers) {
            return Ok(CsrfPass::Program);
        }
        self.check_always(request, client, sessions)
    }

    /// No token can be sent with an upgrade, so it has to name its sender.
    fn check_upgrade(
        &self,
        evidence: &Evidence<'_>,
        headers: &HeaderMap,
        client: &Client<'_>,
    ) -> Result<CsrfPass, CsrfRejection> {
        if !proof::names_sender(headers) {
            return Err(CsrfRejection::UpgradeUnproven);
        }
        self.prove(evidence, headers, client)
            .map(|_| CsrfPass::Origin)
    }

    fn decide(
        &self,
        evidence: &Evidence<'_>,
        request: &RequestView<'_>,
        client: &Client<'_>,
        wanted: Wanted<'_>,
    ) -> Result<CsrfPass, CsrfRejection> {
        let proof = self.prove(evidence, request.headers, client)?;
        let token = match evidence.cookie {
            Found::Missing => return Err(CsrfRejection::CookieMissing),
            Found::One(value) => match_pair(value, evidence, request)?,
            Found::Ambiguous => return self.choose(evidence, request, wanted),
        };
        self.judge(&token, proof, wanted)
    }

    fn evidence<'a>(&self, headers: &'a HeaderMap) -> Evidence<'a> {
        Evidence::in_headers(headers, &self.header, self.cookie.name())
    }

    /// Of several cookies nobody can say which is ours, but that we signed it for this session.
    fn choose(
        &self,
        evidence: &Evidence<'_>,
        request: &RequestView<'_>,
        wanted: Wanted<'_>,
    ) -> Result<CsrfPass, CsrfRejection> {
        let sent = sent(evidence, request)?.token;
        let sessions = match wanted {
            Wanted::Any => &[SessionRef::Anonymous],
            Wanted::Sessions(sessions) => sessions,
        };
        let planted = !cookie::all(request.headers, self.cookie.name())
            .any(|value| CsrfToken::parse(value) == Some(sent));
        if planted || !self.is_signed(&sent, sessions) {
            return Err(CsrfRejection::CookieAmbiguous);
        }
        Ok(CsrfPass::Signed)
    }

    fn judge(
        &self,
        token: &CsrfToken,
        proof: Proof,
        wanted: Wanted<'_>,
    ) -> Result<CsrfPass, CsrfRejection> {
        let Wanted::Sessions(sessions) = wanted else {
            return Ok(CsrfPass::Pair);
        };
        if self.binding == CsrfBinding::Django {
            return Ok(CsrfPass::Pair);
        }
        if self.is_signed(token, sessions) {
            return Ok(CsrfPass::Signed);
        }
        if self.binding == CsrfBinding::Interop && proof == Proof::Own {
            return Ok(CsrfPass::Unsigned);
        }
        Err(CsrfRejection::SignatureIncorrect)
    }
}

/// The secret on which the cookie and the request agree.
fn match_pair(
    cookie: &[u8],
    evidence: &Evidence<'_>,
    request: &RequestView<'_>,
) -> Result<CsrfToken, CsrfRejection> {
    let cookie = CsrfToken::read(cookie).map_err(|malformed| match malformed {
        Malformed::Characters => CsrfRejection::CookieCharacters,
        Malformed::Length => CsrfRejection::CookieLength,
    })?;
    let sent = sent(evidence, request)?;
    if cookie == sent.token {
        Ok(cookie)
    } else {
        Err(match sent.place {
            Place::Field => CsrfRejection::FieldIncorrect,
            Place::Header => CsrfRejection::HeaderIncorrect,
        })
    }
}

/// What the request sends beside the cookie: for `POST` the form field where there is one, else
/// the header.
fn sent(evidence: &Evidence<'_>, request: &RequestView<'_>) -> Result<Sent, CsrfRejection> {
    let header = evidence.token.line();
    let header = header.map_err(|Repeated| CsrfRejection::HeaderRepeated)?;
    let field = request
        .extensions
        .get::<CsrfFormField>()
        .filter(|field| *request.method == Method::POST && !field.is_empty());
    if let Some(field) = field {
        let token = match field.value().map(CsrfToken::read) {
            Some(Ok(token)) => token,
            Some(Err(Malformed::Characters)) => return Err(CsrfRejection::FieldCharacters),
            Some(Err(Malformed::Length)) | None => return Err(CsrfRejection::FieldLength),
        };
        let place = Place::Field;
        return Ok(Sent { token, place });
    }
    let token = match CsrfToken::read(header.ok_or(CsrfRejection::TokenMissing)?) {
        Ok(token) => token,
        Err(Malformed::Characters) => return Err(CsrfRejection::HeaderCharacters),
        Err(Malformed::Length) => return Err(CsrfRejection::HeaderLength),
    };
    let place = Place::Header;
    Ok(Sent { token, place })
}

struct Sent {
    token: CsrfToken,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Field,
    Header,
}

/// RFC 9110 §9.2.1, in exactly these letters; `QUERY` and whatever is invented need proof.
fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// Whether an `Upgrade` names the WebSocket protocol, in any version and any case.
fn names_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().any(|line| {
        line.as_bytes().split(|&byte| byte == b',').any(|protocol| {
            let name = protocol.split(|&byte| byte == b'/').next();
            name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
        })
    })
}
