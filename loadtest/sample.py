"""Looks at a few responses of a contender: status, length and SHA-256 of the body must be what the site says.

Called by rounds.py before and after each run. A row with a wrong response has no figures.
"""

import hashlib
import http.client
import ssl

from website import UPLOAD

# Responses looked at, over one connection, so that a wrong end of one shows in the next.
RESPONSES = 3
TIMEOUT_SECONDS = 15


class WrongResponse(Exception):
    """A contender answered something else than the site holds."""


def check(who, site, path, mode, responses=RESPONSES, tls=False):
    """Raises WrongResponse unless so many answers in a row are right."""
    connection = _connection(site.port, tls)
    try:
        if mode == "upload":
            _uploads(who, connection)
        else:
            for _ in range(responses):
                connection.request("GET", path)
                _compare(who, path, connection.getresponse(), site.expected[path])
    except (OSError, http.client.HTTPException) as error:
        raise WrongResponse(f"{who}: {path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _connection(port, tls):
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    # The certificate is the site's own.
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, context=context)


def _compare(who, path, response, expected):
    body = response.read()
    announced = response.getheader("Content-Length")
    digest = hashlib.sha256(body).hexdigest()
    if response.status != expected.status:
        raise WrongResponse(f"{who}: {path}: status {response.status}, not {expected.status}")
    if len(body) != expected.length or (announced is not None and int(announced) != expected.length):
        raise WrongResponse(
            f"{who}: {path}: {len(body)} bytes (Content-Length {announced}), not {expected.length}"
        )
    if digest != expected.sha256:
        raise WrongResponse(f"{who}: {path}: body has SHA-256 {digest}, not {expected.sha256}")


def _uploads(who, connection):
    """The app behind /digest says what arrived; /upload, which is measured, answers once it has all."""
    digest = hashlib.sha256(UPLOAD).hexdigest().encode()
    for path, expected in (("/digest", digest), ("/upload", None)):
        connection.request("POST", path, body=UPLOAD)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise WrongResponse(f"{who}: POST {path}: status {response.status}, not 200")
        if expected is not None and body != expected:
            raise WrongResponse(f"{who}: POST {path}: the app got another body, SHA-256 {body!r}")
