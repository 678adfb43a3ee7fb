//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the client's side.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use ormkit_core::error::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

/// Without channel binding.
pub(crate) const MECHANISM: &str = "SCRAM-SHA-256";

/// Bound to the TLS connection.
pub(crate) const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// A key derivation of more iterations than this is run away from the thread that polls: about 2 ms of work.
const LONG: u32 = 10_000;

/// How the exchange is bound to the channel that it runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// The client cannot bind, or is not to (`n`).
    None,
    /// The client could, and has not seen the server offer it (`y`): a server that did offer it ends the exchange, because
    /// somebody in between has taken the offer away.
    NotOffered,
    /// By the hash of the server's certificate (`p=tls-server-end-point`).
    EndPoint(Vec<u8>),
}

impl Binding {
    /// The mechanism that goes with it.
    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::EndPoint(_) => MECHANISM_PLUS,
            Self::None | Self::NotOffered => MECHANISM,
        }
    }

    /// The beginning of the first message.
    fn header(&self) -> &'static str {
        match self {
            Self::None => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// Header and data, as the last message repeats them.
    fn proof(&self) -> String {
        let data = match self {
            Self::EndPoint(hash) => hash,
            Self::None | Self::NotOffered => &Vec::new(),
        };
        BASE64.encode([self.header().as_bytes(), data].concat())
    }
}

/// What the client has said first: its binding, an empty name (the StartupMessage has it) and a nonce.
pub(crate) struct ClientFirst {
    nonce: String,
    binding: Binding,
}

impl ClientFirst {
    /// With a random nonce of 18 bytes.
    pub(crate) fn new(binding: Binding) -> Result<Self> {
        let mut nonce = [0; 18];
        getrandom::fill(&mut nonce).map_err(|error| {
            Error::new(ErrorKind::Operational(format!("the system has no random bytes: {error}")))
        })?;
        Ok(Self { nonce: BASE64.encode(nonce), binding })
    }

    /// The message to send.
    pub(crate) fn message(&self) -> String {
        format!("{}n=,r={}", self.binding.header(), self.nonce)
    }

    /// Reads the server's first message: salt and iterations for the password, of which `accepted` are fine.
    pub(crate) fn receive(
        self,
        server_first: &[u8],
        password: &str,
        accepted: &RangeInclusive<u32>,
    ) -> Result<Derivation> {
        let text = text(server_first)?;
        let mut attributes = text.split(',');
        let nonce = attribute(attributes.next(), "r=")?;
        let salt = attribute(attributes.next(), "s=")?;
        let iterations = attribute(attributes.next(), "i=")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(bad("the server's nonce does not extend ours"));
        }
        let salt = BASE64.decode(salt).map_err(|_| bad("the salt is not base64"))?;
        let iterations: u32 = iterations.parse().map_err(|_| bad("the iteration count is not a number"))?;
        if salt.is_empty() {
            return Err(bad("the salt is empty"));
        }
        if !accepted.contains(&iterations) {
            return Err(bad(&format!(
                "the server asks for {iterations} iterations, and {} to {} are accepted (scram_min_iterations, \
                 scram_max_iterations)",
                accepted.start(),
                accepted.end()
            )));
        }
        let password = stringprep::saslprep(password).unwrap_or(password.into()).into_owned();
        let client_final = format!("c={},r={nonce}", self.binding.proof());
        let auth_message = format!("n=,r={},{text},{client_final}", self.nonce);
        Ok(Derivation { password, salt, iterations, client_final, auth_message })
    }
}

/// A key derivation that waits to be run.
pub(crate) struct Derivation {
    password: String,
    salt: Vec<u8>,
    iterations: u32,
    client_final: String,
    auth_message: String,
}

impl Derivation {
    /// True when it takes long enough to be run elsewhere.
    pub(crate) fn is_long(&self) -> bool {
        self.iterations > LONG
    }

    /// Derives the keys: `iterations` rounds of HMAC.
    pub(crate) fn run(self) -> ClientFinal {
        let salted = salted_password(self.password.as_bytes(), &self.salt, self.iterations);
        let client_key = hmac(&salted, &[b"Client Key"]);
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let client_signature = hmac(&stored_key, &[self.auth_message.as_bytes()]);
        let server_key = hmac(&salted, &[b"Server Key"]);
        let mut server_signature = keyed(&server_key);
        server_signature.update(self.auth_message.as_bytes());
        let proof = xor(client_key, &client_signature);
        let message = format!("{},p={}", self.client_final, BASE64.encode(proof));
        ClientFinal { message, server_signature }
    }
}

/// The client's proof, and what the server has to prove in turn.
pub(crate) struct ClientFinal {
    message: String,
    server_signature: Hmac<Sha256>,
}

