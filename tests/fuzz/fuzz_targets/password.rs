//! libFuzzer's way into `ringx_fuzz::password`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::password(input));
