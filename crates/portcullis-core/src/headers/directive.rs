//! The directives of a content security policy.

/// A directive that takes sources (CSP3 §6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is called as the directive is")]
pub enum Directive {
    BaseUri,
    ChildSrc,
    ConnectSrc,
    DefaultSrc,
    FontSrc,
    FormAction,
    FrameAncestors,
    FrameSrc,
    ImgSrc,
    ManifestSrc,
    MediaSrc,
    ObjectSrc,
    ScriptSrc,
    ScriptSrcAttr,
    ScriptSrcElem,
    StyleSrc,
    StyleSrcAttr,
    StyleSrcElem,
    WorkerSrc,
}

impl Directive {
    /// The name as the header carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BaseUri => "base-uri",
            Self::ChildSrc => "child-src",
            Self::ConnectSrc => "connect-src",
            Self::DefaultSrc => "default-src",
            Self::FontSrc => "font-src",
            Self::FormAction => "form-action",
            Self::FrameAncestors => "frame-ancestors",
            Self::FrameSrc => "frame-src",
            Self::ImgSrc => "img-src",
            Self::ManifestSrc => "manifest-src",
            Self::MediaSrc => "media-src",
            Self::ObjectSrc => "object-src",
            Self::ScriptSrc => "script-src",
            Self::ScriptSrcAttr => "script-src-attr",
            Self::ScriptSrcElem => "script-src-elem",
            Self::StyleSrc => "style-src",
            Self::StyleSrcAttr => "style-src-attr",
            Self::StyleSrcElem => "style-src-elem",
            Self::WorkerSrc => "worker-src",
        }
    }

    /// Whether keywords, nonces and hashes mean anything in it.
    pub(super) const fn governs_code(self) -> bool {
        matches!(
            self,
            Self::DefaultSrc
                | Self::ScriptSrc
                | Self::ScriptSrcAttr
                | Self::ScriptSrcElem
                | Self::StyleSrc
                | Self::StyleSrcAttr
                | Self::StyleSrcElem
                | Self::WorkerSrc
        )
    }
}

/// What a sandboxed document may do all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Sandbox {
    /// Downloads.
    Downloads,
    /// Forms.
    Forms,
    /// Popups.
    Popups,
    /// An origin of its own.
    SameOrigin,
    /// Scripts.
    Scripts,
}

impl Sandbox {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Downloads => "allow-downloads",
            Self::Forms => "allow-forms",
            Self::Popups => "allow-popups",
            Self::SameOrigin => "allow-same-origin",
            Self::Scripts => "allow-scripts",
        }
    }
}
