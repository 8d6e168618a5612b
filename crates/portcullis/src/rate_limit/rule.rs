//! Whom a limit counts, and where it applies.

use std::{borrow::Cow, fmt, net::IpAddr, sync::Arc};

use http::{HeaderName, Method};
use portcullis_core::{
    identity::Identity,
    path::{PathPattern, PathPatternError},
    rate::{AddressKey, Charge, Limit},
    respond::RequestView,
};

use super::shared::MissingPeerAddr;

type KeyFn = dyn for<'a> Fn(&RequestView<'a>) -> Option<Cow<'a, [u8]>> + Send + Sync;

/// One way of counting, with a limit for each place where it applies.
///
/// A request is charged once per rule: to the limit of the first place that it matches, in the
/// order in which they were added, else to the limit that the rule was made with.
///
/// # Example
///
/// ```
/// use http::Method;
/// use portcullis::rate_limit::{RateRule, limit::{Limit, Quota}};
///
/// let reads = Limit::new("reads", Quota::per_second(50)?)?;
/// let writes = Limit::new("writes", Quota::per_second(5)?)?;
/// let upload = Limit::new("upload", Quota::per_minute(2)?)?;
///
/// let rule = RateRule::by_subject(writes)
///     .on([Method::GET, Method::HEAD], "/**", reads)?
///     .on([Method::POST], "/files/", upload.clone())?;
/// assert!(rule.on([], "files", upload).is_err(), "no absolute path");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RateRule {
    source: KeySource,
    places: Vec<Place>,
    failures_only: bool,
}

#[derive(Clone)]
enum KeySource {
    Address,
    Custom(Arc<KeyFn>),
    Everyone,
    Header(HeaderName),
    Subject,
    WideNetwork,
}

/// Where a limit applies; no method and no path mean all.
#[derive(Clone, Debug)]
struct Place {
    methods: Box<[Method]>,
    paths: Box<[PathPattern]>,
    limit: Limit,
}

/// Whom a request is charged to under one rule.
#[derive(Debug)]
pub(super) enum Key<'a> {
    Address(AddressKey),
    Named(&'static [u8], Cow<'a, [u8]>),
}

impl Key<'_> {
    /// The kind and the name, so that no user id reads as a header.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Address(_) => [b"", b""],
            Self::Named(kind, name) => [kind, name],
        }
    }

    /// A charge of `limit` to this key, whose [`parts`](Self::parts) are at hand.
    pub(super) fn charge<'a>(&self, limit: &'a Limit, parts: &'a [&'a [u8]; 2]) -> Charge<'a> {
        match self {
            Self::Address(key) => Charge::by_address(limit, *key),
            Self::Named(..) => Charge::new(limit, parts),
        }
    }
}

impl RateRule {
    /// Counts by the client's address, IPv6 by /64.
    pub fn by_address(limit: Limit) -> Self {
        Self::new(KeySource::Address, limit)
    }

    /// Counts by the client's address, IPv6 by /48: beside a rule by address, with 4 to 8 times
    /// its quota.
    pub fn by_wide_network(limit: Limit) -> Self {
        Self::new(KeySource::WideNetwork, limit)
    }

    /// Counts by the [`Identity`] that an authentication layer outside this one has left; a
    /// request without one is counted by address.
    pub fn by_subject(limit: Limit) -> Self {
        Self::new(KeySource::Subject, limit)
    }

    /// Counts by the value of the header `name`; a request without it, or with several, is
    /// counted by address.
    ///
    /// # Security
    ///
    /// The client writes it: whoever sends a new value each time is not limited. Use it for keys
    /// that were checked, beside a limit by address.
    pub fn by_header(name: HeaderName, limit: Limit) -> Self {
        Self::new(KeySource::Header(name), limit)
    }

