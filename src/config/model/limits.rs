//! Limits, resolved: `limit_req`, `limit_conn` and their zones.

use std::sync::Arc;

use super::super::template::Template;
use crate::log::Level;

/// One `limit_req_zone` or `limit_conn_zone`; whoever uses it holds its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitZoneConf {
    /// Its name.
    pub name: String,
    /// What is counted by; an empty value is not limited.
    pub key: Template,
    /// The key as written, for messages.
    pub key_text: String,
    /// Bytes.
    pub size: usize,
    /// Of a `limit_req_zone`: thousandths of a request for each second.
    pub rate: Option<u64>,
}

/// The limits of a location.
#[derive(Debug)]
pub struct LimitsConf {
    /// `limit_req`
    pub requests: Arc<[LimitReqConf]>,
    /// What to do when they are reached.
    pub on_requests: OnLimit,
    /// `limit_conn`
    pub connections: Arc<[LimitConnConf]>,
    /// What to do when they are reached.
    pub on_connections: OnLimit,
}

/// `limit_*_status`, `limit_*_log_level`, `limit_*_dry_run`.
#[derive(Debug, Clone, Copy)]
pub struct OnLimit {
    /// The answer.
    pub status: u16,
    /// How loud a refusal is logged.
    pub level: Level,
    /// Only counted and logged.
    pub dry_run: bool,
}

/// One `limit_req`.
#[derive(Debug, Clone)]
pub struct LimitReqConf {
    /// Index into `HttpConf::limit_zones`.
    pub zone: usize,
    /// `burst=`, thousandths of a request.
    pub burst: u64,
    /// Excess that is not delayed, thousandths of a request; `u64::MAX` is `nodelay`.
    pub delay: u64,
}

/// One `limit_conn`.
#[derive(Debug, Clone)]
pub struct LimitConnConf {
    /// Index into `HttpConf::limit_zones`.
    pub zone: usize,
    /// Requests at once.
    pub most: u32,
}

/// A size that may hold variables (`limit_rate` and its like).
#[derive(Debug, Clone)]
pub enum SizeConf {
    /// Bytes.
    Fixed(u64),
    /// Evaluated for each request; what is no size is 0.
    Evaluated(Template),
}

impl SizeConf {
    /// Not written as 0, which is no limit.
    pub fn is_limit(&self) -> bool {
        !matches!(self, Self::Fixed(0))
    }
}
