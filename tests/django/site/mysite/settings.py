"""Settings of the test site: an ordinary production set-up behind a proxy, DEBUG off.

Everything the site writes (database, uploads, collected static files) lives under SITE_STATE, so that
two runs never see each other. The secret key guards nothing: the site exists for tests.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("SITE_STATE", BASE_DIR.parent / "state")).resolve()

SECRET_KEY = "only-for-tests-0123456789-0123456789-0123456789-0123456789"
DEBUG = False
ALLOWED_HOSTS = ["*"]

# Behind a proxy that does not pass Host on (a bare `proxy_pass`), Django sees its own address as Host
# and must be told under which one the browser knows it.
CSRF_TRUSTED_ORIGINS = os.environ.get(
    "SITE_ORIGINS", "http://127.0.0.1:8080 http://localhost:8080"
).split()
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guestbook",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE / "db.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}
# One round instead of a million: the tests log in often and guard nothing.
PASSWORD_HASHERS = ["guestbook.hashers.QuickPBKDF2PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = STATE / "static"
MEDIA_ROOT = STATE / "media"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
