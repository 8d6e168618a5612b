//! The service as a browser, a program and a thief meet it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use portcullis_core::{
    Answer, Rejection, Secret,
    audit::{AuditKind, MemoryAudit},
    client::PeerAddr,
    clock::Clock,
    keys::RotationKeys,
    rotation::RotationPolicy,
};
use portcullis_jwt::KeyRing;
use portcullis_testkit::ManualClock;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

mod browser;
mod clocks;
mod events;
mod logins;
mod logouts;
mod refreshes;
mod wire;

use browser::Browser;

/// An application with three users: ada and bob, and eve, who is inactive.
#[derive(Debug, Default)]
struct Users {
    asked: AtomicU32,
    ada_is_gone: AtomicBool,
    is_down: AtomicBool,
}

const ADA: &str = "1";
const BOB: &str = "2";

impl Users {
    fn down(&self) -> Result<(), AuthenticatorError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(AuthenticatorError::new("the database is down"));
        }
        Ok(())
    }
}

impl Authenticator for Users {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.down() {
            return Answer::now(Err(error));
        }
        let subject = match login.username() {
            "ada" => Some(ADA),
            "bob" => Some(BOB),
            "eve" => Some("3"),
            _ => None,
        };
        let right = login.password().expose() == b"engine";
        Answer::now(Ok(match subject {
            Some(subject) if right && subject != "3" => LoginOutcome::Accepted(User::new(subject)),
            other => LoginOutcome::Refused {
                subject: other.map(str::to_owned),
            },
        }))
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        let gone = subject == ADA && self.ada_is_gone.load(Ordering::Relaxed);
        Answer::now(self.down().map(|()| (!gone).then(|| User::new(subject))))
    }
}

/// One service, its clock, its users and what it reported.
#[derive(Clone)]
struct World {
    service: RefreshRotationService,
    clock: ManualClock,
    users: Arc<Users>,
    audit: Arc<MemoryAudit>,
}

impl World {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::on(|stores| stores, change)
    }

    /// A service on stores of its own making.
    fn on(stores: impl FnOnce(Stores) -> Stores, change: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = ManualClock::default();
        let users = Arc::new(Users::default());
        let audit = Arc::new(MemoryAudit::default());
        let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
        let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
        let stores = stores(Stores::memory(Arc::new(clock.clone())));
        // The store refuses sessions of before its start: no login in the same instant.
        clock.advance(Duration::from_secs(1));
        let builder = RefreshRotationService::builder(signing, rotation, stores, users.clone())
            .add_own_origin(Browser::ORIGIN.parse().unwrap())
            .with_clock(Arc::new(clock.clone()))
            .with_shared_audit(audit.clone());
        Self {
            service: change(builder).build().unwrap(),
            clock,
            users,
            audit,
        }
    }

    /// Sends a request as it is.
    fn send(&self, mut request: Request<String>) -> Reply {
        if request.extensions().get::<PeerAddr>().is_none() {
            request
                .extensions_mut()
                .insert(PeerAddr::from(([192, 0, 2, 1], 50_000)));
        }
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = tokio_test::block_on(self.service.clone().oneshot(request)).unwrap();
        Reply::read(response)
    }

    fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

/// A response, read.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    rejection: Option<Rejection>,
    body: String,
}

impl Reply {
    fn read(response: Response<ReplyBody>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = tokio_test::block_on(body.collect()).unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            rejection: parts.extensions.get().copied(),
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Expects a refusal: its status and code, and that no cookie was touched.
    #[track_caller]
    fn refused(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.json()["code"], code, "{reply:?}");
        assert_eq!(
            reply
                .rejection
                .map(|rejection| rejection.code().to_owned())
                .as_deref(),
            Some(code)
        );
        assert_eq!(
            reply.cookies(),
            Vec::<&str>::new(),
            "a refusal leaves cookies alone"
        );
        assert_eq!(reply.headers["cache-control"], "no-store");
        reply
    }

    fn cookies(&self) -> Vec<&str> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|line| line.to_str().unwrap())
            .collect()
    }

    /// The line that sets `name`.
    #[track_caller]
    fn cookie(&self, name: &str) -> &str {
        let start = format!("{name}=");
        let cookies = self.cookies();
        cookies
            .into_iter()
            .find(|line| line.starts_with(&start))
            .expect("such a cookie is set")
    }
}
