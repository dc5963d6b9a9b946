//! One client connection and its exchanges.
//!
//! An [`Exchange`] is one request and the response in the making. It is filled by `connection`, goes through
//! `phases`, and is written by `write`, the only writer to the client. This room chooses neither a location nor a
//! peer. Handlers return a [`Body`]; they never write.

pub mod body;
pub mod client;
pub mod connection;
mod content_type;
mod derived;
pub mod error_page;
pub mod exchange;
mod filtered;
mod flow;
pub mod http2;
mod pace;
pub mod page;
mod part;
pub mod path;
pub mod relay;
pub mod request_body;
pub mod response;
mod secure_link;
pub mod tls;
pub mod trailers;
pub mod transform;
mod tunnel;
pub mod userid;
pub mod variables;
pub mod write;

pub use body::{Body, Segment};
pub use client::{Client, ParkedClient};
pub use connection::Arrival;
pub use content_type::named_charset;
pub use exchange::{Exchange, Outcome};
pub use http2::Http2;
pub use part::MAX_PAGE;
pub use request_body::{BodyError, RequestBody};
pub use response::{Fields, Response};
pub use tls::{ClientTls, Hello};
pub use transform::Transform;
pub use write::Sent;
