//! [`Report`]: measures and tables that can be shown as text or as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

/// What an evaluation found: named measures, then tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    measures: Vec<(String, f64)>,
    tables: Vec<Table>,
}

/// A table of numbers with named columns and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name, `per_class` say.
    pub name: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Each row's name and its numbers, one a column.
    pub rows: Vec<(String, Vec<f64>)>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a measure. The first is the one shown in summaries.
    pub fn measure(mut self, name: impl Into<String>, value: f64) -> Self {
        self.measures.push((name.into(), value));
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// The measures in the order they were added.
    pub fn measures(&self) -> &[(String, f64)] {
        &self.measures
    }

    /// The tables in the order they were added.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The value of a measure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// `{"measure": value, …, "table": {"columns": […], "rows": {"name": […]}}}`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.measures {
            object.insert(name.clone(), json!(value));
        }
        for table in &self.tables {
            let rows: Vec<Value> =
                table.rows.iter().map(|(name, values)| json!({ "name": name, "values": values })).collect();
            object.insert(table.name.clone(), json!({ "columns": table.columns, "rows": rows }));
        }
        Value::Object(object)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.measures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.measures {
            writeln!(f, "{name:width$}  {}", number(*value))?;
        }
        for table in &self.tables {
            let name_width = table.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            let name_width = name_width.max(table.name.chars().count());
            let cells: Vec<Vec<String>> =
                table.rows.iter().map(|(_, values)| values.iter().map(|value| number(*value)).collect()).collect();
            let widths: Vec<usize> = (table.columns.iter().enumerate())
                .map(|(at, column)| {
                    let widest = cells.iter().filter_map(|row| row.get(at)).map(String::len).max().unwrap_or(0);
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

/// Counts as counts, everything else with four decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() >= 2.0 && value.abs() < 1e15 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}
