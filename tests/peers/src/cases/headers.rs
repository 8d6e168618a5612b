//! Eight security headers on a response that has none.

use http::{HeaderName, HeaderValue, Method};
use portcullis::{
    core::headers::OpenerPolicy,
    security_headers::{HeaderPolicy, SecurityHeadersLayer},
};
use tower_helmet::{HelmetLayer, header as helmet};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_layer::{Layer as _, Stack};

use super::{browser, finish, https, passing};
use crate::{
    report::{Bar, Group},
    send::Handler,
};

const OURS: &str = "portcullis headers, eight";
const HELMET: &str = "tower-helmet 0.3, eight";
const TOWER_HTTP: &str = "tower-http 0.7 set-header x 8, unless present";

pub(super) fn group() -> Group {
    let request = || finish(browser(Method::GET));
    Group {
        cases: vec![
            passing(OURS, ours().layer(Handler), request()),
            passing(HELMET, helmet().layer(Handler), request()),
            passing(TOWER_HTTP, set_headers().layer(Handler), request()),
        ],
        bars: vec![
            Bar::new(OURS, HELMET).times(1.9).allocations(3),
            Bar::new(OURS, TOWER_HTTP),
        ],
    }
}

/// Our layer with eight headers.
pub(super) fn ours() -> SecurityHeadersLayer {
    let policy = HeaderPolicy::api()
        .with_opener_policy(OpenerPolicy::SameOrigin)
        .with_origin_agent_cluster();
    SecurityHeadersLayer::new(policy).with_client_policy(https())
}

fn helmet() -> HelmetLayer {
    let mut layer = HelmetLayer::blank();
    layer
        .enable(helmet::ContentSecurityPolicy::default())
        .enable(helmet::CrossOriginOpenerPolicy::default())
        .enable(helmet::CrossOriginResourcePolicy::default())
        .enable(helmet::OriginAgentCluster)
        .enable(helmet::ReferrerPolicy::default())
        .enable(helmet::StrictTransportSecurity::default())
        .enable(helmet::XContentTypeOptions)
        .enable(helmet::XFrameOptions::default());
    layer
}

type Set = SetResponseHeaderLayer<HeaderValue>;
type Two = Stack<Set, Set>;
type Four = Stack<Two, Two>;

/// The same eight headers through eight of tower-http's layers.
pub(super) fn set_headers() -> Stack<Four, Four> {
    let set = |name, value| {
        SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let csp = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let first = Stack::new(
        Stack::new(
            set("content-security-policy", csp),
            set("strict-transport-security", "max-age=63072000"),
        ),
        Stack::new(
            set("x-content-type-options", "nosniff"),
            set("x-frame-options", "DENY"),
        ),
    );
    let second = Stack::new(
        Stack::new(
            set("referrer-policy", "strict-origin-when-cross-origin"),
            set("cross-origin-resource-policy", "same-origin"),
        ),
        Stack::new(
            set("cross-origin-opener-policy", "same-origin"),
            set("origin-agent-cluster", "?1"),
        ),
    );
    Stack::new(first, second)
}
