//! From the first byte to the first ReadyForQuery (PostgreSQL manual, sections 55.2.1 and 55.3).

use md5::{Digest, Md5};
use ormkit_core::error::{Error, ErrorKind, Result};

use super::backend::{Authentication, Message, Negotiation, TxStatus};
use super::buffer::WriteBuffer;
use super::frontend;
use super::scram::{Binding, ClientFinal, ClientFirst, Derivation, MECHANISM_PLUS};
use super::settings::Settings;
use crate::config::auth::{AuthPolicy, ChannelBinding, Method};
use crate::error::database_error;
use crate::tls::client::Proof;

/// Who logs in, and what the server has to prove.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: Option<&'a str>,
    /// Why there is no password, where something is known of it.
    pub(crate) password_note: Option<&'a str>,
    pub(crate) policy: &'a AuthPolicy,
    /// The oldest and the newest minor version of protocol 3.
    pub(crate) minor_versions: (u16, u16),
    pub(crate) channel: Channel<'a>,
}

/// What carries the bytes.
#[derive(Clone, Copy)]
pub(crate) enum Channel<'a> {
    /// A socket of this machine.
    Local,
    /// Anybody on the way may read.
    Clear,
    Tls(&'a Proof),
}

impl Channel<'_> {
    /// True when a password can be told to who is at the other end.
    fn is_trusted(self) -> bool {
        match self {
            Self::Local => true,
            Self::Clear => false,
            Self::Tls(proof) => proof.verified,
        }
    }
}

