//! NoticeResponse: what the server says without being asked.

use ormkit_core::driver::{NoticeLevel, NoticeSink};

use crate::error::diagnostics;
use crate::protocol::backend::Fields;

/// Hands a notice on, unless nobody wants it.
pub(crate) fn tell(sink: &dyn NoticeSink, fields: &Fields<'_>) {
    let level = level(fields);
    if sink.wants(level) {
        sink.notice(level, &diagnostics(fields));
    }
}

/// How much it matters: the severity that is never translated (`V`), or the one that servers before 9.6 have alone (`S`).
fn level(fields: &Fields<'_>) -> NoticeLevel {
    let said = |code| fields.iter().find(|(found, _)| *found == code).map(|(_, text)| text);
    match said(b'V').or_else(|| said(b'S')).unwrap_or_default() {
        b"WARNING" => NoticeLevel::Warning,
        severity if severity.starts_with(b"DEBUG") => NoticeLevel::Debug,
        _ => NoticeLevel::Info,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ormkit_core::error::Diagnostics;

    use super::*;
    use crate::protocol::backend::Message;

    /// Wants warnings alone.
    #[derive(Default)]
    struct Warnings(Mutex<Vec<Diagnostics>>);

    impl NoticeSink for Warnings {
        fn wants(&self, level: NoticeLevel) -> bool {
            level == NoticeLevel::Warning
        }

        fn notice(&self, _level: NoticeLevel, notice: &Diagnostics) {
            self.0.lock().unwrap().push(notice.clone());
        }
    }

    fn fields(body: &[u8]) -> Fields<'_> {
        match Message::decode(b'N', body).unwrap() {
            Message::Notice(fields) => fields,
            other => panic!("{}", other.name()),
        }
    }

    #[test]
    fn untranslated_severity_decides() {
        for (body, expected) in [
            (&b"SWARNUNG\0VWARNING\0\0"[..], NoticeLevel::Warning),
            (b"SHINWEIS\0VNOTICE\0\0", NoticeLevel::Info),
            (b"SWARNING\0\0", NoticeLevel::Warning),
            (b"VDEBUG3\0\0", NoticeLevel::Debug),
            (b"VINFO\0\0", NoticeLevel::Info),
            (b"VLOG\0\0", NoticeLevel::Info),
            (b"\0", NoticeLevel::Info),
        ] {
            assert_eq!(level(&fields(body)), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn only_what_is_wanted_is_handed_on_and_with_all_fields() {
        let sink = Warnings::default();
        tell(&sink, &fields(b"VNOTICE\0Mno\0\0"));
        tell(&sink, &fields(b"VWARNING\0C01000\0Mm\0Dd\0Hh\0Wd\0ss\0tt\0cc\0dy\0nn\0Ff\0L9\0Rr\0\0"));
        let heard = sink.0.into_inner().unwrap();
        let [notice] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((notice.sqlstate.as_str(), notice.severity.as_str()), ("01000", "WARNING"));
        assert_eq!((notice.detail.as_deref(), notice.line), (Some("d"), Some(9)));
    }
}
