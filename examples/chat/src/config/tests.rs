use std::{path::PathBuf, time::Duration};

use portcullis_core::{clock::Timestamp, cookie::SameSite, rate::Rate};

use super::{Algorithm, Args, Asked, ConfigError, Mode, Settings};

fn settings(line: &[&str]) -> Result<Settings, ConfigError> {
    let line = std::iter::once("portcullis-chat").chain(line.iter().copied());
    match Args::read(line)? {
        Asked::Serve(args) => Settings::from_args(*args),
        Asked::Print(text) => panic!("asked to print: {text}"),
    }
}

/// The line is refused in one line that holds `named` and `remedy`.
#[track_caller]
fn refused(line: &[&str], named: &str, remedy: &str) {
    let error = settings(line).expect_err("refused").to_string();
    assert!(!error.contains('\n'), "one line: {error:?}");
    assert!(error.contains(named), "names {named:?}: {error}");
    assert!(error.contains(remedy), "says {remedy:?}: {error}");
}

/// A file in the temporary directory that goes with the value.
struct File(PathBuf);

impl File {
    fn new(bytes: &[u8]) -> Self {
        let mut name = [0; 16];
        portcullis_core::random::fill_from(b"abcdefghijklmnop", &mut name).unwrap();
        let name = String::from_utf8(name.to_vec()).unwrap();
        let path = std::env::temp_dir().join(format!("portcullis-chat-key-{name}"));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const SECRET: &str = "a secret of more than thirty-two bytes";

#[test]
fn without_a_flag_it_is_development_mode_on_loopback() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.mode, Mode::Development);
    assert!(settings.listen.ip().is_loopback());
    assert!(!settings.secure, "plain http");
    assert!(settings.echo);
    assert_eq!(settings.metrics_listen, None);
    assert_eq!(settings.database, None);
    assert_eq!(settings.signing_key.expose().len(), 32);
    assert_eq!(settings.access_ttl, Duration::from_secs(300));
    assert_eq!(settings.refresh_ttl, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(settings.session_ttl, Duration::from_secs(14 * 24 * 3600));
    assert_eq!(settings.overlap, Duration::from_secs(10));
    assert_eq!(settings.same_site, SameSite::Lax);
    let five_in_a_quarter_hour = Rate {
        count: 5,
        period: Duration::from_secs(900),
    };
    assert_eq!(settings.login_limit, five_in_a_quarter_hour);
}

#[test]
fn random_keys_differ_from_start_to_start() {
    let (first, second) = (settings(&[]).unwrap(), settings(&[]).unwrap());
    assert_ne!(first.signing_key, second.signing_key);
    assert_ne!(first.signing_key, first.rotation_key);
}

#[test]
fn an_https_origin_ends_development_mode() {
    let (signing, rotation) = (File::new(SECRET.as_bytes()), File::new(&[7; 32]));
    let origin = ["--public-origin", "https://chat.example"];
    refused(&origin, "--signing-key-file", "/dev/urandom");
    let with_key = [&origin[..], &["--signing-key-file", signing.path()]].concat();
    refused(&with_key, "--rotation-key-file", "/dev/urandom");

    let line = [&with_key[..], &["--rotation-key-file", rotation.path()]].concat();
    let settings = settings(&line).unwrap();
    assert_eq!((settings.mode, settings.secure), (Mode::Production, true));
    assert!(!settings.echo);

    refused(
        &[&line[..], &["--secure", "false"]].concat(),
        "--secure false",
        "leave it out",
    );
    let mixed = [&line[..], &["--public-origin", "http://chat.example"]].concat();
    refused(&mixed, "http://chat.example", "leave it out");
}

#[test]
fn other_machines_are_let_in_only_under_a_public_origin() {
    for listen in ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:8000"] {
        refused(
            &["--listen", listen],
            "--listen",
            "--public-origin https://",
        );
    }
    let line = [
        "--listen",
        "0.0.0.0:80",
        "--public-origin",
        "http://chat.test",
    ];
    refused(&line, "--public-origin", "--secure false");
    for listen in ["127.0.0.1:0", "[::1]:8000", "[::ffff:127.0.0.1]:8000"] {
        assert_eq!(
            settings(&["--listen", listen]).unwrap().mode,
            Mode::Development
        );
    }
}

