//! `flv`: a file from the byte that the player asks for (`?start=`), behind the signature that a stream begins with.

use std::rc::Rc;

use bytes::Bytes;

use crate::config::model::LocationConf;
use crate::cycle::Cycle;
use crate::files::OpenFile;
use crate::http::variables::argument;
use crate::http::{Body, Exchange, Outcome, Segment};
use crate::shard::Shard;

use super::static_file;

/// Version 1, sound and pictures, nine bytes of header, and no tag before the first.
const SIGNATURE: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

/// Answers as for any other file, without what lies before `start`.
pub fn run(exchange: &mut Exchange, cycle: &Cycle, conf: &LocationConf, shard: &Shard) -> Outcome {
    let outcome = static_file::run(exchange, cycle, conf, shard);
    let start = argument(&exchange.args, b"start").and_then(offset);
    if let (Outcome::Response, Some(start)) = (&outcome, start)
        && let Body::Cached(file) = &exchange.response.body
        && start < file.size
    {
        let file = file.clone();
        skip(exchange, conf, file, start);
    }
    outcome
}

fn offset(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten().filter(|start| *start != 0)
}

fn skip(exchange: &mut Exchange, conf: &LocationConf, file: Rc<OpenFile>, start: u64) {
    let len = file.size - start;
    let response = &mut exchange.response;
    let length = SIGNATURE.len() as u64 + len;
    response.content_length = Some(length);
    if conf.etag {
        file.etag_for(length, &mut response.etag);
    }
    // A small file is in memory and not open.
    response.body = match file.content_part(start, len) {
        Some(content) => Body::Bytes(Bytes::from([SIGNATURE, content].concat())),
        None => Body::Segments(
            file,
            vec![Segment::Bytes(Bytes::from_static(SIGNATURE)), Segment::File { start, len }],
        ),
    };
}
