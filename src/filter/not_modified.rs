//! Conditional requests: 304 and 412 (RFC 9110 section 13, in nginx's precedence and with nginx's leniency).

use crate::config::model::{IfModifiedSince, LocationConf};
use crate::http::{Body, Exchange};
use crate::http1::etag::{Comparison, list_matches};
use crate::http1::{Known, Status};
use crate::time::parse_http_date;

/// The four fields of a request.
#[derive(Default)]
struct Conditions<'r> {
    if_match: Option<&'r [u8]>,
    if_unmodified_since: Option<&'r [u8]>,
    if_none_match: Option<&'r [u8]>,
    if_modified_since: Option<&'r [u8]>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Send,
    NotModified,
    PreconditionFailed,
}

/// Turns a 200 into a 304, or asks for the page of 412.
pub(super) fn apply(exchange: &mut Exchange, conf: &LocationConf) -> Option<Status> {
    let response = &exchange.response;
    if response.status != Status::OK || !response.allow_not_modified {
        return None;
    }
    let field = |name| exchange.request.headers.get(name, &exchange.input);
    let conditions = Conditions {
        if_match: field(Known::IfMatch),
        if_unmodified_since: field(Known::IfUnmodifiedSince),
        if_none_match: field(Known::IfNoneMatch),
        if_modified_since: field(Known::IfModifiedSince),
    };
    let etag = Some(&response.etag[..]).filter(|etag| !etag.is_empty());
    match judge(&conditions, etag, response.last_modified, conf.if_modified_since) {
        Verdict::Send => None,
        Verdict::PreconditionFailed => {
            exchange.response.clear();
            Some(Status::PRECONDITION_FAILED)
        }
        Verdict::NotModified => {
            let response = &mut exchange.response;
            response.status = Status::NOT_MODIFIED;
            response.has_reason = false;
            response.content_type.clear();
            response.content_length = None;
            response.allow_ranges = false;
            response.fields.remove(b"content-encoding");
            response.body = Body::Empty;
            None
        }
    }
}

fn judge(
    conditions: &Conditions<'_>,
    etag: Option<&[u8]>,
    last_modified: Option<i64>,
    mode: IfModifiedSince,
) -> Verdict {
    if conditions.if_unmodified_since.is_some_and(|date| is_modified_after(date, last_modified)) {
        return Verdict::PreconditionFailed;
    }
    if conditions.if_match.is_some_and(|list| !list_matches(list, etag, Comparison::Strong)) {
        return Verdict::PreconditionFailed;
    }
    if conditions.if_modified_since.is_none() && conditions.if_none_match.is_none() {
        return Verdict::Send;
    }
    // Both must say so when both are there, unlike RFC 9110 section 13.2.2, which ignores the date then.
    if conditions.if_modified_since.is_some_and(|date| is_modified_since(date, last_modified, mode))
        || conditions.if_none_match.is_some_and(|list| !list_matches(list, etag, Comparison::Weak))
    {
        return Verdict::Send;
    }
    Verdict::NotModified
}

/// If-Unmodified-Since fails: the response is newer than the date, or one of them has no date.
fn is_modified_after(date: &[u8], last_modified: Option<i64>) -> bool {
    match (parse_http_date(date), last_modified) {
        (Some(date), Some(modified)) => date < modified,
        _ => true,
    }
}

/// If-Modified-Since asks for the body (`if_modified_since`).
fn is_modified_since(date: &[u8], last_modified: Option<i64>, mode: IfModifiedSince) -> bool {
    let (Some(date), Some(modified)) = (parse_http_date(date), last_modified) else { return true };
    match mode {
        IfModifiedSince::Off => true,
        IfModifiedSince::Exact => date != modified,
        IfModifiedSince::Before => date < modified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: i64 = 784_111_777;
    const SAME: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";
    const TAG: &[u8] = b"\"a\"";

    fn check(conditions: &Conditions<'_>, expected: Verdict) {
        assert_eq!(judge(conditions, Some(TAG), Some(MODIFIED), IfModifiedSince::Exact), expected);
    }

    #[test]
    fn if_modified_since_has_three_modes() {
        let verdict = |date, mode| {
            let conditions = Conditions { if_modified_since: Some(date), ..Conditions::default() };
            judge(&conditions, Some(TAG), Some(MODIFIED), mode) == Verdict::NotModified
        };
        for (mode, earlier, same, later) in [
            (IfModifiedSince::Off, false, false, false),
            (IfModifiedSince::Exact, false, true, false),
            (IfModifiedSince::Before, false, true, true),
        ] {
            assert_eq!(
                (verdict(EARLIER, mode), verdict(SAME, mode), verdict(LATER, mode)),
                (earlier, same, later)
            );
            assert!(!verdict(b"garbage", mode));
        }
    }

    #[test]
    fn both_negative_conditions_must_agree() {
        let with = |list, date| Conditions {
            if_none_match: Some(list),
            if_modified_since: Some(date),
            ..Conditions::default()
        };
        check(&with(TAG, SAME), Verdict::NotModified);
        check(&with(b"\"b\"", SAME), Verdict::Send);
        check(&with(TAG, EARLIER), Verdict::Send);
        check(&Conditions { if_none_match: Some(b"W/\"a\""), ..Conditions::default() }, Verdict::NotModified);
    }

    #[test]
    fn positive_conditions_come_first() {
        let unmodified = |date| Conditions { if_unmodified_since: Some(date), ..Conditions::default() };
        check(&unmodified(SAME), Verdict::Send);
        check(&unmodified(LATER), Verdict::Send);
        check(&unmodified(EARLIER), Verdict::PreconditionFailed);
        check(&unmodified(b"garbage"), Verdict::PreconditionFailed);
        let matching =
            |list| Conditions { if_match: Some(list), if_none_match: Some(b"*"), ..Conditions::default() };
        check(&matching(TAG), Verdict::NotModified);
        check(&matching(b"W/\"a\""), Verdict::PreconditionFailed);
        check(&matching(b"*"), Verdict::NotModified);
    }

    #[test]
    fn a_response_without_tag_and_date() {
        let verdict = |conditions: &Conditions<'_>| judge(conditions, None, None, IfModifiedSince::Exact);
        let default = Conditions::default;
        assert_eq!(verdict(&default()), Verdict::Send);
        assert_eq!(verdict(&Conditions { if_none_match: Some(b"*"), ..default() }), Verdict::NotModified);
        assert_eq!(verdict(&Conditions { if_none_match: Some(TAG), ..default() }), Verdict::Send);
        assert_eq!(verdict(&Conditions { if_modified_since: Some(SAME), ..default() }), Verdict::Send);
        assert_eq!(
            verdict(&Conditions { if_unmodified_since: Some(SAME), ..default() }),
            Verdict::PreconditionFailed
        );
        assert_eq!(verdict(&Conditions { if_match: Some(TAG), ..default() }), Verdict::PreconditionFailed);
    }
}
