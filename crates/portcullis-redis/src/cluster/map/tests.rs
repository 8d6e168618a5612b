use super::*;

fn adviser() -> Host {
    Host::new("seed", 7000)
}

/// One entry as a server writes it, with a replica behind the primary.
fn entry(first: i64, last: i64, name: Value, port: i64) -> Value {
    let replica = Value::Array(vec![Value::BulkString(b"r".into()), Value::Int(1)]);
    let primary = Value::Array(vec![
        name,
        Value::Int(port),
        Value::BulkString(b"id".into()),
    ]);
    Value::Array(vec![Value::Int(first), Value::Int(last), primary, replica])
}

fn name(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[track_caller]
fn check(map: &Map, slot: u16, want: Option<&str>) {
    let found = map.host(Slot(slot)).map(ToString::to_string);
    assert_eq!(found.as_deref(), want, "slot {slot}");
}

#[test]
fn a_slot_belongs_to_the_range_that_it_is_in() {
    let answer = vec![
        entry(8_192, 16_383, name("b"), 2),
        entry(0, 100, name("a"), 1),
        entry(102, 200, name("a"), 1),
    ];
    let mut map = Map::read(Value::Array(answer), &adviser()).unwrap();
    for (slot, want) in [
        (0, Some("a:1")),
        (100, Some("a:1")),
        (101, None),
        (102, Some("a:1")),
        (201, None),
        (8_192, Some("b:2")),
        (16_383, Some("b:2")),
    ] {
        check(&map, slot, want);
    }
    assert_eq!(map.hosts().len(), 2);
    map.move_to(Slot(5), Host::new("c", 3));
    check(&map, 5, Some("c:3"));
    check(&map, 6, Some("a:1"));
    assert!(map.has(&Host::new("a", 1)) && !map.has(&Host::new("r", 1)));
}

#[test]
fn a_node_that_does_not_know_its_name_is_where_it_was_asked() {
    for nameless in [Value::Nil, name(""), name("?")] {
        let answer = Value::Array(vec![entry(0, 16_383, nameless, 7_001)]);
        let map = Map::read(answer, &adviser()).unwrap();
        check(&map, 0, Some("seed:7001"));
    }
}

#[test]
fn an_answer_of_another_shape_is_an_error() {
    for answer in [
        Value::Nil,
        Value::Array(Vec::new()),
        Value::Array(vec![Value::Int(1)]),
        Value::Array(vec![Value::Array(vec![Value::Int(1)])]),
        Value::Array(vec![entry(0, 16_384, name("a"), 1)]),
        Value::Array(vec![entry(-1, 5, name("a"), 1)]),
        Value::Array(vec![entry(0, 5, name("a"), 70_000)]),
        Value::Array(vec![entry(0, 5, Value::Int(1), 1)]),
    ] {
        assert!(Map::read(answer.clone(), &adviser()).is_err(), "{answer:?}");
    }
}
