//! `secure_link` with `secure_link_md5`.

use expect_test::expect;

use crate::support::Server;

#[test]
fn links_with_a_checksum() {
    // The checksums are of `/f secret` and of `2147483647/f secret` and `1/f secret`.
    let server = Server::start(
        r#"server { listen {{port}};
            location /f { secure_link $arg_md5; secure_link_md5 "$uri secret"; return 200 "[$secure_link|$secure_link_expires]"; }
            location /t { secure_link $arg_md5,$arg_e; secure_link_md5 "$arg_e/f secret"; return 200 "[$secure_link|$secure_link_expires]"; }
            location /i { secure_link $arg_md5; secure_link_md5 "/f secret"; if ($secure_link = "") { return 403; } return 200 in; }
            location /n { return 200 "[$secure_link]"; }
            location /h { secure_link $arg_md5; return 200 "[$secure_link]"; }
        }"#,
    );
    expect![[r#"
        /f -> 200 [|]
        /f?md5=6RfnkZcPqUL5LzBf5MOhvw -> 200 [1|]
        /f?md5=6RfnkZcPqUL5LzBf5MOhvw== -> 200 [1|]
        /f?md5=6RfnkZcPqUL5LzBf5MOhvwx -> 200 [|]
        /f?md5=x6RfnkZcPqUL5LzBf5MOhvw -> 200 [|]
        /f?md5=6RfnkZcPqUL5LzBf5MOhvw,1 -> 200 [0|1]
        /t?md5=iAvxXYfmXxzsg_QyeENiLw&e=2147483647 -> 200 [1|2147483647]
        /t?md5=SmCdvFjGFTP5d6pjtp30NA&e=1 -> 200 [0|1]
        /t?md5=iAvxXYfmXxzsg_QyeENiLw&e=1 -> 200 [|1]
        /t?md5=iAvxXYfmXxzsg_QyeENiLw -> 200 [|]
        /t?md5=iAvxXYfmXxzsg_QyeENiLw&e=x -> 200 [|]
        /i?md5=6RfnkZcPqUL5LzBf5MOhvw -> 200 in
        /i?md5=wrong -> 403
        /i -> 403
        /n -> 200 []
        /h?md5=6RfnkZcPqUL5LzBf5MOhvw -> 200 []
    "#]]
    .assert_eq(&server.table(&[
        "/f",
        "/f?md5=6RfnkZcPqUL5LzBf5MOhvw",
        "/f?md5=6RfnkZcPqUL5LzBf5MOhvw==",
        "/f?md5=6RfnkZcPqUL5LzBf5MOhvwx",
        "/f?md5=x6RfnkZcPqUL5LzBf5MOhvw",
        "/f?md5=6RfnkZcPqUL5LzBf5MOhvw,1",
        "/t?md5=iAvxXYfmXxzsg_QyeENiLw&e=2147483647",
        "/t?md5=SmCdvFjGFTP5d6pjtp30NA&e=1",
        "/t?md5=iAvxXYfmXxzsg_QyeENiLw&e=1",
        "/t?md5=iAvxXYfmXxzsg_QyeENiLw",
        "/t?md5=iAvxXYfmXxzsg_QyeENiLw&e=x",
        "/i?md5=6RfnkZcPqUL5LzBf5MOhvw",
        "/i?md5=wrong",
        "/i",
        "/n",
        "/h?md5=6RfnkZcPqUL5LzBf5MOhvw",
    ]));
}
