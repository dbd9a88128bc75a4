//! JPEG (ITU-T T.81, JFIF), both ways.

mod dct;
mod decode;
mod encode;
mod huffman;
mod parse;
mod progressive;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DHT: u8 = 0xC4;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

/// Baseline, extended sequential and progressive frames, all with Huffman coding.
const SOF0: u8 = 0xC0;
const SOF2: u8 = 0xC2;

const ICC: &[u8] = b"ICC_PROFILE\0";

/// Where each coefficient of the zigzag order stands in a block (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
