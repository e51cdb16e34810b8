//! [`Model`]: the text models of the family, a header of numbers and a line of weights; and numbers
//! printed as C prints them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use crosscut_app::{Error, Source};

/// A text model, apart from what its numbers mean for one program.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The numbers between the kernel and the highest feature, or before it: the program's own, in
    /// order.
    pub header: Vec<i64>,
    /// What scores are lowered by.
    pub threshold: f64,
    /// Ids from 1, strictly increasing, with their weights, none of which is zero after reading.
    pub weights: Vec<(u64, f64)>,
}

/// What stands where in the header of a program's models.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The first line.
    pub version: &'static str,
    /// Comments of the program's own lines before those of the kernel.
    pub before: &'static [&'static str],
    /// Comments of its own lines after the highest feature, without the number of training
    /// documents.
    pub after: &'static [&'static str],
    /// Whether there is a line with the number of training documents.
    pub documents: bool,
    /// What stands between the number of a support vector and its features: `qid:0 ` or nothing.
    pub mark: &'static str,
}

impl Model {
    /// Writes a model; zero weights are left out. `planes` stands for the number of training
    /// documents, as it does in the family.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        &self,
        layout: &Layout,
        highest: u64,
        planes: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (before, after) = self.header.split_at(layout.before.len());
        let mut text = format!("{}\n", layout.version);
        for (number, comment) in before.iter().zip(layout.before) {
            let _ = writeln!(text, "{number} # {comment}");
        }
        text += "0 # kernel type\n3 # kernel parameter -d \n1 # kernel parameter -g \n1 # kernel parameter -s \n\
                 1 # kernel parameter -r \nempty# kernel parameter -u \n";
        let _ = writeln!(text, "{highest} # highest feature index ");
        if layout.documents {
            let _ = writeln!(text, "{planes} # number of training documents ");
        }
        for (number, comment) in after.iter().zip(layout.after) {
            let _ = writeln!(text, "{number} # {comment} ");
        }
        let _ = writeln!(text, "2 # number of support vectors plus 1 ");
        let threshold = general(self.threshold, 8);
        let _ = writeln!(
            text,
            "{threshold} # threshold b, each following line is a SV (starting with alpha*y)"
        );
        out.write_all(text.as_bytes())?;
        write!(out, "1 {}", layout.mark)?;
        for &(id, weight) in self.weights.iter().filter(|(_, weight)| *weight != 0.0) {
            write!(out, "{id}:{} ", general(weight, 8))?;
        }
        writeln!(out, "#")
    }

    /// Reads a model. Numbers of the header go by their position, what follows them on their line
    /// does not matter; several support vectors are summed.
    ///
    /// # Errors
    /// Another program's model, a kernel, and what is damaged.
    pub fn read(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let source = Source::open_quietly(path)?;
        let name = source.name().to_owned();
        let text = source.text()?;
        Self::parse(&text, layout).map_err(|(line, message)| Error::line(name, line, message))
    }

    fn parse(text: &str, layout: &Layout) -> Result<Self, Fault> {
        let mut lines = Header { lines: text.lines(), at: 0 };
        let version = lines.next("a model")?;
        if version.trim_end() != layout.version {
            let found: String = version.chars().take(60).collect();
            return Err(
                lines.fault(&format!("a model that begins with `{}`", layout.version), &found)
            );
        }
        let mut header = Vec::new();
        for expected in layout.before {
            header.push(lines.whole(expected)?);
        }
        if lines.whole("the kernel type")? != 0 {
            return Err(lines.fault("a linear model (kernel type 0)", "another kernel"));
        }
        for parameter in ["-d", "-g", "-s", "-r"] {
            lines.number(&format!("kernel parameter {parameter}"))?;
        }
        lines.next("kernel parameter -u")?;
        let highest = lines.whole("the highest feature index")?;
        if layout.documents {
            lines.whole("the number of training documents")?;
        }
        for expected in layout.after {
            header.push(lines.whole(expected)?);
        }
        let vectors = lines.whole("the number of support vectors plus 1")? - 1;
        let threshold = lines.number("the threshold")?;
        let mut sum: BTreeMap<u64, f64> = BTreeMap::new();
        for _ in 0..vectors {
            let line = lines.next("a support vector")?;
            for (id, weight) in support_vector(line).map_err(|message| (lines.at, message))? {
                let total = sum.entry(id).or_default();
                *total += weight;
                if !total.is_finite() {
                    return Err((
                        lines.at,
                        "expected support vectors whose sum is finite".to_owned(),
                    ));
                }
            }
        }
        // There is no checksum, but a line ends with # or at least with a line break.
        if vectors > 0
            && !text.ends_with('\n')
            && !text.lines().next_back().is_some_and(|line| line.contains('#'))
        {
            return Err((
                lines.at,
                "expected # or a line break after the last support vector: the model is truncated"
                    .to_owned(),
            ));
        }
        sum.retain(|id, weight| i64::try_from(*id).is_ok_and(|id| id <= highest) && *weight != 0.0);
        Ok(Self { header, threshold, weights: sum.into_iter().collect() })
    }
}

