//! Files of one core: what is open, what is in memory, what type a name has.
//!
//! Nothing here knows a request or a location: `handler` asks with a path it made, `http` sends what it got. The
//! room follows symbolic links and judges no path.

pub mod directory;
pub mod mime;
pub mod open_file_cache;
mod path_hash;

pub use open_file_cache::{OpenError, OpenFile, OpenFileCache};
