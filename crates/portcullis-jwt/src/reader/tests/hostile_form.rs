//! Tokens whose header, encoding or signature must not get as far as a claim.

use super::*;

#[track_caller]
fn header(want: TokenRejection, headers: &[&str]) {
    for header in headers {
        refused(&reader(), &signed(header, &payload(&[])), want);
    }
}

#[test]
fn an_algorithm_that_the_key_does_not_have_is_refused() {
    header(
        TokenRejection::AlgorithmUnknown,
        &[
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"NONE"}"#,
            r#"{"alg":"nOnE"}"#,
            r#"{"alg":""}"#,
            r#"{"alg":null}"#,
            r#"{"alg":1}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":{"HS256":null}}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS256 "}"#,
            r#"{"alg":"HS1"}"#,
            r#"{"alg":"ES256K"}"#,
            r#"{"alg":"Ed25519"}"#,
            r#"{"alg":"dir"}"#,
        ],
    );
    header(
        TokenRejection::AlgorithmMismatch,
        &[
            r#"{"alg":"HS384"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"PS256"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"EdDSA"}"#,
        ],
    );
}

#[test]
fn extensions_compression_and_encryption_are_refused() {
    header(
        TokenRejection::Critical,
        &[
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","crit":null}"#,
            r#"{"alg":"HS256","crit":["alg"]}"#,
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"alg":"HS256","b64":true}"#,
            r#"{"alg":"HS256","\u0063rit":["x"]}"#,
        ],
    );
    header(
        TokenRejection::Encoded,
        &[
            r#"{"alg":"HS256","zip":"DEF"}"#,
            r#"{"alg":"HS256","enc":"A128GCM"}"#,
            r#"{"alg":"HS256","cty":"JWT"}"#,
        ],
    );
}

#[test]
fn a_key_from_the_peer_is_refused() {
    header(
        TokenRejection::KeyInHeader,
        &[
            r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
            r#"{"alg":"HS256","jwk":null}"#,
            r#"{"alg":"HS256","jku":"https://evil.example/jwks.json"}"#,
            r#"{"alg":"HS256","x5u":"http://127.0.0.1/"}"#,
            r#"{"alg":"HS256","x5c":["MIIB"]}"#,
            r#"{"alg":"HS256","x5t":"AAAA"}"#,
            r#"{"alg":"HS256","x5t#S256":"AAAA"}"#,
        ],
    );
}

#[test]
fn a_key_name_that_is_none_of_ours_is_refused() {
    header(
        TokenRejection::KidUnknown,
        &[
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"HS256","kid":"0"}"#,
        ],
    );
    let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(129));
    header(
        TokenRejection::KidMalformed,
        &[
            r#"{"alg":"HS256","kid":""}"#,
            r#"{"alg":"HS256","kid":null}"#,
            r#"{"alg":"HS256","kid":7}"#,
            r#"{"alg":"HS256","kid":["a"]}"#,
            r#"{"alg":"HS256","kid":"../../dev/null"}"#,
            r#"{"alg":"HS256","kid":"' OR 1=1 --"}"#,
            r#"{"alg":"HS256","kid":"a b"}"#,
            r#"{"alg":"HS256","kid":"\u00e9"}"#,
            r#"{"alg":"HS256","kid":"a\n"}"#,
            &long,
        ],
    );
    header(
        TokenRejection::NulCharacter,
        &[r#"{"alg":"HS256","kid":"a\u0000"}"#],
    );
}

#[test]
fn a_type_that_is_another_is_refused() {
    header(
        TokenRejection::Typ,
        &[
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            r#"{"alg":"HS256","typ":"JOSE"}"#,
            r#"{"alg":"HS256","typ":""}"#,
            r#"{"alg":"HS256","typ":null}"#,
            r#"{"alg":"HS256","typ":1}"#,
            r#"{"alg":"HS256","typ":"text/JWT"}"#,
            r#"{"alg":"HS256","typ":"application/"}"#,
        ],
    );
    let configured = reader().add_accepted_typ("at+jwt").unwrap();
    let token = signed(
        r#"{"alg":"HS256","typ":"application/AT+JWT"}"#,
        &payload(&[]),
    );
    accepted(&configured, &token);
}

