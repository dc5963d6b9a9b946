//! A whole site drawn by a seed: servers, their locations, and what they are asked for.

use super::directives::{self, Scope};
use super::tree::Node;
use crate::differential::Draw;

/// How many servers a site has, and how many locations each of them.
const SERVERS: usize = 4;
const LOCATIONS: usize = 70;

/// A site and hints for requests that meet its parts.
pub struct Site {
    pub nodes: Vec<Node>,
    pub hosts: Vec<String>,
    /// Beginnings of targets.
    pub targets: Vec<String>,
    /// The names of the directories below `root` that hold the usual files.
    pub directories: Vec<String>,
}

/// Variables that every site declares, beside those of nginx.
pub const DECLARED: [&str; 9] =
    ["$map_uri", "$map_arg", "$map_host", "$map_pair", "$map_vol", "$geo_arg", "$geo_addr", "$part", "$name"];

/// Draws one.
pub fn site(draw: &mut Draw) -> Site {
    let mut site =
        Site { nodes: settings(draw), hosts: Vec::new(), targets: Vec::new(), directories: Vec::new() };
    let regexes = draw.next(2) == 0;
    if !regexes {
        site.nodes.iter_mut().filter(|node| node.name() == "map").for_each(Node::without_regexes);
    }
    for number in 0..SERVERS {
        let mut server = server(draw, &mut site, number);
        if regexes {
            // nginx's `$1` is that of the map that was asked for last (a listed difference).
            server.replace("$1", "${arg_x}");
            server.replace("$2", "${uri}");
        }
        site.nodes.push(server);
    }
    site
}

/// What stands before the servers.
fn settings(draw: &mut Draw) -> Vec<Node> {
    let line = Node::line;
    let mut nodes = vec![
        line(
            "types { text/html html shtml; text/css css; text/plain txt; application/json json; image/png png; }",
        ),
        Node::line(format!(
            "default_type {}",
            draw.of(&["text/plain", "application/octet-stream", "text/html"])
        )),
        line("client_max_body_size 2k"),
        line("proxy_read_timeout 5s"),
        line("upstream group { server {{app}}; }"),
        line("map_hash_bucket_size 128"),
        line("server_names_hash_bucket_size 128"),
        Node::block(
            "map $uri $map_uri",
            vec![
                line("default 'd:$request_method'"),
                line("~^/p(\\d)(?<pdigit>\\d*)/ 'p$1-$pdigit'"),
                line("~*\\.TXT$ text"),
                line("/p3/a.txt exact"),
                line("~^/(?<first>[^/]+)/(?<second>[^/]+)/ $second.$first"),
                line("\"\" none"),
            ],
        ),
        Node::block(
            "map $arg_x $map_arg",
            vec![
                line(draw.of(&["default 0", "default ''", "default $arg_y"])),
                line("1 one"),
                line("~^[a-f]+$ letters"),
                line("~*^Y yes"),
                line("\\~ tilde"),
                line("'' empty"),
                line("'a b' space"),
            ],
        ),
        Node::block(
            "map $host $map_host",
            vec![
                line("hostnames"),
                line("default other"),
                line("site0.test zero"),
                line("*.wild.test wild"),
                line(".dot.test dot"),
                line("mail.* mail"),
                line("~^re- regex"),
            ],
        ),
        Node::block(
            "map $request_method:$uri$is_args$args $map_pair",
            vec![
                line("default ''"),
                line("~^GET:/p get"),
                line("~^(HEAD|POST):(?<rest>[^?]*)\\?(.*)$ $1.$rest.$3"),
                line("~\\?x= x"),
            ],
        ),
        Node::block(
            "map $map_arg$http_referer $map_vol",
            vec![line("volatile"), line("default v"), line("~one(.*) one$1"), line("0 zero")],
        ),
        Node::block(
            "geo $arg_ip $geo_arg",
            vec![
                line("default nowhere"),
                line("10.0.0.0/8 ten"),
                line("10.1.0.0/16 ten-one"),
                line("1.2.3.4 exact"),
                line("::1/128 six"),
                line("192.168.0.0/16 lan"),
            ],
        ),
        Node::block(
            "geo $geo_addr",
            vec![line("default 0"), line("127.0.0.0/8 here"), line("1.2.3.0/24 there")],
        ),
        Node::block("split_clients $uri$arg_x $part", vec![line("10% a"), line("33.3% b"), line("* ''")]),
    ];
    for _ in 0..draw.next(5) {
        nodes.push(Node::line(directives::setting(draw, Scope::Http)));
    }
    directives::without_doubles(nodes)
}

