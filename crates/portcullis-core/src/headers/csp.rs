//! `Content-Security-Policy`: the builder.

use super::{
    Directive, HeaderConfigError, Sandbox,
    source::{Kind, Source},
};

/// A content security policy, built directive by directive.
///
/// # Example
///
/// ```
/// use portcullis_core::headers::{Csp, Directive, Source};
///
/// let csp = Csp::api().with(Directive::ImgSrc, [Source::SELF, Source::scheme("data")?])?;
/// assert_eq!(
///     csp.to_string(),
///     "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
///      img-src 'self' data:",
/// );
/// assert!(csp.with(Directive::ImgSrc, [Source::NONE, Source::SELF]).is_err());
/// # Ok::<_, portcullis_core::headers::HeaderConfigError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Csp {
    directives: Vec<(&'static str, Vec<Source>)>,
    report_to: Option<String>,
    upgrade: bool,
}

impl Csp {
    /// Allows everything; each directive then takes something away.
    pub fn new() -> Self {
        Self::default()
    }

    /// For pages that we render: scripts by nonce, all else from our own origin, no framing, and
    /// Trusted Types.
    pub fn strict() -> Self {
        Self::api()
            .set("script-src", vec![Source::NONCE])
            .set("style-src", vec![Source::SELF])
            .set("img-src", vec![Source::SELF])
            .set("font-src", vec![Source::SELF])
            .set("connect-src", vec![Source::SELF])
            .set("form-action", vec![Source::SELF])
            .with_trusted_types()
            .with_upgrade_insecure_requests()
    }

    /// For answers that are no documents: nothing loads, nothing frames.
    pub fn api() -> Self {
        ["default-src", "base-uri", "form-action", "frame-ancestors"]
            .into_iter()
            .fold(Self::new(), |csp, name| csp.set(name, vec![Source::NONE]))
    }

    /// Allows `sources` alone for `directive`; a second call replaces the first.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] for none at all, for [`Source::NONE`] beside others, and for a
    /// keyword, hash or nonce in a directive that knows none (`frame-ancestors`, `img-src`).
    pub fn with(
        self,
        directive: Directive,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<Self, HeaderConfigError> {
        let sources: Vec<Source> = sources.into_iter().collect();
        let wrong = |want| Err(HeaderConfigError::new(directive.as_str(), want));
        if sources.is_empty() {
            return wrong("at least one source: `Source::NONE` allows nothing");
        }
        if sources.len() > 1 && sources.contains(&Source::NONE) {
            return wrong("`Source::NONE` alone, or other sources without it");
        }
        let is_place = |source: &Source| matches!(source.0, Kind::None | Kind::Place(_));
        if !directive.governs_code() && !sources.iter().all(is_place) {
            return wrong("hosts, schemes and `Source::SELF` in this directive");
        }
        Ok(self.set(directive.as_str(), sources))
    }

    /// Takes `directive` out.
    pub fn without(mut self, directive: Directive) -> Self {
        let gone = directive.as_str();
        self.directives.retain(|(name, _)| *name != gone);
        self
    }

    /// Lets DOM sinks take typed values only, and no policy make them
    /// (`require-trusted-types-for`, `trusted-types`).
    pub fn with_trusted_types(self) -> Self {
        self.set(
            "require-trusted-types-for",
            vec![Source(Kind::Keyword("'script'"))],
        )
        .set("trusted-types", vec![Source::NONE])
    }

    /// Lets the Trusted Types policies called `names` exist.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless each is a policy name.
    pub fn with_trusted_types_policies(self, names: &[&str]) -> Result<Self, HeaderConfigError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-#=_/@.%".contains(&b);
        let checked = names.iter().map(|name| {
            if name.is_empty() || name.len() > 256 || !name.bytes().all(plain) {
                let want = "the name of a Trusted Types policy, like `dompurify`";
                return Err(HeaderConfigError::new(name, want));
            }
            Ok(Source(Kind::Place((*name).to_owned().into())))
        });
        let names: Vec<Source> = checked.collect::<Result<_, _>>()?;
        Ok(self.with_trusted_types().set("trusted-types", names))
    }

