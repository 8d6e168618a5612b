use portcullis_core::{Secret, clock::Timestamp};

use super::Accounts;
use crate::{database::Database, passwords::Passwords};

/// Made by Django 5.2 from `portcullis`.
const HASH: &str = "pbkdf2_sha256$1000$saltysalt$ZDrIGcly76Vsos+bcHJRghxMPOX/nO369nMDfpV03jw=";

async fn accounts() -> (Accounts, Database) {
    let database = Database::open(None).unwrap();
    database
        .create_user("ann", HASH, Timestamp::from_secs(0))
        .await
        .unwrap();
    let passwords = Passwords::new(&Secret::new([7; 32]));
    (Accounts::new(database.clone(), passwords), database)
}

#[tokio::test]
async fn the_right_password_finds_the_user_and_nothing_else_does() {
    let (accounts, _) = accounts().await;
    let right = accounts
        .log_in("ann", &Secret::new("portcullis"))
        .await
        .unwrap();
    let ann = right.expect("her password");
    assert_eq!(ann.name, "ann");
    assert_eq!(
        accounts.active(&ann.id.to_string()).await.unwrap(),
        Some(ann)
    );
    for (name, password) in [
        ("ann", "wrong"),
        ("bob", "portcullis"),
        ("ANN", "portcullis"),
    ] {
        let refused = accounts.log_in(name, &Secret::new(password)).await.unwrap();
        assert_eq!(refused, None, "{name}");
    }
}

#[tokio::test]
async fn an_inactive_user_is_nobody() {
    let (accounts, database) = accounts().await;
    let ann = database.user_by_name("ann").await.unwrap().unwrap();
    database.set_active(ann.id, false).await.unwrap();
    let refused = accounts
        .log_in("ann", &Secret::new("portcullis"))
        .await
        .unwrap();
    assert_eq!(refused, None);
    assert_eq!(accounts.active(&ann.id.to_string()).await.unwrap(), None);
}
