"""Runs every row of the CSRF decision table through Django and compares its verdict.

    python -m venv venv && venv/bin/pip install "django==5.2.*"
    venv/bin/python tests/django/csrf_table.py crates/portcullis-core/src/csrf/tests/table.txt
"""

import io
import logging
import sys
import urllib.parse

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["app.test", "xn--bcher-kva.test", "[::1]"],
    CSRF_TRUSTED_ORIGINS=[
        "https://trusted.example.org",
        "http://clear.example.org",
        "https://*.wild.example.org",
        "https://*.wp.example.org:8443",
    ],
    LOGGING_CONFIG=None,
    SECRET_KEY="not used by this check" * 3,
)
django.setup()
logging.disable(logging.CRITICAL)

from django.core.handlers.wsgi import WSGIRequest  # noqa: E402
from django.middleware import csrf  # noqa: E402

WHOLE = {
    csrf.REASON_CSRF_TOKEN_MISSING: "token_missing",
    csrf.REASON_INSECURE_REFERER: "referer_insecure",
    csrf.REASON_MALFORMED_REFERER: "referer_malformed",
    csrf.REASON_NO_CSRF_COOKIE: "cookie_missing",
    csrf.REASON_NO_REFERER: "referer_missing",
}
PARTS = {
    "incorrect length": "length",
    "invalid characters": "characters",
    "incorrect": "incorrect",
}
NAMES = {
    "C": "cookie",
    "h": "host",
    "o": "origin",
    "r": "referer",
    "s": "sec-fetch-site",
    "t": "x-csrftoken",
    "u": "upgrade",
}
# A signed token is any secret to Django: what counts is which of them are equal.
TOKENS = {letter: (letter * 2 + "x" * 30) for letter in "SAFDUV"}


class Middleware(csrf.CsrfViewMiddleware):
    def _reject(self, request, reason):
        return reason


def code(reason):
    if reason is None:
        return "pass"
    if reason in WHOLE:
        return WHOLE[reason]
    if reason.startswith("Origin checking failed"):
        return "origin_untrusted"
    if reason.startswith("Referer checking failed"):
        return "referer_untrusted"
    where = "cookie" if "cookie" in reason else "field" if "from POST" in reason else "header"
    return f"{where}_{next(name for text, name in PARTS.items() if text in reason)}"


def verdict(text):
    for letter, secret in TOKENS.items():
        masked = csrf._mask_cipher_secret(secret)
        text = text.replace("{m%s}" % letter, masked).replace("{%s}" % letter, secret)
    method, scheme, *words = text.split()
    headers, form = {"host": ["app.test"]}, None
    for word in words:
        letter, value = word.split(":", 1)
        value = value.replace("_", " ")
        if letter == "f":
            form = value
        elif letter == "h":
            headers["host"] = [value]
        elif letter == "c":
            headers.setdefault("cookie", []).append(f"csrftoken={value}")
        elif letter not in ("as", "mode", "own"):
            headers.setdefault(NAMES.get(letter, letter), []).append(value)
    body = b""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/", "wsgi.url_scheme": scheme}
    environ |= {"SERVER_NAME": "app.test", "SERVER_PORT": "443"}
    if form is not None:
        body = f"csrfmiddlewaretoken={urllib.parse.quote(form)}".encode()
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    for name, values in headers.items():
        if "_" in name:  # servers drop these, so that they cannot stand in for `-`
            continue
        joined = ("; " if name == "cookie" else ",").join(values)
        name = name.upper().replace("-", "_")
        environ[f"HTTP_{name}"] = joined.encode().decode("latin-1")
    middleware, request = Middleware(lambda request: None), WSGIRequest(environ)
    middleware.process_request(request)
    return code(middleware.process_view(request, lambda request: None, (), {}))


def main(path):
    rows = differing = 0
    for line in open(path, encoding="utf-8"):
        if "|" not in line or line.startswith("#"):
            continue
        request, expected = (column.strip() for column in line.split("|")[:2])
        rows += 1
        found = verdict(request)
        if found != expected:
            differing += 1
            print(f"{request}\n  the table says {expected}, Django says {found}")
    print(f"{rows} rows, {differing} differ (Django {django.get_version()})")
    return rows == 0 or differing > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
