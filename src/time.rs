//! The coarse clock and HTTP dates.
