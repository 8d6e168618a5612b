//! What breaks in Redis, and what a browser meets then: the table in docs/operating-redis.md.

use std::time::Duration;

use portcullis_testkit::RedisServer;
use tokio::time::Instant;

use super::world::{Browser, Node, World, insist};

const OPERATING: &str = include_str!("../../../docs/operating-redis.md");

/// What the chat gives a decision.
const DEADLINE: Duration = Duration::from_secs(1);

/// The longest that an answer may take: the deadlines of a login's two waits, and a busy machine.
const NO_HANG: Duration = Duration::from_millis(3_500);

const HEAD: &str = "\
| fault | login | refresh | logout | request with an access token | afterwards, the same session |
|---|---|---|---|---|---|
";

/// Two nodes and two sessions of one user, whose keys are all in one place, before anything breaks.
pub(crate) struct Before {
    pub(crate) world: World,
    pub(crate) nodes: [Node; 2],
    staying: Browser,
    leaving: Browser,
}

impl Before {
    pub(crate) async fn new(url: &str) -> Self {
        let world = World::new(url).with_deadline(DEADLINE);
        let nodes = [world.node().await, world.node().await];
        let staying = nodes[0].log_in("ann").await;
        let leaving = nodes[1].log_in("ann").await;
        Self {
            world,
            nodes,
            staying,
            leaving,
        }
    }

    /// What each endpoint answers now, as the cells of a row.
    pub(crate) async fn during(&self) -> String {
        let [here, there] = &self.nodes;
        let mut cells = Vec::new();
        for endpoint in 0..3 {
            let began = Instant::now();
            let reply = match endpoint {
                0 => here.try_log_in("ann").await,
                1 => there.refresh(&self.staying).await,
                _ => here.log_out(&self.leaving).await,
            };
            assert!(
                began.elapsed() < NO_HANG,
                "{:?}: {reply:?}",
                began.elapsed()
            );
            if reply.status == 503 {
                assert!(!reply.touches_cookies(), "{reply:?}");
            }
            cells.push(reply.status.to_string());
        }
        let began = Instant::now();
        cells.push(there.knock(&self.staying.access).await.to_string());
        assert!(began.elapsed() < NO_HANG);
        cells.join(" | ")
    }

    /// Whether the session goes on, once logins work again on both nodes.
    pub(crate) async fn afterwards(&self) -> &'static str {
        for node in &self.nodes {
            insist(|| node.try_log_in("ann")).await.expect(200);
        }
        let statuses = [
            self.nodes[0].refresh(&self.staying).await.status,
            self.nodes[1].refresh(&self.staying).await.status,
        ];
        match statuses {
            [200, 200] => "goes on",
            [401, 401] => "login again",
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
pub(crate) fn check(fault: &str, during: &str, afterwards: &str) {
    let row = format!("| {fault} | {during} | {afterwards} |\n");
    let table = OPERATING
        .split(HEAD)
        .nth(1)
        .expect("the table is in docs/operating-redis.md");
    let table = table.split("\n\n").next().unwrap_or_default();
    let is_there = format!("{table}\n").contains(&row);
    assert!(
        is_there,
        "docs/operating-redis.md has another row than what was seen:\n{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_and_comes_back_empty() {
    let mut server = RedisServer::start();
    let before = Before::new(&server.url()).await;
    server.stop();
    let during = before.during().await;
    server.restart();
    check(
        "killed, and back without its data",
        &during,
        before.afterwards().await,
    );
    before.world.scan(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_hangs_for_ten_seconds() {
    let server = RedisServer::start();
    let before = Before::new(&server.url()).await;
    server.freeze();
    let began = Instant::now();
    let during = before.during().await;
    while began.elapsed() < Duration::from_secs(10) {
        let reply = before.nodes[0].refresh(&before.staying).await.expect(503);
        assert!(!reply.touches_cookies());
    }
    // The feed has been silent for too long by now, and there is nobody to ask.
    let access = &before.staying.access;
    assert_eq!(before.nodes[0].knock(access).await, 503);
    server.thaw();
    check("hangs for 10 s", &during, before.afterwards().await);
    before.world.scan(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_forgets_its_scripts() {
    let server = RedisServer::start();
    let before = Before::new(&server.url()).await;
    server.ask(&["SCRIPT", "FLUSH"]).unwrap();
    let during = before.during().await;
    check("`SCRIPT FLUSH`", &during, before.afterwards().await);
    before.world.scan(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied() {
    let server = RedisServer::start();
    let before = Before::new(&server.url()).await;
    server.ask(&["FLUSHALL"]).unwrap();
    let during = before.during().await;
    check("`FLUSHALL`", &during, before.afterwards().await);
    before.world.scan(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_full() {
    let server = RedisServer::start();
    let before = Before::new(&server.url()).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let during = before.during().await;
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    check("full (`OOM`)", &during, before.afterwards().await);
    before.world.scan(&server);
}
