//! What a newcomer meets: the program without a flag.

use crate::harness::Server;

#[tokio::test]
async fn the_banner_says_that_it_is_development_and_who_may_log_in() {
    let server = Server::start(&[]);
    let banner = server.banner();
    for wanted in ["development mode", "http://127.0.0.1:", "demo / portcullis"] {
        assert!(banner.contains(wanted), "{banner}");
    }
    let health = reqwest::get(format!("{}/healthz", server.url()))
        .await
        .unwrap();
    assert_eq!(health.text().await.unwrap(), "ok");
    let page = reqwest::get(format!("{}/", server.url())).await.unwrap();
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("'none'")
    );
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<title>portcullis chat</title>")
    );
    let api = reqwest::get(format!("{}/api/openapi.json", server.url()))
        .await
        .unwrap();
    assert!(api.text().await.unwrap().contains("/chat/stream"));
    let metrics = reqwest::get(format!("{}/metrics", server.url()))
        .await
        .unwrap();
    assert_eq!(
        metrics.status(),
        404,
        "metrics have a listener of their own"
    );

    server.terminate();
    assert_eq!(server.wait(), (Some(0), String::new()), "one line in all");
}

#[tokio::test]
async fn a_user_of_ones_own_replaces_the_demo_user() {
    let server = Server::start(&["--user", "ann:secret"]);
    assert!(!server.banner().contains("demo"), "{}", server.banner());
    assert!(!server.banner().contains("secret"), "{}", server.banner());
}

#[tokio::test]
async fn metrics_are_served_on_their_own_listener_alone() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let server = Server::start(&["--metrics-listen", &address]);
    let metrics = reqwest::get(format!("http://{address}/metrics"))
        .await
        .unwrap();
    assert_eq!(metrics.status(), 200);
    let page = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(page.status(), 404);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
}
