//! placeholder
/// x
pub fn apply(
    _e: &mut crate::http::Exchange,
    _c: &crate::cycle::Cycle,
    _l: &crate::config::model::LocationConf,
) {
}
