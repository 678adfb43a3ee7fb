//! The database's clock on SQLite, whose own texts (`CURRENT_TIMESTAMP` is `2024-03-01 12:00:00`) are not those that
//! columns hold: equal times are equal texts only when all are written in one form.

use crate::model::ColumnType;
use crate::query::{Call, Expr};

/// `now()` as a column of timestamps with time zone holds it, to the millisecond, as far as SQLite tells. One statement
/// reads the clock once.
pub(super) const NOW: &str = "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')";

const NOW_LOCAL: &str = "strftime('%Y-%m-%d %H:%M:%f000', 'now')";
const TODAY: &str = "date('now')";

/// The time of day, in UTC.
const TIME: &str = "strftime('%H:%M:%f000', 'now')";

/// True for SQLite's own word and every form of it that is written here.
pub(crate) fn is_now(sql: &str) -> bool {
    let sql = sql.trim();
    let bare = sql.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(sql);
    bare.eq_ignore_ascii_case("CURRENT_TIMESTAMP") || [NOW, NOW_LOCAL].contains(&bare)
}

/// What a call that reads the clock is on SQLite; None for other calls.
pub(super) fn read(call: &Call) -> Option<&'static str> {
    let is = |name| is_plain(call) && call.name.eq_ignore_ascii_case(name);
    if is("now") || is("current_timestamp") { Some(NOW) } else { is("current_time").then_some(TIME) }
}

/// What a column of that type is set to where `expr` is the clock, which PostgreSQL casts by itself; None for others.
pub(super) fn assigned(expr: &Expr, column_type: &ColumnType) -> Option<&'static str> {
    let is_now = match expr {
        Expr::Call(call) => read(call) == Some(NOW),
        Expr::Text(text) => {
            ["now()", "current_timestamp"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
        }
        _ => false,
    };
    if !is_now {
        return None;
    }
    match column_type {
        ColumnType::TimestampTz => Some(NOW),
        ColumnType::Timestamp => Some(NOW_LOCAL),
        ColumnType::Date => Some(TODAY),
        ColumnType::Time => Some(TIME),
        _ => None,
    }
}

fn is_plain(call: &Call) -> bool {
    call.args.is_empty() && !call.star
}
