//! [`Grid`]: a table of texts, as plain text and as Markdown.

use serde::{Deserialize, Serialize};

/// A table: what its columns are called, and its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; what is missing at its end is empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What the columns are called.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows; cells at their ends may lack.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// The cell of a row in the column called `column`, unless it is empty.
    pub fn cell<'g>(&self, row: &'g [String], column: &str) -> Option<&'g str> {
        let at = self.columns.iter().position(|name| name == column)?;
        row.get(at).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// The columns that say something in at least one row.
    fn used(&self) -> Vec<usize> {
        let says = |at: usize| {
            self.rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()))
        };
        (0..self.columns.len()).filter(|&at| says(at)).collect()
    }

    /// Aligned columns: the first to the left, the others to the right.
    pub fn text(&self) -> String {
        let used = self.used();
        let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
        let lines: Vec<&Vec<String>> = std::iter::once(&self.columns).chain(&self.rows).collect();
        let width =
            |at: usize| lines.iter().map(|row| cell(row, at).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = used.iter().map(|&at| width(at)).collect();
        let mut text = String::new();
        for row in lines {
            let mut line = String::new();
            for (&at, &width) in used.iter().zip(&widths) {
                let cell = cell(row, at);
                line +=
                    &if at == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let used = self.used();
        let line = |row: &[String]| {
            let cells: Vec<String> = used
                .iter()
                .map(|&at| row.get(at).map_or(String::new(), |cell| cell.replace('|', "\\|")))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<&str> = used.iter().map(|&at| if at == 0 { "---" } else { "---:" }).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}| {} |\n{rows}", line(&self.columns), rule.join(" | "))
    }
}

/// Seconds with three figures that count.
pub fn seconds(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// Bytes in millions.
pub fn megabytes(bytes: f64) -> String {
    let value = bytes / 1e6;
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A relative distance: `1.2e-4`, `0` for none.
pub fn relative(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// A value of an objective with eight figures.
pub fn objective(value: f64) -> String {
    let whole = value.abs().log10().floor().max(0.0);
    format!("{value:.*}", (7.0 - whole).max(0.0) as usize)
}

/// How many times: two figures that count.
pub fn times(value: f64) -> String {
    match value {
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut grid = Grid::new(["who", "s", "nothing", "test"]);
        grid.row(vec!["a|b".to_owned(), "1.00".to_owned(), String::new(), "0.5".to_owned()]);
        grid.row(vec!["c".to_owned(), "10.0".to_owned()]);
        assert_eq!(grid.text(), "who     s  test\na|b  1.00   0.5\nc    10.0\n");
        let expected =
            "| who | s | test |\n| --- | ---: | ---: |\n| a\\|b | 1.00 | 0.5 |\n| c | 10.0 |  |\n";
        assert_eq!(grid.markdown(), expected);
    }

    #[test]
    fn numbers() {
        assert_eq!([123.4, 12.34, 1.234, 0.1234].map(seconds), ["123", "12.3", "1.23", "0.123"]);
        assert_eq!([12.0, 1.23, 0.123, 0.0123].map(times), ["12", "1.2", "0.12", "0.0123"]);
        assert_eq!(
            [0.0, 0.2, 1807.22665, 1e9].map(objective),
            ["0.0000000", "0.2000000", "1807.2267", "1000000000"]
        );
        assert_eq!([0.0, 1.23e-4].map(relative), ["0", "1.2e-4"]);
        assert_eq!([1.5e6, 42.4e6].map(megabytes), ["1.5", "42"]);
    }
}
