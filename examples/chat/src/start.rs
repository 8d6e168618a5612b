//! Starts the service: opens what it needs, creates its users, serves until it is told to stop.

use std::{net::SocketAddr, sync::Arc};

use portcullis_core::{Secret, clock::Clock as _, clock::SystemClock};
use tokio::net::TcpListener;

use crate::{
    app,
    config::{ConfigError, Mode, Settings, UserSpec},
    database::Database,
    drain::Drain,
    passwords::Passwords,
    responder::Responder,
    server, stores, telemetry,
};

/// The user of development mode.
const DEMO: (&str, &str) = ("demo", "portcullis");

/// Serves as `settings` say, until SIGTERM or Ctrl-C.
///
/// # Errors
///
/// [`ConfigError`] when something named by a flag cannot be opened.
pub async fn run(settings: Settings) -> Result<(), ConfigError> {
    telemetry::log(settings.mode);
    let database = open(&settings)?;
    if settings.adopt_django_tokens.is_some() {
        find_django(&settings, &database).await?;
    }
    let passwords = Passwords::new(&settings.rotation_key);
    create_users(&settings, &database, &passwords).await?;
    let responder = Responder::new(settings.upstream.as_ref())
        .map_err(|error| ConfigError::new(format!("--upstream: {error}")))?;

    let drain = Drain::new();
    let keys = settings.rotation_keys()?;
    let stores = stores::open(&settings, &keys, Arc::new(SystemClock)).await?;
    let stop = drain.clone();
    let app = app::router(&settings, stores, &database, &passwords, responder, stop)?;
    let listener = listen("--listen", settings.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(listen("--metrics-listen", address).await?),
        None => None,
    };
    if let Some(listener) = metrics {
        let handle = telemetry::record()?;
        let metrics = telemetry::router(handle.clone());
        tokio::spawn(telemetry::keep_up(handle));
        tokio::spawn(server::serve(listener, metrics, Drain::new()));
    }
    announce(&settings, &listener);
    let stopper = drain.clone();
    tokio::spawn(async move {
        stop_asked().await;
        stopper.stop();
    });
    server::serve(listener, app, drain).await;
    Ok(())
}

fn open(settings: &Settings) -> Result<Database, ConfigError> {
    Database::open(settings.database.as_deref()).map_err(|error| {
        let file = settings.database.as_deref().unwrap_or("in memory".as_ref());
        ConfigError::new(format!(
            "--database {}: {error}; name a file in a directory that this user may write to",
            file.display()
        ))
    })
}

/// Sees that tokens of Django's can be adopted: its tables are there, and the last day is to come.
async fn find_django(settings: &Settings, database: &Database) -> Result<(), ConfigError> {
    database.find_django_blacklist().await.map_err(|error| {
        ConfigError::new(format!(
            "--adopt-django-tokens: {error}; give Django's own database as --database, with the \
             tables of its app token_blacklist"
        ))
    })?;
    let over = settings
        .adopt_django_tokens
        .is_some_and(|until| SystemClock.now() >= until);
    if over {
        tracing::warn!(
            "--adopt-django-tokens: that day is over, no token is adopted: leave it out"
        );
    }
    Ok(())
}

async fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address).await.map_err(|error| {
        ConfigError::new(format!("{flag} {address}: {error}; choose another port"))
    })
}

/// Creates the users of `--user`, and in a fresh development database the demo user.
async fn create_users(
    settings: &Settings,
    database: &Database,
    passwords: &Passwords,
) -> Result<(), ConfigError> {
    let demo = UserSpec {
        name: DEMO.0.into(),
        password: Secret::new(DEMO.1),
    };
    let users = settings
        .users
        .iter()
        .chain(has_demo(settings).then_some(&demo));
    for user in users {
        let refused = |error: &dyn std::error::Error| {
            ConfigError::new(format!("--user {}: {error}", user.name))
        };
        let existing = database
            .user_by_name(&user.name)
            .await
            .map_err(|error| refused(&error))?;
        if existing.is_none() {
            let hash = passwords
                .hash(&user.password)
                .await
                .map_err(|error| refused(&error))?;
            let now = SystemClock.now();
            database
                .create_user(&user.name, &hash, now)
                .await
                .map_err(|error| refused(&error))?;
        }
    }
    let hashes = database.password_hashes().await;
    let hashes = hashes.map_err(|error| ConfigError::new(format!("--database: {error}")))?;
    passwords.learn_costs(hashes.iter().map(String::as_str));
    Ok(())
}

/// Only where nothing else names a user, and nothing that lasts would keep a known password.
fn has_demo(settings: &Settings) -> bool {
    settings.mode == Mode::Development && settings.database.is_none() && settings.users.is_empty()
}

/// In development mode, the one line that says so.
fn announce(settings: &Settings, listener: &TcpListener) {
    let address = listener.local_addr().unwrap_or(settings.listen);
    if settings.mode == Mode::Development {
        let who = if has_demo(settings) {
            format!("log in as {} / {}", DEMO.0, DEMO.1)
        } else {
            "log in as one of your users".to_owned()
        };
        let kept = match settings.redis {
            Some(_) => "sessions in Redis",
            None => "random keys unless given, sessions in memory",
        };
        println!(
            "portcullis-chat in development mode (plain http, {kept}): http://{address}/ - {who}"
        );
    } else {
        tracing::info!(%address, "serving");
    }
}

/// Ends at SIGTERM or Ctrl-C.
async fn stop_asked() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
