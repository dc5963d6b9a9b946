//! libFuzzer's way into `ringx_fuzz::certificate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::certificate(input));
