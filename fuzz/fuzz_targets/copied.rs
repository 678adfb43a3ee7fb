#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ormkit_pg::fuzzing::copied(input));
