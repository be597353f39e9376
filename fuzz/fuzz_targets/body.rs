//! The scan of a request's body beside a full parse of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatekey::proxy::oracle::body(data));
