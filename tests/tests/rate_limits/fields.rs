//! The `RateLimit` fields, read by a parser of structured fields that is not ours.

use portcullis_testkit::ManualClock;
use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::*;

/// The items of a list field over all its lines: each name, and its parameters.
fn items(response: &Response<Guarded<String>>, field: &str) -> Vec<(String, Vec<(String, i64)>)> {
    let lines = response.headers().get_all(field).iter();
    let whole: Vec<&str> = lines.map(|line| line.to_str().unwrap()).collect();
    let list: List = Parser::new(&whole.join(", ")).parse().unwrap();
    let item = |entry: ListEntry| -> Item {
        match entry {
            ListEntry::Item(item) => item,
            ListEntry::InnerList(list) => panic!("{list:?} is no item"),
        }
    };
    let read = |item: Item| {
        let BareItem::String(name) = item.bare_item else {
            panic!("{item:?} is no string");
        };
        let params = item.params.into_iter().map(|(key, value)| {
            let BareItem::Integer(number) = value else {
                panic!("{key} is no integer: {value:?}");
            };
            (key.to_string(), number.into())
        });
        (name.to_string(), params.collect())
    };
    list.into_iter().map(item).map(read).collect()
}

fn named(name: &str, params: &[(&str, i64)]) -> (String, Vec<(String, i64)>) {
    let params = params.iter().map(|&(key, value)| (key.to_owned(), value));
    (name.to_owned(), params.collect())
}

#[tokio::test]
async fn a_foreign_parser_of_structured_fields_reads_policy_and_standing() {
    let clock = ManualClock::default();
    let store = Arc::new(MemoryRateStore::new(Arc::new(clock.clone())));
    let awkward = r#"a "quoted\" name, with;marks"#;
    let minute = Duration::from_secs(60);
    let even = Limit::new(awkward, Quota::per(2, minute).unwrap()).unwrap();
    let exact = Limit::new("exact", Quota::strict(5, minute).unwrap()).unwrap();
    let layer = RateLimitLayer::new(limiter(store, &clock), ClientPolicy::direct())
        .add_rule(RateRule::by_address(even.exposed()))
        .and_then(|layer| layer.add_rule(RateRule::global(exact.exposed())))
        .and_then(|layer| layer.add_rule(RateRule::by_subject(strict("hidden", 9))))
        .unwrap()
        .with_rate_limit_fields();
    let limited = Limited::new(&layer);

    let policy = [
        named(awkward, &[("q", 2), ("w", 60)]),
        named("exact", &[("q", 5), ("w", 60)]),
    ];
    let standing = |remaining: [i64; 2]| {
        [
            named(awkward, &[("r", remaining[0]), ("t", 30)]),
            named("exact", &[("r", remaining[1]), ("t", 60)]),
        ]
    };
    for (status, remaining) in [(200, [1, 4]), (200, [0, 3]), (429, [0, 3])] {
        let response = limited.send(HOME).await;
        assert_eq!(response.status(), status);
        assert_eq!(items(&response, "ratelimit-policy"), policy);
        assert_eq!(items(&response, "ratelimit"), standing(remaining));
    }
}
