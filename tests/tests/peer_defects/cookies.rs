//! Where a logout left cookies behind.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use portcullis::{
    core::{Answer, client::PeerAddr, clock::SystemClock, keys::RotationKeys},
    refresh::{
        Authenticator, AuthenticatorError, CookieProfile, Login, LoginOutcome,
        RefreshRotationService, Stores, TokenCookies, User,
    },
};
use portcullis_testkit::CookieJar;

use super::*;
use crate::layers;

/// Takes every password.
pub(super) struct Anybody;

impl Authenticator for Anybody {
    fn log_in(&self, _: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        Answer::now(Ok(LoginOutcome::Accepted(User::new("42"))))
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(Some(User::new(subject))))
    }
}

/// A browser whose jar enforces prefixes, `Secure`, paths and domains.
struct Browser {
    service: RefreshRotationService,
    jar: CookieJar,
}

impl Browser {
    fn of(cookies: TokenCookies) -> Self {
        let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
        let stores = Stores::memory(Arc::new(SystemClock));
        let service = RefreshRotationService::builder(layers::keys(), rotation, stores, Anybody)
            .add_own_origin(OWN.parse().unwrap())
            .with_cookies(cookies)
            .build()
            .unwrap();
        Self {
            service,
            jar: CookieJar::new(SystemClock),
        }
    }

    fn send(&mut self, request: Builder, path: &str, body: &str) -> u16 {
        let uri: Uri = format!("{OWN}{path}").parse().unwrap();
        let mut request = request
            .uri(path)
            .header("host", HOST)
            .header("origin", OWN)
            .header("content-type", "application/json")
            .extension(PeerAddr::from(([192, 0, 2, 1], 50_000)));
        if let Some(cookies) = self.jar.header_for(&uri) {
            request = request.header("cookie", cookies);
        }
        let seen = self.jar.script_view(&uri);
        if let Some(token) = seen
            .iter()
            .find(|cookie| cookie.name().ends_with("csrftoken"))
        {
            request = request.header("x-csrftoken", token.value());
        }
        let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
        let response = tokio_test::block_on(self.service.clone().oneshot(request)).unwrap();
        // A strict jar says so when it ignores a line.
        self.jar.store(&uri, response.headers()).unwrap();
        response.status().as_u16()
    }

    fn tokens(&self) -> Vec<String> {
        let names = self.jar.iter().map(|cookie| cookie.name().to_owned());
        names.filter(|name| name.ends_with("_token")).collect()
    }
}

#[test]
fn s31_a_logout_clears_every_token_cookie_of_a_strict_browser() {
    let django = || TokenCookies::new(CookieProfile::Django);
    for cookies in [
        TokenCookies::new(CookieProfile::Host),
        django(),
        django().with_domain("chat.example").unwrap(),
        django().with_refresh_path("/api/auth/").unwrap(),
    ] {
        let mut browser = Browser::of(cookies);
        assert_eq!(browser.send(Request::get("/"), "/api/csrf/", ""), 200);
        let login = r#"{"username": "ada", "password": "engine"}"#;
        assert_eq!(
            browser.send(Request::post("/"), "/api/auth/login/", login),
            200
        );
        assert_eq!(browser.tokens().len(), 2, "{:?}", browser.tokens());
        assert_eq!(
            browser.send(Request::post("/"), "/api/auth/logout/", ""),
            200
        );
        assert!(browser.tokens().is_empty(), "{:?}", browser.tokens());
    }
}
