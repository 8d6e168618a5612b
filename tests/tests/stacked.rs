//! The preset stack round a mock, axum, bare hyper and tonic: one configuration, four homes.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::ConnectInfo, routing::post};
use http::{Extensions, Request, Response, request::Builder};
use http_body_util::BodyExt as _;
use portcullis::{
    Guarded, Portcullis, Rejection, Secret,
    core::{
        Answer,
        client::{ClientPolicy, PeerAddr},
        clock::SystemClock,
        keys::RotationKeys,
        rate::Quota,
    },
    jwt_cookie::Authenticated,
    refresh::{Authenticator, AuthenticatorError, Login, LoginOutcome, Stores, User},
    stack::Stack,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tonic::transport::{Endpoint, Server, server::TcpConnectInfo, server::TcpIncoming};
use tonic_greeter::{client::GreeterClient, server::Greeter};
use tower::{Layer as _, ServiceExt as _};
use tower_test::mock;

use crate::{
    layers::{self, FOREIGN},
    support::{
        body::{Bare, Hello},
        loopback,
    },
};

struct Nobody;

impl Authenticator for Nobody {
    fn log_in(&self, _: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        Answer::now(Ok(LoginOutcome::Refused { subject: None }))
    }

    fn active_user(&self, _: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(None))
    }
}

/// The peer's address, wherever the server at hand keeps it.
fn peer(found: &Extensions) -> Option<SocketAddr> {
    let ours = found.get().map(|peer: &PeerAddr| peer.0);
    let axum = || found.get().map(|peer: &ConnectInfo<SocketAddr>| peer.0);
    let tonic = || found.get().and_then(TcpConnectInfo::remote_addr);
    ours.or_else(axum).or_else(tonic)
}

/// A stack that admits `per_minute` requests of each user.
fn stack(per_minute: u32) -> Stack {
    let rotation = RotationKeys::new(1, &Secret::new([8; 32])).unwrap();
    let stores = Stores::memory(Arc::new(SystemClock));
    Portcullis::builder(layers::keys(), rotation, stores, Nobody)
        .add_own_origin("http://127.0.0.1".parse().unwrap())
        .with_client_policy(ClientPolicy::direct().with_peer_from(peer))
        .with_subject_quota(Quota::per_minute(per_minute).unwrap())
        .build()
        .unwrap()
}

/// A `POST` to our host from an address that the server has told.
fn request() -> Builder {
    Request::post("/")
        .header("host", "127.0.0.1")
        .extension(PeerAddr::from(([127, 0, 0, 1], 50_000)))
}

fn with_bearer() -> Builder {
    request().header("authorization", format!("Bearer {}", layers::token()))
}

fn with_cookie() -> Builder {
    request().header("cookie", format!("__Host-access_token={}", layers::token()))
}

