//! A logout that races a refresh, on two nodes, in every order that two thousand tries find.

use std::time::Duration;

use portcullis_testkit::RedisServer;
use tokio::{
    task::{JoinSet, yield_now},
    time::Instant,
};

use super::world::{Browser, Node, World};

const RACES: usize = 2_000;
/// So many at a time: enough to mix, few enough that the machine keeps its second.
const AT_ONCE: usize = 40;

/// How long another node may take to hear of a logout.
const NEWS: Duration = Duration::from_secs(1);

/// Lets others go first, so often.
async fn give_way(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}

/// Logs in, then out while a refresh is under way; after the logout has answered nothing is left.
async fn race(nodes: [Node; 2], number: usize) {
    let user = format!("user{number}");
    let before = nodes[number % 2].log_in(&user).await;
    let [out, again] = [&nodes[number / 2 % 2], &nodes[number / 4 % 2]];
    let ((refreshed, _), heard) = tokio::join!(
        async {
            give_way(number % 7).await;
            let reply = again.refresh(&before).await;
            let mut browser = before.clone();
            browser.keep(&reply);
            (browser, reply.status)
        },
        async {
            give_way(number % 5).await;
            out.log_out(&before).await.expect(200);
            Instant::now()
        },
    );
    for node in &nodes {
        for browser in [&before, &refreshed] {
            let reply = node.refresh(browser).await;
            assert_eq!(reply.status, 401, "race {number}: {reply:?}");
            gone(node, browser, heard).await;
        }
    }
}

/// Waits until the access token is refused, which is soon.
async fn gone(node: &Node, browser: &Browser, since: Instant) {
    while node.knock(&browser.access).await != 401 {
        assert!(
            since.elapsed() < NEWS,
            "an access token passes after a second"
        );
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_after_a_logout_that_raced_a_refresh() {
    let server = RedisServer::start();
    let world = World::new(server.url());
    let nodes = [world.node().await, world.node().await];
    let mut races = JoinSet::new();
    for number in 0..RACES {
        if races.len() == AT_ONCE {
            races.join_next().await.unwrap().unwrap();
        }
        races.spawn(race(nodes.clone(), number));
    }
    races.join_all().await;
    world.scan(&server);
}
