//! Origins, hosts, ranges and paths: what is accepted has one canonical form.

use portcullis_core::{
    client::Cidr,
    hosts::AllowedHosts,
    origin::{Authority, Origin},
    path::PathPattern,
};

/// Reads `data` as a name of each kind.
///
/// # Panics
///
/// When the canonical form of what was accepted is not accepted, or is another name.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(origin) = text.parse::<Origin>() {
        let again: Origin = origin.as_str().parse().expect("a canonical origin");
        assert_eq!(again.as_str(), origin.as_str());
        let lower = text.to_ascii_lowercase();
        let default = ["", ":443", ":80"].map(|port| format!("{origin}{port}"));
        assert!(default.contains(&lower), "{text:?} became {origin}");
    }
    if let Some(authority) = Authority::parse(text) {
        assert!(text.starts_with(authority.host()));
        assert!(!authority.host().contains(['/', '@', '?', '#', '\\', ' ']));
    }
    if let Ok(range) = text.parse::<Cidr>() {
        let again: Cidr = range.to_string().parse().expect("a canonical range");
        assert_eq!(again.to_string(), range.to_string());
    }
    // What an entry allows, or a pattern matches, is asked of the text itself.
    drop(AllowedHosts::new().add_host(text));
    if let Ok(pattern) = text.parse::<PathPattern>() {
        let plain = !text.contains(['*', '{']);
        assert!(
            !plain || pattern.matches(text),
            "{text:?} does not match itself"
        );
    }
}
