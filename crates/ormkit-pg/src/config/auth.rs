//! What the parameters say of authentication.

use std::ops::RangeInclusive;

use ormkit_core::error::{Error, Result};

use super::parameters::Parameters;

/// How the client may prove who it is, and what the server has to prove on the way.
#[derive(Clone, Debug)]
pub(crate) struct AuthPolicy {
    pub(crate) channel_binding: ChannelBinding,
    /// The methods that the server may ask for; None: all.
    allowed: Option<Vec<Method>>,
    /// Send the password as it is although the server has proven nothing.
    pub(crate) cleartext: bool,
    /// Rounds of key derivation that the server may ask for.
    pub(crate) iterations: RangeInclusive<u32>,
}

/// Whether the exchange of SCRAM is bound to the TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// A way to authenticate, by the names of `require_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Password,
    Md5,
    Scram,
    /// The server asks for nothing.
    None,
    /// Methods that are not here: they may be named, and are never accepted.
    Other,
}

const METHODS: [(&str, Method); 7] = [
    ("password", Method::Password),
    ("md5", Method::Md5),
    ("scram-sha-256", Method::Scram),
    ("none", Method::None),
    ("gss", Method::Other),
    ("sspi", Method::Other),
    ("oauth", Method::Other),
];

/// Fewer iterations would let whoever records a login guess passwords quickly; more would let a server stall us.
const ITERATIONS: RangeInclusive<u32> = 4_096..=100_000;

impl Default for AuthPolicy {
    fn default() -> Self {
        Self {
            channel_binding: ChannelBinding::Prefer,
            allowed: None,
            cleartext: false,
            iterations: ITERATIONS,
        }
    }
}

impl AuthPolicy {
    pub(super) fn read(parameters: &Parameters<'_>) -> Result<Self> {
        let bindings = [
            ("disable", ChannelBinding::Disable),
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ];
        let least = parameters.number("scram_min_iterations")?.unwrap_or(*ITERATIONS.start());
        let most = parameters.number("scram_max_iterations")?.unwrap_or(*ITERATIONS.end());
        if least == 0 || least > most {
            return Err(Error::interface(
                "scram_min_iterations is at least 1 and not above scram_max_iterations",
            ));
        }
        Ok(Self {
            channel_binding: parameters.choose("channel_binding", &bindings, ChannelBinding::Prefer)?,
            allowed: parameters.find("require_auth").map(|list| methods(&list)).transpose()?,
            cleartext: parameters.switch("allow_cleartext_password", false)?,
            iterations: least..=most,
        })
    }

    /// True when the server may ask for this.
    pub(crate) fn allows(&self, method: Method) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&method))
    }
}

/// The methods of a list; where each has a `!` in front, all but these.
fn methods(list: &str) -> Result<Vec<Method>> {
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    let negated = names.iter().filter(|name| name.starts_with('!')).count();
    if negated != 0 && negated != names.len() {
        return Err(Error::interface("require_auth names methods, or methods with `!`, and not both"));
    }
    let mut named = Vec::new();
    for name in names {
        let name = name.trim_start_matches('!');
        let (_, method) = METHODS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let known: Vec<&str> = METHODS.iter().map(|(known, _)| *known).collect();
            Error::interface(format!("require_auth is a list of {}", known.join(", ")))
        })?;
        if *method != Method::Other && named.contains(method) {
            return Err(Error::interface("require_auth names a method twice"));
        }
        named.push(*method);
    }
    let all = [Method::Password, Method::Md5, Method::Scram, Method::None];
    Ok(match negated {
        0 => named,
        _ => all.into_iter().filter(|method| !named.contains(method)).collect(),
    })
}
