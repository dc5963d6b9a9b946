//! `ssi`: what pages share with their parts and with the configuration, blocks in place of parts, and dates.

use expect_test::expect;

use crate::differences::{PAGES_IN_MEMORY, STUB_COMMANDS};
use crate::support::{Origin, Server};

const TYPES: &str = "types { text/html html; text/plain txt; application/javascript js; }";

fn texts(server: &Server, paths: &[&str]) -> String {
    paths.iter().map(|path| format!("{path}: {}\n", server.localised(&server.get(path).text()))).collect()
}

#[test]
fn variables_of_the_configuration() {
    // As Jitsi Meet's own configuration has it.
    let server = Server::setup()
        .file("root/config.js", "var subdomain = \"<!--# echo var=\"subdomain\" default=\"\" -->\";\n")
        .file("root/base.html", "<base href=\"<!--# echo var='subdir' default='' -->/\" />")
        .file("root/title.html", "<title>Meet</title>")
        .file(
            "root/index.html",
            "<!--#include virtual=\"title.html\" --><!--#include virtual=\"/base.html\" --><!--#if expr=\"$subdir\" -->dir<!--#endif -->",
        )
        .file("root/all.html", "<!--#echo var=\"mapped\" -->|<!--#echo var=\"geo_of\" -->|<!--#echo var=\"never\" -->|<!--#echo var=\"group\" -->|<!--#echo var=\"1\" -->|<!--#echo var=\"HOST\" -->|<!--#echo var=\"http_x_y\" -->")
        .start(&format!(
            "{TYPES} map $uri $mapped {{ default other; /all.html all; }} geo $geo_of {{ default far; 127.0.0.0/8 near; }}
            server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; ssi_types application/x-javascript application/javascript;
                if ($never) {{ set $never x; }}
                location ~ ^/([^/?&:'\"]+)/config.js$ {{ set $subdomain \"$1.\"; set $subdir \"$1/\"; alias {{{{root}}}}/config.js; }}
                location ~ ^/(?<group>al)l.html$ {{ }}
                location ~ ^/([^/?&:'\"]+)$ {{ try_files $uri @root_path; }}
                location @root_path {{ rewrite ^/(.*)$ / break; }}
                location ~ ^/room/(.*)$ {{ set $subdir \"$1\"; rewrite ^ /index.html break; }} }}"
        ));
    expect![[r#"
        /config.js: var subdomain = "";

        /room1/config.js: var subdomain = "room1.";

        /room1: <title>Meet</title><base href="/" />
        /room/a: <title>Meet</title><base href="a/" />dir
        /index.html: <title>Meet</title><base href="/" />
        /all.html: all|near||al|(none)|localhost|(none)
    "#]]
    .assert_eq(&texts(
        &server,
        &["/config.js", "/room1/config.js", "/room1", "/room/a", "/index.html", "/all.html"],
    ));
}

#[test]
fn expressions_leave_their_groups() {
    let page = |text: &str| {
        format!(
            "{text}|<!--#echo var=\"0\" -->|<!--#echo var=\"1\" -->|<!--#echo var=\"2\" -->|<!--#echo var=\"domain\" -->\n"
        )
    };
    let server = Server::setup()
        .file("root/mail.html", page(r#"<!--#if expr="$arg_a = /(.+)@(?P<domain>.+)/" -->mail of <!--#echo var="domain" --><!--#else -->none<!--#endif -->"#))
        .file("root/twice.html", page(r#"<!--#if expr="$arg_a = /(.)/" -->1<!--#endif --><!--#if expr="$arg_b = /x(y)?(z)/" -->2<!--#endif -->"#))
        .file("root/not.html", page(r#"<!--#if expr="$arg_a != /(b)/" -->no b<!--#else -->b<!--#endif -->"#))
        .file("root/none.html", page(r#"<!--#if expr="$arg_a = /b/" -->b<!--#endif -->"#))
        .file("root/value.html", page(r#"<!--#if expr="$arg_a = /(b+)/" --><!--#set var="c" value="$1-${1}" --><!--#echo var="c" --><!--#endif -->"#))
        .file("root/part.html", page(r#"<!--#if expr="$arg_a = /(b+)/" --><!--#include virtual="/shown.html" wait="yes" --><!--#endif -->"#))
        .file("root/shown.html", page(""))
        .file("root/wrong.html", page(r#"<!--#if expr="$arg_a = /(b/" -->b<!--#endif -->"#))
        .start(&format!("{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; }}"));
    expect![[r#"
        /mail.html?a=joe@example.org: mail of example.org|joe@example.org|joe|example.org|example.org

        /mail.html?a=joe: none|(none)|(none)|(none)|(none)

        /twice.html?a=q&b=xz: 12|xz||z|(none)

        /twice.html?a=q&b=n: 1|q|q|(none)|(none)

        /twice.html?a=q: 1|q|q|(none)|(none)

        /not.html?a=b: b|b|b|(none)|(none)

        /not.html?a=c: no b|(none)|(none)|(none)|(none)

        /none.html?a=b: b|b|(none)|(none)|(none)

        /value.html?a=bb: bb-bb|bb|bb|(none)|(none)

        /part.html?a=bb: |bb|bb|(none)|(none)
        |bb|bb|(none)|(none)

        /wrong.html?a=b: [an error occurred while processing the directive]b[an error occurred while processing the directive]|(none)|(none)|(none)|(none)

    "#]].assert_eq(&texts(
        &server,
        &[
            "/mail.html?a=joe@example.org",
            "/mail.html?a=joe",
            "/twice.html?a=q&b=xz",
            "/twice.html?a=q&b=n",
            "/twice.html?a=q",
            "/not.html?a=b",
            "/not.html?a=c",
            "/none.html?a=b",
            "/value.html?a=bb",
            "/part.html?a=bb",
            "/wrong.html?a=b",
        ],
    ));
}

#[test]
fn pages_and_parts_share_what_is_set() {
    let server = Server::setup()
        .file("root/page.html", r#"<!--#set var="x" value="page" --><!--#include virtual="/part.html" wait="yes" -->|<!--#echo var="x" -->|<!--#echo var="y" -->"#)
        .file("root/part.html", r#"<!--#echo var="x" --><!--#set var="x" value="part" --><!--#set var="y" value="new" -->"#)
        .file("root/err.html", r#"<!--#config errmsg="[$uri bad]" --><!--#nothing --><!--#include virtual="/bad.html" wait="yes" -->"#)
        .file("root/bad.html", "<!--#nothing -->")
        .file("root/kept.html", r#"<!--#include virtual="/text.txt" set="a" --><!--#include virtual="/none.txt" set="b" -->[<!--#echo var="a" -->|<!--#echo var="b" -->|<!--#echo var="b" default="d" -->]"#)
        .file("root/text.txt", "text")
        .file("root/wait.html", r#"a<!--#include virtual="/text.txt" wait="no" -->b<!--#include virtual="/text.txt" wait="YES" -->c<!--#include virtual="/text.txt" wait="maybe" -->d<!--#include file="text.txt" wait="yes" -->e"#)
        .file("root/both.html", r#"a<!--#include virtual="/text.txt" file="text.txt" -->b<!--#include -->c<!--#include virtual="/text.txt" set="x" stub="y" -->d"#)
        .file("root/odd.html", r#"<!--#set var="x" value="a$" -->1<!--#set var="x" value="a${b" -->2<!--#set var="x" value="$ a" -->3<!--#echo var="x" -->"#)
        .start(&format!("{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; }}"));
    expect![[r#"
        /page.html: page|part|new
        /err.html: [$uri bad][an error occurred while processing the directive]
        /kept.html: [text||]
        /wait.html: atextbtextc[an error occurred while processing the directive]d[an error occurred while processing the directive]e
        /both.html: a[an error occurred while processing the directive]b[an error occurred while processing the directive]c[an error occurred while processing the directive]d
        /odd.html: [an error occurred while processing the directive]1[an error occurred while processing the directive]2[an error occurred while processing the directive]3(none)
    "#]].assert_eq(&texts(
        &server,
        &["/page.html", "/err.html", "/kept.html", "/wait.html", "/both.html", "/odd.html"],
    ));
}

#[test]
fn blocks_stand_in_for_parts() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            connection.send(match &request.target()[..] {
                "/empty" => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
                "/error" => "HTTP/1.1 500 No\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\noops",
                _ => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nbody",
            });
        }
    });
    let include = |uri: &str| {
        format!(
            "a<!--#block name=\"one\" -->stub <!--#echo var=\"arg_a\" --><!--#if expr=\"$arg_a\" -->yes<!--#endif --><!--#endblock -->b<!--#include virtual=\"{uri}\" stub=\"one\" -->c\n"
        )
    };
    let server = Server::setup()
        .app(&origin)
        .file("root/ok.html", include("/app/ok"))
        .file("root/empty.html", include("/app/empty"))
        .file("root/error.html", include("/app/error"))
        .file("root/caught.html", include("/caught/error"))
        .file("root/missing.html", include("/none.html"))
        .file("root/paged.html", include("/paged/none"))
        .file("root/dead.html", include("/dead/"))
        .file("root/nobody.html", include("/nobody.txt"))
        .file("root/nobody.txt", "")
        .file("root/returned.html", include("/returned"))
        .file("root/unknown.html", include("/app/empty").replace("stub=\"one\"", "stub=\"two\""))
        .file("root/two.html", "<!--#block name=\"x\" -->X<!--#endblock --><!--#block name=\"y\" -->Y<!--#endblock --><!--#include virtual=\"/none\" stub=\"y\" --><!--#include virtual=\"/none\" stub=\"x\" --><!--#include virtual=\"/none\" stub=\"y\" -->")
        .file("root/open.html", "a<!--#block name=\"x\" -->b")
        .file("root/closed.html", "a<!--#endblock -->b<!--#block -->c<!--#endblock -->d")
        .file("root/skipped.html", "a<!--#if expr=\"$arg_none\" --><!--#block name=\"x\" -->b<!--#endblock -->c<!--#endif -->d")
        .start(&format!(
            "{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on;
                location /app/ {{ proxy_pass http://{{{{app}}}}/; }}
                location /caught/ {{ proxy_pass http://{{{{app}}}}/; proxy_intercept_errors on; error_page 500 /ok.html; }}
                location /paged/ {{ error_page 404 /two.html; }}
                location /dead/ {{ proxy_pass http://127.0.0.1:{{{{dead}}}}; }}
                location = /returned {{ return 200; }} }}"
        ));
    let seen = texts(
        &server,
        &[
            "/ok.html?a=1",
            "/empty.html?a=1",
            "/error.html?a=1",
            "/caught.html?a=1",
            "/missing.html?a=1",
            "/missing.html",
            "/paged.html?a=1",
            "/dead.html?a=1",
            "/nobody.html?a=1",
            "/returned.html?a=1",
            "/unknown.html?a=1",
            "/two.html",
            "/open.html",
            "/closed.html",
            "/skipped.html",
        ],
    );
    // nginx writes these out where the part was empty.
    let commands = "<!--#echo var=\"arg_a\" --><!--#if expr=\"$arg_a\" -->yes<!--#endif -->";
    let seen = STUB_COMMANDS.pick(seen.replace(commands, "(none)"), seen.clone());
    expect![[r#"
        /ok.html?a=1: abbodyc

        /empty.html?a=1: abstub (none)c

        /error.html?a=1: aboopsc

        /caught.html?a=1: abstub (none)c

        /missing.html?a=1: abstub (none)c

        /missing.html: abstub (none)c

        /paged.html?a=1: abstub (none)c

        /dead.html?a=1: abstub (none)c

        /nobody.html?a=1: abstub (none)c

        /returned.html?a=1: abstub (none)c

        /unknown.html?a=1: ab[an error occurred while processing the directive]c

        /two.html: YXY
        /open.html: a
        /closed.html: ab[an error occurred while processing the directive]cd
        /skipped.html: acd
    "#]]
    .assert_eq(&seen);
}

#[test]
fn long_values() {
    let value = |count: usize| {
        format!(
            "<!--#set var=\"x\" value=\"{}\" -->a<!--#echo var=\"x\" default=\"no\" -->\n",
            "v".repeat(count)
        )
    };
    let server = Server::setup()
        .file("root/ten.html", value(10))
        .file("root/eleven.html", value(11))
        .file("root/quoted.html", "<!--#set var=\"x\" value=\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\" -->a<!--#echo var=\"x\" -->\n")
        .start(&format!("{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; ssi_value_length 10; }}"));
    expect![[r#"
        /ten.html: avvvvvvvvvv

        /eleven.html: [an error occurred while processing the directive]ano

        /quoted.html: [an error occurred while processing the directive]a(none)

    "#]]
    .assert_eq(&texts(&server, &["/ten.html", "/eleven.html", "/quoted.html"]));
}

#[test]
fn dates() {
    let formats = "%Y-%m-%d %H:%M|%A %a %B %b|%j %u %w %U %W %V %G %g|%y %C %e %D %F %R|%I %p|%Z %z|%% %n%t|%h|%k %l|%c|%x|%r|%P|%-d %_d %^a";
    let page = |name: &str| {
        format!(
            "<!--#echo var=\"{name}\" -->\n<!--#config timefmt=\"{formats}\" --><!--#echo var=\"{name}\" -->\n<!--#config timefmt=\"%s\" --><!--#echo var=\"{name}\" -->"
        )
    };
    let server = Server::setup()
        .file("root/local.html", page("date_local"))
        .file("root/gmt.html", page("DATE_GMT"))
        .start(&format!(
            "{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; ssi_value_length 1k;
                location = /plain {{ return 200 '$date_gmt'; }} location = /both {{ return 200 '$date_local'; }} }}"
        ));
    let shown = |path: &str| {
        let text = server.get(path).text();
        let (first, rest) = text.split_once('\n').unwrap();
        let (formatted, seconds) = rest.rsplit_once('\n').unwrap();
        (first.to_owned(), formatted.to_owned(), seconds.parse::<i64>().unwrap())
    };
    for (path, zone) in [("/local.html", "UTC"), ("/gmt.html", "GMT")] {
        let (first, formatted, seconds) = shown(path);
        // What date(1) makes of the same second.
        let date = |format: &str| {
            let output = std::process::Command::new("date")
                .args(["-u", "-d", &format!("@{seconds}"), &format!("+{format}")])
                .env("LC_ALL", "C")
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').replace("UTC", zone)
        };
        assert_eq!(first, date("%A, %d-%b-%Y %H:%M:%S %Z"));
        assert_eq!(formatted, date(formats));
    }
    let plain = server.get("/plain").text();
    assert!(plain.ends_with(" GMT") && plain.split(' ').count() == 4, "{plain}");
    let local = server.get("/both").text();
    assert!(local.ends_with(" UTC") && local.split(' ').count() == 4, "{local}");
}

#[test]
fn a_page_has_an_end() {
    if !PAGES_IN_MEMORY.ringx_only() {
        return;
    }
    let twice = "<!--#set var=\"x\" value=\"$x$x\" -->".repeat(30);
    let server = Server::setup()
        .file("root/value.html", format!("<!--#set var=\"x\" value=\"0123456789\" -->{twice}end"))
        .file(
            "root/page.html",
            format!(
                "<!--#set var=\"x\" value=\"0123456789\" -->{}{}",
                &twice[..33 * 16],
                "<!--#echo var=\"x\" -->".repeat(10)
            ),
        )
        .start(&format!("{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; }}"));
    let text = server.get("/value.html").text();
    assert!(text.starts_with("[an error occurred") && text.ends_with("end"), "{text}");
    assert_eq!(server.get("/page.html").status, 502);
    assert!(server.error_log().contains("a page with SSI is longer than 4194304 bytes"));
}

/// nginx goes 50 deep, and asks for as many parts as a page names.
#[test]
fn a_page_has_only_so_many_parts() {
    let many = r#"<!--# include virtual="/part.txt" -->"#.repeat(60);
    let server = Server::setup()
        .ringx()
        .file("root/many.html", &many)
        .file("root/part.txt", "part ")
        .file("root/deep.html", r#"deep <!--# include virtual="/deep.html" -->"#)
        .file(
            "root/tree.html",
            r#"tree <!--# include virtual="/tree.html" --><!--# include virtual="/tree.html" -->"#,
        )
        .start("ssi on; server { listen {{port}}; root {{root}}; }");
    let count = |path: &str, word: &str| server.get(path).text().matches(word).count();
    assert_eq!(count("/many.html", "part "), 50);
    assert_eq!(count("/deep.html", "deep "), 1 + 16);
    // Each part is one of the whole page's.
    assert_eq!(count("/tree.html", "tree "), 1 + 50);
}
