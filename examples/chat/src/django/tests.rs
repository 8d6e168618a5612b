//! A token that Django issued, in the tables that Django made, before the service itself.
//! `tests/django/blacklist.py` asks a live Django the same questions.

use std::{path::PathBuf, sync::Arc};

use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response, StatusCode};
use portcullis::refresh::Stores;
use portcullis_core::{
    client::PeerAddr,
    clock::{Clock as _, SystemClock},
};
use rusqlite::{Connection, OptionalExtension as _};
use tower::ServiceExt as _;

use crate::{
    app,
    config::{Args, Asked, Settings},
    database::Database,
    drain::Drain,
    passwords::Passwords,
    responder::Responder,
};

const KEY: &str = "django-insecure-0123456789abcdefghijklmnopqrstuvwx";
const ORIGIN: &str = "http://localhost:8000";
const CSRF: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

/// What simplejwt 5.5.1 migrates SQLite to, column for column.
const DJANGO: &str = "
    CREATE TABLE token_blacklist_outstandingtoken (
        token text NOT NULL,
        created_at datetime NULL,
        expires_at datetime NOT NULL,
        user_id integer NULL REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
        jti varchar(255) NOT NULL UNIQUE,
        id integer NOT NULL PRIMARY KEY AUTOINCREMENT
    );
    CREATE TABLE token_blacklist_blacklistedtoken (
        blacklisted_at datetime NOT NULL,
        token_id bigint NOT NULL UNIQUE REFERENCES token_blacklist_outstandingtoken (id)
            DEFERRABLE INITIALLY DEFERRED,
        id integer NOT NULL PRIMARY KEY AUTOINCREMENT
    );
";

/// A Django site whose database the service shares.
struct Site {
    file: PathBuf,
    django: Connection,
    database: Database,
    app: Router,
}

impl Site {
    async fn new() -> Self {
        let mut name = [0; 12];
        portcullis_core::random::fill_from(b"abcdefghijklmnop", &mut name).unwrap();
        let name = String::from_utf8_lossy(&name).into_owned();
        let file = std::env::temp_dir().join(format!("portcullis-django-{name}.sqlite3"));
        let database = Database::open(Some(&file)).unwrap();
        let now = SystemClock.now();
        assert!(database.create_user("ann", "!", now).await.unwrap());
        let django = Connection::open(&file).unwrap();
        django.execute_batch(DJANGO).unwrap();
        database.find_django_blacklist().await.unwrap();
        Self {
            app: app(&database),
            file,
            django,
            database,
        }
    }

    /// A refresh token as `RefreshToken.for_user` makes it, and its `jti`.
    fn issue(&self) -> (String, String) {
        let (token, jti) = token();
        let statement = "INSERT INTO token_blacklist_outstandingtoken \
             (jti, token, user_id, created_at, expires_at) \
             VALUES (?1, ?2, 1, '2026-11-22 03:01:54.795900', '2099-01-01 00:00:00')";
        self.django.execute(statement, [&jti, &token]).unwrap();
        (token, jti)
    }

    /// What simplejwt's `check_blacklist` asks: whether Django would refuse the token.
    fn django_refuses(&self, jti: &str) -> bool {
        let question = "SELECT 1 FROM token_blacklist_blacklistedtoken b \
             INNER JOIN token_blacklist_outstandingtoken o ON b.token_id = o.id \
             WHERE o.jti = ?1 LIMIT 1";
        let row = self.django.query_row(question, [jti], |_| Ok(()));
        row.optional().unwrap().is_some()
    }

    fn rows(&self) -> (u32, u32) {
        let count = |table: &str| {
            let question = format!("SELECT count(*) FROM token_blacklist_{table}");
            self.django
                .query_row(&question, [], |row| row.get(0))
                .unwrap()
        };
        (count("outstandingtoken"), count("blacklistedtoken"))
    }

    async fn refresh(&self, token: &str) -> Response<Body> {
        post(&self.app, "/api/auth/refresh/", token).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.file.display()));
        }
    }
}

fn app(database: &Database) -> Router {
    let line = [
        "chat",
        "--signing-key",
        KEY,
        "--adopt-django-tokens",
        "2098-12-31",
    ];
    let Asked::Serve(args) = Args::read(line).unwrap() else {
        panic!("asked to print");
    };
    let settings = Settings::from_args(*args).unwrap();
    let passwords = Passwords::new(&settings.rotation_key);
    let responder = Responder::BuiltIn;
    let stores = Stores::memory(Arc::new(SystemClock));
    app::router(
        &settings,
        stores,
        database,
        &passwords,
        responder,
        Drain::new(),
    )
    .unwrap()
}

