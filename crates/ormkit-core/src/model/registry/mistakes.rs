//! What is wrong with declarations, and who is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::ModelId;
use super::{Parts, Registry};

/// Mistakes in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    found: Vec<(ModelId, String)>,
    /// Those that the caller had found.
    said: Vec<(ModelId, String)>,
}

impl Mistakes {
    /// Those of the caller; of models that do not count they are left out.
    pub(super) fn said(said: &[(ModelId, String)], counts: impl Fn(ModelId) -> bool) -> Self {
        let found = said.iter().filter(|(id, _)| counts(*id)).cloned().collect();
        Self { found, said: said.to_vec() }
    }

    pub(super) fn are_said(&self, said: &[(ModelId, String)]) -> bool {
        self.said == said
    }

    pub(super) fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// Adds those of a model, unless what is wrong with an attribute is known.
    pub(super) fn extend(&mut self, id: ModelId, texts: Vec<String>) {
        let place = |text: &str| text.split_once(": ").map(|(place, _)| place.to_owned());
        for text in texts {
            if !self.said.iter().any(|(of, said)| *of == id && place(said) == place(&text)) {
                self.push(id, text);
            }
        }
    }

    pub(super) fn push(&mut self, id: ModelId, text: String) {
        self.found.push((id, text));
    }

    /// All of them.
    pub(super) fn text(&self) -> Option<String> {
        let texts: Vec<&str> = self.found.iter().map(|(_, text)| text.as_str()).collect();
        self.any().then(|| texts.join("\n"))
    }

    /// Model by model what stops its use: its own mistakes, and those of models to which its relations or its family lead.
    /// Models with mistakes lose their relations, which are not all there.
    pub(super) fn spread(&self, registry: &Registry, parts: &mut [Parts]) -> Vec<Option<Arc<str>>> {
        let mut stops = vec![None; parts.len()];
        if !self.any() {
            return stops;
        }
        let leads_here = leads_here(registry, parts);
        let mut met = vec![BTreeSet::new(); parts.len()];
        for (at, (id, _)) in self.found.iter().enumerate() {
            let mut next = vec![id.index()];
            while let Some(model) = next.pop() {
                if met[model].insert(at) {
                    next.extend(&leads_here[model]);
                }
            }
        }
        for (id, _) in &self.found {
            parts[id.index()].relations.clear();
        }
        let is_bare: Vec<bool> = parts.iter().map(|parts| parts.relations.is_empty()).collect();
        for relation in parts.iter_mut().flat_map(|parts| &mut parts.relations) {
            relation.back = relation.back.filter(|_| !is_bare[relation.target.index()]);
        }
        for (stop, met) in stops.iter_mut().zip(met).filter(|(_, met)| !met.is_empty()) {
            let texts: Vec<&str> = met.into_iter().map(|at| self.found[at].1.as_str()).collect();
            *stop = Some(texts.join("\n").into());
        }
        stops
    }
}

/// Model by model those from which a relation or a family leads to it.
fn leads_here(registry: &Registry, parts: &[Parts]) -> Vec<Vec<usize>> {
    let mut from = vec![Vec::new(); parts.len()];
    for (index, own) in parts.iter().enumerate() {
        for relation in &own.relations {
            from[relation.target.index()].push(index);
            if let Some(junction) = &relation.junction {
                from[junction.model.index()].push(index);
            }
        }
        let id = ModelId(index as u32);
        let kin = [registry.families.parent(id), registry.families.owner(id)];
        for other in kin.into_iter().flatten() {
            // Rows of both are read together.
            from[index].push(other.index());
            from[other.index()].push(index);
        }
    }
    // What has no type yet waits for that of what it refers to.
    for (id, _) in &registry.untyped {
        for reference in &parts[id.index()].references {
            from[reference.target.index()].push(id.index());
        }
    }
    from
}
