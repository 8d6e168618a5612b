use std::{path::PathBuf, sync::Arc};

use http::Request;
use portcullis::refresh::Stores;
use portcullis_core::{
    client::PeerAddr,
    clock::{Clock, SystemClock},
    respond::RequestView,
};

use super::Policies;
use crate::config::{Args, Asked, ConfigError, Settings};

fn policies(flags: &[&str]) -> Result<Policies, ConfigError> {
    let line = std::iter::once("portcullis-chat").chain(flags.iter().copied());
    let Asked::Serve(args) = Args::read(line)? else {
        panic!("asked to print");
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stores = Stores::memory(clock.clone());
    Policies::new(&Settings::from_args(*args)?, stores, &clock)
}

fn production(flags: &[&str]) -> Policies {
    production_at("https://chat.example", flags)
}

/// The policies of production with `flags` beside; its keys are in files that are gone afterwards.
fn production_at(origin: &str, flags: &[&str]) -> Policies {
    let key = |byte: u8| -> PathBuf {
        let mut name = [0; 16];
        portcullis_core::random::fill_from(b"abcdefghijklmnop", &mut name).unwrap();
        let name = String::from_utf8(name.to_vec()).unwrap();
        let file = std::env::temp_dir().join(format!("portcullis-chat-policies-{name}"));
        std::fs::write(&file, [byte; 48]).unwrap();
        file
    };
    let (signing, rotation) = (key(1), key(2));
    let keys = [
        "--public-origin",
        origin,
        "--signing-key-file",
        signing.to_str().unwrap(),
        "--rotation-key-file",
        rotation.to_str().unwrap(),
    ];
    let policies = policies(&[&keys[..], flags].concat()).unwrap();
    std::fs::remove_file(&signing).unwrap();
    std::fs::remove_file(&rotation).unwrap();
    policies
}

#[track_caller]
fn allows(policies: &Policies, host: &str, wanted: bool) {
    let request = Request::get("/").header("host", host).body(()).unwrap();
    let view = RequestView::of(&request);
    let verdict = policies.hosts.check(&view, &policies.client.client(&view));
    assert_eq!(verdict.is_ok(), wanted, "{host}");
}

#[test]
fn development_answers_for_loopback_and_what_is_allowed_beside() {
    let policies = policies(&["--allowed-host", "chat.test"]).unwrap();
    for host in [
        "localhost:8000",
        "127.0.0.1:8000",
        "[::1]:8000",
        "chat.test",
    ] {
        allows(&policies, host, true);
    }
    allows(&policies, "evil.example", false);
    assert_eq!(policies.https_port, None);
}

#[test]
fn production_answers_for_its_public_origins() {
    let policies = production(&[]);
    allows(&policies, "chat.example", true);
    allows(&policies, "localhost", false);
    assert_eq!(policies.https_port, Some(443));
}

#[test]
fn plain_http_is_sent_to_the_port_of_the_public_origin() {
    let policies = production_at("https://chat.example:8443", &[]);
    assert_eq!(policies.https_port, Some(8443));
}

#[test]
fn the_scheme_behind_https_is_what_a_declared_proxy_says_or_https_without_one() {
    let scheme = |policies: &Policies| {
        let mut request = Request::get("/")
            .header("host", "chat.example")
            .header("x-forwarded-proto", "http")
            .body(())
            .unwrap();
        request
            .extensions_mut()
            .insert(PeerAddr::from(([10, 0, 0, 1], 5000)));
        policies
            .client
            .client(&RequestView::of(&request))
            .scheme
            .as_str()
    };
    assert_eq!(scheme(&production(&[])), "https");
    assert_eq!(
        scheme(&production(&["--trusted-proxy", "10.0.0.0/8"])),
        "http"
    );
    assert_eq!(scheme(&policies(&[]).unwrap()), "http");
}

#[test]
fn what_only_a_policy_can_judge_is_refused_with_its_flag() {
    let error = policies(&["--trusted-origin", "https://*.com"]).unwrap_err();
    assert!(
        error.to_string().starts_with("--trusted-origin: "),
        "{error}"
    );
    let error = policies(&["--allowed-host", ".com"]).unwrap_err();
    assert!(error.to_string().starts_with("--allowed-host: "), "{error}");
}
