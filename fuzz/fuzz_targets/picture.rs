#![no_main]

use std::panic::set_hook;

// The decoders of pictures may panic where that is caught; libFuzzer's hook would end the process there and then. A panic
// that is not caught still ends it.
libfuzzer_sys::fuzz_target!(
    init: set_hook(Box::new(|_| ())),
    |data: &[u8]| seqjepa_fuzz_harness::picture::run(data)
);
