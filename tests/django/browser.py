#!/usr/bin/env python3
"""The site in a real browser: log in to the admin, see its style sheet at work, upload a file.

Run by hand, from the repository root, after `cargo test --test django` has built the virtual environment:

    target/django-venv/bin/python tests/django/browser.py target/release/ringx
    target/django-venv/bin/python tests/django/browser.py /usr/sbin/nginx
    HTTPS=1 target/django-venv/bin/python tests/django/browser.py target/release/ringx

Needs Debian's `chromium` and `chromium-driver`. The server gets the bare seed configuration (nginx gets it
inside an http block); Gunicorn runs the site. With HTTPS=1 the site stands behind what certbot makes of it, and
everything must come over HTTP/2. Speaks WebDriver to chromedriver with the standard library
alone. Screenshots go to target/browser/ (or the second argument).
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SEED = """server {{
    listen 127.0.0.1:{front};
    location /static/ {{ alias {static}/; }}
    location / {{ proxy_pass http://127.0.0.1:{app}; }}
}}
"""
# As certbot leaves it, with its options file beside it.
CERTBOT = """events {{ }}
http {{
    include {mime};
    access_log off;
    server {{
        server_name localhost;
        location /static/ {{ alias {static}/; }}
        location / {{
            proxy_pass http://127.0.0.1:{app};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}

        listen 127.0.0.1:{front} ssl http2; # managed by Certbot
        ssl_certificate {live}/fullchain.pem; # managed by Certbot
        ssl_certificate_key {live}/privkey.pem; # managed by Certbot
        include {live}/options-ssl-nginx.conf; # managed by Certbot
    }}
    server {{
        if ($host = localhost) {{
            return 301 https://$host$request_uri;
        }} # managed by Certbot

        listen 127.0.0.1:{plain};
        server_name localhost;
        return 404; # managed by Certbot
    }}
}}
"""
OPTIONS = """ssl_session_cache shared:le_nginx_SSL:10m;
ssl_session_timeout 1440m;
ssl_session_tickets off;

ssl_protocols TLSv1.2 TLSv1.3;
ssl_prefer_server_ciphers off;

ssl_ciphers "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256";
"""
HTTPS = bool(os.environ.get("HTTPS"))
USER, PASSWORD = "admin", "correct horse battery"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name WebDriver gives to element references


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port, process):
    for _ in range(1000):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"nobody listens on port {port}")


class Driver:
    """One chromedriver session."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,800"]
        options = {"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {**options, "acceptInsecureCerts": True}}})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()[:500]}")

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def type(self, css, text):
        self.call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def click(self, css):
        self.call("POST", f"/element/{self.find(css)}/click")

    def text(self, css="body"):
        return self.call("GET", f"/element/{self.find(css)}/text")

    def wait_text(self, ready):
        """The page's text once it is ready: a form's answer may come after the click's return."""
        for _ in range(500):
            text = self.script("return document.body ? document.body.innerText : ''")
            if ready(text):
                return text
            time.sleep(0.02)
        sys.exit(f"waited in vain; the page says: {text[:500]}")

    def style(self, css, name):
        return self.call("GET", f"/element/{self.find(css)}/css/{name}")

    def script(self, code):
        return self.call("POST", "/execute/sync", {"script": code, "args": []})

    def complaints(self):
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def shot(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))
        print(f"  {path}")


def check(what, found):
    print(f"{'ok  ' if found else 'FAIL'}  {what}")
    if not found:
        sys.exit(1)


def visit(driver, url, shots, work):
    driver.open(f"{url}/admin/")
    check("the door of the admin", "Log in" in driver.text() or driver.find("#login-form"))
    driver.shot(shots / "1-login.png")
    driver.type("#id_username", USER)
    driver.type("#id_password", PASSWORD)
    driver.click("#login-form input[type=submit]")
    check("logged in", driver.wait_text(lambda text: "Site administration" in text))
    sheets = driver.script(
        "return [...document.styleSheets].map(s => [s.href, s.cssRules.length]).filter(s => s[0])"
    )
    check(f"{len(sheets)} style sheets with rules", sheets and all(rules for _, rules in sheets))
    if HTTPS:
        entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        spoken = driver.script(f"return {entries}.map(e => e.nextHopProtocol)")
        check(f"all {len(spoken)} files came over HTTP/2", set(spoken) == {"h2"} and len(spoken) > 3)
    colour = driver.style("#header", "background-color")
    check(f"the header is coloured ({colour})", colour not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"))
    driver.shot(shots / "2-admin.png")

    content = os.urandom(700_000)
    file = work / "holiday.bin"
    file.write_bytes(content)
    driver.open(f"{url}/upload/")
    driver.type("#id_file", str(file))
    driver.click("button[type=submit]")
    text = driver.wait_text(lambda text: text.startswith("{"))
    answer = json.loads(text)
    check("the upload arrived whole", answer["sha256"] == hashlib.sha256(content).hexdigest())
    driver.shot(shots / "3-upload.png")

    driver.open(f"{url}/admin/guestbook/attachment/")
    check("and is in the admin's list", answer["sha256"] in driver.text())
    driver.shot(shots / "4-attachments.png")
    complaints = [line for line in driver.complaints() if "favicon" not in line]
    check(f"the browser's console is silent {complaints or ''}", not complaints)


def main():
    server = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else sys.exit(__doc__)
    shots = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "target/browser").resolve()
    shots.mkdir(parents=True, exist_ok=True)
    chromedriver = shutil.which("chromedriver") or sys.exit("chromedriver is missing: apt-get install chromium chromium-driver")
    work = pathlib.Path(tempfile.mkdtemp(prefix="ringx-browser-"))
    work.chmod(0o755)  # nginx's workers read the static files as another user
    front, app, driver_port = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "SITE_STATE": str(work),
        "SITE_ORIGINS": f"http://127.0.0.1:{front} https://127.0.0.1:{front}",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for line in (
        "migrate -v0",
        "collectstatic --noinput -v0",
        f"createsuperuser --noinput -v0 --username {USER} --email {USER}@localhost",
    ):
        subprocess.run([sys.executable, "manage.py", *line.split()], cwd=HERE / "site", env=environment, check=True)

    conf = SEED.format(front=front, app=app, static=work / "static")
    arguments = [server, "-p", str(work), "-c", str(work / "site.conf"), "-e", str(work / "error.log")]
    if os.path.basename(server) == "nginx":
        conf = f"events {{}}\nhttp {{\ninclude /etc/nginx/mime.types;\naccess_log off;\n{conf}}}\n"
    if HTTPS:
        for name, made in (("fullchain.pem", "a.pem"), ("privkey.pem", "a.key")):
            shutil.copy(HERE.parent / "tls" / made, work / name)
        (work / "options-ssl-nginx.conf").write_text(OPTIONS)
        places = {"live": work, "mime": "/etc/nginx/mime.types", "static": work / "static"}
        conf = CERTBOT.format(front=front, app=app, plain=free_port(), **places)
    (work / "site.conf").write_text(conf)
    arguments += ["-g", f"daemon off; pid {work}/server.pid;"]

    started = []
    try:
        gunicorn = [sys.executable, "-m", "gunicorn", "mysite.wsgi", "--bind", f"127.0.0.1:{app}", "--no-control-socket"]
        with open(work / "app.log", "w") as log:
            started.append(subprocess.Popen(gunicorn, cwd=HERE / "site", env=environment, stdout=log, stderr=log))
        wait_port(app, started[-1])
        started.append(subprocess.Popen(arguments))
        wait_port(front, started[-1])
        started.append(subprocess.Popen([chromedriver, f"--port={driver_port}"], stdout=subprocess.DEVNULL))
        wait_port(driver_port, started[-1])
        driver = Driver(driver_port)
        try:
            visit(driver, f"http{'s' if HTTPS else ''}://127.0.0.1:{front}", shots, work)
        finally:
            driver.call("DELETE", "")
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
