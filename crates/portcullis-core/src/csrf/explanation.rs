//! What was compared, for the operator: the most reported problem with Django's check is that
//! nobody can see it.

use std::fmt;

use http::{HeaderMap, HeaderName, header};

use super::{CsrfPolicy, CsrfRejection, proof::origin_of};
use crate::{client::Client, respond::RequestView};

/// The most bytes that are kept of anything that a request wrote.
const MAX_BYTES: usize = 256;

/// A refusal with what was compared: our origin as computed, the sender's as received.
///
/// For events and response extensions, never for the client. It holds no token, no cookie and, of
/// the `Referer`, the origin alone. Each text is cut to 256 bytes and printable.
///
/// # Example
///
/// ```
/// # use portcullis_core::{
/// #     Secret, client::ClientPolicy, csrf::CsrfPolicy, keys::{DerivedKey, Purpose},
/// #     respond::RequestView,
/// # };
/// # let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32]))?;
/// let policy = CsrfPolicy::new(key).add_own_origin("https://chat.example".parse()?);
/// let request = http::Request::post("/").header("origin", "http://chat.example").body(())?;
///
/// let view = RequestView::of(&request);
/// let client = ClientPolicy::direct().client(&view);
/// let rejection = policy.check(&view, &client).unwrap_err();
/// assert_eq!(
///     policy.explain(rejection, &view, &client).to_string(),
///     "csrf_origin_untrusted: own origin https://chat.example, Origin http://chat.example, \
///      Sec-Fetch-Site absent, Referer absent",
/// );
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsrfExplanation {
    rejection: CsrfRejection,
    own: String,
    origin: Option<String>,
    fetch_site: Option<String>,
    referer: Option<String>,
}

impl CsrfPolicy {
    /// What led to `rejection`.
    pub fn explain(
        &self,
        rejection: CsrfRejection,
        request: &RequestView<'_>,
        client: &Client<'_>,
    ) -> CsrfExplanation {
        let own = match (self.own_origins(), client.host()) {
            ([], Some(host)) => {
                let host = host.host().to_ascii_lowercase() + &port(&host);
                format!("{}://{host}", client.scheme)
            }
            ([], None) => "unknown".to_owned(),
            (own, _) => own
                .iter()
                .map(crate::origin::Origin::as_str)
                .collect::<Vec<_>>()
                .join(" or "),
        };
        let site = HeaderName::from_static("sec-fetch-site");
        CsrfExplanation {
            rejection,
            own: printable(own.as_bytes()),
            origin: text(request.headers, &header::ORIGIN, |value| value),
            fetch_site: text(request.headers, &site, |value| value),
            referer: text(request.headers, &header::REFERER, origin_of),
        }
    }
}

fn port(host: &crate::origin::Authority<'_>) -> String {
    host.port()
        .map_or_else(String::new, |port| format!(":{port}"))
}

fn text(headers: &HeaderMap, name: &HeaderName, part: impl Fn(&[u8]) -> &[u8]) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let first = printable(part(values.next()?.as_bytes()));
    Some(match values.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    })
}

fn printable(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(MAX_BYTES)]
        .escape_ascii()
        .to_string()
}

impl CsrfExplanation {
    /// The reason.
    pub const fn rejection(&self) -> CsrfRejection {
        self.rejection
    }

    /// Our own origin: configured, or computed from scheme and `Host`.
    pub fn own_origin(&self) -> &str {
        &self.own
    }

    /// `Origin`, as received.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}

impl fmt::Display for CsrfExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = |text: &Option<String>| text.clone().unwrap_or_else(|| "absent".to_owned());
        write!(
            f,
            "{}: own origin {}, Origin {}, Sec-Fetch-Site {}, Referer {}",
            self.rejection.code(),
            self.own,
            seen(&self.origin),
            seen(&self.fetch_site),
            seen(&self.referer)
        )
    }
}
