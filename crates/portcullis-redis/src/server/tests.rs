use super::{Product, Server};

#[track_caller]
fn check(info: &str, want: Option<(Product, &str)>) {
    let got = Server::check(info);
    match (&got, want) {
        (Ok(server), Some((product, version))) => {
            assert_eq!((server.product(), server.version()), (product, version));
        }
        (Err(error), None) => {
            assert!(error.is_version(), "{error}");
            assert!(error.to_string().contains("Redis 7.0"), "{error}");
        }
        _ => panic!("{info:?}: {got:?}"),
    }
}

#[test]
fn a_server_older_than_redis_7_0_or_valkey_7_2_is_refused() {
    let redis = Product::Redis;
    check(
        "# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n",
        Some((redis, "7.0.15")),
    );
    check("redis_version:8.2.1\r\n", Some((redis, "8.2.1")));
    check("redis_version:10.0.0\r\n", Some((redis, "10.0.0")));
    check("redis_version:6.2.14\r\n", None);
    check("redis_version:7\r\n", None);
    check("redis_version:\r\n", None);
    check("", None);
    let valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n";
    check(valkey, Some((Product::Valkey, "8.1.0")));
    check("redis_version:7.2.4\r\nvalkey_version:7.1.0\r\n", None);
}

#[test]
fn only_a_policy_that_drops_live_entries_is_told() {
    let told = |policy: &str| {
        let mut server = Server::default();
        server.read_memory(&format!("# Memory\r\nmaxmemory_policy:{policy}\r\n"));
        server.evicts().map(str::to_owned)
    };
    assert_eq!(told("noeviction"), None);
    assert_eq!(told("allkeys-lru").as_deref(), Some("allkeys-lru"));
    assert_eq!(told("volatile-ttl").as_deref(), Some("volatile-ttl"));
}
