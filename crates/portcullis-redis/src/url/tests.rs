use super::{Form, Place};

#[track_caller]
fn read(url: &str) -> Place {
    Place::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[track_caller]
fn check_hosts(url: &str, hosts: &[&str]) {
    let found: Vec<_> = read(url).hosts().iter().map(ToString::to_string).collect();
    assert_eq!(found, hosts, "{url}");
}

#[track_caller]
fn check_refused(url: &str, part: &str) {
    let error = Place::parse(url).err().unwrap_or_else(|| panic!("{url}"));
    assert!(error.contains(part), "{url}: {error}");
    assert!(!error.contains("hunter2"), "{url}: {error}");
}

#[test]
fn each_form_has_its_scheme_with_and_without_tls() {
    for (scheme, form) in [
        ("redis", Form::One),
        ("redis+cluster", Form::Cluster),
        ("redis+sentinel", Form::Sentinel("main".to_owned())),
    ] {
        let path = if scheme.ends_with("sentinel") {
            "main"
        } else {
            ""
        };
        for (scheme, tls) in [
            (scheme.to_owned(), false),
            (scheme.replace("redis", "rediss"), true),
        ] {
            let place = read(&format!("{scheme}://a/{path}"));
            assert_eq!(
                (place.form.clone(), place.tls),
                (form.clone(), tls),
                "{scheme}"
            );
        }
    }
}

#[test]
fn hosts_are_names_or_addresses_with_the_usual_port_unless_they_name_one() {
    check_hosts("redis://cache", &["cache:6379"]);
    check_hosts("redis://[::1]:7000/2", &["::1:7000"]);
    check_hosts("redis://[::1]", &["::1:6379"]);
    check_hosts("redis+cluster://a,b:7001", &["a:6379", "b:7001"]);
    check_hosts("redis+sentinel://a,b:7/main/3", &["a:26379", "b:7"]);
    for url in [
        "redis://",
        "redis://a:b",
        "redis://a:0",
        "redis://a:70000",
        "redis://[::1",
    ] {
        check_refused(url, "host is missing");
    }
    check_refused("redis://a,,b", "host is missing");
    check_refused("redis+cluster://a,", "host is missing");
    check_refused("redis://a,b", "several hosts");
}

#[test]
fn a_password_is_decoded_and_never_shown() {
    let place = read("redis://us%65r:hunt%40r%32:x@cache/3");
    let info = place.connection_info();
    assert_eq!(info.username(), Some("user"));
    assert_eq!(info.password(), Some("hunt@r2:x"));
    assert_eq!(info.db(), 3);
    let place = read("redis://:p@ss@cache");
    assert_eq!(place.connection_info().username(), None);
    assert_eq!(place.connection_info().password(), Some("p@ss"));
    assert!(!format!("{place:?}").contains("p@ss"), "{place:?}");
    check_refused("redis://hunter2@cache", "no password");
    check_refused("redis://:hunter2%zz@cache", "percent-encoded");
    check_refused("redis://:hunter2%f@cache", "percent-encoded");
    check_refused("redis://:hunter2%ff@cache", "percent-encoded");
}

#[test]
fn what_a_url_cannot_mean_is_refused() {
    check_refused("hunter2://localhost", "another scheme");
    check_refused("localhost:6379", "or of none");
    check_refused("unix:///run/redis.sock?pass=hunter2", "another scheme");
    check_refused("redis://cache?protocol=resp3", "a query");
    check_refused("redis://:hunter2@cache/name", "database");
    check_refused("redis://cache/-1", "database");
    check_refused("redis+cluster://a/1", "other than 0");
    check_refused("redis+sentinel://a", "name of a service");
    check_refused("redis+sentinel://a/", "name of a service");
    check_refused("redis+sentinel://a//0", "name of a service");
    check_refused("redis+sentinel://a/main/x", "database");
}