#[test]
fn a_key_file_is_taken_as_bytes_without_its_final_newline() {
    let secret = |bytes: &[u8]| {
        let file = File::new(bytes);
        let settings = settings(&["--signing-key-file", file.path()]).unwrap();
        settings.signing_key.expose().to_vec()
    };
    let raw = [0xff; 32];
    assert_eq!(secret(&raw), raw);
    assert_eq!(secret(&[&raw[..], b"\n"].concat()), raw);
    assert_eq!(secret(&[&raw[..], b"\r\n"].concat()), raw);
    assert_eq!(
        secret(&[&raw[..], b"\n\n"].concat()),
        [&raw[..], b"\n"].concat()
    );
}

#[test]
fn a_key_that_keeps_nobody_out_is_refused() {
    refused(&["--signing-key", "short"], "--signing-key", "/dev/urandom");
    let at_48 = ["--algorithm", "HS384", "--signing-key", SECRET];
    refused(&at_48, "--signing-key", "at least 48");
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{SECRET}\n-----END PUBLIC KEY-----");
    refused(&["--signing-key", &pem], "PEM", "/dev/urandom");
    let file = File::new(pem.as_bytes());
    refused(
        &["--rotation-key-file", file.path()],
        "--rotation-key-file",
        "/dev/urandom",
    );
    refused(
        &["--signing-key-file", "/no/such"],
        "--signing-key-file /no/such",
        "check the path",
    );

    let both = ["--signing-key", SECRET, "--signing-key-file", "/no/such"];
    refused(&both, "exclude each other", "only the file");
    let file = File::new(SECRET.as_bytes());
    let same = ["--signing-key", SECRET, "--rotation-key-file", file.path()];
    refused(&same, "--rotation-key-file", "a key of its own");
    assert!(!format!("{:?}", settings(&["--signing-key", SECRET])).contains(SECRET));
}

#[test]
fn only_hmac_algorithms_are_taken_in_their_exact_spelling() {
    let line = ["--algorithm", "HS256", "--signing-key", SECRET];
    assert_eq!(settings(&line).unwrap().algorithm, Algorithm::Hs256);
    for name in ["none", "hs256", "RS256", ""] {
        refused(
            &["--algorithm", name],
            "--algorithm",
            "HS256, HS384 or HS512",
        );
    }
}

#[test]
fn the_overlap_is_at_most_a_minute_and_a_quarter_of_the_access_lifetime() {
    refused(
        &["--overlap", "61s", "--access-ttl", "1h"],
        "--overlap 61s",
        "60s",
    );
    refused(&["--overlap", "76s"], "--overlap 76s", "--access-ttl");
    refused(
        &["--overlap", "11s", "--access-ttl", "40s"],
        "--overlap 11s",
        "here 10s",
    );
    let edge = settings(&["--overlap", "60s", "--access-ttl", "4m"]).unwrap();
    assert_eq!(edge.overlap, Duration::from_secs(60));
    let short = settings(&["--access-ttl", "8s"]).unwrap();
    assert_eq!(short.overlap, Duration::from_secs(2), "the default follows");
}

#[test]
fn times_fit_each_other() {
    refused(&["--access-ttl", "3h"], "--access-ttl", "2h");
    refused(&["--refresh-ttl", "1m"], "--refresh-ttl", "--access-ttl");
    refused(&["--session-ttl", "1m"], "--session-ttl", "--access-ttl");
    for wrong in [
        "300",
        "0s",
        "1.5s",
        "5 m",
        "1w",
        "401d",
        "s",
        "",
        "99999999999999999999d",
    ] {
        refused(&["--access-ttl", wrong], "--access-ttl", "");
    }
}

#[test]
fn a_limit_is_a_number_and_a_time() {
    let settings = settings(&["--rate-limit", "100/1s"]).unwrap();
    assert_eq!(settings.rate_limit.count, 100);
    for wrong in [
        "100",
        "0/1s",
        "+5/1s",
        "5/0s",
        "5/32d",
        "/1s",
        "5/",
        "1000001/1s",
    ] {
        refused(&["--rate-limit", wrong], "--rate-limit", "");
    }
}

#[test]
fn no_proxy_is_everybody() {
    for all in ["0.0.0.0/0", "::/0", "::ffff:0:0/96"] {
        let remedy = "name the proxies' addresses";
        refused(&["--trusted-proxy", all], "--trusted-proxy", remedy);
    }
    for wrong in [
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "proxy",
        "10.0.0.0/-1",
        "10.0.0.0/",
    ] {
        refused(&["--trusted-proxy", wrong], "--trusted-proxy", "10.0.0.0/8");
    }
    let settings = settings(&[
        "--trusted-proxy",
        "10.0.0.0/8,::1",
        "--trusted-proxy",
        "192.0.2.1",
    ]);
    let networks: Vec<String> = settings
        .unwrap()
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128", "192.0.2.1/32"]);
}

