//! Answers a message piece by piece: from an OpenAI-compatible server, or by itself.

use std::{fmt, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};

use crate::{config::Upstream, database::Message};

mod lines;
mod upstream;

#[cfg(test)]
mod tests;

use upstream::UpstreamClient;

/// The longest answer, in bytes: what comes after is cut off.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The time between two pieces of the built-in responder.
const PAUSE: Duration = Duration::from_millis(30);

/// Pieces of an answer, in order; an error ends them.
pub type Pieces = stream::BoxStream<'static, Result<String, AnswerError>>;

/// Who answers.
#[derive(Clone, Debug)]
pub enum Responder {
    /// A few fixed sentences, word by word.
    BuiltIn,
    /// A language model behind an OpenAI-compatible server.
    Upstream(UpstreamResponder),
}

/// A connection to an OpenAI-compatible server.
#[derive(Clone, Debug)]
pub struct UpstreamResponder(UpstreamClient);

impl Responder {
    /// The responder that asks `upstream`, or the built-in one.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] when the system gives no certificate store for TLS.
    pub fn new(upstream: Option<&Upstream>) -> Result<Self, AnswerError> {
        match upstream {
            Some(upstream) => UpstreamClient::new(upstream)
                .map(UpstreamResponder)
                .map(Self::Upstream),
            None => Ok(Self::BuiltIn),
        }
    }

    /// Answers the last of `history`.
    pub fn answer(&self, history: &[Message]) -> Pieces {
        let pieces = match self {
            Self::BuiltIn => built_in(history).boxed(),
            Self::Upstream(upstream) => upstream.0.answer(history),
        };
        limited(pieces).boxed()
    }
}

/// Word after word with [`PAUSE`] between, so that one sees the answer arrive.
fn built_in(history: &[Message]) -> impl Stream<Item = Result<String, AnswerError>> + use<> {
    let said = history.last().map_or("", |message| message.text.as_str());
    let earlier = history.len().saturating_sub(1);
    let answer = format!(
        "You said: \u{201c}{said}\u{201d} I remember {earlier} earlier messages of yours and mine, \
         but there is no language model behind me: I am the built-in responder of \
         portcullis-chat. Start it with --upstream and the address of an OpenAI-compatible server, \
         and that will answer."
    );
    let words: Vec<String> = answer.split_inclusive(' ').map(str::to_owned).collect();
    stream::iter(words).enumerate().then(async |(place, word)| {
        if place > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(word)
    })
}

/// The pieces of `pieces` until they have [`MAX_ANSWER_BYTES`] together.
fn limited(pieces: Pieces) -> impl Stream<Item = Result<String, AnswerError>> {
    pieces.scan(MAX_ANSWER_BYTES, |left, piece| {
        let fits = match &piece {
            Ok(text) => left.checked_sub(text.len()),
            Err(_) => Some(*left),
        };
        *left = fits.unwrap_or(0);
        std::future::ready(fits.map(|_| piece))
    })
}

/// The answer broke off. What the upstream said is for the log, not for the user.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnswerError {
    /// The upstream could not be reached, or broke off.
    Http(reqwest::Error),
    /// The upstream answered with another status than 200.
    Status(u16),
    /// The upstream sent what is no event stream of chat completions.
    Format(&'static str),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the upstream could not be read: {error}"),
            Self::Status(status) => write!(f, "the upstream answered with status {status}"),
            Self::Format(what) => write!(f, "the upstream sent no chat completion: {what}"),
        }
    }
}

impl std::error::Error for AnswerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Format(_) | Self::Status(_) => None,
        }
    }
}
