//! Runs `portcullis_fuzz::clients::check` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::clients::check(data));
