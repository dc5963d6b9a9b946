//! The directives of a generated site: what may stand in a location, drawn at random.

use super::site::DECLARED;
use super::tree::Node;
use crate::differential::Draw;

/// Where a directive is to stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Http,
    Server,
    Prefix,
    Exact,
    Regex,
    Named,
    /// `if` in a location.
    If,
}

/// Variables whose value no run and no program decides alone.
const VARIABLES: [&str; 40] = [
    "$uri",
    "$args",
    "$arg_x",
    "$arg_y",
    "$host",
    "$server_name",
    "$request_method",
    "$request_uri",
    "$is_args",
    "$query_string",
    "$http_referer",
    "$http_x_forwarded_for",
    "$cookie_a",
    "$scheme",
    "$remote_user",
    "$remote_addr",
    "$request_filename",
    "$document_uri",
    "$content_type",
    "$content_length",
    "$http_none",
    "$server_protocol",
    "$1",
    "$2",
    "$rest",
    "$tld",
    "$document_root",
    "$invalid_referer",
    "$request_body",
    "$proxy_host",
    "$realip_remote_addr",
    "$proxy_add_x_forwarded_for",
    "$http_user_agent",
    "$https",
    "$limit_rate",
    "$request",
    "$http_range",
    "$realpath_root",
    "$secure_link",
    "$http_host",
];

fn variable(draw: &mut Draw) -> String {
    if draw.next(4) == 0 {
        return draw.of(&DECLARED).to_owned();
    }
    draw.of(&VARIABLES).to_owned()
}

/// A text with variables in it.
pub fn value(draw: &mut Draw) -> String {
    let mut text = String::new();
    for _ in 0..1 + draw.next(3) {
        match draw.next(3) {
            0 => text += draw.of(&["v", "a-b", "x=", "/", " ", "50%", ":", "(", "é"]),
            1 => text += &format!("{}.", variable(draw)),
            _ => {
                let name = variable(draw);
                // nginx knows `$1`, but not `${1}`.
                let plain = name.len() == 2;
                text += &if plain { name } else { format!("${{{}}}", &name[1..]) };
            }
        }
    }
    text
}

fn quoted(draw: &mut Draw) -> String {
    format!("\"{}\"", value(draw))
}

/// Several settings of a location.
pub fn settings(draw: &mut Draw, scope: Scope) -> Vec<Node> {
    let mut nodes = Vec::new();
    for _ in 0..draw.next(4) {
        nodes.push(Node::line(setting(draw, scope)));
    }
    if draw.next(14) == 0 && scope != Scope::Named {
        nodes.push(Node::block(
            draw.of(&["limit_except GET", "limit_except GET POST", "limit_except PUT"]),
            vec![Node::line(draw.of(&["deny all", "allow 127.0.0.1", "deny 127.0.0.1"]))],
        ));
    }
    nodes
}