#[test]
fn a_header_that_parsers_read_differently_is_refused() {
    header(
        TokenRejection::DuplicateMember,
        &[
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"none"}"#,
            r#"{"alg":"HS256","x":1,"x":2}"#,
            r#"{"alg":"HS256","x":{"y":1,"y":2}}"#,
        ],
    );
    header(
        TokenRejection::HeaderMalformed,
        &[
            "",
            "{}x",
            "null",
            "[]",
            r#"["HS256"]"#,
            r#"{"alg":"HS256",}"#,
            "\u{feff}{\"alg\":\"HS256\"}",
            r#"{"alg":"HS256"}{"alg":"none"}"#,
            r#"{alg:"HS256"}"#,
        ],
    );
    let deep = format!(
        r#"{{"alg":"HS256","x":{}{}}}"#,
        "[".repeat(20),
        "]".repeat(20)
    );
    header(TokenRejection::TooDeep, &[&deep]);
    let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(1024));
    header(TokenRejection::TooLong, &[&long]);
}

#[test]
fn what_has_not_three_parts_is_refused() {
    let good = token(&[]);
    let (message, signature) = good.rsplit_once('.').unwrap();
    for text in [
        String::new(),
        "Bearer".into(),
        "..".repeat(2),
        message.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        r#"{"protected":"","payload":"","signature":""}"#.into(),
    ] {
        refused(&reader(), &text, TokenRejection::Segments);
    }
}

#[test]
fn a_part_that_is_not_canonical_base64url_is_refused() {
    let good = token(&[]);
    let (message, signature) = good.rsplit_once('.').unwrap();
    // 32 bytes leave two bits over in the 43rd character.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    let stray = &alphabet[at + 1..at + 2];
    for text in [
        format!("{good}="),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}\0"),
        format!("{message}.{}{stray}", &signature[..42]),
        format!("{message}.{}+", &signature[..42]),
        format!("{message}.{}/", &signature[..42]),
        format!("{message}.%41{}", &signature[3..]),
        format!("{message}.{}\u{e9}", &signature[..41]),
        format!("{message}.{}", "A".repeat(1400)),
        format!("..{signature}").replacen("..", "!.!.", 1),
    ] {
        refused(&reader(), &text, TokenRejection::Base64);
    }
    let padded = sign_message(&format!("{}=.e30", compact::encode(HEADER.as_bytes())));
    refused(&reader(), &padded, TokenRejection::Base64);
    let payload_padded = sign_message(&format!("{}.e30=", compact::encode(HEADER.as_bytes())));
    refused(&reader(), &payload_padded, TokenRejection::Base64);
}

#[test]
fn a_forged_signature_is_refused_before_any_claim_is_read() {
    let other = HmacKey::new(crate::Algorithm::Hs256, &[0; 32]).unwrap();
    let message = format!("{}.bm90IGpzb24", compact::encode(HEADER.as_bytes()));
    let foreign = format!(
        "{message}.{}",
        compact::encode(&other.sign(message.as_bytes()))
    );
    let good = token(&[]);
    let (good_message, signature) = good.rsplit_once('.').unwrap();
    let mac = compact::decode(signature.as_bytes()).unwrap();
    for text in [
        foreign,
        format!("{message}.{signature}"),
        format!("{message}."),
        format!("{good_message}."),
        format!("{good_message}.{}", compact::encode(&mac[..31])),
        format!("{good_message}.{}", compact::encode(&mac[..16])),
        format!(
            "{good_message}.{}",
            compact::encode(&[&mac[..], &[0]].concat())
        ),
        format!("{good_message}.{}", compact::encode(&[0; 32])),
        format!("{good_message}.{}", compact::encode(&[0; 1024])),
    ] {
        refused(&reader(), &text, TokenRejection::Signature);
    }
    refused(
        &reader(),
        &sign_message(&message),
        TokenRejection::PayloadMalformed,
    );
}

#[test]
fn a_huge_token_is_refused_unread() {
    for size in [4097, 1 << 20] {
        refused(&reader(), &"a".repeat(size), TokenRejection::TooLong);
        refused(&reader(), &".".repeat(size), TokenRejection::TooLong);
    }
}
