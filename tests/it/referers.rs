//! `valid_referers` and `$invalid_referer`.

use expect_test::expect;

use crate::support::{Server, escape};

#[test]
fn which_referers_are_valid() {
    let server = Server::start(
        r#"server { listen {{port}}; server_name it.test *.own.test ~^re\d+\.test$;
            location = /a { valid_referers none blocked example.com *.wild.com .dot.com tail.* path.com/In/ ~\.google\.; return 200 "[$invalid_referer]"; }
            location = /b { valid_referers server_names; return 200 "[$invalid_referer]"; }
            location = /d { return 200 "[$invalid_referer]"; }
            location = /e { valid_referers example.com; if ($invalid_referer) { return 403; } return 200 in; }
            location = /f { valid_referers *.a.com; valid_referers *.b.a.com/x none; return 200 "[$invalid_referer]"; }
        }"#,
    );
    let mut seen = String::new();
    for (path, referers) in [
        (
            "/a",
            &[
                "-",
                "",
                "x",
                "http://e",
                "ftp://example.com/",
                "http://example.com",
                "HTTPS://EXAMPLE.com/x",
                "http://example.com:80/",
                "http://www.example.com/",
                "http://a.wild.com/",
                "http://wild.com/",
                "http://dot.com/",
                "http://a.b.dot.com",
                "http://tail.org/",
                "http://tail.",
                "http://tail.org.x/",
                "http://path.com/in/x",
                "http://path.com/In/",
                "http://path.com/",
                "http://path.com:8/in/",
                "http://www.google.de/",
                "http://other.com/.google.",
                "http://other.com/",
            ][..],
        ),
        (
            "/b",
            &[
                "-",
                "x",
                "http://it.test/",
                "http://a.own.test/",
                "http://own.test/",
                "http://re12.test/",
                "http://other.test/",
            ],
        ),
        ("/d", &["-", "http://other.test/"]),
        ("/e", &["-", "http://example.com/", "http://other.test/"]),
        ("/f", &["-", "http://c.a.com/", "http://c.b.a.com/", "http://c.b.a.com/x"]),
    ] {
        for referer in referers {
            let field = if *referer == "-" { String::new() } else { format!("Referer: {referer}\r\n") };
            let response = server
                .send(format!("GET {path} HTTP/1.1\r\nHost: it.test\r\n{field}Connection: close\r\n\r\n"));
            let body = if response.status == 200 { escape(&response.body) } else { String::new() };
            seen += format!("{path} {referer} -> {} {body}", response.status).trim_end();
            seen.push('\n');
        }
    }
    expect![[r#"
        /a - -> 200 []
        /a  -> 200 []
        /a x -> 200 []
        /a http://e -> 200 []
        /a ftp://example.com/ -> 200 []
        /a http://example.com -> 200 []
        /a HTTPS://EXAMPLE.com/x -> 200 []
        /a http://example.com:80/ -> 200 []
        /a http://www.example.com/ -> 200 [1]
        /a http://a.wild.com/ -> 200 []
        /a http://wild.com/ -> 200 [1]
        /a http://dot.com/ -> 200 []
        /a http://a.b.dot.com -> 200 []
        /a http://tail.org/ -> 200 []
        /a http://tail. -> 200 []
        /a http://tail.org.x/ -> 200 []
        /a http://path.com/in/x -> 200 [1]
        /a http://path.com/In/ -> 200 []
        /a http://path.com/ -> 200 [1]
        /a http://path.com:8/in/ -> 200 [1]
        /a http://www.google.de/ -> 200 []
        /a http://other.com/.google. -> 200 []
        /a http://other.com/ -> 200 [1]
        /b - -> 200 [1]
        /b x -> 200 [1]
        /b http://it.test/ -> 200 []
        /b http://a.own.test/ -> 200 []
        /b http://own.test/ -> 200 [1]
        /b http://re12.test/ -> 200 []
        /b http://other.test/ -> 200 [1]
        /d - -> 200 []
        /d http://other.test/ -> 200 []
        /e - -> 403
        /e http://example.com/ -> 200 in
        /e http://other.test/ -> 403
        /f - -> 200 []
        /f http://c.a.com/ -> 200 []
        /f http://c.b.a.com/ -> 200 [1]
        /f http://c.b.a.com/x -> 200 []
    "#]]
    .assert_eq(&seen);
}