/// One setting.
pub fn setting(draw: &mut Draw, scope: Scope) -> String {
    let code =
        draw.of(&["404", "403", "404 403", "405", "413", "500 502 503", "401", "412", "301", "302", "400"]);
    let kind = draw.next(if scope == Scope::Http { 34 } else { 52 });
    match kind {
        0..=4 => {
            let name = draw.of(&[
                "X-One",
                "X-Two",
                "Cache-Control",
                "Vary",
                "X-Frame-Options",
                "Last-Modified",
                "Link",
                "Content-Language",
            ]);
            let always = draw.of(&["", " always"]);
            format!("add_header {name} {}{always}", quoted(draw))
        }
        5 | 6 => format!(
            "expires {}",
            draw.of(&["off", "max", "epoch", "1d", "-1", "0", "modified 1h", "modified -5m", "$arg_y"])
        ),
        7..=9 => {
            let how = draw.of(&["", "", "=200 ", "=410 ", "= ", "=404 ", "=302 "]);
            let to = match draw.next(6) {
                0 => "@named",
                1 => "/50x.html",
                2 => "/p3/a.txt",
                3 => "http://other.test/x?u=$uri",
                4 => "/err/$uri?a=$arg_x",
                _ => "/404.html",
            };
            format!("error_page {code} {how}{to}")
        }
        10 => format!("charset {}", draw.of(&["utf-8", "off", "koi8-r", "windows-1251"])),
        11 | 12 => format!("gzip {}", draw.of(&["on", "on", "off"])),
        13 => draw
            .of(&[
                "gzip_vary on",
                "gzip_min_length 1",
                "gzip_types text/css text/plain",
                "gzip_types *",
                "gzip_proxied any",
                "gzip_http_version 1.0",
                "gzip_comp_level 5",
                "gzip_proxied expired no-cache auth",
            ])
            .to_owned(),
        14 => format!("etag {}", draw.of(&["on", "off"])),
        15 => format!("if_modified_since {}", draw.of(&["off", "exact", "before"])),
        16 => format!("max_ranges {}", draw.of(&["0", "1", "2"])),
        17 => draw
            .of(&[
                "absolute_redirect off",
                "port_in_redirect off",
                "server_name_in_redirect on",
                "absolute_redirect on",
            ])
            .to_owned(),
        18 => format!("default_type {}", draw.of(&["text/html", "text/css", "image/png", "''"])),
        19 => draw
            .of(&[
                "log_not_found off",
                "recursive_error_pages on",
                "chunked_transfer_encoding off",
                "proxy_intercept_errors on",
                "proxy_intercept_errors on",
                "satisfy any",
                "satisfy all",
            ])
            .to_owned(),
        20 => draw
            .of(&[
                "sub_filter word WORD",
                "sub_filter '</head>' '<x $uri></head>'",
                "sub_filter_once off",
                "sub_filter_types text/css text/plain",
                "sub_filter_last_modified on",
                "sub_filter_types *",
            ])
            .to_owned(),
        21 => draw.of(&["ssi on", "ssi_types text/plain", "ssi_last_modified on"]).to_owned(),
        22 => draw
            .of(&[
                "autoindex on",
                "autoindex_exact_size off",
                "autoindex_format json",
                "autoindex_format xml",
            ])
            .to_owned(),
        23 => format!(
            "index {}",
            draw.of(&["index.html", "none.html a.txt", "none /p3/b.html", "index$arg_x.html index.html"])
        ),
        24 if !location(scope) => "deny 1.2.3.0/24".to_owned(),
        24 => draw.of(&["allow 127.0.0.1", "deny all", "deny 1.2.3.0/24", "allow 1.2.3.4"]).to_owned(),
        25 => {
            draw.of(&["auth_basic realm", "auth_basic \"the $arg_x realm\"", "auth_basic off"]).to_owned()
                + ";auth_basic_user_file {{site}}/users"
        }
        26 => format!("client_max_body_size {}", draw.of(&["10", "0", "1k"])),
        27 => format!("gzip_static {}", draw.of(&["on", "always", "off"])),
        28 => {
            let name = draw.of(&[
                "X-Set",
                "Host",
                "Accept-Encoding",
                "X-Forwarded-For",
                "Connection",
                "Content-Type",
                "Range",
            ]);
            format!(
                "proxy_set_header {name} {}",
                draw.of(&[
                    "$host",
                    "''",
                    "\"$uri $arg_x\"",
                    "$proxy_add_x_forwarded_for",
                    "$http_host",
                    "x",
                    "$map_arg"
                ])
            )
        }
        29 => draw
            .of(&[
                "proxy_hide_header X-App",
                "proxy_hide_header Set-Cookie",
                "proxy_pass_header Server",
                "proxy_pass_header Date",
                "proxy_hide_header ETag",
            ])
            .to_owned(),
        30 => draw
            .of(&[
                "proxy_redirect off",
                "proxy_redirect http://{{app}}/base/ /front/",
                "proxy_redirect ~^/p(\\d+)/(.*)$ /q$1/$2",
                "proxy_redirect https://other.test $scheme://$host",
            ])
            .to_owned(),
        31 => draw
            .of(&[
                "proxy_cookie_domain app.test $host",
                "proxy_cookie_path /base/ /",
                "proxy_cookie_flags a httponly",
                "proxy_cookie_flags ~b nosecure samesite=lax",
                "proxy_cookie_path ~^/(.+)/ /x$1/",
            ])
            .to_owned(),
        32 => draw
            .of(&[
                "proxy_buffering off",
                "proxy_pass_request_headers off",
                "proxy_pass_request_body off",
                "proxy_ignore_headers X-Accel-Redirect",
                "proxy_ignore_headers X-Accel-Charset Expires",
                "proxy_force_ranges on",
                "proxy_request_buffering off",
                "proxy_method PUT",
                "proxy_set_body \"body $uri\"",
            ])
            .to_owned(),
        33 => draw
            .of(&[
                "override_charset on",
                "charset_types text/plain text/css",
                "source_charset utf-8",
                "lingering_close always",
            ])
            .to_owned(),
        34 => draw
            .of(&[
                "valid_referers none blocked site0.test *.dot.test",
                "valid_referers ~\\.google\\. server_names",
                "valid_referers none other.test/x",
            ])
            .to_owned(),
        35 => draw
            .of(&[
                "secure_link $arg_md5;secure_link_md5 \"$uri secret\"",
                "secure_link $arg_md5,$arg_e;secure_link_md5 \"$secure_link_expires$uri\"",
            ])
            .to_owned(),
        36 if location(scope) => "internal".to_owned(),
        37 if location(scope) && scope != Scope::Named => {
            draw.of(&["types { text/css txt; text/html css; }", "types { }"]).to_owned()
        }
        38 => draw
            .of(&["root {{site}}/p3", "root {{site}}", "root {{site}}/$arg_x", "root {{site}}/none"])
            .to_owned(),
        39..=41 => format!("add_header X-Three {}", quoted(draw)),
        42 => draw
            .of(&[
                "try_files $uri =404",
                "try_files $uri $uri/ @named",
                "try_files $uri.html $uri /p3/a.txt?q=$uri",
                "try_files /p3/none $uri/index.html /50x.html",
                "try_files /p3$uri /p3/a.txt =410",
            ])
            .to_owned(),
        43 if location(scope) => {
            draw.of(&["auth_request /p3/a.txt", "auth_request off", "auth_request /internal/none"]).to_owned()
        }
        44 if location(scope) => "keepalive_requests 2".to_owned(),
        46 if location(scope) => draw.of(&["keepalive_timeout 0", "keepalive_requests 1"]).to_owned(),
        45 if scope == Scope::Server => "merge_slashes off".to_owned(),
        _ => draw
            .of(&["expires 1h", "autoindex on", "charset utf-8", "gzip on", "etag off", "ssi on"])
            .to_owned(),
    }
}

