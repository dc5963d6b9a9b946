//! What stands between ringx and an application: passes bytes on in both directions, keeps them, and reads them as messages.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::model::{self, Front};
use crate::support::escape;

/// A request as it went to an application, or as the application says it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) target: String,
    /// Each byte a letter.
    pub(super) body: String,
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// One connection.
#[derive(Default)]
struct Leg {
    to_app: Vec<u8>,
    to_proxy: Vec<u8>,
    /// ringx has said that nothing more comes, or the application has.
    over: bool,
    asked: Vec<Message>,
    /// Requests that were answered, and whether the application's own code did it.
    answers: Vec<bool>,
}

impl Leg {
    /// Takes whole messages off both streams; whether an answer is still to come.
    fn read(&mut self) -> Result<bool, String> {
        loop {
            match model::request(&self.to_app) {
                Front::Whole(request, len) => {
                    self.to_app.drain(..len);
                    let (method, target) = (text(&request.method), text(&request.target));
                    self.asked.push(Message { method, target, body: text(&request.body) });
                }
                Front::More => break,
                Front::Refused => return Err(format!("ringx sent {}", escape(&self.to_app))),
            }
        }
        while !self.to_proxy.is_empty() {
            let method = self.asked.get(self.answers.len()).map_or("GET", |asked| &asked.method);
            match model::response(&self.to_proxy, method.as_bytes(), self.over) {
                Front::Whole(response, len) => {
                    self.to_proxy.drain(..len);
                    self.answers.push(!model::all(&response.fields, b"x-seen").is_empty());
                }
                Front::More => break,
                Front::Refused => return Err(format!("the application said {}", escape(&self.to_proxy))),
            }
        }
        let begun = usize::from(!self.to_app.is_empty());
        if self.answers.len() > self.asked.len() + begun {
            return Err(format!("{} answers to {:?}", self.answers.len(), self.asked));
        }
        Ok(self.answers.len() < self.asked.len() && !self.over)
    }
}

/// The relay.
pub(super) struct Relay {
    pub(super) port: u16,
    legs: Arc<Mutex<Vec<Arc<Mutex<Leg>>>>>,
}

impl Relay {
    /// Passes on to an application on this port.
    pub(super) fn to(app: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let legs: Arc<Mutex<Vec<Arc<Mutex<Leg>>>>> = Arc::default();
        let known = Arc::clone(&legs);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, app)) else { continue };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let leg = Arc::default();
                known.lock().unwrap().push(Arc::clone(&leg));
                let (back, forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                let other = Arc::clone(&leg);
                std::thread::spawn(move || carry(near, far, &leg, |leg| &mut leg.to_app));
                std::thread::spawn(move || carry(back, forth, &other, |leg| &mut leg.to_proxy));
            }
        });
        Relay { port, legs }
    }

    /// Reads what went over; whether an answer is still to come.
    pub(super) fn read(&self) -> Result<bool, String> {
        let mut waiting = false;
        for leg in self.legs.lock().unwrap().iter() {
            waiting |= leg.lock().unwrap().read()?;
        }
        Ok(waiting)
    }

    /// The requests that the application's code answered, sorted.
    pub(super) fn answered(&self) -> Vec<Message> {
        let mut all = Vec::new();
        for leg in self.legs.lock().unwrap().iter() {
            let leg = leg.lock().unwrap();
            let own = leg.asked.iter().zip(&leg.answers).filter(|(_, own)| **own);
            all.extend(own.map(|(message, _)| message.clone()));
        }
        all.sort();
        all
    }

    /// Forgets what was read; gives how many requests it was, and how many of them the application's code never saw.
    pub(super) fn forget(&self) -> (usize, usize) {
        let mut legs = self.legs.lock().unwrap();
        let (mut asked, mut own) = (0, 0);
        for leg in legs.iter() {
            let mut leg = leg.lock().unwrap();
            asked += leg.asked.len();
            own += leg.answers.iter().filter(|own| **own).count();
            let answered = leg.answers.len().min(leg.asked.len());
            leg.asked.drain(..answered);
            leg.answers.clear();
        }
        legs.retain(|leg| !leg.lock().unwrap().over);
        (asked, asked - own)
    }
}

/// Carries one direction to its end, keeping what goes over.
fn carry(mut from: TcpStream, mut to: TcpStream, leg: &Mutex<Leg>, kept: fn(&mut Leg) -> &mut Vec<u8>) {
    let mut piece = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        // Kept before it is passed on, so that nobody answers what was not seen.
        kept(&mut leg.lock().unwrap()).extend_from_slice(&piece[..count]);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    leg.lock().unwrap().over = true;
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}
