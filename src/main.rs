//! The `ringx` program: see the library's crate documentation for the map.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ringx::cli::main(std::env::args_os().skip(1))
}
