//! The reasons for a refusal: the fifteen that Django tells apart, and those of the checks that
//! Django does not make.

/// Why a request was refused. The first fifteen are Django's, in its order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CsrfRejection {
    /// `Origin` is neither ours nor trusted; `null` is neither.
    OriginUntrusted,
    /// Over https with neither `Origin` nor `Referer`.
    RefererMissing,
    /// A `Referer` that names no origin, or more than one.
    RefererMalformed,
    /// A `Referer` over plain http while the request came over https.
    RefererInsecure,
    /// The origin of `Referer` is neither ours nor trusted.
    RefererUntrusted,
    /// No cookie.
    CookieMissing,
    /// A cookie of neither 32 nor 64 bytes.
    CookieLength,
    /// A cookie with other bytes than letters and digits.
    CookieCharacters,
    /// Neither header nor form field.
    TokenMissing,
    /// A form field of neither 32 nor 64 bytes.
    FieldLength,
    /// A form field with other bytes than letters and digits.
    FieldCharacters,
    /// A form field that is not the cookie's secret.
    FieldIncorrect,
    /// A header of neither 32 nor 64 bytes.
    HeaderLength,
    /// A header with other bytes than letters and digits.
    HeaderCharacters,
    /// A header that is not the cookie's secret.
    HeaderIncorrect,
    /// Several cookies of the name, none of which is signed for this session and equals the token.
    CookieAmbiguous,
    /// `Sec-Fetch-Site` says that another site sent the request, and `Origin` is not trusted.
    CrossSite,
    /// `Sec-Fetch-Site` twice, or no token.
    FetchSiteMalformed,
    /// The token header twice.
    HeaderRepeated,
    /// `Sec-Fetch-Site` says that we sent the request ourselves, `Origin` names another sender.
    OriginContradicts,
    /// `Origin` twice, or not as a browser writes one.
    OriginMalformed,
    /// A matching pair that is not signed for this session, where the policy wants that.
    SignatureIncorrect,
    /// A WebSocket upgrade or `CONNECT` that names no origin.
    UpgradeUnproven,
}

impl CsrfRejection {
    /// Every reason, Django's fifteen first.
    pub const ALL: [Self; 23] = [
        Self::OriginUntrusted,
        Self::RefererMissing,
        Self::RefererMalformed,
        Self::RefererInsecure,
        Self::RefererUntrusted,
        Self::CookieMissing,
        Self::CookieLength,
        Self::CookieCharacters,
        Self::TokenMissing,
        Self::FieldLength,
        Self::FieldCharacters,
        Self::FieldIncorrect,
        Self::HeaderLength,
        Self::HeaderCharacters,
        Self::HeaderIncorrect,
        Self::CookieAmbiguous,
        Self::CrossSite,
        Self::FetchSiteMalformed,
        Self::HeaderRepeated,
        Self::OriginContradicts,
        Self::OriginMalformed,
        Self::SignatureIncorrect,
        Self::UpgradeUnproven,
    ];

    /// The stable code.
    ///
    /// ```
    /// use portcullis_core::csrf::CsrfRejection;
    ///
    /// assert_eq!(CsrfRejection::TokenMissing.code(), "csrf_token_missing");
    /// ```
    pub const fn code(self) -> &'static str {
        match self {
            Self::OriginUntrusted => "csrf_origin_untrusted",
            Self::RefererMissing => "csrf_referer_missing",
            Self::RefererMalformed => "csrf_referer_malformed",
            Self::RefererInsecure => "csrf_referer_insecure",
            Self::RefererUntrusted => "csrf_referer_untrusted",
            Self::CookieMissing => "csrf_cookie_missing",
            Self::CookieLength => "csrf_cookie_length",
            Self::CookieCharacters => "csrf_cookie_characters",
            Self::TokenMissing => "csrf_token_missing",
            Self::FieldLength => "csrf_field_length",
            Self::FieldCharacters => "csrf_field_characters",
            Self::FieldIncorrect => "csrf_field_incorrect",
            Self::HeaderLength => "csrf_header_length",
            Self::HeaderCharacters => "csrf_header_characters",
            Self::HeaderIncorrect => "csrf_header_incorrect",
            Self::CookieAmbiguous => "csrf_cookie_ambiguous",
            Self::CrossSite => "csrf_cross_site",
            Self::FetchSiteMalformed => "csrf_fetch_site_malformed",
            Self::HeaderRepeated => "csrf_header_repeated",
            Self::OriginContradicts => "csrf_origin_contradicts",
            Self::OriginMalformed => "csrf_origin_malformed",
            Self::SignatureIncorrect => "csrf_signature_incorrect",
            Self::UpgradeUnproven => "csrf_upgrade_unproven",
        }
    }

    /// The sentence for the client: a constant, printable ASCII without `"`, `\` and `%`.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::OriginUntrusted => {
                "CSRF Failed: Origin is neither this service nor a trusted origin."
            }
            Self::RefererMissing => "CSRF Failed: neither Origin nor Referer was sent over https.",
            Self::RefererMalformed => "CSRF Failed: Referer names no origin.",
            Self::RefererInsecure => "CSRF Failed: Referer is plain http, this request is https.",
            Self::RefererUntrusted => {
                "CSRF Failed: Referer is neither this service nor a trusted origin."
            }
            Self::CookieMissing => "CSRF Failed: CSRF cookie not set.",
            Self::CookieLength => "CSRF Failed: CSRF cookie has incorrect length.",
            Self::CookieCharacters => "CSRF Failed: CSRF cookie has invalid characters.",
            Self::TokenMissing => "CSRF Failed: CSRF token missing.",
            Self::FieldLength => "CSRF Failed: CSRF token from the form has incorrect length.",
            Self::FieldCharacters => {
                "CSRF Failed: CSRF token from the form has invalid characters."
            }
            Self::FieldIncorrect => "CSRF Failed: CSRF token from the form incorrect.",
            Self::HeaderLength => "CSRF Failed: CSRF token from the header has incorrect length.",
            Self::HeaderCharacters => {
                "CSRF Failed: CSRF token from the header has invalid characters."
            }
            Self::HeaderIncorrect => "CSRF Failed: CSRF token from the header incorrect.",
            Self::CookieAmbiguous => "CSRF Failed: several CSRF cookies, none of this session.",
            Self::CrossSite => "CSRF Failed: another site sent this request.",
            Self::FetchSiteMalformed => "CSRF Failed: Sec-Fetch-Site is malformed or repeated.",
            Self::HeaderRepeated => "CSRF Failed: the CSRF token header was sent more than once.",
            Self::OriginContradicts => "CSRF Failed: Origin contradicts Sec-Fetch-Site.",
            Self::OriginMalformed => "CSRF Failed: Origin is malformed or repeated.",
            Self::SignatureIncorrect => "CSRF Failed: CSRF token is not of this session.",
            Self::UpgradeUnproven => "CSRF Failed: an upgrade must name its Origin.",
        }
    }
}
