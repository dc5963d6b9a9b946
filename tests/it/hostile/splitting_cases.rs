//! A decoded line end of the URI on its way into heads: every place of a configuration that takes a variable and writes it
//! into a line. None may begin another field, another answer or another request (RFC 9110 5.5, 17.3 of RFC 9112's security).

use super::{Case, case};

/// Each location writes `$uri`, or what it took from it, somewhere else. `{{app}}` is the application.
pub(super) const CONF: &str = r#"
server { listen {{port4}}; proxy_http_version 1.1;
    location /set-header/ { proxy_pass http://{{app}}; proxy_set_header X-Path $uri; }
    location /set-host/ { proxy_pass http://{{app}}; proxy_set_header Host $uri; }
    location /pass-uri/ { proxy_pass http://{{app}}$uri; }
    location ~ ^/pass-part/(.*)$ { proxy_pass http://{{app}}/part/$1; }
    location ~ ^/pass-query/(.*)$ { proxy_pass http://{{app}}/query?q=$1; }
    location /pass-prefix/ { proxy_pass http://{{app}}/other/; }
    location /rewritten/ { rewrite ^/rewritten/(.*)$ /else/$1 break; proxy_pass http://{{app}}; }
    location ~ ^/method/(.*)$ { proxy_method $1; proxy_pass http://{{app}}; }
    location /set-body/ { proxy_pass http://{{app}}; proxy_set_body $uri; }
    location /add-header/ { add_header X-Path $uri always; return 200 ok; }
    location ~ ^/captured/(.*)$ { add_header X-Part $1 always; return 200 ok; }
    location ~ ^/named/(?<part>.*)$ { add_header X-Part $part always; return 200 ok; }
    location /set/ { set $mine $uri; add_header X-Mine $mine always; return 200 ok; }
    location /moved/ { return 301 https://x$uri; }
    location ~ ^/moved-part/(.*)$ { return 302 https://x/$1; }
    location /moved-here/ { return 307 $uri; }
    location /rewrite-away/ { rewrite ^/rewrite-away/(.*)$ https://x/$1 redirect; }
    location /rewrite-permanent/ { rewrite ^/rewrite-permanent/(.*)$ /to/$1 permanent; }
    location /text/ { default_type text/plain; return 200 $uri; }
    location /realm/ { auth_basic "area $uri"; auth_basic_user_file {{dir}}/users; return 200 ok; }
    location /refused/ { error_page 403 =302 https://x$uri; deny all; }
    location /cookie/ { proxy_pass http://{{app}}; proxy_cookie_path / $uri; }
    location /redirected/ { proxy_pass http://{{app}}; proxy_redirect / $uri; }
    location /trailer/ { proxy_pass http://{{app}}; add_trailer X-Path $uri; }
}
"#;

const PLACES: [&str; 24] = [
    "set-header",
    "set-host",
    "pass-uri",
    "pass-part",
    "pass-query",
    "pass-prefix",
    "rewritten",
    "method",
    "set-body",
    "add-header",
    "captured",
    "named",
    "set",
    "moved",
    "moved-part",
    "moved-here",
    "rewrite-away",
    "rewrite-permanent",
    "text",
    "realm",
    "refused",
    "cookie",
    "redirected",
    "trailer",
];

/// Line ends as they come encoded, and what they would begin.
const ENDS: [(&str, &str, &str); 4] = [
    ("a field", "%0d%0aX-Evil:%201", "CVE-2023-25690 (Apache httpd), Detectify 2018: $uri of nginx"),
    ("a field behind LF", "%0aX-Evil:%201", "RFC 9112 2.2: LF alone ends a line for some"),
    ("a field behind CR", "%0dX-Evil:%201", "CVE-2023-30589 (llhttp): CR alone ends a line for some"),
    (
        "a message",
        "%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1%0d%0aX-Evil:%201",
        "CVE-2023-25690 (Apache httpd)",
    ),
];

/// Every place with every line end.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for place in PLACES {
        for (what, end, by) in ENDS {
            let request =
                format!("GET /{place}/a{end} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let mut case = case(
                &format!("{what} by {place}"),
                request,
                &[200, 301, 302, 307, 400, 401, 403, 404, 405, 500],
            )
            .clean()
            .not("(?im)^x-evil|^GET /smuggled")
            .never("(?im)[\r\n]x-evil")
            .answers(1)
            .stricter()
            .by(by);
            if matches!(place, "text" | "set-body") {
                // A body may hold anything.
                case.origin_not = None;
                case.client_not = Some("(?s)^(?!.*\r\n\r\n.*(?i:x-evil)).*[\r\n](?i:x-evil)".to_owned());
            }
            cases.push(case);
        }
    }
    cases
}
