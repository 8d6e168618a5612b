use portcullis_core::Secret;

use super::{
    MAX_BYTES, PasswordError, Passwords,
    encoded::{Cost, Encoded},
};

/// Made by Django 5.2 from `portcullis` with few iterations and passes.
const PBKDF2: &str = "pbkdf2_sha256$1000$saltysalt$ZDrIGcly76Vsos+bcHJRghxMPOX/nO369nMDfpV03jw=";
const ARGON2: &str = "argon2$argon2id$v=19$m=256,t=1,p=2$c2FsdHlzYWx0eXNhbHQ$\
                      v73gYToUx40od8ZMmqjm6ymNzKsu7rOV4pboLJcWtmc";

fn pool() -> Passwords {
    Passwords::with_places(&Secret::new([7; 32]), 2)
}

async fn verify(stored: Option<&str>, password: &str) -> bool {
    pool()
        .verify("ann", stored, &Secret::new(password))
        .await
        .unwrap()
}

#[tokio::test]
async fn hashes_that_django_made_verify() {
    for stored in [PBKDF2, ARGON2, ARGON2.strip_prefix("argon2").unwrap()] {
        assert!(verify(Some(stored), "portcullis").await, "{stored}");
        assert!(!verify(Some(stored), "Portcullis").await, "{stored}");
    }
    let umlaut = "pbkdf2_sha256$1000$saltysalt$1l8G0KoTGDRHSG9yYHHZeVWSQFmZaDIPgQVPnXOq+xw=";
    assert!(verify(Some(umlaut), "p\u{f6}rtcullis").await);
}

#[tokio::test]
async fn a_new_hash_verifies_and_has_a_salt_of_its_own() {
    let password = Secret::new("correct horse");
    let (first, second) = (pool().hash(&password).await, pool().hash(&password).await);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(
        first.starts_with("argon2$argon2id$v=19$m=19456,t=2,p=1$"),
        "{first}"
    );
    assert_ne!(first, second);
    assert!(first.len() <= 128, "fits Django's column");
    assert!(verify(Some(&first), "correct horse").await);
    assert!(!verify(Some(&first), "correct horse ").await);
}

#[tokio::test]
async fn nobody_and_an_unusable_password_are_refused() {
    // The decoy's own digest, zeros, must not be a password of anybody either.
    assert!(!verify(None, "portcullis").await);
    for stored in [
        "",
        "!7GfB",
        "!",
        "md5$salt$0",
        "plain",
        "$argon2id$v=19$m=8",
    ] {
        assert!(!verify(Some(stored), "portcullis").await, "{stored}");
        assert!(!verify(Some(stored), "").await, "{stored}");
    }
}

#[test]
fn a_row_that_would_stop_the_service_is_no_hash() {
    let digest = PBKDF2.rsplit('$').next().unwrap();
    for cost in ["0", "10000001", "4294967296", "+1", "", "x"] {
        let stored = format!("pbkdf2_sha256${cost}$salt${digest}");
        assert!(Encoded::parse(&stored).is_none(), "{stored}");
    }
    for params in [
        "m=1048577,t=1,p=1",
        "m=256,t=65,p=1",
        "m=256,t=1,p=65",
        "m=256,t=1",
        "m=0,t=1,p=1",
    ] {
        let stored = ARGON2.replace("m=256,t=1,p=2", params);
        assert!(Encoded::parse(&stored).is_none(), "{stored}");
    }
    assert!(Encoded::parse(&format!("{PBKDF2}$more")).is_none());
    assert!(Encoded::parse(&format!("{ARGON2}{}", "A".repeat(500))).is_none());
}

#[tokio::test]
async fn an_overlong_password_is_refused_before_any_hash() {
    let long = Secret::new(vec![b'a'; MAX_BYTES + 1]);
    assert!(!pool().verify("ann", Some(PBKDF2), &long).await.unwrap());
    assert!(matches!(
        pool().hash(&long).await,
        Err(PasswordError::Failed)
    ));
}

#[test]
fn a_name_that_nobody_has_costs_what_users_cost() {
    let pool = pool();
    assert_eq!(
        pool.cost_of("nobody"),
        Cost::NEW,
        "without users, what a new hash costs"
    );

    let dear = PBKDF2.replace("$1000$", "$600000$");
    pool.learn_costs([PBKDF2, PBKDF2, PBKDF2, dear.as_str(), "!unusable"]);
    let cheap = Cost::Pbkdf2Sha256 { iterations: 1000 };
    let dear = Cost::Pbkdf2Sha256 {
        iterations: 600_000,
    };
    let names: Vec<String> = (0..400).map(|number| format!("name{number}")).collect();
    let drawn = names
        .iter()
        .filter(|name| pool.cost_of(name) == dear)
        .count();
    assert!(
        (60..140).contains(&drawn),
        "about a quarter, as among the users: {drawn}"
    );
    for name in &names {
        assert!([cheap, dear].contains(&pool.cost_of(name)));
        assert_eq!(
            pool.cost_of(name),
            pool.cost_of(name),
            "a name keeps its cost"
        );
    }
}

#[test]
fn without_the_key_nobody_can_tell_which_cost_a_name_gets() {
    let costs = |key: u8| -> Vec<Cost> {
        let pool = Passwords::with_places(&Secret::new([key; 32]), 1);
        pool.learn_costs([PBKDF2, ARGON2]);
        (0..64)
            .map(|number| pool.cost_of(&number.to_string()))
            .collect()
    };
    assert_eq!(costs(1), costs(1));
    assert_ne!(costs(1), costs(2));
}

#[tokio::test]
async fn one_more_than_may_wait_is_turned_away() {
    let pool = Passwords::with_places(&Secret::new([7; 32]), 1);
    let all = u32::try_from(pool.0.admitted.available_permits()).unwrap();
    let taken = pool.0.admitted.clone().try_acquire_many_owned(all).unwrap();
    let password = Secret::new("portcullis");
    let verdict = pool.verify("ann", Some(PBKDF2), &password).await;
    assert!(matches!(verdict, Err(PasswordError::Busy)));
    drop(taken);
    assert!(pool.verify("ann", Some(PBKDF2), &password).await.unwrap());
}