    /// Treats the document as of an origin of its own that may do only what `allowed` says.
    pub fn with_sandbox(self, allowed: &[Sandbox]) -> Self {
        let words = allowed
            .iter()
            .map(|word| Source(Kind::Keyword(word.as_str())));
        self.set("sandbox", words.collect())
    }

    /// Loads http resources over https, in documents that came over https themselves.
    pub fn with_upgrade_insecure_requests(self) -> Self {
        Self {
            upgrade: true,
            ..self
        }
    }

    /// Reports violations to the endpoint called `name`, which the header policy has to declare.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless `name` is a key like `csp`.
    pub fn with_report_to(self, name: &str) -> Result<Self, HeaderConfigError> {
        let report_to = Some(endpoint_name(name)?.to_owned());
        Ok(Self { report_to, ..self })
    }

    /// Reports violations to `url` in browsers without `report-to`.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless `url` is a path or an https URL without `;`, `,` or quotes.
    pub fn with_report_uri(self, url: &str) -> Result<Self, HeaderConfigError> {
        let url = report_url(url)?.to_owned();
        Ok(self.set("report-uri", vec![Source(Kind::Place(url.into()))]))
    }

    pub(super) const fn upgrades(&self) -> bool {
        self.upgrade
    }

    pub(super) fn report_to(&self) -> Option<&str> {
        self.report_to.as_deref()
    }

    fn set(mut self, name: &'static str, sources: Vec<Source>) -> Self {
        match self.directives.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = sources,
            None => self.directives.push((name, sources)),
        }
        self
    }

    /// The pieces between the places of the nonce, without upgrade.
    pub(super) fn pieces(&self) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for (at, (name, sources)) in self.directives.iter().enumerate() {
            let last = pieces.last_mut().expect("never empty");
            last.push_str(if at == 0 { "" } else { "; " });
            last.push_str(name);
            for source in sources {
                let last = pieces.last_mut().expect("never empty");
                match &source.0 {
                    Kind::Keyword(text) => last.extend([" ", text]),
                    Kind::None => last.push_str(" 'none'"),
                    Kind::Place(text) => last.extend([" ", text]),
                    Kind::Hash(text) => last.extend([" ", text]),
                    Kind::Nonce => {
                        last.push_str(" 'nonce-");
                        pieces.push("'".to_owned());
                    }
                }
            }
        }
        if let Some(name) = &self.report_to {
            let last = pieces.last_mut().expect("never empty");
            let joint = if self.directives.is_empty() { "" } else { "; " };
            last.extend([joint, "report-to ", name]);
        }
        pieces
    }

    /// The same policy for a response whose nonce nobody asked for.
    pub(super) fn without_nonce(&self) -> Self {
        let mut plain = self.clone();
        for (_, sources) in &mut plain.directives {
            let before = sources.len();
            sources.retain(|source| *source != Source::NONCE);
            if sources.is_empty() && before > 0 {
                sources.push(Source::NONE);
            }
        }
        plain
    }
}

impl std::fmt::Display for Csp {
    /// The policy over plain http, without a nonce.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.without_nonce().pieces().concat())
    }
}

/// The name of a reporting endpoint: a key of structured fields (RFC 9651 §3.1.2).
pub(super) fn endpoint_name(name: &str) -> Result<&str, HeaderConfigError> {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    if !starts || name.len() > 64 || !name.bytes().all(plain) {
        let want = "a name of lower-case letters, digits, `_` and `-`, like `csp`";
        return Err(HeaderConfigError::new(name, want));
    }
    Ok(name)
}

/// Where a browser sends reports.
pub(super) fn report_url(url: &str) -> Result<&str, HeaderConfigError> {
    let place = url.starts_with('/') || url.starts_with("https://");
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"'\\;,<>".contains(&b);
    if !place || url.len() > 1024 || !url.bytes().all(plain) {
        let want = "an absolute path or an https URL, like `/csp-report`";
        return Err(HeaderConfigError::new(url, want));
    }
    Ok(url)
}
