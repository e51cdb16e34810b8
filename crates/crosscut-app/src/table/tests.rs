use crosscut_data::svmlight;
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::monitor::Monitor;
use crate::options::Options;
use crate::source::Source;

/// Name and value of an option.
type Word = (&'static str, &'static str);

/// Keeps what it is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Monitor for Told {
    fn note(&mut self, message: &str) {
        self.0.push(message.to_owned());
    }
}

fn options(words: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    words.iter().for_each(|&(name, value)| options.set(name, value));
    options
}

/// Calls `read` with a file of this text, and returns its result and the notes.
fn with_file<T>(text: &str, read: impl FnOnce(&mut Source<'_>) -> T) -> (T, String) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    let mut told = Told::default();
    let result = read(&mut Source::open(&path, &mut told).unwrap());
    (result, told.0.join("\n"))
}

/// A row: line, label, weight, group, (feature, value).
type Plain = (u64, Option<String>, f64, Option<String>, Vec<(u32, f64)>);

fn all(rows: &Rows<'_>) -> Result<Vec<Plain>, Error> {
    let mut found = Vec::new();
    let plain = |Row { line, group }: Row<'_>| {
        let features = line.features.iter();
        let features = features.map(|feature| (feature.index, f64::from(feature.value))).collect();
        let text = |text: Option<&str>| text.map(str::to_owned);
        Ok(Some((0, text(line.target), line.cost, text(group), features)))
    };
    rows.scan(plain, |number, row| {
        found.push((number, row.1, row.2, row.3, row.4));
        Ok(())
    })?;
    Ok(found)
}

fn learn(words: &[(&str, &str)], text: &str) -> Result<(Table, Vec<Plain>, String), String> {
    let learn = |source: &mut Source<'_>| {
        let table = Wanted::of(&options(words))?.expect("--label is given").begin(source)?;
        let found = all(&table.rows(source)?.expect("there is a header"))?;
        match found.iter().find(|row| row.1.is_none()) {
            Some((line, ..)) => Err(Error::line("t.csv", *line, table.no_label())),
            None => Ok((table, found)),
        }
    };
    match with_file(text, learn) {
        (Ok((table, rows)), told) => Ok((table, rows, told)),
        (Err::<_, Error>(error), _) => Err(error.to_string()),
    }
}

fn read(table: &Table, text: &str) -> Result<(Vec<Plain>, String), String> {
    let read = |source: &mut Source<'_>| {
        let rows = table.rows(source)?.expect("there is a header");
        let found = all(&rows)?;
        rows.note(source);
        Ok(found)
    };
    match with_file(text, read) {
        (Ok(rows), told) => Ok((rows, told)),
        (Err::<_, Error>(error), _) => Err(error.to_string()),
    }
}

fn names(table: &Table) -> Vec<String> {
    (0..table.features()).map(|index| table.feature_name(index)).collect()
}

const TABLE: &str = "\
age,,colour,zip,class,w,empty
1,0,red,8001,a,1,
NA,1,\"blue, dark\",8002,b,0.5,?
3,2,,8001,a,2,NaN
4.5,3,red,8002, b ,1,
";
const WORDS: [(&str, &str); 3] = [("label", "class"), ("weight-column", "w"), ("categories", "4")];

#[test]
fn columns_become_features_with_names() {
    let (table, rows, told) = learn(&WORDS, TABLE).unwrap();
    let expected = [
        "age",
        "age is missing",
        "colour=blue, dark",
        "colour=red",
        "colour=(missing)",
        "zip=8001",
        "zip=8002",
    ];
    assert_eq!(names(&table), expected);
    let mean = f64::from((8.5_f64 / 3.0) as f32);
    let row = |line, label: &str, weight, features: &[(u32, f64)]| {
        (line, Some(label.to_owned()), weight, None, features.to_vec())
    };
    assert_eq!(
        rows,
        [
            row(2, "a", 1.0, &[(1, 1.0), (4, 1.0), (6, 1.0)]),
            row(3, "b", 0.5, &[(1, mean), (2, 1.0), (3, 1.0), (7, 1.0)]),
            row(4, "a", 2.0, &[(1, 3.0), (5, 1.0), (6, 1.0)]),
            row(5, "b", 1.0, &[(1, 4.5), (4, 1.0), (7, 1.0)]),
        ]
    );
    for note in ["column without a name (column 2) is left out", "column `empty` has no value"] {
        assert!(told.contains(note), "{told}");
    }
    // The same by numbers, with another separator and line breaks.
    let words = [("label", "5"), ("weight-column", "6"), ("categories", "zip")];
    let other = TABLE.replace("\"blue, dark\"", "'").replace(',', "\t").replace('\'', "blue, dark");
    assert_eq!(learn(&words, &other.replace('\n', "\r\n")).unwrap().0, table);
}

