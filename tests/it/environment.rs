//! `${NAME}` and `${NAME:-default}`: values of the environment in the configuration.

use expect_test::expect;

use crate::support::{Server, TempDir, get, lines};

#[test]
fn values_as_envsubst_puts_them() {
    let server = Server::setup()
        .env("RX_TEXT", "some text")
        .env("RX_NAMES", "a.test  b.test")
        .env("RX_PATH", "/in")
        .env("RX_DOLLAR", "$")
        .env("RX_VARIABLE", "$request_method")
        .env("RX_FILE", "parts")
        .env("RX_CODE", "200")
        .file("parts.inc", "location /included { return 200 included; }")
        .start(
            r#"map $uri $by_path { ${RX_PATH} "in ${RX_TEXT}"; default out; }
            server { listen {{port}} default_server;
                set $RX_OWN own;
                location / { return ${RX_CODE} "${RX_TEXT} $by_path ${host} ${RX_DOLLAR}host ${RX_VARIABLE}"; }
                location ~ ^/x${RX_PATH}/(?<REST>.*)$ { return 200 "${RX_OWN} ${REST}"; }
                include ${RX_FILE}.inc;
            }
            server { listen {{port}}; server_name ${RX_NAMES}; return 200 "named $host"; }"#,
        );
    expect![[r#"
        / -> 200 some text out localhost localhost GET
        /in -> 200 some text in some text localhost localhost GET
        /x/in/side -> 200 own side
        /included -> 200 included
    "#]]
    .assert_eq(&server.table(&["/", "/in", "/x/in/side", "/included"]));
    for host in ["a.test", "b.test"] {
        assert_eq!(
            server.send(lines(&format!("GET / HTTP/1.1\nHost: {host}"))).text(),
            format!("named {host}")
        );
    }
}

/// The program's `-t` on this configuration, without the directory.
fn check(conf: &str) -> (Option<i32>, String) {
    let dir = TempDir::new();
    let file = dir.path.join("server.conf");
    std::fs::write(&file, conf).unwrap();
    let path = dir.path.to_str().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ringx"))
        .args(["-t", "-p", path, "-e", "stderr", "-c", file.to_str().unwrap()])
        .env("RX_EMPTY", "")
        .env_remove("RX_UNSET")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace(path, "{dir}"))
}

#[test]
fn defaults_stand_where_nothing_is_set() {
    let server = Server::setup().ringx().env("RX_SET", "set").env("RX_EMPTY", "").start(
        r#"server { listen {{port}};
            location / { return ${RX_CODE:-200} "${RX_SET:-a} ${RX_EMPTY:-b} ${RX_UNSET:-c d} ${RX_UNSET:-${RX_SET}} ${RX_UNSET:-}"; }
            location /host { return 200 ${RX_UNSET:-$host}; }
        }"#,
    );
    assert_eq!(server.send(get("/")).text(), "set b c d set ");
    assert_eq!(server.send(get("/host")).text(), "localhost");
}

#[test]
fn what_is_not_set_is_an_error_with_its_line() {
    let (code, said) = check(
        "events {}\nhttp {\n  server {\n    listen ${RX_UNSET};\n    include ${RX_UNSET}/x;\n    location / { return 200\n \"${RX_UNSET}\"; }\n  }\n}\n",
    );
    assert_eq!(code, Some(1));
    expect![[r#"
        ringx: [emerg] environment variable "RX_UNSET" is not set in {dir}/server.conf:4
            listen ${RX_UNSET};
            set it, or write a default: ${NAME:-default}
        ringx: [emerg] environment variable "RX_UNSET" is not set in {dir}/server.conf:5
            include ${RX_UNSET}/x;
            set it, or write a default: ${NAME:-default}
        ringx: [emerg] environment variable "RX_UNSET" is not set in {dir}/server.conf:7
            "${RX_UNSET}"; }
            set it, or write a default: ${NAME:-default}
        ringx: configuration file {dir}/server.conf test failed
    "#]]
    .assert_eq(&said);
    let (code, said) = check("events {}\nhttp { server { listen 127.0.0.1:8000; root ${RX_EMPTY}; } }\n");
    assert_eq!(code, Some(1));
    expect![[r#"
        ringx: [emerg] invalid number of arguments in "root" directive in {dir}/server.conf:2
            http { server { listen 127.0.0.1:8000; root ${RX_EMPTY}; } }
            syntax: root path;
        ringx: configuration file {dir}/server.conf test failed
    "#]]
    .assert_eq(&said);
}
