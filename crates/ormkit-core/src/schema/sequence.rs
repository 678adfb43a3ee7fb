//! What a sequence counts, and which of it is worth saying.

/// The options of a sequence; None: the usual value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// START WITH.
    pub start: Option<i64>,
    /// INCREMENT BY.
    pub increment: i64,
    /// MINVALUE.
    pub min: Option<i64>,
    /// MAXVALUE.
    pub max: Option<i64>,
    /// CACHE.
    pub cache: i64,
    /// CYCLE.
    pub cycle: bool,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { start: None, increment: 1, min: None, max: None, cache: 1, cycle: false }
    }
}

impl Sequence {
    /// The options that are not the usual ones, in SQL, of a sequence whose type counts between the two numbers (PostgreSQL
    /// manual, "CREATE SEQUENCE").
    pub fn unusual(&self, (lowest, highest): (i64, i64)) -> Vec<String> {
        let (usual_min, usual_max) = if self.increment > 0 { (1, highest) } else { (lowest, -1) };
        let (min, max) = (self.min.unwrap_or(usual_min), self.max.unwrap_or(usual_max));
        let usual_start = if self.increment > 0 { min } else { max };
        let said = [
            ("START WITH", self.start.unwrap_or(usual_start), usual_start),
            ("INCREMENT BY", self.increment, 1),
            ("MINVALUE", min, usual_min),
            ("MAXVALUE", max, usual_max),
            ("CACHE", self.cache, 1),
        ];
        let unusual = said.iter().filter(|(_, value, usual)| value != usual);
        let options = unusual.map(|(word, value, _)| format!("{word} {value}"));
        options.chain(self.cycle.then(|| "CYCLE".to_owned())).collect()
    }
}

/// What a sequence of this type counts between.
pub fn usual_bounds(data_type: &str) -> (i64, i64) {
    match data_type {
        "smallint" => (i16::MIN.into(), i16::MAX.into()),
        "integer" => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    }
}
