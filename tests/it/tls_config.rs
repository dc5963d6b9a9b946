//! What `ssl_*` lines do: certificates by name and kind, protocols and ciphers, sessions, clients' certificates, variables.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use expect_test::expect;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};

use crate::support::gateway::uwsgi_request;
use crate::support::{Client, Origin, Server, Setup, TempDir, lines, run, tls, wait_for};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Every server's own; the inner ones may say otherwise.
const A: &str = "ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key;";
const B: &str = "ssl_certificate {{tls}}/b.pem; ssl_certificate_key {{tls}}/b.key;";
const PROTOCOLS: &str = "ssl_protocols TLSv1.2 TLSv1.3;";

fn setup() -> Setup {
    Server::setup().value("tls", FOLDER)
}

fn start(conf: &str) -> Server {
    setup().start(&format!("{PROTOCOLS} {conf}"))
}

fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(format!("{FOLDER}/{name}.pem")).unwrap().map(Result::unwrap).collect()
}

/// A client with a certificate of its own.
fn client_with(versions: &[&'static SupportedProtocolVersion], name: &str) -> Arc<ClientConfig> {
    let key = PrivateKeyDer::from_pem_file(format!("{FOLDER}/{name}.key")).unwrap();
    tls::client_with(versions, chain(name), key)
}

/// Which of our certificates the server showed.
fn shown(client: &Client) -> &'static str {
    let certificates = client.tls().peer_certificates().expect("a certificate");
    ["a", "b", "rsa", "deep"].into_iter().find(|name| chain(name)[0] == certificates[0]).expect("one of ours")
}

fn ask(client: &mut Client, host: &str) -> String {
    let response = client.send(lines(&format!("GET / HTTP/1.1\nHost: {host}"))).response();
    let text = response.text();
    let text = text.lines().find_map(|line| line.strip_prefix("<center>")).unwrap_or(&text);
    format!("{} {}", response.status, text.trim_end_matches("</center>\r").trim_end())
}

