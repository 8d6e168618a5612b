//! Login, refresh and logout: the rotation service over the users of the database.

use std::{sync::Arc, time::Duration};

use axum::Router;
use portcullis::refresh::{
    Authenticator, AuthenticatorError, CookieProfile, Delivery, EndpointLimits, Login,
    LoginOutcome, RefreshRotationService, TokenCookies, User,
};
use portcullis_core::{Answer, clock::Clock, rotation::RotationPolicy};
use serde::Serialize;

use crate::{
    accounts::Accounts,
    config::{ConfigError, CookieProfileArg, DeliveryArg, Settings},
    database,
    django::DjangoTables,
    policies::Policies,
    telemetry,
};

/// Where the service answers, with and without a final slash.
const PATHS: [&str; 4] = [
    "/api/auth/{*rest}",
    "/api/csrf",
    "/api/token/refresh",
    "/api/token/verify",
];

/// What login and `me` say about a user.
#[derive(Serialize)]
struct Profile<'a> {
    id: String,
    username: &'a str,
}

fn user(row: &database::User) -> Result<User, AuthenticatorError> {
    let id = row.id.to_string();
    let username = &row.name;
    User::new(id.as_str()).with_profile(&Profile {
        id: id.clone(),
        username,
    })
}

impl Authenticator for Accounts {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        let (accounts, login) = (self.clone(), login.clone());
        Answer::later(async move {
            let checked = accounts.check(login.username(), login.password()).await;
            let (row, right) = checked.map_err(AuthenticatorError::new)?;
            match row {
                Some(row) if right => Ok(LoginOutcome::Accepted(user(&row)?)),
                row => Ok(LoginOutcome::Refused {
                    subject: row.map(|row| row.id.to_string()),
                }),
            }
        })
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        let (accounts, subject) = (self.clone(), subject.to_owned());
        Answer::later(async move {
            let row = accounts
                .active(&subject)
                .await
                .map_err(AuthenticatorError::new)?;
            row.as_ref().map(user).transpose()
        })
    }
}

/// The routes of the service.
///
/// # Errors
///
/// [`ConfigError`] naming the flag whose value the service refuses.
pub fn router(
    settings: &Settings,
    policies: &Policies,
    accounts: Accounts,
    django: DjangoTables,
    clock: &Arc<dyn Clock>,
) -> Result<Router, ConfigError> {
    let service = service(settings, policies, accounts, django, clock)?;
    let mut router = Router::new();
    for path in PATHS {
        router = router.route_service(path, service.clone());
        if !path.ends_with('}') {
            router = router.route_service(&format!("{path}/"), service.clone());
        }
    }
    Ok(router)
}

fn service(
    settings: &Settings,
    policies: &Policies,
    accounts: Accounts,
    django: DjangoTables,
    clock: &Arc<dyn Clock>,
) -> Result<RefreshRotationService, ConfigError> {
    let (keys, rotation) = (
        policies.authentication.keys(),
        policies.rotation_keys.clone(),
    );
    let builder =
        RefreshRotationService::builder(keys, rotation, policies.stores.clone(), accounts)
            .with_csrf(policies.csrf.clone())
            .with_cookies(cookies(settings)?)
            .with_client_policy(policies.client.clone())
            .with_clock(clock.clone())
            .with_shared_audit(telemetry::audit())
            .with_limits(limits(settings)?)
            .with_delivery(match settings.delivery {
                DeliveryArg::AccessInBody => Delivery::AccessInBody,
                DeliveryArg::Cookies => Delivery::Cookies,
            })
            .with_rotation_policy(RotationPolicy {
                overlap: settings.overlap,
                idle: settings.refresh_ttl,
                absolute: settings.session_ttl,
                access: settings.access_ttl,
                ..RotationPolicy::default()
            });
    let builder = if settings.secure {
        builder
    } else {
        builder.insecure_development()
    };
    let builder = match settings.adopt_django_tokens {
        Some(until) => builder.adopt_django_tokens(until, django),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| ConfigError::new(error.to_string()))
}

fn cookies(settings: &Settings) -> Result<TokenCookies, ConfigError> {
    let cookies = TokenCookies::new(match settings.cookie_profile {
        CookieProfileArg::Django => CookieProfile::Django,
        CookieProfileArg::Host => CookieProfile::Host,
    });
    let cookies = if settings.secure {
        Ok(cookies)
    } else {
        cookies.insecure_development()
    };
    cookies
        .and_then(|cookies| cookies.with_same_site(settings.same_site))
        .map_err(|error| ConfigError::new(format!("--cookie-profile: {error}")))
}

/// How long the limits of login and refresh wait for Redis before this process decides alone. More
/// than a request's own limits do: beside a password's hash nobody feels it, and while processes
/// decide alone each of them admits a full quota of guesses.
const LIMIT_DEADLINE: Duration = Duration::from_millis(250);

fn limits(settings: &Settings) -> Result<EndpointLimits, ConfigError> {
    let login = settings.login_limit.strict();
    let refresh = settings.refresh_limit.quota();
    EndpointLimits::new()
        .and_then(|limits| limits.with_login(login?))
        .and_then(|limits| limits.with_refresh(refresh?))
        .map(|limits| limits.with_store_deadline(LIMIT_DEADLINE))
        .map_err(|error| ConfigError::new(format!("--login-limit or --refresh-limit: {error}")))
}
