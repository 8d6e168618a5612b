//! Which endpoint a path and method name.

use http::Method;

/// One endpoint of the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route<'a> {
    Csrf,
    EndSession { sid: &'a str },
    Login,
    Logout,
    LogoutAll,
    Me,
    Refresh,
    Sessions,
    Verify,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoRoute {
    /// 405, with the value of `Allow`.
    Method(&'static str),
    /// 404.
    Path,
}

/// The path under which the endpoints are.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// `/api/auth`: login, refresh, logout, me, sessions.
    auth: String,
    /// `/api`, its parent: csrf, token/refresh, token/verify.
    api: String,
}

impl Base {
    pub(super) fn new(auth: &str) -> Self {
        let auth = auth.trim_end_matches('/').to_owned();
        let api = auth
            .rfind('/')
            .map_or(String::new(), |slash| auth[..slash].to_owned());
        Self { auth, api }
    }

    /// The endpoint for `method` and `path`, with or without a trailing slash.
    pub(super) fn route<'a>(&self, method: &Method, path: &'a str) -> Result<Route<'a>, NoRoute> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let route = self.find(path).ok_or(NoRoute::Path)?;
        let allowed = match route {
            Route::Csrf | Route::Me | Route::Sessions => "GET, HEAD",
            Route::EndSession { .. } => "DELETE",
            _ => "POST",
        };
        if allowed.split(", ").any(|name| name == method.as_str()) {
            Ok(route)
        } else {
            Err(NoRoute::Method(allowed))
        }
    }

    fn find<'a>(&self, path: &'a str) -> Option<Route<'a>> {
        if let Some(rest) = below(path, &self.auth) {
            let found = match rest {
                "login" => Some(Route::Login),
                "logout" => Some(Route::Logout),
                "logout-all" => Some(Route::LogoutAll),
                "me" => Some(Route::Me),
                "refresh" => Some(Route::Refresh),
                "sessions" => Some(Route::Sessions),
                _ => below(rest, "sessions")
                    .filter(|sid| !sid.is_empty() && !sid.contains('/'))
                    .map(|sid| Route::EndSession { sid }),
            };
            if found.is_some() {
                return found;
            }
        }
        match below(path, &self.api)? {
            "csrf" => Some(Route::Csrf),
            "token/refresh" => Some(Route::Refresh),
            "token/verify" => Some(Route::Verify),
            _ => None,
        }
    }
}

/// What follows `base` and a slash.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, method: &str, path: &str, want: Result<Route<'_>, NoRoute>) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            Base::new(base).route(&method, path),
            want,
            "{method} {path}"
        );
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        check("/api/auth", "POST", "/api/auth/login/", Ok(Route::Login));
        check("/api/auth", "POST", "/api/auth/login", Ok(Route::Login));
        check("/api/auth", "POST", "/api/auth/login//", Err(NoRoute::Path));
    }

    #[test]
    fn every_endpoint_has_its_path_and_method() {
        check(
            "/api/auth",
            "POST",
            "/api/auth/refresh/",
            Ok(Route::Refresh),
        );
        check(
            "/api/auth",
            "POST",
            "/api/token/refresh/",
            Ok(Route::Refresh),
        );
        check("/api/auth", "POST", "/api/auth/logout/", Ok(Route::Logout));
        check(
            "/api/auth",
            "POST",
            "/api/auth/logout-all/",
            Ok(Route::LogoutAll),
        );
        check("/api/auth", "GET", "/api/auth/me/", Ok(Route::Me));
        check(
            "/api/auth",
            "GET",
            "/api/auth/sessions/",
            Ok(Route::Sessions),
        );
        check("/api/auth", "GET", "/api/csrf/", Ok(Route::Csrf));
        check("/api/auth", "POST", "/api/token/verify/", Ok(Route::Verify));
        let end = Route::EndSession { sid: "abc" };
        check("/api/auth", "DELETE", "/api/auth/sessions/abc/", Ok(end));
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        check(
            "/api/auth",
            "GET",
            "/api/auth/login/",
            Err(NoRoute::Method("POST")),
        );
        check(
            "/api/auth",
            "POST",
            "/api/auth/me/",
            Err(NoRoute::Method("GET, HEAD")),
        );
        check(
            "/api/auth",
            "GET",
            "/api/auth/sessions/x",
            Err(NoRoute::Method("DELETE")),
        );
        check(
            "/api/auth",
            "post",
            "/api/auth/login/",
            Err(NoRoute::Method("POST")),
        );
    }

    #[test]
    fn an_unknown_path_is_nobodys() {
        for path in [
            "/",
            "",
            "/api/auth",
            "/api/auth/",
            "/api/authlogin/",
            "/api/auth/login/x",
        ] {
            check("/api/auth", "POST", path, Err(NoRoute::Path));
        }
        check(
            "/api/auth",
            "DELETE",
            "/api/auth/sessions/a/b/",
            Err(NoRoute::Path),
        );
    }

    #[test]
    fn a_router_may_have_cut_the_prefix_off() {
        check("/auth", "POST", "/auth/login/", Ok(Route::Login));
        check("/auth", "GET", "/csrf/", Ok(Route::Csrf));
        check("", "POST", "/login/", Ok(Route::Login));
    }
}