fn location(scope: Scope) -> bool {
    matches!(scope, Scope::Prefix | Scope::Exact | Scope::Regex | Scope::Named)
}

/// What a location answers with, most of the time one thing.
pub fn content(draw: &mut Draw, scope: Scope, path: &str, named: &[String]) -> Vec<Node> {
    let mut nodes = Vec::new();
    if draw.next(4) == 0 {
        nodes.extend(rewriting(draw, scope));
    }
    if draw.next(40) == 0 {
        // Two of them in one location.
        nodes.push(Node::line(returning(draw)));
    }
    match draw.next(10) {
        0 | 1 => nodes.push(Node::line(returning(draw))),
        2..=4 => nodes.push(Node::line(proxying(draw, scope))),
        5 if scope != Scope::Named => nodes.push(Node::line(match scope {
            Scope::Regex => draw
                .of(&["alias {{site}}/p3/$2", "alias {{site}}/p3/$1", "alias {{site}}/p3/a.txt"])
                .to_owned(),
            Scope::Exact => draw.of(&["alias {{site}}/p3/a.txt", "alias {{site}}/p3/"]).to_owned(),
            _ => draw
                .of(&["alias {{site}}/p3/", "alias {{site}}/$arg_x/", "alias {{site}}/p3/sub/"])
                .to_owned(),
        })),
        6 if scope != Scope::Exact => {
            let to = format!("@{}", draw.of(&named.iter().map(String::as_str).collect::<Vec<_>>()));
            let first = draw.of(&["$uri", "$uri $uri/", "$uri.html $uri", "/p3$uri", "$uri/index.html"]);
            let last = if draw.next(2) == 0 {
                to
            } else {
                draw.of(&["=404", "/p3/b.html", "/50x.html?$args", "=503", "/p3/a.txt?x=1"]).to_owned()
            };
            nodes.push(Node::line(format!("try_files {first} {last}")));
        }
        7 => nodes.push(Node::line(draw.of(&[
            "root {{site}}",
            "root {{site}}/p3",
            "empty_gif",
            "autoindex on",
        ]))),
        _ => {}
    }
    if path.len().is_multiple_of(7) && scope == Scope::Prefix {
        nodes.push(Node::line("autoindex on"));
    }
    nodes
}

