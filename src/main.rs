//! The `ringx` program: see the library's crate documentation for the map.

use std::process::ExitCode;

// `--cfg system_allocator` leaves it out, for tools that watch malloc (docs/testing.md).
#[cfg(not(system_allocator))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ringx::cli::main(std::env::args_os().skip(1))
}
