//! Whole sites drawn by a seed, served by nginx and by ringx: both must answer thousands of drawn requests alike, to the
//! byte, with the same line in the access log; and refuse the same configurations.
//!
//! It compares where nginx is installed (`/usr/sbin/nginx`, or what `ORACLE` names), and says so where it is not.
//! `SITE_SEED=n` draws other sites, `SITES=n` more of them, `SITE_REQUESTS=n` more requests for each. The first
//! `SITE_SHOWN` kinds of differences are reduced to a small configuration and one request, and printed.

mod application;
mod compare;
mod directives;
mod found;
mod requests;
mod site;
mod tree;

use std::path::Path;

use crate::differential::{Draw, number};
use crate::support::oracle;
use compare::{Files, Pair};

#[test]
fn generated_sites_are_served_alike() {
    let nginx = oracle().unwrap_or_else(|| "/usr/sbin/nginx".to_owned());
    if !Path::new(&nginx).exists() {
        println!("SKIPPED: {nginx} is not installed, and generated sites are compared with it");
        assert!(std::env::var("CI").is_err(), "{nginx} is not installed");
        return;
    }
    let seed = number("SITE_SEED", 20_261_123);
    let sites = number("SITES", 4);
    let count = usize::try_from(number("SITE_REQUESTS", 1_000)).unwrap();
    let app = application::start();
    let files = Files::new();
    let shown = usize::try_from(number("SITE_SHOWN", 8)).unwrap();
    let mut found = Vec::new();
    let mut kinds = Vec::new();
    for number in 0..sites {
        println!("site {number} of seed {seed}: SITE_SEED={} SITES=1 shows it alone", seed + number);
        let mut draw = Draw((seed + number).max(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut site = site::site(&mut draw);
        println!("{} directives left out", compare::leave_out(&mut site, &files, &app));
        found.extend(compare::refuse_alike(&mut site, &files, &app, &nginx));
        for name in &site.directories {
            files.directory(name);
        }
        let Ok(pair) = Pair::start(&site.nodes, &files, &app, &nginx) else {
            found.push(format!("site {number} does not start"));
            continue;
        };
        let differing = compare::ask(&pair, &site, &mut draw, count);
        drop(pair);
        println!("{} of {count} differ", differing.len());
        for one in differing {
            if kinds.contains(&one.kind) {
                continue;
            }
            found.push(if kinds.len() < shown {
                println!("{}", one.kind);
                compare::reduced(&site.nodes, &one.requests, &files, &app, &nginx)
            } else {
                format!("{}\n{}{}", one.kind, compare::shown(&one.requests), one.said)
            });
            kinds.push(one.kind);
        }
    }
    let shown = found.join("\n=======\n");
    assert!(found.is_empty(), "{} kinds of differences:\n{shown}", found.len());
}