fn server(draw: &mut Draw, site: &mut Site, number: usize) -> Node {
    let mut nodes = vec![Node::line("listen {{port}}")];
    let (names, hosts): (&str, &[&str]) = match number {
        0 => {
            ("site0.test www.site0.test", &["site0.test", "SITE0.test:81", "www.site0.test", "unknown.test"])
        }
        1 => (
            "*.wild.test .dot.test mail.*",
            &["a.wild.test", "b.c.wild.test", "dot.test", "x.dot.test", "mail.any"],
        ),
        2 => ("~^re-(?<name>\\w+)\\.(?<tld>[a-z]+)$", &["re-joe.test", "re-a_b.org", "RE-X.test"]),
        _ => (
            "~^(www\\.)?num(\\d+)\\.test$ other.test",
            &["num7.test", "www.num12.test", "other.test", "other.test."],
        ),
    };
    nodes.push(Node::line(format!("server_name {names}")));
    site.hosts.extend(hosts.iter().map(|&host| host.to_owned()));
    nodes.push(Node::line("root {{site}}"));
    for _ in 0..2 + draw.next(6) {
        nodes.push(Node::line(directives::setting(draw, Scope::Server)));
    }
    for _ in 0..draw.next(4) {
        nodes.extend(directives::rewriting(draw, Scope::Server));
    }
    if draw.next(3) == 0 {
        nodes.push(Node::line("set_real_ip_from 127.0.0.0/8"));
        nodes.push(Node::line(draw.of(&["real_ip_header X-Forwarded-For", "real_ip_header X-Real-IP"])));
        nodes.push(Node::line(draw.of(&["real_ip_recursive on", "real_ip_recursive off"])));
    }
    let mut named = vec!["named".to_owned()];
    for at in 0..LOCATIONS / 12 {
        named.push(format!("n{at}"));
    }
    for at in 0..LOCATIONS {
        let location = location(draw, site, number * LOCATIONS + at, &named);
        nodes.push(location);
    }
    for name in &named {
        let mut inside = directives::content(draw, Scope::Named, name, &named);
        inside.extend(directives::settings(draw, Scope::Named));
        nodes.push(Node::block(format!("location @{name}"), directives::without_doubles(inside)));
    }
    nodes.push(Node::block(
        "location /internal/",
        vec![Node::line("internal"), Node::line("alias {{site}}/p3/")],
    ));
    // `$invalid_referer` is only known where this stands somewhere.
    nodes.push(Node::line(
        "location = /referers { valid_referers none site0.test; return 200 $invalid_referer; }",
    ));
    nodes.push(Node::line("location ^~ /secret/ { auth_basic realm; auth_basic_user_file {{site}}/users; }"));
    Node::block("server", directives::without_doubles(nodes))
}

/// One location of those beside each other, with what asks for it.
fn location(draw: &mut Draw, site: &mut Site, number: usize, named: &[String]) -> Node {
    let path = format!("/p{number}/");
    let (head, scope) = match draw.next(12) {
        0 | 1 => {
            site.targets.push(format!("/e{number}"));
            (format!("= /e{number}"), Scope::Exact)
        }
        2 => (format!("^~ {path}"), Scope::Prefix),
        3 => {
            site.targets.push(format!("/r{number}/word/rest"));
            (format!("~ ^/r{number}/(\\w+)(?:/(?<rest>.*))?$"), Scope::Regex)
        }
        4 => {
            site.targets.push(format!("/R{number}/X.Php"));
            (format!("~* ^/r{number}/.*\\.(php|cgi)$"), Scope::Regex)
        }
        5 => {
            site.targets.push(format!("/p{number}.txt"));
            (format!("/p{number}"), Scope::Prefix)
        }
        _ => (path.clone(), Scope::Prefix),
    };
    if scope == Scope::Prefix {
        site.targets.push(path.clone());
        site.directories.push(format!("p{number}"));
    }
    let name = if scope == Scope::Prefix { path.clone() } else { format!("/p{number}/") };
    let mut nodes = directives::settings(draw, scope);
    nodes.extend(directives::content(draw, scope, &name, named));
    if scope == Scope::Prefix && head.ends_with('/') && draw.next(5) == 0 {
        let inner = format!("{path}in/");
        site.targets.push(inner.clone());
        let mut nested = directives::settings(draw, Scope::Prefix);
        nested.extend(directives::content(draw, Scope::Prefix, &inner, named));
        nodes.push(Node::block(format!("location {inner}"), directives::without_doubles(nested)));
        if draw.next(2) == 0 {
            let mut nested = directives::settings(draw, Scope::Regex);
            nested.extend(directives::content(draw, Scope::Regex, &inner, named));
            nodes.push(Node::block("location ~ \\.(css|txt)$", directives::without_doubles(nested)));
        }
    }
    Node::block(format!("location {head}"), directives::without_doubles(nodes))
}
