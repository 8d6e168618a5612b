//! Names the reasons for which a token is refused; the client sees none of them.

use std::fmt;

macro_rules! rejections {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal,)+) => {
        /// Why a token was refused.
        ///
        /// `Copy`, without a byte of the token. For events, metrics and response extensions; a
        /// client gets one answer for all of them.
        ///
        /// # Example
        ///
        /// ```
        /// use portcullis_jwt::TokenRejection;
        ///
        /// assert_eq!(TokenRejection::Expired.code(), "token_expired");
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum TokenRejection {
            $($(#[doc = $doc])+ $name,)+
        }

        impl TokenRejection {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable name of the reason.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

rejections! {
    /// `alg` is absent, no string, or names no algorithm that we know.
    AlgorithmUnknown => "token_algorithm_unknown",
    /// `alg` is not the one algorithm of the key.
    AlgorithmMismatch => "token_algorithm_mismatch",
    /// `aud` is required and absent, of a wrong type, or names nobody that is us.
    Audience => "token_audience",
    /// A part is not canonical unpadded base64url.
    Base64 => "token_base64",
    /// `crit` or `b64`: an extension, of which we know none.
    Critical => "token_critical",
    /// The application's claims do not fit their type.
    CustomClaims => "token_custom_claims",
    /// A member name occurs twice in one object.
    DuplicateMember => "token_duplicate_member",
    /// `zip`, `enc` or `cty`: compressed, encrypted or nested.
    Encoded => "token_encoded",
    /// `exp` is past.
    Expired => "token_expired",
    /// `exp` is absent or no integer from 0 to 2^53 − 1.
    ExpiryMalformed => "token_expiry_malformed",
    /// The header is no JSON object.
    HeaderMalformed => "token_header_malformed",
    /// `iat` is in the future.
    IssuedInFuture => "token_issued_in_future",
    /// `iat` is no integer from 0 to 2^53 − 1.
    IssuedMalformed => "token_issued_malformed",
    /// `iss` is required and absent, of a wrong type, or not the one configured.
    Issuer => "token_issuer",
    /// `jti` is absent, no string, empty, too long or has control characters.
    Jti => "token_jti",
    /// The header brings a key or an address of one: `jwk`, `jku`, `x5u`, `x5c`, `x5t`, `x5t#S256`.
    KeyInHeader => "token_key_in_header",
    /// `kid` is no string of 1 to 128 characters of `A-Za-z0-9._~=-`.
    KidMalformed => "token_kid_malformed",
    /// No configured key has that `kid`, or none serves tokens without one.
    KidUnknown => "token_kid_unknown",
    /// `exp` is further ahead than any token that we issue.
    LifetimeTooLong => "token_lifetime_too_long",
    /// An object has more members, or an array more elements, than are read.
    MembersTooMany => "token_members_too_many",
    /// `nbf` is no integer from 0 to 2^53 − 1.
    NotBeforeMalformed => "token_not_before_malformed",
    /// `nbf` is in the future.
    NotYetValid => "token_not_yet_valid",
    /// A string has a NUL character.
    NulCharacter => "token_nul_character",
    /// The payload is no JSON object.
    PayloadMalformed => "token_payload_malformed",
    /// A claim that the configuration requires is absent or null.
    RequiredClaim => "token_required_claim",
    /// Not three parts.
    Segments => "token_segments",
    /// The absolute end of the session is past.
    SessionEnded => "token_session_ended",
    /// `sid` without well-formed `sat` and `sexp`, or on a refresh token without `gen`.
    SessionMalformed => "token_session_malformed",
    /// The signature is not that of the key.
    Signature => "token_signature",
    /// The user id is absent, neither string nor non-negative integer, empty, too long, or has
    /// control characters.
    Subject => "token_subject",
    /// JSON nested deeper than 16.
    TooDeep => "token_too_deep",
    /// More bytes than a token of ours may have.
    TooLong => "token_too_long",
    /// `token_type` is absent, no string, or not the one that is wanted here.
    TokenType => "token_type",
    /// `typ` is neither `JWT` nor a configured one.
    Typ => "token_typ",
}

impl fmt::Display for TokenRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for TokenRejection {}
