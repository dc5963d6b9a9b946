//! The phases of a request: rewrite, location, content, error pages.