/// Shakes hands for `name` and asks for `host`: the certificate and the answer, or why there is none.
fn visit(address: SocketAddr, config: &Arc<ClientConfig>, name: &str, host: &str) -> String {
    match Client::try_connect_tls(address, config, name) {
        Ok(mut client) => format!("{}: {}", shown(&client), ask(&mut client, host)),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_name_chooses_certificate_and_server() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl; {A} return 200 default; }}
         server {{ listen {{{{port}}}}; server_name b.example *.b.example; {B} return 200 b; }}
         server {{ listen {{{{port}}}}; server_name rsa.example;
                   ssl_certificate {{{{tls}}}}/rsa.pem; ssl_certificate_key {{{{tls}}}}/rsa.key; return 200 rsa; }}
         server {{ listen {{{{port}}}}; server_name ~^re[0-9]\\.example$; {B} return 200 regex; }}
         server {{ listen {{{{port}}}}; server_name bare.example; return 200 bare; }}"
    ));
    let config = tls::client(&BOTH);
    let mut text = String::new();
    for (name, host) in [
        ("b.example", "b.example"),
        ("x.b.example", "x.b.example"),
        ("B.Example", "b.example"),
        ("rsa.example", "rsa.example"),
        ("re7.example", "re7.example"),
        ("bare.example", "bare.example"),
        ("unknown.example", "unknown.example"),
        ("127.0.0.1", "b.example"),
        ("b.example", "rsa.example"),
        ("b.example", "unknown.example"),
        ("unknown.example", "b.example"),
    ] {
        let answer = visit(server.address(), &config, name, host);
        writeln!(text, "{name} for {host}: {answer}").unwrap();
    }
    expect![[r#"
        b.example for b.example: b: 200 b
        x.b.example for x.b.example: b: 200 b
        B.Example for b.example: b: 200 b
        rsa.example for rsa.example: rsa: 200 rsa
        re7.example for re7.example: b: 200 regex
        bare.example for bare.example: a: 200 bare
        unknown.example for unknown.example: a: 200 default
        127.0.0.1 for b.example: a: 200 b
        b.example for rsa.example: b: 200 rsa
        b.example for unknown.example: b: 200 default
        unknown.example for b.example: a: 200 b
    "#]]
    .assert_eq(&text);
}

#[test]
fn of_two_certificates_the_client_gets_one_it_can_verify() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl; {A}
                   ssl_certificate {{{{tls}}}}/rsa.pem; ssl_certificate_key {{{{tls}}}}/rsa.key; return 200 ok; }}"
    ));
    let mut text = String::new();
    for version in BOTH {
        for schemes in ["ECDSA", "RSA"] {
            let config = tls::client_verifying(&[version], |scheme| format!("{scheme:?}").contains(schemes));
            let answer = visit(server.address(), &config, "a.example", "a.example");
            writeln!(text, "{:?} {schemes}: {answer}", version.version).unwrap();
        }
    }
    expect![[r#"
        TLSv1_2 ECDSA: a: 200 ok
        TLSv1_2 RSA: rsa: 200 ok
        TLSv1_3 ECDSA: a: 200 ok
        TLSv1_3 RSA: rsa: 200 ok
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_server_may_refuse_handshakes() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl default_server; ssl_reject_handshake on; }}
         server {{ listen {{{{port}}}} ssl; server_name a.example; {A} return 200 a; }}
         server {{ listen {{{{port2}}}} ssl; {A} return 200 default; }}
         server {{ listen {{{{port2}}}} ssl; server_name b.example; {B} ssl_reject_handshake on; }}"
    ));
    let config = tls::client(&BOTH);
    let mut text = String::new();
    for (port, name) in [
        ("port", "a.example"),
        ("port", "unknown.example"),
        ("port", "127.0.0.1"),
        ("port2", "a.example"),
        ("port2", "b.example"),
    ] {
        let answer = visit(server.address_of(port), &config, name, name);
        writeln!(text, "{port} {name}: {answer}").unwrap();
    }
    expect![[r#"
        port a.example: a: 200 a
        port unknown.example: received fatal alert: UnrecognisedName
        port 127.0.0.1: received fatal alert: UnrecognisedName
        port2 a.example: a: 200 default
        port2 b.example: received fatal alert: UnrecognisedName
    "#]]
    .assert_eq(&text);
}

#[test]
fn protocols_and_ciphers_are_those_of_the_file() {
    let server = start(&format!(
        "{A}
         server {{ listen {{{{port}}}} ssl; ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on;
                   ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256;
                   return 200 \"$ssl_protocol $ssl_cipher\"; }}
         server {{ listen {{{{port2}}}} ssl; ssl_protocols TLSv1.3; ssl_ecdh_curve secp384r1;
                   return 200 \"$ssl_protocol $ssl_cipher $ssl_curve\"; }}
         server {{ listen {{{{port3}}}} ssl; ssl_ciphers EECDH+CHACHA20:!ECDSA; return 200 $ssl_cipher; }}"
    ));
    let mut text = String::new();
    for port in ["port", "port2", "port3"] {
        for version in BOTH {
            let answer = visit(server.address_of(port), &tls::client(&[version]), "a.example", "a.example");
            writeln!(text, "{port} {:?}: {answer}", version.version).unwrap();
        }
    }
    expect![[r#"
        port TLSv1_2: a: 200 TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305
        port TLSv1_3: received fatal alert: ProtocolVersion
        port2 TLSv1_2: received fatal alert: ProtocolVersion
        port2 TLSv1_3: a: 200 TLSv1.3 TLS_AES_256_GCM_SHA384 secp384r1
        port3 TLSv1_2: received fatal alert: HandshakeFailure
        port3 TLSv1_3: a: 200 TLS_AES_256_GCM_SHA384
    "#]]
    .assert_eq(&text);
}

#[test]
fn what_a_connection_is_known_by() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl; listen {{{{port2}}}}; {A} ssl_ecdh_curve prime256v1;
                   return 200 \"$ssl_protocol,$ssl_cipher,$ssl_server_name,$ssl_session_reused,$ssl_curve,\
                   $ssl_early_data,$ssl_client_verify,$ssl_client_s_dn,$ssl_alpn_protocol,$ssl_ciphers,$ssl_curves\"; }}"
    ));
    let mut text = String::new();
    for version in BOTH {
        let answer = visit(server.address(), &tls::client(&[version]), "a.example", "a.example");
        writeln!(text, "{answer}").unwrap();
    }
    writeln!(text, "{}", visit(server.address(), &tls::client(&BOTH), "127.0.0.1", "x")).unwrap();
    let plain = server.send_to("port2", lines("GET / HTTP/1.1\nHost: a"));
    writeln!(text, "{}", plain.text()).unwrap();
    expect![[r#"
        a: 200 TLSv1.2,ECDHE-ECDSA-AES256-GCM-SHA384,a.example,.,prime256v1,,NONE,,,TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:TLS_EMPTY_RENEGOTIATION_INFO_SCSV,X25519:prime256v1:secp384r1
        a: 200 TLSv1.3,TLS_AES_256_GCM_SHA384,a.example,.,prime256v1,,NONE,,,TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305,X25519:prime256v1:secp384r1
        a: 200 TLSv1.3,TLS_AES_256_GCM_SHA384,,.,prime256v1,,NONE,,,TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:TLS_EMPTY_RENEGOTIATION_INFO_SCSV,X25519:prime256v1:secp384r1
        ,,,,,,,,,,
    "#]].assert_eq(&text);
}

/// Whether a second connection resumes the session of the first.
fn resumes(address: SocketAddr, config: &Arc<ClientConfig>) -> bool {
    let mut first = Client::connect_tls(address, config, "a.example");
    assert_eq!(ask(&mut first, "a.example"), "200 .");
    let mut second = Client::connect_tls(address, config, "a.example");
    let resumed = second.tls().handshake_kind() == Some(HandshakeKind::Resumed);
    assert_eq!(ask(&mut second, "a.example"), if resumed { "200 r" } else { "200 ." });
    resumed
}

#[test]
fn sessions_are_resumed_by_ticket_or_from_the_cache() {
    let server = start(&format!(
        "{A}
         server {{ listen {{{{port}}}} ssl; return 200 $ssl_session_reused; }}
         server {{ listen {{{{port2}}}} ssl; ssl_session_tickets off; ssl_session_cache shared:a:1m;
                   return 200 $ssl_session_reused; }}
         server {{ listen {{{{port3}}}} ssl; ssl_session_tickets off; return 200 $ssl_session_reused; }}
         server {{ listen {{{{port4}}}} ssl; ssl_session_tickets off; ssl_session_cache builtin:1000;
                   return 200 $ssl_session_reused; }}"
    ));
    let mut text = String::new();
    for port in ["port", "port2", "port3", "port4"] {
        for version in BOTH {
            let resumed = resumes(server.address_of(port), &tls::client(&[version]));
            writeln!(text, "{port} {:?}: {resumed}", version.version).unwrap();
        }
    }
    expect![[r#"
        port TLSv1_2: true
        port TLSv1_3: true
        port2 TLSv1_2: true
        port2 TLSv1_3: true
        port3 TLSv1_2: false
        port3 TLSv1_3: false
        port4 TLSv1_2: true
        port4 TLSv1_3: true
    "#]]
    .assert_eq(&text);
}

#[test]
fn sessions_outlive_a_reload() {
    let conf = |answer: &str| {
        format!(
            "{PROTOCOLS} {A} server {{ listen {{{{port}}}} ssl; return 200 {answer}; }}
             server {{ listen {{{{port2}}}} ssl; ssl_session_tickets off; ssl_session_cache shared:a:1m; return 200 {answer}; }}"
        )
    };
    let mut server = setup().ringx().start(&conf("one"));
    for (turn, port) in ["port", "port2"].into_iter().enumerate() {
        let config = tls::client(&[&TLS13]);
        let mut first = Client::connect_tls(server.address_of(port), &config, "a.example");
        assert!(ask(&mut first, "a.example").starts_with("200 "));
        let answer = format!("turn{turn}");
        server.rewrite(&conf(&answer));
        server.signal("HUP");
        wait_for("the new configuration", || {
            (ask(&mut first, "a.example") == format!("200 {answer}")).then_some(())
        });
        let second = Client::connect_tls(server.address_of(port), &config, "a.example");
        assert_eq!(second.tls().handshake_kind(), Some(HandshakeKind::Resumed), "{port}");
    }
}

#[test]
fn clients_show_certificates() {
    let answer = "return 200 \"$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_serial|$ssl_client_s_dn_legacy\";";
    let server = start(&format!(
        "{A} ssl_client_certificate {{{{tls}}}}/authority.pem;
         server {{ listen {{{{port}}}} ssl; ssl_verify_client on; {answer} }}
         server {{ listen {{{{port2}}}} ssl; ssl_verify_client optional; ssl_crl {{{{tls}}}}/revoked.crl; {answer} }}
         server {{ listen {{{{port3}}}} ssl; ssl_verify_client optional_no_ca; {answer} }}
         server {{ listen {{{{port4}}}} ssl; {answer} }}"
    ));
    let mut text = String::new();
    for port in ["port", "port2", "port3", "port4"] {
        for name in ["", "client", "revoked", "stranger", "deep", "old"] {
            // The chain of `deep` has no list of revoked certificates, and of `old` none is read here.
            if port == "port2" && matches!(name, "deep" | "old") {
                continue;
            }
            let config = if name.is_empty() { tls::client(&BOTH) } else { client_with(&BOTH, name) };
            let mut client = Client::connect_tls(server.address_of(port), &config, "a.example");
            writeln!(text, "{port} {name}: {}", ask(&mut client, "a.example")).unwrap();
        }
    }
    expect![[r#"
        port : 400 <h1>400 Bad Request</h1></center>
        port client: 200 SUCCESS|CN=client,OU=Clients,O=The\, Tests,C=GB|CN=authority,O=Tests|3141592653|/C=GB/O=The, Tests/OU=Clients/CN=client
        port revoked: 200 SUCCESS|CN=revoked,OU=Clients,O=The\, Tests,C=GB|CN=authority,O=Tests|2718|/C=GB/O=The, Tests/OU=Clients/CN=revoked
        port stranger: 400 <h1>400 Bad Request</h1></center>
        port deep: 200 SUCCESS|CN=deep|CN=intermediate,O=Tests|41|/CN=deep
        port old: 200 SUCCESS|CN=old|CN=authority,O=Tests|51|/CN=old
        port2 : 200 NONE||||
        port2 client: 200 SUCCESS|CN=client,OU=Clients,O=The\, Tests,C=GB|CN=authority,O=Tests|3141592653|/C=GB/O=The, Tests/OU=Clients/CN=client
        port2 revoked: 400 <h1>400 Bad Request</h1></center>
        port2 stranger: 400 <h1>400 Bad Request</h1></center>
        port3 : 200 NONE||||
        port3 client: 200 SUCCESS|CN=client,OU=Clients,O=The\, Tests,C=GB|CN=authority,O=Tests|3141592653|/C=GB/O=The, Tests/OU=Clients/CN=client
        port3 revoked: 200 SUCCESS|CN=revoked,OU=Clients,O=The\, Tests,C=GB|CN=authority,O=Tests|2718|/C=GB/O=The, Tests/OU=Clients/CN=revoked
        port3 stranger: 200 FAILED:unable to verify the first certificate|CN=stranger|CN=other_authority,O=Tests|99|/CN=stranger
        port3 deep: 200 SUCCESS|CN=deep|CN=intermediate,O=Tests|41|/CN=deep
        port3 old: 200 SUCCESS|CN=old|CN=authority,O=Tests|51|/CN=old
        port4 : 200 NONE||||
        port4 client: 200 NONE||||
        port4 revoked: 200 NONE||||
        port4 stranger: 200 NONE||||
        port4 deep: 200 NONE||||
        port4 old: 200 NONE||||
    "#]].assert_eq(&text);
    for version in BOTH {
        let config = client_with(&[version], "old");
        let mut client = Client::connect_tls(server.address(), &config, "a.example");
        assert!(ask(&mut client, "a.example").starts_with("200 SUCCESS|CN=old"), "{:?}", version.version);
    }
}

#[test]
fn what_a_certificate_says() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl; {A} ssl_client_certificate {{{{tls}}}}/authority.pem; ssl_verify_client on;
                   location / {{ return 200 \"$ssl_client_fingerprint $ssl_client_i_dn_legacy\"; }}
                   location /raw {{ return 200 \"$ssl_client_raw_cert|\"; }}
                   location /cert {{ return 200 \"$ssl_client_cert|\"; }}
                   location /escaped {{ return 200 $ssl_client_escaped_cert; }}
                   location /dates {{ return 200 \"$ssl_client_v_start|$ssl_client_v_end\"; }}
                   location /remain {{ return 200 $ssl_client_v_remain; }} }}"
    ));
    let mut client = Client::connect_tls(server.address(), &client_with(&BOTH, "client"), "a.example");
    let mut get = |path: &str| client.send(lines(&format!("GET {path} HTTP/1.1\nHost: a"))).response().text();
    let pem = std::fs::read_to_string(format!("{FOLDER}/client.pem")).unwrap();
    assert_eq!(get("/raw"), format!("{pem}|"));
    assert_eq!(get("/cert"), format!("{}|", pem.trim_end().replace('\n', "\n\t")));
    let escaped = get("/escaped");
    assert!(escaped.starts_with("-----BEGIN%20CERTIFICATE-----%0A"), "{escaped}");
    assert_eq!(escaped.matches("%0A").count(), pem.lines().count());
    let dates = openssl(&["x509", "-noout", "-startdate", "-enddate", "-fingerprint", "-sha1"]);
    let mut dates = dates.lines().map(|line| line.split_once('=').unwrap().1);
    let (start, end) = (dates.next().unwrap(), dates.next().unwrap());
    assert_eq!(get("/dates"), format!("{start}|{end}"));
    let fingerprint = dates.next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(get("/"), format!("{fingerprint} /O=Tests/CN=authority"));
    assert!(get("/remain").parse::<u32>().unwrap() > 10_000);
}

/// What OpenSSL says of the client's certificate.
fn openssl(arguments: &[&str]) -> String {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .args(["-in", &format!("{FOLDER}/client.pem")])
        .output()
        .expect("openssl runs");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn another_host_than_negotiated_is_misdirected_where_clients_are_checked() {
    let server = start(&format!(
        "server {{ listen {{{{port}}}} ssl; {A} server_name a.example; return 200 a; }}
         server {{ listen {{{{port}}}} ssl; {B} server_name b.example; return 200 b;
                   ssl_client_certificate {{{{tls}}}}/authority.pem; ssl_verify_client on; }}"
    ));
    let mut text = String::new();
    let (plain, with) = (tls::client(&BOTH), client_with(&BOTH, "client"));
    for (config, name, host) in [
        (&plain, "a.example", "a.example"),
        (&plain, "a.example", "b.example"),
        (&with, "a.example", "b.example"),
        (&with, "b.example", "b.example"),
        (&with, "b.example", "a.example"),
        (&plain, "unknown.example", "b.example"),
        (&plain, "b.example", "unknown.example"),
    ] {
        let answer = visit(server.address(), config, name, host);
        writeln!(text, "{name} for {host}: {answer}").unwrap();
    }
    expect![[r#"
        a.example for a.example: a: 200 a
        a.example for b.example: a: 421 <h1>421 Misdirected Request</h1></center>
        a.example for b.example: a: 421 <h1>421 Misdirected Request</h1></center>
        b.example for b.example: b: 200 b
        b.example for a.example: b: 200 a
        unknown.example for b.example: a: 400 <h1>400 Bad Request</h1></center>
        b.example for unknown.example: b: 200 a
    "#]]
    .assert_eq(&text);
}

#[test]
fn certificates_that_change_are_taken_up() {
    let read = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).unwrap();
    let setup = Server::setup().ringx().file("c.pem", read("a.pem")).file("c.key", read("a.key"));
    let server = setup.start(
        "server { listen {{port}} ssl; ssl_certificate {{dir}}/c.pem; ssl_certificate_key {{dir}}/c.key; return 200 ok; }",
    );
    let config = tls::client(&BOTH);
    let now = || shown(&Client::connect_tls(server.address(), &config, "a.example"));
    assert_eq!(now(), "a");
    std::fs::write(server.dir().join("c.pem"), read("b.pem")).unwrap();
    std::fs::write(server.dir().join("c.key"), read("b.key")).unwrap();
    wait_for("the new certificate", || (now() == "b").then_some(()));
    server.wait_error("/c.pem\" changed and is in use");
    std::fs::write(server.dir().join("c.key"), read("a.key")).unwrap();
    server.wait_error("key values mismatch); the certificate in use stays");
    assert_eq!(now(), "b");
    std::fs::write(server.dir().join("c.pem"), read("a.pem")).unwrap();
    wait_for("the whole pair", || (now() == "a").then_some(()));
}

/// `-t` says of each of these, in a server that speaks TLS, what is wrong.
#[test]
fn what_is_wrong_with_a_file_is_said() {
    let dir = TempDir::new();
    let path = dir.path.display();
    let mut text = String::new();
    let pair = format!("ssl_certificate {FOLDER}/a.pem; ssl_certificate_key {FOLDER}/a.key;");
    for inner in [
        String::new(),
        format!("ssl_certificate {FOLDER}/a.pem;"),
        format!("ssl_certificate none.pem; ssl_certificate_key {FOLDER}/a.key;"),
        format!("ssl_certificate {FOLDER}/a.pem; ssl_certificate_key none.key;"),
        format!("ssl_certificate {FOLDER}/a.pem; ssl_certificate_key {FOLDER}/b.key;"),
        format!("{pair} ssl_protocols TLSv9;"),
        format!("{pair} ssl_ciphers NOTHING;"),
        format!("{pair} ssl_ecdh_curve nothing;"),
        format!("{pair} ssl_verify_client on;"),
        format!("{pair} ssl_verify_client on; ssl_client_certificate none.pem;"),
        format!("{pair} ssl_session_cache shared:a;"),
        format!("{pair} ssl_session_cache shared:a:1k;"),
        format!("{pair} ssl_session_ticket_key none;"),
        format!("{pair} ssl_conf_command Nothing x;"),
        format!("{pair} ssl on;"),
        format!("{pair} ssl_protocols SSLv3 TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers HIGH:!aNULL:!MD5;"),
    ] {
        let conf = dir.path.join("server.conf");
        std::fs::write(
            &conf,
            format!("pid {path}/pid; error_log {path}/error.log; events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:1 ssl; {inner} }} }}\n"),
        )
        .unwrap();
        let arguments =
            ["-t", "-p", path.to_string().as_str(), "-c", conf.to_str().unwrap()].map(str::to_owned);
        let output = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let said = output.stderr;
        let line = said.lines().find(|line| line.contains("[emerg]") || line.contains("[warn]"));
        let line = line.unwrap_or("fine").split("g] ").last().unwrap().split("n] ").last().unwrap();
        let line =
            line.split_once("#").and_then(|(_, rest)| rest.split_once(": ")).map_or(line, |(_, rest)| rest);
        // What OpenSSL adds, and where.
        let line = line.split(" failed (").next().unwrap().split(&format!(" in {path}")).next().unwrap();
        let line = line.split(": BIO_new").next().unwrap().split(": open()").next().unwrap();
        let shown = inner.replace(FOLDER, "").replace(&pair.replace(FOLDER, ""), "");
        let said = line.replace(&path.to_string(), "{dir}").replace(FOLDER, "");
        writeln!(text, "{}\n    {said}", shown.trim()).unwrap();
    }
    expect![[r#"

            no "ssl_certificate" is defined for the "listen ... ssl" directive
        ssl_certificate /a.pem;
            no "ssl_certificate_key" is defined for certificate "/a.pem"
        ssl_certificate none.pem; ssl_certificate_key /a.key;
            cannot load certificate "{dir}/none.pem"
        ssl_certificate /a.pem; ssl_certificate_key none.key;
            cannot load certificate key "{dir}/none.key"
        ssl_certificate /a.pem; ssl_certificate_key /b.key;
            SSL_CTX_use_PrivateKey("/b.key")
        ssl_protocols TLSv9;
            invalid value "TLSv9"
        ssl_ciphers NOTHING;
            SSL_CTX_set_cipher_list("NOTHING")
        ssl_ecdh_curve nothing;
            SSL_CTX_set1_curves_list("nothing")
        ssl_verify_client on;
            no ssl_client_certificate for ssl_verify_client
        ssl_verify_client on; ssl_client_certificate none.pem;
            SSL_CTX_load_verify_locations("{dir}/none.pem")
        ssl_session_cache shared:a;
            invalid session cache "shared:a"
        ssl_session_cache shared:a:1k;
            session cache "shared:a:1k" is too small
        ssl_session_ticket_key none;
            open() "{dir}/none"
        ssl_conf_command Nothing x;
            SSL_CONF_cmd("Nothing", "x")
        ssl on;
            the "ssl" directive is deprecated, use the "listen ... ssl" directive instead
        ssl_protocols SSLv3 TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers HIGH:!aNULL:!MD5;
            fine
    "#]]
    .assert_eq(&text);
}

/// An app that speaks TLS on `{{port2}}` and says how it was asked.
const APP: &str =
    "server { listen {{port2}} ssl; ssl_certificate {{tls}}/a.pem; ssl_certificate_key {{tls}}/a.key;
    ssl_verify_client optional_no_ca;
    root {{root}};
    location = / { return 200 \"$ssl_server_name|$ssl_client_s_dn|$http_host|$ssl_protocol\\n\"; }
    location = /reused { return 200 \"$ssl_session_reused\n\"; }
    location = /connection { return 200 \"$connection $connection_requests\\n\"; }
    location /echo { client_max_body_size 0; proxy_pass http://{{app}}; proxy_request_buffering off; } }";

#[test]
fn apps_speak_tls() {
    let origin = Origin::echo();
    let big: Vec<u8> = (0..3_000_000_u32).map(|i| b'a' + (i % 26) as u8).collect();
    let server = setup().app(&origin).file("root/big", &big).file("root/small", "small").start(&format!(
        "{PROTOCOLS} {APP}
         server {{ listen {{{{port}}}}; client_max_body_size 0;
             proxy_http_version 1.1; proxy_ssl_protocols TLSv1.2;
             location / {{ proxy_pass https://127.0.0.1:{{{{port2}}}}; }}
             location /unbuffered/ {{ proxy_pass https://127.0.0.1:{{{{port2}}}}/; proxy_buffering off; }}
             location /named {{ proxy_ssl_session_reuse off; proxy_pass https://127.0.0.1:{{{{port2}}}}/; proxy_ssl_server_name on;
                 proxy_ssl_name b.example;
                 proxy_ssl_certificate {{{{tls}}}}/client.pem; proxy_ssl_certificate_key {{{{tls}}}}/client.key; }}
             location /reused {{ proxy_pass https://127.0.0.1:{{{{port2}}}}; proxy_set_header Connection close; }}
             location /echo {{ proxy_pass https://127.0.0.1:{{{{port2}}}}; proxy_request_buffering off; }}
             location /variables {{ set $app 127.0.0.1:{{{{port2}}}}; proxy_pass https://$app/; }}
             location /plain {{ proxy_pass http://127.0.0.1:{{{{port2}}}}/; }}
             location /to-plain {{ proxy_pass https://127.0.0.1:{{{{port}}}}; }} }}"
    ));
    let mut text = String::new();
    // The kept connection of the next ones, and one that resumes its session.
    server.get("/");
    server.get("/reused");
    for path in ["/", "/named", "/variables", "/small", "/reused", "/to-plain"] {
        let response = server.get(path);
        let body = if response.status == 200 { server.localised(&response.text()) } else { "\n".to_owned() };
        writeln!(text, "{path} {} {}", response.status, body.trim_end()).unwrap();
    }
    writeln!(text, "/plain {}", server.get("/plain").status).unwrap();
    expect![[r#"
        / 200 ||127.0.0.1:{port2}|TLSv1.2
        /named 200 b.example|CN=client,OU=Clients,O=The\, Tests,C=GB|127.0.0.1:{port2}|TLSv1.2
        /variables 200 ||127.0.0.1:{port2}|TLSv1.2
        /small 200 small
        /reused 200 r
        /to-plain 502 
        /plain 400
    "#]]
    .assert_eq(&text);
    for path in ["/big", "/unbuffered/big"] {
        assert!(server.get(path).body == big, "{path}");
    }
    let upload = |head: &str, body: &[u8]| {
        let request = [&lines(&format!("POST /echo HTTP/1.1\nHost: a\n{head}"))[..], body].concat();
        let response = server.send(request);
        (response.status, origin.last().body == big)
    };
    assert_eq!(upload(&format!("Content-Length: {}", big.len()), &big), (200, true));
    let chunk = [format!("{:x}\r\n", big.len()).as_bytes(), &big, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(upload("Transfer-Encoding: chunked", &chunk), (200, true));
}

#[test]
fn apps_are_who_they_should_be() {
    let origin = Origin::ok();
    let location = |name: &str, rest: &str| {
        format!(
            "location /{name} {{ proxy_pass https://127.0.0.1:{{{{port2}}}}/; proxy_ssl_verify on; {rest} }}\n"
        )
    };
    let server = setup().app(&origin).start(&format!(
        "{PROTOCOLS} {APP} server {{ listen {{{{port}}}}; proxy_ssl_trusted_certificate {{{{tls}}}}/authority.pem;
         proxy_ssl_session_reuse off;
         {} {} {} {} }}",
        location("right", "proxy_ssl_name a.example;"),
        location("wildcard", "proxy_ssl_name x.a.example:8443;"),
        location("other", "proxy_ssl_name other.example;"),
        location(
            "unknown",
            "proxy_ssl_name a.example; proxy_ssl_trusted_certificate {{tls}}/other_authority.pem;"
        ),
    ));
    let mut text = String::new();
    for path in ["/right", "/wildcard", "/other", "/unknown"] {
        writeln!(text, "{path} {}", server.get(path).status).unwrap();
    }
    let log = server.wait_error("(21:unable to verify the first certificate)");
    for line in log.lines().filter(|line| line.contains("upstream SSL certificate")) {
        let line = line.split("upstream SSL").nth(1).unwrap().split(", client").next().unwrap();
        writeln!(text, "upstream SSL{line}").unwrap();
    }
    expect![[r#"
        /right 200
        /wildcard 200
        /other 502
        /unknown 502
        upstream SSL certificate does not match "other.example" while SSL handshaking to upstream
        upstream SSL certificate verify error: (21:unable to verify the first certificate) while SSL handshaking to upstream
    "#]].assert_eq(&text);
}

#[test]
fn connections_to_apps_are_kept_by_name() {
    let origin = Origin::ok();
    let server = setup().app(&origin).ringx().start(&format!(
        "{PROTOCOLS} {APP}
         server {{ listen {{{{port}}}}; proxy_ssl_server_name on;
             location /a {{ proxy_pass https://127.0.0.1:{{{{port2}}}}/connection; proxy_ssl_name a.example; }}
             location /b {{ proxy_pass https://127.0.0.1:{{{{port2}}}}/connection; proxy_ssl_name b.example; }} }}"
    ));
    let ask = |path: &str| {
        let text = server.get(path).text();
        let (connection, requests) = text.trim().split_once(' ').unwrap();
        (connection.to_owned(), requests.to_owned())
    };
    let (a, b) = (ask("/a"), ask("/b"));
    assert_ne!(a.0, b.0, "another name is another connection");
    assert_eq!((ask("/a"), ask("/b")), ((a.0, "2".to_owned()), (b.0, "2".to_owned())));
}

#[test]
fn uwsgi_apps_speak_tls() {
    let origin = Origin::start(|connection| {
        if let Some(request) = uwsgi_request(connection) {
            let text =
                format!("{} {} {}", request.variable("NAME"), request.variable("SCHEME"), request.body.len());
            connection.send(format!("Status: 200 OK\nContent-Length: {}\n\n{text}", text.len()));
        }
    });
    let key = PrivateKeyDer::from_pem_file(format!("{FOLDER}/a.key")).unwrap();
    let app = tls::terminator(origin.address, chain("a"), key);
    let server = setup().value("tls_app", &app.to_string()).start(
        "server { listen {{port}}; client_max_body_size 0; uwsgi_param NAME here; uwsgi_param SCHEME $scheme;
             uwsgi_param CONTENT_LENGTH $content_length;
             uwsgi_ssl_session_reuse off; uwsgi_ssl_trusted_certificate {{tls}}/authority.pem;
             location / { uwsgi_pass suwsgi://{{tls_app}}; uwsgi_ssl_verify on; uwsgi_ssl_name a.example; }
             location /other { uwsgi_pass suwsgi://{{tls_app}}; uwsgi_ssl_verify on; uwsgi_ssl_name b.example; }
             location /variable { set $to suwsgi://{{tls_app}}; uwsgi_pass $to; }
             location /plain { uwsgi_pass {{tls_app}}; } }",
    );
    assert_eq!(server.get("/").text(), "here http 0");
    assert_eq!(server.get("/variable").text(), "here http 0");
    assert_eq!((server.get("/other").status, server.get("/plain").status), (502, 502));
    server.wait_error(
        "upstream SSL certificate does not match \"b.example\" while SSL handshaking to upstream",
    );
    let body = vec![b'x'; 300_000];
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(server.send([head.as_bytes(), &body].concat()).text(), "here http 300000");
}
