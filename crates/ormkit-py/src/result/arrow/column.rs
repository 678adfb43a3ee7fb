//! Columns in Arrow's layout, and their types.
use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Date, SqlType, Timestamp, ValueRef};

/// The most digits that a 128-bit decimal has.
const MAX_DIGITS: i64 = 38;
/// Integers up to here are exact as floats.
const MAX_EXACT: u64 = 1 << 53;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Not known yet: no value was seen.
    Null,
    Bool,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// Integers and floats of a database without column types.
    Mixed,
    Text,
    Bytes,
    /// Digits behind the point, and before it.
    Decimal {
        scale: i64,
        whole: i64,
    },
    Date,
    Time,
    Timestamp {
        utc: bool,
    },
    Interval,
    Uuid,
}

impl Kind {
    /// The type of a column that the database says something of.
    ///
    /// # Errors
    /// `Unsupported`.
    pub(super) fn declared(sql_type: SqlType) -> Result<Self> {
        Ok(match sql_type {
            SqlType::Bool => Self::Bool,
            SqlType::SmallInt => Self::Int16,
            SqlType::Integer => Self::Int32,
            SqlType::BigInt => Self::Int64,
            SqlType::Real => Self::Float32,
            SqlType::Double => Self::Float64,
            SqlType::Text | SqlType::Json | SqlType::Jsonb | SqlType::Enum | SqlType::Literal => Self::Text,
            SqlType::Bytes => Self::Bytes,
            SqlType::Numeric => Self::Decimal { scale: 0, whole: 0 },
            SqlType::Date => Self::Date,
            SqlType::Time => Self::Time,
            SqlType::Timestamp => Self::Timestamp { utc: false },
            SqlType::TimestampTz => Self::Timestamp { utc: true },
            SqlType::Interval => Self::Interval,
            SqlType::Uuid => Self::Uuid,
            SqlType::Unknown => Self::Null,
            SqlType::TimeTz | SqlType::Inet | SqlType::Cidr | SqlType::Array(_) => {
                return Err(no_type(sql_type.name()));
            }
        })
    }

    /// True when values have no say in it.
    pub(super) fn is_fixed(self) -> bool {
        !matches!(self, Self::Null | Self::Mixed | Self::Decimal { .. })
    }

    /// The type that also holds this value.
    ///
    /// # Errors
    /// A decimal that Arrow has no form for; a value of another kind than those before.
    pub(super) fn widened(self, cell: ValueRef<'_>) -> Result<Self> {
        Ok(match (self, cell) {
            (_, ValueRef::Null) => self,
            (Self::Decimal { scale, whole }, ValueRef::Numeric(number)) => {
                let Some((before, behind)) = number.digits() else {
                    return Err(Error::data(
                        None,
                        "NaN and infinity have no form as an Arrow decimal: cast the column to float8",
                    ));
                };
                let (scale, whole) = (scale.max(behind), whole.max(before));
                if scale + whole > MAX_DIGITS {
                    return Err(Error::data(
                        None,
                        format!(
                            "the values need {} digits, an Arrow decimal has {MAX_DIGITS}: cast the column to text",
                            scale + whole
                        ),
                    ));
                }
                Self::Decimal { scale, whole }
            }
            (Self::Int64, ValueRef::Float(_)) | (Self::Float64, ValueRef::Int(_)) => Self::Mixed,
            (Self::Null, ValueRef::Numeric(_)) => Self::Decimal { scale: 0, whole: 0 }.widened(cell)?,
            (Self::Null, _) => Self::of(cell)?,
            _ => self,
        })
    }

    fn of(cell: ValueRef<'_>) -> Result<Self> {
        Ok(match cell {
            ValueRef::Bool(_) => Self::Bool,
            ValueRef::Int(_) => Self::Int64,
            ValueRef::Float(_) => Self::Float64,
            ValueRef::Text(_) | ValueRef::Json(_) => Self::Text,
            ValueRef::Bytes(_) => Self::Bytes,
            ValueRef::Date(_) => Self::Date,
            ValueRef::Time(_) => Self::Time,
            ValueRef::Timestamp(_) => Self::Timestamp { utc: false },
            ValueRef::TimestampTz(_) => Self::Timestamp { utc: true },
            ValueRef::Interval(_) => Self::Interval,
            ValueRef::Uuid(_) => Self::Uuid,
            other => return Err(no_type(other.type_name())),
        })
    }

