//! Sums and averages of decimals, also of a moving window.

use bigdecimal::{BigDecimal, RoundingMode};
use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::{Connection, Result};

use super::number::{Number, at_scale, limited, scale_of};
use super::{number_of, too_large};

pub(super) fn install(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_window_function("ormkit_sum", 1, flags, Fold { answer: Total::sum })?;
    connection.create_window_function("ormkit_avg", 1, flags, Fold { answer: Total::average })?;
    connection.create_window_function("ormkit_avg_span", 1, flags, Fold { answer: Total::average_span })
}

/// An aggregate that is asked for `answer` in the end.
struct Fold {
    answer: fn(&Total) -> Result<Number>,
}

/// What the rows of a group or window come to. NULLs are left out.
#[derive(Default)]
struct Total {
    finite: BigDecimal,
    count: u64,
    /// How many of the numbers have how many digits behind the point: those of a sum are the most that one has.
    scales: Vec<(i64, u64)>,
    /// How many are NaN, above and below every number.
    nan: u64,
    above: u64,
    below: u64,
}

impl Total {
    fn add(&mut self, number: &Number) {
        self.count += 1;
        match number {
            Number::Finite(decimal) => {
                self.finite += decimal;
                match self.scales.iter_mut().find(|(scale, _)| *scale == scale_of(decimal)) {
                    Some((_, count)) => *count += 1,
                    None => self.scales.push((scale_of(decimal), 1)),
                }
            }
            Number::Special(float) => *self.special(*float) += 1,
        }
    }

    fn remove(&mut self, number: &Number) {
        self.count -= 1;
        match number {
            Number::Finite(decimal) => {
                self.finite -= decimal;
                if let Some((_, count)) =
                    self.scales.iter_mut().find(|(scale, _)| *scale == scale_of(decimal))
                {
                    *count -= 1;
                }
                self.scales.retain(|(_, count)| *count > 0);
            }
            Number::Special(float) => *self.special(*float) -= 1,
        }
    }

    fn special(&mut self, float: f64) -> &mut u64 {
        match float {
            float if float.is_nan() => &mut self.nan,
            float if float > 0.0 => &mut self.above,
            _ => &mut self.below,
        }
    }

    fn sum(&self) -> Result<Number> {
        Ok(match (self.nan, self.above, self.below) {
            (0, 0, 0) => {
                let scale = self.scales.iter().map(|(scale, _)| *scale).max().unwrap_or(0);
                Number::Finite(limited(at_scale(self.finite.clone(), scale)).map_err(too_large)?)
            }
            (0, _, 0) => Number::Special(f64::INFINITY),
            (0, 0, _) => Number::Special(f64::NEG_INFINITY),
            _ => Number::Special(f64::NAN),
        })
    }

    fn average(&self) -> Result<Number> {
        let sum = self.sum()?;
        let count = Number::Finite(self.count.into());
        // There is a row where somebody asks.
        Ok(sum.over(&count).map_err(too_large)?.unwrap_or(sum))
    }

    /// Of microseconds, which are whole: halves to the even neighbour, as PostgreSQL rounds intervals.
    fn average_span(&self) -> Result<Number> {
        let average = &self.finite / BigDecimal::from(self.count);
        Ok(Number::Finite(average.with_scale_round(0, RoundingMode::HalfEven)))
    }
}

impl Aggregate<Total, Option<String>> for Fold {
    fn init(&self, _: &mut Context<'_>) -> Result<Total> {
        Ok(Total::default())
    }

    fn step(&self, context: &mut Context<'_>, total: &mut Total) -> Result<()> {
        if let Some(number) = number_of(context, 0)? {
            total.add(&number);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, total: Option<Total>) -> Result<Option<String>> {
        self.value(total.as_ref())
    }
}

impl Fold {
    /// NULL where no row had a number.
    fn value(&self, total: Option<&Total>) -> Result<Option<String>> {
        match total {
            Some(total) if total.count > 0 => Ok(Some((self.answer)(total)?.to_string())),
            _ => Ok(None),
        }
    }
}

impl WindowAggregate<Total, Option<String>> for Fold {
    fn value(&self, total: Option<&mut Total>) -> Result<Option<String>> {
        Fold::value(self, total.as_deref())
    }

    fn inverse(&self, context: &mut Context<'_>, total: &mut Total) -> Result<()> {
        if let Some(number) = number_of(context, 0)? {
            total.remove(&number);
        }
        Ok(())
    }
}