/// What is wrong with a model, and in which line.
type Fault = (u64, String);

/// The lines of a model that are not blank.
struct Header<'t> {
    lines: std::str::Lines<'t>,
    /// The number of the last one.
    at: u64,
}

impl<'t> Header<'t> {
    fn fault(&self, expected: &str, found: &str) -> Fault {
        (self.at, format!("expected {expected}, found `{found}`"))
    }

    fn next(&mut self, expected: &str) -> Result<&'t str, Fault> {
        for line in self.lines.by_ref() {
            self.at += 1;
            if !line.trim().is_empty() {
                return Ok(line);
            }
        }
        Err((self.at + 1, format!("expected {expected}, found the end of the file")))
    }

    /// The number at the beginning of the next line.
    fn number(&mut self, expected: &str) -> Result<f64, Fault> {
        let word = self
            .next(expected)?
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_end_matches('#');
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| self.fault(expected, word))
    }

    fn whole(&mut self, expected: &str) -> Result<i64, Fault> {
        let number = self.number(expected)?;
        match number.fract() == 0.0 && number.abs() < 9e15 {
            true => Ok(number as i64),
            false => Err(self.fault(expected, &number.to_string())),
        }
    }
}

/// The weights of one line, times its first number. They have single precision, as in the family.
fn support_vector(line: &str) -> Result<Vec<(u64, f64)>, String> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    let alpha = word.parse::<f64>().ok().filter(|alpha| alpha.is_finite());
    let alpha =
        alpha.ok_or_else(|| format!("expected the factor of a support vector, found `{word}`"))?;
    let mut weights: Vec<(u64, f64)> = Vec::new();
    for word in words {
        if ["qid:", "sid:", "cost:"].iter().any(|mark| word.starts_with(mark)) {
            continue;
        }
        let weight = word.split_once(':').and_then(|(id, weight)| {
            let (id, weight) = (id.parse::<u64>().ok()?, weight.parse::<f32>().ok()?);
            let product = alpha * f64::from(weight);
            (id > 0 && weight.is_finite() && product.is_finite()).then_some((id, product))
        });
        let (id, weight) =
            weight.ok_or_else(|| format!("expected a weight as id:value, found `{word}`"))?;
        if weights.last().is_some_and(|(last, _)| *last >= id) {
            return Err(format!(
                "expected increasing ids, found {id} after {}",
                weights[weights.len() - 1].0
            ));
        }
        weights.push((id, weight));
    }
    Ok(weights)
}

