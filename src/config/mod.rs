//! The configuration language and what it means: from the file's bytes to the model.
pub mod model;
pub mod pattern;
pub mod template;
