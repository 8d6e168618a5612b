use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str) {
    assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{text:?}");
}

#[test]
fn an_ipv4_address_is_what_the_standard_library_takes_for_one() {
    for text in [
        "0.0.0.0",
        "203.0.113.9",
        "255.255.255.255",
        "256.0.0.1",
        "1.2.3.256",
        "1.2.3.1000",
        "999.1.1.1",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4.",
        ".1.2.3.4",
        "1..2.3.4",
        "1.2.3",
        "1.2.3.",
        "1.2.3.4.5",
        "1.2.3.4:80",
        "1.2.3.4,5.6.7.8",
        "+1.2.3.4",
        "1.2.3.x",
        "::1",
        "",
        "1",
    ] {
        check(text);
    }
    assert_eq!(ipv4(b"1.2.3.\xff4"), None);
}

proptest! {
    #[test]
    fn no_text_is_read_otherwise(text in "[0-9.]{0,16}", numbers in any::<[u16; 4]>()) {
        check(&text);
        let [a, b, c, d] = numbers.map(|number| number % 300);
        check(&format!("{a}.{b}.{c}.{d}"));
    }
}
