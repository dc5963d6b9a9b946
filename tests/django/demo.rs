//! `docs/demo/nginx.conf` does what README.md says of it, its ports and paths replaced; and so do the switches that
//! need no file.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Client, Origin, Received, Running, Server, TempDir, get, oracle, program, reserve, wait_for,
};

fn demo() -> Server {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo");
    let mut text = fs::read_to_string(docs.join("nginx.conf")).unwrap();
    for (theirs, ours) in [
        ("127.0.0.1:8080", "127.0.0.1:{{port}}"),
        ("127.0.0.1:8000", "127.0.0.1:{{port2}}"),
        ("alias docs/demo/static/;", "alias {{docs}}/static/;"),
        ("/tmp/ringx-demo.pid", "{{dir}}/server.pid"),
        // The harness says it on the command line.
        ("daemon           off;", ""),
    ] {
        assert!(text.contains(theirs), "{theirs} is not in the demo");
        text = text.replace(theirs, ours);
    }
    Server::setup().value("docs", &docs.display().to_string()).start(&text)
}

#[test]
fn the_front_serves_files_and_passes_the_rest_to_the_app() {
    let server = demo();
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html".to_owned()));
    assert!(page.text().contains("It works"));
    for (path, kind) in [("/static/css/style.css", "text/css"), ("/static/ring.svg", "image/svg+xml")] {
        assert!(page.text().contains(path), "the page shows {path}");
        let file = server.get(path);
        assert_eq!((file.status, file.header("content-type")), (200, kind.to_owned()));
        assert!(!file.header("etag").is_empty(), "{path} is a file");
    }
    let echo = server.get("/echo/a%2Fb?q=%C3%A9");
    let app = server.address_of("port2");
    assert_eq!(echo.text(), format!("The app got: GET /echo/a%2Fb?q=%C3%A9\nHost:        {app}\n"));
}

#[test]
fn what_the_app_answers_is_passed_on() {
    let server = demo();
    let old = server.send(get("/old").replace("localhost", &server.address().to_string()));
    assert_eq!((old.status, old.header("location")), (302, format!("http://{}/", server.address())));
    let failed = server.get("/error");
    assert_eq!((failed.status, failed.text().as_str()), (500, "The app failed, and says so itself.\n"));
    assert_eq!(server.get("/static/missing.css").status, 404);
    assert_eq!(server.get("/missing").text(), "The app has no such page: /missing\n");
}

#[test]
fn no_file_is_needed() {
    if oracle().is_some() {
        return; // nginx has no such switches
    }
    let origin = Origin::ok();
    let port = reserve();
    let address = SocketAddr::from(([127, 0, 0, 1], port.number));
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo/static");
    let dir = TempDir::new();
    let child = Command::new(program())
        .arg("-p")
        .arg(&dir.path)
        .args(["--listen", &address.to_string(), "--proxy", &origin.address.to_string()])
        .args(["--static", &format!("/static/={}", files.display())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _running = Running(child.unwrap());
    wait_for("the server", || TcpStream::connect(address).ok());
    let mut client = Client::connect(address);
    let css = client.send(get("/static/css/style.css")).response();
    assert_eq!((css.status, css.header("content-type")), (200, "text/css".to_owned()));
    assert_eq!(client.send(get("/a?b")).response().status, 200);
    assert_eq!(origin.requests().iter().map(Received::target).collect::<Vec<_>>(), ["/a?b"]);
}
