use portcullis_core::Secret;
use serde::Serialize;

use super::*;
use crate::{KeySet, SigningKey, TokenReader, compact};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);

fn minter() -> Minter {
    Minter::new(KeyRing::hs256(Secret::new([7; 32])).unwrap())
}

fn session() -> SessionParams<'static> {
    SessionParams {
        sid: "s",
        started: Timestamp::from_millis(1_699_999_999_123),
        ends: Timestamp::from_secs(1_701_000_000),
    }
}

fn access(extra: Option<&ExtraClaims>) -> AccessParams<'_> {
    AccessParams {
        subject: "42",
        jti: "j",
        issued_at: NOW,
        expires: Timestamp::from_secs(1_700_000_300),
        session: Some(session()),
        extra,
    }
}

fn refresh(generation: u64) -> RefreshParams<'static> {
    RefreshParams {
        subject: "42",
        jti: "j",
        issued_at: NOW,
        expires: Timestamp::from_secs(1_700_086_400),
        session: session(),
        generation,
    }
}

fn text(token: &str, part: usize) -> String {
    let part = token.split('.').nth(part).unwrap();
    String::from_utf8(compact::decode(part.as_bytes()).unwrap()).unwrap()
}

#[test]
fn debug_shows_hashes_in_place_of_ids() {
    let jti = "0123456789abcdef0123456789abcdef";
    let session = SessionParams {
        sid: "c2Vzc2lvbi1pZC1vZi1hbm4",
        ..session()
    };
    let access = AccessParams {
        jti,
        session: Some(session),
        ..access(None)
    };
    let refresh = RefreshParams {
        jti,
        session,
        ..refresh(0)
    };
    let reader = TokenReader::new(KeyRing::hs256(Secret::new([7; 32])).unwrap());
    let token = minter().mint_access(&access).unwrap();
    let claims = reader.read_access::<()>(token.as_bytes(), NOW).unwrap();
    for output in [
        format!("{access:?}"),
        format!("{refresh:?}"),
        format!("{claims:?}"),
        format!("{:?}", claims.base().session()),
        format!("{:?}", claims.base().facts()),
    ] {
        assert!(
            !output.contains(jti) && !output.contains(session.sid),
            "{output}"
        );
        assert!(
            output.contains(&IdHash::of(session.sid).to_string()),
            "{output}"
        );
    }
}

