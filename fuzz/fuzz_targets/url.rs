#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| ormkit_pg::fuzzing::url(text));
