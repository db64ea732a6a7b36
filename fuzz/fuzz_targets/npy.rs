#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seqjepa_fuzz_harness::npy::run(data));
