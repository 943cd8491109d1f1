//! Tables for people: columns as wide as they need, cut to the terminal; plain in a pipe.

use crate::{output::Output, style::Tone};

/// Rows under a heading.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Tone)>>,
}

struct Column {
    title: &'static str,
    /// Numbers stand below each other at their right ends.
    is_right: bool,
}

impl Table {
    /// A title that begins with `>` has its column aligned to the right.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let column = |title: &&'static str| match title.strip_prefix('>') {
            Some(title) => Column { title, is_right: true },
            None => Column { title, is_right: false },
        };
        Self { columns: titles.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row, of as many cells as there are columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [(String, Tone); N]) {
        self.rows.push(cells.into());
    }

    /// Prints the table to people.
    pub(crate) fn print(&self, output: &Output) {
        if self.rows.is_empty() {
            return;
        }
        let titles: Vec<_> = self.columns.iter().map(|column| (column.title.to_owned(), Tone::Dim)).collect();
        let widths = self.widths(&titles);
        for row in std::iter::once(&titles).chain(&self.rows) {
            output.line(&self.line(row, &widths, output));
        }
    }

    fn widths(&self, titles: &[(String, Tone)]) -> Vec<usize> {
        let width = |at: usize| {
            let cells = self.rows.iter().map(|row| &row[at]).chain([&titles[at]]);
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
        };
        (0..self.columns.len()).map(width).collect()
    }

    fn line(&self, row: &[(String, Tone)], widths: &[usize], output: &Output) -> String {
        let mut left = output.width();
        let mut line = String::new();
        for (at, ((text, tone), width)) in row.iter().zip(widths).enumerate() {
            let gap = if at == 0 { 0 } else { 2 };
            if left <= gap {
                break;
            }
            let is_last = at + 1 == row.len();
            let padded = match (self.columns[at].is_right, is_last) {
                (true, _) => format!("{text:>width$}"),
                (false, true) => text.clone(),
                (false, false) => format!("{text:width$}"),
            };
            let shown = cut(&padded, left - gap);
            left -= gap + shown.chars().count();
            line.push_str(&" ".repeat(gap));
            line.push_str(&output.paint(&shown, *tone));
        }
        line.trim_end().to_owned()
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["NAME", ">STEPS", "ABOUT"]);
        table.row([("a".to_owned(), Tone::Bad), ("10".to_owned(), Tone::Plain), ("x".to_owned(), Tone::Plain)]);
        table.row([("länger".to_owned(), Tone::Plain), ("7".to_owned(), Tone::Plain), (String::new(), Tone::Plain)]);
        let titles: Vec<_> = table.columns.iter().map(|column| (column.title.to_owned(), Tone::Dim)).collect();
        let widths = table.widths(&titles);
        let output = Output::new(Format::Human);
        let lines: Vec<_> = table.rows.iter().map(|row| table.line(row, &widths, &output)).collect();
        assert_eq!(lines, ["a          10  x", "länger      7"]);
        assert_eq!(cut("länger", 4), "län…");
    }
}
