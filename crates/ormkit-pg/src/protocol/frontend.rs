//! Messages to the server (PostgreSQL manual, section 55.7).

use ormkit_core::error::{Error, Result};

use super::buffer::WriteBuffer;
use crate::narrow::to_u32;
use crate::statement_cache::Name;

/// Protocol 3.0; minor versions are added.
pub(crate) const VERSION: u32 = 196_608;
/// SSLRequest: whether the server has TLS.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The code that stands in the place of a version in a CancelRequest.
const CANCEL: u32 = 80_877_102;

/// StartupMessage of protocol 3.`minor` with `parameters` (user, database, settings).
///
/// # Errors
/// A NUL in a name or a value: it would begin another parameter.
pub(crate) fn startup(out: &mut WriteBuffer, minor: u16, parameters: &[(&str, &str)]) -> Result<()> {
    let start = out.position();
    out.bytes().extend_from_slice(&[0; 4]);
    out.bytes().extend_from_slice(&(VERSION + u32::from(minor)).to_be_bytes());
    for (name, value) in parameters {
        c_str(out.bytes(), name)?;
        c_str(out.bytes(), value)?;
    }
    out.bytes().push(0);
    out.patch(start)
}

/// CancelRequest for the backend with this process id and key.
pub(crate) fn cancel_request(pid: u32, key: &[u8]) -> Vec<u8> {
    let length = to_u32(12 + key.len());
    [&length.to_be_bytes()[..], &CANCEL.to_be_bytes(), &pid.to_be_bytes(), key].concat()
}

/// Parse: prepares `sql`. An OID of 0 is inferred by the server.
pub(crate) fn parse(
    out: &mut WriteBuffer,
    statement: Name,
    sql: &str,
    oids: impl ExactSizeIterator<Item = u32>,
) -> Result<()> {
    let count = parameter_count(oids.len())?;
    out.message(b'P', |body| {
        statement.write(body);
        c_str(body, sql)?;
        body.extend_from_slice(&count.to_be_bytes());
        for oid in oids {
            body.extend_from_slice(&oid.to_be_bytes());
        }
        Ok(())
    })
}

/// Describe of a prepared statement.
pub(crate) fn describe_statement(out: &mut WriteBuffer, statement: Name) -> Result<()> {
    out.message(b'D', |body| {
        body.push(b'S');
        statement.write(body);
        Ok(())
    })
}

/// The number of a portal: its name is `ormkit_<number>`. None is the unnamed one, which the next Bind replaces.
pub(crate) type Portal = Option<u32>;

/// Appends the name of a portal, with its NUL. Portals live as long as their transaction, which is nobody else's.
pub(crate) fn portal_name(body: &mut Vec<u8>, portal: Portal) {
    if let Some(number) = portal {
        body.extend_from_slice(format!("ormkit_{number}").as_bytes());
    }
    body.push(0);
}

/// Describe of a portal.
pub(crate) fn describe_portal(out: &mut WriteBuffer, portal: Portal) -> Result<()> {
    if portal.is_none() {
        out.bytes().extend_from_slice(b"D\0\0\0\x06P\0");
        return Ok(());
    }
    out.message(b'D', |body| {
        body.push(b'P');
        portal_name(body, portal);
        Ok(())
    })
}

/// Execute of a portal; 0 rows are all.
pub(crate) fn execute(out: &mut WriteBuffer, portal: Portal, rows: u32) -> Result<()> {
    if portal.is_none() && rows == 0 {
        out.bytes().extend_from_slice(b"E\0\0\0\x09\0\0\0\0\0");
        return Ok(());
    }
    out.message(b'E', |body| {
        portal_name(body, portal);
        // More than i32::MAX are more than anybody waits for.
        body.extend_from_slice(&rows.min(i32::MAX as u32).to_be_bytes());
        Ok(())
    })
}

/// Close of a portal.
pub(crate) fn close_portal(out: &mut WriteBuffer, portal: Portal) -> Result<()> {
    out.message(b'C', |body| {
        body.push(b'P');
        portal_name(body, portal);
        Ok(())
    })
}

/// Sync: ends the flight; the server answers ReadyForQuery.
pub(crate) fn sync(out: &mut WriteBuffer) {
    out.bytes().extend_from_slice(b"S\0\0\0\x04");
}

/// Flush: asks for the replies so far without ending the flight.
pub(crate) fn flush(out: &mut WriteBuffer) {
    out.bytes().extend_from_slice(b"H\0\0\0\x04");
}