impl ClientFinal {
    /// The message to send.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Checks in constant time that the server knows the password too.
    pub(crate) fn verify(self, server_final: &[u8]) -> Result<()> {
        let text = text(server_final)?;
        if text.starts_with("e=") {
            return Err(bad("the server has ended the exchange with an error"));
        }
        let signature = attribute(text.split(',').next(), "v=")?;
        let signature = BASE64.decode(signature).map_err(|_| bad("the signature is not base64"))?;
        self.server_signature
            .verify_slice(&signature)
            .map_err(|_| bad("the server does not know the password: its signature is wrong"))
    }
}

/// `Hi` of RFC 5802: PBKDF2 with one block.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let keyed = keyed(password);
    let mut first = keyed.clone();
    first.update(salt);
    first.update(&1_u32.to_be_bytes());
    let mut block: [u8; 32] = first.finalize().into_bytes().into();
    let mut result = block;
    for _ in 1..iterations {
        let mut next = keyed.clone();
        next.update(&block);
        block = next.finalize().into_bytes().into();
        result = xor(result, &block);
    }
    result
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn xor(mut left: [u8; 32], right: &[u8; 32]) -> [u8; 32] {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    left
}

fn text(message: &[u8]) -> Result<&str> {
    std::str::from_utf8(message).map_err(|_| bad("a message is not text"))
}

fn attribute<'a>(attribute: Option<&'a str>, name: &str) -> Result<&'a str> {
    attribute.and_then(|text| text.strip_prefix(name)).ok_or_else(|| bad("an attribute is missing"))
}

fn bad(problem: &str) -> Error {
    Error::protocol(format!("SCRAM authentication: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 section 3, with its user name taken out of the messages as PostgreSQL wants it.
    fn client() -> ClientFirst {
        ClientFirst { nonce: "rOprNGfwEbeRWgbNEkqO".into(), binding: Binding::None }
    }

    const ACCEPTED: RangeInclusive<u32> = 4_096..=100_000;

    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// Plays the server for the same messages.
    fn server_final(password: &str, auth_message: &str) -> String {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(password.as_bytes(), &salt, 4096);
        let server_key = hmac(&salted, &[b"Server Key"]);
        format!("v={}", BASE64.encode(hmac(&server_key, &[auth_message.as_bytes()])))
    }

    #[test]
    fn salted_password_is_pbkdf2() {
        // RFC 7677 section 3: the proof and signature below follow from this key.
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(b"pencil", &salt, 4096);
        let auth = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                    c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = hmac(&hmac(&salted, &[b"Server Key"]), &[auth.as_bytes()]);
        assert_eq!(BASE64.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn right_signature_is_accepted_and_wrong_one_refused() {
        let derivation = client().receive(SERVER_FIRST, "pencil", &ACCEPTED).unwrap();
        let auth = derivation.auth_message.clone();
        assert!(!derivation.is_long());
        let right = server_final("pencil", &auth);
        assert!(derivation.run().verify(right.as_bytes()).is_ok());
        let wrong = server_final("pen", &auth);
        let derivation = client().receive(SERVER_FIRST, "pencil", &ACCEPTED).unwrap();
        assert!(derivation.run().verify(wrong.as_bytes()).is_err());
    }

    #[test]
    fn binding_is_said_first_and_repeated_last() {
        for (binding, first, last) in [
            (Binding::None, "n,,n=,r=", "c=biws,"),
            (Binding::NotOffered, "y,,n=,r=", "c=eSws,"),
            (
                Binding::EndPoint(b"hash".into()),
                "p=tls-server-end-point,,n=,r=",
                "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsaGFzaA==,",
            ),
        ] {
            let client = ClientFirst { binding, ..client() };
            assert!(client.message().starts_with(first));
            let derivation = client.receive(SERVER_FIRST, "pencil", &ACCEPTED).unwrap();
            assert!(derivation.run().message().starts_with(last));
        }
    }

    #[test]
    fn strange_first_messages_are_refused() {
        for message in [
            &b""[..],
            b"\xff",
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
            b"r=other,s=W22Z,i=4096",
            b"m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=2000000000",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z",
        ] {
            assert!(client().receive(message, "pencil", &ACCEPTED).is_err(), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn strange_final_messages_are_refused() {
        for message in [&b""[..], b"e=invalid-proof", b"v=", b"v=!!", b"v=AAAA", b"x=1", b"\xff\xff"] {
            let last = client().receive(SERVER_FIRST, "pencil", &ACCEPTED).unwrap().run();
            assert!(last.verify(message).is_err(), "{}", message.escape_ascii());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(message: Vec<u8>, tail in "[a-z=,0-9]{0,40}") {
            // No iterations to speak of: what is read is looked at here, not how long it takes.
            for message in [message, [SERVER_FIRST, tail.as_bytes()].concat(), tail.clone().into_bytes()] {
                let _ = client().receive(&message, "pencil", &(1..=4));
                let last = ClientFinal { message: String::new(), server_signature: keyed(b"key") };
                proptest::prop_assert!(last.verify(&message).is_err());
            }
        }
    }
}
