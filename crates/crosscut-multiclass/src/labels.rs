//! [`check_labels`]: refuses labels that are no classes.

use crosscut_app::Error;
use crosscut_data::Labels;

/// Refuses the labels of a training file if they are measurements, or lists of labels.
///
/// # Errors
/// A sentence that says what one label of an example is, and what to do.
pub(crate) fn check_labels(classes: &Labels, examples: usize, file: &str) -> Result<(), Error> {
    match several(classes).or_else(|| measurements(classes, examples)) {
        Some(message) => Err(Error::file(file, message)),
        None => Ok(()),
    }
}

/// Measurements: numbers with fractions, most of which few examples share.
fn measurements(classes: &Labels, examples: usize) -> Option<String> {
    let number = |name: &str| name.parse::<f64>().ok().filter(|number| number.is_finite());
    let are_many = classes.len() >= 10 && 2 * classes.len() > examples
        || classes.len() > 20 && 10 * classes.len() > examples;
    let are_numbers = || classes.iter().all(|name| number(name).is_some());
    let is_real = |name: &str| number(name).is_some_and(|number| number.fract() != 0.0);
    (are_many && are_numbers() && classes.iter().any(is_real)).then(|| {
        format!(
            "expected classes, found {} different labels of {examples} examples, real numbers as in regression: group them \
             into classes, or learn their order with `learn ranking`; names of classes may have a letter (`v1.5`)",
            classes.len()
        )
    })
}

/// Lists of labels, as in files for several labels an example: two lists of whole numbers (`1,3,7`),
/// or a list of labels that other examples have alone (`sports,politics`).
fn several(classes: &Labels) -> Option<String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_label = |part: &str| !part.is_empty() && classes.index(part).is_some();
    let parts = |name: &str, is: &dyn Fn(&str) -> bool| {
        name.contains(',') && name.split(',').all(|part| is(part.trim()))
    };
    let mut numbers = classes.iter().filter(|name| parts(name, &is_number));
    let two = numbers.next().and_then(|first| numbers.next().map(|_| first));
    let list = two.or_else(|| classes.iter().find(|name| parts(name, &is_label)))?;
    let decimal = match list.split(',').count() {
        2 if two.is_some() => "; a decimal number is written with a point",
        _ => "",
    };
    Some(format!(
        "expected one label an example, found lists of labels such as `{list}`: learn a model for each label (whether an example \
         has it), or repeat an example with each of its labels{decimal}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(labels: &[&str], examples: usize) -> Option<String> {
        let classes = Labels::collect(labels.iter().copied());
        check_labels(&classes, examples, "f").err().map(|error| error.to_string())
    }

    #[test]
    fn lists_and_measurements_are_refused_and_names_are_not() {
        let ranged = |count: usize, step: f64| -> Vec<String> {
            (0..count).map(|at| (at as f64 * step).to_string()).collect()
        };
        let (prices, stars, ids) = (ranged(229, 0.7), ranged(10, 0.5), ranged(229, 1.0));
        let names = |names: &[String]| -> Vec<&'static str> {
            names.iter().map(|name| &*name.clone().leak()).collect()
        };
        let mixed = [names(&prices), vec!["none"]].concat();
        let table: [(&[&str], usize, Option<&str>); 13] = [
            (&["1,3,7", "2", "3,4"], 9, Some("such as `1,3,7`: learn a model for each label")),
            (&["1,5", "2,25", "3"], 9, Some("is written with a point")),
            (
                &["sports", "politics", "sports,politics"],
                9,
                Some("lists of labels such as `sports,politics`"),
            ),
            (&["sports", "politics", "sports, politics"], 9, Some("lists of labels")),
            (&["1,000", "2"], 9, None),
            (&["Portland,OR", "Salem,OR", "Washington,D.C."], 9, None),
            (&["OR", "Portland,OR", "Salem,OR"], 9, None),
            (&["a,", "a", ","], 9, None),
            (&names(&prices), 506, Some("real numbers as in regression")),
            (&names(&prices), 100_000, None),
            (&names(&stars), 1000, None),
            (&names(&ids), 506, None),
            (&mixed, 506, None),
        ];
        for (labels, examples, expected) in table {
            let found = refused(labels, examples);
            match expected {
                Some(words) => {
                    assert!(found.clone().is_some_and(|found| found.contains(words)), "{found:?}")
                }
                None => assert_eq!(found, None, "{:?}", &labels[..3.min(labels.len())]),
            }
        }
    }
}
