//! libFuzzer's way into `ringx_fuzz::variables`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::variables(input));