    /// The type in the letters of the C data interface.
    pub(super) fn format(self) -> String {
        match self {
            Self::Null => "n".to_owned(),
            Self::Bool => "b".to_owned(),
            Self::Int16 => "s".to_owned(),
            Self::Int32 => "i".to_owned(),
            Self::Int64 => "l".to_owned(),
            Self::Float32 => "f".to_owned(),
            Self::Float64 | Self::Mixed => "g".to_owned(),
            Self::Text => "u".to_owned(),
            Self::Bytes => "z".to_owned(),
            Self::Decimal { scale, .. } => format!("d:{MAX_DIGITS},{scale}"),
            Self::Date => "tdD".to_owned(),
            Self::Time => "ttu".to_owned(),
            Self::Timestamp { utc: false } => "tsu:".to_owned(),
            Self::Timestamp { utc: true } => "tsu:UTC".to_owned(),
            Self::Interval => "tin".to_owned(),
            Self::Uuid => "w:16".to_owned(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool => "bool",
            Self::Int16 | Self::Int32 | Self::Int64 => "int",
            Self::Float32 | Self::Float64 | Self::Mixed => "float",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Decimal { .. } => "numeric",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp { .. } => "timestamp",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
        }
    }
}

fn no_type(name: &str) -> Error {
    Error::unsupported(
        format!("a column of type {name} in an Arrow stream"),
        "cast it to text in the statement",
    )
}

/// The values of a column. NULL takes a value's place, too.
pub(super) struct Column {
    pub(super) kind: Kind,
    /// A bit for each row: 0 is NULL.
    pub(super) valid: Bits,
    pub(super) nulls: usize,
    pub(super) values: Values,
}

/// The buffer of values, of its type's alignment.
pub(super) enum Values {
    None,
    Bits(Bits),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    I128(Vec<i128>),
    /// Months, days, nanoseconds: 16 bytes.
    Spans(Vec<Span>),
    Fixed(Vec<[u8; 16]>),
    /// Where each value ends, with a 0 in front, and the bytes.
    Sized(Vec<i32>, Vec<u8>),
}

/// A span as Arrow lays it out.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Span {
    months: i32,
    days: i32,
    nanos: i64,
}

/// Bits, the first one lowest.
#[derive(Default)]
pub(super) struct Bits {
    pub(super) bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }
}

