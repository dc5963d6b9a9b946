//! nginx's command line: what it prints, what it returns.

use std::path::Path;

use expect_test::{Expect, expect};

use crate::support::{Output, Running, Server, TempDir, lines, oracle, run, wait_for};

/// A directory with a configuration file, and the program run on it.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new(conf: &str) -> Site {
        let dir = TempDir::new();
        std::fs::write(dir.path.join("server.conf"), conf.replace("{dir}", &dir.path.display().to_string()))
            .unwrap();
        Site { dir }
    }

    fn file(self, name: &str, text: &str) -> Site {
        let path = self.dir.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("{dir}", &self.dir.path.display().to_string())).unwrap();
        self
    }

    fn path(&self) -> &Path {
        &self.dir.path
    }

    /// Runs the program with `-p DIR -e DIR/error.log -c DIR/server.conf` and these arguments.
    fn run(&self, arguments: &[&str]) -> Output {
        let dir = self.path().to_str().unwrap();
        let conf = format!("{dir}/server.conf");
        let log = format!("{dir}/error.log");
        let mut all = vec!["-p", dir, "-e", &log, "-c", &conf];
        all.extend_from_slice(arguments);
        run(&all)
    }

    /// Text with the directory and the program's name by name.
    fn localised(&self, text: &str) -> String {
        let text = text.replace(&self.path().display().to_string(), "{dir}");
        text.lines()
            .map(|line| {
                let line = line
                    .strip_prefix("nginx: ")
                    .or_else(|| line.strip_prefix("ringx: "))
                    .map_or(line.to_owned(), |rest| format!("{{name}}: {rest}"));
                line + "\n"
            })
            .collect()
    }
}

/// `-t` on this file must say this and return this.
fn check(conf: &str, code: i32, expected: Expect) {
    let site = Site::new(conf);
    let output = site.run(&["-t"]);
    assert_eq!(output.code, Some(code), "{}", output.stderr);
    assert_eq!(output.stdout, "");
    expected.assert_eq(&site.localised(&output.stderr));
}

/// The first message of `-t` on this file, which must be refused: ringx goes on to the next error, nginx stops.
pub fn first_error(conf: &str) -> String {
    let site = Site::new(conf);
    let output = site.run(&["-t"]);
    assert_eq!(output.code, Some(1), "{conf}: {}", output.stderr);
    let text = site.localised(&output.stderr);
    let line = text.lines().find(|line| line.contains("[emerg]")).unwrap_or_else(|| panic!("{text}"));
    // The words of another regular expression library, and the place that nginx does not tell of a variable.
    let line = line.split(" failed: missing ").next().unwrap_or_default();
    let line = line.split(" failed: Parsing ").next().unwrap_or_default();
    let place = "\" variable in {dir}/server.conf:1";
    line.strip_suffix(place).map_or_else(|| line.to_owned(), |rest| format!("{rest}\" variable"))
}

const GOOD: &str = "pid {dir}/server.pid; events {} http { access_log off; server { listen unix:{dir}/x.sock; return 204; } }";

