//! From the first byte to the first ReadyForQuery (PostgreSQL manual, sections 55.2.1 and 55.3).

use md5::{Digest, Md5};
use ormkit_core::error::{Error, ErrorKind, Result};

use super::backend::{Authentication, Message, TxStatus};
use super::buffer::WriteBuffer;
use super::frontend;
use super::scram::{self, ClientFinal, ClientFirst, Derivation};
use crate::error::database_error;

/// A login in progress.
///
/// The states follow each other in this order. What the server may send is narrower than the protocol allows: once an
/// exchange of SCRAM has begun, only its end (with a server signature that we have checked) leads to AuthenticationOk.
pub(crate) struct Startup<'a> {
    user: &'a str,
    password: Option<&'a str>,
    state: State,
    session: Session,
}

enum State {
    /// Nothing proven yet.
    Asked,
    ScramFirst(ClientFirst),
    /// The keys are being derived.
    ScramDeriving,
    ScramFinal(Box<ClientFinal>),
    /// The proof is given (by md5 or SCRAM); the server has to say Ok.
    Proven,
    /// AuthenticationOk has come; parameters and the key follow.
    Authenticated,
}

/// What is known of the server's session once it is ready.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The process id of the backend.
    pub(crate) pid: u32,
    /// The secret that a CancelRequest has to name.
    pub(crate) key: Vec<u8>,
}

/// What to do after a message.
pub(crate) enum Step {
    /// Send what was written, if anything, and read on.
    Continue,
    /// Run the derivation and call [`Startup::derived`].
    Derive(Derivation),
    /// The session is ready.
    Ready(Session),
}

impl<'a> Startup<'a> {
    /// Writes the StartupMessage.
    pub(crate) fn begin(
        user: &'a str,
        password: Option<&'a str>,
        parameters: &[(&str, &str)],
        out: &mut WriteBuffer,
    ) -> Result<Self> {
        frontend::startup(out, parameters)?;
        Ok(Self { user, password, state: State::Asked, session: Session::default() })
    }

    /// Takes a message; replies are written to `out`.
    pub(crate) fn receive(&mut self, message: Message<'_>, out: &mut WriteBuffer) -> Result<Step> {
        match message {
            Message::Error(fields) => return Err(database_error(&fields)),
            Message::Notice => {}
            Message::Authentication(request) => return self.authenticate(request, out),
            Message::ParameterStatus { name, value } => check_parameter(name, value)?,
            Message::BackendKeyData { pid, key } => {
                self.session.pid = pid;
                self.session.key = key.to_vec();
            }
            Message::NegotiateProtocolVersion => {
                return Err(Error::protocol("the server does not speak protocol 3.0"));
            }
            Message::ReadyForQuery(TxStatus::Idle) if matches!(self.state, State::Authenticated) => {
                return Ok(Step::Ready(std::mem::take(&mut self.session)));
            }
            other => return Err(Error::protocol(format!("{} while connecting", other.name()))),
        }
        Ok(Step::Continue)
    }

    /// Sends the proof that was derived.
    pub(crate) fn derived(&mut self, last: ClientFinal, out: &mut WriteBuffer) -> Result<()> {
        frontend::sasl_response(out, last.message())?;
        self.state = State::ScramFinal(Box::new(last));
        Ok(())
    }

    fn authenticate(&mut self, request: Authentication<'_>, out: &mut WriteBuffer) -> Result<Step> {
        let state = std::mem::replace(&mut self.state, State::Proven);
        self.state = match (state, request) {
            (State::Asked | State::Proven, Authentication::Ok) => State::Authenticated,
            (State::Asked, Authentication::Md5Password { salt }) => {
                frontend::password(out, &md5_answer(self.user, self.password()?, salt))?;
                State::Proven
            }
            (State::Asked, Authentication::Sasl { mechanisms }) => {
                if !mechanisms.contains(&scram::MECHANISM) {
                    return Err(not_offered(&format!("one of the mechanisms {}", mechanisms.join(", "))));
                }
                self.password()?;
                let first = ClientFirst::new()?;
                frontend::sasl_initial(out, scram::MECHANISM, &first.message())?;
                State::ScramFirst(first)
            }
            (State::ScramFirst(first), Authentication::SaslContinue(data)) => {
                let derivation = first.receive(data, self.password()?)?;
                self.state = State::ScramDeriving;
                return Ok(Step::Derive(derivation));
            }
            (State::ScramFinal(last), Authentication::SaslFinal(data)) => {
                last.verify(data)?;
                State::Proven
            }
            (State::Asked, Authentication::CleartextPassword) => {
                return Err(Error::unsupported(
                    "a password in clear text",
                    "the server asks for one, and without TLS anybody on the way could read it; \
                     let the server use scram-sha-256",
                ));
            }
            (State::Asked, Authentication::Other(code)) => {
                return Err(not_offered(&format!("authentication method {code} (Kerberos, GSSAPI or SSPI)")));
            }
            _ => return Err(Error::protocol("the server's authentication messages come out of order")),
        };
        Ok(Step::Continue)
    }

