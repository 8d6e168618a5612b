//! A browser: keeps cookies, and sends what browsers send.

use std::net::Ipv4Addr;

use http::Uri;
use portcullis_core::clock::SystemClock;
use portcullis_testkit::CookieJar;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::harness::Server;

/// A browser with one open page of the service.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    url: String,
    jar: CookieJar,
    csrf: String,
    address: Option<Ipv4Addr>,
}

impl Browser {
    pub(crate) async fn new(server: &Server) -> Self {
        let mut browser = Self {
            client: Client::new(),
            url: server.url().to_owned(),
            jar: CookieJar::new(SystemClock),
            csrf: String::new(),
            address: None,
        };
        let token = browser.send(Method::GET, "/api/csrf/", None).await;
        browser.remember(token.json().await.unwrap());
        browser
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let url: Uri = format!("{}{path}", self.url).parse().unwrap();
        let mut request = self
            .client
            .request(method, url.to_string())
            .header("origin", &self.url)
            .header("sec-fetch-site", "same-origin")
            .header("x-csrftoken", &self.csrf);
        if let Some(cookies) = self.jar.header_for(&url) {
            request = request.header("cookie", cookies);
        }
        if let Some(address) = self.address {
            request = request.header("x-forwarded-for", address.to_string());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        self.jar.store(&url, response.headers()).unwrap();
        response
    }

    /// The same browser, whose next requests go to `server`; cookies do not know ports.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self {
            url: server.url().to_owned(),
            ..self.clone()
        }
    }

    /// The same browser, as a proxy reports it.
    pub(crate) fn behind(self, address: Ipv4Addr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// The value of a cookie that would be sent to `path`.
    pub(crate) fn cookie(&self, path: &str, name: &str) -> Option<String> {
        let cookies = self.cookies(path)?;
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(value.to_owned())
    }

    /// The `Cookie` header that would be sent to `path`.
    pub(crate) fn cookies(&self, path: &str) -> Option<String> {
        let url: Uri = format!("{}{path}", self.url).parse().ok()?;
        let header = self.jar.header_for(&url)?;
        header.to_str().ok().map(str::to_owned)
    }

    /// Takes over the CSRF token of an answer.
    pub(crate) fn remember(&mut self, answer: Value) -> Value {
        if let Some(token) = answer["csrfToken"].as_str() {
            token.clone_into(&mut self.csrf);
        }
        answer
    }

    pub(crate) async fn log_in(&mut self, password: &str) -> Response {
        let body = json!({"username": "demo", "password": password});
        self.send(Method::POST, "/api/auth/login/", Some(body))
            .await
    }
}