/// A number as `%.{digits}g` of C prints it.
pub fn general(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan".to_owned()
        } else if value > 0.0 {
            "inf".to_owned()
        } else {
            "-inf".to_owned()
        };
    }
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout {
        version: "SVM-toy Version V1",
        before: &["number of classes"],
        after: &["loss function"],
        documents: true,
        mark: "qid:0 ",
    };

    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        let table = [
            (0.0, 8, "0"),
            (1.0, 32, "1"),
            (-0.5, 8, "-0.5"),
            (1.521_512_345, 8, "1.5215123"),
            (123_456_789.0, 8, "1.2345679e+08"),
            (99_999_999.9, 8, "1e+08"),
            (12_345_678.0, 8, "12345678"),
            (0.000_1, 8, "0.0001"),
            (0.000_012_345, 8, "1.2345e-05"),
            (1e-300, 3, "1e-300"),
            (0.1, 18, "0.100000000000000006"),
            (f64::NEG_INFINITY, 8, "-inf"),
        ];
        for (value, digits, expected) in table {
            assert_eq!(general(value, digits), expected);
        }
    }

    fn model() -> Model {
        Model {
            header: vec![7, 1],
            threshold: 0.25,
            weights: vec![(1, 1.5), (3, -0.25), (40, 2.0)],
        }
    }

    fn text() -> String {
        let mut bytes = Vec::new();
        model().write(&LAYOUT, 41, 8, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_comments_do_not_matter() {
        let text = text();
        assert!(text.starts_with(
            "SVM-toy Version V1\n7 # number of classes\n0 # kernel type\n3 # kernel parameter -d \n"
        ));
        assert!(
            text.ends_with("(starting with alpha*y)\n1 qid:0 1:1.5 3:-0.25 40:2 #\n"),
            "{text}"
        );
        assert_eq!(Model::parse(&text, &LAYOUT), Ok(model()));
        let bare: String = text
            .lines()
            .map(|line| line.split(" # ").next().unwrap_or(line).to_owned() + "\r\n")
            .collect();
        assert_eq!(Model::parse(&bare, &LAYOUT), Ok(model()));
        let halves = text.replace("2 # number of support", "3 # number of support").replace(
            "1 qid:0 1:1.5 3:-0.25 40:2 #",
            "0.5 1:3 3:-1 # a\n-2 3:-0.125 40:-1 41:0 42:5 # b",
        );
        let sum = Model { weights: vec![(1, 1.5), (3, -0.25), (40, 2.0)], ..model() };
        assert_eq!(Model::parse(&halves, &LAYOUT), Ok(sum));
    }

    proptest! {
        /// Weights have eight digits in the file and single precision behind it; whatever survived
        /// that once is not changed again.
        #[test]
        fn what_is_read_and_written_is_read_the_same(
            header in [-9_000_000_000_000_000_i64..9_000_000_000_000_000, 0..100_i64],
            threshold in -1e9..1e9_f64,
            ids in prop::collection::btree_map(1..1_000_000_000_u64, prop::num::f32::NORMAL, 0..20),
        ) {
            let text = |model: &Model| {
                let mut bytes = Vec::new();
                model.write(&LAYOUT, 1_000_000_000, 8, &mut bytes).unwrap();
                String::from_utf8(bytes).unwrap()
            };
            let weights = ids.into_iter().map(|(id, weight)| (id, f64::from(weight) * 0.99)).collect();
            let model = Model { header: header.to_vec(), threshold, weights };
            let once = Model::parse(&text(&model), &LAYOUT).unwrap();
            prop_assert_eq!(&once.header, &model.header);
            for ((id, weight), (expected_id, expected)) in once.weights.iter().zip(&model.weights) {
                prop_assert!(id == expected_id && (weight - expected).abs() <= 2e-7 * expected.abs());
            }
            prop_assert_eq!(Model::parse(&text(&once), &LAYOUT).unwrap(), once);
        }

        #[test]
        fn a_model_that_is_cut_is_refused(at in any::<prop::sample::Index>()) {
            let text = text();
            // Where only the mark and the line break are missing, nothing is.
            let at = at.index(text.rfind('#').unwrap());
            prop_assert!(Model::parse(&text[..at], &LAYOUT).is_err());
        }
    }

    #[test]
    fn many_support_vectors_are_added_up_in_time_that_grows_with_the_file() {
        // 60,000 weights, then 60,000 lines: with a pass over all weights for each line these were
        // minutes.
        let first: String = (1..60_000).map(|id| format!("{id}:1 ")).collect();
        let text = text().replace("2 # number of support", "60001 # number of support");
        let text = text
            .replace("41 # highest", "60000 # highest")
            .replace("1 qid:0 1:1.5 3:-0.25 40:2 #\n", "");
        let model =
            Model::parse(&format!("{text}1 {first}\n{}", "0.5 7:1\n".repeat(59_999)), &LAYOUT)
                .unwrap();
        assert_eq!((model.weights.len(), model.weights[6]), (59_999, (7, 30_000.5)));
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let good = text();
        let table = [
            (
                "SVM-toy Version V1",
                "SVM-toy Version V2",
                1,
                "expected a model that begins with `SVM-toy Version V1`",
            ),
            ("7 # number", "x # number", 2, "expected number of classes, found `x`"),
            ("7 # number", "7.5 # number", 2, "expected number of classes, found `7.5`"),
            ("0 # kernel", "2 # kernel", 3, "expected a linear model"),
            ("41 # highest", "nan # highest", 9, "expected the highest feature index, found `nan`"),
            ("0.25 # thres", "inf # thres", 13, "expected the threshold, found `inf`"),
            ("1 qid:0 1", "x qid:0 1", 14, "expected the factor of a support vector, found `x`"),
            ("3:-0.25", "3:x", 14, "expected a weight as id:value, found `3:x`"),
            ("3:-0.25", "1:1", 14, "expected increasing ids, found 1 after 1"),
            (
                "1 qid:0 1:1.5 3:-0.25 40:2 #\n",
                "",
                14,
                "expected a support vector, found the end of the file",
            ),
        ];
        for (from, to, line, expected) in table {
            let (at, message) = Model::parse(&good.replace(from, to), &LAYOUT).unwrap_err();
            assert!(at == line && message.starts_with(expected), "{from}: line {at}: {message}");
        }
        assert!(Model::parse("", &LAYOUT).is_err());
    }
}
