//! libFuzzer's way into `ringx_fuzz::records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ringx_fuzz::records(input));
