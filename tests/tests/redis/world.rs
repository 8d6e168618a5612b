//! A Redis server, the nodes on it, and a browser that remembers its three cookies.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use portcullis::{
    Secret,
    core::{Answer, client::PeerAddr, keys::RotationKeys, rate::Quota, rotation::RotationPolicy},
    jwt::{KeyRing, TokenReader},
    jwt_cookie::{JwtCookie, JwtCookieAuthLayer, Revocation, StreamGuard},
    refresh::{
        Authenticator, AuthenticatorError, EndpointLimits, Login, LoginOutcome,
        RefreshRotationService, Stores, User,
    },
};
use portcullis_redis::{FeedConfig, RedisConfig, RedisRateStore, RedisSessions};
use portcullis_testkit::RedisServer;
use serde_json::Value;
use tokio::{task::yield_now, time::Instant};
use tower::{Layer as _, Service, ServiceExt as _};

const ORIGIN: &str = "https://app.example";

/// A deadline that a busy machine does not miss by chance.
pub(crate) const PATIENT: Duration = Duration::from_secs(5);

/// Tries again what is 503, which touches no cookie, as a client does.
pub(crate) async fn insist<F: Future<Output = Reply>>(mut ask: impl FnMut() -> F) -> Reply {
    let began = Instant::now();
    loop {
        let reply = ask().await;
        if reply.status != 503 || began.elapsed() > RECOVERY {
            return reply;
        }
        assert!(!reply.touches_cookies(), "{reply:?}");
        yield_now().await;
    }
}

/// How long recovery may take.
pub(crate) const RECOVERY: Duration = Duration::from_secs(30);

/// Everybody whose password is `right`; the user id is the name.
#[derive(Debug)]
struct Users;

impl Authenticator for Users {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        let right = login.password().expose() == b"right";
        Answer::now(Ok(if right {
            LoginOutcome::Accepted(User::new(login.username()))
        } else {
            LoginOutcome::Refused { subject: None }
        }))
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(Some(User::new(subject))))
    }
}

/// Answers whoever the layer lets in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside;

impl Service<Request<()>> for Inside {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::default())))
    }
}

/// What all nodes have in common, and every token that they issued.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) url: String,
    signing: KeyRing,
    rotation: RotationKeys,
    deadline: Duration,
    overlap: Duration,
    issued: Arc<Mutex<Vec<String>>>,
}

/// One process, as Redis sees it.
#[derive(Clone)]
pub(crate) struct Node {
    service: RefreshRotationService,
    pub(crate) layer: JwtCookieAuthLayer,
    inside: JwtCookie<Inside>,
    issued: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// A world on the server at `url` that signs with HS256 and is patient.
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            signing: KeyRing::hs256(Secret::new([1; 32])).unwrap(),
            rotation: RotationKeys::new(1, &Secret::new([2; 32])).unwrap(),
            deadline: PATIENT,
            overlap: RotationPolicy::default().overlap,
            issued: Arc::default(),
        }
    }

    pub(crate) fn signing_with(self, signing: KeyRing) -> Self {
        Self { signing, ..self }
    }

    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    pub(crate) fn with_overlap(self, overlap: Duration) -> Self {
        Self { overlap, ..self }
    }

    /// A node with connections of its own.
    pub(crate) async fn node(&self) -> Node {
        let config = RedisConfig::from_url(&self.url).unwrap();
        let config = config.with_deadline(self.deadline).unwrap();
        let redis = config.connect().await.unwrap();
        let sessions = Arc::new(RedisSessions::new(&redis, &self.rotation));
        let feed = FeedConfig::new().start(&redis, &self.rotation, sessions.clone());
        let stores = Stores {
            families: sessions.clone(),
            revocations: Arc::new(feed.await.unwrap()),
            blacklist: sessions,
            rates: Arc::new(RedisRateStore::new(&redis)),
        };
        let layer = JwtCookieAuthLayer::new(TokenReader::new(self.signing.clone()))
            .with_revocation(Revocation::Local(stores.revocations.clone()))
            .and_then(|layer| layer.with_stream_guard(StreamGuard::new()))
            .unwrap();
        let limits = EndpointLimits::new()
            .and_then(|limits| limits.with_refresh(Quota::per_second(10_000)?))
            .and_then(|limits| limits.with_login_account(Quota::per_second(10_000)?))
            .unwrap();
        let (signing, rotation) = (self.signing.clone(), self.rotation.clone());
        let service = RefreshRotationService::builder(signing, rotation, stores, Users)
            .add_own_origin(ORIGIN.parse().unwrap())
            .with_limits(limits)
            .with_rotation_policy(RotationPolicy {
                overlap: self.overlap,
                ..RotationPolicy::default()
            })
            .build();
        Node {
            service: service.unwrap(),
            inside: layer.layer(Inside),
            layer,
            issued: self.issued.clone(),
        }
    }

    /// Looks through all that Redis holds: every key ends by itself, and nothing that was issued
    /// can be read there.
    #[track_caller]
    pub(crate) fn scan(&self, server: &RedisServer) {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let mut secrets: Vec<String> = issued.clone();
        secrets.extend(
            issued
                .iter()
                .map(|token| claims(token)["jti"].as_str().unwrap().into()),
        );
        let keys = server.ask(&["KEYS", "*"]).unwrap();
        for key in keys.lines() {
            let left = server.ask(&["PTTL", key]).unwrap();
            // -2: gone since it was listed.
            assert_ne!(left, "-1", "{key} never expires");
            let held = content(server, key);
            for secret in &secrets {
                let found = held.contains(secret.as_str()) || key.contains(secret.as_str());
                assert!(!found, "{key} holds {secret}: {held}");
            }
        }
    }
}

