"""Lets a live Django with simplejwt and the chat service share one database and its blacklist.

    python -m venv venv
    venv/bin/pip install "django==5.2.*" "djangorestframework-simplejwt==5.5.*"
    cargo build -p portcullis-chat
    venv/bin/python tests/django/blacklist.py target/debug/portcullis-chat [FLAG]...

Flags are handed on, like `--redis URL --rotation-key-file FILE` for sessions in Redis.
"""

import datetime
import http.client
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import django
from django.conf import settings

KEY = "django-insecure-0123456789abcdefghijklmnopqrstuvwx"
CSRF = "abcdefghijklmnopqrstuvwxyzABCDEF"


def configure(database):
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework_simplejwt.token_blacklist",
        ],
        SECRET_KEY=KEY,
        SIMPLE_JWT={"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True},
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def start(program, database, more):
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)
    flags = ["--listen", "127.0.0.1:0", "--database", database, "--signing-key", KEY]
    flags += ["--adopt-django-tokens", tomorrow.isoformat(), *more]
    process = subprocess.Popen([program, *flags], stdout=subprocess.PIPE, text=True)
    banner = process.stdout.readline()
    url = next(word for word in banner.split() if word.startswith("http://"))
    return process, urllib.parse.urlsplit(url).netloc


def post(host, path, refresh):
    """The status, and the refresh and access tokens that the answer sets."""
    connection = http.client.HTTPConnection(host, timeout=10)
    cookies = f"refresh_token={refresh}; csrftoken={CSRF}"
    headers = {"origin": f"http://{host}", "x-csrftoken": CSRF, "cookie": cookies}
    connection.request("POST", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    lines = answer.headers.get_all("set-cookie") or []
    cookies = dict(line.split(";")[0].split("=", 1) for line in lines)
    return answer.status, cookies.get("refresh_token"), cookies.get("access_token")


def questions(host):
    """Each question, and whether the answer was as it has to be."""
    from django.contrib.auth.models import User
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.exceptions import TokenError
    from rest_framework_simplejwt.serializers import TokenRefreshSerializer
    from rest_framework_simplejwt.token_blacklist import models
    from rest_framework_simplejwt.tokens import RefreshToken

    def django_takes(token):
        try:
            return TokenRefreshSerializer().validate({"refresh": str(token)})["refresh"]
        except TokenError:
            return None

    ann = User.objects.create_user("ann", password="a long secret")

    token = RefreshToken.for_user(ann)
    status, ours, access = post(host, "/api/auth/refresh/", token)
    yield "a token of Django's is adopted", status == 200 and ours
    yield "Django refuses it from then on", not django_takes(token)
    listed = models.BlacklistedToken.objects.select_related("token").get(token__jti=token["jti"])
    age = datetime.datetime.now(datetime.UTC) - listed.blacklisted_at
    yield "Django reads the time of the row", abs(age) < datetime.timedelta(minutes=1)
    yield "its own row of the token is as it was", listed.token.token == str(token)
    status, again, _ = post(host, "/api/auth/refresh/", token)
    yield "a second tab gets the same successor", (status, again) == (200, ours)
    yield "one row each", models.BlacklistedToken.objects.count() == 1
    validated = JWTAuthentication().get_validated_token(access)
    user = JWTAuthentication().get_user(validated)
    yield "an access token of ours is good at Django", user == ann
    rotated = django_takes(ours)
    yield "so is a refresh token of ours", rotated
    status = post(host, "/api/auth/refresh/", rotated)[0]
    yield "what Django makes of that is refused", status == 401

    used = RefreshToken.for_user(ann)
    yield "a token is rotated by Django", django_takes(used)
    yield "and refused by the service", post(host, "/api/auth/refresh/", used)[0] == 401

    unrecorded = RefreshToken()
    unrecorded["user_id"] = str(ann.pk)
    status = post(host, "/api/auth/refresh/", unrecorded)[0]
    yield "a token that Django has no row of is refused", status == 401
    status = post(host, "/api/auth/logout/", unrecorded)[0]
    yield "and is blacklisted by a logout", status == 200 and not django_takes(unrecorded)
    row = models.OutstandingToken.objects.get(jti=unrecorded["jti"])
    expires = datetime.datetime.fromtimestamp(unrecorded["exp"], datetime.UTC)
    yield "with the expiry that Django would write", row.expires_at == expires
    yield "for its user, without its text", (row.user_id, row.token) == (ann.pk, "")
    from django.core.management import call_command

    row.expires_at = datetime.datetime.now(datetime.UTC)
    row.save()
    call_command("flushexpiredtokens")
    flushed = not models.OutstandingToken.objects.filter(pk=row.pk).exists()
    yield "Django flushes the row when it has expired", flushed


def main(program, *more):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        database = str(pathlib.Path(folder) / "db.sqlite3")
        configure(database)
        process, host = start(program, database, more)
        try:
            for question, passed in questions(host):
                failed += not passed
                print(f"{'ok' if passed else 'FAILED':>6}  {question}")
        finally:
            process.terminate()
            process.wait()
    print(f"{failed} failed (Django {django.get_version()})")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