#[test]
fn a_good_file_passes_the_test() {
    check(
        GOOD,
        0,
        expect![[r#"
        {name}: the configuration file {dir}/server.conf syntax is ok
        {name}: configuration file {dir}/server.conf test is successful
    "#]],
    );
    let site = Site::new(GOOD);
    let quiet = site.run(&["-t", "-q"]);
    assert_eq!((quiet.code, quiet.stderr.as_str(), quiet.stdout.as_str()), (Some(0), "", ""));
    let pid = std::fs::read_to_string(site.path().join("server.pid")).unwrap_or_default();
    assert_eq!(pid, "", "-t writes no pid");
}

#[test]
fn quiet_does_not_hide_warnings() {
    let site = Site::new(
        "pid {dir}/server.pid; events {} http { access_log off; server { listen unix:{dir}/x.sock; server_name a; }
            server { listen unix:{dir}/x.sock; server_name a; } }",
    );
    let output = site.run(&["-tq"]);
    assert_eq!(output.code, Some(0));
    let warning = "[warn] conflicting server name \"a\" on unix:{dir}/x.sock, ignored";
    assert!(site.localised(&output.stderr).contains(warning), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn a_file_without_events_and_servers_is_refused() {
    // An empty file is what a reload sees while somebody writes it.
    for conf in ["", "\n", "# nothing\n", "worker_processes 1;"] {
        assert_eq!(first_error(conf), "{name}: [emerg] no \"events\" section in configuration", "{conf:?}");
    }
}

#[test]
fn the_test_tries_what_a_start_needs() {
    // An address of another machine (TEST-NET-1).
    let far = "pid {dir}/server.pid; events {} http { access_log off; server { listen 192.0.2.1:8099; } }";
    assert_eq!(
        first_error(far),
        "{name}: [emerg] bind() to 192.0.2.1:8099 failed (99: Cannot assign requested address)"
    );
    let nowhere = "pid {dir}/no/such/server.pid; events {}";
    assert!(first_error(nowhere).contains("open() \"{dir}/no/such/server.pid"), "{}", first_error(nowhere));
    // Most often the server that runs has it.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::new(&format!(
        "pid {{dir}}/server.pid; events {{}} http {{ access_log off; server {{ listen {}; }} server {{ listen unix:{{dir}}/s.sock; }} }}",
        taken.local_addr().unwrap()
    ));
    assert_eq!(site.run(&["-t"]).code, Some(0));
    assert!(!site.path().join("s.sock").exists(), "a socket file is left behind");
}

#[test]
fn a_user_must_exist() {
    let text = Site::new("user no-such-user; pid {dir}/server.pid; events {}").run(&["-t"]);
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let expected = if root {
        "getpwnam(\"no-such-user\") failed"
    } else {
        "makes sense only if the master process runs"
    };
    assert!(text.stderr.contains(expected), "{}", text.stderr);
    assert!(text.stderr.contains("/server.conf:1"), "{}", text.stderr);
    assert_eq!(text.code, Some(i32::from(root)));
}

#[test]
fn test_and_dump() {
    let site =
        Site::new("pid {dir}/server.pid; # a comment\nevents { }\nhttp {\n    access_log off;\n    include inc/*.conf;\n}\n")
            .file("inc/a.conf", "server { listen unix:{dir}/x.sock; }\n")
            .file("inc/b.conf", "# second\n");
    let output = site.run(&["-T"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    expect![[r#"
        # configuration file {dir}/server.conf:
        pid {dir}/server.pid; # a comment
        events { }
        http {
            access_log off;
            include inc/*.conf;
        }

        # configuration file {dir}/inc/a.conf:
        server { listen unix:{dir}/x.sock; }

        # configuration file {dir}/inc/b.conf:
        # second

    "#]]
    .assert_eq(&site.localised(&output.stdout));
    expect![[r#"
        {name}: the configuration file {dir}/server.conf syntax is ok
        {name}: configuration file {dir}/server.conf test is successful
    "#]]
    .assert_eq(&site.localised(&output.stderr));
}

#[test]
fn errors_name_file_and_line() {
    let mut text = String::new();
    for conf in [
        "events {} http { server { listen; } }",
        "events {} http {\n server {\n  listen 80x;\n }\n}",
        "events {} http { server { location / { proxy_pass 127.0.0.1; } } }",
        "events {} http { server { location / { proxy_pass http://127.0.0.1/b; return 200 } } }",
        "events {} http {",
        "events {} http { server { } } }",
        "events {} http { server { listen 80 } }",
        "events {} http { server { server_name \"a; } }",
        "events {} http { server { listen 80; listen 80; } }",
        "events {} http { server { root a; root b; } }",
        "events {} http { server { location /a/ { location /b/ { } } } }",
        "events {} http { server { location /a { } location /a { } } }",
        "events {} http { server { location = /a { location /a/b { } } } }",
        "events {} http { server { location ~ ( { } } }",
        "events {} http { server { location ~ a { proxy_pass http://127.0.0.1/x; } } }",
        "events {} http { sendfile maybe; }",
        "events {} http { client_max_body_size 1x; }",
        "events {} http { keepalive_timeout 1y1; }",
        "events {} http { keepalive_requests -1; }",
        "events {} http { server { return 200 $no_such_variable; } }",
        "events {} http { server { return 1000; } }",
        "events {} http { upstream u { } server { location / { proxy_pass http://u; } } }",
        "events {} http { server { listen 80 default_server; } server { listen 80 default_server; } }",
        "events {} http { include none.conf; }",
        "events {} http { access_log {dir}/a.log nosuchformat; }",
        "events {} http { server { error_page 404; } }",
        "events {} http { server { error_page 42 /x; } }",
        "events {} http { server { location / { try_files /x; } } }",
        "events {} http { root /x; listen 80; }",
        "listen 80;",
        "events { worker_connections x; }",
        "events {} http { server { proxy_pass http://127.0.0.1; } }",
        "events {} events {}",
        "events {} http { log_format a; }",
        "events {} http { server { location { } } }",
        "events {} http { server { location @a { location /b { } } } }",
        "events {} http { proxy_set_header X; }",
        "events {} http { server { listen 127.0.0.1:70000; } }",
        "events {} http { server { server_name ~[; } }",
        "events {} http { resolver; }",
        "events {} http { server { location / { proxy_buffering maybe; } } }",
        "events {} http { upstream u { server 127.0.0.1:1 weight=x; } }",
        "events {} http { upstream u { server 127.0.0.1:1 bogus; } }",
        "events {} http { upstream u { server 127.0.0.1:1; } upstream u { server 127.0.0.1:2; } }",
        "events {} http { server { location / { alias /x/; root /y; } } }",
        "events {} http { error_log {dir}/x.log loud; }",
        "events {} http { server { location / { aliass /x/; } } }",
        "events {} http { server { location / { proxypass http://127.0.0.1; } } }",
        "events {} http { server { location / { proxy_pas http://127.0.0.1; } } }",
        "events {} http { server { sever_name a; } }",
        "evnts {}",
    ] {
        text += &format!("{}\n  {}\n", conf.replace('\n', "\\n"), first_error(conf));
    }
    expect![[r#"
        events {} http { server { listen; } }
          {name}: [emerg] invalid number of arguments in "listen" directive in {dir}/server.conf:1
        events {} http {\n server {\n  listen 80x;\n }\n}
          {name}: [emerg] host not found in "80x" of the "listen" directive in {dir}/server.conf:3
        events {} http { server { location / { proxy_pass 127.0.0.1; } } }
          {name}: [emerg] invalid URL prefix in {dir}/server.conf:1
        events {} http { server { location / { proxy_pass http://127.0.0.1/b; return 200 } } }
          {name}: [emerg] unexpected "}" in {dir}/server.conf:1
        events {} http {
          {name}: [emerg] unexpected end of file, expecting "}" in {dir}/server.conf:1
        events {} http { server { } } }
          {name}: [emerg] unexpected "}" in {dir}/server.conf:1
        events {} http { server { listen 80 } }
          {name}: [emerg] unexpected "}" in {dir}/server.conf:1
        events {} http { server { server_name "a; } }
          {name}: [emerg] unexpected end of file, expecting ";" or "}" in {dir}/server.conf:1
        events {} http { server { listen 80; listen 80; } }
          {name}: [emerg] a duplicate listen 0.0.0.0:80 in {dir}/server.conf:1
        events {} http { server { root a; root b; } }
          {name}: [emerg] "root" directive is duplicate in {dir}/server.conf:1
        events {} http { server { location /a/ { location /b/ { } } } }
          {name}: [emerg] location "/b/" is outside location "/a/" in {dir}/server.conf:1
        events {} http { server { location /a { } location /a { } } }
          {name}: [emerg] duplicate location "/a" in {dir}/server.conf:1
        events {} http { server { location = /a { location /a/b { } } } }
          {name}: [emerg] location "/a/b" cannot be inside the exact location "/a" in {dir}/server.conf:1
        events {} http { server { location ~ ( { } } }
          {name}: [emerg] pcre2_compile()
        events {} http { server { location ~ a { proxy_pass http://127.0.0.1/x; } } }
          {name}: [emerg] "proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block in {dir}/server.conf:1
        events {} http { sendfile maybe; }
          {name}: [emerg] invalid value "maybe" in "sendfile" directive, it must be "on" or "off" in {dir}/server.conf:1
        events {} http { client_max_body_size 1x; }
          {name}: [emerg] "client_max_body_size" directive invalid value in {dir}/server.conf:1
        events {} http { keepalive_timeout 1y1; }
          {name}: [emerg] "keepalive_timeout" directive invalid value in {dir}/server.conf:1
        events {} http { keepalive_requests -1; }
          {name}: [emerg] "keepalive_requests" directive invalid number in {dir}/server.conf:1
        events {} http { server { return 200 $no_such_variable; } }
          {name}: [emerg] unknown "no_such_variable" variable
        events {} http { server { return 1000; } }
          {name}: [emerg] invalid return code "1000" in {dir}/server.conf:1
        events {} http { upstream u { } server { location / { proxy_pass http://u; } } }
          {name}: [emerg] no servers are inside upstream in {dir}/server.conf:1
        events {} http { server { listen 80 default_server; } server { listen 80 default_server; } }
          {name}: [emerg] a duplicate default server for 0.0.0.0:80 in {dir}/server.conf:1
        events {} http { include none.conf; }
          {name}: [emerg] open() "{dir}/none.conf" failed (2: No such file or directory) in {dir}/server.conf:1
        events {} http { access_log {dir}/a.log nosuchformat; }
          {name}: [emerg] unknown log format "nosuchformat" in {dir}/server.conf:1
        events {} http { server { error_page 404; } }
          {name}: [emerg] invalid number of arguments in "error_page" directive in {dir}/server.conf:1
        events {} http { server { error_page 42 /x; } }
          {name}: [emerg] value "42" must be between 300 and 599 in {dir}/server.conf:1
        events {} http { server { location / { try_files /x; } } }
          {name}: [emerg] invalid number of arguments in "try_files" directive in {dir}/server.conf:1
        events {} http { root /x; listen 80; }
          {name}: [emerg] "listen" directive is not allowed here in {dir}/server.conf:1
        listen 80;
          {name}: [emerg] "listen" directive is not allowed here in {dir}/server.conf:1
        events { worker_connections x; }
          {name}: [emerg] invalid number "x" in {dir}/server.conf:1
        events {} http { server { proxy_pass http://127.0.0.1; } }
          {name}: [emerg] "proxy_pass" directive is not allowed here in {dir}/server.conf:1
        events {} events {}
          {name}: [emerg] "events" directive is duplicate in {dir}/server.conf:1
        events {} http { log_format a; }
          {name}: [emerg] invalid number of arguments in "log_format" directive in {dir}/server.conf:1
        events {} http { server { location { } } }
          {name}: [emerg] invalid number of arguments in "location" directive in {dir}/server.conf:1
        events {} http { server { location @a { location /b { } } } }
          {name}: [emerg] location "/b" cannot be inside the named location "@a" in {dir}/server.conf:1
        events {} http { proxy_set_header X; }
          {name}: [emerg] invalid number of arguments in "proxy_set_header" directive in {dir}/server.conf:1
        events {} http { server { listen 127.0.0.1:70000; } }
          {name}: [emerg] invalid port in "127.0.0.1:70000" of the "listen" directive in {dir}/server.conf:1
        events {} http { server { server_name ~[; } }
          {name}: [emerg] pcre2_compile()
        events {} http { resolver; }
          {name}: [emerg] invalid number of arguments in "resolver" directive in {dir}/server.conf:1
        events {} http { server { location / { proxy_buffering maybe; } } }
          {name}: [emerg] invalid value "maybe" in "proxy_buffering" directive, it must be "on" or "off" in {dir}/server.conf:1
        events {} http { upstream u { server 127.0.0.1:1 weight=x; } }
          {name}: [emerg] invalid parameter "weight=x" in {dir}/server.conf:1
        events {} http { upstream u { server 127.0.0.1:1 bogus; } }
          {name}: [emerg] invalid parameter "bogus" in {dir}/server.conf:1
        events {} http { upstream u { server 127.0.0.1:1; } upstream u { server 127.0.0.1:2; } }
          {name}: [emerg] duplicate upstream "u" in {dir}/server.conf:1
        events {} http { server { location / { alias /x/; root /y; } } }
          {name}: [emerg] "root" directive is duplicate, "alias" directive was specified earlier in {dir}/server.conf:1
        events {} http { error_log {dir}/x.log loud; }
          {name}: [emerg] invalid log level "loud" in {dir}/server.conf:1
        events {} http { server { location / { aliass /x/; } } }
          {name}: [emerg] unknown directive "aliass" in {dir}/server.conf:1
        events {} http { server { location / { proxypass http://127.0.0.1; } } }
          {name}: [emerg] unknown directive "proxypass" in {dir}/server.conf:1
        events {} http { server { location / { proxy_pas http://127.0.0.1; } } }
          {name}: [emerg] unknown directive "proxy_pas" in {dir}/server.conf:1
        events {} http { server { sever_name a; } }
          {name}: [emerg] unknown directive "sever_name" in {dir}/server.conf:1
        evnts {}
          {name}: [emerg] unknown directive "evnts" in {dir}/server.conf:1
    "#]].assert_eq(&text);
}

#[test]
fn a_missing_file_is_named() {
    let site = Site::new(GOOD);
    let dir = site.path().to_str().unwrap();
    let output = run(&["-p", dir, "-e", &format!("{dir}/error.log"), "-t", "-c", "missing.conf"]);
    assert_eq!(output.code, Some(1));
    expect![[r#"
        {name}: [emerg] open() "{dir}/missing.conf" failed (2: No such file or directory)
        {name}: configuration file {dir}/missing.conf test failed
    "#]]
    .assert_eq(&site.localised(&output.stderr));
}

#[test]
fn relative_paths_belong_to_the_prefix() {
    let site = Site::new(GOOD)
        .file("conf/other.conf", "pid x.pid; events {} http { include parts/*.conf; }")
        .file("conf/parts/a.conf", "keepalive_timeout bogus;");
    let dir = site.path().to_str().unwrap();
    let output = run(&["-p", dir, "-e", "error.log", "-t", "-c", "conf/other.conf"]);
    let text = site.localised(&output.stderr);
    assert!(
        text.contains("\"keepalive_timeout\" directive invalid value in {dir}/conf/parts/a.conf:1"),
        "{text}"
    );
}

#[test]
fn version_and_help() {
    let version = run(&["-v"]);
    assert_eq!((version.code, version.stdout.as_str()), (Some(0), ""));
    let name = if oracle().is_some() { "nginx" } else { "ringx" };
    assert!(version.stderr.starts_with(&format!("{name} version: {name}/")), "{}", version.stderr);
    assert_eq!(version.stderr.lines().count(), 1);
    let long = run(&["-V"]);
    assert_eq!(long.code, Some(0));
    assert!(long.stderr.starts_with(&version.stderr));
    let arguments =
        long.stderr.lines().find(|l| l.starts_with("configure arguments:")).expect("configure arguments");
    assert!(arguments.contains("--with-"), "{arguments}");
    // certbot asks for these.
    assert!(arguments.contains("--with-http_ssl_module"), "{arguments}");
    assert!(long.stderr.lines().any(|line| line == "TLS SNI support enabled"), "{}", long.stderr);
    for flag in ["-h", "-?"] {
        let help = run(&[flag]);
        assert_eq!(help.code, Some(0));
        assert!(help.stderr.starts_with(&version.stderr), "{}", help.stderr);
        for option in [
            "-?,-h",
            "-v",
            "-V",
            "-t",
            "-T",
            "-q",
            "-s signal",
            "-p prefix",
            "-e filename",
            "-c filename",
            "-g directives",
        ] {
            assert!(help.stderr.contains(option), "{flag}: no {option} in {}", help.stderr);
        }
    }
}

#[test]
fn a_version_may_come_with_a_test() {
    let site = Site::new(GOOD);
    let version = run(&["-v"]).stderr;
    for (arguments, test) in [
        (&["-v", "-t"][..], true),
        (&["-tv"], true),
        (&["-Vt"], true),
        (&["-h", "-t"], true),
        (&["-tqv"], false),
        (&["-v", "-s", "stop"], false),
    ] {
        let output = site.run(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}");
        assert!(output.stderr.starts_with(&version), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stderr.contains(" test is successful"), test, "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn empty_values_say_nothing() {
    // `-g "$EXTRA"` in a script.
    let site = Site::new(GOOD);
    for arguments in [&["-t", "-g", ""][..], &["-t", "-e", ""], &["-t", "-"]] {
        let output = site.run(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(site.run(&["-t", "-c", ""]).code, Some(1));
    let signal = site.run(&["-s", ""]);
    assert_eq!(signal.code, Some(1));
    assert!(signal.stderr.contains("invalid option: \"-s \""), "{}", signal.stderr);
}

#[test]
fn messages_go_to_the_log_of_the_command_line_too() {
    let log = |site: &Site| std::fs::read_to_string(site.path().join("error.log")).unwrap_or_default();
    let bad = Site::new("events {} http { sendfile maybe; }");
    bad.run(&["-t"]);
    assert!(log(&bad).contains(" [emerg] "), "{}", log(&bad));
    assert!(log(&bad).contains("invalid value \"maybe\" in \"sendfile\" directive"), "{}", log(&bad));
    let good = Site::new(GOOD);
    good.run(&["-s", "stop"]);
    assert!(log(&good).contains("/server.pid\" failed (2: No such file or directory)"), "{}", log(&good));
    // Needed by a file that names no log, and by no other.
    let nowhere = good.path().join("no/such.log");
    let output = good.run(&["-t", "-e", nowhere.to_str().unwrap()]);
    assert_eq!(output.code, Some(1));
    let good = Site::new(&format!("error_log {{dir}}/own.log; {GOOD}"));
    let nowhere = good.path().join("no/such.log");
    let output = good.run(&["-t", "-e", nowhere.to_str().unwrap()]);
    assert_eq!(output.code, Some(0));
    let text = "[alert] could not open error log file: open() \"{dir}/no/such.log\" failed (2: No such file or directory)";
    assert!(good.localised(&output.stderr).contains(text), "{}", output.stderr);
}

#[test]
fn wrong_arguments() {
    let mut text = String::new();
    for arguments in [&["-x"][..], &["-c"], &["-p"], &["-g"], &["-s"], &["-s", "dance"], &["word"], &["-tx"]]
    {
        let output = run(arguments);
        let line = output.stderr.lines().next().unwrap_or_default().to_owned();
        let line = line.replacen("ringx: ", "{name}: ", 1).replacen("nginx: ", "{name}: ", 1);
        text += &format!("{arguments:?} -> {:?} {line}\n", output.code);
    }
    expect![[r#"
        ["-x"] -> Some(1) {name}: invalid option: "x"
        ["-c"] -> Some(1) {name}: option "-c" requires file name
        ["-p"] -> Some(1) {name}: option "-p" requires directory name
        ["-g"] -> Some(1) {name}: option "-g" requires parameter
        ["-s"] -> Some(1) {name}: option "-s" requires parameter
        ["-s", "dance"] -> Some(1) {name}: invalid option: "-s dance"
        ["word"] -> Some(1) {name}: invalid option: "word"
        ["-tx"] -> Some(1) {name}: invalid option: "x"
    "#]]
    .assert_eq(&text);
}

#[test]
fn global_directives_come_before_the_file() {
    let site = Site::new("events {} http { }");
    let good = format!("pid {}/g.pid;", site.path().display());
    assert_eq!(site.run(&["-t", "-g", &good]).code, Some(0));
    let bad = site.run(&["-t", "-g", "worker_rlimit_nofile bogus;"]);
    assert!(site.localised(&bad.stderr).contains(" in command line"), "{}", bad.stderr);
    let twice = Site::new("daemon off; events {} http { }").run(&["-t", "-g", "daemon off;"]);
    assert_eq!(twice.code, Some(1));
    assert!(twice.stderr.contains("\"daemon\" directive is duplicate in "), "{}", twice.stderr);
}

#[test]
fn signals_by_name_need_a_pid_file() {
    let site = Site::new(GOOD);
    let output = site.run(&["-s", "reload"]);
    assert_eq!(output.code, Some(1));
    expect![[r#"[error] open() "{dir}/server.pid" failed (2: No such file or directory)"#]].assert_eq(
        &site
            .localised(&output.stderr)
            .lines()
            .map(|l| l.split_once("[").map_or(l.to_owned(), |(_, r)| format!("[{r}")))
            .filter(|l| !l.starts_with("[notice]"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
}

const RUNNING: &str = "server { listen {{port}}; location / { return 200 one; } }";

/// `-s SIGNAL` for a running server.
fn send(server: &Server, signal: &str) -> Output {
    let dir = server.dir().to_str().unwrap();
    let conf = server.conf_file();
    run(&["-p", dir, "-e", &format!("{dir}/error.log"), "-c", conf.to_str().unwrap(), "-s", signal])
}

#[test]
fn a_pid_is_one_process() {
    let site = Site::new(GOOD);
    for (text, shown) in [
        ("", ""),
        ("abc\n", "abc"),
        ("-1\n", "-1"),
        ("12 34\n", "12 34"),
        ("12 \n", "12 "),
        ("+12", "+12"),
        (" 12", " 12"),
    ] {
        std::fs::write(site.path().join("server.pid"), text).unwrap();
        let output = site.run(&["-s", "stop"]);
        assert_eq!(output.code, Some(1), "{text:?}");
        let expected = format!("[error] invalid PID number \"{shown}\" in \"{{dir}}/server.pid\"");
        assert!(says(&site, &output, &expected), "{text:?}: {}", output.stderr);
    }
    // More than any pid of Linux.
    std::fs::write(site.path().join("server.pid"), "99999999\n").unwrap();
    let output = site.run(&["-s", "quit"]);
    assert_eq!(output.code, Some(1));
    assert!(
        says(&site, &output, "[alert] kill(99999999, 3) failed (3: No such process)"),
        "{}",
        output.stderr
    );
}

/// Whether standard error, or the log that nginx writes such messages to, has this text.
fn says(site: &Site, output: &Output, text: &str) -> bool {
    let log = std::fs::read_to_string(site.path().join("error.log")).unwrap_or_default();
    site.localised(&(output.stderr.clone() + &log)).contains(text)
}

#[test]
fn the_pid_file_comes_and_goes() {
    let mut server = Server::start(RUNNING);
    assert_eq!(server.wait_file("server.pid", |text| text.ends_with('\n')), format!("{}\n", server.pid()));
    let output = send(&server, "stop");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(server.wait_exit(), Some(0));
    assert!(!server.dir().join("server.pid").exists());
}

#[test]
fn every_way_to_stop() {
    for signal in ["TERM", "INT", "QUIT"] {
        let mut server = Server::start(RUNNING);
        server.signal(signal);
        assert_eq!(server.wait_exit(), Some(0), "{signal}");
        // The kernel may tear a ring down a moment after its process.
        wait_for("the port to be closed", || {
            std::net::TcpStream::connect(server.address()).is_err().then_some(())
        });
    }
    let mut server = Server::start(RUNNING);
    assert_eq!(send(&server, "quit").code, Some(0));
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn reopen_by_name() {
    let server = Server::start(RUNNING);
    std::fs::remove_file(server.dir().join("access.log")).unwrap();
    assert_eq!(send(&server, "reopen").code, Some(0));
    crate::support::wait_for("the new file", || server.dir().join("access.log").exists().then_some(()));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let site = Site::new(&format!(
        "daemon off; pid {{dir}}/x.pid; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port}; }} }}"
    ));
    let output = site.run(&[]);
    assert_eq!(output.code, Some(1));
    let text = site.localised(&output.stderr);
    assert!(
        text.contains(&format!("[emerg] bind() to 127.0.0.1:{port} failed (98: Address already in use)")),
        "{text}"
    );
    assert!(!site.path().join("x.pid").exists());
}

#[test]
fn the_end_is_told_once() {
    for (signal, number) in [("stop", "15 (SIGTERM)"), ("quit", "3 (SIGQUIT)")] {
        let mut server = Server::start(RUNNING);
        assert_eq!(send(&server, signal).code, Some(0));
        assert_eq!(server.wait_exit(), Some(0));
        let log = server.error_log();
        let what = if signal == "stop" { "exiting" } else { "shutting down" };
        let line = log.lines().find(|line| line.contains(&format!("signal {number} received from ")));
        assert!(line.is_some_and(|line| line.ends_with(&format!(", {what}"))), "{log}");
        // nginx's workers are children of its master.
        assert!(oracle().is_some() || !log.contains("SIGCHLD"), "{log}");
    }
}

#[test]
fn asking_and_signalling_leave_no_directories() {
    let site = Site::new(GOOD);
    assert_eq!(site.run(&["-s", "stop"]).code, Some(1));
    assert_eq!(site.run(&["-t"]).code, Some(0));
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(site.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "error.log" && name != "server.pid");
        names
    };
    assert_eq!(names(), ["server.conf"]);
}

#[test]
fn what_stands_for_a_file_is_tested_and_shown() {
    if oracle().is_some() {
        return;
    }
    let dir = TempDir::new();
    let prefix = dir.path.to_str().unwrap();
    let output = run(&["--listen", "127.0.0.1:8099", "--static", "/s/=/srv", "-p", prefix, "-T"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(
        output.stderr,
        "ringx: the configuration file command line syntax is ok\n\
         ringx: configuration file command line test is successful\n"
    );
    expect![[r#"
        # configuration file command line:
        daemon off;
        error_log stderr;
        server {
            access_log off;
            listen "127.0.0.1:8099";
            location "/s/" { alias "/srv/"; }
        }

    "#]]
    .assert_eq(&output.stdout);
}

#[test]
fn a_misspelled_event_loop_is_named() {
    if oracle().is_some() {
        return;
    }
    let site = Site::new(GOOD);
    let test = |value: &str| {
        let conf = site.path().join("server.conf");
        let mut command = std::process::Command::new(crate::support::program());
        let output = command.env("RINGX_IO", value).args(["-tq", "-p"]).arg(site.path()).arg("-c").arg(conf);
        String::from_utf8(output.output().unwrap().stderr).unwrap()
    };
    assert_eq!(
        test("bogus"),
        "ringx: [warn] unknown value \"bogus\" of RINGX_IO, ignored: it may be one of defer, coop, plain, epoll\n"
    );
    for known in ["", "defer", "coop", "plain", "epoll"] {
        assert_eq!(test(known), "", "{known}");
    }
}

#[test]
fn no_file_at_all() {
    if oracle().is_some() {
        return;
    }
    let port = crate::support::reserve();
    let origin = crate::support::Origin::ok();
    let dir = TempDir::new();
    std::fs::create_dir(dir.path.join("static")).unwrap();
    std::fs::write(dir.path.join("static/a.txt"), "file").unwrap();
    let child = std::process::Command::new(crate::support::program())
        .args(["--listen", &format!("127.0.0.1:{}", port.number), "--proxy", &origin.address.to_string()])
        .args(["--static", "/static/=./static"])
        .current_dir(&dir.path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    let address = ([127, 0, 0, 1], port.number).into();
    crate::support::wait_for("the port", || {
        std::net::TcpStream::connect::<std::net::SocketAddr>(address).ok()
    });
    let ask = |path: &str| {
        crate::support::Client::connect(address)
            .send(lines(&format!("GET {path} HTTP/1.1\nHost: a")))
            .response()
            .text()
    };
    let answers = (ask("/static/a.txt"), ask("/other"));
    let mut left: Vec<_> =
        std::fs::read_dir(&dir.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| name != "ringx.pid");
    assert_eq!(answers, ("file".to_owned(), "ok".to_owned()));
    assert_eq!(left, ["static"], "directories are left where it was tried");
}
