//! Fuzzes `fuzz::form`: see there.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::form(input));
