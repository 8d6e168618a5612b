//! The decision table, `tests/table.txt`: each row is a request, Django's verdict and ours.
//!
//! Where we are stricter the row says why; where we are laxer it names one of the exceptions that
//! are allowed, and the harness refuses any other.

use http::{HeaderName, HeaderValue, Method, Request};

use super::*;
use crate::{
    Secret,
    client::ClientPolicy,
    cookie::CookieSpec,
    identity::{Identity, Source},
    keys::{DerivedKey, Purpose},
    origin::Scheme,
    respond::RequestView,
};

mod defects;
mod forms;
mod properties;
mod sessions;

/// The exceptions in which a request passes that Django refuses.
const LAXER: [&str; 5] = [
    "laxer: authenticated by Bearer",
    "laxer: proved by Fetch Metadata",
    "laxer: canonical Host",
    "laxer: signed duplicate",
    "laxer: a program logs in",
];

const TABLE: &str = include_str!("tests/table.txt");

pub(super) fn key(byte: u8) -> DerivedKey {
    DerivedKey::from_secret(Purpose::Csrf, &Secret::new([byte; 32])).unwrap()
}

pub(super) fn policy() -> CsrfPolicy {
    [
        "https://trusted.example.org",
        "http://clear.example.org",
        "https://*.wild.example.org",
        "https://*.wp.example.org:8443",
    ]
    .into_iter()
    .fold(CsrfPolicy::new(key(7)), |policy, entry| {
        policy.add_trusted_origin(entry).unwrap()
    })
    .with_cookie(CookieSpec::new("csrftoken").unwrap())
}

fn tokens(policy: &CsrfPolicy, text: &str) -> String {
    let sessions = [
        ("S", SessionRef::Session("sid-1")),
        ("A", SessionRef::Anonymous),
        ("F", SessionRef::Session("sid-2")),
        ("D", SessionRef::User("42")),
    ];
    let made = sessions.map(|(name, session)| (name, policy.issue(session).unwrap()));
    let django = [
        ("U", "abcdefghijklmnopqrstuvwxyzABCDEF"),
        ("V", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"),
    ]
    .map(|(name, text)| (name, CsrfToken::parse(text.as_bytes()).unwrap()));
    made.iter()
        .chain(&django)
        .fold(text.to_owned(), |text, (name, token)| {
            text.replace(&format!("{{{name}}}"), token.as_str())
                .replace(&format!("{{m{name}}}"), &token.masked().unwrap())
        })
}

/// A row that was read.
struct Case {
    policy: CsrfPolicy,
    request: Request<()>,
    scheme: Scheme,
    login: bool,
}

impl Case {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let method = words.next().expect("a method").parse().unwrap();
        let scheme = Scheme::parse(words.next().expect("a scheme")).unwrap();
        let mut case = Self {
            policy: policy(),
            request: Request::new(()),
            scheme,
            login: false,
        };
        *case.request.method_mut() = method;
        // A token is random: every mention of one letter in a line must be the same.
        let rest = tokens(&case.policy, &words.collect::<Vec<_>>().join("\n"));
        let mut identity = "cookie";
        case.request
            .headers_mut()
            .insert("host", HeaderValue::from_static("app.test"));
        for word in rest.split('\n').filter(|word| !word.is_empty()) {
            let (letter, value) = word.split_once(':').expect("letter:value");
            let value = &value.replace('_', " ");
            match letter {
                "as" => {
                    let mut known = ["none", "bearer", "django", "login"].into_iter();
                    identity = known.find(|known| known == value).expect("an identity");
                }
                "mode" => case.policy = case.policy.with_binding(binding(value)),
                "own" => {
                    case.policy = case.policy.add_own_origin(value.parse().unwrap());
                }
                "f" => {
                    let field = CsrfFormField::new(value.as_bytes());
                    case.request.extensions_mut().insert(field);
                }
                "h" => {
                    let value = HeaderValue::from_str(value).unwrap();
                    case.request.headers_mut().insert("host", value);
                }
                _ => case.add_header(letter, value),
            }
        }
        case.login = identity == "login";
        case.identify(identity);
        case
    }

    fn add_header(&mut self, letter: &str, value: &str) {
        let cookie = format!("csrftoken={value}");
        let (name, value) = match letter {
            "o" => ("origin", value),
            "s" => ("sec-fetch-site", value),
            "r" => ("referer", value),
            "c" => ("cookie", cookie.as_str()),
            "C" => ("cookie", value),
            "t" => ("x-csrftoken", value),
            "u" => ("upgrade", value),
            other => (other, value),
        };
        self.request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }

    fn identify(&mut self, who: &str) {
        let (session, source) = match who {
            "none" | "login" => return,
            "bearer" => (Some("sid-1"), Source::Bearer),
            "django" => (None, Source::Cookie),
            _ => (Some("sid-1"), Source::Cookie),
        };
        let identity = Identity::new("42", session, source);
        self.request.extensions_mut().insert(identity);
    }

    fn verdict(&self) -> Result<CsrfPass, CsrfRejection> {
        let view = RequestView::of(&self.request);
        let client = ClientPolicy::direct()
            .with_direct_scheme(self.scheme)
            .client(&view);
        if self.login {
            self.policy
                .check_login(&view, &client, &[SessionRef::Anonymous])
        } else {
            self.policy.check(&view, &client)
        }
    }
}

