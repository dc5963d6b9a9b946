//! The kernel: ring, sockets, files, timers. The only room with `unsafe` and monoio.