#[test]
fn later_files_are_read_by_the_names_of_columns() {
    let (table, rows, _) = learn(&WORDS, TABLE).unwrap();
    // Columns in another order.
    let lines: Vec<&str> = TABLE.replace("\"blue, dark\"", "'").leak().lines().collect();
    let reversed: Vec<String> = (lines.iter())
        .map(|line| {
            line.split(',').rev().collect::<Vec<_>>().join(",").replace('\'', "\"blue, dark\"")
        })
        .collect();
    let (again, told) = read(&table, &reversed.join("\n")).unwrap();
    assert_eq!((again, told), (rows, String::new()));

    // Without label and weight, with columns and values that training did not have.
    let (rows, told) =
        read(&table, "zip;new;colour;age\n9;x;green;\"2,5\"\n8001;y;?;?\n\n").unwrap();
    let mean = f64::from((8.5_f64 / 3.0) as f32);
    assert_eq!(
        rows,
        [
            (2, None, 1.0, None, vec![(1, 2.5)]),
            (3, None, 1.0, None, vec![(1, mean), (2, 1.0), (5, 1.0), (6, 1.0)]),
        ]
    );
    assert!(told.contains("does not know are passed over: new"), "{told}");
    assert!(told.contains("by column: colour (1, no features), zip (1, no features)"), "{told}");

    // Numbers of which none was missing in training.
    let (table, ..) = learn(&[("label", "y")], "x,y\n1,a\n2,b\n").unwrap();
    let (rows, told) = read(&table, "x\nNA\n").unwrap();
    assert_eq!(rows[0].4, [(1, 1.5)]);
    assert!(told.contains("x (1 missing, taken as its mean)"), "{told}");

    for (text, expected) in [
        (
            "age,colour\n1,red\n",
            "t.csv: expected the columns of the training table, found no `zip` among age, colour",
        ),
        ("1 1:0.5\n", "found no `age` among 1 1:0.5"),
        (
            "age,colour,zip\n1,red,1\nold,red,1\n",
            "t.csv:3: expected a number in column `age`, found `old`",
        ),
        (
            "age,colour,zip\n1e39,red,1\n",
            "finite in single precision in column `age`, found `1e39`",
        ),
        (
            "age,colour,zip,w\n1,red,1,-1\n",
            "t.csv:2: expected a weight, a finite number of at least 0, in column `w`",
        ),
        ("age,colour,zip\n", "expected at least one example, found a table without rows"),
        ("", "expected at least one example"),
    ] {
        let error = read_error(&WORDS, text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

fn read_error(words: &[(&str, &str)], text: &str) -> String {
    read(&learn(words, TABLE).unwrap().0, text).map(|_| ()).unwrap_err()
}

#[test]
fn bad_tables_are_refused() {
    let label = ("label", "y");
    let table: [(&[Word], &str, &str); 17] = [
        (
            &[("label", "z")],
            "x,y\n1,a\n",
            "--label expects a column of the table (x, y), or its number, not `z`",
        ),
        (&[("label", "3")], "x,y\n1,a\n", "not `3`"),
        (&[("label", "0")], "x,y\n1,a\n", "not `0`"),
        (
            &[label, ("ignore", "x,q")],
            "x,y\n1,a\n",
            "--ignore expects a column of the table (x, y)",
        ),
        (
            &[label, ("ignore", "y")],
            "x,y\n1,a\n",
            "--ignore expects a column without another use, not `y`",
        ),
        (
            &[label, ("categories", "\"x")],
            "x,y\n1,a\n",
            "--categories expects columns between commas (expected a quote",
        ),
        (
            &[label, ("weight-column", "y")],
            "x,y\n1,a\n",
            "--weight-column expects a column without another use",
        ),
        (&[label], "", "expected a header line and at least one row, found none"),
        (&[label], "x,y\n", "expected a header line and at least one row"),
        (&[label], "y\na\n", "expected a column of features beside that of labels"),
        (&[label, ("ignore", "x")], "x,y\n1,a\n", "expected a column of features"),
        (&[label], "x,y\n,a\n", "expected a column of features"),
        (
            &[label],
            "x,y\n1,a\n2,NA\n",
            "t.csv:3: expected a label in column `y`, found a missing value",
        ),
        (
            &[label],
            "x,y\n1,a\ninf,b\n",
            "t.csv:3: expected a number that is finite in single precision",
        ),
        (&[label], "x,y\n1,a\n2,b\u{1b}b\n", "t.csv:3: expected a name that can be seen"),
        (&[label], "x,y\n\"1\na\",a\n\n\"b\nb\",a\n", "t.csv:2: expected a name that can be seen"),
        (
            &[label],
            "a=b,a,y\n1,b,c\n",
            "expected features of different names, found two of the name `a=b`",
        ),
    ];
    for (words, text, expected) in table {
        let error = learn(words, text).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    for name in ["group-column", "weight-column", "ignore", "categories"] {
        let error = Wanted::of(&options(&[(name, "x")])).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("--{name} expects --label COLUMN beside it, for a table, not `x`")
        );
    }
    assert_eq!(Wanted::of(&Options::default()).unwrap(), None);
}

#[test]
fn columns_that_are_likely_something_else_are_told() {
    let many: String = (0..60).map(|at| format!("n{at},{at},y\n")).collect();
    let (_, _, told) = learn(&[("label", "c")], &format!("name,id,c\n{many}")).unwrap();
    assert!(
        told.contains("column `name` has 60 different values in 60 rows") && !told.contains("`id`")
    );
    let (table, _, told) = learn(&[("label", "c")], "x,c\n1,a\n2,b\n12a,b\n").unwrap();
    assert!(told.contains("column `x` is one of categories, since 1 of its 3 values is no number (`12a` on line 4)"), "{told}");
    assert_eq!(names(&table), ["x=1", "x=12a", "x=2"]);
    let (_, _, told) = learn(&[("label", "3")], "5.1,3.5,setosa\n4.9,3.0,setosa\n6,2,x\n").unwrap();
    assert!(told.contains("the names of columns in the first line are numbers (5.1, …)"), "{told}");
    let (_, _, told) = learn(&[("label", "c")], "0,1,2,c\n4.9,3.0,1,setosa\n6,2,2,x\n").unwrap();
    assert_eq!(told, "");
}

#[test]
fn tables_are_told_from_svm_light_lines() {
    let refused = |name: &str, text: &str| {
        let mut source = Source::from_text(name, text);
        refuse(&mut source, "do this").err().map(|error| error.to_string())
    };
    let table = "x,y\n1,2\n";
    for (name, text, is_table) in [
        ("a.csv", table, true),
        ("a.TSV.gz", "x\ty\n", true),
        ("a.csv", "1 1:0.5\n", false),
        ("a.csv", "", false),
        ("a", table, false),
        ("a", "x,y,z\n", true),
        ("a", "\n\nx;y;z\n", true),
        ("a", "1,3,7 1:0.5\n", false),
        ("a", "1\t\n2 1:1\n", false),
        ("a", "1 1:x,2:y,3:z\n", false),
        ("a", "# a,b,c\n1 1:1\n", false),
    ] {
        assert_eq!(refused(name, text).is_some(), is_table, "{name}: {text:?}");
    }
    assert_eq!(
        refused("a", "x,y,z").unwrap(),
        "a: expected svm-light lines, found a table with the columns x, y, z: do this"
    );
}

#[test]
fn a_damaged_table_is_not_read_from_a_model() {
    let (table, ..) = learn(&WORDS, TABLE).unwrap();
    let text = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
    let mean = 8.5 / 3.0;
    assert!(text.contains(&format!("{mean}")), "{text}");
    assert!(serde_json::from_str::<Table>(&text.replace(&format!("{mean}"), "1e40")).is_err());
}

proptest! {
    /// Columns of numbers are the features of svm-light lines with the same text.
    #[test]
    fn numbers_are_those_of_svm_light_lines(
        rows in prop::collection::vec(prop::collection::vec("-?[0-9]{1,8}([.][0-9]{1,8})?(e-?[0-9])?", 4), 1..20),
        separator in "[,;\t]",
    ) {
        let mut text = ["a", "b", "c", "d", "y\n"].join(&separator);
        for row in &rows {
            text += &(row.join(&separator) + &separator + "1\n");
        }
        let (table, found, _) = learn(&[("label", "y")], &text).unwrap();
        prop_assert_eq!(names(&table), ["a", "b", "c", "d"]);
        for (row, (.., features)) in rows.iter().zip(found) {
            let line = format!("1 1:{} 2:{} 3:{} 4:{}", row[0], row[1], row[2], row[3]);
            let line = svmlight::parse_line(&line).unwrap().unwrap();
            let expected: Vec<_> = line.features.iter().map(|f| (f.index, f64::from(f.value))).collect();
            prop_assert_eq!(features, expected);
        }
    }
}
