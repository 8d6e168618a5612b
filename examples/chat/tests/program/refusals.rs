//! Every refused setting ends the program with exit code 2 and one line on stderr.

use crate::harness::run;

#[track_caller]
fn refused(flags: &[&str], environment: &[(&str, &str)], wanted: &str) {
    let output = run(flags, environment);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        output.status.code(),
        Some(2),
        "{flags:?} {environment:?}: {stderr}"
    );
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert_eq!(stderr.matches('\n').count(), 1, "one line: {stderr}");
    assert!(stderr.contains(wanted), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_setting_that_would_not_be_safe_ends_the_program_with_its_remedy() {
    refused(&["--listen", "0.0.0.0:0"], &[], "--public-origin https://");
    refused(
        &["--public-origin", "https://chat.example"],
        &[],
        "--signing-key-file",
    );
    refused(&["--overlap", "2m"], &[], "--access-ttl");
    refused(&["--trusted-proxy", "0.0.0.0/0"], &[], "name the proxies");
    refused(&["--trusted-proxy", "::/0"], &[], "name the proxies");
    refused(&["--signing-key", "short"], &[], "at least 32");
    refused(
        &["--signing-key-file", "/no/such/file"],
        &[],
        "/no/such/file",
    );
    refused(
        &["--redis", "redis://127.0.0.1"],
        &[],
        "--rotation-key-file",
    );
    refused(
        &["--database", "/no/such/directory/chat.sqlite3"],
        &[],
        "--database",
    );
    let key = "a secret of more than thirty-two bytes";
    let adopting = ["--signing-key", key, "--adopt-django-tokens", "2098-12-31"];
    refused(&adopting, &[], "app token_blacklist");
    refused(&["--no-such-flag"], &[], "--no-such-flag");
}

#[test]
fn every_flag_is_an_environment_variable_too() {
    refused(
        &[],
        &[("PORTCULLIS_LISTEN", "0.0.0.0:0")],
        "--public-origin https://",
    );
    refused(
        &[],
        &[("PORTCULLIS_TRUSTED_PROXY", "10.0.0.0/8,::/0")],
        "::/0",
    );
    refused(&[], &[("PORTCULLIS_SECURE", "perhaps")], "--secure");
    refused(&[], &[("PORTCULLIS_USER", "ann:a,bob")], "NAME:PASSWORD");
}

#[test]
fn a_password_or_key_is_never_in_the_message() {
    let output = run(&["--user", "a b:hunter2", "--signing-key", "hunter2"], &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn help_names_every_flag_and_its_variable() {
    let output = run(&["--help"], &[("PORTCULLIS_SIGNING_KEY", "hunter2")]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "listen",
        "database",
        "redis",
        "public-origin",
        "signing-key-file",
        "signing-key",
        "algorithm",
        "rotation-key-file",
        "delivery",
        "cookie-profile",
        "access-ttl",
        "refresh-ttl",
        "session-ttl",
        "overlap",
        "trusted-origin",
        "trusted-proxy",
        "login-limit",
        "rate-limit",
        "csrf-binding",
        "adopt-django-tokens",
        "upstream",
        "user",
        "same-site",
        "secure",
        "allowed-host",
        "refresh-limit",
        "metrics-listen",
        "echo",
    ] {
        let variable = format!("[env: PORTCULLIS_{}", flag.to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("--{flag}")), "{flag}");
        assert!(help.contains(&variable), "{variable}");
    }
    assert!(!help.contains("hunter2"));
}
