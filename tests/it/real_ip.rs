//! `set_real_ip_from`: the client's address from a trusted proxy.

use expect_test::expect;

use crate::support::{Origin, Server};

const CONF: &str = r#"
    log_format who "$remote_addr $realip_remote_addr $uri"; access_log {{dir}}/who.log who;
    set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8;
    server { listen {{port}}; root {{root}};
        location = /default { return 200 "$remote_addr|$remote_port|$realip_remote_addr"; }
        location = /scope { return 200 $remote_addr; real_ip_header X-Forwarded-For; }
        location /allowed { allow 192.0.2.0/24; deny all; alias {{root}}/f; }
        location /proxied { proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-IP $remote_addr; proxy_pass http://{{app}}; }
    }
    server { listen {{port2}}; root {{root}}; real_ip_header X-Forwarded-For;
        location / { return 200 "$remote_addr"; }
        location /in { real_ip_recursive on; try_files /nothing @in; }
    location @in { return 200 $remote_addr; }
    }
    server { listen {{port3}}; root {{root}}; real_ip_header x-Forwarded-For; real_ip_recursive on; return 200 "$remote_addr $realip_remote_addr"; }
    server { listen {{port4}}; root {{root}}; real_ip_header CF-Connecting-IP; set_real_ip_from 10.0.0.1;
        location / { return 200 $remote_addr; }
        location /trusted/ { set_real_ip_from localhost; deny 192.0.2.77; alias {{root}}/; }
    }
"#;

fn ask(server: &Server, port: &str, path: &str, fields: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n");
    let response = server.send_to(port, request);
    format!("{} {}", response.status, if response.status == 200 { response.text() } else { String::new() })
}

#[test]
fn the_address_that_a_trusted_proxy_tells() {
    let app = Origin::ok();
    let server = Server::setup().app(&app).file("root/f", "file").start(CONF);
    let mut seen = String::new();
    for (port, path, fields) in [
        ("port", "/default", "X-Real-IP: 192.0.2.1\r\n"),
        ("port", "/default", "X-Real-IP: 192.0.2.1:99\r\n"),
        ("port", "/default", "X-Real-IP: 192.0.2.1, 192.0.2.2\r\n"),
        ("port", "/default", "X-Real-IP: 2001:db8::1\r\n"),
        ("port", "/default", "X-Real-IP: [2001:DB8::1]:99\r\n"),
        ("port", "/scope", "X-Forwarded-For: 192.0.2.3\r\n"),
        ("port", "/scope", "X-Real-IP: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.3\r\n"),
        ("port", "/allowed", ""),
        ("port", "/allowed", "X-Real-IP: 192.0.2.1\r\n"),
        ("port", "/allowed", "X-Real-IP: 192.0.3.1\r\n"),
        ("port2", "/", "X-Forwarded-For: 192.0.2.1\r\n"),
        ("port2", "/", "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n"),
        ("port2", "/", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"),
        ("port2", "/", "X-Forwarded-For: unknown\r\n"),
        ("port2", "/", "X-Forwarded-For: 192.0.2.1, unknown\r\n"),
        ("port2", "/", "X-Real-IP: 192.0.2.1\r\n"),
        ("port2", "/in", "X-Forwarded-For: 192.0.2.1, 10.0.0.7\r\n"),
        ("port3", "/", "X-Forwarded-For: 192.0.2.1, 10.0.0.7\r\n"),
        ("port3", "/", "X-Forwarded-For: 192.0.2.1, 192.0.2.2, 10.0.0.7, 10.1.1.1\r\n"),
        ("port3", "/", "X-Forwarded-For: 10.0.0.5, 10.0.0.7\r\n"),
        ("port3", "/", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.7\r\n"),
        ("port3", "/", "X-Forwarded-For: bad, 10.0.0.7\r\n"),
        ("port3", "/", ""),
        ("port4", "/", "CF-Connecting-IP: 192.0.2.1\r\n"),
        ("port4", "/trusted/f", "CF-Connecting-IP: 192.0.2.1\r\n"),
        ("port4", "/trusted/f", "CF-Connecting-IP: 192.0.2.77\r\n"),
    ] {
        let fields_shown = fields.trim_end().replace("\r\n", "; ");
        seen += &format!("{port} {path} {fields_shown} -> {}\n", ask(&server, port, path, fields));
    }
    expect![[r#"
        port /default X-Real-IP: 192.0.2.1 -> 200 192.0.2.1||127.0.0.1
        port /default X-Real-IP: 192.0.2.1:99 -> 200 192.0.2.1|99|127.0.0.1
        port /default X-Real-IP: 192.0.2.1, 192.0.2.2 -> 200 192.0.2.2||127.0.0.1
        port /default X-Real-IP: 2001:db8::1 -> 200 2001:db8::1||127.0.0.1
        port /default X-Real-IP: [2001:DB8::1]:99 -> 200 2001:db8::1|99|127.0.0.1
        port /scope X-Forwarded-For: 192.0.2.3 -> 200 127.0.0.1
        port /scope X-Real-IP: 192.0.2.1; X-Forwarded-For: 192.0.2.3 -> 200 192.0.2.1
        port /allowed  -> 403 
        port /allowed X-Real-IP: 192.0.2.1 -> 200 file
        port /allowed X-Real-IP: 192.0.3.1 -> 403 
        port2 / X-Forwarded-For: 192.0.2.1 -> 200 192.0.2.1
        port2 / X-Forwarded-For: 192.0.2.1, 192.0.2.2 -> 200 192.0.2.2
        port2 / X-Forwarded-For: 192.0.2.1; X-Forwarded-For: 192.0.2.2 -> 200 192.0.2.2
        port2 / X-Forwarded-For: unknown -> 200 127.0.0.1
        port2 / X-Forwarded-For: 192.0.2.1, unknown -> 200 127.0.0.1
        port2 / X-Real-IP: 192.0.2.1 -> 200 127.0.0.1
        port2 /in X-Forwarded-For: 192.0.2.1, 10.0.0.7 -> 200 10.0.0.7
        port3 / X-Forwarded-For: 192.0.2.1, 10.0.0.7 -> 200 192.0.2.1 127.0.0.1
        port3 / X-Forwarded-For: 192.0.2.1, 192.0.2.2, 10.0.0.7, 10.1.1.1 -> 200 192.0.2.2 127.0.0.1
        port3 / X-Forwarded-For: 10.0.0.5, 10.0.0.7 -> 200 10.0.0.5 127.0.0.1
        port3 / X-Forwarded-For: 192.0.2.1; X-Forwarded-For: 10.0.0.7 -> 200 192.0.2.1 127.0.0.1
        port3 / X-Forwarded-For: bad, 10.0.0.7 -> 200 10.0.0.7 127.0.0.1
        port3 /  -> 200 127.0.0.1 127.0.0.1
        port4 / CF-Connecting-IP: 192.0.2.1 -> 200 127.0.0.1
        port4 /trusted/f CF-Connecting-IP: 192.0.2.1 -> 200 file
        port4 /trusted/f CF-Connecting-IP: 192.0.2.77 -> 403 
    "#]]
    .assert_eq(&seen);
    ask(&server, "port", "/proxied", "X-Real-IP: 192.0.2.9\r\nX-Forwarded-For: 198.51.100.1\r\n");
    let last = app.last();
    assert_eq!(last.header("x-ip").unwrap(), "192.0.2.9");
    assert_eq!(last.header("x-forwarded-for").unwrap(), "198.51.100.1, 192.0.2.9");
    server.wait_file("who.log", |log| log.contains("192.0.2.9 127.0.0.1 /proxied\n"));
    server.wait_error("access forbidden by rule, client: 192.0.3.1, server: ");
}

#[test]
fn the_next_request_of_a_connection_is_asked_anew() {
    let server = Server::start(
        "set_real_ip_from 127.0.0.1; server { listen {{port}}; location / { return 200 $remote_addr; } }",
    );
    let mut client = server.connect();
    let mut seen = Vec::new();
    for fields in ["X-Real-IP: 192.0.2.1\r\n", "", "X-Real-IP: 192.0.2.2\r\n"] {
        client.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        seen.push(client.response().text());
    }
    assert_eq!(seen, ["192.0.2.1", "127.0.0.1", "192.0.2.2"]);
}
