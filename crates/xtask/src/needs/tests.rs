use super::{RUST, WEB, advice, check_node, ensure, found, rust_is_new_enough};

#[track_caller]
fn check(line: &str, want: bool) {
    assert_eq!(rust_is_new_enough(line).is_ok(), want, "{line}");
}

#[test]
fn a_compiler_older_than_the_manifest_allows_is_refused() {
    check("rustc 1.88.0 (6b00bc388 2025-06-23)", true);
    check("rustc 1.100.0-nightly (0123abcde 2027-01-01)", true);
    check("rustc 2.0.0", true);
    check("rustc 1.87.0 (17067e9ac 2025-05-09)", false);
    check("rustc 0.99.0", false);
    check("", false);
    check("rustc unknown", false);
}

#[test]
fn advice_names_the_command_for_everything_that_is_missing() {
    let needs = [RUST, WEB].concat();
    let text = advice(&needs);
    for need in needs {
        assert!(
            text.contains(&format!("apt-get install {}", need.package)),
            "{text}"
        );
        assert!(text.contains(need.variable.unwrap_or_default()), "{text}");
    }
}

#[test]
fn the_linker_that_built_this_test_counts_as_a_c_compiler() {
    assert!(found(&RUST[0]), "{:?}", RUST[0]);
}

#[cfg(not(windows))] // where nothing is looked for
#[test]
fn what_is_missing_is_named_and_not_installed_unasked() {
    let missing = RUST.iter().filter(|need| !found(need));
    let packages: Vec<_> = missing.map(|need| need.package).collect();
    let text = match ensure(RUST, false) {
        Ok(()) => String::new(),
        Err(failure) => failure.to_string(),
    };
    assert_eq!(text.is_empty(), packages.is_empty(), "{text}");
    for package in packages {
        assert!(text.contains(package), "{text}");
    }
}

#[test]
fn a_node_older_than_the_tests_of_the_page_allow_is_refused() {
    for (line, want) in [
        ("v20.20.2\n", true),
        ("v100.0.0", true),
        ("v18.20.4", false),
        ("20.20.2", false),
        ("", false),
    ] {
        assert_eq!(check_node(line).is_ok(), want, "{line:?}");
    }
}
