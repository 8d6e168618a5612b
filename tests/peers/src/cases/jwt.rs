//! A token in a cookie: seen for the first time, and seen before.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, Response};
use jwt_authorizer::{
    IntoLayer as _, JwtAuthorizer, Validation,
    layer::{AuthorizationService, JwtSource},
};
use portcullis::{
    core::clock::{Clock as _, SystemClock},
    jwt::CachedReader,
    jwt_cookie::JwtCookieAuthLayer,
};
use tower_layer::Layer as _;
use tower_service::Service;

use super::{bare, browser, finish, passing};
use crate::{
    measure::Case,
    report::{Bar, Group},
    send::{Handler, Incoming, Sending},
    tokens::{Claims, Keys, SECRET, parsed_rsa},
};

/// How many different tokens are new in one pass.
pub(super) const NEW_TOKENS: usize = 256;

/// What any extension costs a request that has none: the map, its table, the value.
const EXTENSION: u32 = 3;

const FIRST: &str = "portcullis jwt_cookie, HS256, first sight";
const UNREMEMBERED: &str = "portcullis jwt_cookie, HS256, cache off";
const LEFT_IN: &str = "portcullis jwt_cookie, HS256, cache off, token left in";
const READER: &str = "portcullis TokenReader alone, HS256";
const RSA: &str = "aws-lc-rs 1.17, an RS256 signature and nothing else";
const AUTHORIZER: &str = "jwt-authorizer 0.15, HS256 in a cookie";

/// Of each algorithm: first sight, seen before, jsonwebtoken; and seen before by a layer that
/// leaves the token in the request, as the peers do.
const HS256: [&str; 4] = [
    UNREMEMBERED,
    "portcullis jwt_cookie, HS256, seen before",
    "jsonwebtoken 11.1 decode, HS256",
    "portcullis jwt_cookie, HS256, seen before, token left in",
];
const RS256: [&str; 4] = [
    "portcullis jwt_cookie, RS256, cache off",
    "portcullis jwt_cookie, RS256, seen before",
    "jsonwebtoken 11.1 decode, RS256",
    "portcullis jwt_cookie, RS256, seen before, token left in",
];
const ES256: [&str; 4] = [
    "portcullis jwt_cookie, ES256, cache off",
    "portcullis jwt_cookie, ES256, seen before",
    "jsonwebtoken 11.1 decode, ES256",
    "portcullis jwt_cookie, ES256, seen before, token left in",
];
const EDDSA: [&str; 4] = [
    "portcullis jwt_cookie, EdDSA, cache off",
    "portcullis jwt_cookie, EdDSA, seen before",
    "jsonwebtoken 11.1 decode, EdDSA",
    "portcullis jwt_cookie, EdDSA, seen before, token left in",
];

pub(super) fn group() -> Group {
    let keys = Keys::hs256();
    let mut cases = vec![first_sight(&keys), reader_alone(&keys), authorizer(&keys)];
    cases.push(left_in(&keys));
    cases.extend(algorithm(HS256, &keys));
    cases.extend(algorithm(RS256, &Keys::rs256()));
    cases.push(signature_alone(&Keys::rs256()));
    cases.extend(algorithm(ES256, &Keys::es256()));
    cases.extend(algorithm(EDDSA, &Keys::eddsa()));
    let mut bars = vec![
        Bar::new(FIRST, AUTHORIZER).times(3.9),
        Bar::new(UNREMEMBERED, AUTHORIZER)
            .times(3.9)
            .allocations(EXTENSION + 3),
        Bar::new(LEFT_IN, AUTHORIZER)
            .times(3.9)
            .allocations(EXTENSION + 3),
        Bar::new(HS256[1], AUTHORIZER).times(14.0),
        Bar::new(HS256[3], AUTHORIZER).times(14.0),
        Bar::new(READER, HS256[2]),
        Bar::new(RS256[0], RS256[2]).times(1.4),
        Bar::new(RSA, RS256[2]),
        Bar::new(HS256[1], HS256[2]),
    ];
    for [_, seen, peer, left_in] in [RS256, ES256, EDDSA] {
        bars.extend([seen, left_in].map(|ours| Bar::new(ours, peer).times(100.0)));
    }
    Group { cases, bars }
}

