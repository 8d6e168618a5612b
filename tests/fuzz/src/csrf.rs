//! The CSRF decision: whatever passes has the proof that the rules ask for.

use http::{Extensions, HeaderMap, Method, Uri};
use portcullis_core::{
    Secret,
    client::ClientPolicy,
    csrf::{CsrfBinding, CsrfPass, CsrfPolicy, CsrfToken, SessionRef},
    identity::{Identity, Source},
    keys::{DerivedKey, Purpose},
    origin::Scheme,
    respond::RequestView,
};

use crate::{
    cookies,
    request::{only, parse},
};

const OWN: &str = "https://chat.example";
const TRUSTED: &str = "https://app.example";
const CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Reads `data` as a request whose first line is `METHOD SCHEME BINDING IDENTITY`, and decides.
///
/// # Panics
///
/// When the decision is not the same twice, or a request passes without proof.
pub fn check(data: &[u8]) {
    let (words, headers) = parse(data);
    let word = |place: usize| words.get(place).copied().unwrap_or_default();
    let method = Method::from_bytes(word(0).as_bytes()).unwrap_or(Method::POST);
    let https = word(1) != "http";
    let binding = match word(2) {
        "django" => CsrfBinding::Django,
        "strict" => CsrfBinding::Strict,
        _ => CsrfBinding::Interop,
    };
    let identity = identity(word(3));
    let mut extensions = Extensions::new();
    if let Some(identity) = &identity {
        extensions.insert(identity.clone());
    }
    let (policy, uri) = (policy(binding), Uri::from_static("/chat/stream"));
    let request = RequestView {
        method: &method,
        uri: &uri,
        headers: &headers,
        extensions: &extensions,
    };
    let scheme = if https { Scheme::Https } else { Scheme::Http };
    let clients = ClientPolicy::direct().with_direct_scheme(scheme);
    let client = clients.client(&request);
    let outcome = policy.check(&request, &client);
    assert_eq!(outcome, policy.check(&request, &client), "the same twice");

    let bearer = identity
        .as_ref()
        .is_some_and(|identity| identity.source() == Source::Bearer);
    let upgrade = wants_upgrade(&method, &headers);
    let safe = ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method.as_str());
    assert_eq!(outcome == Ok(CsrfPass::Bearer), bearer);
    assert_eq!(outcome == Ok(CsrfPass::Safe), safe && !upgrade && !bearer);
    match outcome {
        Err(_) | Ok(CsrfPass::Bearer | CsrfPass::Safe) => {}
        Ok(CsrfPass::Origin) => {
            assert!(method == Method::CONNECT || safe && upgrade);
            assert!(headers.contains_key("origin") || headers.contains_key("sec-fetch-site"));
            origin_is_proved(&headers, https);
        }
        Ok(pass @ (CsrfPass::Pair | CsrfPass::Signed | CsrfPass::Unsigned)) => {
            origin_is_proved(&headers, https);
            let token = matching_pair(&headers);
            if let Some(identity) = &identity {
                let signed = policy.is_token_of(&token, SessionRef::of(identity));
                assert!(signed || binding != CsrfBinding::Strict);
                assert_eq!(
                    pass == CsrfPass::Signed,
                    signed && binding != CsrfBinding::Django
                );
            }
        }
        Ok(pass) => panic!("no request can pass as {pass:?}"),
    }
}

fn policy(binding: CsrfBinding) -> CsrfPolicy {
    let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32]));
    CsrfPolicy::new(key.expect("32 bytes are a key"))
        .add_own_origin(OWN.parse().expect("an origin"))
        .add_trusted_origin(TRUSTED)
        .expect("an origin")
        .with_binding(binding)
        .with_cookie(portcullis_core::cookie::CookieSpec::new("csrftoken").expect("a name"))
}

fn identity(word: &str) -> Option<Identity> {
    match word {
        "bearer" => Some(Identity::new("42", None, Source::Bearer)),
        "session" => Some(Identity::new("42", Some("s"), Source::Cookie)),
        "user" => Some(Identity::new("42", None, Source::Cookie)),
        _ => None,
    }
}

fn wants_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all("upgrade").iter();
    method == Method::CONNECT
        || lines.any(|line| {
            let text = String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase();
            // A protocol may have a version behind a slash (RFC 9110 §7.8).
            let mut words = text
                .split(',')
                .map(|word| word.split('/').next().unwrap_or(word));
            words.any(|word| word.trim() == "websocket")
        })
}

/// What proves where a request comes from, read the slow way.
fn origin_is_proved(headers: &HeaderMap, https: bool) {
    let ours = |text: &[u8]| text == OWN.as_bytes();
    let known = |text: &[u8]| ours(text) || text == TRUSTED.as_bytes();
    let has = |name: &str| headers.contains_key(name);
    let same = only(headers, "sec-fetch-site")
        .is_some_and(|site| site == b"same-origin" || site == b"none");
    let origin = only(headers, "origin");
    assert!(has("origin") == origin.is_some(), "one Origin at most");
    match origin {
        Some(origin) if same => assert!(ours(origin) || origin == b"null"),
        Some(origin) => assert!(known(origin), "{origin:?}"),
        None if same => {}
        None => {
            assert!(!has("sec-fetch-site"), "another site, and no Origin");
            if https {
                let referer = only(headers, "referer").expect("https without Origin");
                let referer = String::from_utf8_lossy(referer).to_ascii_lowercase();
                let known = [OWN, TRUSTED].into_iter();
                assert!(known.into_iter().any(|origin| referer.starts_with(origin)));
            }
        }
    }
}

/// The token that cookie and header agree on.
fn matching_pair(headers: &HeaderMap) -> CsrfToken {
    let header = only(headers, "x-csrftoken").expect("one header");
    let secret = unmasked(header).expect("a well-formed header");
    let mut cookies = cookies::pairs(headers).into_iter();
    let equal = cookies.any(|(name, value)| {
        name == b"csrftoken" && unmasked(&value).is_some_and(|found| found == secret)
    });
    assert!(equal, "no cookie holds the header's secret");
    CsrfToken::parse(&secret).expect("32 characters")
}

/// Django's formula, by look-up.
fn unmasked(text: &[u8]) -> Option<Vec<u8>> {
    let place = |byte: &u8| CHARACTERS.iter().position(|known| known == byte);
    let places: Vec<usize> = text.iter().map(place).collect::<Option<_>>()?;
    match places.len() {
        32 => Some(text.to_vec()),
        64 => {
            let (mask, cipher) = places.split_at(32);
            let both = cipher.iter().zip(mask);
            let plain = both.map(|(cipher, mask)| CHARACTERS[(cipher + 62 - mask) % 62]);
            Some(plain.collect())
        }
        _ => None,
    }
}
