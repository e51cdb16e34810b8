//! The svm-light lines of the family: a number, `qid:`, `cost:`, features; and what lines of one
//! `qid` are together.

use std::collections::HashSet;

use crosscut::Feature;
use crosscut_app::{Error, Source};
use crosscut_data::svmlight;

/// The largest id of a feature, as in the family.
const HIGHEST_ID: u32 = 99_999_999;

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it stands in its file, from 1.
    pub number: u64,
    /// The number it begins with.
    pub target: f64,
    /// 0 if it has none.
    pub qid: i64,
    /// 1 if it has none.
    pub cost: f64,
    /// With ids as in the file, from 1.
    pub features: Vec<Feature>,
}

/// The lines of a file.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// In the order of the file.
    pub lines: Vec<Line>,
    /// The largest id of a feature, 0 without any.
    pub features: u32,
}

/// Reads a file; blank lines and comments are passed over.
///
/// # Errors
/// Bad lines; none at all.
pub fn read(source: &mut Source<'_>) -> Result<Lines, Error> {
    let mut all = Lines::default();
    let parse = |line: &str| {
        let Some(parsed) = svmlight::parse_line(line)? else { return Ok(None) };
        // The family reads any word as 0, and people write `?` where the target is not known.
        let unknown = line.trim_ascii_start().starts_with('?').then_some("0");
        let Some(target) = parsed.target.or(unknown) else {
            return Err("expected a line that begins with a number, found none".to_owned());
        };
        let number = target
            .strip_prefix('+')
            .unwrap_or(target)
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        let target = number.ok_or_else(|| {
            format!("expected a line that begins with a number, found `{target}`")
        })?;
        if parsed.last_id > HIGHEST_ID {
            return Err(format!(
                "expected ids of features up to {HIGHEST_ID}, found {}",
                parsed.last_id
            ));
        }
        let qid = match parsed.qid {
            None => 0,
            Some(svmlight::Qid::Number(qid)) => qid,
            Some(name) => {
                return Err(format!("expected qid: with a 64-bit integer, found `qid:{name}`"));
            }
        };
        let (cost, mut features) = (parsed.cost, parsed.features);
        features.shrink_to_fit();
        Ok(Some((Line { number: 0, target, qid, cost, features }, parsed.last_id)))
    };
    source.with_comments().scan_lines(parse, |number, (line, last_id)| {
        all.features = all.features.max(last_id);
        all.lines.push(Line { number, ..line });
        Ok(())
    })?;
    Ok(all)
}

impl Lines {
    /// The lines of each `qid`, which stand one after the other.
    ///
    /// # Errors
    /// A `qid` that returns.
    pub fn groups(self, file: &str) -> Result<Vec<Vec<Line>>, Error> {
        let mut seen = HashSet::new();
        let mut groups: Vec<Vec<Line>> = Vec::new();
        for line in self.lines {
            match groups.last_mut() {
                Some(group) if group[0].qid == line.qid => group.push(line),
                _ => {
                    if !seen.insert(line.qid) {
                        let message = format!(
                            "expected the lines of qid:{} one after the other, but it returns",
                            line.qid
                        );
                        return Err(Error::line(file, line.number, message));
                    }
                    groups.push(vec![line]);
                }
            }
        }
        Ok(groups)
    }
}
