//! Runs `portcullis_fuzz::names::check` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::names::check(data));
