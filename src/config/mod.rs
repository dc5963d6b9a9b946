//! The configuration language and what it means: from the file's bytes to the model.