/// With the cache at work: verified, then remembered.
fn first_sight(keys: &Keys) -> Case {
    let requests: Vec<_> = (0..NEW_TOKENS)
        .map(|_| request(&keys.mint().text))
        .collect();
    let reader = keys.reader();
    let build = move || JwtCookieAuthLayer::<()>::new(reader.clone()).layer(Handler);
    Case::added(
        FIRST,
        bare(requests.clone()),
        Sending::anew(build, requests),
    )
    .at_most(NEW_TOKENS)
}

/// The same work as a peer's: every token is verified, and stays where it was.
fn left_in(keys: &Keys) -> Case {
    let reader = CachedReader::uncached(keys.reader());
    let layer = JwtCookieAuthLayer::<()>::new(keys.reader()).with_reader(reader);
    let service = layer.insecure_forward_tokens().layer(Handler);
    passing(LEFT_IN, service, request(&keys.mint().text))
}

fn reader_alone(keys: &Keys) -> Case {
    let (reader, token) = (keys.reader(), keys.mint().text);
    Case::whole(READER, move || {
        let claims = reader.read_access::<()>(black_box(token.as_bytes()), SystemClock.now());
        black_box(claims).expect("a valid token");
    })
}

/// The least that a token costs which has not been seen: the arithmetic, by the library that both
/// sides call, with a key that is parsed.
fn signature_alone(keys: &Keys) -> Case {
    let (key, token) = (parsed_rsa(), keys.mint().text);
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let message = message.to_owned();
    Case::whole(RSA, move || {
        let verified = key.verify_sig(black_box(message.as_bytes()), &signature);
        verified.expect("a valid signature");
    })
}

fn algorithm(names: [&str; 4], keys: &Keys) -> [Case; 4] {
    let token = keys.mint().text;
    let reader = CachedReader::uncached(keys.reader());
    let forgetful = JwtCookieAuthLayer::<()>::new(keys.reader()).with_reader(reader);
    let mindful = JwtCookieAuthLayer::<()>::new(keys.reader());
    let like_peers = mindful.clone().insecure_forward_tokens();
    [
        passing(names[0], forgetful.layer(Handler), request(&token)),
        passing(names[1], mindful.layer(Handler), request(&token)),
        passing(names[3], like_peers.layer(Handler), request(&token)),
        jsonwebtoken(names[2], keys, token),
    ]
}

#[allow(clippy::disallowed_methods)] // the peer, as its users call it
fn jsonwebtoken(name: &str, keys: &Keys, token: String) -> Case {
    let (key, validation) = (keys.decoding.clone(), keys.validation.clone());
    Case::whole(name, move || {
        let claims = jsonwebtoken::decode::<Claims>(black_box(&token), &key, &validation);
        black_box(claims).expect("a valid token");
    })
}

fn authorizer(keys: &Keys) -> Case {
    passing(AUTHORIZER, authorized(), request(&keys.mint().text))
}

/// A handler behind jwt-authorizer, which is on axum 0.7.
pub(super) fn authorized() -> AuthorizationService<OldHandler, Claims> {
    let builder = JwtAuthorizer::<Claims>::from_secret(SECRET)
        .validation(Validation::new().leeway(0))
        .jwt_source(JwtSource::Cookie("__Host-access_token".to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers");
    let authorizer = runtime.block_on(builder.build()).expect("a key is given");
    authorizer.into_layer().layer(OldHandler)
}

/// [`Handler`] with the body of axum 0.7.
#[derive(Clone)]
pub(super) struct OldHandler;

impl Service<Incoming> for OldHandler {
    type Response = Response<axum_07::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Incoming) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(axum_07::body::Body::empty())))
    }
}

fn request(token: &str) -> Incoming {
    let cookies = format!("theme=dark; __Host-access_token={token}; lang=en");
    finish(browser(Method::GET).header("cookie", cookies))
}
