//! Open files, their cached content, and MIME types.