#[test]
fn hosts_and_origins_have_their_form() {
    refused(
        &["--public-origin", "https://chat.example/"],
        "--public-origin",
        "final slash",
    );
    refused(
        &["--trusted-origin", "chat.example"],
        "--trusted-origin",
        "https://",
    );
    for wrong in ["*", "chat.example:443", "https://chat.example", ""] {
        refused(
            &["--allowed-host", wrong],
            "--allowed-host",
            "without a port",
        );
    }
    let line = [
        "--trusted-origin",
        "https://*.Example.com",
        "--allowed-host",
        ".Example.com",
    ];
    let settings = settings(&line).unwrap();
    assert_eq!(settings.trusted_origins, ["https://*.example.com"]);
    assert_eq!(settings.allowed_hosts, [".example.com"]);
}

#[test]
fn cookies_that_a_browser_would_drop_are_refused() {
    refused(
        &["--same-site", "none"],
        "--same-site none",
        "--secure true",
    );
    refused(
        &["--cookie-profile", "host"],
        "--cookie-profile host",
        "--secure true",
    );
    assert!(settings(&["--cookie-profile", "host", "--secure", "true"]).is_ok());
}

#[test]
fn a_user_is_a_name_and_a_password_that_stays_out_of_the_message() {
    for wrong in ["hunter2", ":hunter2", "a b:hunter2", "a\nb:hunter2"] {
        let error = settings(&["--user", wrong]).unwrap_err().to_string();
        assert!(error.contains("NAME:PASSWORD"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    refused(&["--user", "ann:"], "--user ann", "1 to 1024 bytes");
    let settings = settings(&["--user", "ann:a:b,c", "--user", "bob@example.com:x"]).unwrap();
    let users: Vec<_> = settings
        .users
        .iter()
        .map(|user| (user.name.as_str(), user.password.expose()))
        .collect();
    assert_eq!(users, [("ann", &b"a:b,c"[..]), ("bob@example.com", b"x")]);
}

#[test]
fn adoption_ends_with_the_day_given() {
    let key = ["--signing-key", SECRET];
    let end = |day| {
        let line = [&key[..], &["--adopt-django-tokens", day]].concat();
        settings(&line).map(|settings| settings.adopt_django_tokens)
    };
    assert_eq!(
        end("2000-02-29"),
        Ok(Some(Timestamp::from_secs(951_868_800)))
    );
    assert_eq!(
        end("2027-01-31"),
        Ok(Some(Timestamp::from_secs(1_801_440_000)))
    );
    for wrong in [
        "2027-02-29",
        "2027-13-01",
        "2027-1-1",
        "tomorrow",
        "1969-12-31",
        "2027-01-00",
    ] {
        refused(
            &["--adopt-django-tokens", wrong],
            "--adopt-django-tokens",
            "2027-01-31",
        );
    }
    refused(
        &["--adopt-django-tokens"],
        "--adopt-django-tokens",
        "a value is required",
    );
    refused(
        &["--adopt-django-tokens", "2027-01-31"],
        "--adopt-django-tokens",
        "--signing-key-file",
    );
}

#[test]
fn what_redis_shares_is_given_to_every_process() {
    let rotation = File::new(&[7; 32]);
    let mut line = vec!["--redis", "redis://:hunter2@localhost/1"];
    for given in [
        ["--rotation-key-file", rotation.path()],
        ["--signing-key", SECRET],
        ["--database", "chat.sqlite3"],
    ] {
        refused(&line, "--redis", given[0]);
        line.extend(given);
    }
    assert!(settings(&line).unwrap().redis.is_some());
    line[1] = "localhost:6379/hunter2";
    refused(&line, "--redis", "redis://");
    let error = settings(&line).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn an_upstream_is_a_base_url() {
    for wrong in [
        "localhost:11434",
        "ftp://host/v1",
        "http://u:p@host/v1",
        "http://host/v1?k=v",
    ] {
        refused(&["--upstream", wrong], "--upstream", "/v1");
    }
    let settings = settings(&["--upstream", "http://127.0.0.1:11434/v1/"]).unwrap();
    assert_eq!(settings.upstream.unwrap().url, "http://127.0.0.1:11434/v1");
}

#[test]
fn what_clap_refuses_is_one_line_too() {
    refused(&["--lisen", "127.0.0.1:1"], "--lisen", "--listen");
    refused(&["--delivery", "body"], "--delivery", "access-in-body");
    refused(&["--listen", "localhost"], "--listen", "");
}
