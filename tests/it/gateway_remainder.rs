//! What the proxy's directives do, uwsgi's, FastCGI's and SCGI's do too: pace, stored answers, ranges, where connections
//! come from, fields that are obeyed.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::support::gateway::{
    CgiRequest, end_request, fastcgi_request, record, scgi_request, stdout, uwsgi_request,
};
use crate::support::{Origin, OriginConnection, Server, get, lines, wait_for};

/// With 100k a second: 100k at once, and the rest when the third second after that has begun.
const LONG: usize = 400_000;

const GATEWAYS: [&str; 3] = ["uwsgi", "scgi", "fastcgi"];

/// An app that answers by the end of `URI`.
fn app(read: fn(&mut OriginConnection) -> Option<CgiRequest>, in_records: bool) -> Origin {
    Origin::start(move |connection| {
        let Some(request) = read(connection) else { return };
        let head = "Status: 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=b; Path=/one/\r\n";
        let uri = request.variable("URI");
        let answer = match uri.rsplit('/').next().unwrap_or_default() {
            "long" => format!("{head}Content-Length: {LONG}\r\n\r\n{}", "x".repeat(LONG)),
            "told" => format!("{head}X-Accel-Limit-Rate: 102400\r\n\r\n{}", "x".repeat(LONG)),
            "body" => format!("{head}\r\n[{}]", String::from_utf8_lossy(&request.body)),
            "elsewhere" => format!("{head}X-Accel-Redirect: /elsewhere\r\n\r\n"),
            _ => format!("{head}Content-Length: 16\r\n\r\n0123456789abcdef"),
        };
        if in_records {
            connection.send([stdout(answer), record(6, ""), end_request()].concat());
        } else {
            connection.send(answer);
        }
    })
}