impl Column {
    /// Without values.
    pub(super) fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Null => Values::None,
            Kind::Bool => Values::Bits(Bits::default()),
            Kind::Int16 => Values::I16(Vec::new()),
            Kind::Int32 | Kind::Date => Values::I32(Vec::new()),
            Kind::Int64 | Kind::Time | Kind::Timestamp { .. } => Values::I64(Vec::new()),
            Kind::Float32 => Values::F32(Vec::new()),
            Kind::Float64 | Kind::Mixed => Values::F64(Vec::new()),
            Kind::Decimal { .. } => Values::I128(Vec::new()),
            Kind::Interval => Values::Spans(Vec::new()),
            Kind::Uuid => Values::Fixed(Vec::new()),
            Kind::Text | Kind::Bytes => Values::Sized(vec![0], Vec::new()),
        };
        Self { kind, valid: Bits::default(), nulls: 0, values }
    }

    /// Bytes of texts.
    pub(super) fn size(&self) -> usize {
        match &self.values {
            Values::Sized(_, bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// It is not of the column's type, or Arrow has no form for it.
    pub(super) fn push(&mut self, cell: ValueRef<'_>) -> Result<()> {
        let (kind, is_null) = (self.kind, cell.is_null());
        self.valid.push(!is_null);
        self.nulls += usize::from(is_null);
        match (&mut self.values, cell) {
            (Values::None, ValueRef::Null) => {}
            (Values::Bits(bits), ValueRef::Null) => bits.push(false),
            (Values::I16(values), ValueRef::Null) => values.push(0),
            (Values::I32(values), ValueRef::Null) => values.push(0),
            (Values::I64(values), ValueRef::Null) => values.push(0),
            (Values::F32(values), ValueRef::Null) => values.push(0.0),
            (Values::F64(values), ValueRef::Null) => values.push(0.0),
            (Values::I128(values), ValueRef::Null) => values.push(0),
            (Values::Spans(values), ValueRef::Null) => values.push(Span::default()),
            (Values::Fixed(values), ValueRef::Null) => values.push([0; 16]),
            (Values::Sized(..), ValueRef::Null) => self.push_bytes(&[])?,
            (Values::Bits(bits), ValueRef::Bool(value)) => bits.push(value),
            (Values::I16(values), ValueRef::Int(value)) => values.push(narrow(value)?),
            (Values::I32(values), ValueRef::Int(value)) if kind == Kind::Int32 => {
                values.push(narrow(value)?);
            }
            (Values::I64(values), ValueRef::Int(value)) if kind == Kind::Int64 => values.push(value),
            // A REAL is widened on its way here: nothing is lost on the way back.
            (Values::F32(values), ValueRef::Float(value)) => values.push(value as f32),
            (Values::F64(values), ValueRef::Float(value)) => values.push(value),
            (Values::F64(values), ValueRef::Int(value)) if value.unsigned_abs() <= MAX_EXACT => {
                values.push(value as f64);
            }
            (Values::I128(values), ValueRef::Numeric(number)) => {
                let Kind::Decimal { scale, .. } = kind else { return Err(unfit(kind, &cell)) };
                values.push(unscaled(&number.to_string(), scale).ok_or_else(|| unfit(kind, &cell))?);
            }
            (Values::I32(values), ValueRef::Date(date)) => match date {
                Date::INFINITY | Date::NEG_INFINITY => return Err(infinite("date")),
                Date(days) => values.push(days),
            },
            (Values::I64(values), ValueRef::Time(time)) => values.push(time.0),
            (Values::I64(values), ValueRef::Timestamp(at) | ValueRef::TimestampTz(at)) => match at {
                Timestamp::INFINITY | Timestamp::NEG_INFINITY => return Err(infinite("timestamp")),
                Timestamp(micros) => values.push(micros),
            },
            (Values::Spans(values), ValueRef::Interval(span)) => {
                let nanos = span.micros.checked_mul(1000).ok_or_else(|| {
                    Error::data(
                        None,
                        "the interval's nanoseconds do not fit 64 bits: cast the column to text",
                    )
                })?;
                values.push(Span { months: span.months, days: span.days, nanos });
            }
            (Values::Fixed(values), ValueRef::Uuid(bytes)) => values.push(bytes),
            (Values::Sized(..), ValueRef::Text(text) | ValueRef::Json(text)) if kind == Kind::Text => {
                self.push_bytes(text.as_bytes())?;
            }
            (Values::Sized(..), ValueRef::Bytes(bytes)) if kind == Kind::Bytes => self.push_bytes(bytes)?,
            _ => return Err(unfit(kind, &cell)),
        }
        Ok(())
    }

    fn push_bytes(&mut self, value: &[u8]) -> Result<()> {
        if let Values::Sized(ends, bytes) = &mut self.values {
            bytes.extend_from_slice(value);
            let end = i32::try_from(bytes.len());
            ends.push(end.map_err(|_| Error::data(None, "the value is too large for an Arrow column"))?);
        }
        Ok(())
    }
}

fn unfit(kind: Kind, cell: &ValueRef<'_>) -> Error {
    Error::data(
        None,
        format!(
            "an Arrow column has one type, this one holds {} and {}: cast it in the statement",
            kind.name(),
            cell.type_name()
        ),
    )
}

fn infinite(what: &str) -> Error {
    Error::data(None, format!("an infinite {what} has no form in Arrow: cast the column to text"))
}

fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T> {
    T::try_from(value).map_err(|_| Error::data(None, "the integer is out of its column's range"))
}

/// A plain decimal as an integer of units of 10^-scale.
fn unscaled(text: &str, scale: i64) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    format!("{whole}{fraction}{}", "0".repeat(zeros)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ormkit_core::value::Numeric;

    #[test]
    fn decimals_are_counted_in_units_of_their_scale() {
        assert_eq!(unscaled("-1.50", 3), Some(-1500));
        assert_eq!(unscaled("7", 0), Some(7));
        assert_eq!(unscaled("-0.25", 2), Some(-25));
        assert_eq!(unscaled("1.234", 2), None);
    }

    #[test]
    fn scale_is_what_the_values_need() {
        let number = |text| ValueRef::Numeric(Numeric::parse(text).unwrap());
        let kind = Kind::declared(SqlType::Numeric).unwrap();
        let kind = kind.widened(number("12.5")).unwrap().widened(number("0.125")).unwrap();
        assert_eq!(kind.format(), "d:38,3");
        assert!(kind.widened(number("NaN")).is_err());
        assert!(kind.widened(number("1e36")).is_err());
    }

    #[test]
    fn integers_that_a_float_cannot_hold_are_refused() {
        let kind = Kind::Null.widened(ValueRef::Int(1)).unwrap().widened(ValueRef::Float(0.5)).unwrap();
        let mut column = Column::new(kind);
        assert!(column.push(ValueRef::Int(1 << 53)).is_ok());
        assert!(column.push(ValueRef::Int((1 << 53) + 1)).is_err());
    }

    #[test]
    fn values_of_two_types_are_refused_without_being_shown() {
        let mut column = Column::new(Kind::Int64);
        let error = column.push(ValueRef::Text("secret")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "an Arrow column has one type, this one holds int and text: cast it in the statement"
        );
    }
}
