//! Runs `portcullis_fuzz::csrf::check` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::csrf::check(data));
