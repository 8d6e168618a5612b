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
async fn the_right_password_is_right_and_nothing_else_is() {
    let (accounts, _) = accounts().await;
    let check = async |name: &str, password: &str| {
        let secret = Secret::new(password);
        let (user, right) = accounts.check(name, &secret).await.unwrap();
        (user.map(|user| user.name), right)
    };
    let ann = Some("ann".to_owned());
    assert_eq!(check("ann", "portcullis").await, (ann.clone(), true));
    assert_eq!(check("ann", "wrong").await, (ann, false), "a real account");
    assert_eq!(check("bob", "portcullis").await, (None, false));
    assert_eq!(check("ANN", "portcullis").await, (None, false));
}

#[tokio::test]
async fn an_inactive_user_may_not_log_in() {
    let (accounts, database) = accounts().await;
    let ann = database.user_by_name("ann").await.unwrap().unwrap();
    let id = ann.id.to_string();
    assert_eq!(accounts.active(&id).await.unwrap().as_ref(), Some(&ann));
    database.set_active(ann.id, false).await.unwrap();
    let password = Secret::new("portcullis");
    assert!(!accounts.check("ann", &password).await.unwrap().1);
    assert_eq!(accounts.active(&id).await.unwrap(), None);
}
