//! [`Report`]: measures and tables that can be shown as text or as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

/// The result of an evaluation: named measures, then tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    measures: Vec<(String, f64)>,
    /// Which measures are counts.
    counts: Vec<bool>,
    tables: Vec<Table>,
    details: Vec<Table>,
    notes: Vec<String>,
}

/// A table of numbers with named columns and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name, for example `per_class`.
    pub name: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// From which column on the numbers are counts.
    pub counts_from: usize,
    /// Name and numbers of each row, one number a column.
    pub rows: Vec<(String, Vec<f64>)>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a measure. Summaries show the first one.
    pub fn measure(mut self, name: impl Into<String>, value: f64) -> Self {
        self.measures.push((name.into(), value));
        self.counts.push(false);
        self
    }

    /// Adds a number of things, or the sum of their weights.
    pub fn count(mut self, name: impl Into<String>, count: f64) -> Self {
        self.measures.push((name.into(), count));
        self.counts.push(true);
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a table for JSON only, such as one with a row for each example, too long for a screen.
    pub fn detail(mut self, table: Table) -> Self {
        self.details.push(table);
        self
    }

    /// Adds something to know about the measures, such as why one is missing. It is part of neither
    /// text nor JSON: `evaluate` gives it to its monitor.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The measures in the order they were added.
    pub fn measures(&self) -> &[(String, f64)] {
        &self.measures
    }

    /// The tables for text and JSON, in the order they were added.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The tables for JSON only, in the order they were added.
    pub fn details(&self) -> &[Table] {
        &self.details
    }

    /// The notes in the order they were added.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The value of a measure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// `{"measure": value, …, "table": {"columns": […], "rows": [{"name": …, "values": […]}, …]}, …}`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.measures {
            object.insert(name.clone(), json!(value));
        }
        for table in self.tables.iter().chain(&self.details) {
            let rows: Vec<Value> = table
                .rows
                .iter()
                .map(|(name, values)| json!({ "name": name, "values": values }))
                .collect();
            object.insert(table.name.clone(), json!({ "columns": table.columns, "rows": rows }));
        }
        Value::Object(object)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.measures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for ((name, value), is_count) in self.measures.iter().zip(&self.counts) {
            writeln!(f, "{name:width$}  {}", number(*value, *is_count))?;
        }
        for table in &self.tables {
            let name_width =
                table.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            let name_width = name_width.max(table.name.chars().count());
            let cell = |(at, value): (usize, &f64)| number(*value, at >= table.counts_from);
            let cells: Vec<Vec<String>> = table
                .rows
                .iter()
                .map(|(_, values)| values.iter().enumerate().map(cell).collect())
                .collect();
            let widths: Vec<usize> = (table.columns.iter().enumerate())
                .map(|(at, column)| {
                    let widest = cells
                        .iter()
                        .filter_map(|row| row.get(at))
                        .map(String::len)
                        .max()
                        .unwrap_or(0);
                    widest.max(column.chars().count())
                })
                .collect();
            write!(f, "\n{:name_width$}", table.name)?;
            for (column, width) in table.columns.iter().zip(&widths) {
                write!(f, "  {column:>width$}")?;
            }
            for ((name, _), row) in table.rows.iter().zip(&cells) {
                write!(f, "\n{name:name_width$}")?;
                for (cell, width) in row.iter().zip(&widths) {
                    write!(f, "  {cell:>width$}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Counts that are whole without decimals; all other numbers with four.
fn number(value: f64, is_count: bool) -> String {
    match is_count && value.fract() == 0.0 && value.abs() < 1e15 {
        true => format!("{value:.0}"),
        false => format!("{value:.4}"),
    }
}

/// The shortest text that reads back as the same number, for files that other programs read.
#[derive(Clone, Copy, Debug)]
pub struct Shortest(pub f64);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // −0 is 0.
        let value = self.0 + 0.0;
        match value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
            true => write!(f, "{value}"),
            false => write!(f, "{value:e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_as_counts_and_ratios_as_ratios() {
        let rows = vec![("a".to_owned(), vec![1.0, 1.0]), ("b".to_owned(), vec![0.0, 0.0])];
        let columns = ["recall", "support"].map(str::to_owned).to_vec();
        let report = Report::new().measure("error", 0.0).count("wrong", 1.0).table(Table {
            name: "per_tag".to_owned(),
            columns,
            counts_from: 1,
            rows,
        });
        let expected = "error  0.0000\nwrong  1\n\nper_tag  recall  support\na        1.0000        1\nb        0.0000        0\n";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn the_shortest_text_reads_back() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-1e-9, "-1e-9"),
            (2.5e-7, "2.5e-7"),
            (123_456.789, "123456.789"),
            (1e300, "1e300"),
        ] {
            assert_eq!(Shortest(value).to_string(), text);
            assert_eq!(text.parse::<f64>().unwrap(), value);
        }
    }

    #[test]
    fn details_are_for_json_alone() {
        let table = |name: &str| Table {
            name: name.to_owned(),
            columns: vec!["error".to_owned()],
            counts_from: 1,
            rows: vec![("1".to_owned(), vec![0.5])],
        };
        let report = Report::new().measure("error", 0.5).table(table("per_class"));
        let detailed = report.clone().detail(table("per_example"));
        assert_eq!(detailed.to_string(), report.to_string());
        assert_eq!((detailed.tables(), detailed.measures()), (report.tables(), report.measures()));
        assert_eq!(detailed.details(), [table("per_example")]);

        let shown = json!({ "columns": ["error"], "rows": [{ "name": "1", "values": [0.5] }] });
        assert_eq!(report.to_json(), json!({ "error": 0.5, "per_class": shown }));
        assert_eq!(
            detailed.to_json(),
            json!({ "error": 0.5, "per_class": shown, "per_example": shown })
        );
    }
}
