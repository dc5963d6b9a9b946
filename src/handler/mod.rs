//! Content handlers
#![allow(missing_docs)]
use crate::{config::model::*, cycle::Cycle, http::*, shard::Shard};
pub mod return_ {
    use super::*;
    pub fn run(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf, _r: &ReturnConf) -> Outcome {
        Outcome::Declined
    }
}
pub mod try_files {
    use super::*;
    pub fn run(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf, _r: &TryFilesConf, _s: &Shard) -> Outcome {
        Outcome::Declined
    }
}
pub mod static_file {
    use super::*;
    pub fn run(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf, _s: &Shard) -> Outcome {
        Outcome::Declined
    }
}
pub mod index {
    use super::*;
    pub fn run(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf, _s: &Shard) -> Outcome {
        Outcome::Declined
    }
    pub fn forbidden(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf) -> Outcome {
        Outcome::Declined
    }
}
pub mod autoindex {
    use super::*;
    pub fn run(_e: &mut Exchange, _c: &Cycle, _l: &LocationConf, _s: &Shard) -> Outcome {
        Outcome::Declined
    }
}
pub mod proxy {
    use super::*;
    pub async fn run(
        _e: &mut Exchange,
        _c: &Cycle,
        _l: &LocationConf,
        _p: &ProxyPassConf,
        _s: &Shard,
    ) -> Outcome {
        Outcome::Declined
    }
}