fn returning(draw: &mut Draw) -> String {
    let code = draw.of(&["200", "404", "403", "503", "201", "410", "204", "299", "401", "405", "400", "500"]);
    match draw.next(8) {
        0 => format!("return {code}"),
        1 | 2 => format!("return {code} {}", quoted(draw)),
        3 | 4 => {
            let code = draw.of(&["301", "302", "303", "307", "308"]);
            let to = draw.of(&[
                "/p3/a.txt",
                "https://other.test$request_uri",
                "$scheme://$host/x",
                "/x?$args",
                "$map_uri",
                "x",
                "//host/x",
                "/sp ace/é",
                "''",
            ]);
            format!("return {code} \"{}\"", to.trim_matches('\''))
        }
        5 => "return https://other.test/x".to_owned(),
        6 => "return 444".to_owned(),
        _ => format!("return 200 \"1=$1 rest=$rest uri=$uri args=$args name=$name {}\"", value(draw)),
    }
}

fn proxying(draw: &mut Draw, scope: Scope) -> String {
    let plain = ["http://{{app}}", "http://group"];
    let with_uri = [
        "http://{{app}}/base/",
        "http://{{app}}/",
        "http://group/x",
        "http://{{app}}/b%20c/?q=1",
        "http://{{app}}/base",
    ];
    let variables = [
        "http://{{app}}$request_uri",
        "http://{{app}}/v/$arg_y?$args",
        "http://group/v$is_args$args",
        "http://${arg_none}{{app}}",
        "http://{{app}}/$arg_x",
    ];
    let to = match draw.next(6) {
        0..=2 if matches!(scope, Scope::Prefix | Scope::Exact) => draw.of(&with_uri),
        3 => draw.of(&variables),
        _ => draw.of(&plain),
    };
    format!("proxy_pass {to}")
}

/// `rewrite`, `set`, `if` and `break`.
pub fn rewriting(draw: &mut Draw, scope: Scope) -> Vec<Node> {
    let mut nodes = Vec::new();
    // At the server's level most requests must get through.
    let rare = scope == Scope::Server;
    for _ in 0..1 + draw.next(2) {
        nodes.push(match draw.next(6) {
            0 => Node::line(format!("set ${} {}", draw.of(&["one", "two"]), quoted(draw))),
            1 => Node::line("set $args \"$args&s=1\""),
            2 if !rare => Node::line("break"),
            3 | 4 => Node::line(rewrite(draw, rare)),
            _ => condition(draw, scope),
        });
    }
    nodes
}