#[test]
fn gateways_have_what_the_proxy_has() {
    let (uwsgi, scgi) = (app(uwsgi_request, false), app(scgi_request, false));
    let fastcgi = app(fastcgi_request, true);
    let locations: String = GATEWAYS
        .iter()
        .map(|gateway| {
            "location /NAME/ { NAME_pass {{NAME}}; }
             location /NAME/stored/ { NAME_store {{dir}}/store/$uri; NAME_store_access all:r; NAME_pass {{NAME}}; }
             location /NAME/ranges/ { NAME_force_ranges on; NAME_pass {{NAME}}; }
             location /NAME/paced/ { limit_rate 100k; NAME_pass {{NAME}}; }
             location /NAME/read/ { NAME_limit_rate 100k; NAME_pass {{NAME}}; }
             location /NAME/bound/ { NAME_bind $arg_from; NAME_pass {{NAME}}; }
             location /NAME/deaf/ { NAME_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate; NAME_pass {{NAME}}; }
             location /NAME/file/ { client_body_in_file_only clean; NAME_pass {{NAME}}; }\n"
                .replace("NAME", gateway)
        })
        .collect();
    let params = GATEWAYS.map(|gateway| format!("{gateway}_param URI $uri;\n")).concat();
    let conf = format!(
        "{params} server {{ listen {{{{port}}}}; {locations} location = /elsewhere {{ return 200 elsewhere; }} }}"
    );
    let server = Server::setup()
        .directory("store")
        .named_app("uwsgi", &uwsgi)
        .named_app("scgi", &scgi)
        .named_app("fastcgi", &fastcgi)
        .start(&conf);
    let mut text = String::new();
    for gateway in GATEWAYS {
        for (request, fields) in [
            ("plain", ""),
            ("stored/file", ""),
            ("stored/long", ""),
            ("ranges/x", "Range: bytes=2-4\r\n"),
            ("ranges/x", "Range: bytes=99-\r\n"),
            ("bound/x?from=127.0.0.9", ""),
            ("bound/x?from=192.0.2.1", ""),
            ("elsewhere", ""),
            ("deaf/elsewhere", ""),
        ] {
            let answer = server.send(format!("GET /{gateway}/{request} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
            let (range, cookie) = (answer.header("content-range"), answer.header("set-cookie"));
            let body = answer.text();
            let shown = if answer.status < 300 && body.len() < 100 { &body } else { "" };
            writeln!(text, "{gateway}/{request} {fields:?} {} {range} {cookie} {shown}", answer.status)
                .unwrap();
        }
        let post = format!("POST /{gateway}/file/body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        writeln!(text, "{gateway} {}", server.send(post).text()).unwrap();
        let stored = server.dir().join(format!("store/{gateway}/stored/file"));
        assert_eq!(fs::read_to_string(stored).unwrap(), "0123456789abcdef");
        let long = server.dir().join(format!("store/{gateway}/stored/long"));
        wait_for("the long file", || fs::metadata(&long).ok().filter(|file| file.len() == LONG as u64));
    }
    expect![[r#"
        uwsgi/plain "" 200  a=b; Path=/one/ 0123456789abcdef
        uwsgi/stored/file "" 200  a=b; Path=/one/ 0123456789abcdef
        uwsgi/stored/long "" 200  a=b; Path=/one/ 
        uwsgi/ranges/x "Range: bytes=2-4\r\n" 206 bytes 2-4/16 a=b; Path=/one/ 234
        uwsgi/ranges/x "Range: bytes=99-\r\n" 416 bytes */16 a=b; Path=/one/ 
        uwsgi/bound/x?from=127.0.0.9 "" 200  a=b; Path=/one/ 0123456789abcdef
        uwsgi/bound/x?from=192.0.2.1 "" 500   
        uwsgi/elsewhere "" 200  a=b; Path=/one/ elsewhere
        uwsgi/deaf/elsewhere "" 200  a=b; Path=/one/ 
        uwsgi []
        scgi/plain "" 200  a=b; Path=/one/ 0123456789abcdef
        scgi/stored/file "" 200  a=b; Path=/one/ 0123456789abcdef
        scgi/stored/long "" 200  a=b; Path=/one/ 
        scgi/ranges/x "Range: bytes=2-4\r\n" 206 bytes 2-4/16 a=b; Path=/one/ 234
        scgi/ranges/x "Range: bytes=99-\r\n" 416 bytes */16 a=b; Path=/one/ 
        scgi/bound/x?from=127.0.0.9 "" 200  a=b; Path=/one/ 0123456789abcdef
        scgi/bound/x?from=192.0.2.1 "" 500   
        scgi/elsewhere "" 200  a=b; Path=/one/ elsewhere
        scgi/deaf/elsewhere "" 200  a=b; Path=/one/ 
        scgi [body]
        fastcgi/plain "" 200  a=b; Path=/one/ 0123456789abcdef
        fastcgi/stored/file "" 200  a=b; Path=/one/ 0123456789abcdef
        fastcgi/stored/long "" 200  a=b; Path=/one/ 
        fastcgi/ranges/x "Range: bytes=2-4\r\n" 206 bytes 2-4/16 a=b; Path=/one/ 234
        fastcgi/ranges/x "Range: bytes=99-\r\n" 416 bytes */16 a=b; Path=/one/ 
        fastcgi/bound/x?from=127.0.0.9 "" 200  a=b; Path=/one/ 0123456789abcdef
        fastcgi/bound/x?from=192.0.2.1 "" 500   
        fastcgi/elsewhere "" 200  a=b; Path=/one/ elsewhere
        fastcgi/deaf/elsewhere "" 200  a=b; Path=/one/ 
        fastcgi [body]
    "#]]
    .assert_eq(&text);
    std::thread::scope(|scope| {
        for gateway in GATEWAYS {
            for target in ["paced/long", "read/long", "told", "deaf/told"] {
                let server = &server;
                scope.spawn(move || {
                    let begun = Instant::now();
                    let answer = server.send(get(&format!("/{gateway}/{target}")));
                    assert_eq!((answer.body.len(), answer.incomplete), (LONG, false), "{gateway}/{target}");
                    let slow = begun.elapsed() > Duration::from_millis(1950);
                    assert_eq!(slow, target != "deaf/told", "{gateway}/{target}: {:?}", begun.elapsed());
                });
            }
        }
    });
    let head = server.send(lines("HEAD /uwsgi/stored/head HTTP/1.1\nHost: a"));
    assert_eq!(head.status, 200);
}

#[test]
fn bytes_may_follow_the_variables_of_uwsgi() {
    let origin = Origin::start(|connection: &mut OriginConnection| {
        let header = connection.read_raw(4);
        let packet = connection.read_raw(usize::from(u16::from_le_bytes([header[1], header[2]])));
        let shown = crate::support::escape(&packet);
        connection.send(format!("Status: 200 OK\r\n\r\n{} {} {shown}", header[0], header[3]));
    });
    let server = Server::proxying(
        &origin,
        "uwsgi_string $outer;
         server {
             listen {{port}};
             location / { uwsgi_pass {{app}}; }
             location /own { uwsgi_string 'own string'; uwsgi_param A b; uwsgi_modifier1 7; uwsgi_pass {{app}}; }
         }",
    );
    let answers = ["/", "/own"].map(|target| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-C: d\r\nConnection: close\r\n\r\n");
        server.send(request).text() + "\n"
    });
    expect![[r#"
        0 0 \t\x00HTTP_HOST\x01\x00a\x08\x00HTTP_X_C\x01\x00d\x0f\x00HTTP_CONNECTION\x05\x00close$outer
        7 0 \x01\x00A\x01\x00b\t\x00HTTP_HOST\x01\x00a\x08\x00HTTP_X_C\x01\x00d\x0f\x00HTTP_CONNECTION\x05\x00closeown string
    "#]].assert_eq(&answers.concat());
}
