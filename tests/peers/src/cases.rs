//! What is measured, in groups that are measured together.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode, request};
use portcullis::{
    Secret,
    core::{client::ClientPolicy, origin::Scheme},
};
use tower_service::Service;

use crate::{
    measure::Case,
    report::Group,
    send::{Handler, Incoming, Sending},
};

mod csrf;
mod growth;
mod headers;
mod jwt;
mod rate;
mod stack;

/// The group that fills stores with up to a million keys.
pub(crate) const GROWTH: &str = "Rate limit, live keys";

/// Builds the cases of a group and how they are to compare.
type Build = fn() -> Group;

/// Every group, in the order of the report.
pub(crate) const GROUPS: &[(&str, Build)] = &[
    ("CSRF", csrf::group),
    ("Security headers", headers::group),
    ("Rate limit", rate::group),
    (GROWTH, growth::group),
    ("JWT", jwt::group),
    ("Whole stack", stack::group),
];

/// A request as a browser's script sends it.
fn browser(method: Method) -> request::Builder {
    Request::builder()
        .method(method)
        .uri("/chat/stream")
        .header("host", "chat.example")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)")
        .header("accept", "application/json")
        .header("origin", "https://chat.example")
}

fn finish(request: request::Builder) -> Incoming {
    request.body(()).expect("a request of valid parts")
}

/// What `service`, which lets `request` pass, costs more than the handler in it.
fn passing<S, B>(name: &str, service: S, request: Incoming) -> Case
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible> + 'static,
    B: 'static,
{
    let sending = Sending::new(service, vec![request.clone()], StatusCode::OK);
    Case::added(name, bare(vec![request]), sending)
}

/// `requests` without any layer.
fn bare(requests: Vec<Incoming>) -> Sending<Handler> {
    Sending::new(Handler, requests, StatusCode::OK)
}

fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

/// The server itself speaks https.
fn https() -> ClientPolicy {
    ClientPolicy::direct().with_direct_scheme(Scheme::Https)
}
