//! An unsafe request with a right token: Django's plain one, and one signed for the session.

use http::{Method, header::SET_COOKIE};
use portcullis::{
    core::{
        identity::{Identity, Source},
        keys::{DerivedKey, Purpose},
    },
    csrf::{
        CsrfLayer,
        policy::{CsrfBinding, CsrfPolicy, SessionRef},
    },
};
use tower_layer::Layer as _;
use tower_surf::Surf;

use super::{browser, finish, https, passing, secret};
use crate::{
    report::{Bar, Group},
    send::{Handler, Incoming, send},
};

const DJANGO: &str = "portcullis csrf, unsigned Django token";
const SIGNED: &str = "portcullis csrf, signed for the session";
const SURF: &str = "tower-surf 0.3";
const TOWER_HTTP: &str = "tower-http 0.7 csrf (no token)";

/// The session that tokens are signed for.
const SID: &str = "2f1d6b3e9a5c4870b1e2d3c4a5f60718";

pub(super) fn group() -> Group {
    let key = DerivedKey::from_secret(Purpose::Csrf, &secret(7)).expect("32 bytes");
    let policy = CsrfPolicy::new(key).add_own_origin("https://chat.example".parse().expect("one"));
    let signed = policy
        .issue(SessionRef::Session(SID))
        .expect("the system has randomness");
    let layer =
        |binding| CsrfLayer::new(policy.clone().with_binding(binding)).with_client_policy(https());
    let unsigned = "Q7wE2rT9yU4iO1pA6sD3fG8hJ5kL0zXc";
    let surf = Surf::new("0123456789abcdef0123456789abcdef").hsts(false);
    Group {
        cases: vec![
            passing(
                DJANGO,
                layer(CsrfBinding::Django).layer(Handler),
                ours(unsigned),
            ),
            passing(
                SIGNED,
                layer(CsrfBinding::Strict).layer(Handler),
                ours(signed.as_str()),
            ),
            passing(SURF, surf.layer(Handler), theirs(&surf)),
            passing(
                TOWER_HTTP,
                tower_http::csrf::CsrfLayer::new().layer(Handler),
                ours(unsigned),
            ),
        ],
        bars: vec![
            Bar::new(DJANGO, SURF).times(9.0).allocations(0),
            Bar::new(SIGNED, SURF).times(4.0).allocations(0),
            Bar::new(DJANGO, TOWER_HTTP),
        ],
    }
}

fn ours(token: &str) -> Incoming {
    let cookies = format!("theme=dark; __Host-csrftoken={token}; lang=en");
    let identity = Identity::new("42", Some(SID), Source::Cookie);
    finish(
        browser(Method::POST)
            .header("cookie", cookies)
            .header("x-csrftoken", token)
            .extension(identity),
    )
}

/// A request with the token that `surf` gave to a visitor.
pub(super) fn theirs(surf: &Surf) -> Incoming {
    let token = surf_token(surf);
    finish(
        browser(Method::POST)
            .header("cookie", surf_cookies(&token))
            .header("x-csrf-token", token),
    )
}

pub(super) fn surf_cookies(token: &str) -> String {
    format!("theme=dark; __HOST-csrf_token={token}; lang=en")
}

pub(super) fn surf_token(surf: &Surf) -> String {
    let mut service = surf.layer(Handler);
    let response = send(&mut service, finish(browser(Method::GET)));
    let cookie = response.headers()[SET_COOKIE].to_str().expect("ASCII");
    let pair = cookie.split(';').next().unwrap_or_default();
    let (_, token) = pair.split_once('=').expect("a name and a value");
    token.to_owned()
}
