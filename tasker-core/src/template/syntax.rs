use saphyr_parser::ScanError;

use super::{
    fault::{Fault, FaultCode, Mark, Path},
    load::mark,
};

/// What a syntax error of the YAML parser means to the person who wrote the line.
///
/// The parser says which token it missed; the cause is nearly always one of a few slips that show in the line itself.
pub(super) fn fault(error: &ScanError, text: &str) -> Fault {
    let at = mark(*error.marker());
    // Where the parser stopped says little about where in the document that is.
    let path = Path::Top;
    if let Some(tab) = tab_near(text, at.line, error.info().contains("tab")) {
        let message = "a tab is used for indentation, which YAML does not allow";
        return Fault::new(FaultCode::TabIndentation, tab, path, message, "indent with spaces");
    }
    let message = format!("not valid YAML: {}", error.info());
    Fault::new(FaultCode::BadYaml, at, path, message, remedy(error.info(), text, at))
}

fn line_of(text: &str, line: u32) -> &str {
    text.lines().nth(line as usize - 1).unwrap_or_default()
}

/// A tab in the indentation of the line or of the one before it, or of the next where the parser speaks of a tab.
fn tab_near(text: &str, line: u32, tab_met: bool) -> Option<Mark> {
    let next = if tab_met { line + 1 } else { line };
    [line, line.saturating_sub(1), next].into_iter().filter(|line| *line > 0).find_map(|line| {
        let content = line_of(text, line);
        let indentation = content.chars().take_while(|c| c.is_whitespace());
        let column = indentation.enumerate().find(|(_, c)| *c == '\t')?.0;
        Some(Mark { line, column: u32::try_from(column + 1).unwrap_or(u32::MAX) })
    })
}

fn remedy(info: &str, text: &str, at: Mark) -> &'static str {
    let line = line_of(text, at.line);
    let before: String = line.chars().take(at.column as usize - 1).collect();
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
    if info.contains("anchor") {
        "define the anchor with `&name` above the place where `*name` uses it"
    } else if info.contains("flow") {
        "close every bracket and brace, and separate items with commas"
    } else if info.contains("quote") {
        "close the quote, and escape quotes within it"
    } else if info.contains("mapping values") && !before.contains(": ") {
        "put a space after the colon in the line above: `name: value`"
    } else if info.contains("mapping values") || value.starts_with(['@', '`', '%', '*', '&', '!']) {
        "quote the value: it holds characters that mean something in YAML"
    } else {
        "begin this line in the same column as its neighbours, and put a space after each `:` and `-`"
    }
}
