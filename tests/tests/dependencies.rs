//! Who may depend on whom, and how much a user of each crate has to compile.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

/// What `portcullis-core` may bring along: nothing of tower, tokio, hyper, axum or redis.
const CORE_TREE: &[&str] = &[
    "bitflags",
    "block-buffer",
    "bytes",
    "cfg-if",
    "cmov",
    "cookie",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "deranged",
    "digest",
    "getrandom",
    "hkdf",
    "hmac",
    "http",
    "hybrid-array",
    "itoa",
    "libc",
    "memchr",
    "nix",
    "num-conv",
    "portcullis-core",
    "powerfmt",
    "sha2",
    "subtle",
    "time",
    "time-core",
    "time-macros",
    "typenum",
    "zeroize",
];

/// All crates, our own included, that a user of CSRF, headers and rate limits compiles. The design
/// asked for 25; `cookie` needs `time`, which makes 32, with `memchr`, which finds the end of a
/// cookie, 33, and with `nix`, which reads Linux's cheap clock, and `bitflags` 35; `cfg_aliases`,
/// which builds `nix`, is not counted here. Raise it only with a reason in the commit.
const WITHOUT_FEATURES: usize = 35;

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("cargo runs this test, so it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// The names of all crates in the tree of `package` on Linux, whatever the machine.
fn tree(package: &str, more: &[&str]) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "--package", package, "--edges", "normal"];
    arguments.extend(["--prefix", "none", "--no-dedupe"]);
    arguments.extend(["--target", "x86_64-unknown-linux-gnu"]);
    arguments.extend(more);
    let first_word = |line: &str| line.split_whitespace().next().unwrap_or("").to_owned();
    cargo(&arguments).lines().map(first_word).collect()
}

/// One line of a manifest: who asks for what, and how (`normal`, `dev` or `build`).
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Edge {
    from: String,
    to: String,
    kind: String,
}

/// Every dependency that a package of the resolved graph declares.
fn edges() -> Vec<Edge> {
    let text = cargo(&["metadata", "--format-version", "1", "--all-features"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().unwrap_or("normal").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut edges = Vec::new();
    for package in list(&metadata["packages"]) {
        for dependency in list(&package["dependencies"]) {
            edges.push(Edge {
                from: text(&package["name"]),
                to: text(&dependency["name"]),
                kind: text(&dependency["kind"]),
            });
        }
    }
    assert!(edges.len() > 100, "the graph was read: {}", edges.len());
    edges
}

/// The members that declare `to` in any kind of dependency.
fn members_that_know(to: &str) -> BTreeSet<String> {
    let edges = edges().into_iter().filter(|edge| edge.to == to);
    edges.map(|edge| edge.from).collect()
}

#[track_caller]
fn check_only(to: &str, allowed: &[&str]) {
    let extra: Vec<_> = members_that_know(to)
        .into_iter()
        .filter(|from| !allowed.contains(&from.as_str()))
        .collect();
    assert!(
        extra.is_empty(),
        "{extra:?} depend on {to}; only {allowed:?} may"
    );
}

#[test]
fn only_the_redis_stores_know_redis() {
    check_only("redis", &["portcullis-redis"]);
}

#[test]
fn only_the_jwt_crate_knows_jsonwebtoken() {
    check_only("jsonwebtoken", &["portcullis-jwt"]);
}

#[test]
fn the_libraries_depend_on_towers_traits_but_not_on_tower() {
    let libraries = edges()
        .into_iter()
        .filter(|edge| edge.from.starts_with("portcullis") && edge.kind == "normal")
        .filter(|edge| !matches!(edge.from.as_str(), "portcullis-chat" | "portcullis-tests"));
    let tower: Vec<_> = libraries.filter(|edge| edge.to == "tower").collect();
    assert!(tower.is_empty(), "{tower:?}");
}

#[test]
fn the_arrows_between_our_crates_point_one_way() {
    let arrows: &[(&str, &[&str])] = &[
        ("portcullis", &["portcullis-core", "portcullis-jwt"]),
        ("portcullis-core", &[]),
        ("portcullis-jwt", &["portcullis-core"]),
        ("portcullis-redis", &["portcullis-core"]),
        ("portcullis-testkit", &["portcullis-core"]),
    ];
    let edges = edges();
    for (from, allowed) in arrows {
        let ours = edges
            .iter()
            .filter(|edge| edge.from == *from && edge.to.starts_with("portcullis"));
        for edge in ours {
            let testkit = edge.kind == "dev" && edge.to == "portcullis-testkit";
            let expected =
                allowed.contains(&edge.to.as_str()) || (testkit && edge.from != "portcullis-core");
            assert!(expected, "{edge:?}; {from} may know only {allowed:?}");
        }
    }
}

#[test]
fn the_core_brings_along_only_what_is_on_its_list() {
    let allowed: BTreeSet<_> = CORE_TREE.iter().map(|&name| name.to_owned()).collect();
    let tree = tree("portcullis-core", &[]);
    let new: Vec<_> = tree.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&tree).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new {new:?}, gone {gone:?}"
    );
}

#[test]
fn without_features_no_more_crates_are_compiled_than_now() {
    let tree = tree("portcullis", &["--no-default-features"]);
    assert_eq!(tree.len(), WITHOUT_FEATURES, "{tree:#?}");
    for costly in ["aws-lc-sys", "jsonwebtoken", "serde_json", "tokio"] {
        assert!(!tree.contains(costly), "{costly}");
    }
}
