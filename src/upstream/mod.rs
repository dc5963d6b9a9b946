//! Peers, balancing, keep-alive pools: no HTTP here.