/// Close of a prepared statement.
pub(crate) fn close_statement(out: &mut WriteBuffer, statement: Name) -> Result<()> {
    out.message(b'C', |body| {
        body.push(b'S');
        statement.write(body);
        Ok(())
    })
}

/// Query: the simple protocol.
pub(crate) fn query(out: &mut WriteBuffer, sql: &str) -> Result<()> {
    out.message(b'Q', |body| c_str(body, sql))
}

/// CopyDone: the data has ended.
pub(crate) fn copy_done(out: &mut WriteBuffer) {
    out.bytes().extend_from_slice(b"c\0\0\0\x04");
}

/// CopyFail: the data has ended without its end. `why` has no NUL.
pub(crate) fn copy_fail(out: &mut WriteBuffer, why: &'static str) {
    let length = to_u32(5 + why.len());
    out.bytes().push(b'f');
    out.bytes().extend_from_slice(&length.to_be_bytes());
    out.bytes().extend_from_slice(why.as_bytes());
    out.bytes().push(0);
}

/// PasswordMessage.
pub(crate) fn password(out: &mut WriteBuffer, password: &str) -> Result<()> {
    out.message(b'p', |body| c_str(body, password))
}

/// SASLInitialResponse.
pub(crate) fn sasl_initial(out: &mut WriteBuffer, mechanism: &str, data: &str) -> Result<()> {
    out.message(b'p', |body| {
        c_str(body, mechanism)?;
        body.extend_from_slice(&to_u32(data.len()).to_be_bytes());
        body.extend_from_slice(data.as_bytes());
        Ok(())
    })
}

/// SASLResponse.
pub(crate) fn sasl_response(out: &mut WriteBuffer, data: &str) -> Result<()> {
    out.message(b'p', |body| {
        body.extend_from_slice(data.as_bytes());
        Ok(())
    })
}

/// The number of parameters as the protocol writes it.
pub(crate) fn parameter_count(count: usize) -> Result<u16> {
    u16::try_from(count).map_err(|_| {
        Error::data(
            None,
            format!("a statement has at most 65,535 parameters, this one has {count}: bind arrays instead"),
        )
    })
}

fn c_str(body: &mut Vec<u8>, text: &str) -> Result<()> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Error::data(None, "text sent to PostgreSQL must not contain NUL"));
    }
    body.extend_from_slice(text.as_bytes());
    body.push(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_is_written_as_the_manual_says() {
        let mut out = WriteBuffer::default();
        parse(&mut out, Name::UNNAMED, "SELECT $1", [23].into_iter()).unwrap();
        assert_eq!(out.pending(), b"P\0\0\0\x15\0SELECT $1\0\0\x01\0\0\0\x17");
    }

    #[test]
    fn nul_never_reaches_the_wire() {
        let mut out = WriteBuffer::default();
        assert!(query(&mut out, "SELECT 1\0; DROP TABLE t").is_err());
        assert!(startup(&mut WriteBuffer::default(), 0, &[("user", "a\0database\0b")]).is_err());
        assert!(out.pending().is_empty());
    }

    #[test]
    fn too_many_parameters_are_counted_before_writing() {
        let mut out = WriteBuffer::default();
        let error = parse(&mut out, Name::UNNAMED, "x", vec![0; 65_536].into_iter()).unwrap_err();
        assert!(error.to_string().contains("65,535"));
        assert!(out.pending().is_empty());
    }

    #[test]
    fn portals_are_described_executed_and_closed_by_name() {
        let mut out = WriteBuffer::default();
        describe_portal(&mut out, None).unwrap();
        execute(&mut out, None, 0).unwrap();
        execute(&mut out, Some(7), 500).unwrap();
        close_portal(&mut out, Some(7)).unwrap();
        let expected = [
            &b"D\0\0\0\x06P\0E\0\0\0\x09\0\0\0\0\0"[..],
            b"E\0\0\0\x11ormkit_7\0\0\0\x01\xf4",
            b"C\0\0\0\x0ePormkit_7\0",
        ];
        assert_eq!(out.pending(), expected.concat());
    }

    #[test]
    fn cancel_request_names_the_backend() {
        let bytes = cancel_request(258, &[1, 2, 3, 4]);
        assert_eq!(bytes, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02\x01\x02\x03\x04");
    }
}
