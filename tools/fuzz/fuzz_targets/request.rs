//! Binary of the fuzz target [`fuzz::request`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::request(input));
