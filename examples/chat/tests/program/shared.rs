//! Two processes on one Redis and one database.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    path::PathBuf,
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use portcullis_testkit::RedisServer;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::{
    task::{JoinSet, yield_now},
    time::Instant,
};
use tokio_tungstenite::tungstenite::{
    Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode,
};

use crate::{
    browser::Browser,
    harness::{Server, run},
};

/// How long another process may take to hear of a logout.
const NEWS: Duration = Duration::from_secs(1);

/// A folder for keys and the database, which goes with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let mut name = [0; 12];
        portcullis_core::random::fill_from(b"abcdefghijklmnop", &mut name).unwrap();
        let name = String::from_utf8_lossy(&name).into_owned();
        let folder = std::env::temp_dir().join(format!("portcullis-chat-{name}"));
        fs::create_dir(&folder).unwrap();
        for key in ["signing", "rotation"] {
            let bytes = format!("{key}: thirty-two bytes at the very least");
            fs::write(folder.join(key), bytes).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The flags of a process on the Redis at `url`.
    pub(crate) fn flags(&self, url: &str) -> Vec<String> {
        let flags = [
            ["--redis", url],
            ["--database", &self.file("db.sqlite3")],
            ["--signing-key-file", &self.file("signing")],
            ["--rotation-key-file", &self.file("rotation")],
            ["--user", "demo:portcullis"],
            ["--trusted-proxy", "127.0.0.1"],
            ["--refresh-limit", "100000/1s"],
        ];
        flags.concat().into_iter().map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A Redis server and two processes on it.
struct Pair {
    here: Server,
    there: Server,
    redis: RedisServer,
    _folder: Folder,
}

impl Pair {
    fn start() -> Self {
        let (redis, folder) = (RedisServer::start(), Folder::new());
        let flags = folder.flags(&redis.url());
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self {
            here: Server::start(&flags),
            there: Server::start(&flags),
            redis,
            _folder: folder,
        }
    }

    async fn logged_in(&self) -> Browser {
        let mut browser = Browser::new(&self.here).await;
        let login = browser.log_in("portcullis").await;
        assert_eq!(login.status(), StatusCode::OK);
        browser.remember(login.json().await.unwrap());
        browser
    }
}

async fn status(browser: &mut Browser, method: Method, path: &str) -> StatusCode {
    browser.send(method, path, None).await.status()
}

#[tokio::test]
async fn a_session_lives_and_ends_on_both_processes() {
    let pair = Pair::start();
    assert!(
        pair.here.banner().contains("sessions in Redis"),
        "{}",
        pair.here.banner()
    );
    let here = pair.logged_in().await;
    let mut there = here.at(&pair.there);
    let me = "/api/auth/me/";
    assert_eq!(status(&mut there, Method::GET, me).await, StatusCode::OK);
    assert_eq!(
        status(&mut there, Method::GET, "/chat/history").await,
        StatusCode::OK
    );
    assert_eq!(
        status(&mut there, Method::POST, "/api/auth/refresh/").await,
        StatusCode::OK
    );

    // What a thief copied before the logout.
    let mut thief = there.clone();
    let mut here = there.at(&pair.here);
    assert_eq!(
        status(&mut here, Method::POST, "/api/auth/logout/").await,
        StatusCode::OK
    );
    let heard = Instant::now();
    for path in [me, "/chat/history"] {
        while status(&mut thief, Method::GET, path).await != StatusCode::UNAUTHORIZED {
            assert!(heard.elapsed() < NEWS, "{path} passes after a second");
        }
    }
    let refresh = status(&mut thief, Method::POST, "/api/auth/refresh/").await;
    assert_eq!(refresh, StatusCode::UNAUTHORIZED);

    let keys = pair.redis.ask(&["KEYS", "*"]).unwrap();
    for key in keys.lines() {
        let left = pair.redis.ask(&["PTTL", key]).unwrap();
        assert_ne!(left, "-1", "{key} never expires");
    }
}

/// Refreshes, and tries again what is 503.
async fn refresh(mut browser: Browser) -> (Response, Browser) {
    let began = Instant::now();
    loop {
        let reply = browser.send(Method::POST, "/api/auth/refresh/", None).await;
        let is_down = reply.status() == StatusCode::SERVICE_UNAVAILABLE;
        if !is_down || began.elapsed() > Duration::from_secs(30) {
            return (reply, browser);
        }
        assert!(!reply.headers().contains_key("set-cookie"));
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_refreshes_over_two_processes_are_one_rotation() {
    let pair = Pair::start();
    let browser = pair.logged_in().await;
    let mut uses = JoinSet::new();
    for number in 0..500_u32 {
        let server = if number % 2 == 0 {
            &pair.here
        } else {
            &pair.there
        };
        // No address is above its own quota.
        let address = Ipv4Addr::from_bits(0x0a00_0000 + number);
        uses.spawn(refresh(browser.at(server).behind(address)));
    }
    let mut successors = std::collections::BTreeSet::new();
    for (reply, after) in uses.join_all().await {
        assert_eq!(reply.status(), StatusCode::OK);
        successors.insert(after.cookie("/api/", "refresh_token").unwrap());
    }
    assert_eq!(successors.len(), 1, "one successor for all");
    let before = browser.cookie("/api/", "refresh_token").unwrap();
    assert!(!successors.contains(&before), "and it is a new one");
    let families = pair.redis.ask(&["KEYS", "*:f:*"]).unwrap();
    let generation = pair.redis.ask(&["HGET", families.trim(), "g"]).unwrap();
    assert_eq!(generation, "1", "one rotation");
}

#[tokio::test]
async fn a_logout_closes_the_socket_on_the_other_process_with_1008() {
    let pair = Pair::start();
    let mut here = pair.logged_in().await;
    let there = here.at(&pair.there);
    let url = pair.there.url().replace("http://", "ws://") + "/chat/ws";
    let mut request = url.into_client_request().unwrap();
    let cookies = there.cookies("/chat/ws").unwrap();
    request
        .headers_mut()
        .insert("cookie", cookies.parse().unwrap());
    let origin = pair.there.url().parse().unwrap();
    request.headers_mut().insert("origin", origin);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let hello = Message::text(r#"{"message": "hello"}"#);
    socket.send(hello).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("token"), "{first:?}");

    assert_eq!(
        status(&mut here, Method::POST, "/api/auth/logout/").await,
        StatusCode::OK
    );
    let end = async {
        loop {
            if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    };
    let code = tokio::time::timeout(NEWS, end).await;
    assert_eq!(code.expect("closed within a second"), CloseCode::Policy);
}

#[tokio::test]
async fn an_outage_is_503_until_it_is_over_and_signs_nobody_out() {
    let mut pair = Pair::start();
    let mut browser = pair.logged_in().await;
    pair.redis.freeze();
    let refused = browser.send(Method::POST, "/api/auth/refresh/", None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(!refused.headers().contains_key("set-cookie"));
    pair.redis.thaw();
    let (reply, mut browser) = refresh(browser).await;
    assert_eq!(reply.status(), StatusCode::OK);

    // Empty, it knows no session, and users log in again.
    pair.redis.restart();
    let (reply, _) = refresh(browser.clone()).await;
    assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    let began = Instant::now();
    while browser.log_in("portcullis").await.status() != StatusCode::OK {
        assert!(began.elapsed() < Duration::from_secs(30), "no recovery");
    }
}

#[test]
fn a_redis_that_is_not_there_ends_the_program_with_its_remedy() {
    let folder = Folder::new();
    let flags = folder.flags("redis://:hunter2@127.0.0.1:1");
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let output = run(&flags, &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("error: --redis: "), "{stderr}");
    assert!(stderr.contains("leave it out"), "{stderr}");
    assert_eq!(stderr.matches('\n').count(), 1, "one line: {stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn a_redis_that_drops_what_counts_is_warned_about() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let policy = ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"];
    redis.ask(&policy).unwrap();
    let flags = folder.flags(&redis.url());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let log = folder.file("log");
    let server = Server::start_logging(&flags, File::create(&log).unwrap());
    drop(server);
    let log: String = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("allkeys-lru") && log.contains("noeviction"),
        "{log}"
    );
}

/// The users of both processes are the same.
#[tokio::test]
async fn what_one_process_wrote_the_other_reads() {
    let pair = Pair::start();
    let mut here = pair.logged_in().await;
    let sessions = here
        .at(&pair.there)
        .send(Method::GET, "/api/auth/sessions/", None)
        .await;
    let sessions: Value = sessions.json().await.unwrap();
    assert_eq!(sessions["sessions"][0]["current"], true);
    let sid = sessions["sessions"][0]["sid"].as_str().unwrap();
    let path = format!("/api/auth/sessions/{sid}/");
    let ended = status(&mut here, Method::DELETE, &path).await;
    assert!(ended.is_success(), "{ended}");
    let refused = status(&mut here, Method::POST, "/api/auth/refresh/").await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
}
