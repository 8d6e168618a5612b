//! All layers together: a POST with a token and a CSRF token, both in cookies.
//!
//! The stack does more than the peers' four layers: it checks the host, counts by user too, asks
//! about revocation and takes the token out. The same four of ours stand beside it.

use std::sync::Arc;

use axum::body::Body;
use http::Method;
use portcullis::{
    Portcullis,
    core::{Answer, client::ClientPolicy, clock::SystemClock, keys::RotationKeys},
    csrf::{
        Csrf, CsrfLayer,
        policy::{CsrfBinding, CsrfPolicy, SessionRef},
    },
    jwt::TokenReader,
    jwt_cookie::{JwtCookie, JwtCookieAuthLayer},
    rate_limit::RateLimit,
    refresh::{Authenticator, AuthenticatorError, Login, LoginOutcome, Stores, User},
    security_headers::SecurityHeaders,
    stack::PortcullisLayer,
};
use tower::ServiceExt as _;
use tower_governor::key_extractor::PeerIpKeyExtractor;
use tower_layer::Layer as _;
use tower_surf::Surf;

use super::{
    bare,
    csrf::{surf_cookies, surf_token},
    finish,
    headers::{ours as eight, set_headers},
    https,
    jwt::{NEW_TOKENS, authorized},
    passing,
    rate::{from_peer, governed, ours as limited, plenty},
    secret,
};
use crate::{
    measure::Case,
    report::{Bar, Group},
    send::{Handler, Incoming, Sending},
    tokens::Keys,
};

const NEW: &str = "portcullis stack, tokens new";
const SEEN: &str = "portcullis stack, tokens seen before";
const FOUR_NEW: &str = "portcullis, the peers' four layers, tokens new";
const FOUR_SEEN: &str = "portcullis, the peers' four layers, tokens seen before";
const PEERS: &str = "governor + tower-http x 8 + tower-surf + jwt-authorizer";

pub(super) fn group() -> Group {
    let keys = Keys::hs256();
    let rotation = RotationKeys::new(1, &secret(9)).expect("32 bytes");
    let stores = Stores::memory(Arc::new(SystemClock));
    let csrf = CsrfPolicy::from_rotation_keys(&rotation);
    let requests: Vec<_> = (0..NEW_TOKENS).map(|_| ours(&keys, &csrf)).collect();
    let first = requests[0].clone();
    let layer = {
        let ring = keys.ring.clone();
        move || stack(&ring, &rotation, &stores)
    };
    let seen = layer().layer(Handler);
    let new = Sending::anew(move || layer().layer(Handler), requests.clone());
    let four = four(keys.reader(), csrf);
    let four_seen = four();
    let four_new = Sending::anew(four, requests.clone());
    Group {
        cases: vec![
            Case::added(NEW, bare(requests.clone()), new).at_most(NEW_TOKENS),
            passing(SEEN, seen, first.clone()),
            Case::added(FOUR_NEW, bare(requests), four_new).at_most(NEW_TOKENS),
            passing(FOUR_SEEN, four_seen, first),
            peers(&keys),
        ],
        bars: vec![
            Bar::new(NEW, PEERS).times(4.4).allocations(8),
            Bar::new(SEEN, PEERS).times(8.0).allocations(8),
            Bar::new(FOUR_NEW, PEERS).times(4.4).allocations(8),
            Bar::new(FOUR_SEEN, PEERS).times(8.0).allocations(8),
        ],
    }
}

/// Limit, headers, CSRF and token, in the peers' order, but that CSRF comes after the token, whose
/// session it checks.
fn four(
    reader: TokenReader,
    csrf: CsrfPolicy,
) -> impl Fn() -> RateLimit<SecurityHeaders<JwtCookie<Csrf<Handler>>>> {
    let limit = limited(ClientPolicy::direct(), plenty());
    let headers = eight();
    let policy = csrf
        .add_own_origin("https://chat.example".parse().expect("an origin"))
        .with_binding(CsrfBinding::Strict);
    let csrf = CsrfLayer::new(policy).with_client_policy(https());
    move || {
        let token = JwtCookieAuthLayer::<()>::new(reader.clone()).insecure_forward_tokens();
        limit.layer(headers.layer(token.layer(csrf.layer(Handler))))
    }
}

fn stack(
    ring: &portcullis::jwt::KeyRing,
    rotation: &RotationKeys,
    stores: &Stores,
) -> PortcullisLayer {
    Portcullis::builder(ring.clone(), rotation.clone(), stores.clone(), Nobody)
        .add_own_origin("https://chat.example".parse().expect("an origin"))
        .with_client_policy(https())
        .with_address_quota(plenty())
        .with_subject_quota(plenty())
        .build()
        .expect("an origin is all it needs")
        .layer()
}

fn ours(keys: &Keys, csrf: &CsrfPolicy) -> Incoming {
    let token = keys.mint();
    let signed = csrf
        .issue(SessionRef::Session(&token.sid))
        .expect("the system has randomness");
    let cookies = format!(
        "theme=dark; __Host-access_token={}; __Host-csrftoken={}",
        token.text,
        signed.as_str()
    );
    post(&cookies, "x-csrftoken", signed.as_str())
}

fn peers(keys: &Keys) -> Case {
    let surf = Surf::new("0123456789abcdef0123456789abcdef").hsts(false);
    let token = surf_token(&surf);
    let cookies = format!(
        "{}; __Host-access_token={}",
        surf_cookies(&token),
        keys.mint().text
    );
    let request = post(&cookies, "x-csrf-token", &token);
    // One body for layers that stand on two versions of axum.
    let inner = authorized().map_response(|response| response.map(|_| Body::empty()));
    let service = governed(PeerIpKeyExtractor).layer(set_headers().layer(surf.layer(inner)));
    passing(PEERS, service, request)
}

fn post(cookies: &str, header: &str, token: &str) -> Incoming {
    let mut request = finish(from_peer().header("cookie", cookies).header(header, token));
    *request.method_mut() = Method::POST;
    request
}

struct Nobody;

impl Authenticator for Nobody {
    fn log_in(&self, _: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        Answer::now(Ok(LoginOutcome::Refused { subject: None }))
    }

    fn active_user(&self, _: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(None))
    }
}
