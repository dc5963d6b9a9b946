//! From listen address, host and URI to server and location.