/// A refresh token of the user 1, as simplejwt 5.5.1 writes it.
fn token() -> (String, String) {
    let jti = portcullis::jwt::random_jti().unwrap();
    let now = SystemClock.now().as_secs();
    let payload = format!(
        r#"{{"token_type":"refresh","exp":{},"iat":{now},"jti":"{jti}","user_id":"1"}}"#,
        now + 86_400
    );
    let parts = [r#"{"alg":"HS256","typ":"JWT"}"#, &payload];
    let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    (format!("{message}.{signature}"), jti)
}

async fn post(app: &Router, path: &str, refresh: &str) -> Response<Body> {
    let cookies = format!("refresh_token={refresh}; csrftoken={CSRF}");
    let request = Request::post(path)
        .header("host", "localhost:8000")
        .header("origin", ORIGIN)
        .header("x-csrftoken", CSRF)
        .header("cookie", cookies);
    let mut request = request.body(Body::empty()).unwrap();
    let peer = PeerAddr::from(([127, 0, 0, 1], 5000));
    request.extensions_mut().insert(peer);
    app.clone().oneshot(request).await.unwrap()
}

/// The refresh token that `response` sets.
fn successor(response: &Response<Body>) -> Option<String> {
    let lines = response.headers().get_all("set-cookie").iter();
    let line = lines
        .filter_map(|line| line.to_str().ok())
        .find_map(|line| line.strip_prefix("refresh_token="))?;
    line.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn a_refresh_token_of_djangos_becomes_one_session_and_django_refuses_it_from_then_on() {
    let site = Site::new().await;
    let (token, jti) = site.issue();
    let first = site.refresh(&token).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert!(site.django_refuses(&jti));
    let ours = successor(&first).expect("a refresh cookie of ours");

    // A second tab with the same token gets the same successor, and Django's tables one row each.
    let second = site.refresh(&token).await;
    assert_eq!(successor(&second).as_ref(), Some(&ours));
    assert_eq!(site.rows(), (1, 1));
    let next = post(&site.app, "/api/auth/refresh/", &ours).await;
    assert_eq!(next.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_restart_that_forgets_the_session_does_not_adopt_its_token_again() {
    let site = Site::new().await;
    let (token, _) = site.issue();
    assert_eq!(site.refresh(&token).await.status(), StatusCode::OK);
    let restarted = app(&site.database);
    let again = post(&restarted, "/api/auth/refresh/", &token).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_django_blacklisted_or_never_issued_is_refused() {
    let site = Site::new().await;
    let (token, jti) = site.issue();
    let now = SystemClock.now();
    let listed = site.database.blacklist_django_token(&jti, "1", now, now);
    listed.await.unwrap();
    let refused = site.refresh(&token).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(successor(&refused), None);

    let (unknown, jti) = self::token();
    let refused = site.refresh(&unknown).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(!site.django_refuses(&jti), "a refusal writes nothing");
}

#[tokio::test]
async fn a_row_that_could_not_be_written_is_written_when_the_token_comes_again() {
    let site = Site::new().await;
    let (token, jti) = site.issue();
    let full = "CREATE TRIGGER full BEFORE INSERT ON token_blacklist_blacklistedtoken \
         BEGIN SELECT RAISE(ABORT, 'no space left'); END";
    site.django.execute_batch(full).unwrap();
    let first = site.refresh(&token).await;
    assert_eq!(first.status(), StatusCode::OK, "the session is open");
    assert!(!site.django_refuses(&jti));

    site.django.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(site.refresh(&token).await.status(), StatusCode::OK);
    assert!(site.django_refuses(&jti));
}

#[tokio::test]
async fn a_session_that_has_ended_still_tells_django_of_its_token() {
    let site = Site::new().await;
    let (token, jti) = site.issue();
    let full = "CREATE TRIGGER full BEFORE INSERT ON token_blacklist_blacklistedtoken \
         BEGIN SELECT RAISE(ABORT, 'no space left'); END";
    site.django.execute_batch(full).unwrap();
    let ours = successor(&site.refresh(&token).await).unwrap();
    let logout = post(&site.app, "/api/auth/logout/", &ours).await;
    assert_eq!(logout.status(), StatusCode::OK);
    site.django.execute_batch("DROP TRIGGER full").unwrap();
    let refused = site.refresh(&token).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(site.django_refuses(&jti));
}

#[tokio::test]
async fn a_logout_blacklists_a_token_that_was_never_adopted() {
    let site = Site::new().await;
    let (issued, first) = site.issue();
    let (unrecorded, second) = token();
    for (token, jti) in [(&issued, first), (&unrecorded, second)] {
        let logout = post(&site.app, "/api/auth/logout/", token).await;
        assert_eq!(logout.status(), StatusCode::OK);
        assert!(site.django_refuses(&jti));
    }
    assert_eq!(site.rows(), (2, 2));
    let texts = "SELECT count(*) FROM token_blacklist_outstandingtoken WHERE token = ?1";
    let kept: u32 = site
        .django
        .query_row(texts, [&unrecorded], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 0, "no token is written down");
}

#[tokio::test]
async fn a_database_that_can_neither_be_read_nor_written_signs_nobody_out() {
    let site = Site::new().await;
    let (token, _) = site.issue();
    let rename = "ALTER TABLE token_blacklist_blacklistedtoken RENAME TO elsewhere";
    site.django.execute_batch(rename).unwrap();
    let refused = site.refresh(&token).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!refused.headers().contains_key("set-cookie"));
    assert!(site.database.find_django_blacklist().await.is_err());
}
