//! A stream on one node ends with the logout on the other.

use portcullis_testkit::RedisServer;
use tower::{Layer as _, service_fn};

use super::world::World;
use crate::support::{
    events::{events, last_words, open},
    loopback::over_hyper,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_over_within_a_second_of_the_logout_on_another_node() {
    let server = RedisServer::start();
    let world = World::new(server.url());
    let (here, there) = (world.node().await, world.node().await);
    let browser = here.log_in("ann").await;
    let address = over_hyper(there.layer.layer(service_fn(events))).await;
    let stream = open(address, &browser.access).await;
    let elsewhere = here.log_in("ann").await;
    let other = open(address, &elsewhere.access).await;

    here.log_out(&browser).await.expect(200);
    let last = last_words(stream).await;
    assert!(last.contains("event: session-ended\n"), "{last}");

    // The other session of the same user goes on, and ends with all of them.
    assert_eq!(there.knock(&elsewhere.access).await, 200);
    let browser = here.log_in("ann").await;
    here.log_out_everywhere(&browser).await.expect(200);
    let last = last_words(other).await;
    assert!(last.contains("event: session-ended\n"), "{last}");
    world.scan(&server);
}
