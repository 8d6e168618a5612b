//! A browser: keeps cookies, sends what browsers send, and knows the CSRF rules of our frontend.

use std::collections::BTreeMap;

use super::*;

#[derive(Clone)]
pub(super) struct Browser {
    world: World,
    pub(super) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) const ORIGIN: &'static str = "https://chat.example";

    /// A browser that has opened the login page.
    pub(super) fn open(world: &World) -> Self {
        let mut browser = Self {
            world: world.clone(),
            cookies: BTreeMap::new(),
        };
        browser.get("/api/csrf/").expect(200);
        browser
    }

    /// A browser in which ada has logged in.
    pub(super) fn logged_in(world: &World) -> Self {
        let mut browser = Self::open(world);
        browser.log_in("ada", "engine").expect(200);
        browser
    }

    pub(super) fn log_in(&mut self, username: &str, password: &str) -> Reply {
        let body = serde_json::json!({ "username": username, "password": password });
        self.post("/api/auth/login/", &body.to_string())
    }

    pub(super) fn refresh(&mut self) -> Reply {
        self.post("/api/auth/refresh/", "")
    }

    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.send(Request::get(path), "")
    }

    pub(super) fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(Request::post(path), body)
    }

    pub(super) fn delete(&mut self, path: &str) -> Reply {
        self.send(Request::delete(path), "")
    }

    /// The value of a cookie, whatever the profile.
    #[track_caller]
    pub(super) fn cookie(&self, name: &str) -> &str {
        let mut found = self.cookies.iter().filter(|(key, _)| key.ends_with(name));
        found
            .next()
            .map(|(_, value)| value.as_str())
            .expect("such a cookie is kept")
    }

    pub(super) fn moved_to(self, world: &World) -> Self {
        Self {
            world: world.clone(),
            ..self
        }
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.cookies.retain(|key, _| !key.ends_with(name));
    }

    pub(super) fn request(
        &self,
        mut request: http::request::Builder,
        body: &str,
    ) -> Request<String> {
        request = request
            .header("origin", Self::ORIGIN)
            .header("sec-fetch-site", "same-origin");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some((_, token)) = self
            .cookies
            .iter()
            .find(|(name, _)| name.ends_with("csrftoken"))
        {
            request = request.header("x-csrftoken", token);
        }
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        request.body(body.to_owned()).unwrap()
    }

    fn send(&mut self, request: http::request::Builder, body: &str) -> Reply {
        let reply = self.world.send(self.request(request, body));
        self.keep(&reply);
        reply
    }

    pub(super) fn keep(&mut self, reply: &Reply) {
        for line in reply.cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
