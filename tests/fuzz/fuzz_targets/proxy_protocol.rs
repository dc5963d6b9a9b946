//! libFuzzer's way into `ringx_fuzz::proxy_protocol`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::proxy_protocol(input));
