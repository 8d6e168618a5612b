//! Runs `portcullis_fuzz::forms::check` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::forms::check(data));
