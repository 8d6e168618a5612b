//! A session ends on a node that cannot write to the feed: the other nodes hear of it all the same.

use portcullis_testkit::RedisServer;
use tokio::{task::yield_now, time::Instant};

use super::world::{Browser, Node, RECOVERY, World, claims};

/// A node whose Redis user may at first not append to the feed, and one whose user may.
struct Pair {
    server: RedisServer,
    world: World,
    mute: Node,
    other: Node,
}

impl Pair {
    async fn new() -> Self {
        let server = RedisServer::start();
        let world = World::new(server.url()).with_overlap(std::time::Duration::ZERO);
        let user = "ACL SETUSER mute on >password allkeys allcommands";
        server.ask(&user.split(' ').collect::<Vec<_>>()).unwrap();
        let mut mute = world.clone();
        mute.url = mute.url.replace("//", "//mute:password@");
        let pair = Self {
            mute: mute.node().await,
            other: world.node().await,
            world,
            server,
        };
        pair.may_append(false);
        pair
    }

    fn may_append(&self, may: bool) {
        let command = if may { "+xadd" } else { "-xadd" };
        self.server
            .ask(&["ACL", "SETUSER", "mute", command])
            .unwrap();
    }

    /// Asserts that the session is over for the node that has heard of it, and not for the other.
    async fn is_half_over(&self, session: &Browser) {
        assert_eq!(self.mute.knock(&session.access).await, 401);
        assert_eq!(self.other.knock(&session.access).await, 200);
    }

    /// Waits until the other node refuses the session too.
    async fn is_over(&self, session: &Browser) {
        let began = Instant::now();
        while self.other.knock(&session.access).await != 401 {
            assert!(began.elapsed() < RECOVERY, "nobody told the other node");
            yield_now().await;
        }
        self.world.scan(&self.server);
    }
}

fn sid(session: &Browser) -> String {
    claims(&session.access)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_from_the_list_is_ended_again_at_another_node() {
    let pair = Pair::new().await;
    let (laptop, phone) = (
        pair.other.log_in("ann").await,
        pair.other.log_in("ann").await,
    );
    pair.mute
        .end_session(&laptop, &sid(&phone))
        .await
        .expect(503);
    pair.is_half_over(&phone).await;
    pair.other
        .end_session(&laptop, &sid(&phone))
        .await
        .expect(200);
    pair.is_over(&phone).await;
    assert_eq!(pair.other.knock(&laptop.access).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_who_was_found_out_is_shut_out_by_the_owners_next_try() {
    let pair = Pair::new().await;
    let stolen = pair.other.log_in("ann").await;
    let mut owner = stolen.clone();
    for _ in 0..2 {
        let reply = pair.other.refresh(&owner).await.expect(200);
        owner.keep(&reply);
    }
    pair.mute.refresh(&stolen).await.expect(503);
    pair.is_half_over(&owner).await;
    pair.other.refresh(&owner).await.expect(401);
    pair.is_over(&owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_everywhere_is_said_again_at_another_node() {
    let pair = Pair::new().await;
    let (laptop, phone) = (
        pair.other.log_in("ann").await,
        pair.other.log_in("ann").await,
    );
    pair.mute.log_out_everywhere(&laptop).await.expect(503);
    pair.is_half_over(&phone).await;
    pair.other.log_out_everywhere(&laptop).await.expect(200);
    pair.is_over(&phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_that_could_not_tell_tells_by_itself_as_soon_as_it_can() {
    let pair = Pair::new().await;
    for endings in 0..4 {
        pair.may_append(false);
        let (laptop, phone) = (
            pair.other.log_in("ann").await,
            pair.other.log_in("ann").await,
        );
        let reply = match endings {
            0 => pair.mute.end_session(&laptop, &sid(&phone)).await,
            1 => pair.mute.log_out(&phone).await,
            2 => pair.mute.log_out_everywhere(&laptop).await,
            _ => {
                let mut owner = phone.clone();
                for _ in 0..2 {
                    let reply = pair.other.refresh(&owner).await.expect(200);
                    owner.keep(&reply);
                }
                pair.mute.refresh(&phone).await
            }
        };
        assert!(!reply.expect(503).touches_cookies());
        pair.is_half_over(&phone).await;
        pair.may_append(true);
        pair.is_over(&phone).await;
    }
}