    /// Counts by what `key` makes of the request; `None` leaves the request out of this rule.
    pub fn by(
        key: impl for<'a> Fn(&RequestView<'a>) -> Option<Cow<'a, [u8]>> + Send + Sync + 'static,
        limit: Limit,
    ) -> Self {
        Self::new(KeySource::Custom(Arc::new(key)), limit)
    }

    /// Counts all requests together.
    pub fn global(limit: Limit) -> Self {
        Self::new(KeySource::Everyone, limit)
    }

    /// Charges `limit` for requests by one of `methods` (all, when empty) to a path that `pattern`
    /// matches, with and without a final slash.
    ///
    /// A path that could be read in another way, with encoded bytes or dot segments, is matched as
    /// a lenient router would read it: no spelling escapes a stricter limit.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] when `pattern` is no path pattern.
    pub fn on(
        mut self,
        methods: impl IntoIterator<Item = Method>,
        pattern: &str,
        limit: Limit,
    ) -> Result<Self, PathPatternError> {
        let mut paths = vec![pattern.parse()?];
        let other = match pattern.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{pattern}/"),
        };
        paths.extend(other.parse::<PathPattern>());
        let place = Place {
            methods: methods.into_iter().collect(),
            paths: paths.into(),
            limit,
        };
        // The place that matches everything, if there is one, stays last.
        let rest = self.places.iter().position(Place::is_everywhere);
        self.places.insert(rest.unwrap_or(self.places.len()), place);
        Ok(self)
    }

    /// Leaves out every request that none of the places matches.
    pub fn nowhere_else(mut self) -> Self {
        self.places.retain(|place| !place.is_everywhere());
        self
    }

    /// Gives the charge back when the response is a success
    /// ([`with_classify`](super::RateLimitLayer::with_classify)).
    ///
    /// It stays for a failure, a 5xx, an error, and a request that was given up: cancelling must
    /// not be a way to guess for nothing.
    pub fn failures_only(self) -> Self {
        Self {
            failures_only: true,
            ..self
        }
    }

    fn new(source: KeySource, limit: Limit) -> Self {
        Self {
            source,
            places: vec![Place {
                methods: Box::default(),
                paths: Box::default(),
                limit,
            }],
            failures_only: false,
        }
    }

    pub(super) const fn counts_failures_only(&self) -> bool {
        self.failures_only
    }

    pub(super) fn has_shadow(&self) -> bool {
        self.places.iter().any(|place| place.limit.is_shadow())
    }

    /// The limit of the place with this index.
    pub(super) fn limit(&self, place: usize) -> &Limit {
        &self.places[place].limit
    }

    /// Whether the path decides anything.
    pub(super) fn looks_at_paths(&self) -> bool {
        self.places.iter().any(|place| !place.paths.is_empty())
    }

    /// The index of the first place that `method` and `path` match.
    #[inline]
    pub(super) fn place(&self, method: &Method, path: &str) -> Option<usize> {
        if self.places.first().is_some_and(Place::is_everywhere) {
            return Some(0);
        }
        self.places
            .iter()
            .position(|place| place.matches(method, path))
    }

    /// Whom a request from `address` is charged to, where that is all that the rule looks at.
    pub(super) fn address_key(&self, address: Option<IpAddr>) -> Option<AddressKey> {
        match self.source {
            KeySource::Address => address.map(AddressKey::of),
            KeySource::WideNetwork => address.map(AddressKey::wide),
            _ => None,
        }
    }

    /// Whom the request is charged to; `None` leaves it out.
    pub(super) fn key<'a>(
        &self,
        request: &RequestView<'a>,
        address: Option<IpAddr>,
    ) -> Result<Option<Key<'a>>, MissingPeerAddr> {
        let by_address = || {
            let address = address.ok_or(MissingPeerAddr)?;
            Ok(Some(Key::Address(AddressKey::of(address))))
        };
        let named = |kind: &'static [u8], name| Ok(Some(Key::Named(kind, name)));
        match &self.source {
            KeySource::Address | KeySource::WideNetwork => match self.address_key(address) {
                Some(key) => Ok(Some(Key::Address(key))),
                None => Err(MissingPeerAddr),
            },
            KeySource::Everyone => named(b"everyone", Cow::Borrowed(b"")),
            KeySource::Custom(key) => Ok(key(request).map(|name| Key::Named(b"custom", name))),
            KeySource::Subject => match request.extensions.get::<Identity>() {
                Some(identity) => named(b"subject", Cow::Borrowed(identity.subject().as_bytes())),
                None => by_address(),
            },
            KeySource::Header(header) => {
                let mut values = request.headers.get_all(header).iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => named(b"header", Cow::Borrowed(value.as_bytes())),
                    _ => by_address(),
                }
            }
        }
    }
}

impl Place {
    fn is_everywhere(&self) -> bool {
        self.methods.is_empty() && self.paths.is_empty()
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.contains(method))
            && (self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.covers(path)))
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("Address"),
            Self::Custom(_) => f.write_str("Custom(..)"),
            Self::Everyone => f.write_str("Everyone"),
            Self::Header(name) => write!(f, "Header({name})"),
            Self::Subject => f.write_str("Subject"),
            Self::WideNetwork => f.write_str("WideNetwork"),
        }
    }
}

/// The path as the most lenient router reads it: decoded once, `\` as `/`, without parameters,
/// empty and dot segments. Borrowed where nothing of that is in it.
pub(super) fn lenient(path: &str) -> Cow<'_, str> {
    let odd = |byte| matches!(byte, b'%' | b'\\' | b';');
    if !path.bytes().any(odd) && !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    // A `%` that is left stands for itself, and a pattern cannot name it: any other byte will do.
    let decoded = decode(path).replace('\\', "/").replace('%', "_");
    let (mut segments, mut is_folder) = (Vec::new(), true);
    for segment in decoded.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        is_folder = matches!(name, "" | "." | "..");
        match name {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let last = if is_folder && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    Cow::Owned(format!("/{}{last}", segments.join("/")))
}

fn decode(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        let octet = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let octet = octet.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A layer with more rules than one decision can take; put the others into a second layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooManyRules;

impl fmt::Display for TooManyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a ninth rule: one decision takes 8 limits; give one rule several places with \
             `RateRule::on`, or stack a second layer",
        )
    }
}

impl std::error::Error for TooManyRules {}
