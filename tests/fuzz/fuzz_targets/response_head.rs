//! libFuzzer's way into `ringx_fuzz::response_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::response_head(input));
