//! From a request's target and Host to `$uri`, `$args` and `$host`.

use crate::http1::{Status, target};

/// Splits a target (origin-form, absolute-form, or `*`) and normalises its path.
///
/// # Errors
/// 400 for a path that climbs above the root or is escaped wrongly.
pub fn split_target(raw: &[u8], uri: &mut Vec<u8>, args: &mut Vec<u8>) -> Result<(), Status> {
    let path_and_query = target::path_and_query(raw);
    let (path, query) = target::split_query(path_and_query);
    uri.clear();
    args.clear();
    args.extend_from_slice(query);
    target::normalize(path, true, uri).map_err(|_| Status(400))?;
    Ok(())
}

/// `$host`: lower-case, without port and trailing dot (nginx's `ngx_http_validate_host`).
pub fn canonical(raw: &[u8], host: &mut Vec<u8>) {
    host.clear();
    let name = match raw.first() {
        Some(b'[') => raw.iter().position(|&b| b == b']').map_or(raw, |end| &raw[..=end]),
        _ => raw.iter().position(|&b| b == b':').map_or(raw, |end| &raw[..end]),
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    host.extend(name.iter().map(u8::to_ascii_lowercase));
}