/// What must be refused, with its status and code: no token, no CSRF token, a foreign page.
fn hostile() -> [(Builder, u16, &'static str); 3] {
    [
        (request(), 401, "token_not_valid"),
        (with_cookie(), 403, "csrf_cookie_missing"),
        (
            with_cookie().header("origin", FOREIGN),
            403,
            "csrf_origin_untrusted",
        ),
    ]
}

#[test]
fn what_the_stack_refuses_never_reaches_a_mock() {
    let one_a_minute = stack(1).layer();
    let (mut service, mut handle) =
        mock::spawn_layer::<Request<Bare>, Response<Bare>, _>(one_a_minute);
    let mut send = |request: Builder| {
        assert_ready_ok!(service.poll_ready());
        let mut future = task::spawn(service.call(request.body(Bare::new("x")).unwrap()));
        let mut reached = task::spawn(handle.next_request());
        let early = future.poll();
        if early.is_ready() {
            assert_pending!(reached.poll(), "a refused request reached the handler");
            return assert_ready_ok!(early);
        }
        let (_, answer) = assert_ready!(reached.poll()).unwrap();
        answer.send_response(Response::new(Bare::new("hello")));
        assert_ready_ok!(future.poll())
    };
    for (request, status, code) in hostile() {
        let response = send(request);
        assert_eq!(response.status(), status);
        let rejection: &Rejection = response.extensions().get().unwrap();
        assert_eq!(rejection.code(), code);
    }
    assert_eq!(send(with_bearer()).status(), 200);
    assert_eq!(send(with_bearer()).status(), 429);
}

#[tokio::test]
async fn the_stack_passes_a_body_that_is_nothing_but_a_body() {
    let service = stack(60).layer().layer(Hello);
    let passed = with_bearer().body(Bare::new("x")).unwrap();
    let response: Response<Guarded<Bare>> = service.oneshot(passed).await.unwrap();
    let Ok(body) = response.into_body().collect().await;
    assert_eq!(body.to_bytes(), "hello");
}

async fn whoami(user: Authenticated) -> String {
    user.subject().to_owned()
}

#[tokio::test]
async fn the_stack_protects_an_axum_router() {
    let stack = stack(1);
    let app = Router::new()
        .route("/", post(whoami))
        .layer(stack.layer())
        .fallback_service(stack.auth_service());
    let send = |request: Builder| {
        let request = request.body(axum::body::Body::empty()).unwrap();
        let app = app.clone();
        async move {
            let response = app.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(bytes.to_vec()).unwrap())
        }
    };
    for (request, status, code) in hostile() {
        let (found, body) = send(request).await;
        assert_eq!(found, status);
        assert!(body.contains(&format!(r#""code": "{code}""#)), "{body}");
    }
    assert_eq!(send(with_bearer()).await, (200, "42".to_owned()));
    assert_eq!(send(with_bearer()).await.0, 429);
    let csrf = request().method("GET").uri("/api/csrf/");
    assert!(
        send(csrf).await.1.contains("csrfToken"),
        "the login service is beside it"
    );
}

#[tokio::test]
async fn the_stack_protects_bare_hyper() {
    let hello = tower::service_fn(|_: Request<hyper::body::Incoming>| async {
        Ok::<_, std::convert::Infallible>(Response::new("hello".to_owned()))
    });
    let address = loopback::over_hyper(stack(1).layer().layer(hello)).await;
    for (request, status, code) in hostile() {
        let response = loopback::send(address, request.body("x").unwrap()).await;
        assert_eq!(response.status(), status);
        let body = String::from_utf8_lossy(response.body()).into_owned();
        assert!(body.contains(&format!(r#""code": "{code}""#)), "{body}");
    }
    let passed = loopback::send(address, with_bearer().body("x").unwrap()).await;
    assert_eq!(
        (passed.status().as_u16(), passed.body().as_ref()),
        (200, b"hello".as_slice())
    );
    let throttled = loopback::send(address, with_bearer().body("x").unwrap()).await;
    assert_eq!(throttled.status(), 429);
}

#[tokio::test]
async fn the_stack_protects_a_tonic_service_on_a_real_connection() {
    let (listener, address) = loopback::listener().await;
    let server = Server::builder()
        .layer(stack(1).layer())
        .add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();

    let stranger = GreeterClient::new(channel.clone(), None)
        .say_hello("Ada")
        .await;
    assert_eq!(stranger.unwrap_err().code(), tonic::Code::Unauthenticated);
    let mut user = GreeterClient::new(channel, Some(layers::token()));
    assert!(user.say_hello("Ada").await.unwrap().message.contains("Ada"));
    let throttled = user.say_hello("Ada").await.unwrap_err();
    assert_eq!(throttled.code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn refusals_of_grpc_calls_are_grpc_statuses() {
    let greeter = tonic::service::Routes::new(Greeter);
    let service = stack(60).layer().layer(greeter);
    for (request, status, code) in hostile() {
        let request = request.header("content-type", "application/grpc");
        let request = request.body(tonic::body::Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let want = if status == 401 { "16" } else { "7" };
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], want);
        assert_eq!(response.headers()["portcullis-code"], code);
    }
}
