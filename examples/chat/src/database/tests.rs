use portcullis_core::clock::Timestamp;

use super::{Database, Role, messages::MAX_KEPT};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

#[tokio::test]
async fn creating_a_user_twice_keeps_the_first_password() {
    let database = Database::open(None).unwrap();
    assert!(database.create_user("ann", "first", NOW).await.unwrap());
    assert!(!database.create_user("ann", "second", NOW).await.unwrap());

    let ann = database.user_by_name("ann").await.unwrap().unwrap();
    assert_eq!((ann.password.as_str(), ann.is_active), ("first", true));
    let same = database.user_by_id(&ann.id.to_string()).await.unwrap();
    assert_eq!(same, Some(ann));
    assert_eq!(database.user_by_name("ANN").await.unwrap(), None);
    assert_eq!(database.user_by_id("1 OR 1=1").await.unwrap(), None);
}

#[tokio::test]
async fn each_user_has_a_history_of_their_own_in_the_order_said() {
    let database = Database::open(None).unwrap();
    for (user, role, text) in [
        ("1", Role::User, "hello"),
        ("2", Role::User, "secret"),
        ("1", Role::Assistant, "hello, you"),
    ] {
        database
            .append_message(user, role, text, NOW)
            .await
            .unwrap();
    }
    let texts = |messages: Vec<super::Message>| -> Vec<String> {
        messages.into_iter().map(|message| message.text).collect()
    };
    assert_eq!(
        texts(database.messages("1", 10).await.unwrap()),
        ["hello", "hello, you"]
    );
    assert_eq!(
        texts(database.messages("1", 1).await.unwrap()),
        ["hello, you"]
    );
    assert_eq!(texts(database.messages("3", 10).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn a_history_keeps_only_the_newest_messages() {
    let database = Database::open(None).unwrap();
    for number in 0..MAX_KEPT + 2 {
        let text = number.to_string();
        database
            .append_message("1", Role::User, &text, NOW)
            .await
            .unwrap();
    }
    let kept = database.messages("1", u32::MAX).await.unwrap();
    assert_eq!(kept.len(), MAX_KEPT as usize);
    assert_eq!(kept[0].text, "2");
}

#[tokio::test]
async fn a_file_keeps_users_for_the_next_process() {
    let file = tempfile();
    let first = Database::open(Some(&file)).unwrap();
    let second = Database::open(Some(&file)).unwrap();
    first.create_user("ann", "hash", NOW).await.unwrap();
    assert!(second.user_by_name("ann").await.unwrap().is_some());
    drop((first, second));
    let third = Database::open(Some(&file)).unwrap();
    assert!(third.user_by_name("ann").await.unwrap().is_some());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

#[test]
fn what_is_no_database_is_an_error_at_start() {
    let missing = std::env::temp_dir().join("no-such-directory/chat.sqlite3");
    assert!(Database::open(Some(&missing)).is_err());

    let file = tempfile();
    std::fs::write(
        &file,
        "this is a text, not a database, and long enough to say so",
    )
    .unwrap();
    assert!(Database::open(Some(&file)).is_err());
    std::fs::remove_file(file).unwrap();
}

fn tempfile() -> std::path::PathBuf {
    let mut bytes = [0; 12];
    portcullis_core::random::fill_from(b"abcdefghijklmnop", &mut bytes).unwrap();
    let name: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    std::env::temp_dir().join(format!("portcullis-chat-{name}.sqlite3"))
}
