//! Lists the steps of each command. What is here is what gets run: nothing else decides.

use std::fs;

use crate::{
    needs::NPM,
    runner::{Failure, Step, root},
};

/// The version of cargo-deny that `deny.toml` is written for.
const INSTALL_DENY: &str = "install cargo-deny --version 0.20.2 --locked --root target/tools";

/// The version of cargo-fuzz that `tests/fuzz/targets` is laid out for.
const INSTALL_FUZZ: &str = "install cargo-fuzz --version 0.13.2 --locked --root target/tools";

/// Everything that needs no test to run.
pub(crate) fn checks() -> Vec<Step> {
    vec![
        Step::cargo("formatting", "fmt --all --check"),
        Step::cargo(
            "clippy with all features; the lock file is up to date",
            "clippy --locked --workspace --all-targets --all-features -- -D warnings",
        ),
        Step::cargo(
            "clippy without features",
            "clippy -p portcullis -p portcullis-jwt --all-targets --no-default-features \
             -- -D warnings",
        ),
        Step::cargo("documentation", "doc --workspace --no-deps --all-features")
            .with_variable("RUSTDOCFLAGS", "-D warnings"),
        Step::cargo(
            "formatting of the benches, a workspace of their own",
            "fmt --manifest-path tests/peers/Cargo.toml --check",
        ),
        Step::cargo(
            "formatting of the fuzz targets, a workspace of their own",
            "fmt --manifest-path tests/fuzz/targets/Cargo.toml --check",
        ),
    ]
}

/// Every test, in every feature set that a user can pick.
///
/// `--all-features` is "both signature providers" and the default providers' superset; the other
/// three sets are the ones that compile different code.
pub(crate) fn tests() -> Vec<Step> {
    vec![
        Step::cargo(
            "all tests with all features",
            "test --workspace --all-features",
        ),
        Step::cargo(
            "portcullis without features: no JWT, no C build",
            "test -p portcullis --no-default-features",
        ),
        Step::cargo(
            "portcullis with jwt and rust-crypto",
            "test -p portcullis -p portcullis-jwt --no-default-features \
             --features portcullis/jwt,portcullis/rust-crypto,portcullis-jwt/rust-crypto",
        ),
        Step::cargo(
            "portcullis with jwt and no signature provider: HMAC alone",
            "test -p portcullis -p portcullis-jwt --no-default-features --features portcullis/jwt",
        ),
        Step::cargo(
            "the examples, each with the features it asks for",
            "test -p axum-quickstart -p hyper-plain -p tonic-greeter -p portcullis-chat",
        ),
    ]
}

/// Costs beside peers: time and allocations, or instructions under valgrind.
pub(crate) fn bench(instructions: bool) -> Vec<Step> {
    if instructions {
        return vec![Step::cargo(
            "instructions beside peers, counted by valgrind",
            "run --release --locked --manifest-path tests/peers/Cargo.toml \
             --target-dir target/peers -- --instructions",
        )];
    }
    vec![
        Step::cargo(
            "time beside peers",
            "run --release --locked --manifest-path tests/peers/Cargo.toml \
             --target-dir target/peers",
        ),
        Step::cargo(
            "allocations beside peers",
            "run --release --locked --manifest-path tests/peers/Cargo.toml \
             --target-dir target/peers --bin allocations",
        ),
    ]
}

/// Licences, bans and sources.
pub(crate) fn deny() -> Vec<Step> {
    vec![
        Step::cargo("cargo-deny, built into target/tools", INSTALL_DENY),
        // By its path: nobody has target/tools among the folders where cargo looks for commands.
        Step::program(
            "licences, bans and sources",
            "target/tools/bin/cargo-deny",
            "check bans licenses sources",
        ),
    ]
}

/// Each fuzz target, or `only` one, for `seconds`; what it finds stays in `target/fuzz`.
pub(crate) fn fuzz(only: Option<&str>, seconds: u32) -> Result<Vec<Step>, Failure> {
    let known = fuzz_targets()?;
    if let Some(name) = only.filter(|&name| !known.iter().any(|target| target == name)) {
        let known = known.join(", ");
        return Err(Failure::new(format!(
            "no fuzz target {name:?}: want {known}"
        )));
    }
    let install = Step::cargo("cargo-fuzz, built into target/tools", INSTALL_FUZZ);
    let wanted = known
        .into_iter()
        .filter(|name| only.is_none_or(|only| only == name));
    let steps = wanted.map(|name| fuzz_target(&name, seconds));
    [Ok(install)].into_iter().chain(steps).collect()
}

/// The targets are called like the folders of their seeds.
fn fuzz_targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("tests/fuzz/seeds");
    let unreadable = |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
    let names = fs::read_dir(&folder).map_err(unreadable)?.map(|entry| {
        let name = entry.map_err(unreadable)?.file_name();
        Ok(name.to_string_lossy().into_owned())
    });
    let mut names: Vec<String> = names.collect::<Result<_, Failure>>()?;
    names.sort();
    Ok(names)
}

fn fuzz_target(name: &str, seconds: u32) -> Result<Step, Failure> {
    let found = format!("target/fuzz/corpus/{name}");
    fs::create_dir_all(root().join(&found))
        .map_err(|error| Failure::new(format!("{found} cannot be made: {error}")))?;
    let run = "run --fuzz-dir tests/fuzz/targets --target-dir target/fuzz";
    let step = Step::program("a fuzz target", "target/tools/bin/cargo-fuzz", run)
        .with_variable("RUSTUP_TOOLCHAIN", "nightly") // libFuzzer wants unstable flags
        .with_argument(name)
        .with_argument(found)
        .with_argument(format!("tests/fuzz/seeds/{name}"))
        .with_argument("--")
        .with_argument(format!("-max_total_time={seconds}"));
    Ok(step)
}

/// The packages of the client and of `tests/web`, exactly as their lock files name them.
pub(crate) fn web_packages() -> Vec<Step> {
    vec![
        Step::program(
            "the packages of the browser client",
            NPM,
            "--prefix examples/browser-client ci",
        ),
        Step::program("the packages of tests/web", NPM, "--prefix tests/web ci"),
    ]
}

/// The browser client alone, then it and the chat page in a real browser, and the page before two
/// judges of its headers.
pub(crate) fn web() -> Result<Vec<Step>, Failure> {
    Ok(vec![
        Step::program(
            "the browser client, built and tested without a browser",
            NPM,
            "--prefix examples/browser-client test",
        ),
        Step::cargo("the chat service", "build -p portcullis-chat"),
        Step::program(
            "the chat page and the client in a browser",
            NPM,
            "--prefix tests/web test",
        )
        .with_variable("PORTCULLIS_CHAT", built("portcullis-chat")?),
    ])
}

/// The path of a program of the workspace: cargo puts it beside this one.
fn built(name: &str) -> Result<String, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(format!("where xtask is cannot be told: {error}")))?;
    let path = own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::new(format!("{} is not UTF-8", path.display())))
}