fn rewrite(draw: &mut Draw, rare: bool) -> String {
    let from = if rare {
        draw.of(&["^/p(\\d)1/(.*)$", "^/(x+)/(.*)$"])
    } else {
        draw.of(&["^/(\\w+)/(.*)$", "^(.*)\\.txt(.*)$", "^/p\\d+/(?<rest>.*)()$", "(.)(.*)", "^/none(.*)()$"])
    };
    let to = draw.of(&[
        "/p3/$2",
        "/p3/$1",
        "/p5/$2?r=$1",
        "/p4/a.txt?",
        "http://other.test/$2",
        "/p7/$uri",
        "$scheme://$host/$2?z",
        "/p6/$1$arg_x?x=$2?",
        "/p8/é $2",
    ]);
    let flag = draw.of(&["", "last", "break", "redirect", "permanent"]);
    format!("rewrite \"{from}\" \"{to}\" {flag}")
}

fn condition(draw: &mut Draw, scope: Scope) -> Node {
    let head = draw.of(&[
        "$arg_x",
        "$arg_x = 1",
        "$arg_x != 1",
        "$request_method = POST",
        "$uri ~ ^/(\\w+)/(.*)",
        "$uri ~* \\.TXT$",
        "$host !~ ^re-",
        "-f $request_filename",
        "!-f $request_filename",
        "-d $request_filename",
        "-e {{site}}/p3/$arg_x",
        "$http_cookie ~ \"a=(?<rest>[^;]*)\"",
        "$invalid_referer",
        "$map_arg = one",
        "$args ~ x=(.*)",
        "$http_referer",
    ]);
    let mut inside = Vec::new();
    match draw.next(7) {
        0 | 1 => inside.push(Node::line(returning(draw))),
        2 => inside.push(Node::line(rewrite(draw, false))),
        3 => inside.push(Node::line(format!("set $one {}", quoted(draw)))),
        4 if scope != Scope::Server => inside.push(Node::line(proxying(draw, Scope::If))),
        5 => inside.push(Node::line("break")),
        _ => inside.push(Node::line("set $two \"$two$1\"")),
    }
    if scope != Scope::Server && draw.next(2) == 0 {
        inside.push(Node::line(match draw.next(5) {
            0 => format!("add_header X-If {}", quoted(draw)),
            1 => "expires 3h".to_owned(),
            2 => "error_page 404 /p3/a.txt".to_owned(),
            3 => "root {{site}}/p3".to_owned(),
            _ => "charset koi8-r".to_owned(),
        }));
    }
    Node::block(format!("if ({head})"), inside)
}

/// Leaves one of each directive that may stand only once in a block.
pub fn without_doubles(nodes: Vec<Node>) -> Vec<Node> {
    const MANY: [&str; 26] = [
        "add_header",
        "location",
        "if",
        "rewrite",
        "set",
        "return",
        "break",
        "error_page",
        "allow",
        "deny",
        "map",
        "geo",
        "proxy_set_header",
        "proxy_hide_header",
        "proxy_pass_header",
        "proxy_redirect",
        "proxy_cookie_domain",
        "proxy_cookie_path",
        "proxy_cookie_flags",
        "sub_filter",
        "server",
        "split_clients",
        "upstream",
        "set_real_ip_from",
        "limit_except",
        "log_format",
    ];
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for node in nodes {
        // A directive with its companion is two lines in one.
        for part in node.parts() {
            let name = part.name();
            let name = match name.as_str() {
                "alias" => "root".to_owned(),
                // Of who may not come in, nginx does not look at these (a listed difference).
                "keepalive_timeout" | "keepalive_requests" => "internal".to_owned(),
                _ => name,
            };
            if !MANY.contains(&name.as_str()) {
                if seen.contains(&name) {
                    continue;
                }
                seen.push(name);
            }
            kept.push(part);
        }
    }
    kept
}
