//! Who may log in. A real application asks its database here, and hashes passwords with Argon2.

use portcullis::{
    core::{Answer, Secret},
    refresh::{Authenticator, AuthenticatorError, Login, LoginOutcome, User},
};

/// One user: `demo`, with the password `portcullis`.
#[derive(Clone, Copy, Debug)]
pub struct Users;

const DEMO: &str = "1";

impl Authenticator for Users {
    fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        let known = login.username() == "demo";
        // Compared for unknown users too, and in constant time: what differs must not be timed.
        let right = *login.password() == Secret::new("portcullis");
        Answer::now(Ok(if known && right {
            LoginOutcome::Accepted(User::new(DEMO))
        } else {
            LoginOutcome::Refused {
                subject: known.then(|| DEMO.into()),
            }
        }))
    }

    fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok((subject == DEMO).then(|| User::new(DEMO))))
    }
}
