//! Measures whether the time of a refused login tells that there is such an account.
//!
//! ```sh
//! cargo run --release -p portcullis-chat --example login_timing [-- SAMPLES [REDIS_URL]]
//! ```
//!
//! Half of the samples are wrong passwords of a hundred accounts, whose hashes are of three costs;
//! the other half are names that nobody has. They are sent in random order through the whole
//! service. The Mann–Whitney rank test then counts in how many pairs the account was slower than
//! the unknown name, and how many standard deviations z that is from half of them: beyond ±1.96,
//! which chance reaches in one run of twenty, time may give accounts away.

use std::{cmp::Ordering, error::Error, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use portcullis_chat::{
    app,
    config::{Args, Asked, Settings},
    database::Database,
    drain::Drain,
    passwords::Passwords,
    responder::Responder,
    stores,
};
use portcullis_core::{
    client::PeerAddr,
    clock::{Clock as _, SystemClock},
    random,
};
use portcullis_redis::RedisConfig;
use tower::ServiceExt as _;

type Failed = Box<dyn Error + Send + Sync>;

/// Accounts; each is tried so rarely that none of its limits refuses.
const ACCOUNTS: usize = 100;

const SAMPLES: usize = 2_000;

/// The hashes in the table, in turn. Nothing is known that has these digests. They are cheaper than
/// those of today, so that little noise of theirs covers what else differs.
const HASHES: [&str; 3] = [
    "argon2$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$\
     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "pbkdf2_sha256$10000$saltsaltsalt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "pbkdf2_sha256$40000$saltsaltsalt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let samples = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => SAMPLES,
    };
    let redis = std::env::args().nth(2);
    let app = service(redis.as_deref()).await?;
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    let mut number = 0;
    while wrong.len() + unknown.len() < samples {
        let exists = is_heads()?;
        let half = if exists { &mut wrong } else { &mut unknown };
        if half.len() >= samples.div_ceil(2) {
            continue;
        }
        let name = if exists {
            format!("account{}", half.len() % ACCOUNTS)
        } else {
            format!("nobody{number}")
        };
        let took = refused(&app, &name, number).await?;
        half.extend(took.map(|took| took.as_secs_f64() * 1e3));
        number += 1;
    }
    let (share, z) = mann_whitney(&wrong, &unknown);
    for (half, millis) in [
        ("wrong password", &mut wrong),
        ("unknown user", &mut unknown),
    ] {
        println!(
            "{half:<14} {:>6} samples, {}",
            millis.len(),
            quartiles(millis)
        );
    }
    println!(
        "Mann-Whitney: an account was slower in {:.2} % of pairs, z = {z:.2}",
        share * 100.0
    );
    Ok(())
}

/// The service over a table of mixed hashes, which counts in Redis or in memory.
async fn service(redis: Option<&str>) -> Result<Router, Failed> {
    let Asked::Serve(args) = Args::read(["portcullis-chat", "--rate-limit", "1000000/1s"])? else {
        return Err("asked to print".into());
    };
    let mut settings = Settings::from_args(*args)?;
    settings.redis = redis.map(RedisConfig::from_url).transpose()?;
    let database = Database::open(None)?;
    let now = SystemClock.now();
    for (number, hash) in (0..ACCOUNTS).zip(HASHES.iter().cycle()) {
        let name = format!("account{number}");
        database.create_user(&name, hash, now).await?;
    }
    let passwords = Passwords::new(&settings.rotation_key);
    let hashes = database.password_hashes().await?;
    passwords.learn_costs(hashes.iter().map(String::as_str));
    let responder = Responder::BuiltIn;
    let keys = settings.rotation_keys()?;
    let stores = stores::open(&settings, &keys, Arc::new(SystemClock)).await?;
    Ok(app::router(
        &settings,
        stores,
        &database,
        &passwords,
        responder,
        Drain::new(),
    )?)
}

/// How long it takes to be told that `name` may not log in, from an address of its own.
async fn refused(app: &Router, name: &str, number: u32) -> Result<Option<Duration>, Failed> {
    let body = format!(r#"{{"username": "{name}", "password": "a wrong one"}}"#);
    let mut request = Request::post("/api/auth/login/")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(body))?;
    let [_, a, b, c] = number.to_be_bytes();
    request
        .extensions_mut()
        .insert(PeerAddr::from(([10, a, b, c], 5_000)));
    #[allow(clippy::disallowed_methods)] // what is measured is the time
    let begin = std::time::Instant::now();
    let response = app.clone().oneshot(request).await?;
    let took = begin.elapsed();
    match response.status() {
        StatusCode::UNAUTHORIZED => Ok(Some(took)),
        // A busy machine missed a deadline of the store's: no sample.
        StatusCode::SERVICE_UNAVAILABLE => Ok(None),
        status => Err(format!("{name}: {status} instead of 401").into()),
    }
}

fn is_heads() -> Result<bool, Failed> {
    let mut byte = [0];
    random::fill(&mut byte)?;
    Ok(byte[0] & 1 == 1)
}

/// The quartiles of `millis`, which are sorted for it.
fn quartiles(millis: &mut [f64]) -> String {
    millis.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        millis
            .get(millis.len() * quarter / 4)
            .copied()
            .unwrap_or_default()
    };
    format!("quartiles {:.2} / {:.2} / {:.2} ms", at(1), at(2), at(3))
}

/// The share of pairs in which `a` is the greater one, ties being half a pair, and how many
/// standard deviations that is from one half: normal for so many samples.
#[allow(clippy::cast_precision_loss)] // thousands of samples, millions of pairs
fn mann_whitney(a: &[f64], b: &[f64]) -> (f64, f64) {
    let beats = |own: f64| -> f64 {
        b.iter()
            .map(|other| match own.total_cmp(other) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            })
            .sum()
    };
    let wins: f64 = a.iter().map(|&own| beats(own)).sum();
    let pairs = (a.len() * b.len()) as f64;
    let deviation = (pairs * (a.len() + b.len() + 1) as f64 / 12.0).sqrt();
    (wins / pairs, (wins - pairs / 2.0) / deviation)
}