/// All that a key holds, as text.
fn content(server: &RedisServer, key: &str) -> String {
    let kind = server.ask(&["TYPE", key]).unwrap();
    let question: &[&str] = match kind.as_str() {
        "hash" => &["HGETALL", key],
        "list" => &["LRANGE", key, "0", "-1"],
        "none" => return String::new(),
        "set" => &["SMEMBERS", key],
        "stream" => &["XRANGE", key, "-", "+"],
        "string" => &["GET", key],
        "zset" => &["ZRANGE", key, "0", "-1", "WITHSCORES"],
        other => panic!("{key} is a {other}"),
    };
    server.ask(question).unwrap()
}

/// What `token` says, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A browser's cookies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// Takes over what `reply` sets.
    pub(crate) fn keep(&mut self, reply: &Reply) {
        for (name, place) in [
            ("access_token", &mut self.access),
            ("refresh_token", &mut self.refresh),
            ("csrftoken", &mut self.csrf),
        ] {
            if let Some(value) = reply.cookie(name) {
                *place = value;
            }
        }
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    whole: Response<String>,
}

impl Reply {
    /// The value of the cookie that this sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let start = format!("__Host-{name}=");
        let lines = self.whole.headers().get_all("set-cookie").iter();
        let line = lines
            .filter_map(|line| line.to_str().ok())
            .find_map(|line| line.strip_prefix(&start))?;
        line.split(';').next().map(str::to_owned)
    }

    pub(crate) fn touches_cookies(&self) -> bool {
        self.whole.headers().contains_key("set-cookie")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Node {
    /// Logs in, and tries again where a busy machine missed the 50 ms of the failure counters.
    pub(crate) async fn log_in(&self, user: &str) -> Browser {
        let reply = insist(|| self.try_log_in(user)).await;
        let mut browser = Browser::default();
        browser.keep(&reply.expect(200));
        browser
    }

    pub(crate) async fn try_log_in(&self, user: &str) -> Reply {
        let body = format!(r#"{{"username": "{user}", "password": "right"}}"#);
        let request = Request::post("/api/auth/login/").header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn refresh(&self, browser: &Browser) -> Reply {
        self.post("/api/auth/refresh/", browser).await
    }

    pub(crate) async fn log_out(&self, browser: &Browser) -> Reply {
        self.post("/api/auth/logout/", browser).await
    }

    pub(crate) async fn log_out_everywhere(&self, browser: &Browser) -> Reply {
        self.post("/api/auth/logout-all/", browser).await
    }

    /// Ends the session `sid` from the list of sessions.
    pub(crate) async fn end_session(&self, browser: &Browser, sid: &str) -> Reply {
        let path = format!("/api/auth/sessions/{sid}/");
        self.ask(Request::delete(path), browser).await
    }

    async fn post(&self, path: &str, browser: &Browser) -> Reply {
        self.ask(Request::post(path), browser).await
    }

    async fn ask(&self, request: http::request::Builder, browser: &Browser) -> Reply {
        let Browser {
            access,
            refresh,
            csrf,
        } = browser;
        let cookies = format!(
            "__Host-access_token={access}; __Host-refresh_token={refresh}; __Host-csrftoken={csrf}"
        );
        let request = request
            .header("origin", ORIGIN)
            .header("x-csrftoken", csrf)
            .header("cookie", cookies);
        self.send(request.body(Full::default()).unwrap()).await
    }

    /// The status that a request with this access token gets.
    pub(crate) async fn knock(&self, access: &str) -> u16 {
        let cookie = format!("__Host-access_token={access}");
        let request = Request::get("/").header("cookie", cookie).body(()).unwrap();
        let answer = self.inside.clone().oneshot(request).await.unwrap();
        answer.status().as_u16()
    }

    /// Sends `request` from an address of its own, so that no address is above its quota.
    async fn send(&self, mut request: Request<Full<Bytes>>) -> Reply {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let [_, a, b, c] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let peer = PeerAddr::from(([10, a, b, c], 5_000));
        request.extensions_mut().insert(peer);
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let reply = Reply {
            status: parts.status.as_u16(),
            whole: Response::from_parts(parts, body),
        };
        let tokens = ["access_token", "refresh_token"];
        let set = tokens.iter().filter_map(|name| reply.cookie(name));
        let set = set.filter(|token| !token.is_empty());
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.extend(set);
        reply
    }
}
