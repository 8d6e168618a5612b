//! What the log tells of a session, and what it keeps to itself.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::audit::IdHash;
use portcullis_testkit::RedisServer;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::{browser::Browser, harness::Server, shared::Folder};

const LOGOUT: &str = "/api/auth/logout/";
const ME: &str = "/api/auth/me/";
const REFRESH: &str = "/api/auth/refresh/";

/// A password that is in no other word of a log.
const GUESS: &str = "a-guess-that-is-wrong";

/// What was given to browsers: tokens and other cookies, their ids, and the ids of sessions.
#[derive(Default)]
struct Given {
    secrets: Vec<String>,
    sessions: Vec<String>,
}

impl Given {
    fn note(&mut self, browser: &Browser) {
        let cookies = browser.cookies("/api/").unwrap();
        for (name, value) in cookies.split("; ").filter_map(|pair| pair.split_once('=')) {
            self.secrets.push(value.to_owned());
            if !name.ends_with("_token") {
                continue;
            }
            let claims = URL_SAFE_NO_PAD.decode(value.split('.').nth(1).unwrap());
            let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
            self.secrets
                .push(claims["jti"].as_str().unwrap().to_owned());
            self.sessions
                .push(claims["sid"].as_str().unwrap().to_owned());
        }
    }
}

async fn expect(browser: &mut Browser, method: Method, path: &str, status: StatusCode) {
    let reply = browser.send(method, path, None).await;
    assert_eq!(reply.status(), status, "{path}");
}

/// Refreshes until there is another refresh token, which a second one does not bring at once.
async fn rotate(browser: &mut Browser) {
    let token = |browser: &Browser| browser.cookie("/api/", "refresh_token");
    let before = token(browser);
    for address in 0x0a00_0000.. {
        if token(browser) != before {
            break;
        }
        // No address is above its own quota.
        *browser = browser.clone().behind(Ipv4Addr::from_bits(address));
        expect(browser, Method::POST, REFRESH, StatusCode::OK).await;
    }
}

/// Logs in, and notes what the browser got.
async fn log_in(server: &Server, given: &mut Given) -> Browser {
    let mut browser = Browser::new(server).await;
    let login = browser.log_in("portcullis").await;
    assert_eq!(login.status(), StatusCode::OK);
    browser.remember(login.json().await.unwrap());
    given.note(&browser);
    browser
}

/// All that happens to sessions: from a login to a theft.
async fn story(server: &Server) -> Given {
    let mut given = Given::default();
    let mut guesser = Browser::new(server).await;
    let guess = json!({"username": "eve\u{1b}[2J\nkind=\"logout\"", "password": GUESS});
    let refused = guesser
        .send(Method::POST, "/api/auth/login/", Some(guess))
        .await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let guess = json!({"username": "demo", "password": GUESS});
    let refused = guesser
        .send(Method::POST, "/api/auth/login/", Some(guess))
        .await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);

    let mut owner = log_in(server, &mut given).await;
    let mut thief = owner.clone();
    for _ in 0..2 {
        rotate(&mut owner).await;
        given.note(&owner);
    }

    let mut phone = log_in(server, &mut given).await;
    let path = format!("/api/auth/sessions/{}/", given.sessions.last().unwrap());
    let forged = Client::new().delete(format!("{}{path}", server.url()));
    let forged = forged.header("cookie", owner.cookies(&path).unwrap());
    let refused = forged.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    expect(&mut owner, Method::DELETE, &path, StatusCode::OK).await;
    expect(&mut phone, Method::GET, ME, StatusCode::UNAUTHORIZED).await;
    expect(
        &mut phone,
        Method::GET,
        "/chat/history",
        StatusCode::UNAUTHORIZED,
    )
    .await;
    expect(&mut phone, Method::DELETE, &path, StatusCode::UNAUTHORIZED).await;

    let mut tablet = log_in(server, &mut given).await;
    expect(&mut tablet, Method::POST, LOGOUT, StatusCode::OK).await;

    expect(&mut thief, Method::POST, REFRESH, StatusCode::UNAUTHORIZED).await;
    expect(&mut owner, Method::POST, REFRESH, StatusCode::UNAUTHORIZED).await;
    given
}

#[track_caller]
fn check(log: &str, given: &Given) {
    for secret in given.secrets.iter().chain(&given.sessions) {
        assert!(
            !log.contains(secret.as_str()),
            "{secret} is in the log:\n{log}"
        );
    }
    assert!(!log.contains(GUESS), "{log}");
    let is_control = |&character: &char| character.is_control() && character != '\n';
    assert_eq!(log.chars().find(is_control), None, "{log}");
    assert!(!log.lines().any(|line| line.starts_with("kind=")), "{log}");
    for sid in &given.sessions {
        let session = format!("session={}", IdHash::of(sid));
        let of_session = |kind: &str| {
            let kind = format!("kind=\"{kind}\"");
            log.lines()
                .any(|line| line.contains(&kind) && line.contains(&session))
        };
        assert!(of_session("login_succeeded"), "{session}: {log}");
        assert!(
            of_session("logout") || of_session("reuse"),
            "{session}: {log}"
        );
    }
    for kind in ["login_failed", "refreshed", "refused", "reuse", "logout"] {
        assert!(log.contains(&format!("kind=\"{kind}\"")), "{kind}: {log}");
    }
    let path = format!("/api/auth/sessions/{}/", IdHash::of(&given.sessions[6]));
    assert!(log.contains(&path), "{path}: {log}");
}

#[tokio::test]
async fn the_log_tells_of_a_logout_that_other_processes_will_not_know_of() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let (flags, log) = (folder.flags(&redis.url()), folder.file("log"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::start_logging(&flags, File::create(&log).unwrap());
    let mut given = Given::default();
    let mut browser = log_in(&server, &mut given).await;
    let spoil = ["SET", "portcullis:{pc-feed}:revoked", "wrong", "EX", "60"];
    redis.ask(&spoil).unwrap();
    expect(
        &mut browser,
        Method::POST,
        LOGOUT,
        StatusCode::SERVICE_UNAVAILABLE,
    )
    .await;
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    let log = fs::read_to_string(log).unwrap();
    let session = format!("session={}", IdHash::of(&given.sessions[0]));
    for kind in ["revocation_owed", "revocation_untold"] {
        let kind = format!("kind=\"{kind}\"");
        let line = log.lines().find(|line| line.contains(&kind));
        let names_it = line.is_some_and(|line| line.contains(&session));
        assert!(names_it, "{kind}: {log}");
    }
}

#[tokio::test]
async fn the_log_correlates_sessions_and_shows_no_id_token_or_password() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let shared = folder.flags(&redis.url());
    let alone = "--refresh-limit 100000/1s --trusted-proxy 127.0.0.1";
    let alone = alone.split(' ').map(str::to_owned).collect();
    for (name, flags) in [("memory", alone), ("redis", shared)] {
        let log = folder.file(name);
        let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        flags.extend(["--overlap", "1s"]);
        let everything = [("RUST_LOG", "trace")];
        let server = Server::start_in(&everything, &flags, File::create(&log).unwrap());
        let given = story(&server).await;
        drop(server);
        check(&fs::read_to_string(log).unwrap(), &given);
    }
}
