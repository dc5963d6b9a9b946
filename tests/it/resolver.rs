//! `resolver`: hosts that variables name, found by name servers while requests are served.

use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use expect_test::expect;
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::support::{Origin, Server};

/// What a name server says of a name.
enum Says {
    Addresses(Vec<IpAddr>),
    /// The name is another one's alias.
    Alias(&'static str, IpAddr),
    Code(RCODE),
    Nothing,
}

/// A name server. It answers until it is dropped.
struct NameServer {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl NameServer {
    fn start(says: impl Fn(&str) -> Says + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let server = Self {
            address: socket.local_addr().unwrap().to_string(),
            asked: Arc::default(),
            stop: Arc::default(),
        };
        let (asked, stop) = (Arc::clone(&server.asked), Arc::clone(&server.stop));
        std::thread::spawn(move || {
            let mut query = [0; 1024];
            while !stop.load(Ordering::SeqCst) {
                let Ok((len, from)) = socket.recv_from(&mut query) else { continue };
                let query = Packet::parse(&query[..len]).unwrap();
                let name = query.questions[0].qname.to_string();
                let six = query.questions[0].qtype == QTYPE::TYPE(TYPE::AAAA);
                asked.lock().unwrap().push(format!("{name} {}", if six { "AAAA" } else { "A" }));
                if let Some(answer) = answer(&query, &name, six, &says(&name)) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        server
    }

    /// How often the addresses of version 4 of this name were asked for.
    fn times(&self, name: &str) -> usize {
        let question = format!("{name} A");
        self.asked.lock().unwrap().iter().filter(|asked| **asked == question).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn answer(query: &Packet<'_>, name: &str, six: bool, says: &Says) -> Option<Vec<u8>> {
    let mut packet = Packet::new_reply(query.id());
    packet.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::RECURSION_DESIRED);
    packet.questions.clone_from(&query.questions);
    let record =
        |name: &str, rdata| ResourceRecord::new(Name::new(name).unwrap().into_owned(), CLASS::IN, 60, rdata);
    let address = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) if !six => Some(RData::A(A { address: (*ip).into() })),
        IpAddr::V6(ip) if six => Some(RData::AAAA(AAAA { address: (*ip).into() })),
        _ => None,
    };
    match says {
        Says::Addresses(ips) => {
            packet.answers.extend(ips.iter().filter_map(address).map(|ip| record(name, ip)));
        }
        Says::Alias(of, ip) => {
            packet.answers.push(record(name, RData::CNAME(CNAME(Name::new(of).unwrap().into_owned()))));
            packet.answers.extend(address(ip).map(|ip| record(of, ip)));
        }
        Says::Code(code) => *packet.rcode_mut() = *code,
        Says::Nothing => return None,
    }
    Some(packet.build_bytes_vec().unwrap())
}

fn loopback() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

#[test]
fn a_host_that_a_variable_names_is_asked_for() {
    let origin = Origin::echo();
    let names = NameServer::start(|name| match name {
        "app.test" => Says::Addresses(vec![loopback()]),
        "alias.test" => Says::Alias("real.test", loopback()),
        "broken.test" => Says::Code(RCODE::ServerFailure),
        "silent.test" => Says::Nothing,
        _ => Says::Code(RCODE::NameError),
    });
    let server = Server::setup()
        .value("port_of_app", &origin.address.port().to_string())
        .value("names", &names.address)
        .app(&origin)
        .start(
            r#"resolver {{names}} valid=30s; resolver_timeout 300ms;
            server { listen {{port}};
            proxy_http_version 1.1; proxy_set_header Connection "";
            location /set { set $app app.test; proxy_pass http://$app:{{port_of_app}}; }
            location /whole { set $app http://app.test:{{port_of_app}}; proxy_pass $app; }
            location /uri { set $app app.test; proxy_pass http://$app:{{port_of_app}}/other?b=2; }
            location /any { proxy_pass http://$arg_h:{{port_of_app}}; error_page 502 = @none; }
            location @none { return 200 "none: $upstream_status"; }
            location /plain { proxy_pass http://$arg_h:{{port_of_app}}; }
        }"#,
        );
    let table = server.table(&[
        "/set?a=1",
        "/whole/x%20y",
        "/uri",
        "/any?h=APP.test.",
        "/any?h=alias.test",
        "/any?h=unknown.test",
        "/plain?h=unknown.test",
        "/plain?h=broken.test",
        "/plain?h=silent.test",
    ]);
    expect![[r#"
        /set?a=1 -> 200 GET /set?a=1 HTTP/1.1\nHost: app.test:{app}\n\n
        /whole/x%20y -> 200 GET /whole/x%20y HTTP/1.1\nHost: app.test:{app}\n\n
        /uri -> 200 GET /other?b=2 HTTP/1.1\nHost: app.test:{app}\n\n
        /any?h=APP.test. -> 200 GET /any?h=APP.test. HTTP/1.1\nHost: APP.test.:{app}\n\n
        /any?h=alias.test -> 200 GET /any?h=alias.test HTTP/1.1\nHost: alias.test:{app}\n\n
        /any?h=unknown.test -> 200 none:
        /plain?h=unknown.test -> 502
        /plain?h=broken.test -> 502
        /plain?h=silent.test -> 502
    "#]]
    .assert_eq(&table);
    assert_eq!(names.times("app.test"), 1, "an answer holds for a while");
    for line in [
        "unknown.test could not be resolved (3: Host not found)",
        "broken.test could not be resolved (2: Server failure)",
        "silent.test could not be resolved (110: Operation timed out)",
    ] {
        server.wait_error(line);
    }
}

#[test]
fn a_name_may_move_and_have_many_addresses() {
    let origin = Origin::echo();
    let now = Arc::new(Mutex::new(vec!["127.0.0.9".parse().unwrap()]));
    let addresses = Arc::clone(&now);
    let names = NameServer::start(move |_| Says::Addresses(addresses.lock().unwrap().clone()));
    let server = Server::setup()
        .value("port_of_app", &origin.address.port().to_string())
        .value("names", &names.address)
        .start(
            r"resolver {{names}} valid=1s ipv6=off;
            server { listen {{port}};
            location / { set $app app.test; proxy_pass http://$app:{{port_of_app}}; }
        }",
        );
    // Nobody listens on that address.
    assert_eq!(server.get("/").status, 502);
    *now.lock().unwrap() = vec!["127.0.0.9".parse().unwrap(), loopback()];
    crate::support::wait_for("the new addresses to be known", || {
        (server.get("/").status == 200).then_some(())
    });
    // One of the two refuses, the other is asked then.
    assert_eq!(server.get("/").status, 200);
    assert!(names.times("app.test") >= 2);
    assert!(names.asked.lock().unwrap().iter().all(|asked| asked.ends_with(" A")), "ipv6=off");
}

#[test]
fn an_answer_to_another_question_is_not_heard() {
    let origin = Origin::echo();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut query = [0; 1024];
        let (len, from) = socket.recv_from(&mut query).unwrap();
        let query = Packet::parse(&query[..len]).unwrap();
        let says = |address: &str| Says::Addresses(vec![address.parse().unwrap()]);
        let mut forged = answer(&query, "app.test", false, &says("127.0.0.9")).unwrap();
        forged[0] ^= 1;
        socket.send_to(&forged, from).unwrap();
        socket.send_to(b"noise", from).unwrap();
        let right = answer(&query, "app.test", false, &says("127.0.0.1")).unwrap();
        socket.send_to(&right, from).unwrap();
    });
    let server = Server::setup()
        .value("port_of_app", &origin.address.port().to_string())
        .value("names", &address)
        .start(
            r"resolver {{names}} ipv6=off;
            server { listen {{port}};
            location / { set $app app.test; proxy_pass http://$app:{{port_of_app}}; }
        }",
        );
    assert_eq!(server.get("/").status, 200);
}
