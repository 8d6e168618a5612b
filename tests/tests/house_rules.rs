//! What `docs/contributing.md` asks of every source file, where no lint asks it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file that reaches this is split by idea into submodules.
const MAX_LINES: usize = 500;
/// As rustfmt breaks code; it leaves comments and long strings alone. Rows of a table in a doc
/// comment and raw strings cannot be broken, so they may be wider.
const MAX_COLUMNS: usize = 100;

fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["crates", "examples", "tests"] {
        collect(&root.join(folder), &mut found);
    }
    assert!(found.len() > 20, "the sources were found: {found:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the workspace can be listed");
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every line of every source file for which `wrong` answers yes.
fn lines_where(wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut hits = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        for (number, line) in text.lines().enumerate() {
            if wrong(line) {
                hits.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    hits
}

#[track_caller]
fn check_none(hits: &[String]) {
    assert!(hits.is_empty(), "{}", hits.join("\n"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let long: Vec<_> = sources()
        .into_iter()
        .map(|path| (lines(&path), path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    check_none(&long);
}

#[test]
fn no_line_is_too_wide() {
    let unbreakable = |line: &str| {
        let line = line.trim_start();
        line.starts_with("//! |") || line.starts_with("/// |") || line.contains("r#\"")
    };
    check_none(&lines_where(|line| {
        line.chars().count() > MAX_COLUMNS && !unbreakable(line)
    }));
}

#[test]
fn no_test_is_switched_off() {
    let ignore = concat!("#[", "ignore");
    let doctest = concat!("``", "`ignore");
    check_none(&lines_where(|line| {
        line.contains(ignore) || line.contains(doctest)
    }));
}

#[test]
fn every_test_that_the_compliance_page_names_exists() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compliance.md");
    let page = fs::read_to_string(page).expect("the page can be read");
    let is_test = |word: &&str| word.matches('_').count() > 2 && !word.contains(['-', ':', '.']);
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 80, "the names were found: {named:?}");
    let texts: Vec<String> = sources()
        .iter()
        .map(|path| fs::read_to_string(path).expect("a source file is UTF-8"))
        .collect();
    let exists = |name: &str| {
        // A function, or a section of the table of CSRF decisions.
        let (function, section) = (format!("fn {name}("), format!("    {name},\n"));
        let has = |text: &String| text.contains(&function) || text.contains(&section);
        texts.iter().any(has)
    };
    let missing = named.into_iter().filter(|name| !exists(name));
    check_none(&missing.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn no_sleep_waits_for_something_to_happen() {
    let sleep = concat!("thread::", "sleep(");
    check_none(&lines_where(|line| line.contains(sleep)));
}
