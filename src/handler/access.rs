//! `allow` and `deny`: whether a client's address lets it in. Decides alone; what follows is `phases`' business.

use crate::config::model::AccessRule;
use crate::http::exchange::Exchange;

/// What the rules say to this client; `None` when none of them is about it.
pub fn verdict(exchange: &Exchange, rules: &[AccessRule]) -> Option<bool> {
    let client = exchange.remote().ip();
    rules.iter().find(|rule| rule.who.contain(client)).map(|rule| rule.allow)
}
