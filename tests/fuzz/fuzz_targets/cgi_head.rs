//! libFuzzer's way into `ringx_fuzz::cgi_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::cgi_head(input));
