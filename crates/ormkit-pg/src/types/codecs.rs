//! Codecs of the host's for types by name. Each database resolves the names by itself: to built-in types at once, to
//! others when it is asked what they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ormkit_core::value::CustomType;
use rustc_hash::FxHashMap;

use super::catalog;
use super::named::PgType;

/// The schema of the built-in types.
const SYSTEM: &str = "pg_catalog";

/// The built-in types that drivers know without asking, by their names in the catalog.
const BUILTIN: [(&str, u32); 31] = [
    ("bool", 16),
    ("bytea", 17),
    ("char", 18),
    ("name", 19),
    ("int8", 20),
    ("int2", 21),
    ("int4", 23),
    ("text", 25),
    ("oid", 26),
    ("xid", 28),
    ("cid", 29),
    ("json", 114),
    ("xml", 142),
    ("cidr", 650),
    ("float4", 700),
    ("float8", 701),
    ("inet", 869),
    ("bpchar", 1042),
    ("varchar", 1043),
    ("date", 1082),
    ("time", 1083),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("timetz", 1266),
    ("numeric", 1700),
    ("refcursor", 1790),
    ("uuid", 2950),
    ("jsonb", 3802),
    ("jsonpath", 4072),
    ("xid8", 5069),
];

/// What SQL calls some of them beside.
const ALIASES: [(&str, &str); 14] = [
    ("boolean", "bool"),
    ("smallint", "int2"),
    ("integer", "int4"),
    ("int", "int4"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("decimal", "numeric"),
    ("character", "bpchar"),
    ("character varying", "varchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
];

/// The name of a type: in every schema, or in one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeName {
    schema: Option<Box<str>>,
    name: Box<str>,
}

impl TypeName {
    /// A name as `pg_type.typname` has it, or SQL's name of a built-in type.
    pub fn new(schema: Option<&str>, name: &str) -> Self {
        let alias =
            ALIASES.iter().find(|(alias, _)| *alias == name && schema.is_none_or(|schema| schema == SYSTEM));
        let name = alias.map_or(name, |(_, name)| *name);
        Self { schema: schema.map(Into::into), name: name.into() }
    }
}

impl std::fmt::Display for TypeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The codecs of any number of drivers, which notice changes with their next statement.
#[derive(Debug, Default)]
pub struct Codecs {
    registered: RwLock<Arc<Registered>>,
    version: AtomicU64,
}

impl Codecs {
    /// Takes a codec for a type, in place of one that it has.
    pub fn register(&self, name: TypeName, codec: CustomType) {
        self.change(|codecs| drop(codecs.insert(name, codec)));
    }

    /// Takes a codec away. False where there is none.
    pub fn unregister(&self, name: &TypeName) -> bool {
        let mut found = false;
        self.change(|codecs| found = codecs.remove(name).is_some());
        found
    }

    /// True without codecs.
    pub fn is_empty(&self) -> bool {
        self.registered().codecs.is_empty()
    }

    fn change(&self, change: impl FnOnce(&mut FxHashMap<TypeName, CustomType>)) {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        let mut codecs = registered.codecs.clone();
        change(&mut codecs);
        let version = registered.version + 1;
        *registered = Arc::new(Registered { codecs, version });
        self.version.store(version, Ordering::Relaxed);
    }

    /// Changes with the codecs.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// The codecs at this moment.
    pub(crate) fn registered(&self) -> Arc<Registered> {
        Arc::clone(&self.registered.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The codecs of one moment.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    codecs: FxHashMap<TypeName, CustomType>,
    version: u64,
}

impl Registered {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The codec of a type: one for its schema before one for all.
    pub(crate) fn find(&self, schema: &str, name: &str) -> Option<&CustomType> {
        if self.codecs.is_empty() {
            return None;
        }
        let find = |schema: Option<&str>| {
            self.codecs.get(&TypeName { schema: schema.map(Into::into), name: name.into() })
        };
        find(Some(schema)).or_else(|| find(None))
    }

    /// The built-in types that have a codec, and their arrays.
    pub(crate) fn builtins(&self) -> FxHashMap<u32, Arc<PgType>> {
        let mut types = FxHashMap::default();
        for (name, oid) in BUILTIN {
            let Some(codec) = self.find(SYSTEM, name) else { continue };
            let made = Arc::new(PgType::custom_builtin(oid, codec));
            let array = catalog::array_of(oid);
            if array != 0 {
                let of_it = PgType::custom_array(array, &made);
                types.insert(array, Arc::new(of_it));
            }
            types.insert(oid, made);
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use ormkit_core::error::Result;
    use ormkit_core::value::{CustomCodec, CustomFormat, ValueRef};

    use super::*;
    use crate::types::Codec;
    use crate::types::named::lookup::Catalog;

    struct Fixed;

    impl CustomCodec for Fixed {
        fn encode(&self, _value: ValueRef<'_>) -> Result<Vec<u8>> {
            Ok(b"fixed".to_vec())
        }
    }

    fn codec(name: &str, format: CustomFormat) -> CustomType {
        CustomType { name: name.into(), format, codec: Arc::new(Fixed), escaped: false }
    }

    #[test]
    fn names_are_those_of_the_catalog() {
        for (name, oid) in BUILTIN {
            assert!(Codec::of(oid).is_binary(), "{name}");
        }
        assert_eq!(TypeName::new(None, "integer"), TypeName::new(None, "int4"));
        assert_ne!(TypeName::new(Some("mine"), "integer"), TypeName::new(Some("mine"), "int4"));
        assert_eq!(TypeName::new(Some("mine"), "t").to_string(), "mine.t");
    }

    #[test]
    fn codec_of_a_schema_comes_before_that_of_all() {
        let codecs = Codecs::default();
        codecs.register(TypeName::new(None, "t"), codec("any", CustomFormat::Text));
        codecs.register(TypeName::new(Some("mine"), "t"), codec("mine", CustomFormat::Text));
        let found = |schema: &str| codecs.registered().find(schema, "t").map(|found| found.name.to_string());
        assert_eq!((found("mine").as_deref(), found("other").as_deref()), (Some("mine"), Some("any")));
        assert!(
            codecs.unregister(&TypeName::new(None, "t")) && !codecs.unregister(&TypeName::new(None, "t"))
        );
        assert_eq!(found("other"), None);
    }

    #[test]
    fn catalog_knows_the_codecs_of_its_last_refresh() {
        let codecs = Arc::new(Codecs::default());
        let catalog = Catalog::new(Arc::clone(&codecs));
        codecs.register(TypeName::new(None, "jsonb"), codec("jsonb", CustomFormat::Text));
        assert!(catalog.find(3802).is_none());
        catalog.refresh();
        let (jsonb, array) = (catalog.find(3802).unwrap(), catalog.find(3807).unwrap());
        assert!(jsonb.is_binary && array.is_binary, "its text stands in its binary form");
        assert!(matches!(jsonb.decode(b"\x01{}").unwrap(), ValueRef::Custom(json) if json.bytes() == b"{}"));
        assert!(jsonb.decode(b"\x02{}").is_err() && jsonb.decode(b"").is_err());
        let mut out = Vec::new();
        assert_eq!(jsonb.bind(ValueRef::Int(1), &mut out).unwrap(), 1);
        assert_eq!(out, b"\0\0\0\x06\x01fixed");
        codecs.unregister(&TypeName::new(None, "jsonb"));
        catalog.refresh();
        assert!(catalog.find(3802).is_none() && catalog.find(3807).is_none());
    }
}
