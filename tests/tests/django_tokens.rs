//! Tokens as Django's libraries write them, byte by byte, and ours as they would read them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response};
use portcullis::{
    Secret,
    core::{clock::Timestamp, identity::Source},
    jwt::{
        KeyRing, Minter, TokenReader, TokenRejection,
        mint::{AccessParams, RefreshParams, SessionParams},
    },
    jwt_cookie::{Authenticated, JwtCookieAuthLayer},
};
use portcullis_testkit::ManualClock;
use sha2::Sha256;
use tower::{Layer, ServiceExt as _, service_fn};

const KEY: &[u8; 50] = b"django-insecure-0123456789abcdefghijklmnopqrstuvwx";
const ISSUED: u64 = 1_700_000_000;
const NOW: Timestamp = Timestamp::from_secs(ISSUED + 1);

/// What PyJWT writes: members in the order of their names, no spaces.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// simplejwt 5.5.1: `user_id` is `str(user.id)`.
const SIMPLEJWT: &str = r#"{"token_type":"access","exp":1700000300,"iat":1700000000,"jti":"0123456789abcdef0123456789abcdef","user_id":"42"}"#;
const SIMPLEJWT_REFRESH: &str = r#"{"token_type":"refresh","exp":1700086400,"iat":1700000000,"jti":"0123456789abcdef0123456789abcdef","user_id":"42"}"#;

/// ninja-jwt 5.4.5: `user_id` is the primary key as it is.
const NINJA_JWT: &str = r#"{"token_type":"access","exp":1700000300,"iat":1700000000,"jti":"0123456789abcdef0123456789abcdef","user_id":42}"#;
const NINJA_JWT_REFRESH: &str = r#"{"token_type":"refresh","exp":1700086400,"iat":1700000000,"jti":"0123456789abcdef0123456789abcdef","user_id":42}"#;

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new(*KEY)).unwrap()
}

/// `payload` as a token of a site that signs with [`KEY`].
fn issued(payload: &str) -> String {
    let message = [HEADER, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = message.join(".");
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

/// The header and the payload of `token`, once it proved to be signed as Django would sign it.
fn parts(token: &str) -> (String, String) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let (header, payload) = (parts.next().unwrap(), parts.next().unwrap());
    assert_eq!(header, HEADER);
    assert_eq!(token, issued(&payload), "PyJWT computes the same signature");
    (header, payload)
}

/// The status that a request with `token` in the cookie gets; the handler checks who it is from.
async fn status(token: &str) -> u16 {
    let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys()))
        .with_clock(Arc::new(ManualClock::at(NOW)))
        .with_cookie_names("access_token", "refresh_token")
        .unwrap();
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let user = Authenticated::<()>::of(request.extensions()).unwrap();
        assert_eq!((user.subject(), user.sid()), ("42", None));
        assert_eq!(user.source(), Source::Cookie);
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    }));
    let request = Request::get("/").header("cookie", format!("access_token={token}"));
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn access_tokens_of_both_libraries_open_the_door() {
    for payload in [SIMPLEJWT, NINJA_JWT] {
        assert_eq!(status(&issued(payload)).await, 200, "{payload}");
    }
    for payload in [SIMPLEJWT_REFRESH, NINJA_JWT_REFRESH] {
        assert_eq!(status(&issued(payload)).await, 401, "{payload}");
    }
}

#[test]
fn refresh_tokens_of_both_libraries_are_read_as_such() {
    let reader = TokenReader::new(keys());
    for payload in [SIMPLEJWT_REFRESH, NINJA_JWT_REFRESH] {
        let claims = reader
            .read_refresh(issued(payload).as_bytes(), NOW)
            .unwrap();
        assert_eq!(claims.base().subject(), "42");
        assert_eq!((claims.base().session(), claims.generation()), (None, None));
    }
    let refused = reader.read_refresh(issued(SIMPLEJWT).as_bytes(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRejection::TokenType);
}

#[test]
fn ours_without_a_session_are_simplejwts_byte_by_byte() {
    let token = Minter::new(keys()).mint_access(&AccessParams {
        subject: "42",
        jti: "0123456789abcdef0123456789abcdef",
        issued_at: Timestamp::from_secs(ISSUED),
        expires: Timestamp::from_secs(ISSUED + 300),
        session: None,
        extra: None,
    });
    assert_eq!(token.unwrap(), issued(SIMPLEJWT));
}

#[test]
fn ours_of_a_session_have_djangos_claims_first_and_of_its_types() {
    let token = Minter::new(keys()).mint_refresh(&RefreshParams {
        subject: "42",
        jti: "0123456789abcdef0123456789abcdef",
        issued_at: Timestamp::from_secs(ISSUED),
        expires: Timestamp::from_secs(ISSUED + 86_400),
        session: SessionParams {
            sid: "the-session",
            started: Timestamp::from_millis(1_700_000_000_123),
            ends: Timestamp::from_secs(1_702_592_000),
        },
        generation: 3,
    });
    let (_, payload) = parts(&token.unwrap());
    let djangos = SIMPLEJWT_REFRESH.strip_suffix('}').unwrap();
    let ours = payload
        .strip_prefix(djangos)
        .expect("Django's claims as Django writes them");
    assert_eq!(
        ours,
        r#","sid":"the-session","gen":3,"sat":1700000000123,"sexp":1702592000}"#
    );
}
