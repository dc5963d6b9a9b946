//! The built-in pages, byte for byte nginx's, and which `error_page` answers for a status.

use bytes::Bytes;

use super::body::Body;
use super::exchange::Exchange;
use crate::config::model::{ErrorPageConf, LocationConf};
use crate::http1::Status;

/// What `Server` and the pages' footers say with `server_tokens on`.
pub const SERVER_WITH_VERSION: &str = concat!("ringx/", env!("CARGO_PKG_VERSION"));
/// And with `server_tokens off`.
pub const SERVER_BARE: &str = "ringx";

/// nginx pads error pages for old browsers that replace short ones by their own.
const PADDING: &str = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n";
const PADDING_LINES: usize = 6;

/// The page for a status as body, with its type and length; keep-alive is given up where nginx does.
pub fn build(exchange: &mut Exchange, conf: &LocationConf, status: Status) {
    let padded = pads(exchange, status);
    let charset = kept_charset(exchange);
    let response = &mut exchange.response;
    response.clear_content();
    // What an app said of its own body (`X-Accel-Redirect` keeps it).
    response.fields.remove(b"accept-ranges");
    // And what `add_header` said of the file that 416 does not send.
    response.fields.remove(b"last-modified");
    response.status = status.on_the_wire();
    if closes(status) {
        exchange.keep_alive = false;
    }
    let (heading, detail) = status.page_heading();
    if !heading.is_empty() {
        let text = status.page_title();
        let server = if conf.server_tokens { SERVER_WITH_VERSION } else { SERVER_BARE };
        let mut page = format!(
            "<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{heading}</h1></center>\r\n{}\
             <hr><center>{server}</center>\r\n</body>\r\n</html>\r\n",
            if detail.is_empty() { String::new() } else { format!("<center>{detail}</center>\r\n") }
        );
        if padded {
            page.extend(std::iter::repeat_n(PADDING, PADDING_LINES));
        }
        response.content_type.extend_from_slice(b"text/html");
        if let Some(charset) = charset {
            response.content_type.extend_from_slice(&charset);
        }
        response.content_length = Some(page.len() as u64);
        response.body = Body::Bytes(Bytes::from(page));
    } else if status.0 == 204 {
        response.content_length = None;
    } else {
        response.content_length = Some(0);
    }
}

/// `; charset=…` of the type that an app gave: nginx keeps it apart from the type, and forgets only that.
fn kept_charset(exchange: &Exchange) -> Option<Vec<u8>> {
    if exchange.upstream.head_bytes.is_empty() {
        return None;
    }
    let content_type = &exchange.response.content_type;
    let at = memchr::memmem::find(content_type, b"; charset=")?;
    content_type.get(at..).map(<[u8]>::to_vec)
}

/// The `error_page` for a status, if one applies now.
pub fn find<'c>(exchange: &Exchange, conf: &'c LocationConf, status: Status) -> Option<&'c ErrorPageConf> {
    if exchange.in_error_page || exchange.redirects_left == 0 {
        return None;
    }
    conf.error_pages.iter().find(|page| page.status == status.0)
}

/// Statuses after which the framing of what follows cannot be trusted, or is not wanted.
pub fn closes(status: Status) -> bool {
    matches!(status.0, 400 | 413 | 414 | 494 | 495 | 496 | 497 | 500 | 501)
}

fn pads(exchange: &Exchange, status: Status) -> bool {
    status.0 >= 400
        && exchange.header(b"user-agent").is_some_and(|agent| {
            memchr::memmem::find(agent, b"Chrome/").is_some()
                || memchr::memmem::find(agent, b"MSIE ").is_some_and(|at| at + 7 < agent.len())
        })
}
