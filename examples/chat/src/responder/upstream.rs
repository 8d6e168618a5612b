//! Asks an OpenAI-compatible server, and reads its answer as it comes.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt as _, stream};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{AnswerError, Pieces, lines::Lines};
use crate::{config::Upstream, database::Message};

/// How long the upstream may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may say nothing: a large model thinks before its first word.
const SILENCE: Duration = Duration::from_secs(60);

/// How long an answer may take in all.
const ANSWER: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
pub(super) struct UpstreamClient {
    client: reqwest::Client,
    url: String,
    model: String,
    authorization: Option<HeaderValue>,
}

#[derive(Serialize)]
struct Ask<'a> {
    model: &'a str,
    stream: bool,
    messages: Vec<AskMessage<'a>>,
}

#[derive(Serialize)]
struct AskMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

impl UpstreamClient {
    pub(super) fn new(upstream: &Upstream) -> Result<Self, AnswerError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(AnswerError::Http)?;
        let authorization = match &upstream.key {
            Some(key) => {
                let bearer = [b"Bearer ".as_slice(), key.expose()].concat();
                let mut value = HeaderValue::from_bytes(&bearer)
                    .map_err(|_| AnswerError::Format("the API key is no header value"))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self {
            client,
            url: format!("{}/chat/completions", upstream.url),
            model: upstream.model.clone(),
            authorization,
        })
    }

    pub(super) fn answer(&self, history: &[Message]) -> Pieces {
        let messages = history
            .iter()
            .map(|message| AskMessage {
                role: message.role.as_str(),
                content: &message.text,
            })
            .collect();
        let ask = Ask {
            model: &self.model,
            stream: true,
            messages,
        };
        let mut request = self.client.post(&self.url).json(&ask);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        stream::unfold(Reading::Asked(request), |state| Box::pin(state.next())).boxed()
    }
}

/// Where the reading of an answer stands.
enum Reading {
    Asked(reqwest::RequestBuilder),
    Open(Open),
    Ended,
}

struct Open {
    response: reqwest::Response,
    lines: Lines,
    data: VecDeque<String>,
}

impl Reading {
    /// The next piece; none at the end and after an error.
    async fn next(self) -> Option<(Result<String, AnswerError>, Self)> {
        let mut open = match self {
            Self::Ended => return None,
            Self::Open(open) => open,
            Self::Asked(request) => match Open::new(request).await {
                Ok(open) => open,
                Err(error) => return Some((Err(error), Self::Ended)),
            },
        };
        match open.piece().await {
            Ok(Some(piece)) => Some((Ok(piece), Self::Open(open))),
            Ok(None) => None,
            Err(error) => Some((Err(error), Self::Ended)),
        }
    }
}

impl Open {
    async fn new(request: reqwest::RequestBuilder) -> Result<Self, AnswerError> {
        let response = request.send().await.map_err(AnswerError::Http)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(AnswerError::Status(response.status().as_u16()));
        }
        Ok(Self {
            response,
            lines: Lines::default(),
            data: VecDeque::new(),
        })
    }

    async fn piece(&mut self) -> Result<Option<String>, AnswerError> {
        loop {
            while let Some(data) = self.data.pop_front() {
                if data == "[DONE]" {
                    return Ok(None);
                }
                let chunk: Chunk = serde_json::from_str(&data)
                    .map_err(|_| AnswerError::Format("an event is no completion chunk"))?;
                let text = chunk
                    .choices
                    .into_iter()
                    .next()
                    .and_then(|first| first.delta.content);
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    return Ok(Some(text));
                }
            }
            match self.response.chunk().await.map_err(AnswerError::Http)? {
                Some(bytes) => self.data.extend(self.lines.push(&bytes)?),
                None => return Err(AnswerError::Format("it ended before [DONE]")),
            }
        }
    }
}
