//! placeholder
use super::exchange::Exchange;
use crate::config::model::LocationConf;
/// x
pub struct Relay {}
impl Relay {
    /// x
    pub async fn pump(
        self: Box<Self>,
        _e: &mut Exchange,
        _c: &LocationConf,
        _out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        Ok(())
    }
    /// x
    pub fn finish_without_body(self: Box<Self>, _e: &mut Exchange) {}
}