/// A login in progress.
///
/// The states follow each other in this order. What the server may send is narrower than the protocol allows: once an
/// exchange of SCRAM has begun, only its end (with a server signature that we have checked) leads to AuthenticationOk; and
/// what the policy asks for must have happened by then.
pub(crate) struct Startup<'a> {
    login: Login<'a>,
    state: State,
    /// The server has shown that it knows the password, over this very channel.
    bound: bool,
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
    /// What it has said of its settings.
    pub(crate) settings: Settings,
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
    ///
    /// # Errors
    /// A NUL in a parameter.
    pub(crate) fn begin(
        login: Login<'a>,
        parameters: &[(&str, &str)],
        out: &mut WriteBuffer,
    ) -> Result<Self> {
        frontend::startup(out, login.minor_versions.1, parameters)?;
        Ok(Self { login, state: State::Asked, bound: false, session: Session::default() })
    }

    /// Takes a message; replies are written to `out`.
    pub(crate) fn receive(&mut self, message: Message<'_>, out: &mut WriteBuffer) -> Result<Step> {
        match message {
            Message::Error(fields) => return Err(database_error(&fields)),
            Message::Notice(_) => {}
            Message::Authentication(request) => return self.authenticate(request, out),
            Message::ParameterStatus { name, value } => self.session.settings.note(name, value)?,
            Message::BackendKeyData { pid, key } => {
                self.session.pid = pid;
                self.session.key = key.to_vec();
            }
            Message::NegotiateProtocolVersion(older) if matches!(self.state, State::Asked) => {
                check_version(older, self.login.minor_versions)?;
            }
            Message::ReadyForQuery(TxStatus::Idle) if matches!(self.state, State::Authenticated) => {
                return Ok(Step::Ready(std::mem::take(&mut self.session)));
            }
            other => return Err(Error::protocol(format!("{} while connecting", other.name()))),
        }
        Ok(Step::Continue)
    }

    /// True once the server has let the client in, which it has to prove itself for where that was asked.
    pub(crate) fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Authenticated)
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
            (State::Asked, Authentication::Ok) => {
                self.require(Method::None, "lets the client in without asking for anything")?;
                State::Authenticated
            }
            (State::Proven, Authentication::Ok) => State::Authenticated,
            (State::Asked, Authentication::Md5Password { salt }) => {
                self.require(Method::Md5, "asks for a password by md5")?;
                frontend::password(out, &md5_answer(self.login.user, self.password()?, salt))?;
                State::Proven
            }
            (State::Asked, Authentication::CleartextPassword) => {
                self.require(Method::Password, "asks for a password in clear text")?;
                self.refuse_to_tell()?;
                frontend::password(out, self.password()?)?;
                State::Proven
            }
            (State::Asked, Authentication::Sasl { mechanisms }) => {
                let binding = self.binding(&mechanisms)?;
                self.password()?;
                let mechanism = binding.mechanism();
                self.bound = matches!(binding, Binding::EndPoint(_));
                self.require(Method::Scram, "asks for SCRAM-SHA-256 without channel binding")?;
                let first = ClientFirst::new(binding)?;
                frontend::sasl_initial(out, mechanism, &first.message())?;
                State::ScramFirst(first)
            }
            (State::ScramFirst(first), Authentication::SaslContinue(data)) => {
                let derivation = first.receive(data, self.password()?, &self.login.policy.iterations)?;
                self.state = State::ScramDeriving;
                return Ok(Step::Derive(derivation));
            }
            (State::ScramFinal(last), Authentication::SaslFinal(data)) => {
                last.verify(data)?;
                State::Proven
            }
            (State::Asked, Authentication::Other(code)) => {
                return Err(not_offered(&format!("authentication method {code} (Kerberos, GSSAPI or SSPI)")));
            }
            _ => return Err(Error::protocol("the server's authentication messages come out of order")),
        };
        Ok(Step::Continue)
    }

    /// Refuses what the policy does not allow, before anything is told.
    fn require(&self, method: Method, asked: &str) -> Result<()> {
        let why = if !self.login.policy.allows(method) {
            "require_auth does not allow it"
        } else if self.login.policy.channel_binding == ChannelBinding::Require && !self.bound {
            "channel_binding=require does not allow it"
        } else {
            return Ok(());
        };
        Err(refused(&format!("the server {asked}, and {why}")))
    }

    /// A password in clear text goes to a server that has proven who it is.
    fn refuse_to_tell(&self) -> Result<()> {
        if self.login.policy.cleartext || self.login.channel.is_trusted() {
            return Ok(());
        }
        Err(Error::unsupported(
            "a password in clear text",
            "the server asks for one, and has not proven who it is: use sslmode=verify-full, let the server use \
             scram-sha-256, or say allow_cleartext_password=1",
        ))
    }

    /// How to bind an exchange of SCRAM for which the server offers these mechanisms.
    fn binding(&self, mechanisms: &[&str]) -> Result<Binding> {
        let offers = |wanted: &str| mechanisms.contains(&wanted);
        let wanted = self.login.policy.channel_binding;
        let binding = match self.login.channel {
            Channel::Local | Channel::Clear if offers(MECHANISM_PLUS) => {
                return Err(Error::protocol(
                    "the server offers channel binding, and there is no TLS to bind to",
                ));
            }
            Channel::Tls(Proof { end_point: Some(hash), .. }) if wanted != ChannelBinding::Disable => {
                if offers(MECHANISM_PLUS) {
                    Binding::EndPoint(hash.clone())
                } else {
                    Binding::NotOffered
                }
            }
            _ => Binding::None,
        };
        if offers(binding.mechanism()) {
            return Ok(binding);
        }
        Err(not_offered(&format!("one of the mechanisms {}", mechanisms.join(", "))))
    }

    fn password(&self) -> Result<&'a str> {
        self.login.password.ok_or_else(|| {
            let note = self.login.password_note.map(|note| format!(" ({note})")).unwrap_or_default();
            refused(&format!(
                "the server asks for the password of user \"{}\", and none is given{note}",
                self.login.user
            ))
        })
    }
}

