#![no_main]

use ormkit_core::sql::{Dialect, placeholder, scan};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (sql, names) = placeholder::named(text, &Dialect::SQLITE);
    assert_eq!(sql.matches('?').count(), text.matches('?').count() + names.len());
    let _ = placeholder::named(text, &Dialect::POSTGRES);
    let _ = scan::first_words(text).count();
});
