//! Who may come in, resolved: `allow`, `deny`, `auth_basic`, `auth_request`, `satisfy`, `limit_except`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::cidr::Cidr;
use super::super::rewrite::SetTarget;
use super::super::template::Template;
use super::LocationId;
use crate::http1::Method;

/// `limit_except`.
#[derive(Debug)]
pub struct LimitExceptConf {
    /// The methods that are not limited; HEAD goes with GET.
    pub methods: Vec<Method>,
    /// What serves all others: the location, with what the block says.
    pub location: LocationId,
}

/// `allow`, `deny`, `auth_basic`, `auth_request`, and how they go together.
#[derive(Debug)]
pub struct AccessConf {
    /// `allow` and `deny` in order: the first that fits decides.
    pub rules: Arc<[AccessRule]>,
    /// `auth_basic`.
    pub basic: Option<BasicAuthConf>,
    /// `auth_request`.
    pub auth_request: Option<AuthRequestConf>,
    /// `satisfy any`: one of them is enough.
    pub satisfy_any: bool,
    /// `auth_delay`.
    pub auth_delay: Duration,
}

/// `auth_request` with `auth_request_set`.
#[derive(Debug)]
pub struct AuthRequestConf {
    /// The URI that is asked, without arguments.
    pub uri: Box<[u8]>,
    /// What is taken from its answer, in order.
    pub sets: Arc<[(SetTarget, Template)]>,
}

/// One `allow` or `deny`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// `allow`.
    pub allow: bool,
    /// Whom it is about.
    pub who: AccessClients,
}

/// Clients by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessClients {
    /// `all`
    All,
    /// `unix:`
    Unix,
    /// An address or a network.
    Net(Cidr),
}

impl AccessClients {
    /// Whether a client with this address is one of them; `None` came by a unix socket.
    pub fn contain(&self, client: Option<IpAddr>) -> bool {
        match (self, client) {
            (Self::All, _) | (Self::Unix, None) => true,
            (Self::Net(net), Some(client)) => net.contains(client),
            (Self::Unix, Some(_)) | (Self::Net(_), None) => false,
        }
    }
}

/// `auth_basic` with `auth_basic_user_file`.
#[derive(Debug, Clone)]
pub struct BasicAuthConf {
    /// The realm; `off` asks nobody.
    pub realm: Template,
    /// The file; a relative path starts at `folder`.
    pub user_file: Template,
    /// The folder of the configuration file, with a slash at its end.
    pub folder: Arc<[u8]>,
}

/// `set_real_ip_from`, `real_ip_header` and `real_ip_recursive`.
#[derive(Debug)]
pub struct RealIpConf {
    /// Who is believed.
    pub from: Arc<[AccessClients]>,
    /// What tells the address.
    pub header: RealIpHeader,
    /// Addresses of trusted proxies are skipped.
    pub recursive: bool,
}

/// `real_ip_header`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealIpHeader {
    /// `X-Forwarded-For`: a list, over several fields.
    ForwardedFor,
    /// `proxy_protocol`
    ProxyProtocol,
    /// Any other field, lower-case.
    Field(Box<[u8]>),
}

/// How links are checked.
#[derive(Debug)]
pub enum SecureLinkConf {
    /// `secure_link` with `secure_link_md5`.
    Md5 {
        /// The checksum, perhaps with a time behind a comma.
        link: Template,
        /// What the checksum is of.
        md5: Template,
    },
    /// `secure_link_secret`: the checksum stands in the path.
    Secret(String),
}