/// The server may speak an older version of protocol 3 than it was asked for, if that is not too old; options, which it may
/// decline, were not asked for.
fn check_version(older: Negotiation, (least, most): (u16, u16)) -> Result<()> {
    let minor = older.version.checked_sub(frontend::VERSION);
    match minor {
        Some(minor) if older.options == 0 && minor < u32::from(most) => {
            if minor >= u32::from(least) {
                return Ok(());
            }
            Err(refused(&format!(
                "the server speaks protocol 3.{minor}, and min_protocol_version is 3.{least}"
            )))
        }
        _ => {
            Err(Error::protocol("the server negotiates a version of the protocol that it was not asked for"))
        }
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Operational(why.to_owned()))
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

    fn login<'a>(policy: &'a AuthPolicy, channel: Channel<'a>) -> Login<'a> {
        Login { user: "u", password: Some("p"), password_note: None, policy, minor_versions: (0, 0), channel }
    }

    fn begin(out: &mut WriteBuffer) -> Startup<'static> {
        let policy = Box::leak(Box::new(AuthPolicy::default()));
        Startup::begin(login(policy, Channel::Clear), &[("user", "u")], out).unwrap()
    }

    fn policy(query: &str) -> AuthPolicy {
        let text = format!("postgresql://u:p@h/d?{query}");
        crate::Config::parse_with(&text, &|_| None).unwrap().auth
    }

    const OFFERS: [&[u8]; 6] = [
        &[0; 4],
        b"\0\0\0\x03",
        b"\0\0\0\x05salt",
        b"\0\0\0\x0aSCRAM-SHA-256\0\0",
        b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
        b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0",
    ];

    /// Which of [`OFFERS`] are taken up.
    fn taken(query: &str, channel: Channel<'_>) -> Vec<usize> {
        let policy = policy(query);
        let taken = |offer: &[u8]| {
            let mut out = WriteBuffer::default();
            let mut startup = Startup::begin(login(&policy, channel), &[("user", "u")], &mut out).unwrap();
            let before = out.pending().len();
            let took = receive(&mut startup, b'R', offer, &mut out).is_ok();
            assert!(took || out.pending().len() == before, "something was told");
            took
        };
        (0..OFFERS.len()).filter(|index| taken(OFFERS[*index])).collect()
    }

    #[test]
    fn policies_fail_closed() {
        let proof = Proof { verified: true, end_point: Some(b"hash".to_vec()) };
        let no_hash = Proof { verified: true, end_point: None };
        let unknown = Proof { verified: false, ..proof.clone() };
        let (tls, odd, unknown) = (Channel::Tls(&proof), Channel::Tls(&no_hash), Channel::Tls(&unknown));
        assert_eq!(taken("", Channel::Clear), [0, 2, 3]);
        assert_eq!(taken("", Channel::Local), [0, 1, 2, 3]);
        assert_eq!(taken("", unknown), [0, 2, 3, 4, 5]);
        assert_eq!(taken("", tls), [0, 1, 2, 3, 4, 5]);
        assert_eq!(taken("", odd), [0, 1, 2, 3, 4]);
        assert_eq!(taken("allow_cleartext_password=1", Channel::Clear), [0, 1, 2, 3]);
        assert_eq!(taken("channel_binding=require", tls), [4, 5]);
        assert_eq!(taken("channel_binding=require", odd), [0; 0]);
        assert_eq!(taken("channel_binding=require", Channel::Clear), [0; 0]);
        assert_eq!(taken("channel_binding=disable", tls), [0, 1, 2, 3, 4]);
        assert_eq!(taken("require_auth=scram-sha-256", tls), [3, 4, 5]);
        assert_eq!(taken("require_auth=!none,!password,!md5", tls), [3, 4, 5]);
        assert_eq!(taken("require_auth=md5,none", tls), [0, 2]);
        assert_eq!(taken("require_auth=gss", tls), [0; 0]);
    }

    #[test]
    fn hidden_offer_of_channel_binding_is_told() {
        let proof = Proof { verified: true, end_point: Some(b"hash".to_vec()) };
        let policy = AuthPolicy::default();
        let mut out = WriteBuffer::default();
        let mut startup =
            Startup::begin(login(&policy, Channel::Tls(&proof)), &[("user", "u")], &mut out).unwrap();
        receive(&mut startup, b'R', OFFERS[3], &mut out).unwrap();
        assert!(memchr::memmem::find(out.pending(), b"y,,n=,r=").is_some());
    }

    #[test]
    fn older_protocol_is_taken_where_it_may_be() {
        for (versions, server, taken) in [
            ((0, 2), b"\0\x03\0\0\0\0\0\0", true),
            ((0, 2), b"\0\x03\0\x01\0\0\0\0", true),
            ((2, 2), b"\0\x03\0\0\0\0\0\0", false),
            ((0, 2), b"\0\x03\0\x02\0\0\0\0", false),
            ((0, 2), b"\0\x02\0\0\0\0\0\0", false),
            ((0, 0), b"\0\x03\0\0\0\0\0\0", false),
            ((0, 2), b"\0\x03\0\0\0\0\0\x01", false),
        ] {
            let policy = AuthPolicy::default();
            let mut out = WriteBuffer::default();
            let login = Login { minor_versions: versions, ..login(&policy, Channel::Clear) };
            let mut startup = Startup::begin(login, &[("user", "u")], &mut out).unwrap();
            assert_eq!(
                receive(&mut startup, b'v', server, &mut out).is_ok(),
                taken,
                "{}",
                server.escape_ascii()
            );
        }
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
