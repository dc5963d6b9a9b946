//! `disable_symlinks`: a path is not followed through links, from where on it says.

use std::os::unix::fs::{lchown, symlink};

use expect_test::expect;

use crate::support::{Server, Setup};

/// `root/file`, and links to it, to a directory, to what is outside, and from the root itself; root's and another's.
fn site() -> Setup {
    let setup = Server::setup()
        .file("root/file.txt", "file")
        .file("root/dir/file.txt", "in dir")
        .file("root/dir/index.html", "index")
        .file("root/empty/x", "")
        .file("outside/secret.txt", "secret")
        .file("outside/index.html", "secret index");
    let dir = setup.dir().to_owned();
    let link = |to: &str, at: &str| symlink(to, dir.join(at)).unwrap();
    link("file.txt", "root/link.txt");
    link("../outside/secret.txt", "root/out.txt");
    link("dir", "root/linkdir");
    link("../outside", "root/outdir");
    link("nowhere", "root/broken");
    link("file.txt", "root/link.txt.gz");
    link("../file.txt", "root/empty/index.html");
    link("root", "linked");
    setup
}

const TARGETS: [&str; 16] = [
    "/file.txt",
    "/dir/file.txt",
    "/dir/",
    "/dir",
    "/link.txt",
    "/out.txt",
    "/linkdir/file.txt",
    "/linkdir/",
    "/linkdir",
    "/outdir/secret.txt",
    "/outdir/",
    "/broken",
    "/missing",
    "/file.txt/x",
    "/link.txt/x",
    "/empty/",
];

fn served(conf: &str) -> String {
    let root = if conf.contains(" root ") { "" } else { "root {{root}};" };
    let server = site().start(&format!("server {{ listen {{{{port}}}}; {root} {conf} }}"));
    server.table(&TARGETS)
}

#[test]
fn no_link_is_followed() {
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on;"));
}

#[test]
fn from_the_root_on() {
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on from=$document_root;"));
    // The root itself may be reached by links then, and not otherwise.
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on from=$document_root; root {{dir}}/linked;"));
    expect![[r#"
        /file.txt -> 404
        /dir/file.txt -> 404
        /dir/ -> 404
        /dir -> 404
        /link.txt -> 404
        /out.txt -> 404
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 404
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 404
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 404
    "#]]
    .assert_eq(&served("disable_symlinks on; root {{dir}}/linked;"));
    expect![[r#"
        /file.txt -> 404
        /dir/file.txt -> 404
        /dir/ -> 404
        /dir -> 404
        /link.txt -> 404
        /out.txt -> 404
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 404
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 404
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 404
    "#]]
    .assert_eq(&served("disable_symlinks on from={{dir}}/lin; root {{dir}}/linked;"));
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on from={{dir}}/linked/; root {{dir}}/linked;"));
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on from={{dir}}/root/dir/file.txt;"));
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 403
        /out.txt -> 403
        /linkdir/file.txt -> 404
        /linkdir/ -> 404
        /linkdir -> 403
        /outdir/secret.txt -> 404
        /outdir/ -> 404
        /broken -> 403
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 403
    "#]]
    .assert_eq(&served("disable_symlinks on from=$arg_none;"));
}

#[test]
fn links_of_another_owner_are_not_followed() {
    if !crate::privileges::as_root() {
        return;
    }
    let setup = site();
    for link in ["root/out.txt", "root/outdir"] {
        lchown(setup.dir().join(link), Some(65534), None).unwrap();
    }
    let server = setup.start("server { listen {{port}}; root {{root}}; disable_symlinks if_not_owner; }");
    expect![[r#"
        /file.txt -> 200 file
        /dir/file.txt -> 200 in dir
        /dir/ -> 200 index
        /dir -> 301 http://localhost:{port}/dir/
        /link.txt -> 200 file
        /out.txt -> 403
        /linkdir/file.txt -> 200 in dir
        /linkdir/ -> 200 index
        /linkdir -> 301 http://localhost:{port}/linkdir/
        /outdir/secret.txt -> 403
        /outdir/ -> 403
        /broken -> 404
        /missing -> 404
        /file.txt/x -> 404
        /link.txt/x -> 404
        /empty/ -> 200 file
    "#]]
    .assert_eq(&server.table(&TARGETS));
}

#[test]
fn what_only_looks_follows_none() {
    let server = site().file("root/other.txt", "other").start(
        "server { listen {{port}}; root {{root}}; disable_symlinks on from=$document_root;
           location / { try_files $uri $uri/ /file.txt; }
           location = /if { if (-f $document_root/$arg_f) { return 200 file; } if (-d $document_root/$arg_f) { return 200 dir; }
                            if (-e $document_root/$arg_f) { return 200 exists; } return 200 none; }
           location /zip/ { alias {{root}}/; gzip_static always; }
           location /list/ { alias {{root}}/; autoindex on; } }",
    );
    let targets = [
        "/link.txt",
        "/out.txt",
        "/linkdir/file.txt",
        "/linkdir",
        "/outdir",
        "/if?f=file.txt",
        "/if?f=link.txt",
        "/if?f=dir",
        "/if?f=linkdir",
        "/if?f=linkdir/file.txt",
        "/if?f=broken",
        "/zip/link.txt",
        "/zip/file.txt",
        "/list/outdir/",
    ];
    expect![[r#"
        /link.txt -> 200 file
        /out.txt -> 200 file
        /linkdir/file.txt -> 200 file
        /linkdir -> 200 file
        /outdir -> 200 file
        /if?f=file.txt -> 200 file
        /if?f=link.txt -> 200 none
        /if?f=dir -> 200 dir
        /if?f=linkdir -> 200 none
        /if?f=linkdir/file.txt -> 200 none
        /if?f=broken -> 200 none
        /zip/link.txt -> 403
        /zip/file.txt -> 200 file
        /list/outdir/ -> 404
    "#]]
    .assert_eq(&server.table(&targets));
}

#[test]
fn a_nested_location_may_follow_again() {
    let server = site().start(
        "disable_symlinks on; server { listen {{port}}; root {{root}};
           location /link.txt { disable_symlinks off; } location /out.txt { } }",
    );
    expect![[r#"
        /link.txt -> 200 file
        /out.txt -> 403
    "#]]
    .assert_eq(&server.table(&["/link.txt", "/out.txt"]));
}

#[test]
fn what_is_written_wrong_is_told() {
    for (written, said) in [
        ("maybe", "invalid parameter \"maybe\""),
        ("from=/srv", "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter"),
        ("on off", "duplicate parameters \"on off\""),
        ("off from=/srv", "\"from=\" cannot be used with \"off\" parameter"),
    ] {
        let conf = format!("disable_symlinks {written}; server {{ listen {{{{port}}}}; }}");
        let (taken, log) = Server::setup().test(&conf);
        assert!(!taken && log.contains(said), "{written}: {log}");
    }
}
