//! What every type that a user holds on to can be used for.

use portcullis::{
    Guarded, Portcullis, allowed_hosts, csp_report, csrf, csrf_form, https_redirect, jwt_cookie,
    rate_limit, refresh, require, security_headers, stack,
};

/// A handler can be shared between threads, moved while it is polled, and cloned for each
/// connection.
fn shared<T: Send + Sync + Unpin + Clone>() {}
/// A future or body can be sent to the thread that polls it.
fn sent<T: Send>() {}

type Future = std::future::Ready<Result<(), ()>>;

#[test]
fn every_layer_and_service_can_be_shared_and_cloned() {
    shared::<allowed_hosts::AllowedHostsLayer>();
    shared::<allowed_hosts::CheckHost<()>>();
    shared::<csrf::CsrfLayer>();
    shared::<csrf::Csrf<()>>();
    shared::<csrf::CsrfExemptLayer>();
    shared::<https_redirect::HttpsRedirectLayer>();
    shared::<https_redirect::HttpsRedirect<()>>();
    shared::<jwt_cookie::JwtCookieAuthLayer>();
    shared::<jwt_cookie::JwtCookie<()>>();
    shared::<jwt_cookie::Authenticated>();
    shared::<rate_limit::RateLimitLayer>();
    shared::<rate_limit::RateLimit<()>>();
    shared::<require::RequireLayer<fn(&jwt_cookie::Authenticated) -> bool>>();
    shared::<refresh::RefreshRotationService>();
    shared::<refresh::Stores>();
    shared::<stack::Stack>();
    shared::<stack::PortcullisLayer>();
    shared::<stack::PublicLayer>();
    shared::<stack::Public<()>>();
    shared::<Portcullis<()>>();
    shared::<csrf_form::CsrfFormLayer>();
    shared::<security_headers::SecurityHeadersLayer>();
    shared::<security_headers::SecurityHeaders<()>>();
}

#[test]
fn every_future_and_body_can_be_sent() {
    sent::<allowed_hosts::ResponseFuture<Future, String>>();
    sent::<csrf::ResponseFuture<Future, String>>();
    sent::<security_headers::ResponseFuture<Future>>();
    sent::<refresh::ResponseFuture>();
    sent::<refresh::ReplyBody>();
    sent::<csp_report::ResponseFuture<Vec<u8>>>();
    sent::<Guarded<String>>();
}
