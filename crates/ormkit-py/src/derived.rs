//! Attributes that are made of others: `validates`, `hybrid_property`, `association_proxy`, `synonym`.
mod hybrid;
mod members;
mod proxy;
mod second_name;
mod validator;

pub(crate) use hybrid::{HybridInplace, HybridMethod, HybridProperty, Updates};
pub(crate) use members::ProxyMembers;
pub(crate) use proxy::{AssociationProxy, ProxiedAttribute, association_proxy};
pub(crate) use second_name::synonym;
pub(crate) use validator::{Validates, Validator, validates};
