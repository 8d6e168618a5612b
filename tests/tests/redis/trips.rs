//! How often each endpoint asks Redis.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use portcullis_testkit::RedisServer;

use super::world::{World, claims};

/// Hears every command that the server is sent.
struct Monitor(BufReader<TcpStream>);

impl Monitor {
    fn new(server: &RedisServer) -> Self {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The commands that our side sent since the last time. What a script does inside is no round
    /// trip; the feed's reader follows its stream whether there are requests or not.
    fn asked(&mut self, server: &RedisServer) -> Vec<String> {
        server.ask(&["ECHO", "so far"]).unwrap();
        let mut asked = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            // +1795316961.936 [0 127.0.0.1:50000] "EVALSHA" "…"
            let Some((place, words)) = line.split_once("] ") else {
                continue;
            };
            let name = words.split('"').nth(1).unwrap_or_default().to_uppercase();
            match name.as_str() {
                "ECHO" => return asked,
                "CLIENT" | "HELLO" | "INFO" | "PING" | "XREAD" | "XRANGE" => {}
                _ if place.ends_with(" lua") => {}
                _ => asked.push(name),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_asks_redis_as_often_as_documented() {
    let server = RedisServer::start();
    let world = World::new(server.url());
    let node = world.node().await;
    // The scripts are taught once.
    let mut browser = node.log_in("ann").await;
    browser.keep(&node.refresh(&browser).await.expect(200));
    node.log_out(&browser).await.expect(200);
    let mut monitor = Monitor::new(&server);
    monitor.asked(&server);

    let browser = node.log_in("ann").await;
    let mut log_in = monitor.asked(&server);
    // The limits; the failures; then at once the session, the refund, and the failures forgotten.
    assert_eq!(log_in[..2], ["EVALSHA", "GET"], "{log_in:?}");
    log_in[2..].sort();
    assert_eq!(log_in[2..], ["DEL", "EVALSHA", "EVALSHA"]);

    for _ in 0..100 {
        assert_eq!(node.knock(&browser.access).await, 200);
    }
    let nothing = [""; 0];
    assert_eq!(
        monitor.asked(&server),
        nothing,
        "a request that is authenticated"
    );

    let reply = node.refresh(&browser).await.expect(200);
    let refresh = monitor.asked(&server);
    assert_eq!(
        refresh, ["EVALSHA"; 2],
        "both limits at once, and the rotation"
    );

    let mut browser = browser.clone();
    browser.keep(&reply);
    node.log_out(&browser).await.expect(200);
    let logout = monitor.asked(&server);
    assert_eq!(logout, ["EVALSHA"; 2], "the session, and the news of it");

    let browser = node.log_in("ann").await;
    node.log_out_everywhere(&browser).await.expect(200); // teaches one more script
    let browser = node.log_in("ann").await;
    monitor.asked(&server);
    node.log_out_everywhere(&browser).await.expect(200);
    let everywhere = monitor.asked(&server);
    assert_eq!(
        everywhere, ["EVALSHA"; 2],
        "the user's cut, and the news of it"
    );
    world.scan(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_session_from_the_list_is_two_trips_each_time() {
    let server = RedisServer::start();
    let world = World::new(server.url());
    let node = world.node().await;
    // The scripts are taught once.
    node.log_out(&node.log_in("ann").await).await.expect(200);
    let [browser, other] = [node.log_in("ann").await, node.log_in("ann").await];
    let sid = claims(&other.access)["sid"].as_str().unwrap().to_owned();
    let mut monitor = Monitor::new(&server);
    monitor.asked(&server);
    for _ in 0..2 {
        node.end_session(&browser, &sid).await.expect(200);
        let ended = monitor.asked(&server);
        assert_eq!(ended, ["EVALSHA"; 2], "the session, and the news of it");
    }
    world.scan(&server);
}
