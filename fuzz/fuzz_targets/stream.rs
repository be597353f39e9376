//! The tap of a stream beside a full parse of it, however it is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (bool, Vec<u8>, Vec<u8>)| {
    let (anthropic, data, cuts) = input;
    gatekey::proxy::oracle::stream(anthropic, &data, &cuts);
});
