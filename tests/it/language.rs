//! The configuration language: words, quotes, variables, `include`, sizes and times.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

#[test]
fn words_quotes_and_escapes() {
    let server = Server::start(
        r#"server { listen {{port}};
            location = /1 { return 200 plain; }
            location = /2 { return 200 "double quoted; { } # not a comment"; }
            location = /3 { return 200 'single "quoted"'; }
            location = /4 { return 200 "tab\tnewline\nquote\"backslash\\end"; }
            location = /5 { return 200 'kept \d \. \x \/'; }
            location = /6 { return 200 a\ b; }
            location = /7 { return 200 semi\;colon; }
            location = /8 { return 200 hash#inside; } # a comment
            location = /9 { return 200 "line
break"; }
            location = /10
            {
                return
                    200
                    "spread"
                ;
            }
            location = /11 { return 200 "${host}x$host"; }
            location = /12 { return 200 quote"inside'word; }
            location = "/1 3" { return 200 "quoted location"; }
            location = /14 { return 200 ''; }
            location = /15 { return 200 "{"; }
        }"#,
    );
    let mut targets: Vec<String> = (1..=12).map(|n| format!("/{n}")).collect();
    targets.push("/1%203".to_owned());
    let targets: Vec<&str> = targets.iter().map(String::as_str).chain(["/14", "/15"]).collect();
    expect![[r#"
        /1 -> 200 plain
        /2 -> 200 double quoted; { } # not a comment
        /3 -> 200 single "quoted"
        /4 -> 200 tab\tnewline\nquote"backslash\end
        /5 -> 200 kept \d \. \x \/
        /6 -> 200 a\ b
        /7 -> 200 semi\;colon
        /8 -> 200 hash#inside
        /9 -> 200 line\nbreak
        /10 -> 200 spread
        /11 -> 200 localhostxlocalhost
        /12 -> 200 quote"inside'word
        /1%203 -> 200 quoted location
        /14 -> 200
        /15 -> 200 {
    "#]]
    .assert_eq(&server.table(&targets));
}

#[test]
fn include_takes_files_and_patterns_anywhere() {
    let server = Server::setup()
        .file("conf.d/b.conf", "server { listen {{port}}; }")
        .file("parts/one.loc", "location /one { return 200 one; }")
        .file("parts/two.loc", "location /two { return 200 two; }")
        .file("proxy_params", "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n")
        .file("peers", "server 127.0.0.1:1 backup;")
        .file("types", "types { text/x-mine mine; }")
        .file("root/a.mine", "mine")
        .file("nested/outer", "include {{dir}}/nested/inner;".replace("{{dir}}/", ""))
        .file("nested/inner", "")
        .start(
            r#"include {{dir}}/types;
            include {{dir}}/none/*.conf;
            server { listen {{port}}; root {{root}};
                include {{dir}}/parts/*.loc;
                include parts/[x-z]*.loc;
                location /rel { include parts/rel?.inc; return 200 relative; }
            }"#,
        );
    expect![[r#"
        /one -> 200 one
        /two -> 200 two
        /rel -> 200 relative
        /a.mine -> 200 mine
    "#]]
    .assert_eq(&server.table(&["/one", "/two", "/rel", "/a.mine"]));
    assert_eq!(server.get("/a.mine").header("content-type"), "text/x-mine");
}

#[test]
fn include_inside_upstream_and_location() {
    let origin = Origin::ok();
    let server = Server::setup()
        .app(&origin)
        .file("peers", format!("server {};", origin.address))
        .file("proxy_params", "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n")
        .start(
            "upstream app { include {{dir}}/peers; } server { listen {{port}}; location / { include {{dir}}/proxy_params; proxy_pass http://app; } }",
        );
    assert_eq!(server.send(lines("GET / HTTP/1.1\nHost: Mine.test:8")).text(), "ok");
    let request = origin.last();
    assert_eq!(request.header("host").as_deref(), Some("Mine.test:8"));
    assert_eq!(request.header("x-real-ip").as_deref(), Some("127.0.0.1"));
}

#[test]
fn sizes_and_times_in_every_unit() {
    let server = Server::start(
        r#"client_max_body_size 1m; client_body_timeout 1m; send_timeout 1h; keepalive_timeout 1h30m; client_header_timeout 90;
        client_header_buffer_size 2K; large_client_header_buffers 4 16k; client_body_buffer_size 65536;
        proxy_read_timeout 1d; proxy_send_timeout 1w; proxy_connect_timeout 75s; lingering_timeout 500ms; output_buffers 2 32k;
        server { listen {{port}}; client_max_body_size 1G; location / { client_max_body_size 10M; keepalive_timeout "1d 2h 3m 4s"; return 200 ok; } }"#,
    );
    assert_eq!(server.get("/").text(), "ok");
    let large = server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n");
    assert_eq!(large.status, 413);
    let fits = server.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n{}",
        "x".repeat(2_000_000)
    ));
    assert_eq!(fits.status, 200);
}

#[test]
fn what_a_real_file_holds_is_accepted() {
    let server = Server::setup().file("mime.types", "types { text/html html; text/css css; }").start(
        r#"
worker_processes 1;
worker_rlimit_nofile 8192;
worker_cpu_affinity auto;
pid {{dir}}/server.pid;
error_log {{dir}}/error.log warn;
events {
    worker_connections 1024;
    multi_accept on;
    use epoll;
    accept_mutex off;
}
http {
    include {{dir}}/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" '
                    '"$http_user_agent" "$http_x_forwarded_for"';
    access_log {{dir}}/access.log main;
    sendfile on;
    sendfile_max_chunk 512k;
    tcp_nopush on;
    tcp_nodelay on;
    types_hash_max_size 2048;
    types_hash_bucket_size 64;
    server_names_hash_bucket_size 128;
    server_names_hash_max_size 1024;
    variables_hash_max_size 2048;
    server_tokens off;
    keepalive_timeout 65;
    reset_timedout_connection on;
    client_body_buffer_size 128k;
    open_file_cache max=1000 inactive=20s;
    open_file_cache_valid 30s;
    open_file_cache_min_uses 2;
    open_file_cache_errors on;
    lingering_close on;
    proxy_buffers 8 16k;
    proxy_buffer_size 16k;
    proxy_busy_buffers_size 32k;
    proxy_temp_file_write_size 64k;
    proxy_max_temp_file_size 1024m;
    proxy_headers_hash_max_size 1024;
    server {
        listen {{port}} default_server;
        server_name _;
        location = /favicon.ico { access_log off; log_not_found off; return 204; }
        location / { return 200 "ok\n"; }
    }
}
"#,
    );
    assert_eq!(server.get("/").text(), "ok\n");
    assert_eq!(server.get("/favicon.ico").status, 204);
    let log = server.wait_file("access.log", |text| text.contains("GET / "));
    assert!(log.ends_with("\"GET / HTTP/1.1\" 200 3 \"-\" \"-\" \"-\"\n"), "{log}");
}

#[test]
fn the_configuration_that_gunicorn_recommends() {
    let setup = Server::setup();
    let path = setup.dir().join("gunicorn.sock");
    let origin = Origin::start_unix(&path, |connection| {
        if let Some(request) = connection.request() {
            let status = if request.target() == "/broken" { "500 Internal Server Error" } else { "200 OK" };
            connection.send(format!("HTTP/1.1 {status}\r\nServer: gunicorn\r\nConnection: close\r\nContent-Length: 6\r\n\r\ndjango"));
        }
    });
    let server = setup.file("public/static/logo.svg", "<svg/>").file("public/500.html", "sorry").start(
        r#"
worker_processes 1;
pid {{dir}}/server.pid;
error_log {{dir}}/error.log warn;
events {
  worker_connections 1024;
  accept_mutex off;
}
http {
  types { image/svg+xml svg; text/html html; }
  default_type application/octet-stream;
  access_log {{dir}}/access.log combined;
  sendfile on;
  upstream app_server {
    server unix:{{dir}}/gunicorn.sock fail_timeout=0;
  }
  server {
    listen {{port}} default_server deferred;
    return 444;
  }
  server {
    listen {{port}};
    client_max_body_size 4G;
    server_name example.com www.example.com;
    keepalive_timeout 5;
    root {{dir}}/public;
    location / {
      try_files $uri @proxy_to_app;
    }
    location @proxy_to_app {
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Host $http_host;
      proxy_redirect off;
      proxy_pass http://app_server;
    }
    error_page 500 502 503 504 /500.html;
    location = /500.html {
      root {{dir}}/public;
    }
  }
}
"#,
    );
    let ask = |path: &str| server.send(lines(&format!("GET {path} HTTP/1.1\nHost: www.example.com")));
    assert_eq!(ask("/static/logo.svg").text(), "<svg/>");
    assert_eq!(ask("/static/logo.svg").header("content-type"), "image/svg+xml");
    assert_eq!(ask("/admin/").text(), "django");
    let request = origin.last();
    assert_eq!(request.header("host").as_deref(), Some("www.example.com"));
    assert_eq!(request.header("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(ask("/broken").text(), "django");
    // Any other name gets nothing at all.
    let mut stranger = server.connect();
    stranger.send(lines("GET / HTTP/1.1\nHost: stranger.test")).expect_close();
    drop(origin);
    std::fs::remove_file(&path).unwrap();
    let down = ask("/admin/");
    assert_eq!((down.status, down.text().as_str()), (502, "sorry"));
}

#[test]
fn the_demo_file_runs() {
    let root = env!("CARGO_MANIFEST_DIR");
    let demo = std::fs::read_to_string(format!("{root}/docs/demo/nginx.conf"))
        .unwrap()
        .replace("127.0.0.1:8080", "127.0.0.1:{{port}}")
        .replace("127.0.0.1:8000", "127.0.0.1:{{port2}}")
        .replace("/tmp/ringx-demo.pid", "{{dir}}/server.pid")
        .replace("daemon           off;", "");
    let mut setup = Server::setup();
    for entry in walk(std::path::Path::new(&format!("{root}/docs/demo"))) {
        let name = entry.strip_prefix(root).unwrap().to_owned();
        setup = setup.file(name.to_str().unwrap(), std::fs::read(&entry).unwrap());
    }
    let server = setup.start(&demo);
    assert!(server.get("/").text().contains("It works"));
    assert_eq!(server.get("/static/css/style.css").header("content-type"), "text/css");
    assert!(server.get("/echo/a%2Fb?q=%C3%A9").text().starts_with("The app got: GET /echo/a%2Fb?q=%C3%A9\n"));
    assert_eq!(server.localised(&server.get("/old").header("location")), "http://localhost:{port}/");
    assert_eq!(server.get("/error").status, 500);
}

/// Every file below a directory.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