#[test]
fn claims_are_written_in_djangos_order() {
    #[derive(Serialize)]
    struct Extra {
        roles: [&'static str; 1],
        a: u8,
    }
    let extra = ExtraClaims::new(&Extra {
        roles: ["staff"],
        a: 1,
    })
    .unwrap();
    let minter = minter()
        .with_audience("chat")
        .with_issuer("https://id.example");
    let token = minter.mint_access(&access(Some(&extra))).unwrap();
    assert_eq!(text(&token, 0), r#"{"alg":"HS256","typ":"JWT"}"#);
    assert_eq!(
        text(&token, 1),
        concat!(
            r#"{"token_type":"access","exp":1700000300,"iat":1700000000,"jti":"j","user_id":"42","#,
            r#""sid":"s","sat":1699999999123,"sexp":1701000000,"a":1,"roles":["staff"],"#,
            r#""aud":"chat","iss":"https://id.example"}"#
        )
    );
    let token = minter
        .with_audience("web")
        .mint_refresh(&refresh(3))
        .unwrap();
    assert_eq!(
        text(&token, 1),
        concat!(
            r#"{"token_type":"refresh","exp":1700086400,"iat":1700000000,"jti":"j","#,
            r#""user_id":"42","sid":"s","gen":3,"sat":1699999999123,"sexp":1701000000,"#,
            r#""aud":["chat","web"],"iss":"https://id.example"}"#
        )
    );
}

#[test]
fn identical_input_gives_identical_bytes_on_every_replica() {
    let one = minter().mint_refresh(&refresh(7)).unwrap();
    assert_eq!(minter().mint_refresh(&refresh(7)).unwrap(), one);
    assert_ne!(minter().mint_refresh(&refresh(8)).unwrap(), one);
}

#[test]
fn what_is_minted_is_read() {
    let keys = SigningKey::hs512(&Secret::new([7; 64]))
        .unwrap()
        .with_kid("a")
        .unwrap();
    let keys = KeyRing::new(KeySet::new(keys));
    let minter = Minter::new(keys.clone()).with_subject_claim("sub").unwrap();
    let reader = TokenReader::new(keys).with_subject_claim("sub").unwrap();
    let odd = "\u{1f600} \"quoted\\\" \u{2028}";
    let token = minter
        .mint_access(&AccessParams {
            subject: odd,
            ..access(None)
        })
        .unwrap();
    let claims = reader.read_access::<()>(token.as_bytes(), NOW).unwrap();
    assert_eq!(claims.base().subject(), odd);
    let token = minter.mint_refresh(&refresh(3)).unwrap();
    let claims = reader.read_refresh(token.as_bytes(), NOW).unwrap();
    assert_eq!(claims.generation(), Some(3));
    assert_eq!(claims.base().session().unwrap().ends_at(), session().ends);
}

#[test]
fn iat_is_set_back_and_nothing_else() {
    let minter = minter().with_iat_backdate(Duration::from_secs(5)).unwrap();
    let claims = text(&minter.mint_access(&access(None)).unwrap(), 1);
    assert!(claims.contains(r#""iat":1699999995"#) && claims.contains(r#""exp":1700000300"#));
    assert!(minter.with_iat_backdate(Duration::from_secs(6)).is_err());
}

#[test]
fn what_could_not_be_read_is_not_minted() {
    let long = "x".repeat(256);
    for bad in ["", "a\0", "a\nb", &long] {
        let subject = AccessParams {
            subject: bad,
            ..access(None)
        };
        let jti = AccessParams {
            jti: bad,
            ..access(None)
        };
        let sid = AccessParams {
            session: Some(SessionParams {
                sid: bad,
                ..session()
            }),
            ..access(None)
        };
        for params in [subject, jti, sid] {
            assert_eq!(minter().mint_access(&params).unwrap_err(), MintError::Id);
        }
    }
    let never = AccessParams {
        expires: Timestamp::MAX,
        ..access(None)
    };
    assert!(
        minter().mint_access(&never).is_ok(),
        "584,542 years are an exact integer"
    );
    assert_eq!(
        minter().mint_refresh(&refresh(1 << 53)).unwrap_err(),
        MintError::Time
    );

    let big = ExtraClaims::new(&std::collections::BTreeMap::from([("x", "y".repeat(3000))]));
    let refused = minter()
        .mint_access(&access(Some(&big.unwrap())))
        .unwrap_err();
    assert_eq!(refused, MintError::TooLong);
}

#[test]
fn extra_claims_are_an_object_of_unreserved_names() {
    use serde_json::json;
    for name in crate::claims::RESERVED {
        assert!(ExtraClaims::new(&json!({ name: 1 })).is_err(), "{name}");
    }
    let mut deep = json!(1);
    for _ in 0..16 {
        deep = json!([deep]);
    }
    for claims in [
        json!(1),
        json!(null),
        json!(["a"]),
        json!({ "x": deep }),
        json!({ "x": "\0" }),
        json!({ "\0": 1 }),
        json!({ "x": [{ "\0": 1 }] }),
        json!({ "x": vec![1; 129] }),
    ] {
        assert!(ExtraClaims::new(&claims).is_err(), "{claims}");
    }
    let none = ExtraClaims::new(&json!({})).unwrap();
    let token = minter().mint_access(&access(Some(&none))).unwrap();
    assert_eq!(token, minter().mint_access(&access(None)).unwrap());
    assert!(
        ExtraClaims::new(&json!({ "x": deep[0] })).is_ok(),
        "fifteen levels"
    );
}

#[test]
fn a_random_jti_is_32_hex_digits() {
    let jti = random_jti().unwrap();
    assert!(jti.len() == 32 && jti.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    assert_ne!(jti, random_jti().unwrap());
}
