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
    let other = open(address, &here.log_in("ann").await.access).await;

    here.log_out(&browser).await.expect(200);
    let last = last_words(stream).await;
    assert!(last.contains("event: session-ended\n"), "{last}");

    // The other session of the same user went on, and ends with all of them.
    let ended = tokio::spawn(last_words(other));
    assert!(!ended.is_finished());
    let browser = here.log_in("ann").await;
    here.log_out_everywhere(&browser).await.expect(200);
    let last = ended.await.unwrap();
    assert!(last.contains("event: session-ended\n"), "{last}");
}