fn binding(name: &str) -> CsrfBinding {
    match name {
        "strict" => CsrfBinding::Strict,
        "django" => CsrfBinding::Django,
        other => panic!("no binding is called {other}"),
    }
}

fn name_of(pass: CsrfPass) -> String {
    format!("{pass:?}").to_ascii_lowercase()
}

#[track_caller]
fn check(row: &str) {
    let columns: Vec<&str> = row.split('|').map(str::trim).collect();
    let [line, django, ours, why] = columns[..] else {
        panic!("four columns: {row}");
    };
    let (passed, verdict) = match Case::parse(line).verdict() {
        Ok(pass) => (true, name_of(pass)),
        Err(rejection) => (false, rejection.code().replacen("csrf_", "", 1)),
    };
    assert_eq!(verdict, ours, "{line}");
    match (django == "pass", passed) {
        (true, false) => assert!(
            why.starts_with("stricter: "),
            "{line}: stricter, says {why:?}"
        ),
        (false, true) => assert!(LAXER.contains(&why), "{line}: laxer, says {why:?}"),
        _ => assert!(why.is_empty(), "{line}: no difference, says {why:?}"),
    }
}

/// One test for each section of the table, and one that none was forgotten.
macro_rules! sections {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let start = format!("[{}]\n", stringify!($name));
            let (_, section) = TABLE.split_once(&start).expect("a section of this name");
            section.lines().take_while(|row| !row.is_empty()).for_each(check);
        })*

        #[test]
        fn every_section_of_the_table_is_a_test() {
            let known = [$(stringify!($name)),*];
            let found: Vec<&str> = TABLE
                .lines()
                .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
                .collect();
            assert_eq!(found, known);
        }
    };
}

sections! {
    methods_are_exact_and_unknown_ones_are_unsafe,
    an_upgrade_must_name_its_origin,
    own_origin_is_scheme_host_and_port,
    case_and_default_port_of_the_host_are_canonical,
    an_origin_is_what_a_browser_writes,
    trusted_origins_follow_djangos_domain_rule_on_strict_origins,
    fetch_metadata_proves_or_refuses,
    the_referer_counts_over_https_without_origin,
    configured_origins_end_the_reading_of_host,
    bare_and_masked_match_in_all_four_pairings,
    the_cookie_is_judged_first,
    the_header_is_judged_as_django_does,
    the_form_field_counts_for_post_and_before_the_header,
    cookies_are_read_from_every_line_and_trimmed,
    of_several_cookies_only_a_signed_one_counts,
    a_bearer_needs_nothing_and_junk_in_its_header_changes_nothing,
    interop_takes_an_unsigned_token_from_our_own_origin_alone,
    strict_takes_only_what_is_signed_for_this_session,
    django_mode_wants_no_signature,
    a_token_of_django_is_bound_to_the_user,
    without_identity_any_pair_passes_with_an_origin,
    a_login_is_checked_unless_nothing_of_it_is_a_browser,
}

#[test]
fn every_rejection_has_a_code_and_a_sentence_of_its_own() {
    let all = CsrfRejection::ALL;
    for (at, rejection) in all.iter().enumerate() {
        let safe = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\%".contains(&byte);
        assert!(rejection.detail().bytes().all(safe), "{rejection:?}");
        assert!(rejection.code().starts_with("csrf_"), "{rejection:?}");
        for other in &all[at + 1..] {
            assert_ne!(rejection.code(), other.code());
            assert_ne!(rejection.detail(), other.detail());
        }
    }
}

#[test]
fn an_extended_connect_passes_by_its_origin() {
    let verdict = |line| Case::parse(line).verdict();
    assert_eq!(
        verdict("CONNECT https o:https://app.test"),
        Ok(CsrfPass::Origin)
    );
    let refused = verdict("CONNECT https o:https://evil.test");
    assert_eq!(refused, Err(CsrfRejection::OriginUntrusted));
}

#[test]
fn only_the_exempt_path_is_exempt() {
    let mut case = Case::parse("POST https o:https://evil.test");
    case.policy = case
        .policy
        .insecure_exempt_path("/hooks/*".parse().unwrap());
    let mut verdict = |path: &str| {
        *case.request.uri_mut() = path.parse().unwrap();
        case.verdict()
    };
    assert_eq!(verdict("/hooks/stripe?x=1"), Ok(CsrfPass::Exempt));
    for path in [
        "/hooks",
        "/hooks/",
        "/hooks/a/b",
        "/hooks/%2e%2e",
        "/hooks/..",
        "//hooks/a",
    ] {
        assert_eq!(verdict(path), Err(CsrfRejection::OriginUntrusted), "{path}");
    }
}

#[test]
fn a_request_with_the_method_get_needs_no_host() {
    let request = Request::builder().method(Method::GET).body(()).unwrap();
    let view = RequestView::of(&request);
    let client = ClientPolicy::direct().client(&view);
    assert_eq!(policy().check(&view, &client), Ok(CsrfPass::Safe));
}
