//! Binary of the fuzz target [`fuzz::image`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::image(input));
