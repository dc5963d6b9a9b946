//! One loaded configuration and all that is built from it: immutable, shared by every worker.
//!
//! A reload builds a new cycle; each connection takes it up at its next request.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::model::{LocationConf, LocationId, MainConf, ServerConf, ServerId, UpstreamConf, UpstreamId};
use crate::route::Router;

/// How a worker holds a cycle: the inner count is shared by all cores and touched once per reload, the outer one is the
/// worker's own and cheap enough for every request.
pub type CycleRef = Rc<Arc<Cycle>>;

/// A loaded configuration.
pub struct Cycle {
    /// What the file says.
    pub conf: MainConf,
    /// Compiled look-up of servers and locations.
    pub router: Router,
    /// Counts up with every reload, from 1.
    pub generation: u64,
}

impl Cycle {
    /// Compiles a configuration.
    pub fn new(conf: MainConf, generation: u64) -> Self {
        let router = Router::build(&conf.http);
        Self { conf, router, generation }
    }

    /// A server by id.
    pub fn server(&self, id: ServerId) -> &ServerConf {
        &self.conf.http.servers[id.0 as usize]
    }

    /// A location by id.
    pub fn location(&self, id: LocationId) -> &LocationConf {
        &self.conf.http.locations[id.0 as usize]
    }

    /// An upstream by id.
    pub fn upstream(&self, id: UpstreamId) -> &UpstreamConf {
        &self.conf.http.upstreams[id.0 as usize]
    }
}
