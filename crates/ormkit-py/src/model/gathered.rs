//! The declarations of a class: its own, and those of its mixins and of the mapped class that it extends.
use super::collect::{Declared, declarations, names_of, namespace_of};
use super::info::{ColumnInfo, RelationshipInfo};
use super::joining;
use super::late_columns;
use super::making::Making;
use super::plan::{Column, Relation};
use super::properties;
use super::registry;
use crate::fields::{ClientDefault, DeclaredAttr};
use crate::instance::{self, Initial};
use ormkit_core::model::{FieldId, RelationId};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// What is found in the body and in the classes that it extends.
pub(super) struct Gathered<'a, 'py> {
    making: &'a Bound<'py, Making>,
    body: &'a Bound<'py, PyDict>,
    pub(super) declared: Vec<Declared<'py>>,
    /// Of the mapped class that is extended.
    pub(super) columns: Vec<Column>,
    pub(super) relations: Vec<Relation>,
    /// Names that somebody before has taken.
    seen: Vec<String>,
    /// The key of the class that is extended is among the columns.
    has_key: bool,
}

impl<'a, 'py> Gathered<'a, 'py> {
    pub(super) fn new(
        making: &'a Bound<'py, Making>,
        body: &'a Bound<'py, PyDict>,
        own: Vec<Declared<'py>>,
    ) -> PyResult<Self> {
        let mut seen: Vec<String> = body.keys().iter().filter_map(|key| key.extract().ok()).collect();
        seen.extend(own.iter().map(|declared| declared.name.clone()));
        Ok(Self { making, body, declared: own, columns: vec![], relations: vec![], seen, has_key: false })
    }

    /// Takes what an unmapped ancestor declares for each class anew, also below a mapped one.
    pub(super) fn take_cascading(&mut self, ancestor: &Bound<'py, PyType>) -> PyResult<()> {
        let namespace = namespace_of(ancestor)?;
        for (key, value) in namespace.copy()? {
            if value.cast::<DeclaredAttr>().is_ok_and(|attr| attr.get().cascading) {
                continue;
            }
            if key.extract::<&str>()? != "__module__" {
                namespace.del_item(key)?;
            }
        }
        match namespace.len() > 1 {
            true => self.take_declared(ancestor, &namespace),
            false => Ok(()),
        }
    }

    /// Takes over what an ancestor declares and nobody before it has redefined.
    pub(super) fn take(&mut self, ancestor: &Bound<'py, PyType>) -> PyResult<()> {
        let py = ancestor.py();
        let namespace = namespace_of(ancestor)?;
        if instance::class_table(ancestor).is_ok() {
            self.inherit_mapped(py, ancestor)?;
        } else if !ancestor.is(instance::model(py))
            && ancestor.getattr("__module__")?.extract::<String>()? != "builtins"
        {
            self.take_declared(ancestor, &namespace)?;
        }
        self.seen.extend(namespace.keys().iter().filter_map(|key| key.extract::<String>().ok()));
        Ok(())
    }

    fn take_declared(
        &mut self,
        ancestor: &Bound<'py, PyType>,
        namespace: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        for (key, value) in namespace.copy()? {
            // what nobody asks for is not called
            if value.is_instance_of::<DeclaredAttr>() && self.has(key.extract()?) {
                namespace.del_item(key)?;
            }
        }
        let answered: Vec<String> = namespace
            .iter()
            .filter(|(_, value)| value.is_instance_of::<DeclaredAttr>())
            .map(|(key, _)| key.extract())
            .collect::<PyResult<_>>()?;
        Making::expand(self.making, namespace)?;
        let names = names_of(namespace, None)?;
        for declared in declarations(ancestor.name()?.to_str()?, namespace, &names)? {
            if !self.has(&declared.name) {
                self.seen.push(declared.name.clone());
                self.declared.push(declared);
            }
        }
        for name in answered {
            let is_option = name.starts_with("__") && name.ends_with("__");
            if !is_option && !self.has(&name) {
                // a property or the like: the class's own
                self.body.set_item(&name, namespace.get_item(&name)?)?;
                self.seen.push(name);
            }
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.seen.iter().any(|seen| seen == name)
    }

    fn inherit_mapped(&mut self, py: Python<'_>, ancestor: &Bound<'_, PyType>) -> PyResult<()> {
        let table = instance::class_table(ancestor)?;
        let class = registry::mapped_class(py, table.model);
        let is_kin = registry::is_kin(py, table.model) && !self.has_key;
        self.has_key |= is_kin;
        let (fields, relations) =
            registry::with_def(table.model, |def| (def.fields.clone(), def.relations.clone()));
        let sides = table.slots.iter().zip(&class.conversions).zip(&class.renewals);
        for (at, (field, ((slot, conversion), renewal))) in (0..).zip(fields.into_iter().zip(sides)) {
            // The key of a table of its own is declared beside the key that it holds.
            if self.has(&field.name) && !(field.primary_key && is_kin) {
                continue;
            }
            let default = match &slot.initial {
                Initial::None => ClientDefault::None,
                Initial::Value(value) => ClientDefault::Value(value.bind(py).unbind()),
                Initial::Callable(callable) => ClientDefault::Callable(callable.bind(py).unbind()),
            };
            let conversion = conversion.clone();
            let property = properties::said(py, table.model, FieldId(at));
            let notes = ColumnInfo::notes_of(ancestor, &field.name)?;
            self.seen.push(field.name.clone());
            let autoincrement = Some(field.autoincrement);
            self.columns.push(Column {
                field,
                default,
                renewal: renewal.as_ref().map(|renewal| renewal.clone_ref(py)),
                conversion,
                checks: Vec::new(),
                autoincrement,
                sort_order: 0,
                inherited: true,
                property,
                notes,
            });
        }
        for (at, def) in relations.into_iter().enumerate() {
            if !self.has(&def.name) {
                self.seen.push(def.name.clone());
                let name = def.name.clone();
                self.relations.push(Relation {
                    def,
                    target: None,
                    secondary: None,
                    joins: joining::said(py, table.model, RelationId(at as u16)),
                    late: late_columns::said(py, table.model, RelationId(at as u16)),
                    cascade: String::new(),
                    notes: RelationshipInfo::notes_of(ancestor, &name)?,
                });
            }
        }
        Ok(())
    }
}
