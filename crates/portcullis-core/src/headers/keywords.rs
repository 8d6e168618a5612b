//! The headers whose value is one word of a list.

/// An enum of words, each written as its header wants it.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $word:ident => $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $word,)* }

        impl $name {
            /// The word as the header carries it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }
        }
    };
}

words! {
    /// `Cross-Origin-Embedder-Policy`: what the document may load from elsewhere.
    EmbedderPolicy {
        /// Loads from elsewhere carry no credentials.
        Credentialless => "credentialless",
        /// Only what says that it may be embedded.
        RequireCorp => "require-corp",
        /// Anything.
        UnsafeNone => "unsafe-none",
    }
}

words! {
    /// `X-Frame-Options`: who may frame the document, for browsers without `frame-ancestors`.
    FrameOptions {
        /// Nobody.
        Deny => "DENY",
        /// Our own origin.
        SameOrigin => "SAMEORIGIN",
    }
}

words! {
    /// `Cross-Origin-Opener-Policy`: which windows may hold a reference to the document.
    OpenerPolicy {
        /// None that it did not open itself.
        NoopenerAllowPopups => "noopener-allow-popups",
        /// Those of our origin.
        SameOrigin => "same-origin",
        /// Those of our origin, and popups that it opens: for a sign-in in a popup.
        SameOriginAllowPopups => "same-origin-allow-popups",
        /// Any.
        UnsafeNone => "unsafe-none",
    }
}

words! {
    /// `Referrer-Policy`: how much of our URL other servers learn.
    ReferrerPolicy {
        /// Nothing. A form post then carries `Origin: null` and no `Referer`, which a Django
        /// behind or beside us refuses.
        NoReferrer => "no-referrer",
        /// Origin to all but plain http.
        NoReferrerWhenDowngrade => "no-referrer-when-downgrade",
        /// The origin.
        Origin => "origin",
        /// The URL to ourselves, the origin to others.
        OriginWhenCrossOrigin => "origin-when-cross-origin",
        /// The URL to ourselves, nothing to others: Django's default.
        SameOrigin => "same-origin",
        /// The origin, and nothing over plain http.
        StrictOrigin => "strict-origin",
        /// The URL to ourselves, the origin to others, nothing over plain http.
        StrictOriginWhenCrossOrigin => "strict-origin-when-cross-origin",
        /// The URL to everybody.
        UnsafeUrl => "unsafe-url",
    }
}

words! {
    /// `Cross-Origin-Resource-Policy`: who may load the response without CORS.
    ResourcePolicy {
        /// Everybody.
        CrossOrigin => "cross-origin",
        /// Our own origin.
        SameOrigin => "same-origin",
        /// Our own site, its other hosts included.
        SameSite => "same-site",
    }
}