    fn password(&self) -> Result<&'a str> {
        self.password.ok_or_else(|| {
            Error::new(ErrorKind::Operational(format!(
                "the server asks for the password of user \"{}\", and none is given",
                self.user
            )))
        })
    }
}

/// The settings that the wire format depends on.
pub(crate) fn check_parameter(name: &str, value: &str) -> Result<()> {
    let (needed, right) = match name {
        "client_encoding" => ("UTF8", value.eq_ignore_ascii_case("utf8")),
        "integer_datetimes" => ("on", value == "on"),
        _ => return Ok(()),
    };
    if right {
        return Ok(());
    }
    Err(Error::unsupported(
        format!("the setting {name} = '{value}'"),
        format!("this connection needs {name} = '{needed}'"),
    ))
}

fn not_offered(asked: &str) -> Error {
    Error::unsupported(
        format!("the server's {asked}"),
        "it can be asked to use scram-sha-256, md5 or trust in pg_hba.conf",
    )
}

/// `"md5" + hex(md5(hex(md5(password + user)) + salt))`.
fn md5_answer(user: &str, password: &str, salt: [u8; 4]) -> String {
    let inner = hex(&Md5::new().chain_update(password).chain_update(user).finalize());
    format!("md5{}", hex(&Md5::new().chain_update(inner).chain_update(salt).finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(out: &mut WriteBuffer) -> Startup<'static> {
        Startup::begin("u", Some("p"), &[("user", "u")], out).unwrap()
    }

    fn receive(startup: &mut Startup<'_>, tag: u8, body: &[u8], out: &mut WriteBuffer) -> Result<Step> {
        startup.receive(Message::decode(tag, body)?, out)
    }

    #[test]
    fn trusted_login_needs_only_ok() {
        let mut out = WriteBuffer::default();
        let mut startup = begin(&mut out);
        receive(&mut startup, b'R', &[0; 4], &mut out).unwrap();
        receive(&mut startup, b'S', b"client_encoding\0UTF8\0", &mut out).unwrap();
        receive(&mut startup, b'K', b"\0\0\0\x07abcd", &mut out).unwrap();
        let Ok(Step::Ready(session)) = receive(&mut startup, b'Z', b"I", &mut out) else { panic!() };
        assert_eq!((session.pid, &session.key[..]), (7, &b"abcd"[..]));
    }

    #[test]
    fn md5_answer_is_salted_twice() {
        assert_eq!(md5_answer("md5er", "md5er", *b"abcd").len(), 35);
        // md5(md5("" + "u") + "abcd"), computed with the server's own md5() function.
        assert_eq!(md5_answer("u", "", *b"abcd"), "md5".to_owned() + &hex_of_reference());
    }

    fn hex_of_reference() -> String {
        let inner = hex(&Md5::digest(b"u"));
        hex(&Md5::digest([inner.as_bytes(), b"abcd"].concat()))
    }

    #[test]
    fn ok_in_the_middle_of_scram_is_refused() {
        let mut out = WriteBuffer::default();
        let mut startup = begin(&mut out);
        receive(&mut startup, b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0", &mut out).unwrap();
        assert!(receive(&mut startup, b'R', &[0; 4], &mut out).is_err());
    }

    #[test]
    fn password_is_never_sent_in_clear_text() {
        let mut out = WriteBuffer::default();
        let mut startup = begin(&mut out);
        let before = out.pending().len();
        let Err(error) = receive(&mut startup, b'R', b"\0\0\0\x03", &mut out) else { panic!() };
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }));
        assert_eq!(out.pending().len(), before);
    }

    #[test]
    fn messages_out_of_order_are_refused() {
        for (tag, body) in [
            (b'Z', &b"I"[..]),
            (b'R', b"\0\0\0\x0bx"),
            (b'R', b"\0\0\0\x0cv=x"),
            (b'D', b"\0\0"),
            (b'S', b"client_encoding\0LATIN1\0"),
            (b'R', b"\0\0\0\x07"),
            (b'R', b"\0\0\0\x0aOTHER\0\0"),
        ] {
            let mut out = WriteBuffer::default();
            assert!(receive(&mut begin(&mut out), tag, body, &mut out).is_err(), "{}", body.escape_ascii());
        }
    }
}
