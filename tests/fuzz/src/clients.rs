//! The client's address: nobody but a declared proxy has a say in it.

use http::{Extensions, HeaderMap, HeaderName, Method, Uri};
use portcullis_core::{
    client::{ClientPolicy, ForwardedSource, PeerAddr},
    respond::RequestView,
};

use crate::request::parse;

/// Reads `data` as a request whose first line is `PEER`, `direct` or `proxy`.
///
/// # Panics
///
/// When an undeclared peer chooses its address, or a client that speaks through a declared one
/// changes it by writing more in front.
pub fn check(data: &[u8]) {
    let (words, headers) = parse(data);
    let peer = match words.first() {
        Some(&"proxy") => [10, 0, 0, 1],
        _ => [192, 0, 2, 1],
    };
    let sources = [
        ForwardedSource::XForwardedFor,
        ForwardedSource::Forwarded,
        ForwardedSource::Header(HeaderName::from_static("x-real-ip")),
    ];
    for source in sources {
        let policy = ClientPolicy::direct()
            .add_trusted_proxy("10.0.0.0/8".parse().expect("a range"))
            .with_source(source.clone());
        let found = address(&policy, peer, &headers).expect("the peer is known");
        if peer[0] != 10 {
            assert_eq!(found, std::net::IpAddr::from(peer));
            continue;
        }
        let is_proxy = found.to_string().starts_with("10.");
        if is_proxy || matches!(source, ForwardedSource::Header(_)) {
            continue; // nobody stands behind it, or there is one place for an address
        }
        let (name, more) = match source {
            ForwardedSource::Forwarded => ("forwarded", "for=6.6.6.6"),
            _ => ("x-forwarded-for", "6.6.6.6"),
        };
        let mut forged = HeaderMap::new();
        forged.append(name, http::HeaderValue::from_static(more));
        for (name, value) in &headers {
            forged.append(name, value.clone());
        }
        let still = address(&policy, peer, &forged);
        assert_eq!(still, Some(found), "{name}: written in front");
    }
}

fn address(policy: &ClientPolicy, peer: [u8; 4], headers: &HeaderMap) -> Option<std::net::IpAddr> {
    let mut extensions = Extensions::new();
    extensions.insert(PeerAddr::from((peer, 50_000)));
    let (method, uri) = (Method::GET, Uri::from_static("/"));
    let request = RequestView {
        method: &method,
        uri: &uri,
        headers,
        extensions: &extensions,
    };
    let address = policy.address(&request);
    assert_eq!(policy.client(&request).address, address);
    address
}
