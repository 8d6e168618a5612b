//! Logins over two services that share nothing but a Redis.

use bytes::Bytes;
use http_body_util::Full;
use portcullis::{
    core::{Answer, clock::SystemClock, keys::RotationKeys},
    jwt::KeyRing,
    refresh::{
        Authenticator, AuthenticatorError, EndpointLimits, Login, LoginOutcome,
        RefreshRotationService, Stores, User,
    },
};

use super::*;

/// Counts the passwords that it is shown; one of them is right.
#[derive(Clone, Debug, Default)]
struct Users(Arc<AtomicUsize>);

impl Authenticator for Users {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let right = login.password().expose() == b"right";
        Answer::now(Ok(if right {
            LoginOutcome::Accepted(User::new("1"))
        } else {
            LoginOutcome::Refused {
                subject: Some("1".into()),
            }
        }))
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(Some(User::new(subject))))
    }
}

/// A process of its own, as Redis sees it: with `quota` for an account from an address.
async fn service(server: &RedisServer, users: &Users, quota: u32) -> RefreshRotationService {
    let plenty = Quota::per_second(100_000).unwrap();
    let limits = EndpointLimits::new()
        .and_then(|limits| limits.with_login(Quota::strict(quota, HOUR)?))
        .and_then(|limits| limits.with_login_address(plenty))
        .and_then(|limits| limits.with_login_account(plenty))
        .unwrap()
        .with_store_deadline(RedisConfig::MAX_DEADLINE)
        .with_on_store_failure(OnStoreFailure::Reject);
    let stores = Stores {
        rates: store(server).await,
        ..Stores::memory(Arc::new(SystemClock))
    };
    let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    RefreshRotationService::builder(signing, rotation, stores, users.clone())
        .add_own_origin("https://app.example".parse().unwrap())
        .with_limits(limits)
        .build()
        .unwrap()
}

async fn log_in(service: RefreshRotationService, password: &str) -> u16 {
    let body = format!(r#"{{"username": "ann", "password": "{password}"}}"#);
    let request = Request::post("/api/auth/login/").header("content-type", "application/json");
    let mut request = request.body(Full::<Bytes>::from(body)).unwrap();
    request.extensions_mut().insert(PeerAddr::from((HOME, 80)));
    service.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_parallel_wrong_logins_over_two_services_the_quota_reaches_the_password() {
    let server = RedisServer::start();
    let users = Users::default();
    let services = [
        service(&server, &users, 7).await,
        service(&server, &users, 7).await,
    ];
    let attempts: Vec<_> = (0..1_000)
        .map(|number| tokio::spawn(log_in(services[number % 2].clone(), "wrong")))
        .collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|&&found| found == status).count();
    assert_eq!((count(401), count(429)), (7, 993));
    assert_eq!(users.0.load(Ordering::Relaxed), 7);
}

#[tokio::test]
async fn a_correct_login_is_never_charged_on_any_service() {
    let server = RedisServer::start();
    let users = Users::default();
    let services = [
        service(&server, &users, 2).await,
        service(&server, &users, 2).await,
    ];
    for number in 0..30 {
        assert_eq!(log_in(services[number % 2].clone(), "right").await, 200);
    }
    for (number, wanted) in [401, 401, 429].into_iter().enumerate() {
        let status = log_in(services[number % 2].clone(), "wrong").await;
        assert_eq!(status, wanted, "the whole quota was left");
    }
}
