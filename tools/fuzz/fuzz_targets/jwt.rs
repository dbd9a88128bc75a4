//! Binary of the fuzz target [`fuzz::jwt`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::jwt(input));
