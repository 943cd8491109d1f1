//! Just enough of Rust's syntax to tell code from comments and strings, and tests from the rest.

/// The text with every comment, string and character literal blanked; lines and byte offsets stay as they are.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        match literal_or_comment(&bytes[at..]) {
            0 => at += 1,
            length => {
                let end = (at + length).min(bytes.len());
                code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
                at = end;
            }
        }
    }
    String::from_utf8(code).expect("whole characters are blanked")
}

/// Whether `code` names `word` at `at`, rather than a longer word around it.
pub(crate) fn is_whole_word(code: &str, at: usize, word: &str) -> bool {
    let joins = |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
    let (before, after) = (&code[..at], &code[at + word.len()..]);
    !joins(before.chars().next_back(), word.chars().next()) && !joins(word.chars().next_back(), after.chars().next())
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The byte ranges of items that only tests compile: behind `#[cfg(test)]` or the feature test-support.
pub(crate) fn test_ranges(text: &str, code: &str) -> Vec<std::ops::Range<usize>> {
    let attributes = code.match_indices("#[cfg(").filter_map(|(start, _)| {
        let end = start + code[start..].find(']')?;
        let condition = &text[start..end];
        let for_tests = ["(test", " test", "\"test-support\""].iter().any(|word| condition.contains(word));
        (for_tests && !condition.contains("not(")).then_some((start, end))
    });
    attributes.map(|(start, end)| start..end + item_length(&code[end..])).collect()
}

/// Up to the `;` or past the block that ends the first item.
fn item_length(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The length of the literal or comment that `rest` begins with, or 0.
fn literal_or_comment(rest: &[u8]) -> usize {
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => 1 + up_to_quote(&rest[1..], b'"'),
        [b'r', ..] => raw_string(rest),
        [b'\'', b'\\', ..] => 1 + up_to_quote(&rest[1..], b'\''),
        [b'\'', first, ..] => {
            let quote = 1 + character_length(*first);
            if rest.get(quote) == Some(&b'\'') { quote + 1 } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn up_to_quote(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let opening = hashes + 2;
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = rest[opening..].windows(closing.len()).position(|window| window == closing);
    inside.map_or(rest.len(), |length| opening + length + closing.len())
}

fn character_length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[test]
fn comments_and_literals_are_blanked() {
    let kept = |text: &str| code_only(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(kept("a // b\nc /* d /* e */ f */ g"), "a c g");
    assert_eq!(kept(r##"a "b \" c" d r#"e " f"# g b"h" i"##), "a d g b i");
    assert_eq!(kept(r"x: &'a str, 'b', '\'', '\u{1F600}', 'é', 'c: loop"), "x: &'a str, , , , , 'c: loop");
    assert_eq!(code_only("é \"é\nü\" x").len(), "é \"é\nü\" x".len());
    assert_eq!(kept("\"never closed"), "");
}

#[test]
fn a_word_is_not_found_in_a_longer_one() {
    assert!(is_whole_word("use sqlx::x", 4, "sqlx"));
    assert!(!is_whole_word("use sqlx_core", 4, "sqlx"));
    assert!(is_whole_word("time::sleep(1)", 6, "sleep("));
    assert!(!is_whole_word("no_sleep(1)", 3, "sleep("));
}

#[test]
fn items_of_tests_are_told_from_the_rest() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { \"}\" } }\nfn c() {}\n#[cfg(any(test, feature = \"x\"))]\nmod d;\nfn e() {}\n#[cfg(not(test))]\nfn f() {}";
    let code = code_only(text);
    let of_tests: Vec<&str> = test_ranges(text, &code).into_iter().map(|range| &text[range]).collect();
    assert_eq!(of_tests.len(), 2);
    assert!(of_tests[0].ends_with("\"}\" } }"), "{}", of_tests[0]);
    assert!(of_tests[1].ends_with("mod d;"), "{}", of_tests[1]);
}
